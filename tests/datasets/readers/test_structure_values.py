"""Structures of a table as files beside it, texts of files and entries; what a program only printed is refused by name."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from pymatgen.core import Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar

from datasets.errors import InputError
from datasets.readers.structure_values import is_file_name, kind_of_text
from datasets.readers.tables import TableCrystals, TableOptions, read_crystals

SALTS = [Structure(Lattice.cubic(5.64 + i / 10), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]) for i in range(3)]
TEXTS = {
    "CIF": [str(CifWriter(salt)) for salt in SALTS],
    "POSCAR": [str(Poscar(salt)) for salt in SALTS],
    "XYZ": [
        f'2\nLattice="{a} 0 0 0 {a} 0 0 0 {a}" Properties=species:S:1:pos:R:3 pbc="T T T"\nNa 0 0 0\nCl {h} {h} {h}\n'
        for a, h in ((salt.lattice.a, salt.lattice.a / 2) for salt in SALTS)
    ],
}  # fmt: skip
ENTRIES = [ComputedStructureEntry(salt, -7.0 - i, entry_id=f"e{i}").as_dict() for i, salt in enumerate(SALTS)]


def table(path: Path, structures: list[object], heading: str = "structure", **more: object) -> TableCrystals:
    frame = pd.DataFrame({heading: structures, "gap": [0.5, 1.5, 2.5][: len(structures)]})
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".json":
        path.write_text(json.dumps(frame.to_dict("records")))
    else:
        frame.to_parquet(path)
    return read_crystals(TableOptions(path, "mine", ["gap"], ["eV"], **more))


def one_line(*arguments: object, **more: object) -> str:
    with pytest.raises(InputError) as caught:
        table(*arguments, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def require_salts(found: TableCrystals) -> None:
    crystals = found.crystals
    assert crystals.atomic_numbers.tolist() == [11, 17] * 3 and crystals.pbc.all() and not found.left_out
    assert np.allclose(crystals.lattice, [salt.lattice.matrix for salt in SALTS], atol=1e-6)
    assert np.allclose(crystals.frac_coords[1::2], 0.5) and crystals.targets["gap"].tolist() == [0.5, 1.5, 2.5]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
@pytest.mark.parametrize("kind", TEXTS)
def test_texts_of_structure_files(tmp_path, suffix, kind):
    require_salts(table(tmp_path / f"x{suffix}", TEXTS[kind], "anything"))
    assert [kind_of_text(text) for text in TEXTS[kind]] == [kind] * 3


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
@pytest.mark.parametrize("heading", ["structure", "cif", "file", "id"])
def test_names_of_files_beside_the_table(tmp_path, monkeypatch, suffix, heading):
    (tmp_path / "cifs").mkdir()
    for i, text in enumerate(TEXTS["CIF"]):
        (tmp_path / "cifs" / f"s{i}.cif").write_text(text)
    names = ["cifs/s0.cif", r"cifs\s1.cif", " ./cifs/../cifs/s2.cif "]
    found = table(tmp_path / f"x{suffix}", names, heading)
    require_salts(found)
    assert found.crystals.ids[0] == ("cifs/s0.cif" if heading == "id" else "row-0001")
    monkeypatch.chdir(tmp_path)
    require_salts(table(Path(f"x{suffix}"), names, heading))
    require_salts(table(tmp_path / f"x{suffix}", [str(tmp_path / "cifs" / f"s{i}.cif") for i in range(3)], heading))


def test_files_that_are_missing_or_outside_name_their_row(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    for folder in (inside, tmp_path):
        (folder / "s.cif").write_text(TEXTS["CIF"][0])
    for name, message in {
        "t.cif": "line 3: no file 't.cif' in the folder of the table",
        "../s.cif": "line 3: '../s.cif' lies outside of the table's folder; give file names relative to it",
        str(tmp_path / "s.cif"): "lies outside of the table's folder",
        "s/../../s.cif": "lies outside of the table's folder",
        "s": "line 3: 's' is neither a structure nor the name of a file",
    }.items():
        line = one_line(inside / "x.csv", ["s.cif", name, "s.cif"])
        assert line.startswith(f"{inside / 'x.csv'} line 3: ") and message in line and "--skip-bad" in line
        assert len(table(inside / "x.csv", ["s.cif", name, "s.cif"], skip_bad=True).crystals) == 2
    (inside / "bad.cif").write_text("nothing")
    assert "x.csv line 3: bad.cif: not a readable CIF" in one_line(inside / "x.csv", ["s.cif", "bad.cif", "s.cif"])


def test_a_column_of_structures_wins_over_one_of_file_names(tmp_path):
    frame = pd.DataFrame({"cif": ["a.cif"] * 3, "relaxed": TEXTS["POSCAR"], "gap": [0.5, 1.5, 2.5]})
    frame.to_csv(tmp_path / "x.csv", index=False)
    require_salts(read_crystals(TableOptions(tmp_path / "x.csv", "mine", ["gap"], ["eV"])))


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_the_structures_of_computed_entries(tmp_path, suffix):
    entries = [json.dumps(entry) for entry in ENTRIES] if suffix == ".csv" else json.loads(json.dumps(ENTRIES))
    if suffix == ".parquet":
        entries = [{key: entry[key] for key in ("@module", "@class", "energy", "structure")} for entry in entries]
        for entry in entries:
            entry["structure"] = {key: entry["structure"][key] for key in ("lattice", "sites")}
            entry["structure"]["sites"] = [{key: s[key] for key in ("species", "abc")} for s in entry["structure"]["sites"]]
    require_salts(table(tmp_path / f"x{suffix}", entries, "computed_structure_entry"))


def test_a_list_of_entries_is_a_table_of_energies(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(ENTRIES))
    found = read_crystals(TableOptions(tmp_path / "x.json", "mine", ["energy"], ["eV"]))
    assert found.crystals.targets["energy"].tolist() == [-7, -8, -9] and len(found.crystals) == 3
    labelled = {"entry": {f"wbm-{i}": entry for i, entry in enumerate(ENTRIES)}, "e": {f"wbm-{i}": float(i) for i in range(3)}}
    (tmp_path / "x.json").write_text(json.dumps(labelled))
    found = read_crystals(TableOptions(tmp_path / "x.json", "mine", ["e"], ["eV"]))
    assert found.crystals.ids.tolist() == ["wbm-0", "wbm-1", "wbm-2"]


def test_entries_without_a_structure_are_refused_by_their_name(tmp_path):
    entry = ComputedEntry("NaCl", -7.0).as_dict()
    assert "row 1: a ComputedEntry, which has no structure" in one_line(tmp_path / "x.json", [entry, *ENTRIES[:2]])
    assert "line 2: a ComputedEntry, which has no structure" in one_line(tmp_path / "x.csv", [json.dumps(entry)])
    (tmp_path / "x.json").write_text(json.dumps([entry, entry]))
    with pytest.raises(InputError, match="its rows are entries without a structure"):
        read_crystals(TableOptions(tmp_path / "x.json", "mine", ["energy"], ["eV"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (str(SALTS[0]), r"what str\(structure\) prints, not all of it; write structure\.to\(fmt='cif'\)"),
        (repr(SALTS[0]), r"what str\(structure\) prints"),
        (str(Atoms("NaCl", cell=[4, 4, 4])), r"what str\(atoms\) prints, without positions"),
        (str(SALTS[0].as_dict()), r"a dict as Python prints it, not JSON; write json\.dumps\(structure\.as_dict\(\)\)"),
    ],
)
def test_what_was_only_printed_is_refused_by_its_name(tmp_path, text, message):
    for heading in ("structure", "anything"):
        with pytest.raises(InputError, match=message):
            table(tmp_path / "x.csv", [text, *TEXTS["CIF"][:2]], heading)


def test_what_is_a_file_name():
    assert all(map(is_file_name, ("a.cif", "x/y.CIF", "POSCAR", "run/CONTCAR_2", "a.vasp.gz", r"x\a.json", " a.yaml ")))
    others = ("a", "a.txt", "", "a.cif\nb.cif", '{"a": "x.cif', None, 5, "x" * 600 + ".cif", TEXTS["CIF"][0])
    assert not any(map(is_file_name, others))
