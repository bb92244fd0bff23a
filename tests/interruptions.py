"""`python -m tests.interruptions`: kills, stops and shares runs of one plan, and compares them with an undisturbed run.

Writes the sections "Killed processes", "Interruptions" and "Shared stores" of `reports/reliability.md`; exits with 1 where
anything went wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmark.harness.execution import LeaseLost, execute
from benchmark.harness.job import Job
from benchmark.harness.leases import Leases
from benchmark.harness.outcome import prepared
from benchmark.harness.stopping import Stopping
from benchmark.results.records import Record
from benchmark.results.store import Store
from datasets.errors import BenchmarkError
from models.resume import TrainingStopped
from tests.benchmark.conftest import command, environment, write_folder
from tests.benchmark.harness.constructed import make_jobs
from tests.reliability.page import Part, write_page, write_part

CRYSTALS, FOLDS = 30, 4

OTHER_HOST = """
import os, socket, time
shift, there = float(os.environ["TEST_CLOCK"]), os.readlink
clock, nanoseconds = time.time, time.time_ns
time.time = lambda: clock() + shift
time.time_ns = lambda: nanoseconds() + int(shift * 1e9)
socket.gethostname = lambda: os.environ["TEST_HOST"]
def readlink(path, *arguments, **named):
    if str(path).startswith("/proc/self/ns"):
        raise OSError("this process is of another machine")
    return there(path, *arguments, **named)
os.readlink = readlink
"""
"""A process whose name space nobody knows: whether it lives, only its beats tell. Its clock is `TEST_CLOCK` seconds off."""


@dataclass
class Counts:
    """What was done and what was wrong afterwards."""

    done: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)


def plan_of(folder: Path, epochs: int) -> list[object]:
    plan = ["run", "--dataset", folder, "--profile", "smoke", "--model", "cgcnn", "--set", f"epochs={epochs}"]
    return [*plan, "--folds", FOLDS, "--workers", 1, "--checkpoint-every", 0.01]


def start(arguments: Sequence[object], cwd: Path, variables: Mapping[str, str] = {}) -> subprocess.Popen[str]:
    env = environment(OMP_NUM_THREADS="1", **variables)
    out = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command(arguments), cwd=cwd, env=env, **out)  # type: ignore[call-overload, no-any-return]


def results(root: Path) -> tuple[dict[str, list[float]], list[Record]]:
    """Predictions of every fold by its key, and the records. Raises BenchmarkError where one is damaged."""
    store = Store(root)
    records = list(store.records())
    return {f"{r.key.model} {r.key.fold}": store.predictions(r).predictions.tolist() for r in records}, records


def compare(counts: Counts, root: Path, reference: Mapping[str, list[float]]) -> list[Record]:
    """Count what a finished store has that an undisturbed one has not."""
    try:
        found, records = results(root)
    except BenchmarkError as error:
        print(error)
        counts.wrong["damaged records"] += 1
        return []
    counts.wrong["lost records"] += len(reference.keys() - found.keys())
    counts.wrong["predictions that differ"] += sum(found[name] != reference[name] for name in found.keys() & reference.keys())
    left = [path for path in root.rglob("*") if ".partial" in path.name or path.suffix == ".unfinished"]
    counts.wrong["files left over"] += len(left) + len(list((root / "leases").glob("*")))
    return records


def interrupt(process: subprocess.Popen[str], what: str, delay: float) -> str:
    """Kill or stop a run, or kill its worker, after so many seconds of its worker's life; says what came of it."""
    worker = None
    while worker is None and process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(process.pid).children()
            worker = next((child for child in children if "spawn_main" in " ".join(child.cmdline())), None)
        time.sleep(0.05)
    deadline = time.monotonic() + delay
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    if process.poll() is not None or worker is None:
        return "ended before"
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        if what == "kill -9 of a worker":
            worker.kill()
        else:
            process.send_signal(signal.SIGTERM if what == "SIGTERM" else signal.SIGKILL)
        return what
    return "ended before"


