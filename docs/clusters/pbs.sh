#!/usr/bin/env bash
#PBS -N crystal-benchmark
#PBS -r y
#PBS -l select=1:ncpus=1:mem=8gb,walltime=04:00:00
# Eight workers: for n in {1..8}; do qsub -v RUN="run --all --out /shared/runs" pbs.sh; done
cd "$PBS_O_WORKDIR" || exit 1
# shellcheck disable=SC2086
timeout --preserve-status --signal=TERM 235m python -m benchmark $RUN
# 143: its time was over; the rest is for the next turn.
[ $? != 143 ] || qsub -v RUN="$RUN" pbs.sh
