"""`datasets import`: one command from a table to a task, one line for everything that is wrong."""

from __future__ import annotations

import csv
import json

import pytest
from ase.build import bulk
from ase.io import write
from pymatgen.io.ase import AseAtomsAdaptor

from benchmark.harness.plan import RunOptions, _available
from datasets import registry
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import METALS


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "cache"))
    registry.load.cache_clear()


@pytest.fixture
def metals(tmp_path):
    """`metals.csv`: 21 fcc metals as pymatgen's JSON, their volume with a unit in the heading and a bulk modulus without."""
    rows = []
    for i in range(21):
        atoms = bulk(METALS[i % len(METALS)])
        atoms.set_cell(atoms.cell * (0.9 + i / 100), scale_atoms=True)
        structure = json.dumps(AseAtomsAdaptor.get_structure(atoms).as_dict())
        rows.append([f"m{i}", structure, atoms.get_volume(), i if i % 3 else ""])
    with (tmp_path / "metals.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "structure", "volume [Å³]", "bulk"], *rows])
    return tmp_path / "metals.csv"


def test_a_table_becomes_a_task(benchmark_command, metals, tmp_path):
    arguments = ("--name", "metals", "--target", "volume", "--target", "bulk", "--unit", "bulk=GPa")
    done = benchmark_command("datasets", "import", "metals.csv", *arguments)
    assert done.returncode == 0, done.stderr
    card = tmp_path / "cache" / "imported" / "metals.json"
    assert str(card) in done.stdout and "run --task metals/volume" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "metals.csv"], "nothing beside the table"
    rows = {row["name"]: row for row in json.loads(benchmark_command("datasets", "list", "--json").stdout)}
    assert rows["metals"]["here"] and rows["metals"]["targets"] == {"volume": "Å³", "bulk": "GPa"}
    info = json.loads(benchmark_command("datasets", "info", "metals", "--json").stdout)
    assert info["rows"] == 21 and info["targets"]["bulk"] == {"unit": "GPa", "rows": 14}
    assert json.loads(benchmark_command("datasets", "health", "metals", "--json").stdout)["crystals"] == 21
    run = benchmark_command("run", "--task", "metals/bulk", "--model", "dummy", "--dry-run", "--json")
    assert [job["task"] for job in json.loads(run.stdout)["jobs"]] == ["metals/bulk"] * 5
    assert "metals" not in {task.dataset for task in _available(RunOptions(everything=True))[0]}
    card.unlink()
    assert "unknown task 'metals/bulk'" in one_line_error(benchmark_command("run", "--task", "metals/bulk"))


def test_a_set_with_the_name_of_a_folder_says_which_of_the_two_a_command_takes(benchmark_command, metals, tmp_path):
    arguments = ("datasets", "import", "metals.csv", "--name", "metals", "--target", "volume")
    (tmp_path / "metals").mkdir()
    said = f"commands take metals for this set; write {tmp_path / 'metals'} for the folder of that name"
    assert said in benchmark_command(*arguments).stdout.splitlines()
    assert not list((tmp_path / "metals").iterdir())


def test_json_says_what_was_made_and_left_out(benchmark_command, metals, tmp_path):
    metals.write_text(metals.read_text().replace('""Ag""', '""Xx""'))
    done = benchmark_command("datasets", "import", "metals.csv", "--name", "x", "--target", "volume")
    refused, *rows = done.stderr.splitlines()
    assert done.returncode == 2 and refused.startswith("error: metals.csv line 4: ")
    assert "3 such rows" in refused and "--skip-bad" in refused
    assert [row.split(": ")[0] for row in rows] == [f"- metals.csv line {n}" for n in (4, 11, 18)]
    arguments = ("--name", "x", "--target", "bulk", "--unit", "GPa", "--skip-bad")
    made = json.loads(benchmark_command("datasets", "import", "metals.csv", *arguments, "--json").stdout)
    assert made["rows"] == 12 and made["targets"] == {"bulk": {"unit": "GPa", "rows": 12}}
    assert made["left_out"] == {
        "without a value of any target": 7,
        "without a readable, fully occupied structure": 2,
    }
    assert len(made["reasons"]) == 2 and made["files"][-1].endswith("x.json")
    done = benchmark_command("datasets", "import", "metals.csv", *arguments, "--replace")
    assert done.stdout.startswith("x: 12 crystals, 12 atoms\n") and "left out" not in done.stdout
    assert "warning: left out 7 rows without a value of any target" in done.stderr.splitlines()
    assert done.stderr.count("- metals.csv line ") == 2


