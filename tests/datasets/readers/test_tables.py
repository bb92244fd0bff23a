"""Tables of other programs become the crystals that their writers meant; a bad one is one line, nothing in it is called."""

import csv
import json

import numpy as np
import pytest
from monty.json import MontyEncoder
from pymatgen.core import Lattice, Structure

from datasets.crystals import Crystals
from tests.datasets.readers.tables import (
    CIFS,
    DICTS,
    FLAT,
    GAPS,
    PARTIAL,
    SALTS,
    csv_text,
    json_file,
    one_line,
    read,
    records,
    write_layout,
)

LAYOUTS = [
    "json.gz split", "json records", "json lists", "json labels", "json table", "jsonl", "csv cif", "csv dicts",
    "parquet text", "parquet dicts", "parquet columns",
]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_crystals(tmp_path, layout):
    chosen = read(write_layout(tmp_path, layout))
    crystals = chosen.crystals
    assert crystals.ids.tolist() == ["row-0001", "row-0002", "row-0003"] and crystals.targets["gap"].tolist() == GAPS
    assert np.allclose(crystals.lattice, [salt.lattice.matrix for salt in SALTS], atol=1e-6) and crystals.pbc.all()
    assert crystals.atomic_numbers.tolist() == [11, 17] * 3
    assert np.allclose(crystals.frac_coords[1::2], 0.5) and (chosen.units, chosen.left_out) == ({"gap": "eV"}, {})


def test_sites_are_read_as_pymatgen_reads_them(tmp_path):
    oxidised = SALTS[0].copy()
    oxidised.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    heavy = Structure(
        Lattice([[3, 0.1, 0], [0, 4, 0], [0.2, 0, 5]], pbc=(True, True, False)), ["D", "O"], [[0.1, 0.2, 1.3], [0.5] * 3]
    )
    structures = [oxidised, heavy]
    rows = [{"structure": s.as_dict(), "e": 1.0} for s in structures]
    crystals = read(json_file(tmp_path / "x.json", json.loads(json.dumps(rows, cls=MontyEncoder)))).crystals
    assert crystals.content_hash == Crystals.from_structures(crystals.ids, structures, crystals.targets).content_hash


def test_jarvis_atoms_and_text_for_missing_values(tmp_path):
    atoms = {"lattice_mat": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "elements": ["Cs", "Cl"], "props": ["", ""]}
    whole = {**atoms, "coords": [[0, 0, 0], [2, 2, 2]], "cartesian": True}
    parts = {**atoms, "coords": [[0, 0, 0], [0.5, 0.5, 0.5]], "cartesian": False}
    rows = [{"jid": "JVASP-1", "atoms": whole, "gap": 1, "k": "na"}, {"jid": "JVASP-2", "atoms": parts, "gap": "na", "k": 2}]
    chosen = read(json_file(tmp_path / "x.json", rows), "gap", "k")
    assert chosen.crystals.ids.tolist() == ["JVASP-1", "JVASP-2"]
    assert np.array_equal(chosen.crystals.targets.to_numpy(), [[1, np.nan], [np.nan, 2]], equal_nan=True)
    assert np.allclose(chosen.crystals.frac_coords, [[0, 0, 0], [0.5, 0.5, 0.5]] * 2)


def test_units_come_from_the_heading_or_the_request_and_must_agree(tmp_path):
    (tmp_path / "x.csv").write_text(csv_text(["cif", "gap [eV]", "bulk"], CIFS, GAPS, GAPS))
    assert read(tmp_path / "x.csv", "gap", unit=None).units == {"gap": "eV"}
    assert read(tmp_path / "x.csv", "bulk", "gap", unit=None, units=["bulk=GPa"]).units == {"bulk": "GPa", "gap": "eV"}
    line = one_line(tmp_path / "x.csv", "gap", "bulk", unit=None)
    assert line.endswith(
        f"write python -m benchmark datasets import {tmp_path}/x.csv --name mine --target gap --target bulk "
        "--unit gap=eV --unit bulk=UNIT"
    )
    assert "'gap' is in eV by its heading" in one_line(tmp_path / "x.csv", "gap", unit="Ha")
    assert "write TARGET=UNIT" in one_line(tmp_path / "x.csv", "gap", "bulk", unit=None, units=["GPa"])
    assert "write TARGET=UNIT" in one_line(tmp_path / "x.csv", "bulk", unit=None, units=["blk=GPa"])
    assert "has the unit GPa already" in one_line(tmp_path / "x.csv", "bulk", unit=None, units=["GPa", "bulk=eV"])
    assert "write a unit" in one_line(tmp_path / "x.csv", "bulk", unit=" ")
    assert "write a unit" in one_line(tmp_path / "x.csv", "bulk", unit="m" * 41)
    (tmp_path / "x.csv").write_text(csv_text(["cif", "gap [ eV ]"], CIFS, GAPS))
    assert read(tmp_path / "x.csv", "gap", unit=None).units == {"gap": "eV"}


