#!/usr/bin/env bash
# Eight workers on the machines of a file, one ssh name a line, that share the working directory:
#   parallel.sh machines run --all --out /shared/runs
machines=$1; shift
printf -v command '%q ' python -m benchmark "$@"
seq 8 | parallel -N0 --jobs 1 --wd . --sshloginfile "$machines" --line-buffer "$command"
