"""Imported sets are found like any other, replaced only on request, and a damaged one costs nobody else."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datasets import imported, registry
from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.imported import folder
from datasets.importing import import_table
from datasets.readers.folder import open_folder
from datasets.readers.tables import TableOptions
from tests.benchmark.conftest import write_folder
from tests.conftest import alloy, slab


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "cache"))
    registry.load.cache_clear()


def table(path: Path, *energies: float) -> Path:
    cells = [slab() if i % 2 else alloy(i) for i in range(len(energies))]
    targets = pd.DataFrame({"energy": energies, "gap": [np.nan, *energies[1:]]})
    Crystals.from_cells([f"c{i}" for i in range(len(cells))], cells, targets).to_parquet(path)
    return path


def options(path: Path, name: str = "mine", **more: object) -> TableOptions:
    return TableOptions(path, name, ["gap", "energy"], ["gap=eV", "energy=eV/atom"], **more)


def test_an_imported_set_is_registered_at_once_and_loads_as_it_was(tmp_path):
    source = table(tmp_path / "x.parquet", 1.0, 2.0, 3.0)
    before = registry.registered()
    made = import_table(options(source))
    assert list(registry.registered()) == sorted([*before, "mine"])
    crystals, card = registry.load("mine"), registry.get("mine").card
    original = Crystals.from_parquet(source)
    assert crystals.content_hash == original.content_hash == card.content_hash == made.card.content_hash
    assert list(crystals.targets) == ["gap", "energy"] and np.isnan(crystals.targets["gap"].iloc[0])
    assert (card.rows, card.targets, card.licence) == (3, {"gap": "eV", "energy": "eV/atom"}, "the user's own")
    assert card.source.startswith("x.parquet, sha256 ") and len(card.source.split()[-1]) == 64
    assert made.files == (folder() / "mine.parquet", folder() / "mine.json")
    assert sorted(path.name for path in folder().iterdir() if path.name != ".lock") == ["mine.json", "mine.parquet"]


def test_a_set_is_replaced_only_on_request_and_then_also_in_memory(tmp_path):
    import_table(options(table(tmp_path / "x.parquet", 1.0, 2.0)))
    assert len(registry.load("mine")) == 2
    with pytest.raises(InputError, match="an imported set of 2 crystals has that name; choose another name, or add --replace"):
        import_table(options(table(tmp_path / "y.parquet", 1.0, 2.0, 3.0)))
    assert len(registry.load("mine")) == 2
    import_table(options(tmp_path / "y.parquet"), replacing=True)
    assert len(registry.load("mine")) == 3 and registry.get("mine").card.rows == 3


def test_a_failed_import_leaves_the_old_set_and_no_file(tmp_path, monkeypatch):
    import_table(options(table(tmp_path / "x.parquet", 1.0, 2.0)))
    before = {path.name: path.read_bytes() for path in folder().iterdir()}
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError):
        import_table(options(tmp_path / "x.parquet"), replacing=True)
    table(tmp_path / "x.parquet", 5.0, 6.0)
    monkeypatch.setattr(imported.Card, "model_dump_json", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_table(options(tmp_path / "x.parquet"), replacing=True)
    assert {path.name: path.read_bytes() for path in folder().iterdir()} == before


@pytest.mark.parametrize(
    "name", ["emt", "emt/alloys", "cgcnn", "fung", "..", ".", "", "a/b", ".hidden", "-x", "a\nb", "x" * 101, "é" * 60, "a\\b"]
)
def test_names_that_are_taken_or_cannot_be_folders_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="--name") as caught:
        import_table(options(table(tmp_path / "x.parquet", 1.0, 2.0), name))
    assert "\n" not in str(caught.value) and not folder().exists()


def test_deleting_either_file_deletes_the_set(tmp_path):
    for suffix in (".json", ".parquet"):
        import_table(options(table(tmp_path / "x.parquet", 1.0, 2.0)))
        (folder() / f"mine{suffix}").unlink()
        assert "mine" not in registry.registered()
        with pytest.raises(InputError, match="unknown dataset 'mine'"):
            registry.get("mine")


CARDS = {
    "cut": lambda text: text[:40],
    "no JSON": lambda _: "hello",
    "other name": lambda text: text.replace('"mine"', '"emt/alloys"'),
    "no targets": lambda text: json.dumps({**json.loads(text), "targets": {}}),
    "escaping target": lambda text: json.dumps({**json.loads(text), "targets": {"../x": "eV"}}),
    "one class": lambda text: json.dumps({**json.loads(text), "classes": {"gap": ["a"]}}),
    "classes of no target": lambda text: json.dumps({**json.loads(text), "classes": {"x": ["a", "b"]}}),
    "no hash": lambda text: json.dumps({**json.loads(text), "content_hash": None}),
    "unknown field": lambda text: json.dumps({**json.loads(text), "more": 1}),
    "list": lambda _: "[]",
    "deep": lambda _: "[" * 100_000,
}


@pytest.mark.parametrize("damage", CARDS)
def test_a_damaged_card_costs_its_own_set_and_one_line(tmp_path, caplog, damage):
    for name in ("mine", "other"):
        import_table(options(table(tmp_path / "x.parquet", 1.0, 2.0), name))
    card = folder() / "mine.json"
    card.write_text(CARDS[damage](card.read_text()))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert "mine" not in registry.registered() and {"other", "emt/alloys"} <= set(registry.registered())
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{card} is left out: ") and "\n" not in record.getMessage()
    table_bytes = (folder() / "mine.parquet").read_bytes()
    with pytest.raises(InputError, match="files of that name lie in "):
        import_table(options(table(tmp_path / "x.parquet", 3.0, 4.0)))
    assert (folder() / "mine.parquet").read_bytes() == table_bytes
    import_table(options(tmp_path / "x.parquet"), replacing=True)
    assert len(registry.load("mine")) == 2


def test_a_damaged_or_exchanged_table_is_one_line_on_loading(tmp_path):
    import_table(options(table(tmp_path / "x.parquet", 1.0, 2.0)))
    raw = (folder() / "mine.parquet").read_bytes()
    for content, message in (
        (raw[:-9], "mine.parquet: not a readable"),
        (table(tmp_path / "y", 3.0, 4.0).read_bytes(), "content hash"),
    ):
        (folder() / "mine.parquet").write_bytes(content)
        with pytest.raises(InputError, match=message):
            registry.load("mine")


def test_a_folder_is_copied_with_its_element_features(tmp_path):
    source = write_folder(tmp_path / "source", 5)
    features = {str(z): [float(z), 1.0] for z in range(1, 101)}
    (source / "atom_init.json").write_text(json.dumps(features))
    made = import_table(TableOptions(source, "mine", units=["Å³/atom"]))
    expected = open_folder(source).load()
    assert registry.load("mine").content_hash == expected.content_hash and len(made.files) == 3
    (source / "c1.cif").write_text("broken")
    assert len(registry.load("mine")) == 5
    with pytest.raises(InputError, match=r"id_prop\.csv line 2: c1\.cif: not a readable CIF file.*--skip-bad"):
        import_table(TableOptions(source, "mine", units=["eV"]), replacing=True)
    (source / "atom_init.json").unlink()
    import_table(TableOptions(source, "mine", units=["eV"], skip_bad=True), replacing=True)
    crystals = registry.load("mine")
    assert crystals.ids.tolist() == ["c0", "c2", "c3", "c4"] and crystals.element_features is None
    assert registry.get("mine").card.known_problems == (
        "rows without a readable, fully occupied structure that were left out: 1",
    )


def test_classes_are_kept_on_the_card(tmp_path):
    source = write_folder(tmp_path / "source", 5)
    (source / "id_prop.csv").write_text("c0,semi\nc1,metal\nc2,semi\nc3,\nc4,semi\n")
    made = import_table(TableOptions(source, "mine", ["target"]))
    card = registry.get("mine").card
    assert (card.targets, card.classes) == ({"target": "class"}, {"target": ("metal", "semi")}) and card == made.card
    assert card.known_problems == (
        "rows without a value of any target that were left out: 1",
        "target: one crystal only is metal",
    )
    assert registry.load("mine").targets["target"].tolist() == [1, 0, 1, 1]


def test_a_folder_whose_numbers_may_be_classes_says_which_by_its_unit(tmp_path):
    source = write_folder(tmp_path / "source", 5)
    (source / "id_prop.csv").write_text("c0;0\nc1;1\nc2;0\nc3;1\nc4;0\n")
    with pytest.raises(InputError, match="may be classes or amounts"):
        import_table(TableOptions(source, "mine"))
    assert import_table(TableOptions(source, "mine", units=["class"])).card.classes == {"target": ("0", "1")}
    assert import_table(TableOptions(source, "mine", units=["eV"]), replacing=True).card.classes == {}


def test_a_folder_without_units_asks_for_them(tmp_path):
    source = write_folder(tmp_path / "source", 5)
    with pytest.raises(InputError, match=r"'target' without a unit; write python -m benchmark datasets import .*UNIT$"):
        import_table(TableOptions(source, "mine"))
    (source / "id_prop.csv").write_text("".join(f"c{n},{n * n + 3}\n" for n in range(5)))
    with pytest.raises(InputError, match=r"without a unit; .* \(the unit class makes whole numbers classes\)$"):
        import_table(TableOptions(source, "mine"))
