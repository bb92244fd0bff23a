"""Tables of other programs become the crystals that their writers meant; a bad one is one line, nothing in it is called."""

import csv
import gzip
import io
import json
import sqlite3
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st
from monty.json import MontyEncoder
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.importing import import_table
from datasets.readers.tables import TableCrystals, TableOptions, read_crystals

SALTS = [Structure(Lattice.cubic(5.64 + i / 10), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]) for i in range(3)]
DICTS = [json.loads(json.dumps(salt, cls=MontyEncoder)) for salt in SALTS]
CIFS = [str(CifWriter(salt)) for salt in SALTS]
GAPS = [1.5, 2.5, 0.0]
SPLIT = {"index": [0, 1, 2], "columns": ["structure", "gap"], "data": [list(row) for row in zip(DICTS, GAPS, strict=True)]}
PARTIAL = Structure(Lattice.cubic(4), [{"Fe": 0.5}], [[0, 0, 0]]).as_dict()
FLAT = {**DICTS[0], "lattice": {"matrix": [[1, 0, 0], [2, 0, 0], [0, 0, 1]]}}


def read(path: Path, *targets: str, unit: str | None = "eV", **more: object) -> TableCrystals:
    units = [unit] if unit and len(targets) < 2 else [f"{t}={unit}" for t in targets] if unit else []
    return read_crystals(TableOptions(path, "mine", targets, more.pop("units", units), **more))


