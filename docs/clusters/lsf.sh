#!/usr/bin/env bash
#BSUB -J crystal-benchmark[1-8]
#BSUB -n 1
#BSUB -R "rusage[mem=8GB]"
#BSUB -W 4:00
#BSUB -r
#BSUB -Q "143"
#BSUB -o worker-%J_%I.log
# RUN="run --all --out /shared/runs" bsub -env all < lsf.sh; LSF queues a job that exits with 143 again (-Q)
# shellcheck disable=SC2086
timeout --preserve-status --signal=TERM 235m python -m benchmark $RUN
