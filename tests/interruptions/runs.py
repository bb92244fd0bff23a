"""Kills and stops of `run`, of its worker too: the section "Interruptions"."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import psutil

from benchmark.cli.main import main as main_of_benchmark
from tests.interruptions.plan import CRYSTALS, FOLDS, Counts, checkpoints_of, compare, counted_part, plan_of, results
from tests.reliability.page import Part

WORKER = "kill -9 of a worker"
FORK = multiprocessing.get_context("fork")


def _forking() -> SimpleNamespace:
    """For `multiprocessing`'s context: a worker is forked from its run, whose libraries are loaded, and no new interpreter."""
    ours: list[Connection] = []

    def pipe() -> tuple[Connection, Connection]:
        both = multiprocessing.Pipe()
        ours.append(both[0])
        return both

    def process(target: Callable[..., None], args: tuple[object, ...]) -> BaseProcess:
        def work() -> None:
            for end in ours:  # a new interpreter would not have them
                end.close()
            target(*args)

        return FORK.Process(target=work)

    return SimpleNamespace(Pipe=pipe, Process=process)


def _run(arguments: Sequence[object], folder: Path, log: Path) -> None:
    """What `python -m benchmark …` does, in this process, which was forked for it; its output goes to a file."""
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.chdir(folder)
    sys.argv = ["benchmark", *map(str, arguments)]
    multiprocessing.get_context = lambda method=None: _forking()  # type: ignore[assignment, return-value]
    main_of_benchmark()


def interrupt(run: BaseProcess, what: str, root: Path, draw: random.Random, longest: float) -> bool:
    """Kill or stop a run, or kill its worker, at a random moment of a fold; False where the run ended before.

    One in five while the worker starts, the others after the next checkpoint in the store at `root`.
    """
    worker, before = None, checkpoints_of(root)
    starting, delay = draw.random() < 0.2, draw.uniform(0, longest)
    while run.is_alive() and (worker is None or (not starting and checkpoints_of(root) <= before)):
        worker = worker or _worker_of(run)
        time.sleep(0.01)
    deadline = time.monotonic() + delay
    while run.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    if not run.is_alive() or worker is None or not worker.is_running():
        return False
    try:
        if what == WORKER:
            worker.kill()
        else:
            os.kill(run.pid or 0, signal.SIGTERM if what == "SIGTERM" else signal.SIGKILL)
        return True
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


def _worker_of(run: BaseProcess) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(run.pid).children():
            if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline()):
                return child
    return None


def interruptions(options: argparse.Namespace, folder: Path) -> tuple[Part, int]:
    """Random kills and stops of one plan after another; all are compared when the last one is whole."""
    draw, counts, started, roots = random.Random(options.seed), Counts(), time.monotonic(), list[Path]()
    left = ["kill -9 of the run"] * (options.kills - options.kills // 2) + ["SIGTERM"] * options.terms
    left += [WORKER] * (options.kills // 2)
    draw.shuffle(left)
    log, alone = folder / "log", folder / "alone"
    _begun([*plan_of(folder / "mine", options.epochs), "--out", alone], folder, log).join()
    while left:
        roots.append(folder / f"runs-{len(roots)}")
        code: int | None = 1
        while code:
            run, happened = _begun([*plan_of(folder / "mine", options.epochs), "--out", roots[-1]], folder, log), ""
            # A run survives the death of its worker, so that more may happen to it.
            while left and happened in ("", WORKER) and interrupt(run, left[-1], roots[-1], draw, options.longest):
                happened = left.pop()
                counts.done[happened] += 1
            run.join()
            code = run.exitcode
            counts.wrong["SIGTERM not ended in one line, exit 143"] += happened == "SIGTERM" and not _tidy(
                code, log.read_text()
            )
            print(f"{happened}: exit {code}, {len(left)} to go", flush=True)
    reference, _ = results(alone)
    resumed = sum(record.resumed or 0 for root in roots for record in compare(counts, root, reference))
    text = (
        f"Runs of {FOLDS} folds of CGCNN, {options.epochs} epochs each, on {CRYSTALS} crystals, killed or stopped at random "
        "moments and started again until the plan is whole; its predictions are then compared with those of a run that nothing "
        "disturbed, bit for bit. Runs and workers are forked from a process that has loaded the libraries, so that they start "
        "at once; they do what `python -m benchmark run` does."
    )
    went_on = {"plans that were finished": len(roots), "times that a fold went on from a checkpoint": resumed}
    return counted_part("Interruptions", text, counts, went_on, time.monotonic() - started, options.seed)


def _begun(arguments: Sequence[object], folder: Path, log: Path) -> BaseProcess:
    run = FORK.Process(target=_run, args=(arguments, folder, log))
    run.start()
    return run


def _tidy(code: int | None, errors: str) -> bool:
    return code == 143 and errors.count("error: ") == 1 and "Traceback" not in errors
