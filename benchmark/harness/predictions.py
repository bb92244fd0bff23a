"""What was predicted of new crystals: its rows, what to warn of, and the table as a CSV. Needs no torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.rendering.text import count, csv_cell, listed
from benchmark.results.store import write_atomically
from datasets.errors import InputError

UNKNOWN_UNIT = "as trained"
UNKNOWN_ELEMENTS = "unknown"
"""Where a checkpoint does not say which elements it was trained on."""

MEMBERS = "members"
"""The predictions of the single models of an ensemble, by their names."""


@dataclass(frozen=True)
class Meaning:
    """What predictions are: numbers in a unit, or probabilities of named classes."""

    unit: str = UNKNOWN_UNIT
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unseen:
    """Elements of a crystal that trainings did not have, in alphabetical order, or `UNKNOWN_ELEMENTS`."""

    by_all: str
    by_some: str
    """Which other members know."""


@dataclass(frozen=True)
class FilePredictions:
    """What was predicted, in the order of the files.

    Attributes:
        ids: of the n crystals that were predicted.
        values: (members, n, 1) the models' predictions; (members, n, K) probabilities of K classes.
        meaning: of the values.
        unseen: (n,) the elements of each crystal that lack in trainings.
        isolated: ids of the crystals that have no cell: nothing of them is periodic.
        left_out: one line a structure that could not be used, which names its file and says why.
        members: names of the models.
    """

    ids: tuple[str, ...]
    values: np.ndarray
    meaning: Meaning
    unseen: tuple[Unseen, ...]
    isolated: tuple[str, ...]
    left_out: tuple[str, ...]
    members: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Id, prediction (the mean over members), unit, and the elements that no training had; with several members also how
        far they disagree (their sample standard deviation), the elements that some trainings lacked, and each prediction.

        Of classes: the most probable one by the mean over members, with several members the standard deviation of its
        probability and each probability of it, and the mean probability of each class.
        """
        several = len(self.values) > 1
        return [
            self._row(name, self.values[:, n], several)
            | {"unseen_elements": unseen.by_all}
            | ({"unseen_by_some": unseen.by_some, MEMBERS: self._members(self.values[:, n])} if several else {})
            for n, (name, unseen) in enumerate(zip(self.ids, self.unseen, strict=True))
        ]

    def _row(self, name: str, values: np.ndarray, several: bool) -> dict[str, Any]:
        means, classes = values.mean(axis=0), self.meaning.classes
        chosen = int(means.argmax())
        spread = {"disagreement": float(values[:, chosen].std(ddof=1))} if several else {}
        if classes:
            shares = {f"p({label})": float(p) for label, p in zip(classes, means, strict=True)}
            return {"id": name, "prediction": classes[chosen], **spread, **shares}
        return {"id": name, "prediction": float(means[0]), **spread, "unit": self.meaning.unit}

    def _members(self, values: np.ndarray) -> dict[str, float]:
        return dict(zip(self.members, values[:, int(values.mean(axis=0).argmax())].tolist(), strict=True))

    @property
    def warnings(self) -> list[str]:
        """A line on the crystals with elements that no training had, one on those that some lacked, and on missing cells."""
        none = self._about_elements("training had no", [unseen.by_all for unseen in self.unseen], "unseen_elements")
        some = self._about_elements(
            f"some of the {len(self.members)} models were trained without",
            [unseen.by_some for unseen in self.unseen],
            "unseen_by_some",
        )
        none = f"{none}: do not trust these predictions" if none else ""
        return [line for line in (none, some, self._about_cells()) if line]

    def _about_cells(self) -> str:
        if not self.isolated:
            return ""
        many = len(self.isolated) > 1
        which = f"{listed([repr(name) for name in self.isolated])} {'have' if many else 'has'} no cell"
        return f"{which}: predicted as isolated clusters; do not trust this where the model was trained on periodic crystals"

    def _about_elements(self, what: str, unseen: Sequence[str], column: str) -> str:
        found = [text.split(", ") for text in unseen if text not in ("", UNKNOWN_ELEMENTS)]
        if not found:
            return ""
        elements = ", ".join(sorted({element for crystal in found for element in crystal}))
        hold = f"{len(found)} of {count(len(self.ids), 'crystal')} {'holds' if len(found) == 1 else 'hold'}"
        return f"{what} {elements}, which {hold} ({column})"


def require_file(path: Path, replacing: bool) -> None:
    """Raise InputError now, rather than after the work, where a table cannot be written to `path` or would replace a file."""
    if path.is_dir():
        raise InputError(f"{path} is a directory; name the file to write")
    if not path.parent.is_dir():
        raise InputError(f"{path}: no such directory {path.parent}")
    if path.exists() and not replacing:
        raise InputError(f"{path} exists; choose another name, or add --replace, which replaces the file")


def in_columns(row: dict[str, Any], with_members: bool) -> dict[str, Any]:
    """A row of `FilePredictions.rows` for a table: a column for each member, or none."""
    flat = {name: value for name, value in row.items() if name != MEMBERS}
    return flat | ({name: v for name, v in row.get(MEMBERS, {}).items() if name not in flat} if with_members else {})


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of `in_columns` with a header, in full precision; texts as `csv_cell` has them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(value) for name, value in row.items()} for row in rows)
    write_atomically(path, text.getvalue().encode())