def test_targets_are_the_only_numbers_or_named(tmp_path):
    path = json_file(tmp_path / "x.json", records(id=[7, 8, 9], metal=[True, False, True], note=["a", "b", "c"]))
    assert read(path).crystals.ids.tolist() == ["7", "8", "9"]
    assert "row 1: target 'metal' is 'True', not a finite number" in one_line(path, "metal")
    assert "no column 'gpa'; it has 'gap', 'id', 'metal', 'note'" in one_line(path, "gpa")
    path = json_file(tmp_path / "x.json", records(**{"E/atom": GAPS, "pbc": GAPS}))
    assert "several columns of numbers: 'gap', 'E/atom', 'pbc'" in one_line(path)
    assert "call it 'E_per_atom'" in one_line(path, "E/atom")
    assert "cannot name a target" in one_line(path, "pbc")
    assert "cannot name a target" in one_line(json_file(tmp_path / "x.json", records(**{"g" * 101: GAPS})), "g" * 101)
    assert "no column of numbers" in one_line(json_file(tmp_path / "x.json", records(gap=["a", "b", "c"])))


def test_missing_values_stay_missing_and_rows_without_any_are_left_out(tmp_path):
    path = json_file(tmp_path / "x.json", records(gap=[1.0, None, None], bulk=["", 5, float("nan")]))
    chosen = read(path, "gap", "bulk")
    assert chosen.crystals.ids.tolist() == ["row-0001", "row-0002"]
    assert np.array_equal(chosen.crystals.targets.to_numpy(), [[1, np.nan], [np.nan, 5]], equal_nan=True)
    assert chosen.left_out == {"without a value of any target": 1}
    path = json_file(tmp_path / "x.json", records(gap=[1.0, "1e999", None]))
    assert "row 2: target 'gap' is '1e999', not a finite number" in one_line(path, "gap")


def test_ids_are_text_and_unique(tmp_path):
    assert read(json_file(tmp_path / "x.json", records(material_id=["b", "a", 7]))).crystals.ids.tolist() == ["b", "a", "7"]
    labelled = {f"mp-{i}": row for i, row in enumerate(records())}
    assert read(json_file(tmp_path / "x.json", labelled)).crystals.ids.tolist() == ["mp-0", "mp-1", "mp-2"]
    line = one_line(json_file(tmp_path / "x.json", records(material_id=["a", "b", "a"])))
    assert "row 3: id 'a' appears more than once in column 'material_id' (first in row 1)" in line
    for bad in (None, "", " ", "two\nlines", [1], "x" * 101):
        assert "row 2: no id" in one_line(json_file(tmp_path / "x.json", records(material_id=["a", bad, "c"])))
    for equal in ("\u00e9", "e\u0301", "\ufeff\u00e9", "e\u0301\u200b", " \u00e9\u00a0"):
        line = one_line(json_file(tmp_path / "x.json", records(material_id=["\u00e9", "b", equal])))
        assert "row 3: id '\u00e9' appears more than once in column 'material_id' (first in row 1)" in line
    assert "row 2: no id" in one_line(json_file(tmp_path / "x.json", records(material_id=["ab", "a\u200bb", "c"])))
    line = one_line(json_file(tmp_path / "x.json", records(material_id=["mp-149", "b", "mp-aaaaaaft"])))
    assert "row 3: id 'mp-aaaaaaft' appears more than once" in line
    same_but_left_out = records(material_id=["a", "b", "a"], gap=[1.0, 2.0, None])
    assert len(read(json_file(tmp_path / "x.json", same_but_left_out)).crystals) == 2


