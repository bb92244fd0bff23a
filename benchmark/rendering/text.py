"""Numbers, names and tables as the markdown pages write them."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote

from tabulate import tabulate

from benchmark.results.records import Record
from benchmark.schema import Machine, SettingValue
from datasets.cards import AS_GIVEN
from datasets.errors import InputError

ENTITIES = str.maketrans(
    {sign: f"&#{ord(sign)};" for sign in "|[]`*~$\\"}
    | {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " ", "\t": " "}
)

FORMULAS = ("=", "+", "-", "@")
T = TypeVar("T")

UNDERSCORE = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
"""Inside of a word, as in names of targets, it is an underscore to markdown too."""

MINIATURES = (
    "(mini) marks miniatures: the profile mini gives a graph network at most a third of its published parameters, "
    "and 8 epochs, unless a setting says otherwise."
)
TRIALS = (
    "(smoke) marks the profile smoke, a trial of seconds: networks of the smallest size, trained for 2 epochs unless a setting "
    "says otherwise. Its errors show that the program runs, not what a model can do."
)
MARKED = {"mini": MINIATURES, "smoke": TRIALS}
"""Profiles whose networks are smaller than published, and what their mark beside a model means."""


class Made(Protocol):
    """A record that says where it was made, and with what."""

    @property
    def machine(self) -> Machine:
        """Where."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Of packages."""

    @property
    def git_commit(self) -> str | None:
        """Of the source."""


def escape(text: str) -> str:
    """Text from a record or a file, harmless in markdown and inside its tables: no sign of it means anything there."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text.translate(ENTITIES))
    return UNDERSCORE.sub(lambda found: "&#95;" * len(found[0]), shown)


def fenced(text: str, language: str = "") -> str:
    """Lines of text as a block of code in markdown that nothing in them can end."""
    lines = ("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line) for line in text.split("\n"))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return "\n".join([f"{fence}{language}", *lines, fence])


def csv_cell(value: T) -> T | str:
    """A value of a CSV; before a text that a spreadsheet would take for a formula an apostrophe, which makes it text there."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" \t\r\n")[:1] in FORMULAS else value


def model_name(name: str, profile: str) -> str:
    """A model as pages call it: a small network is never shown under the name of the published one alone."""
    return f"{name} ({profile})" if profile in MARKED else name


def plain_name(label: str) -> str:
    """A row's label where a heading says the profile already."""
    for profile in MARKED:
        label = label.replace(model_name("", profile), "")
    return label


def marks_note(profiles: Iterable[str]) -> str:
    """What `(mini)` and `(smoke)` beside names mean; empty where no profile has a mark."""
    found = set(profiles)
    return " ".join(meaning for profile, meaning in MARKED.items() if profile in found)


def require_own(page: Path, title: str, what: str, choose: str) -> None:
    """Raise InputError where a page that does not begin with the title, a person's own, would be replaced.

    Args:
        page: to be written.
        title: what every page of ours begins with.
        what: another page is not, for the message.
        choose: another one of these instead, likewise.
    """
    if page.is_file() and not page.read_text(errors="replace").startswith(title):
        raise InputError(f"{page} is {what} and would be replaced; choose another {choose}")


def link(label: str, path: str) -> str:
    """A link to a page; the path is one of names of records, whatever they are."""
    return f"[{escape(label)}]({quote(path)})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], text: Container[str] = ()) -> str:
    """A markdown table; the first column and those named in `text` are text, the others are aligned as numbers."""
    alignment = ["left" if name == header[0] or name in text else "right" for name in header]
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True, colalign=alignment if rows else None)


def joined(names: Sequence[str]) -> str:
    """Names as a list in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def listed(names: Sequence[str], most: int = 6) -> str:
    """Names in a sentence, the first few of many."""
    return joined(names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"])


def count(number: int, what: str) -> str:
    """A number of things, `what` in the singular."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def changes(changed: Mapping[str, SettingValue]) -> list[str]:
    """Changed settings, as `n_layers=4`."""
    return [f"{name}={value}" for name, value in changed.items()]