def interruptions(options: argparse.Namespace, folder: Path, reference: Mapping[str, list[float]]) -> tuple[Part, int]:
    """Random kills and stops of one plan after another, each compared when it is whole."""
    draw, counts, started, resumed, whole = random.Random(options.seed), Counts(), time.monotonic(), 0, 0
    left = ["kill -9 of the run"] * (options.kills - options.kills // 2) + ["SIGTERM"] * options.terms
    left += ["kill -9 of a worker"] * (options.kills // 2)
    draw.shuffle(left)
    while left:
        root = folder / f"runs-{whole}"
        arguments = [*plan_of(folder / "mine", options.epochs), "--out", root]
        code = 1
        while code:
            process = start(arguments, folder)
            happened = interrupt(process, left[-1], draw.uniform(2.0, options.longest)) if left else "nothing"
            _, errors = process.communicate(timeout=3600)
            code = process.returncode
            if happened in left[-1:]:
                counts.done[left.pop()] += 1
                counts.wrong["SIGTERM not ended in one line, exit 143"] += happened == "SIGTERM" and not _tidy(code, errors)
                print(f"{happened}: exit {code}, {len(left)} to go", flush=True)
        resumed += sum(record.resumed or 0 for record in compare(counts, root, reference))
        whole += 1
    text = (
        f"Runs of {FOLDS} folds of CGCNN, {options.epochs} epochs each, on {CRYSTALS} crystals, killed or stopped at random "
        "moments and started again until the plan is whole; its predictions are then compared with those of a run that nothing "
        "disturbed, bit for bit."
    )
    went_on = {"plans that were finished": whole, "folds that went on from a checkpoint": resumed}
    return _counted("Interruptions", text, counts, went_on, time.monotonic() - started, options.seed)


def _counted(title: str, text: str, counts: Counts, went_on: Mapping[str, int], seconds: float, seed: int) -> tuple[Part, int]:
    """A section with one table of counts, and how much went wrong."""
    counted = [*sorted(counts.done.items()), *went_on.items(), *sorted(counts.wrong.items())]
    rows = [[name, str(number)] for name, number in counted]
    return Part(title, text, [("", ["what", "count"], rows)], _command(), seconds, seed), sum(counts.wrong.values())


def _tidy(code: int, errors: str) -> bool:
    return code == 143 and errors.count("error: ") == 1 and "Traceback" not in errors


def shared(options: argparse.Namespace, folder: Path, reference: Mapping[str, list[float]]) -> tuple[Part, int]:
    """One, two and four runs at once; two hosts whose clocks differ; a lease that is taken over."""
    counts, started, rows, alone = Counts(), time.monotonic(), [], 0.0
    for runs in (1, 2, 4):
        seconds = _at_once(counts, folder, f"at-once-{runs}", [{}] * runs, options, reference)
        alone = alone or seconds
        rows.append([f"{runs} at once", f"{seconds:.0f}", f"{alone / seconds:.2f}"])
    hosts = _hosts(folder)
    rows.append(["2 hosts, clocks 10 min apart", f"{_at_once(counts, folder, 'hosts', hosts, options, reference):.0f}", ""])
    rows.append(["1 of 2 hosts killed", f"{_takeover(counts, folder, hosts, options, reference):.0f}", ""])
    wrong = [[name, str(number)] for name, number in sorted(counts.wrong.items())]
    text = (
        f"The same plan by several `run` processes on one store, on {os.cpu_count()} cores that other work may share. The last "
        "row: the owner of a fold on another host is killed; the other run takes the fold over when its lease is stale (60 s)."
    )
    tables = [("", ["runs", "s", "speed-up"], rows), ("", ["what went wrong", "count"], wrong)]
    return Part("Shared stores", text, tables, _command(), time.monotonic() - started), sum(counts.wrong.values())


def processes(options: argparse.Namespace, folder: Path, _: Mapping[str, list[float]]) -> tuple[Part, int]:
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
                before = _version(root)
                child, what = _forked(job, root), left[-1] if left else ""
                # A few before the first step, the others in the midst of the training.
                while what and draw.random() > 0.02 and _version(root) == before and not _has_ended(child):
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
    return _counted("Killed processes", text, counts, went_on, time.monotonic() - started, options.seed)


def _version(root: Path) -> set[tuple[str, int]]:
    """The checkpoints of a store, as they are now."""
    found = set()
    for path in root.rglob("*.unfinished"):
        with suppress(FileNotFoundError):  # its fold has just ended
            found.add((path.name, path.stat().st_mtime_ns))
    return found


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


def _hosts(folder: Path) -> list[dict[str, str]]:
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(OTHER_HOST)
    paths = os.pathsep.join([str(folder / "site"), environment()["PYTHONPATH"]])
    return [{"PYTHONPATH": paths, "TEST_CLOCK": shift, "TEST_HOST": f"host{shift}"} for shift in ("0", "-600")]


def _own(errors: str) -> list[str]:
    """The folds that a run has computed itself."""
    lines = [line for line in errors.splitlines() if ": test MAE" in line and "by another run" not in line]
    return [line.partition(": test")[0] for line in lines]


def _at_once(
    counts: Counts, folder: Path, name: str, hosts: Sequence[Mapping[str, str]], options: argparse.Namespace,
    reference: Mapping[str, list[float]],
) -> float:  # fmt: skip
    begin = time.monotonic()
    arguments = [*plan_of(folder / "mine", options.epochs), "--out", folder / name]
    processes = [start(arguments, folder, host) for host in hosts]
    told = [process.communicate(timeout=3600)[1] for process in processes]
    seconds = time.monotonic() - begin
    computed = Counter(fold for errors in told for fold in _own(errors))
    counts.wrong["folds computed more than once"] += sum(number > 1 for number in computed.values())
    counts.wrong["runs that failed"] += sum(process.returncode != 0 for process in processes)
    compare(counts, folder / name, reference)
    print(f"{name}: {seconds:.0f} s, {dict(computed)}", flush=True)
    return seconds


def _takeover(
    counts: Counts, folder: Path, hosts: Sequence[Mapping[str, str]], options: argparse.Namespace,
    reference: Mapping[str, list[float]],
) -> float:  # fmt: skip
    """Kill one host in the middle of a fold; returns how long the other one then took for the whole rest."""
    root = folder / "takeover"
    arguments = [*plan_of(folder / "mine", options.epochs), "--out", root]
    owner = start(arguments, folder, hosts[1])
    while not list(root.rglob("*.unfinished")) and owner.poll() is None:
        time.sleep(0.02)
    owner.kill()
    begin = time.monotonic()
    owner.communicate()
    other = start(arguments, folder, hosts[0])
    other.communicate(timeout=3600)
    counts.wrong["runs that failed"] += other.returncode != 0
    compare(counts, root, reference)
    return time.monotonic() - begin


def _command() -> str:
    return shlex.join(["python", "-m", "tests.interruptions", *sys.argv[1:]])


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how many times kill -9, of the run and of its worker by turns")
    parser.add_argument("--terms", type=int, default=20, help="how many times SIGTERM")
    parser.add_argument("--epochs", type=int, default=150, help="of each fold")
    parser.add_argument("--longest", type=float, default=12.0, help="longest life of a worker in seconds before it is killed")
    parser.add_argument("--seed", type=int, default=0, help="what the moments are a function of")
    parser.add_argument("--only", choices=["interruptions", "processes", "shared"], help="only this section")
    parser.add_argument("--out", type=Path, default=Path("reports/reliability"), help="where the results of each part are kept")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BENCHMARK_CACHE"] = f"{name}/cache"
        write_folder(folder / "mine", CRYSTALS)
        arguments = [*plan_of(folder / "mine", options.epochs), "--out", folder / "undisturbed"]
        reference: dict[str, list[float]] = {}
        if options.only != "processes":
            subprocess.run(
                command(arguments), cwd=folder, env=environment(OMP_NUM_THREADS="1"), check=True, capture_output=True
            )
            reference, _ = results(folder / "undisturbed")
        for part, make in (("processes", processes), ("interruptions", interruptions), ("shared", shared)):
            if options.only in (None, part):
                made, bad = make(options, folder, reference)
                write_part(options.out, part, made)
                wrong += bad
    print(f"{write_page(options.out)}: {wrong} went wrong")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
