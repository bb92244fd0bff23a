"""Two files of pytest-benchmark: what became slower or larger, and whether by more than a threshold.

pytest-benchmark's own `compare` prints tables only: `--benchmark-compare-fail` exists only while pytest measures, and neither
knows peak memory, roles of benchmarks, or whether two files are of one machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.speed.session import Measurement, Session, require_one_machine
from datasets.errors import InputError

STATISTICS = ("median", "min", "mean", "peak_bytes")


@dataclass(frozen=True)
class Threshold:
    """By what share a statistic may grow."""

    statistic: str
    share: float

    def of(self, measurement: Measurement) -> float | None:
        """The statistic; None where it was not measured."""
        if self.statistic == "peak_bytes":
            return measurement.extra_info.peak_bytes
        return float(getattr(measurement.stats, self.statistic))


@dataclass(frozen=True)
class Change:
    """A statistic of one benchmark in two files. Only ours can cross a threshold: the rest tells how quiet it was."""

    benchmark: str
    role: str
    statistic: str
    old: float
    new: float
    crossed: bool

    @property
    def change(self) -> float:
        """Relative: 0.1 is a tenth more."""
        return self.new / self.old - 1


@dataclass(frozen=True)
class SpeedComparison:
    """What both files have, and what only one has."""

    changes: tuple[Change, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]


def parse_thresholds(text: str, statistics: Sequence[str] = STATISTICS) -> tuple[Threshold, ...]:
    """`median:10%,peak_bytes:5%`. Raises InputError where it is something else."""
    found = []
    for part in text.split(","):
        matched = re.fullmatch(rf"({'|'.join(statistics)}):(\d+(?:\.\d+)?)%", part.strip())
        if not matched:
            raise InputError(
                f"threshold '{part.strip()[:40]}': write a statistic, a colon and per cent, such as {statistics[0]}:10%; "
                f"statistics: {', '.join(statistics)}"
            )
        found.append(Threshold(matched[1], float(matched[2]) / 100))
    return tuple(found)


def compare(old: Session, new: Session, thresholds: Sequence[Threshold]) -> SpeedComparison:
    """Every benchmark that both sessions have.

    Raises:
        InputError: they are of different machines, or share nothing that a threshold is about.
    """
    require_one_machine((old, new))
    before, after = ({m.fullname: m for m in session.benchmarks} for session in (old, new))
    changes = []
    for threshold in thresholds:
        found = [
            Change(m.fullname.rpartition("/")[2], m.extra_info.role, threshold.statistic, was, now, crossed=(
                m.extra_info.role == "ours" and now > was * (1 + threshold.share)
            ))
            for name, m in after.items()
            if name in before and (was := threshold.of(before[name])) and (now := threshold.of(m))
        ]  # fmt: skip
        if not any(change.role == "ours" for change in found):
            raise InputError(f"no benchmark of ours has {threshold.statistic} in both files, so there is nothing to compare")
        changes += found
    return SpeedComparison(tuple(changes), tuple(sorted(before.keys() - after)), tuple(sorted(after.keys() - before)))
