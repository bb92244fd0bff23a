"""Leases: who computes which fold of a store, among any number of processes on any number of machines.

A lease is a file, `<root>/leases/<fold>.<turn>`. Its owner rewrites it every few seconds. Whoever wants the fold watches the
file: where it has not changed for `stale_s` seconds of the watcher's own clock, its owner is gone and the watcher takes the
next turn. No two clocks are compared. Only creating a file that must not exist yet decides, which shared file systems do in
one step.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Annotated

from pydantic import Field, ValidationError

from benchmark.results.records import JobKey
from benchmark.schema import Count, Settings, Strict, Text, one_line
from datasets.errors import BenchmarkError

BEAT_S = 10.0
"""How often an owner rewrites its leases."""

STALE_S = 60.0
"""A lease that has not changed for so long, as its watcher's clock has it, has no owner any more."""

MOST_BYTES = 1 << 14

SCHEDULER_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
"""Variables in which a scheduler tells a process which of its jobs it is."""


class Holder(Strict):
    """What a lease says: which fold, who computes it, how far it is."""

    token: Text
    """Tells this lease from every other one."""
    task: Text
    model: Text
    profile: Text
    changed: Settings = Field(default_factory=dict)
    """Settings that differ from those of the profile."""
    protocol: Text
    fold: Count
    seed: Count
    record: Annotated[str, Field(max_length=1000)]
    """Where the fold's record will lie, below the root of the store."""
    host: Text
    pid: Count
    process: Text
    """Tells this process from all others since the machine was started; empty where the system has no such name."""
    scheduler_job: Text | None
    since: datetime
    """By the owner's clock."""
    beats: Count = 0
    epoch: Count | None = None
    before: Count | None = None
    """How many epochs its checkpoint had."""
    epochs: Count | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the process is known to have ended: only of a process of this machine."""
        parts = self.process.rsplit(" ", 2)
        if len(parts) != 3 or parts[0] != _system() or not parts[1].isdecimal():
            return False
        return _process(int(parts[1])) != self.process


@dataclass(frozen=True)
class Lease:
    """A fold that is ours as long as `held`; plain values, so that any process can ask."""

    path: Path
    token: str

    def held(self) -> bool:
        """Whether nobody has taken the fold over, as happens to an owner that was suspended."""
        try:
            return self.token.encode() in self.path.read_bytes() and self.path == _turns(self.path.parent, self.path.stem)[-1]
        except (OSError, IndexError):
            return False


@dataclass
class _Held:
    holder: Holder
    file: int
    """Kept open: a beat goes to our own file, also where another one has its name by now."""


class Leases:
    """The leases of one process on the folds of a store; a thread rewrites them until they are given back."""

    def __init__(self, root: Path, beat_s: float = BEAT_S, stale_s: float = STALE_S) -> None:
        self.root, self.folder = root, root / "leases"
        self.beat_s, self.stale_s = beat_s, stale_s
        self._held: dict[Lease, _Held] = {}
        self._seen: dict[Path, tuple[bytes, float]] = {}
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, daemon=True)

    def __enter__(self) -> Leases:
        # Nobody claims a finished fold: what a killed owner left of it would stay for ever.
        for path, holder in read_leases(self.root):
            if holder.has_ended:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        for lease in list(self._held):
            self.release(lease)

    def claim(self, key: JobKey, record: Path, changed: Settings | None = None) -> Lease | None:
        """The lease of a fold; None where it is another one's.

        Args:
            key: of the fold.
            record: where its record will lie, in the store.
            changed: settings that differ from those of the profile.

        Raises:
            BenchmarkError: nothing can be written to the store.
        """
        where = record.relative_to(self.root).as_posix()
        name = hashlib.sha256(where.encode()).hexdigest()[:24]
        known = _turns(self.folder, name)
        stale = self._stale(known[-1]) if known else b""
        if stale is None:
            return None
        path = self.folder / f"{name}.{_turn(known[-1]) + 1 if known else 1}"
        holder = _holder(key, where, changed or {})
        try:
            file = _create(path, holder)
        except OSError as error:
            raise BenchmarkError(f"cannot write {path} ({error.strerror}); finished folds are kept") from None
        if file is None:
            return None
        # Between reading and creating, the fold may have been given back and claimed anew.
        if (known and _read(known[-1]) != stale) or _turns(self.folder, name)[-1:] != [path]:
            os.close(file)
            path.unlink(missing_ok=True)
            return None
        lease = Lease(path, holder.token)
        with self._lock:
            self._held[lease] = _Held(holder, file)
        return lease

    def note(self, lease: Lease, epoch: int, epochs: int) -> None:
        """Let the lease say how far its fold is, from the next beat on."""
        with self._lock:
            if held := self._held.get(lease):
                before = epoch - 1 if held.holder.before is None else held.holder.before
                held.holder = held.holder.model_copy(update={"epoch": epoch, "epochs": epochs, "before": before})

    def release(self, lease: Lease) -> None:
        """Give a fold back: it is done, or another one may go on with it."""
        ours = lease.held()
        with self._lock:
            held = self._held.pop(lease)
        os.close(held.file)
        if ours:
            earlier = _turns(self.folder, lease.path.stem)[:-1]
            with suppress(OSError):  # it goes stale
                for path in [lease.path, *earlier]:
                    path.unlink(missing_ok=True)

    def _stale(self, path: Path) -> bytes | None:
        """What a lease says whose owner is gone; None of one that may be alive."""
        text, now = _read(path), time.monotonic()
        if text is None:
            return None
        holder = _parsed(text)
        if holder and holder.has_ended:
            return text
        before, since = self._seen.setdefault(path, (text, now))
        if before != text:
            self._seen[path] = (text, now)
            return None
        return text if now - since >= self.stale_s else None

    def beat(self) -> None:
        """Rewrite every lease once: whoever watches sees that its owner lives."""
        with self._lock:
            for held in self._held.values():
                held.holder = held.holder.model_copy(update={"beats": held.holder.beats + 1})
                with suppress(OSError):  # a full disk, a server that is away: the next beat may succeed
                    _write(held.file, held.holder)

    def _keep_beating(self) -> None:
        while not self._ended.wait(self.beat_s):
            self.beat()


def read_leases(root: Path) -> Iterator[tuple[Path, Holder]]:
    """Every lease of a store that can be read, in no order; whether an owner elsewhere lives only watching it can tell."""
    for path in _files(root / "leases"):
        text = _read(path)
        if holder := _parsed(text or b""):
            yield path, holder


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix[1:].isdecimal()]
    except OSError:
        return []


def _turns(folder: Path, name: str) -> list[Path]:
    """The files of a fold, by turn; the last one's owner has it."""
    return sorted((path for path in _files(folder) if path.stem == name), key=_turn)