def machine(where: Machine) -> str:
    """What something was computed on."""
    return (
        f"{where.processor}, {where.cores} cores, {where.workers} worker(s) × {where.threads} thread(s), device {where.device}"
    )


def origins(made: Iterable[Made]) -> str:
    """A markdown list of the machines, versions and commits that records were made with, each once."""
    lines = {
        f"machine: {machine(one.machine)}; versions: {', '.join(f'{name} {v}' for name, v in one.versions.items())}; "
        f"commit {one.git_commit or 'unknown'}"
        for one in made
    }
    return "\n".join(f"- {escape(line)}" for line in sorted(lines))


def commits(records: Iterable[Record]) -> str:
    """The commits that records were made with, and whether there were changes on top."""
    named = {(r.git_commit or "unknown")[:12] + ("+changes" if "+" in (r.git_commit or "") else "") for r in records}
    return ", ".join(sorted(named))


def crystals(record: Record) -> str:
    """Crystals with a value, all parts together."""
    return f"{record.split.n_train + record.split.n_validation + record.split.n_test:,}"


def is_plain(value: float) -> bool:
    """Whether a number is read more easily without a power of ten."""
    return value == 0 or 1e-6 <= abs(value) < 1e9


def plus_minus(mean: float, std: float | None) -> str:
    """Four significant digits, the spread to the same decimals; with powers of ten where the mean is far from one."""
    if not is_plain(mean):
        return f"{mean:.3e}" + (f" ± {std:.1e}" if std is not None else "")
    decimals = max(0, 3 - math.floor(math.log10(abs(mean)))) if mean else 4
    return f"{mean:.{decimals}f}" + (f" ± {std:.{decimals}f}" if std is not None else "")


def significant(value: float, digits: int = 3) -> str:
    """That many significant digits, without an exponent where it can be read."""
    text = f"{value:#.{digits}g}".rstrip(".")
    return f"{value:,.0f}" if "e+" in text and is_plain(value) else text


def unit_shown(unit: str) -> str:
    """A unit as people read it: empty for the 1 of a number without a unit, and where the data's table names none."""
    return "" if unit in ("1", AS_GIVEN) else unit


def unit_sentence(unit: str) -> str:
    """In which unit errors are."""
    if unit == AS_GIVEN:
        return "Errors are in the unit of the targets, which the table does not name."
    return f"Unit of the errors: {escape(unit)}." if unit_shown(unit) else "The target has no unit."


def in_unit(text: str, unit: str) -> str:
    """A value and its unit, if it has one."""
    return f"{text} {unit_shown(unit)}".rstrip()


def with_unit(name: str, unit: str) -> str:
    """The name of a quantity with its unit in brackets, if it has one: `MAE [eV]`."""
    return f"{name} [{unit_shown(unit)}]" if unit_shown(unit) else name


def interval(low: float, high: float) -> str:
    """Both ends to the decimals that the wider one needs."""
    widest = max(abs(low), abs(high))
    if not is_plain(widest):
        return f"{low:.2e} … {high:.2e}"
    decimals = max(0, 2 - math.floor(math.log10(widest))) if widest else 3
    return f"{low:.{decimals}f} … {high:.{decimals}f}"


def chance(p: float) -> str:
    """A p value with two digits."""
    return "< 0.001" if p < 0.001 else f"{p:.2f}" if p >= 0.0995 else f"{p:.3f}"


def percent(share: float | None, decimals: int = 0, signed: bool = False) -> str:
    """A share in per cent, as `5 %`; `signed`: a change, as `+5 %`. Empty for None."""
    return "" if share is None else f"{100 * share:{'+' if signed else ''}.{decimals}f} %"


def seconds(value: float) -> str:
    """A duration with three significant digits, to the millisecond."""
    if value < 0.001:
        return "< 0.001 s"
    return f"{value:.3g} s" if value < 1000 else f"{value:,.0f} s"


def size(n_bytes: int | None) -> str:
    """Bytes with three significant digits."""
    if n_bytes is None:
        return ""
    power = min(3, int(math.log10(max(n_bytes, 1)) // 3))
    return f"{n_bytes / 1000**power:.3g} {('B', 'kB', 'MB', 'GB')[power]}"
