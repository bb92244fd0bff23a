"""What `python -m tests.reliability` counts as wrong, and a sample of the damaged files that it reads."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from datasets.errors import InputError
from tests.reliability import mutations, tries
from tests.reliability.good_files import tables_and_records
from tests.reliability.mutations import Good, damage
from tests.reliability.page import Part, write_page, write_part
from tests.reliability.tries import attempt


def fail() -> None:
    raise KeyError("x")


def escape() -> None:
    print("\x1b[2J")


def refuse() -> None:
    raise SystemExit(2)


def spin() -> None:
    while True:
        pass


def fill() -> None:
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1)) * 50_000_000)


@pytest.mark.parametrize(
    ("work", "what"),
    [
        (lambda: print("good"), "accepted"), (refuse, "refused"), (fail, "traceback"), (escape, "escapes"),
        (lambda: os.kill(os.getpid(), 9), "killed"), (spin, "hang"), (lambda: time.sleep(60), "hang"),
        (fill, "too much memory"),
    ],
)  # fmt: skip
def test_a_try_is_told_by_how_it_ends(work, what, tmp_path, monkeypatch):
    monkeypatch.setattr(tries, "SECONDS", 0.5)
    monkeypatch.setattr(tries, "CLOCK_SECONDS", 2.0)
    if work is fill:
        monkeypatch.setattr(tries, "SECONDS", 60.0)
        monkeypatch.setattr(tries, "CLOCK_SECONDS", 60.0)
    assert attempt(work, tmp_path).what == what


def test_damaged_tables_records_and_predictions_are_refused_in_one_line(tmp_path):
    found = damage(tables_and_records(tmp_path / "good"), 240, 1)
    assert found.findings == []
    assert sum(count for (_, what), count in found.counts.items() if what == "refused") > 120


def test_what_goes_wrong_is_found_and_the_others_are_read(tmp_path):
    (tmp_path / "x").write_text("good")

    def read(path: Path) -> None:
        number = read.calls = getattr(read, "calls", 0) + 1
        if number == 3:
            os.kill(os.getpid(), 9)
        if number == 5:
            raise InputError("two\nlines")
        raise KeyError if number == 1 else InputError("one line")

    found = damage([Good("x", tmp_path / "x", read)], 8, 0)
    assert [line.split(": ")[0] for line in found.findings] == ["traceback", "killed", "traceback", "killed", "traceback"]
    assert sum(found.counts.values()) == 8
    assert mutations.SECONDS == 5.0


def test_a_part_of_others_has_its_own_section(tmp_path):
    for name, heading in (("shared-stores", "Shared stores"), ("damage", "Damaged"), ("files", "Files")):
        part = Part(heading, "A text.", [("", ["what", "n"], [["<b>", "1"]])], "python -m x", 60.0, 3)
        write_part(tmp_path / "reliability", name, part)
    page = write_page(tmp_path / "reliability").read_text()
    assert [line for line in page.splitlines() if line.startswith("## ")] == ["## Files", "## Damaged", "## Shared stores"]
    assert "| &lt;b&gt; |" in page.replace("  ", " ") and "command: `python -m x`, seed 3; 1 minutes" in page
