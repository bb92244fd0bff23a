"""Files and databases of ASE as tables of crystals."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from ase.db import connect
from ase.io import write

from datasets.crystals import Crystals
from tests.datasets.readers.tables import images, one_line, read


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
