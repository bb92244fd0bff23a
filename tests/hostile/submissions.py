"""Hostile directories of records, each a good one with one change: `SUBMISSIONS`, each by its kind.

A maker changes the store, whose records are packed nowhere, and returns nothing; on the command line it is read by
`leaderboard submit DIR` and `leaderboard --from DIR`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.results.packed import packed_json
from benchmark.results.records import Record
from benchmark.results.store import Store
from tests.benchmark.results.test_store import make

Change = Callable[[Store, Record], None]
"""Makes one thing of a store hostile; the record is one of it."""

SUBMISSIONS: dict[str, Change] = {}
"""Kind → its change."""

MARKUP = "<img src=x onerror=alert(1)>|_a_ ~b~ $c$ `d` [e](javascript:f)"


def good_store(root: Path) -> tuple[Store, Record]:
    """Five folds of a model of another author, with its card, and one of the records."""
    store = Store(root)
    for fold in range(5):
        store.write(*make(fold, "theirs"))
    (root / "models").mkdir()
    card = {"name": "theirs", "licence": "MIT", "citation": "A. Author, 2026, a journal", "source": "https://example.org/x"}
    (root / "models" / "theirs.json").write_text(json.dumps(card))
    return store, make(0, "theirs")[0]


def _kind(kind: str) -> Callable[[Change], Change]:
    def register(change: Change) -> Change:
        SUBMISSIONS[kind] = change
        return change

    return register


# -- records ----------------------------------------------------------------------------------------


def _text(kind: str, change: Callable[[str], str]) -> None:
    @_kind(f"record, {kind}")
    def write(store: Store, record: Record) -> None:
        path = store.path(record.key)
        path.write_text(change(path.read_text()))


def _field(kind: str, *keys: str, value: Any) -> None:
    def change(text: str) -> str:
        content = json.loads(text)
        place = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        return json.dumps(content)

    _text(kind, change)


_field("a command for a profile", "key", "profile", value="$(touch PWN)")
_field("a command for a setting", "key", "settings", value={"epochs": "3; touch PWN"})
_field("a command for the name of a setting", "key", "settings", value={"$(touch PWN)": 1})
_field("a text for a fold", "key", "fold", value="0")
_field("a fraction for a fold", "key", "fold", value=0.0)
_field("an integer of 30 digits", "parameters", value=10**30)
_field("markup for a unit", "key", "unit", value=MARKUP)
_field("markup for a paper", "paper", value=MARKUP)
_field("a terminal's escape for a paper", "paper", value="\x1b]0;owned\x07\x1b[2J")
_field("a sign that turns the writing for a paper", "paper", value="\u202eabc")
_field("a path out of the store for a model", "key", "model", value="../../../x")
_text("a key that is there twice", lambda text: text.replace('"fold": 0', '"fold": 1, "fold": 0', 1))
_text("an integer of 5,000 digits", lambda text: text.replace('"parameters": 5', f'"parameters": {"9" * 5000}'))
_text("100,000 objects in one another", lambda text: '{"key":' * 100_000)
_text("900,000 keys of one object", lambda text: "{" + ",".join(f'"{i}":0' for i in range(90_000)) + "}")
_text("NaN for a score", lambda text: text.replace('"mae": 0.1', '"mae": NaN'))


@_kind("record, a sparse file of 100 GB")
def sparse(store: Store, record: Record) -> None:
    """No byte of it lies on the disk."""
    os.truncate(store.path(record.key), 100 * 2**30)


@_kind("record, a pipe")
def pipe(store: Store, record: Record) -> None:
    """Opening it waits for ever."""
    store.path(record.key).unlink()
    os.mkfifo(store.path(record.key))


@_kind("published run, 10,000 folds that share 900 kB")
def shared(store: Store, record: Record) -> None:
    """What is shared is written once and would be read 10,000 times."""
    content = json.loads(packed_json([record]))
    content["shared"]["paper"] = "x" * 900_000
    content["records"] = [{"training_seed": n} for n in range(9_999)]
    store.run_path(record.key).write_text(json.dumps(content))


# -- predictions ------------------------------------------------------------------------------------


def _predictions(kind: str, name: str, table: Callable[[], dict[str, Any]], **options: Any) -> None:
    @_kind(f"predictions, {kind}")
    def write(store: Store, record: Record) -> None:
        pq.write_table(pa.table(table()), store.path(record.key).with_suffix(".parquet"), **options)


def _rows(n: int) -> dict[str, Any]:
    return {"id": np.full(n, "a"), "fold": np.zeros(n, int), "target": np.zeros(n), "prediction": np.zeros(n)}


_predictions("4,000,000 equal rows", "rows", lambda: _rows(4_000_000))
_predictions("4,000,000 equal rows in zstd", "zstd", lambda: _rows(4_000_000), compression="zstd")
_predictions("2,000 columns", "wide", lambda: {f"c{i}": [1.0] for i in range(2_000)})
_predictions("an id of a megabyte", "long", lambda: _rows(4) | {"id": ["a" * 2**20] * 4})
_predictions("ids with line breaks and escapes", "escapes", lambda: _rows(4) | {"id": ["a\nb", "\x1b[2J", "c", "d"]})


@_kind("predictions, a sparse file of 100 GB")
def sparse_predictions(store: Store, record: Record) -> None:
    """No byte of it lies on the disk."""
    os.truncate(store.path(record.key).with_suffix(".parquet"), 100 * 2**30)


@_kind("predictions, a column name that is no UTF-8")
def no_utf8(store: Store, record: Record) -> None:
    """As a flipped bit makes it."""
    path = store.path(record.key).with_suffix(".parquet")
    path.write_bytes(path.read_bytes().replace(b"target", b"\xff\xferget"))


@_kind("predictions, a pipe")
def pipe_of_predictions(store: Store, record: Record) -> None:
    """Opening it waits for ever."""
    path = store.path(record.key).with_suffix(".parquet")
    path.unlink()
    os.mkfifo(path)


# -- links, names and cards -------------------------------------------------------------------------


@_kind("a link for the root")
def linked_root(store: Store, record: Record) -> None:
    """The directory itself is elsewhere."""
    moved = store.root.rename(store.root.with_name("elsewhere"))
    store.root.symlink_to(moved, target_is_directory=True)


@_kind("a link for the records")
def linked_records(store: Store, record: Record) -> None:
    """So are the records."""
    moved = (store.root / "records").rename(store.root.with_name("elsewhere"))
    (store.root / "records").symlink_to(moved, target_is_directory=True)


@_kind("a link to a file of the machine for predictions")
def linked_file(store: Store, record: Record) -> None:
    """It could be published."""
    path = store.path(record.key).with_suffix(".parquet")
    path.unlink()
    path.symlink_to("/etc/passwd")


@_kind("a link that leads to itself")
def loop(store: Store, record: Record) -> None:
    """Whoever follows it never arrives."""
    (store.root / "records" / "loop").symlink_to(store.root / "records", target_is_directory=True)


@_kind("file names with line breaks and escapes")
def names(store: Store, record: Record) -> None:
    """Beside the records."""
    for name in ("a\nb.json", "\x1b[2J.json", "\u202e.parquet"):
        (store.path(record.key).parent / name).write_text("{}")
    with open(os.fsencode(store.path(record.key).parent) + b"/\xff.json", "w") as file:
        file.write("{}")


@_kind("a card whose citation ends its block and begins a script")
def card(store: Store, record: Record) -> None:
    """A page that shows it."""
    content = {"name": "theirs", "licence": "MIT", "citation": f"@a{{\n```\n{MARKUP}\n# x", "source": "https://example.org/x"}
    (store.root / "models" / "theirs.json").write_text(json.dumps(content))


@_kind("compositions that are a sparse file of 100 GB")
def compositions(store: Store, record: Record) -> None:
    """No byte of it lies on the disk."""
    path = store.root / "compositions" / f"{'0' * 16}.parquet"
    path.parent.mkdir()
    path.touch()
    os.truncate(path, 100 * 2**30)
