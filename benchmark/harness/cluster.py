"""Workers on a cluster: jobs of SLURM, submitted through submitit, each of them a `run` that claims folds of a shared store.

SLURM signals a job some time before its end. The job then ends its run tidily and asks to be queued again, until a run ends
by itself because nothing is left to do.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import psutil
from pydantic import Field, ValidationError

from benchmark.results.store import write_atomically
from benchmark.results.validation import InvalidFile, parse_json, schema_problems
from benchmark.schema import Count, Strict, Text
from datasets.errors import BenchmarkError, InputError

PROGRAM = (sys.executable, "-m", "benchmark")

NOTICE_S = 120
"""How long before its end SLURM signals a job, of a short one half its time; a fold writes its checkpoint meanwhile."""

TIDY_S = 90
"""How long a run has to end tidily, of `NOTICE_S`."""

REQUEUES = 1000
"""How often a job whose time is over is queued again."""

TERMINATED = 128 + signal.SIGTERM

MOST_WORKERS = 1000
Lines = Annotated[tuple[Text, ...], Field(max_length=100)]


class ClusterOptions(Strict):
    """What each worker asks SLURM for: the file that `run --cluster` reads."""

    partition: Text | None = None
    account: Text | None = None
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    cpus: Annotated[int, Field(ge=1, le=1024)] = 1
    memory_gb: Annotated[float, Field(gt=0, le=10_000)] = 8
    minutes: Annotated[int, Field(ge=1, le=60 * 24 * 60)] = 240
    setup: Lines = ()
    """Lines of shell before the worker starts: modules, an environment."""
    sbatch: dict[Text, Text] = Field(default_factory=dict)
    """Any other option of sbatch by its long name, as `qos = "low"`."""


class Submission(Strict):
    """Workers that were submitted together; `<root>/cluster/<name>.json`."""

    jobs: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_WORKERS)]
    """Their names in SLURM, as `4711_0`."""
    command: Annotated[tuple[str, ...], Field(max_length=1000)]
    """What each runs, after `python -m benchmark`."""
    folds: Count
    """That were to do."""
    submitted_at: datetime


def read_options(path: Path) -> ClusterOptions:
    """The options in a TOML file. Raises InputError naming what is wrong with it."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return ClusterOptions.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"--cluster {path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        raise InputError(f"--cluster {path}: {'; '.join(schema_problems(error))}") from None
    except ValueError as error:
        raise InputError(f"--cluster {path}: is no TOML ({error})") from None


@dataclass
class ClusterWorker:
    """The function of a job: `python -m benchmark run …`, ended tidily when the job's time is over."""

    arguments: tuple[str, ...]
    _pid: int = field(default=0, compare=False)

    def __call__(self) -> int:
        """Run until nothing is left to do. Raises RuntimeError, which fails the job, where the run itself did not work."""
        # SLURM sends the signal of the end to every process of the job: the run, which inherits the mask, stays deaf to it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        try:
            run = subprocess.Popen([*PROGRAM, *self.arguments])
            self._pid = run.pid
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = run.wait()
        if code in (TERMINATED, -signal.SIGTERM):
            # Preempted or cancelled: SLURM ends the job, and queues a preempted one again only if it has not ended by itself.
            time.sleep(10 * TIDY_S)
        if code not in (0, TERMINATED, -signal.SIGTERM):
            raise RuntimeError(f"the run ended with exit code {code}; what it said is above")
        return code

    def checkpoint(self) -> Any:
        """End the run tidily; what submitit queues again, after this, is this worker anew."""
        from submitit.helpers import DelayedSubmission

        with suppress(psutil.NoSuchProcess):
            run = psutil.Process(self._pid)
            run.terminate()
            try:
                run.wait(TIDY_S)
            except psutil.TimeoutExpired:  # its folds are taken over or done again
                run.kill()
        return DelayedSubmission(ClusterWorker(self.arguments))


def submit(root: Path, arguments: Sequence[str], workers: int, options: ClusterOptions, folds: int) -> Submission:
    """Submit workers that run `python -m benchmark` with the arguments, and note them in the store at `root`.

    Raises:
        InputError: submitit or SLURM is not here.
        BenchmarkError: SLURM refuses the jobs.
    """
    executor = _executor(root, options)
    try:
        with executor.batch():
            jobs = [executor.submit(ClusterWorker(tuple(arguments))) for _ in range(workers)]
        names = tuple(job.job_id for job in jobs)
    except Exception as error:  # submitit's own, which carry what sbatch said
        raise BenchmarkError(f"SLURM did not take the jobs: {' '.join(str(error).split())[:300]}") from None
    found = Submission(jobs=names, command=tuple(arguments), folds=folds, submitted_at=datetime.now(timezone.utc))
    write_atomically(_folder(root) / f"{names[0]}-{uuid.uuid4().hex[:8]}.json", found.model_dump_json(indent=1).encode())
    return found


def _executor(root: Path, options: ClusterOptions) -> Any:
    try:
        from submitit import SlurmExecutor
    except ImportError:
        raise InputError("--slurm needs submitit: pip install 'crystal-benchmark[cluster]'") from None
    logging.getLogger("submitit").setLevel(logging.ERROR)
    folder = _folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        executor = SlurmExecutor(folder, max_num_timeout=REQUEUES)
    except RuntimeError:
        raise InputError("--slurm: there is no srun here; submit from a machine of the cluster") from None
    chosen = {"partition": options.partition, "account": options.account, "gpus_per_node": options.gpus or None}
    executor.update_parameters(
        job_name="crystal-benchmark",
        time=options.minutes,
        cpus_per_task=options.cpus,
        mem=f"{round(1024 * options.memory_gb)}M",
        setup=list(options.setup),
        signal_delay_s=min(NOTICE_S, 30 * options.minutes),
        array_parallelism=MOST_WORKERS,
        stderr_to_stdout=True,
        additional_parameters={"requeue": True, **options.sbatch},
        **{name: value for name, value in chosen.items() if value is not None},
    )
    return executor


def read_submissions(root: Path) -> Iterator[Submission]:
    """What was submitted for a store, in order of time; files that are none are left out."""
    found = []
    for path in _folder(root).glob("*.json"):
        with suppress(InvalidFile, FileNotFoundError):
            found.append(parse_json(path, Submission))
    return iter(sorted(found, key=lambda submission: submission.submitted_at))


def cancel(submissions: Sequence[Submission]) -> list[str]:
    """Cancel all their jobs that have not ended, and return the names of all. Raises InputError where there is no SLURM."""
    jobs = [job for submission in submissions for job in submission.jobs]
    if not jobs:
        return []
    try:
        subprocess.run(["scancel", "--quiet", *jobs], check=False, capture_output=True)
    except FileNotFoundError:
        raise InputError("there is no scancel here; cancel from a machine of the cluster") from None
    return jobs


def _folder(root: Path) -> Path:
    return (root / "cluster").resolve()


def without_options(arguments: Sequence[str], *names: str) -> list[str]:
    """A command line without options that take a value, written `--name value` or `--name=value`."""
    kept, rest = list[str](), iter(arguments)
    for argument in rest:
        if argument in names:
            next(rest, None)
        elif argument.partition("=")[0] not in names:
            kept.append(argument)
    return kept
