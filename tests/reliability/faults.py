"""Hard faults of the system, each made as often as it says: `FAULTS`, a function each that gets an empty folder."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.results.store import Store
from tests.benchmark.conftest import command, environment, write_folder
from tests.hostile.submissions import good_store

LIMIT = 300.0
"""Seconds on the clock; a fold of these runs takes one or two."""

MEMORY_STEPS = 18
"""Limits of the address space that are tried, from too little to start to enough to end."""


@dataclass
class Found:
    """How the tries of a fault ended."""

    note: str
    """What is expected."""
    tries: int = 0
    as_expected: int = 0
    hangs: int = 0
    tracebacks: int = 0
    odd: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """Tries that ended otherwise."""
        return self.tries - self.as_expected

    def add(self, ended: Ended, expected: bool) -> None:
        """Count a try; one with a traceback is never as expected."""
        self.tries += 1
        self.hangs += ended.hung
        self.tracebacks += "Traceback" in ended.err + ended.out
        good = expected and not ended.hung and "Traceback" not in ended.err + ended.out
        self.as_expected += good
        if not good:
            print(f"  {ended.code}: {ended.err[-1500:]!r} {ended.out[-300:]!r}", flush=True)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    hung: bool

    @property
    def line(self) -> str:
        """The last on stderr."""
        return (self.err.strip().splitlines() or [""])[-1]


FAULTS: dict[str, Callable[[Path], Found]] = {}


def _fault(name: str) -> Callable[[Callable[[Path], Found]], Callable[[Path], Found]]:
    def register(fault: Callable[[Path], Found]) -> Callable[[Path], Found]:
        FAULTS[name] = fault
        return fault

    return register


def ended(arguments: Sequence[object], folder: Path, before: Callable[[], None] | None = None, **variables: str) -> Ended:
    """Run a command in a folder, with its own cache, to its end or to the limit."""
    env = environment(BENCHMARK_CACHE=str(folder / "cache"), OMP_NUM_THREADS="1", **variables)
    process = subprocess.Popen(
        command(arguments), cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        preexec_fn=before, start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=LIMIT)
        return Ended(process.returncode, out, err, False)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return Ended(-9, out, err, True)


def run_of(folder: Path, model: str = "dummy", *more: object) -> list[object]:
    """A run of two folds on a small set."""
    own = folder / "mine"
    if not own.exists():
        write_folder(own, 30)
    return ["run", "--dataset", own, "--model", model, "--profile", "smoke", "--folds", "2", "--workers", "1", *more]


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[bool]:
    """A file system of that size at `place`; False where only a superuser could make one."""
    place.mkdir(exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, check=False)
    try:
        yield made.returncode == 0
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "-l", place], check=False)


@_fault("a full temporary directory")
def full_temporary_directory(folder: Path) -> Found:
    """Where a checkpoint used to be written only to be measured."""
    found = Found("every fold is complete: no model fails for it")
    with small_disk(folder / "tmp", "64k") as made:
        if made:
            _fill(folder / "tmp" / "full")
        for model in ("dummy", "cgcnn", "soap-svr") if made else ():
            done = ended(run_of(folder, model, "--out", folder / model), folder, TMPDIR=str(folder / "tmp"))
            records = list(Store(folder / model).records())
            found.add(done, done.code == 0 and [r.status for r in records] == ["complete"] * 2)
    return found


def _fill(path: Path) -> None:
    with path.open("wb", 0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@_fault("a full store")
def full_store(folder: Path) -> Found:
    """From one that holds nothing to one that holds the records and not the page."""
    found = Found("the last line names the file; the scores of the finished folds are printed; nothing half-written is left")
    for size in ("4k", "16k", "32k", "64k", "200k", "1m"):
        with small_disk(folder / "runs", size) as made:
            if not made:
                continue
            done = ended(run_of(folder, "dummy", "--out", folder / "runs"), folder)
            records = len(Store(folder / "runs").paths())
            scores = ("dummy" in done.out) == (records > 0)
            left = list((folder / "runs").rglob("*.partial"))
            found.add(done, done.code == 1 and str(folder / "runs") in done.line and scores and not left)
    return found


@_fault("a disk that is full for standard output")
def full_output(folder: Path) -> Found:
    """`python -m benchmark models > /dev/full`."""
    found = Found("one line, exit code 1")
    with open("/dev/full", "w") as full:
        for arguments in (["models", "--json"], ["datasets", "list"]):
            done = subprocess.run(
                command(arguments), env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
            one = Ended(done.returncode, "", done.stderr, False)
            found.add(one, one.code == 1 and len(one.err.strip().splitlines()) == 1)
    return found


@_fault("an address space that is too small")
def small_address_space(folder: Path) -> Found:
    """As `ulimit -v` makes it: from too little to load the program to enough for the run."""
    found = Found("a line and an exit code, or a row for each fold with its reason; none hangs")
    for step in range(MEMORY_STEPS):
        limit = int((0.8 + 0.2 * step) * 2**30)
        place = folder / f"runs-{step}"

        def bound(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        done = ended(run_of(folder, "cgcnn", "--out", place), folder, bound)
        found.add(done, done.code == 0 or (done.code in (1, 2) and bool(done.line)))
    return found


@_fault("a stopped writer of pages (kill -9)")
def stopped_writer(folder: Path) -> Found:
    """At ten moments of the writing."""
    found = Found("the next `leaderboard` removes what was left and writes the same page")
    store, _ = good_store(folder / "store")
    render = ["leaderboard", "--from", store.root]
    whole = ended(render, folder)
    page = (store.root / "index.html").read_bytes()
    for number in range(10):
        process = subprocess.Popen(command(render), cwd=folder, env=environment(), stdout=subprocess.DEVNULL)
        _kill_while_it_writes(process, store.root, number)
        done = ended(render, folder)
        left = [path.name for path in store.root.rglob("*") if "partial" in path.name]
        found.add(done, whole.code == done.code == 0 and not left and (store.root / "index.html").read_bytes() == page)
    return found


def _kill_while_it_writes(process: subprocess.Popen, root: Path, number: int) -> None:
    """Once something half-written lies there, a little later each time."""
    while process.poll() is None:
        if any("partial" in path.name for path in root.iterdir()):
            time.sleep(0.002 * number)
            process.kill()
            break
        time.sleep(0.0005)
    process.wait()


@_fault("a deleted working directory")
def deleted_directory(folder: Path) -> Found:
    """A library that is loaded there ended the process before."""
    found = Found("one line that says so, exit code 2")
    for arguments in (["run", "--task", "emt/alloys", "--model", "dummy"], ["models"], ["datasets", "list"]):
        gone = folder / "gone"
        gone.mkdir()
        script = f'cd "{gone}" && rmdir "{gone}" && exec "$0" "$@"'
        done = subprocess.run(
            ["bash", "-c", script, *command(arguments)], env=environment(), capture_output=True, text=True, check=False
        )
        one = Ended(done.returncode, done.stdout, done.stderr, False)
        found.add(one, one.code == 2 and "the working directory is gone" in one.line)
    return found


@_fault("a cached time that cannot be")
def impossible_time(folder: Path) -> Found:
    """Negative, not a number, infinite."""
    found = Found("the graphs are built again, and the record has the time that took")
    run = run_of(folder, "cgcnn")
    for seconds in ("-1.0", "nan", "1e999"):
        ended(run, folder)
        entries = list((folder / "cache").glob("*/*.safetensors"))
        for entry in entries:
            raw = entry.read_bytes()
            size = int.from_bytes(raw[:8], "little")
            header = json.loads(raw[8 : 8 + size])
            header["__metadata__"]["seconds"] = seconds
            changed = json.dumps(header).encode()
            entry.write_bytes(len(changed).to_bytes(8, "little") + changed + raw[8 + size :])
        shutil.rmtree(folder / "runs")
        done = ended(run, folder)
        times = [record.times.graphs_wall_s for record in Store(folder / "runs").records() if record.times]
        found.add(done, bool(entries) and done.code == 0 and len(times) == 2 and all(0 <= time < 100 for time in times))
        shutil.rmtree(folder / "runs")
    return found


@_fault("an error while a record is made")
def failing_record(folder: Path) -> Found:
    """Memory that runs out there, in one fold of three: the others must be complete."""
    found = Found("one fold is a row with its reason, the others are complete")
    own = folder / "sitecustomize.py"
    for error in ("MemoryError('no room')", "OSError(12, 'Cannot allocate memory')", "KeyError('x')"):
        own.write_text(BREAKING.format(error=error))
        paths = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
        done = ended(run_of(folder, "dummy", "--out", folder / error[:4]), folder, PYTHONPATH=paths)
        states = sorted(record.status == "complete" for record in Store(folder / error[:4]).records())
        found.add(done, done.code == 1 and states == [False, True])
    return found


BREAKING = """
import importlib.abc, importlib.machinery, sys

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "benchmark.harness.execution":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            make = module.make_record

            def broken(job, data, fold, status, started, reason, outcome, *more):
                if job.fold == 0 and outcome is not None:
                    raise {error}
                return make(job, data, fold, status, started, reason, outcome, *more)

            module.make_record = broken

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""
"""A `sitecustomize` that breaks the making of the records of fold 0."""
