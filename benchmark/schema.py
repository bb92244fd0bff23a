"""Field types and parts that all records share: bounded text and numbers, hashes, durations, the machine. Needs no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

LONGEST_TEXT = 500


def one_line(text: str, longest: int = LONGEST_TEXT) -> str:
    """Any text as a record may hold it: one line of printable characters, not too long."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return shown[:longest]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters, line breaks and invisible signs are not allowed")
    return text


Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT), AfterValidator(_printable)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Whole = Annotated[int, Field(gt=-(2**63), lt=2**63)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""Of a profile: it becomes a word of commands and a part of paths."""

SettingName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
SettingText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 ._:,/()+-]{0,100}$")]
SettingValue = bool | Whole | float | SettingText
Settings = Annotated[dict[SettingName, SettingValue], Field(max_length=100)]


class Strict(BaseModel):
    """Unknown fields are refused, numbers must be finite, nothing changes after creation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Duration(Strict):
    """Seconds by the clock on the wall, and of the device: processor time, or a GPU's synchronised time."""

    wall_s: float = Field(ge=0)
    device_s: float = Field(ge=0)

    def plus(self, wall_s: float, device_s: float) -> Duration:
        """With what was spent before."""
        return Duration(wall_s=self.wall_s + wall_s, device_s=self.device_s + device_s)


class Machine(Strict):
    """Where it ran."""

    processor: Text
    cores: Count
    memory_bytes: Count
    system: Text
    device: Text
    """"cpu", or the name of the GPU."""
    threads: Count
    workers: Count