def _turn(path: Path) -> int:
    return int(path.suffix[1:])


def _holder(key: JobKey, record: str, changed: Settings) -> Holder:
    return Holder(
        token=uuid.uuid4().hex,
        task=key.task,
        model=key.model,
        profile=key.profile,
        changed=changed,
        protocol=key.protocol,
        fold=key.fold,
        seed=key.seed,
        record=record,
        host=one_line(socket.gethostname()),
        pid=os.getpid(),
        process=_process(os.getpid()),
        scheduler_job=_scheduler_job(),
        since=datetime.now(timezone.utc),
    )


def _scheduler_job() -> str | None:
    """As the scheduler's own commands name it: one of an array of SLURM's is 4711_0, not the number that it has besides."""
    array = [os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK")]
    jobs = ["_".join(filter(None, array)) if all(array) else "", *map(os.environ.get, SCHEDULER_JOBS)]
    return next((one_line(job) for job in jobs if job), None)


def _create(path: Path, holder: Holder) -> int | None:
    """The open file of a new lease; None where it exists. Raises OSError, and leaves none then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    except FileExistsError:
        return None
    try:
        _write(file, holder)
    except OSError:
        os.close(file)
        path.unlink(missing_ok=True)
        raise
    return file


def _write(file: int, holder: Holder) -> None:
    text = holder.model_dump_json().encode() + b"\n"
    os.pwrite(file, text, 0)
    os.ftruncate(file, len(text))
    os.fsync(file)  # other machines see it now


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError:
        return None


def _parsed(text: bytes) -> Holder | None:
    try:
        return Holder.model_validate_json(text)
    except ValidationError:  # being written, or not ours
        return None


@cache
def _system() -> str:
    """This start of this machine, and the name space of its process numbers; empty outside Linux."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _process(pid: int) -> str:
    """Tells a process from every other one since the machine was started; empty where it has ended, or outside Linux."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return f"{_system()} {pid} {fields[19]}" if _system() and fields[0] not in "ZX" else ""
