"""The log of a run: a line of JSON for each event, for scripts that follow it; below `logs/` of its store."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.harness.job import Job
    from benchmark.harness.run import Progress
    from benchmark.harness.time_left import TimeLeft
    from benchmark.results.records import Record


@dataclass(frozen=True)
class RunLog:
    """Appends to one file; where that cannot be written the run goes on without it."""

    path: Path
    printed: bool = False
    """Whether the beginnings and ends of folds are printed on stdout too."""

    def plan(self, time_left: TimeLeft) -> None:
        """How many folds there are, and how many of them ended before."""
        self._append({"event": "plan", "time": _now(), **_counted(time_left)})

    def progress(self, news: Progress) -> None:
        """A job begins, has finished an epoch or has lost its worker."""
        if news.epoch:
            error = news.epoch.validation_error
            numbers = {"epoch": news.epoch.number, "epochs": news.epoch.of, "training_loss": news.epoch.training_loss}
            self._write("epoch", news.job, **numbers, validation_error=error if error == error else None)
        elif news.trains and news.trains.kept:
            self._write("goes on", news.job, epoch=news.trains.kept.epoch)
        elif news.dies:
            self._write("worker died", news.job)
        elif news.not_tried:
            for job in news.not_tried:
                self._write("not tried", job)
        elif not (news.elsewhere or news.stops or news.trains or news.prepares):
            self._write("begun", news.job)

    def record(self, job: Job, record: Record, elsewhere: bool, time_left: TimeLeft) -> None:
        """A job has its record, of this run or of another one of the same store."""
        loss = record.metrics.test.loss if record.metrics else None
        seconds = record.times.training.wall_s if record.times else None
        about = {"status": record.status, "reason": record.reason, "test_loss": loss, "training_s": seconds}
        plan = {**_counted(time_left), "left_s": time_left.seconds()}
        self._write("record", job, **about, resumed=record.resumed, elsewhere=elsewhere, **plan)

    def _write(self, event: str, job: Job, **more: Any) -> None:
        about = {"task": job.task.name, "model": job.model, "profile": job.profile, "seed": job.seed, "fold": job.fold}
        line = self._append({"event": event, "time": _now(), **about, **more})
        if self.printed and event in ("begun", "record"):
            print(line, flush=True)

    def _append(self, event: dict[str, Any]) -> str:
        line = json.dumps(event, ensure_ascii=False)
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        return line


def _counted(time_left: TimeLeft) -> dict[str, int]:
    return {"ended": time_left.ended, "folds": len(time_left.plan.jobs)}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()


def newest_plan(root: Path) -> tuple[int, int] | None:
    """How many folds of how many have ended, as the newest run of the store at `root` knew at last; None: no log says."""
    for path in sorted((root / "logs").glob("*.jsonl"), reverse=True):
        with suppress(OSError, ValueError):
            lines = path.read_text(encoding="utf-8").splitlines()
            told = [event for event in map(json.loads, lines) if "folds" in event]
            if told:
                return told[-1]["ended"], told[-1]["folds"]
    return None


def run_log(root: Path, printed: bool = False) -> RunLog:
    """Of this process, in the store at `root`."""
    now = datetime.now(timezone.utc)
    host = "".join(c if c.isalnum() or c in "-." else "-" for c in socket.gethostname())[:60]
    return RunLog(root / "logs" / f"{now:%Y%m%dT%H%M%S}-{host}-{os.getpid()}.jsonl", printed)
