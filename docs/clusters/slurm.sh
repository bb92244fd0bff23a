#!/usr/bin/env bash
#SBATCH --job-name=crystal-benchmark --array=0-7 --time=04:00:00 --cpus-per-task=1 --mem=8G --requeue
#SBATCH --signal=B:TERM@120 --open-mode=append --output=worker-%A_%a.log
# Without submitit: sbatch slurm.sh run --all --out /shared/runs
python -m benchmark "$@" & run=$!
trap 'kill -TERM $run' TERM
wait $run; code=$?
while kill -0 $run 2> /dev/null; do wait $run; code=$?; done
# 143: its time was over; the rest is for the next turn.
[ $code != 143 ] || scontrol requeue "$SLURM_JOB_ID"
