"""The sets of Fung et al. (MatDeepLearn) in the formats it distributes: 2D sheets, MOFs and Pt clusters."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from datasets.crystals import Cell, Crystals
from datasets.errors import InputError
from datasets.files import checked, parse_structure
from datasets.registry import Card, Dataset, cache_dir, data_file

BENCHMARK = "Fung, Zhang, Juarez & Sumpter, npj Comput. Mater. 7, 84 (2021), doi:10.1038/s41524-021-00554-0"
SOURCE = "https://github.com/vxfung/MatDeepLearn"
LICENCE = "as distributed with MatDeepLearn (MIT)"
TARGETS_FILE = "targets.csv"
COORDINATE_DECIMALS = 8
LATTICE_DECIMALS = 6  # the MOFs' cell lengths have six digits


def _how_to_get(relative: str) -> str:
    return (
        f"place MatDeepLearn's file as {relative} in the directory that BENCHMARK_DATA points to "
        "(downloading it is not implemented yet)."
    )


SHEETS = Card(
    name="fung/2d",
    description="2D materials of C2DB, one sheet a cell with at least 10 Å of vacuum along c; periodic along a and b",
    targets={"work_function": "eV"},
    rows=3814,
    content_hash="5d44969dc1217af26ee50fc828a3638ef8716334630af6736ea473afb6e20a24",
    licence=f"{LICENCE}; C2DB itself CC-BY 4.0",
    citation=f"{BENCHMARK}; Haastrup et al., 2D Mater. 5, 042002 (2018), doi:10.1088/2053-1583/aacfc1",
    source=f"{SOURCE}, from C2DB",
    file="fung/2D_data.json",
    how_to_get=_how_to_get("fung/2D_data.json"),
    known_problems=("25 cells are left-handed; they are kept as published",),
)
MOFS = Card(
    name="fung/mof",
    description="Metal-organic frameworks of an early release of QMOF with PBE band gaps",
    targets={"band_gap": "eV"},
    rows=13058,
    content_hash="e46c814b882e87b862ff07bf27ab5c967dbdc17e524a6b492fdcd6d248f89dd8",
    licence=f"{LICENCE}; QMOF itself CC-BY 4.0",
    citation=f"{BENCHMARK}; Rosen et al., Matter 4, 1578 (2021), doi:10.1016/j.matt.2021.02.015",
    source=f"{SOURCE}, from QMOF",
    file="fung/MOF_data.tar.gz",
    how_to_get=_how_to_get("fung/MOF_data.tar.gz"),
    known_problems=("cell lengths and angles are rounded to six digits, fractional coordinates to five decimals",),
)
CLUSTERS = Card(
    name="fung/pt",
    description="Pt clusters in a 20 Å box, not periodic, with total energies",
    targets={"total_energy": "eV"},
    rows=1000,
    content_hash="0d4de323f4bcdf8c09ac7336e755db04c566f29223ceca5d0c14ab1ec9fb39b5",
    licence=LICENCE,
    citation=BENCHMARK,
    source=SOURCE,
    file="fung/pt_test_data.tar.gz",
    how_to_get=_how_to_get("fung/pt_test_data.tar.gz"),
    known_problems=(
        "a sample of 1,000 of the 19,801 clusters of the paper; its scores are not the paper's",
        "energies are of whole clusters, so they grow with the number of atoms",
    ),
)


def load_sheets() -> Crystals:
    """The 2D sheets, periodic along a and b: no sheet crosses the cell's c boundary.

    Raises:
        DatasetMissing: the file is not on this machine.
        InputError: the file is damaged.
    """
    path = data_file(SHEETS)
    try:
        entries = json.loads(path.read_bytes())
        cells = [_cell_of_entry(entry) for entry in entries]
        ids = [str(entry["structure_id"]) for entry in entries]
        targets = pd.DataFrame({"work_function": [float(entry["y"][0]) for entry in entries]})
    except (ValueError, KeyError, TypeError, IndexError, np.linalg.LinAlgError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not MatDeepLearn's JSON list of structures ({reason})") from error
    cells = [checked(cell, f"{path}: {name}") for name, cell in zip(ids, cells, strict=True)]
    return Crystals.from_cells(ids, cells, targets)


def _cell_of_entry(entry: Mapping[str, object]) -> Cell:
    lattice = np.array(entry["cell"], dtype=float).reshape(3, 3)
    positions = np.array(entry["positions"], dtype=float).reshape(-1, 3)
    numbers = np.array(entry["atomic_numbers"], dtype=np.int64).reshape(len(positions))
    return _portable((lattice, np.array([True, True, False]), numbers, positions @ np.linalg.inv(lattice)))


def load_mofs() -> Crystals:
    """The MOFs; parsed once, then kept as Parquet in the cache directory under the archive's sha256.

    Raises:
        DatasetMissing: the archive is not on this machine.
        InputError: the archive is damaged.
    """
    path = data_file(MOFS)
    kept = cache_dir() / "fung" / f"mof-{hashlib.sha256(path.read_bytes()).hexdigest()}.parquet"
    with suppress(InputError):  # a damaged or foreign table is rebuilt
        crystals = Crystals.from_parquet(kept)
        if crystals.content_hash == MOFS.content_hash:
            return crystals
    crystals = _from_archive(path, "band_gap", cell_of_p1)
    with suppress(OSError):  # a cache that cannot be written costs only time
        kept.parent.mkdir(parents=True, exist_ok=True)
        crystals.to_parquet(kept)
    return crystals


def load_clusters() -> Crystals:
    """The Pt clusters, not periodic.

    Raises:
        DatasetMissing: the archive is not on this machine.
        InputError: the archive is damaged.
    """
    path = data_file(CLUSTERS)
    return _from_archive(path, "total_energy", lambda text, name: parse_structure(text, "ASE JSON", name))


def _from_archive(path: Path, target: str, parse: Callable[[str, str], Cell]) -> Crystals:
    """The crystals of an archive of one file a structure and `targets.csv` (id, target), in the order of the latter."""
    try:
        with tarfile.open(path) as archive:
            members = ((PurePosixPath(m.name), archive.extractfile(m)) for m in archive if m.isfile())
            texts = {name: file.read().decode() for name, file in members if file is not None}
    except (tarfile.TarError, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: not a readable archive ({reason})") from error
    by_stem = {name.stem: text for name, text in texts.items() if name.name != TARGETS_FILE}
    table = "".join(text for name, text in texts.items() if name.name == TARGETS_FILE)
    try:
        rows = [(name, by_stem[name], float(value)) for name, value in csv.reader(io.StringIO(table))]
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: a row of {TARGETS_FILE} has no structure or no number ({error})") from error
    cells = [_portable(parse(text, f"{path}: {name}")) for name, text, _ in rows]
    return Crystals.from_cells([row[0] for row in rows], cells, pd.DataFrame({target: [row[2] for row in rows]}))


def _portable(cell: Cell) -> Cell:
    """The cell with computed coordinates rounded, so that no last bit of a machine's algebra enters the hash."""
    lattice, pbc, numbers, frac_coords = cell
    return lattice, pbc, numbers, np.round(frac_coords, COORDINATE_DECIMALS) + 0.0


