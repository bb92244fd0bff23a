"""The machine, its memory and clocks, and the versions that a record states."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from importlib import metadata
from pathlib import Path

from benchmark.results.checkout import CHANGES, ROOT, git
from benchmark.schema import Duration, Machine, one_line
from datasets.errors import InputError

PACKAGES = ("crystal-benchmark", "dgl", "torch", "numpy", "pymatgen", "matminer", "dscribe", "scikit-learn", "ase", "pandas")

PROBE_S, BLOCK = 0.5, 1 << 20
"""Seconds for which it is tried how busy the machine is, and bytes that are hashed at a time."""

OWN_PACKAGES = ("benchmark", "models", "datasets")

MOST_WORKERS = 4
"""Each worker holds the dataset in memory."""


@cache
def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cores() -> int:
    """Cores that this process may use; of a job of SLURM's, those that it asked for, which not every cluster enforces."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(here, int(os.environ.get("SLURM_CPUS_PER_TASK", here)))


def threads_of(workers: int) -> int:
    """Threads of each of so many workers: its share of the cores, at most `OMP_NUM_THREADS`."""
    share, asked = max(1, cores() // workers), os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(asked)) if asked.isdigit() and int(asked) else share


def default_workers() -> int:
    """Processes that share the cores unless it is said otherwise."""
    return min(cores(), MOST_WORKERS)


def slower_now(processes: int) -> float:
    """How many times longer so many processes take now, beside other programs, than with a core each."""
    block, wall, cpu = bytes(BLOCK), time.perf_counter(), time.process_time()

    def work(until: float) -> None:
        while time.perf_counter() < until:
            hashlib.sha256(block)  # lets the other threads run

    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(work, [wall + PROBE_S] * processes))
    return max(1.0, processes * (time.perf_counter() - wall) / (time.process_time() - cpu))


def machine(device: str, threads: int, workers: int) -> Machine:
    """This machine, with how it was used."""
    return Machine(
        processor=one_line(processor()),
        cores=cores(),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        system=f"{platform.system()} {platform.machine()}",
        device=one_line(device_name(device)),
        threads=threads,
        workers=workers,
    )


def choose_device(name: str) -> str:
    """ "auto" takes a GPU where there is one. Raises InputError for a device that is not here."""
    import torch

    available = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    if name == "auto":
        return available[-1]
    if name not in available:
        raise InputError(f"device '{name}' is not on this machine; choose auto or {' or '.join(available)}")
    return name


def device_name(device: str) -> str:
    """ "cpu", or the name of the GPU."""
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name(device)


@cache
def versions() -> dict[str, str]:
    """Installed versions of what a result depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def git_commit() -> str | None:
    """Commit of the source that runs, with "+changes" where files differ from it; None outside a checkout."""
    return commit_of(ROOT)


def commit_of(root: Path) -> str | None:
    """Commit of the packages below `root`, with "+changes" where files were changed, added or deleted since.

    None where they are no checkout of their own: installed into a folder of somebody else's repository, they are not in it.
    """

    changed = uncommitted(root)
    return None if changed is None else git(root, "rev-parse", "HEAD").strip() + (CHANGES if changed else "")


def uncommitted(root: Path = ROOT) -> list[str] | None:
    """Files of the packages below `root` that differ from the commit; None outside a checkout of their own."""
    try:
        git(root, "ls-files", "--error-unmatch", "--", *OWN_PACKAGES)
        lines = git(root, "status", "--porcelain", "--untracked-files=all", "--", *OWN_PACKAGES).splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None
    return [line[3:] for line in lines]


class Clock:
    """Measures a phase; `duration` is there when the block has ended."""

    duration = Duration(wall_s=0.0, device_s=0.0)


@contextmanager
def clock(device: str) -> Iterator[Clock]:
    """Wall seconds of the block, and the device's: processor time on the CPU, synchronised time on a GPU."""
    measured = Clock()
    _synchronise(device)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield measured
    finally:
        _synchronise(device)
        wall_s = time.perf_counter() - wall
        measured.duration = Duration(wall_s=wall_s, device_s=time.process_time() - cpu if device == "cpu" else wall_s)


def _synchronise(device: str) -> None:
    if device != "cpu":
        import torch

        torch.cuda.synchronize(device)


def reset_peak_memory(device: str) -> None:
    """Forget earlier peaks, so that a fold reports its own."""
    if device != "cpu":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
    # What freed memory a worker keeps for its next tensors (models/training.py) is not this fold's.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory() -> int | None:
    """Peak resident bytes since the last reset; where the system cannot reset it, since the process began."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if platform.system() == "Darwin" else peak * 1024