def one_line(path: Path, *targets: str, **more: object) -> str:
    with pytest.raises(InputError) as caught:
        read(path, *targets, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def json_file(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def csv_text(headings: list[str], *columns: list[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([headings, *zip(*columns, strict=True)])
    return text.getvalue()


def records(**changes: list[object]) -> list[dict[str, object]]:
    columns = {"structure": DICTS, "gap": GAPS, **changes}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def write_layout(folder: Path, layout: str) -> Path:
    path = folder / f"table.{layout.partition(' ')[0]}"
    if layout == "json.gz split":
        path.write_bytes(gzip.compress(json.dumps(SPLIT).encode()))
    elif layout.startswith("csv"):
        cells = CIFS if "cif" in layout else [json.dumps(d) for d in DICTS]
        path.write_text(csv_text(["structure", "gap"], cells, GAPS))
    elif layout.startswith("jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in records()))
    elif layout == "parquet text":
        pd.DataFrame({"structure": [json.dumps(d) for d in DICTS], "gap": GAPS}).to_parquet(path)
    elif layout == "parquet dicts":
        keep = [{"lattice": d["lattice"], "sites": [{k: s[k] for k in ("species", "abc")} for s in d["sites"]]} for d in DICTS]
        pd.DataFrame({"structure": keep, "gap": GAPS}).to_parquet(path)
    elif layout == "parquet columns":
        Crystals.from_structures([f"row-{i:04}" for i in (1, 2, 3)], SALTS, pd.DataFrame({"gap": GAPS})).to_parquet(path)
    else:
        frame = {name: [row[name] for row in records()] for name in ("gap", "structure")}
        by_label = {name: dict(zip("012", values, strict=True)) for name, values in frame.items()}
        contents = {"records": records(), "lists": frame, "labels": by_label, "table": {"schema": {}, "data": records()}}
        json_file(path, contents[layout.split()[1]])
    return path


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


# -- ASE ---------------------------------------------------------------------------------------------


def images() -> list[Atoms]:
    found = []
    for i in range(3):
        atoms = Atoms("Cu12", positions=np.arange(36.0).reshape(12, 3) / 2.5, cell=[8, 8, 9 + i], pbc=(True, True, False))
        atoms.calc = SinglePointCalculator(atoms, energy=-1.5 * i, forces=np.zeros((12, 3)))
        atoms.info = {"strain": 0.1 * i, "label": "x", "tensor": np.eye(3)}
        found.append(atoms)
    return found


def test_frames_of_an_extended_xyz_with_energies_and_info(tmp_path):
    write(tmp_path / "x.extxyz", images())
    crystals = read(tmp_path / "x.extxyz", "energy", "strain").crystals
    assert np.allclose(crystals.targets, [[0, 0], [-1.5, 0.1], [-3, 0.2]])
    expected = Crystals.from_atoms(crystals.ids, images())
    assert np.allclose(crystals.frac_coords, expected.frac_coords) and (crystals.pbc == [True, True, False]).all()
    assert "several columns of numbers: 'strain', 'energy'" in one_line(tmp_path / "x.extxyz")


def test_a_frame_that_cannot_be_read_is_bad_and_not_silently_without_a_target(tmp_path):
    write(tmp_path / "x.xyz", images(), format="extxyz")
    text = (tmp_path / "x.xyz").read_text()
    (tmp_path / "x.xyz").write_text(text.replace('Lattice="8.0 0.0 0.0 0.0 8.0 0.0 0.0 0.0 10.0"', 'Lattice="8.0 zero"'))
    assert "x.xyz frame 2: not readable" in one_line(tmp_path / "x.xyz", "energy")
    chosen = read(tmp_path / "x.xyz", "energy", skip_bad=True)
    assert chosen.crystals.ids.tolist() == ["row-0001", "row-0003"] and sum(chosen.left_out.values()) == 1
    (tmp_path / "x.xyz").write_text(text.replace("pos:R:3", "pos:R:99999999"))
    assert "frame 1: not readable" in one_line(tmp_path / "x.xyz", "energy")
    (tmp_path / "x.xyz").write_text(text[:-500])
    assert "the file ends before the frame's 12 atoms" in one_line(tmp_path / "x.xyz", "energy")
    (tmp_path / "x.xyz").write_text("none\n" + text)
    assert "line 1: 'none' where a frame's number of atoms is expected" in one_line(tmp_path / "x.xyz", "energy")


@pytest.fixture(params=["x.db", "x.json"])
def database(request, tmp_path) -> Path:
    with connect(tmp_path / request.param) as rows:
        for i, atoms in enumerate(images()):
            rows.write(atoms, key_value_pairs={"gap": 0.5 * i, "kind": "x"}, data={"k_vrh": 2.0 * i, "array": np.arange(3)})
    return tmp_path / request.param


def test_rows_of_an_ase_database_with_results_pairs_and_data(database):
    before = database.read_bytes()
    crystals = read(database, "energy", "gap", "k_vrh").crystals
    assert crystals.ids.tolist() == ["1", "2", "3"]
    assert np.allclose(crystals.targets, [[0, 0, 0], [-1.5, 0.5, 2], [-3, 1, 4]])
    assert crystals.structure_hash == Crystals.from_atoms(crystals.ids, images()).structure_hash
    others = [path.name for path in database.parent.iterdir() if not path.name.endswith(".lock")]
    assert database.read_bytes() == before and others == [database.name]


def test_a_database_is_read_where_nothing_can_be_written(database):
    database.chmod(0o400)
    database.parent.chmod(0o500)
    try:
        assert len(read(database, "gap").crystals) == 3
    finally:
        database.parent.chmod(0o700)


SCHEMES = {
    "view": "ALTER TABLE systems RENAME TO s; CREATE VIEW systems AS SELECT * FROM s, (WITH RECURSIVE r(x) AS "
    "(SELECT 1 UNION ALL SELECT x FROM r) SELECT x FROM r)",
    "generated": "ALTER TABLE systems ADD COLUMN big AS (zeroblob(1000000000))",
    "none": "DROP TABLE systems",
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_database_that_computes_is_refused(tmp_path, scheme):
    with connect(tmp_path / "x.db") as rows:
        rows.write(images()[0], gap=1.0)
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.executescript(SCHEMES[scheme])
    assert "a SQLite file, but not an ASE database" in one_line(tmp_path / "x.db", "gap")


def test_databases_that_are_damaged_old_or_being_written_are_one_line(tmp_path):
    path = tmp_path / "x.db"
    with connect(path) as rows:
        rows.write(images()[0], gap=1.0)
        rows.write(images()[1], gap=2.0)
    raw = path.read_bytes()
    (tmp_path / "x.db-wal").write_bytes(b"1")
    assert "x.db-wal holds changes" in one_line(path, "gap")
    (tmp_path / "x.db-wal").unlink()
    for bad in (raw[:5000], b"no database at all", raw[:4096] + bytes(len(raw) - 4096)):
        path.write_bytes(bad)
        assert str(path) in one_line(path, "gap")
    path.write_bytes(raw)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE information SET value = '3' WHERE name = 'version'")
    assert "version 3; expected 5 to 9" in one_line(path, "gap")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE information SET value = '9' WHERE name = 'version'")
        connection.execute("UPDATE systems SET positions = x'00' WHERE id = 1")
    assert "x.db row 1: not readable; damaged?" in one_line(path, "gap")


# -- targets, units, ids -----------------------------------------------------------------------------


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


FILES = {
    "no.csv": (None, "no such file or folder"),
    "x.txt": (b"hello", "not a table of a known kind"),
    "x.pkl": (b"\x80\x04.", "not a table of a known kind"),
    "empty.csv": (b"", "not a CSV"),
    "header.csv": (b"structure,gap\n", "no rows"),
    "wide.csv": (b"structure,gap\n1,2,3\n", "not a CSV"),
    "twice.csv": (b"gap,gap\n1,2\n", "column 'gap' is repeated"),
    "latin.csv": (b"structure,gap\n\xe9,1\n", "not UTF-8"),
    "open.csv": (b'structure,gap\n"data_,1\n', "not a CSV"),
    "cut.json": (b'[{"structure": ', "not JSON; damaged or truncated?"),
    "cut.jsonl": (json.dumps(records()[0]).encode() + b'\n{"a": ', "not JSON; damaged or truncated? (line 2"),
    "number.json": (b"5", "no table"),
    "ragged.json": (b'{"a": [1, 2], "b": [1]}', "no table"),
    "split.json": (b'{"columns": ["a", "b"], "data": [[1]]}', "no table"),
    "deep.json": (b"[" * 100_000, "not JSON"),
    "array.json": (b'[{"a": {"__ndarray__": [[1000000000000], "int64", [1]]}}]', "not JSON"),
    "cut.json.gz": (gzip.compress(b"[1, 2, 3]" * 100)[:-9], "cannot be read"),
    "cut.parquet": (b"PAR1 and more", "not a readable Parquet file"),
    "cut.db": (b"SQLite format 3\0", "not a readable ASE database"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_table_is_one_line_that_names_it(tmp_path, name):
    content, message = FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    line = one_line(tmp_path / name)
    assert line.startswith(str(tmp_path / name)) and message in line


def test_what_unpacks_beyond_the_bound_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    pa.parquet.write_table(pa.table({"structure": [" " * 100_000] * 1000}), path, compression="zstd")
    assert path.stat().st_size < 50_000
    monkeypatch.setattr("datasets.readers.columns.read_parquet.__defaults__", (10_000_000,))
    assert "bytes when unpacked; refused" in one_line(path)


# -- damaged bytes -----------------------------------------------------------------------------------


def valid_inputs(folder: Path) -> dict[str, bytes]:
    write(folder / "x.extxyz", images())
    return {
        "x.csv": csv_text(["material_id", "cif", "gap"], ["a", "b", "c"], CIFS, GAPS).encode(),
        "y.csv": csv_text(["structure", "gap"], [json.dumps(d) for d in DICTS], GAPS).encode(),
        "x.json": json.dumps(SPLIT).encode(),
        "x.jsonl": "\n".join(map(json.dumps, records())).encode(),
        "x.extxyz": (folder / "x.extxyz").read_bytes(),
    }


@pytest.fixture(scope="module")
def valid(tmp_path_factory) -> dict[str, bytes]:
    return valid_inputs(tmp_path_factory.mktemp("valid"))


CHANGES = st.lists(
    st.tuples(st.sampled_from(["set", "cut", "insert", "repeat"]), st.floats(0, 1), st.binary(min_size=1, max_size=3)),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=250)
@given(name=st.sampled_from(["x.csv", "y.csv", "x.json", "x.jsonl", "x.extxyz"]), changes=CHANGES)
def test_damaged_bytes_are_an_input_error_or_a_table_and_an_error_writes_nothing(tmp_path_factory, valid, name, changes):
    folder, raw = tmp_path_factory.mktemp("fuzz"), valid[name]
    for kind, where, inserted in changes:
        at = int(where * len(raw))
        middle = {"set": inserted, "insert": inserted + raw[at:], "cut": b"", "repeat": raw[at : at + 40] + raw[at:]}[kind]
        raw = raw[:at] + middle + (raw[at + len(inserted) :] if kind == "set" else b"")
    (folder / name).write_bytes(raw)
    options = TableOptions(folder / name, "mine", ["energy"] if "xyz" in name else ["gap"], ["eV"])
    start = time.perf_counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCHMARK_CACHE", str(folder / "cache"))
        try:
            import_table(options)
        except InputError as error:
            assert "\n" not in str(error) and not (folder / "cache").exists()
    assert time.perf_counter() - start < 5


def test_a_row_of_a_folder_with_too_few_columns_is_named_with_the_missing_files(tmp_path):
    for number, name in enumerate("ab"):
        write(tmp_path / f"{name}.cif", Atoms("NaCl", positions=[[0, 0, 0], [2, 2, 2]], cell=[4 + number, 4, 4], pbc=True))
    (tmp_path / "id_prop.csv").write_text("id,gap\na,1.5\nb\nz,2.5\n")
    with pytest.raises(InputError, match="2 such rows") as caught:
        read(tmp_path)
    assert [line.rpartition("id_prop.csv ")[2][:6] for line in caught.value.details] == ["line 3", "line 4"]
    assert read(tmp_path, skip_bad=True).crystals.ids.tolist() == ["a"]
