"""What pytest-benchmark measured in tests/speed: ratios, floors and exponents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import linregress

from benchmark.speed.session import Extra, Measurement, Session, TopicAndGroup, require_one_machine
from datasets.errors import InputError

FEWEST_SIZES = 3
"""An exponent is fitted from this many sizes on."""


@dataclass(frozen=True)
class Ceilings:
    """Bytes read and written a second, and operations a second: the best that the machine did."""

    bandwidth: float
    rate: float


@dataclass(frozen=True)
class SpeedRow:
    """Ours beside the baseline of its group, where it has one, and beside what the machine could do."""

    ours: Measurement
    baseline: Measurement | None
    floor: float | None
    """Seconds."""

    @property
    def ratio(self) -> float | None:
        """How many times ours is faster."""
        return self.baseline.stats.median / self.ours.stats.median if self.baseline else None

    @property
    def met(self) -> bool | None:
        """Whether the ratio is the one aimed at; None where nothing was."""
        target = self.ours.extra_info.target
        return None if target is None or self.ratio is None else self.ratio >= target

    @property
    def floor_fraction(self) -> float | None:
        """Share of our time that no program on this machine could save; 1 at the floor."""
        return None if self.floor is None else self.floor / self.ours.stats.median


@dataclass(frozen=True)
class Exponent:
    """y ∝ n^value, by least squares of the logarithms, and the standard error of the value."""

    value: float
    error: float


@dataclass(frozen=True)
class Scaling:
    """One thing measured at several numbers of crystals, ascending."""

    group: str
    measurements: tuple[Measurement, ...]

    @property
    def what(self) -> str:
        """`prediction` for `scaling of prediction`."""
        return self.group.removeprefix("scaling of ")

    @property
    def crystals(self) -> np.ndarray:
        """(sizes,)."""
        return np.array([m.extra_info.crystals for m in self.measurements], dtype=float)

    @property
    def seconds(self) -> np.ndarray:
        """(sizes,) medians."""
        return np.array([m.stats.median for m in self.measurements])

    @property
    def peak_bytes(self) -> np.ndarray:
        """(sizes,); NaN where it was not measured."""
        return np.array([m.extra_info.peak_bytes or np.nan for m in self.measurements], dtype=float)

    @property
    def added_bytes(self) -> np.ndarray:
        """(sizes,) the peak without what was resident before there were crystals."""
        return self.peak_bytes - [m.extra_info.base_bytes for m in self.measurements]

    @property
    def time_exponent(self) -> Exponent:
        """Of the seconds."""
        return exponent(self.crystals, self.seconds)

    @property
    def memory_exponent(self) -> Exponent | None:
        """Of `added_bytes`; None where it was not measured."""
        return exponent(self.crystals, self.added_bytes) if np.all(self.added_bytes > 0) else None


def exponent(n: np.ndarray, y: np.ndarray) -> Exponent:
    """Of a power law through the points."""
    fit = linregress(np.log(n), np.log(y))
    return Exponent(float(fit.slope), float(fit.stderr))


@dataclass(frozen=True)
class Performance:
    """The sessions of one machine; a benchmark measured again in a later one stands for the earlier."""

    sessions: tuple[Session, ...]

    def __post_init__(self) -> None:
        require_one_machine(self.sessions)
        for what in ("bytes", "flops"):
            if not any(getattr(m.extra_info, what) for m in self.of_role("ceiling")):
                raise InputError(
                    f"no ceiling of the machine in {what}, so there are no floors; measure tests/speed/test_machine.py too"
                )

    @cached_property
    def groups(self) -> dict[TopicAndGroup, list[tuple[int, Measurement]]]:
        """The measurements of each topic and group, with the numbers of their sessions."""
        latest = {m.fullname: (number, m) for number, session in enumerate(self.sessions) for m in session.benchmarks}
        found: dict[TopicAndGroup, list[tuple[int, Measurement]]] = {}
        for number, measurement in latest.values():
            found.setdefault(measurement.where, []).append((number, measurement))
        return found

    def of_role(self, role: str) -> list[Measurement]:
        """Every measurement of that role."""
        return [m for group in self.groups.values() for _, m in group if m.extra_info.role == role]

    @cached_property
    def ceilings(self) -> Ceilings:
        """From the fastest round of the best call."""
        found = [(m.extra_info, m.stats.min) for m in self.of_role("ceiling")]
        return Ceilings(
            bandwidth=max(extra.bytes / seconds for extra, seconds in found if extra.bytes),
            rate=max(extra.flops / seconds for extra, seconds in found if extra.flops),
        )

    def floor(self, extra: Extra) -> float | None:
        """Seconds that the bytes and the operations of a call take at least; None where the test names neither."""
        seconds = max(extra.floor_bytes / self.ceilings.bandwidth, extra.floor_flops / self.ceilings.rate)
        return seconds or None

    @cached_property
    def scalings(self) -> list[Scaling]:
        """The groups of ours with several sizes."""
        found = []
        for (_, group), measurements in self.groups.items():
            sized = {m.extra_info.crystals: m for _, m in measurements if m.extra_info.role == "ours" and m.extra_info.crystals}
            if len(sized) >= FEWEST_SIZES:
                found.append(Scaling(group, tuple(sized[n] for n in sorted(sized))))
        return found

    @cached_property
    def topics(self) -> dict[str, dict[str, list[SpeedRow]]]:
        """The rows of each group of each topic, but for those that are sizes of one thing."""
        found: dict[str, dict[str, list[SpeedRow]]] = {}
        scaled = {scaling.group for scaling in self.scalings}
        for (topic, group), measurements in self.groups.items():
            rows = [
                SpeedRow(m, self.sessions[number].baselines.get(m.where), self.floor(m.extra_info))
                for number, m in measurements
                if m.extra_info.role == "ours"
            ]
            if rows and group not in scaled:
                found.setdefault(topic, {})[group] = rows
        return found