# -- CIF in the one layout that ASE writes for P1: some 100 times faster than a general parser ------

_HEADER = (
    "_space_group_symop_operation_xyz\n  'x, y, z'\n\nloop_\n"
    "  _atom_site_type_symbol\n  _atom_site_label\n  _atom_site_symmetry_multiplicity\n"
    "  _atom_site_fract_x\n  _atom_site_fract_y\n  _atom_site_fract_z\n  _atom_site_occupancy\n"
)
_CELL = re.compile(r"^_cell_(?:length_[abc]|angle_(?:alpha|beta|gamma))\s+(\S+)$", re.MULTILINE)


def cell_of_p1(text: str, name: str) -> Cell:
    """The cell of a CIF that ASE wrote without symmetry: every atom listed, fully occupied.

    Raises:
        InputError: the text is in another layout, is truncated or has a partially occupied site.
    """
    from ase.data import atomic_numbers
    from ase.geometry import cellpar_to_cell

    head, _, body = text.partition(_HEADER)
    fields, parameters = body.split(), _CELL.findall(head)
    if len(parameters) != 6 or len(fields) % 7 or set(fields[6::7]) != {"1.0000"}:
        raise InputError(f"{name}: not a P1 CIF as ASE writes it with fully occupied sites")
    try:
        numbers = np.array([atomic_numbers[symbol] for symbol in fields[0::7]], dtype=np.int64)
        frac_coords = np.array([fields[3::7], fields[4::7], fields[5::7]], dtype=float).T
        lattice = np.round(cellpar_to_cell([float(p) for p in parameters]), LATTICE_DECIMALS) + 0.0
    except (KeyError, ValueError) as error:
        raise InputError(f"{name}: an unknown element or a field that is no number ({error})") from error
    return checked((lattice, np.ones(3, dtype=bool), numbers, frac_coords), name)


DATASETS = (Dataset(SHEETS, load_sheets), Dataset(MOFS, load_mofs), Dataset(CLUSTERS, load_clusters))
