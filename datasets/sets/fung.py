"""The sets of Fung et al. (MatDeepLearn) in the formats it distributes: 2D sheets, MOFs and Pt clusters."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.cache import cached_crystals
from datasets.cards import Card, Fetcher, FileDataset, Origin, Progress
from datasets.crystals import Cell, Crystals
from datasets.errors import InputError
from datasets.fetching.download import download
from datasets.readers.archives import members
from datasets.readers.ase_tables import read_database
from datasets.readers.checks import checked
from datasets.readers.structure_files import parse_structure
from datasets.sets.citations import MATDEEPLEARN

SOURCE = "https://github.com/vxfung/MatDeepLearn"
PT_FILES = "https://raw.githubusercontent.com/Fung-Lab/MatDeepLearn/54dbec39c312433f780c5dc9211a7fa34ed29034/data"
LICENCE = "as distributed with MatDeepLearn (MIT)"
TARGETS_FILE = "targets.csv"
COORDINATE_DECIMALS = 8
LATTICE_DECIMALS = 6  # the MOFs' cell lengths have six digits
SQLITE = b"SQLite format 3\0"

C2DB = """@article{haastrup2018,
  author = {Haastrup, Sten and Strange, Mikkel and Pandey, Mohnish and Deilmann, Thorsten and Schmidt, Per S. and others},
  title = {The Computational 2D Materials Database: high-throughput modeling and discovery of atomically thin crystals},
  journal = {2D Mater.}, volume = {5}, pages = {042002}, year = {2018}, doi = {10.1088/2053-1583/aacfc1}
}"""
QMOF = """@article{rosen2021,
  author = {Rosen, Andrew S. and Iyer, Shaelyn M. and Ray, Debmalya and Yao, Zhenpeng and Aspuru-Guzik, Al{\\'a}n and others},
  title = {Machine learning the quantum-chemical properties of metal-organic frameworks for accelerated materials discovery},
  journal = {Matter}, volume = {4}, pages = {1578--1597}, year = {2021}, doi = {10.1016/j.matt.2021.02.015}
}"""
MAMUN = """@article{mamun2019,
  author = {Mamun, Osman and Winther, Kirsten T. and Boes, Jacob R. and Bligaard, Thomas},
  title = {High-throughput calculations of catalytic properties of bimetallic alloy surfaces},
  journal = {Sci. Data}, volume = {6}, pages = {76}, year = {2019}, doi = {10.1038/s41597-019-0080-z}
}"""


def _by_hand(source: str) -> str:
    return f"{source}, and place the file there (BENCHMARK_DATA names the directory)."


SHEETS = Card(
    name="fung/2d",
    description="2D materials of C2DB, one sheet a cell with at least 10 Å of vacuum along c; periodic along a and b",
    targets={"work_function": "eV"},
    rows=3814,
    content_hash="5d44969dc1217af26ee50fc828a3638ef8716334630af6736ea473afb6e20a24",
    licence=f"{LICENCE}; C2DB itself CC-BY 4.0",
    citation=f"{MATDEEPLEARN}\n\n{C2DB}",
    source=f"{SOURCE}, from C2DB",
    version="the 3,814 sheets of Fung et al.",
    file="fung/2D_data.json",
    other_file="fung/c2db.db",
    how_to_get=_by_hand(
        "take MatDeepLearn's JSON list 2D_data.json, or ask for C2DB's database at https://c2db.fysik.dtu.dk "
        "and call it fung/c2db.db"
    ),
    known_problems=("25 cells are left-handed; they are kept as published",),
)
MOFS = Card(
    name="fung/mof",
    description="Metal-organic frameworks of an early release of QMOF with PBE band gaps",
    targets={"band_gap": "eV"},
    rows=13058,
    content_hash="e46c814b882e87b862ff07bf27ab5c967dbdc17e524a6b492fdcd6d248f89dd8",
    licence=f"{LICENCE}; QMOF itself CC-BY 4.0",
    citation=f"{MATDEEPLEARN}\n\n{QMOF}",
    source=f"{SOURCE}, from QMOF",
    version="the 13,058 MOFs of an early release of QMOF",
    file="fung/MOF_data.tar.gz",
    how_to_get=_by_hand(
        "download QMOF at https://doi.org/10.6084/m9.figshare.13147324, pack its relaxed CIF files with a targets.csv of "
        "id,band gap as MOF_data.tar.gz"
    ),
    known_problems=(
        "cell lengths and angles are rounded to six digits, fractional coordinates to five decimals",
        "13,058 MOFs; Omee et al. report 18,321",
    ),
)
CLUSTERS = Card(
    name="fung/pt",
    description="Pt clusters in a 20 Å box, not periodic, with total energies",
    targets={"total_energy": "eV"},
    rows=1000,
    content_hash="0d4de323f4bcdf8c09ac7336e755db04c566f29223ceca5d0c14ab1ec9fb39b5",
    licence=LICENCE,
    citation=MATDEEPLEARN,
    source=SOURCE,
    version="the sample that MatDeepLearn is tried with, commit 54dbec39",
    file="fung/pt_test_data.tar.gz",
    how_to_get="run `python -m benchmark datasets fetch fung/pt`, or place MatDeepLearn's test_data.tar.gz there.",
    known_problems=(
        "a sample of 1,000 of the 19,801 clusters of the paper; its scores are not the paper's",
        "energies are of whole clusters, so they grow with the number of atoms",
    ),
)
ALL_CLUSTERS = CLUSTERS.model_copy(
    update={
        "name": "fung/pt_all",
        "crystals_of": CLUSTERS.name,
        "rows": 19801,
        "content_hash": None,
        "version": "the whole set, commit 54dbec39",
        "file": "fung/pt_data.tar.gz",
        "how_to_get": "run `python -m benchmark datasets fetch fung/pt_all`, or place MatDeepLearn's pt_data.tar.gz there.",
        "known_problems": CLUSTERS.known_problems[1:],
    }
)
SURFACES = Card(
    name="fung/surface",
    description="Adsorbates on bimetallic alloy slabs of Catalysis-Hub, periodic as its files say",
    targets={"adsorption_energy": "eV"},
    rows=37334,
    licence=f"{LICENCE}; Catalysis-Hub's terms for the structures",
    citation=f"{MATDEEPLEARN}\n\n{MAMUN}",
    source=f"{SOURCE}, from https://www.catalysis-hub.org/publications/MamunHighT2019",
    version="the 37,334 surfaces of Fung et al.",
    file="fung/surface_data.tar.gz",
    how_to_get=_by_hand(
        "query Catalysis-Hub for MamunHighT2019 with MatDeepLearn's data/surface_data/ase_cathub.py and pack its folder "
        "(ASE JSON files and targets.csv) as surface_data.tar.gz"
    ),
)


def read_sheets(path: Path) -> Crystals:
    """The 2D sheets, periodic along a and b: MatDeepLearn's JSON list, or C2DB's database.

    Raises:
        InputError: the file is damaged.
    """
    with path.open("rb") as file:
        if file.read(len(SQLITE)) == SQLITE:
            return _from_c2db(path)
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


def _from_c2db(path: Path) -> Crystals:
    """The rows of C2DB's ASE database that have a work function, as MatDeepLearn's script selects them."""
    columns = read_database(path)
    functions = columns.get("workfunction", [])
    rows = [i for i, value in enumerate(functions) if isinstance(value, float)]
    if not rows:
        raise InputError(f"{path}: an ASE database, but no row has a 'workfunction'; is it C2DB's?")
    for row in rows:
        if isinstance(columns["structure"][row], InputError):
            raise InputError(f"{path}: row {row + 1}{columns['structure'][row]}")
    cells = [_portable((cell[0], np.array([True, True, False]), *cell[2:])) for cell in (columns["structure"][i] for i in rows)]
    targets = pd.DataFrame({"work_function": [functions[i] for i in rows]})
    return Crystals.from_cells([str(number) for number in range(len(rows))], cells, targets)


def read_mofs(path: Path) -> Crystals:
    """The MOFs; parsed once, then kept in the cache under the archive's sha256.

    Raises:
        InputError: the archive is damaged.
    """
    key = {"archive": hashlib.sha256(path.read_bytes()).hexdigest()}
    return cached_crystals("fung", key, MOFS.content_hash, lambda: _from_archive(path, "band_gap", cell_of_p1))


def read_clusters(path: Path) -> Crystals:
    """The Pt clusters, not periodic. Raises InputError where the archive is damaged."""
    return _from_archive(path, "total_energy", _ase_json)


def read_surfaces(path: Path) -> Crystals:
    """The slabs with their adsorbates. Raises InputError where the archive is damaged."""
    return _from_archive(path, "adsorption_energy", _ase_json)


def _ase_json(text: str, name: str) -> Cell:
    return parse_structure(text, "ASE JSON", name)


def fetch_from(url: str, version: str) -> Fetcher:
    """How to fetch an archive that has a plain address; its content is checked against the card, not its bytes."""

    def fetch(path: Path, on_progress: Progress) -> Origin:
        download(url, path, None, on_progress)
        return Origin(url, version)

    return fetch


def _from_archive(path: Path, target: str, parse: Callable[[str, str], Cell]) -> Crystals:
    """The crystals of an archive of one file a structure and `targets.csv` (id, target), in the order of the latter."""
    try:
        texts = {name: content.decode() for name, content in members(path)}
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: a member is not UTF-8 text ({error})") from error
    by_stem = {name.stem: text for name, text in texts.items() if name.name != TARGETS_FILE}
    table = "".join(text for name, text in texts.items() if name.name == TARGETS_FILE)
    try:
        rows = [(name, by_stem[name], float(value)) for name, value in csv.reader(io.StringIO(table))]
    except (KeyError, ValueError, csv.Error) as error:
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


DATASETS = (
    FileDataset(SHEETS, read_sheets),
    FileDataset(MOFS, read_mofs),
    FileDataset(CLUSTERS, read_clusters, fetch_from(f"{PT_FILES}/test_data/test_data.tar.gz", CLUSTERS.version)),
    FileDataset(ALL_CLUSTERS, read_clusters, fetch_from(f"{PT_FILES}/pt_data/pt_data.tar.gz", ALL_CLUSTERS.version)),
    FileDataset(SURFACES, read_surfaces),
)
