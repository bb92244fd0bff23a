"""What pytest-benchmark measured in tests/benchmarks: ratios, floors, exponents, and comparisons of two files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.stats import linregress

from benchmark.records import Machine
from datasets.errors import InputError

FEWEST_SIZES = 3
"""An exponent is fitted from this many sizes on."""


class Read(BaseModel):
    """Part of a pytest-benchmark file; what is not named here is not read."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Stats(Read):
    """Seconds over the rounds."""

    min: float = Field(gt=0)
    mean: float = Field(gt=0)
    median: float = Field(gt=0)
    rounds: int = Field(ge=1)


class Extra(Read):
    """What the test said of its call; other numbers and texts that it named are in `model_extra`."""

    model_config = ConfigDict(extra="allow")

    role: Literal["ours", "baseline", "ceiling"]
    floor_bytes: float = Field(0, ge=0)
    floor_flops: float = Field(0, ge=0)
    bytes: float | None = Field(None, gt=0)
    """Read and written by a ceiling."""
    flops: float | None = Field(None, gt=0)
    """Done by a ceiling."""
    target: float | None = Field(None, gt=0)
    """The ratio to the baseline aimed at."""
    crystals: int | None = Field(None, gt=0)
    peak_bytes: int | None = Field(None, gt=0)
    base_bytes: int = Field(0, ge=0)
    """Resident before there were crystals."""


class Measurement(Read):
    """One benchmark."""

    group: str | None
    name: str
    fullname: str
    extra_info: Extra
    stats: Stats

    @property
    def topic(self) -> str:
        """`graphs` for `tests/benchmarks/test_graphs.py::test_search[1]`."""
        return Path(self.fullname.partition("::")[0]).stem.removeprefix("test_").replace("_", " ")

    @property
    def what(self) -> str:
        """`search, 1` for `test_search[1]`."""
        name, _, parameters = self.name.removeprefix("test_").partition("[")
        return name.replace("_", " ") + (f", {parameters.removesuffix(']')}" if parameters else "")


class Environment(Read):
    """The machine as it was used, and the versions of the libraries."""

    machine: Machine
    versions: dict[str, str]


class MachineInfo(Read):
    """pytest-benchmark's, with what tests/benchmarks adds."""

    benchmark: Environment


class Commit(Read):
    """Of the source that was measured."""

    id: str
    dirty: bool = False


class Session(Read):
    """One file."""

    machine_info: MachineInfo
    commit_info: Commit
    datetime: str
    benchmarks: tuple[Measurement, ...] = Field(min_length=1)

    @property
    def place(self) -> str:
        """What two times must share to be compared."""
        used = self.machine_info.benchmark.machine
        return f"{used.processor}, {used.system}, {used.cores} cores, {used.threads} threads, {used.device}"


def read_session(path: Path) -> Session:
    """A validated file. Raises InputError naming the file and what is wrong with it."""
    try:
        return Session.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise InputError(
            f"{path}: not what `tox -e benchmarks` writes with pytest-benchmark: {where}: {first['msg']}"
        ) from None


def require_one_machine(sessions: Iterable[Session]) -> None:
    """Raise InputError where times would be compared that cannot be."""
    places = list(dict.fromkeys(session.place for session in sessions))
    if len(places) > 1:
        raise InputError(f"the files are of different machines: {places[0]}; {places[1]}. Measure again on one of them")


# -- one report of several files --------------------------------------------------------------------


@dataclass(frozen=True)
class Ceilings:
    """Bytes read and written a second, and operations a second: the best that the machine did."""

    bandwidth: float
    rate: float


@dataclass(frozen=True)
class Row:
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
    """The sessions of one machine; a group measured again in a later one stands for the earlier."""

    sessions: tuple[Session, ...]

    def __post_init__(self) -> None:
        require_one_machine(self.sessions)
        for what in ("bytes", "flops"):
            if not any(getattr(m.extra_info, what) for m in self.of_role("ceiling")):
                raise InputError(
                    f"no ceiling of the machine in {what}, so there are no floors; measure tests/benchmarks/test_machine.py too"
                )
        for (topic, group), measurements in self.groups.items():
            if sum(m.extra_info.role == "baseline" for m in measurements) > 1:
                raise InputError(f"{topic}, group '{group}': two baselines; a ratio needs one")

    @cached_property
    def groups(self) -> dict[tuple[str, str], tuple[Measurement, ...]]:
        """The measurements of each topic and group."""
        found: dict[tuple[str, str], tuple[Measurement, ...]] = {}
        for session in self.sessions:
            here = defaultdict(list)
            for measurement in session.benchmarks:
                here[measurement.topic, measurement.group or ""].append(measurement)
            found |= {key: tuple(measurements) for key, measurements in here.items()}
        return found

    def of_role(self, role: str) -> list[Measurement]:
        """Every measurement of that role."""
        return [m for group in self.groups.values() for m in group if m.extra_info.role == role]

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
            sized = {m.extra_info.crystals: m for m in measurements if m.extra_info.role == "ours" and m.extra_info.crystals}
            if len(sized) >= FEWEST_SIZES:
                found.append(Scaling(group, tuple(sized[n] for n in sorted(sized))))
        return found

    @cached_property
    def topics(self) -> dict[str, dict[str, list[Row]]]:
        """The rows of each group of each topic, but for those that are sizes of one thing."""
        found: dict[str, dict[str, list[Row]]] = {}
        scaled = {scaling.group for scaling in self.scalings}
        for (topic, group), measurements in self.groups.items():
            baseline = next((m for m in measurements if m.extra_info.role == "baseline"), None)
            ours = [m for m in measurements if m.extra_info.role == "ours"]
            if ours and group not in scaled:
                rows = [Row(m, baseline, self.floor(m.extra_info)) for m in ours]
                found.setdefault(topic, {})[group] = rows
        return found


# -- two files --------------------------------------------------------------------------------------

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
class Comparison:
    """What both files have, and what only one has."""

    changes: tuple[Change, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]


def parse_thresholds(text: str) -> tuple[Threshold, ...]:
    """`median:10%,peak_bytes:5%`. Raises InputError where it is something else."""
    found = []
    for part in text.split(","):
        matched = re.fullmatch(rf"({'|'.join(STATISTICS)}):(\d+(?:\.\d+)?)%", part.strip())
        if not matched:
            raise InputError(
                f"threshold '{part.strip()[:40]}': write a statistic, a colon and per cent, such as median:10%; "
                f"statistics: {', '.join(STATISTICS)}"
            )
        found.append(Threshold(matched[1], float(matched[2]) / 100))
    return tuple(found)


def compare(old: Session, new: Session, thresholds: Sequence[Threshold]) -> Comparison:
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
    return Comparison(tuple(changes), tuple(sorted(before.keys() - after)), tuple(sorted(after.keys() - before)))
