"""`--slurm`: jobs that share the folds of a plan, instead of training them here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmark.cli.shared.terminal import json_text
from benchmark.harness.cluster import ClusterOptions, read_options, submit, without_options
from benchmark.harness.plan import Plan
from benchmark.results.store import Store
from datasets.errors import InputError


def cluster_options(slurm: int | None, file: Path | None) -> ClusterOptions | None:
    """What each job asks for; None where none is to be submitted. Raises InputError for a file that is wrong or for nothing."""
    if slurm is None:
        if file:
            raise InputError("--cluster says what jobs ask for; say with --slurm how many there are")
        return None
    return read_options(file) if file else ClusterOptions()


def device_of_jobs(device: str, options: ClusterOptions) -> str:
    """The device that the jobs will choose, which this machine need not have."""
    return device if device != "auto" else "cuda" if options.gpus else "cpu"


def submit_workers(plan: Plan, store: Store, workers: int, options: ClusterOptions, as_json: bool) -> None:
    """Submit a job a worker, of the command line without `--slurm`, and print their names."""
    if not plan.todo:
        print(json.dumps({"jobs": []}) if as_json else "nothing is left to do")
        return
    arguments = [text for text in without_options(sys.argv[1:], "--slurm", "--cluster") if text != "--json"]
    found = submit(store.root, arguments, min(workers, len(plan.todo)), options, len(plan.todo))
    out = store.root
    if as_json:
        print(json_text(found.model_dump(mode="json")))
        return
    print(f"submitted: {', '.join(found.jobs)}")
    print(f"who works on what: python -m benchmark jobs --out {out}\ncancel: python -m benchmark jobs --out {out} --cancel")
