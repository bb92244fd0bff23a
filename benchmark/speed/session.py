"""A file that pytest-benchmark wrote, as the speed tests of this project fill it in."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmark.schema import Machine
from datasets.errors import InputError

TopicAndGroup = tuple[str, str]


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
    other_cores: float | None = Field(None, ge=0)
    """Cores that other work of the machine kept busy meanwhile."""
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
        """`graphs` for `tests/speed/test_graphs.py::test_search[1]`."""
        return Path(self.fullname.partition("::")[0]).stem.removeprefix("test_").replace("_", " ")

    @property
    def where(self) -> TopicAndGroup:
        """Topic and group."""
        return self.topic, self.group or ""

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
    """pytest-benchmark's, with what tests/speed adds."""

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

    @cached_property
    def baselines(self) -> dict[TopicAndGroup, Measurement]:
        """By topic and group: a ratio is of two times of one run."""
        return {m.where: m for m in self.benchmarks if m.extra_info.role == "baseline"}

    @model_validator(mode="after")
    def _one_baseline_a_group(self) -> Session:
        if len(self.baselines) < sum(m.extra_info.role == "baseline" for m in self.benchmarks):
            raise ValueError("a group has two baselines, so that its ratios are of neither")
        return self

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