@pytest.mark.parametrize("text", ["abc", "0.5 eV", "<0.1", "\u22120.5", "0.5(1)", "1_000", "50%", "5D-1"])
def test_a_value_that_is_no_number_is_named_in_the_only_column_of_numbers(tmp_path, text):
    line = one_line(json_file(tmp_path / "x.json", records(gap=["0.1", text, "0.3"], word=["a", "b", "c"])))
    assert f"row 2: target 'gap' is '{text}', not a finite number" in line


def test_a_csv_without_a_header_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    rows = [[f"s{i}", json.dumps(content), str(i)] for i, content in enumerate(DICTS)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert "the first row holds a structure; put a header" in one_line(path)
    (tmp_path / "s.cif").write_text("data_x")
    path.write_text("s0,s.cif,0.1\ns1,s.cif,0.2\n")
    assert "the first row holds a structure; put a header" in one_line(path)


# -- structures --------------------------------------------------------------------------------------

BAD = {
    "none": (None, "no structure"),
    "partial": (PARTIAL, "partially occupied"),
    "no element": (json.loads(json.dumps(DICTS[0]).replace('"Na"', '"Qq"')), ""),
    "flat": (FLAT, "span no volume"),
    "no sites": ({**DICTS[0], "sites": []}, "no atoms"),
    "wrong types": ({"lattice": 5, "sites": "Na"}, "structure's dict"),
    "truncated text": (json.dumps(DICTS[0])[:-9], "truncated?"),
    "file name": ("mp-1.cif", "no file 'mp-1.cif' in the folder of the table"),
    "a word": ("NaCl", "'NaCl' is neither a structure nor the name of a file"),
    "another text": ("a\nb\nc", "not a readable CIF file"),
    "number": (5, "no structure"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_structure_is_an_error_or_left_out_and_reported(tmp_path, name):
    structure, message = BAD[name]
    path = json_file(tmp_path / "x.json", records(structure=[DICTS[0], structure, structure]))
    line = one_line(path)
    assert line.startswith(f"{path} row 2: ") and message in line and "; 2 such rows; " in line and "--skip-bad" in line
    chosen = read(path, skip_bad=True)
    assert chosen.crystals.ids.tolist() == ["row-0001"]
    assert chosen.left_out == {"without a readable, fully occupied structure": 2}
    assert [reason.split(": ")[0] for reason in chosen.reasons] == [f"{path} row 2", f"{path} row 3"]
    assert "no row has a " in one_line(json_file(path, records(structure=[structure] * 3)), skip_bad=True)


def test_the_column_of_structures_is_found_by_content_or_named(tmp_path):
    both = records(relaxed=DICTS[::-1], note=["x", "y", "z"])
    assert read(json_file(tmp_path / "x.json", both)).crystals.lattice[0, 0, 0] == SALTS[0].lattice.a
    assert read(tmp_path / "x.json", structure_column="relaxed").crystals.lattice[0, 0, 0] == SALTS[2].lattice.a
    assert "no column 'relaxd'" in one_line(tmp_path / "x.json", structure_column="relaxd")
    renamed = [{"initial" if k == "structure" else k: v for k, v in row.items()} for row in both]
    assert "several columns of structures: 'initial', 'relaxed'" in one_line(json_file(tmp_path / "x.json", renamed))
    assert "no column of structures" in one_line(json_file(tmp_path / "x.json", [{"gap": 1.0}]))


def test_nothing_in_a_file_is_called(tmp_path, monkeypatch):
    marked: list[str] = []
    monkeypatch.setattr("os.system", marked.append)
    evil = {"@module": "os", "@class": "system", "command": "touch x", "@callable": "system", "@bound": None}
    structure = {**DICTS[0], "properties": evil, "charge": evil}
    structure["sites"] = [{**site, "properties": {"x": evil}, "label": "x"} for site in DICTS[0]["sites"]]
    rows = [{"structure": s, "gap": 1.0, "other": evil} for s in (structure, json.dumps(structure))]
    assert len(read(json_file(tmp_path / "x.json", rows)).crystals) == 2 and not marked
