"""Kills and stops of single processes that train folds: the section "Killed processes"."""

from __future__ import annotations

import argparse
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

from benchmark.harness.execution import LeaseLost, execute
from benchmark.harness.job import Job
from benchmark.harness.leases import Leases
from benchmark.harness.outcome import prepared
from benchmark.harness.stopping import Stopping
from benchmark.results.store import Store
from models.resume import TrainingStopped
from tests.benchmark.harness.constructed import make_jobs
from tests.interruptions.plan import CRYSTALS, FOLDS, Counts, checkpoints_of, compare, counted_part, results
from tests.reliability.page import Part


def processes(options: argparse.Namespace, folder: Path) -> tuple[Part, int]:
    """One process after another works on the folds of a plan, with a lease and checkpoints, and is killed or stopped."""
    import torch

    torch.set_num_threads(1)
    draw, counts, started, resumed, whole = random.Random(options.seed), Counts(), time.monotonic(), 0, 0
    left = ["kill -9"] * options.kills + ["SIGTERM"] * options.terms
    draw.shuffle(left)
    alone = folder / "alone"
    for job in _jobs(folder, options.epochs):
        prepared(job.task, job.model, job.settings, job.device)  # once, for all the processes
        os.waitpid(_forked(job, alone), 0)
    reference, _ = results(alone)
    while left:
        root = folder / f"processes-{whole}"
        for job in _jobs(folder, options.epochs):
            code = 1
            while code:
                before = checkpoints_of(root)
                child, what = _forked(job, root), left[-1] if left else ""
                # A few before the first step, the others in the midst of the training.
                while what and draw.random() > 0.02 and checkpoints_of(root) == before and not _has_ended(child):
                    time.sleep(0.05)
                time.sleep(draw.uniform(0, options.longest / 10) if what else 0)
                with suppress(ProcessLookupError):
                    if what:
                        os.kill(child, signal.SIGKILL if what == "kill -9" else signal.SIGTERM)
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                if what and code == {"kill -9": -9, "SIGTERM": 143}[what]:
                    counts.done[left.pop()] += 1
                elif code:
                    counts.wrong["processes that failed"] += 1
        resumed += sum(record.resumed or 0 for record in compare(counts, root, reference))
        whole += 1
        print(f"{whole} plans, {len(left)} to go, {dict(counts.wrong)}", flush=True)
    text = (
        f"{FOLDS} folds of CGCNN, {options.epochs} epochs each, on {CRYSTALS} crystals. A process claims a fold and trains it "
        "with a checkpoint a step; it is killed or stopped at a random moment, and the next one goes on. Of a whole plan the "
        "predictions are compared with those of processes that nothing disturbed, bit for bit."
    )
    went_on = {"plans that were finished": whole, "times that a fold went on from a checkpoint": resumed}
    return counted_part("Killed processes", text, counts, went_on, time.monotonic() - started, options.seed)


def _has_ended(child: int) -> bool:
    return psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def _jobs(folder: Path, epochs: int) -> tuple[Job, ...]:
    return make_jobs(folder / "mine", folds=FOLDS, epochs=str(epochs))


def _forked(job: Job, root: Path) -> int:
    """A process that carries out a job; it exits with 143 where its training was stopped, 0 where it has its record."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        asked: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
        store, key = Store(root), job.key(job.task.whole().content_hash)
        with Leases(root) as leases:
            lease = leases.claim(key, store.path(key))
            assert lease, "the lease of a killed process is free at once"
            execute(job, store, lease=lease, stopping=Stopping(0.0, lambda: bool(asked)))
        code = 0
    except LeaseLost:  # it has its record already
        code = 0
    except TrainingStopped:
        code = 143
    finally:
        os._exit(code)