def test_it_says_where_the_ids_are_from_and_which_columns_are_not_used(benchmark_command, metals, tmp_path):
    arguments = ("datasets", "import", "metals.csv", "--name", "x", "--target", "volume")
    said = benchmark_command(*arguments).stdout.splitlines()
    assert "ids: column 'id'" in said and "columns not used: 'bulk'" in said
    metals.write_text(metals.read_text().replace("id,structure", "formula no,structure", 1))
    said = benchmark_command(*arguments, "--replace").stdout.splitlines()
    told = "no column is called id or the like; --id-column can take ids from 'formula no'"
    assert f"ids: row-0001, row-0002 …, as {told}" in said
    assert "columns not used: 'formula no', 'bulk'" in said
    said = benchmark_command(*arguments, "--replace", "--id-column", "formula no").stdout.splitlines()
    assert "ids: column 'formula no'" in said and registry.load("x").ids[:2].tolist() == ["m0", "m1"]
    refused = one_line_error(benchmark_command(*arguments, "--replace", "--id-column", "nme"))
    assert "no column 'nme' of ids; it has 'formula no'" in refused and refused.endswith("can take ids from 'formula no'\n")
    refused = one_line_error(benchmark_command(*arguments[:5], "--replace"))
    assert "name the targets with --target; --id-column can take ids from 'formula no'" in refused


def test_classes_are_shown_with_their_counts(benchmark_command, metals, tmp_path):
    rows = list(csv.reader(metals.open()))
    with metals.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([[*row[:2], row[0] in ("m1", "m3") or "f"] for row in rows])
    metals.write_text(metals.read_text().replace("id;structure;f", "id;structure;light"))
    arguments = ("datasets", "import", "metals.csv", "--name", "x", "--target", "light")
    assert "mixes" in one_line_error(benchmark_command(*arguments))
    metals.write_text(metals.read_text().replace(";True", ";t"))
    line = "classes of light: False (19), True (2)"
    assert line in benchmark_command(*arguments).stdout.splitlines()
    assert line in benchmark_command("datasets", "info", "x", "--page", str(tmp_path)).stdout.splitlines()
    assert f"- {line}" in (tmp_path / "x.md").read_text().splitlines()
    info = json.loads(benchmark_command("datasets", "info", "x", "--json").stdout)
    assert info["targets"]["light"] == {"unit": "class", "rows": 21, "classes": {"False": 19, "True": 2}}


def test_one_crystal_that_came_with_nothing_is_one_line(benchmark_command, tmp_path):
    write(tmp_path / "x.extxyz", bulk("Cu"))
    line = one_line_error(benchmark_command("datasets", "import", "x.extxyz", "--name", "x"))
    assert "no column of numbers to predict" in line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("metals.csv",), "Missing option '--name'"),
        (("nowhere.csv", "--name", "x"), "nowhere.csv: no such file or folder"),
        (("metals.csv", "--name", "x"), "several columns of numbers: 'volume', 'bulk'; name the targets with --target"),
        (("metals.csv", "--name", "x", "--target", "bulk"), "--name x --target bulk --unit bulk=UNIT"),
        (("metals.csv", "--name", "x", "--target", "bulk", "--unit", "a=b"), "write TARGET=UNIT"),
        (("metals.csv", "--name", "x", "--structure-column", "cif"), "no column 'cif'"),
        (("metals.csv", "--name", "emt", "--target", "volume"), "the dataset emt/alloys is called so"),
        (("metals.csv", "--name", "../x", "--target", "volume"), "--name '../x'"),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(benchmark_command, metals, tmp_path, arguments, expected):
    assert expected in one_line_error(benchmark_command("datasets", "import", *arguments))
    assert not (tmp_path / "cache").exists()


def test_a_damaged_card_costs_only_its_own_set(benchmark_command, metals, tmp_path):
    for name in ("x", "y"):
        benchmark_command("datasets", "import", "metals.csv", "--name", name, "--target", "volume")
    (tmp_path / "cache" / "imported" / "x.json").write_text("{")
    names = [row["name"] for row in json.loads(benchmark_command("datasets", "list", "--json").stdout)]
    assert "y" in names and "x" not in names
    assert benchmark_command("run", "--task", "y", "--model", "dummy", "--dry-run").returncode == 0
