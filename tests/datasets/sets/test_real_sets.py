"""The published sets have the rows, the units and the content that their cards say."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from ase.io import read

from datasets import registry
from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.sets import cgcnn, fung, megnet

DATA = Path(os.environ.get("BENCHMARK_DATA") or Path(__file__).parents[4] / "shared" / "data").resolve()
FILES = {
    "cgcnn": "cgcnn/materials.parquet",
    "megnet": "megnet/materials.parquet",
    "fung/2d": "fung/2D_data.json",
    "fung/mof": "fung/MOF_data.tar.gz",
    "fung/pt": "fung/pt_test_data.tar.gz",
}
SETS = {d.card.name: d for d in (*cgcnn.DATASETS, *megnet.DATASETS, *fung.DATASETS)}


@pytest.fixture
def load(monkeypatch):
    monkeypatch.setenv("BENCHMARK_DATA", str(DATA))

    def loader(name: str) -> Crystals:
        if not (DATA / FILES[name]).is_file():
            pytest.skip(f"{DATA / FILES[name]} is not on this machine")
        return registry.load(name)

    return loader


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_one_line(monkeypatch, tmp_path, name):
    monkeypatch.setenv("BENCHMARK_DATA", str(tmp_path))
    path = tmp_path / FILES[name]
    path.parent.mkdir()
    path.write_bytes(b"\x1f\x8b garbage")
    with pytest.raises(InputError, match=path.name) as caught:
        SETS[name].load()
    assert "\n" not in str(caught.value)


def test_cgcnn_has_the_known_gaps_and_no_poisson_ratio_out_of_range(load):
    targets = load("cgcnn").targets
    counts = {"efermi": 36735, "log10_k_vrh": 7582, "log10_g_vrh": 7582, "poisson_ratio": 3181, "band_gap": 36737}
    assert targets[list(counts)].notna().sum().to_dict() == counts
    assert targets["poisson_ratio"].dropna().between(0, 0.5).all()
    outliers = targets.index[targets["formation_energy_per_atom"] < -5]
    assert set(outliers) == {"mp-690564", "mp-693892", "mp-775201", "mp-778012"}


def test_megnet_keeps_the_published_split(load):
    split = load("megnet").targets["split"]
    assert split.value_counts().to_dict() == {0.0: 44787, 1.0: 3679, 2.0: 3141}
    table = pq.read_table(DATA / FILES["megnet"], columns=["material_id", "split"]).to_pandas()
    names = table.set_index("material_id")["split"]
    assert (names.loc[split.index].map({"train": 0, "val": 1, "test": 2}) == split).all()


def test_sheets_lie_inside_the_cell_with_vacuum_along_c(load):
    sheets = load("fung/2d")
    assert (sheets.pbc == [True, True, False]).all()
    starts, height = sheets.offsets[:-1], np.linalg.norm(sheets.lattice[:, 2], axis=1)
    top, bottom = (f.reduceat(sheets.frac_coords[:, 2], starts) for f in (np.maximum, np.minimum))
    assert (bottom >= 0).all() and (top < 1).all() and ((1 - top + bottom) * height > 10).all()
    assert np.allclose(sheets.lattice[:, :2, 2], 0) and np.allclose(sheets.lattice[:, 2, :2], 0)


def test_clusters_are_not_periodic(load):
    clusters = load("fung/pt")
    assert not clusters.pbc.any() and (clusters.lattice == 20 * np.eye(3)).all() and clusters.elements.tolist() == [78]


def test_mofs_are_read_as_ase_reads_them(load):
    mofs = load("fung/mof")
    with tarfile.open(DATA / FILES["fung/mof"]) as archive:
        for _ in range(4):
            member = archive.next()
            if not member.isfile():
                continue
            atoms = read(io.BytesIO(archive.extractfile(member).read()), format="cif")
            row = mofs.ids.tolist().index(Path(member.name).stem)
            part = mofs.atoms_of(row)
            assert (atoms.numbers == mofs.atomic_numbers[part]).all()
            assert np.allclose(atoms.cell, mofs.lattice[row], atol=1e-6)
            shift = atoms.get_scaled_positions(wrap=False) - mofs.frac_coords[part]
            assert np.allclose(shift, shift.round(), atol=1e-9)


def test_a_damaged_or_foreign_cache_of_the_mofs_is_rebuilt(load, monkeypatch, tmp_path):
    mofs, parsed = load("fung/mof"), []
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path))
    monkeypatch.setattr(fung, "_from_archive", lambda *args: parsed.append(args) or mofs)
    assert fung.read_mofs(DATA / FILES["fung/mof"]) is mofs
    (kept,) = (tmp_path / "fung").glob("*.parquet")
    good = kept.read_bytes()
    mofs.take(np.arange(5)).to_parquet(kept)
    for count, bad in enumerate((good, kept.read_bytes(), good[:-1000], b"")):
        kept.write_bytes(bad)
        assert fung.read_mofs(DATA / FILES["fung/mof"]).content_hash == mofs.content_hash and len(parsed) == 1 + count
    assert fung.read_mofs(DATA / FILES["fung/mof"]) is not mofs and [
        p for p in kept.parent.iterdir() if p.suffix != ".lock"
    ] == [kept]


def test_a_cache_that_cannot_be_written_costs_only_time(load, monkeypatch, tmp_path):
    mofs = load("fung/mof")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(fung, "_from_archive", lambda *_: mofs)
    assert fung.read_mofs(DATA / FILES["fung/mof"]) is mofs


P1 = """data_image0
_cell_length_a       4
_cell_length_b       5
_cell_length_c       6
_cell_angle_alpha    90
_cell_angle_beta     90
_cell_angle_gamma    120
loop_
  _space_group_symop_operation_xyz
  'x, y, z'

loop_
  _atom_site_type_symbol
  _atom_site_label
  _atom_site_symmetry_multiplicity
  _atom_site_fract_x
  _atom_site_fract_y
  _atom_site_fract_z
  _atom_site_occupancy
  Cu  Cu1       1.0  0.12717  0.86218  1.00000  1.0000
  H   H1        1.0  0.25000  0.50000  0.00000  1.0000
"""


def test_the_p1_parser_reads_its_layout_and_refuses_every_other():
    lattice, pbc, numbers, frac_coords = fung.cell_of_p1(P1, "x")
    assert np.allclose(lattice, [[4, 0, 0], [-2.5, 2.5 * 3**0.5, 0], [0, 0, 6]], atol=1e-6) and pbc.all()
    assert numbers.tolist() == [29, 1] and frac_coords[0].tolist() == [0.12717, 0.86218, 1.0]
    changes = [
        ("  1.0000\n  H", "  0.5000\n  H"), ("'x, y, z'", "'x, y, z'\n  '-x, -y, -z'"), ("Cu  Cu1", "Qq  Cu1"),
        ("_cell_length_a       4\n", ""), ("0.86218", ""), ("0.86218", "abc"), ("0.86218", "nan"),
    ]  # fmt: skip
    for old, new in changes:
        with pytest.raises(InputError, match=r"^x: "):
            fung.cell_of_p1(P1.replace(old, new), "x")
