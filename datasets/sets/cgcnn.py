"""Materials Project crystals of the id list that CGCNN was published with, and the bulk tasks of Fung et al. on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from datasets.cards import Card, Derived, FileDataset, Origin, Progress
from datasets.crystals import Crystals, parquet_columns
from datasets.errors import InputError
from datasets.fetching.download import download
from datasets.fetching.materials_project import fetch_materials, require_key
from datasets.sets.citations import CGCNN, MATDEEPLEARN, MATERIALS_PROJECT

IDS = "https://raw.githubusercontent.com/txie-93/cgcnn/master/data/material-data/mp-ids-46744.csv"
IDS_SHA256 = "b7519a45457a992d174408ce7fb5809633563360f4535b2bfedb0389b130fb38"
N_IDS = 46_744

CARD = Card(
    name="cgcnn",
    description="Inorganic crystals of the CGCNN id list, 1-200 atoms a cell, with PBE properties",
    targets={
        "formation_energy_per_atom": "eV/atom",
        "energy_per_atom": "eV/atom",
        "band_gap": "eV",
        "efermi": "eV",
        "log10_k_vrh": "log10(GPa)",
        "log10_g_vrh": "log10(GPa)",
        "poisson_ratio": "1",
        "is_metal": "class",
    },
    classes={"is_metal": ("non-metal", "metal")},
    rows=36737,
    content_hash="cf8346c76feff94488bf1438b5ff5a483af0472a179d2428061e21d59a6c6b27",
    licence="CC-BY 4.0",
    citation=f"{CGCNN}\n\n{MATERIALS_PROJECT}",
    source="Materials Project; ids from https://github.com/txie-93/cgcnn",
    version="Materials Project of about 2020",
    file="cgcnn/materials.parquet",
    how_to_get=(
        "set MP_API_KEY and run `python -m benchmark datasets fetch cgcnn`, "
        "or place the Parquet table there (BENCHMARK_DATA names the directory)."
    ),
    known_problems=(
        "36,737 of the 46,744 published ids have a structure and properties in the release of about 2020",
        "a table fetched today is another release: other rows, cells and labels, and its own content hash",
        "absolute energy per atom is not in the release of about 2020, it comes with a fetch",
        "formation energy is below -5 eV/atom for mp-690564, mp-693892, mp-775201 and mp-778012",
        "42 % of the band gaps are zero: is_metal says so of a crystal, by PBE, which calls some semiconductors metals",
        "efermi is missing for 2 crystals; bulk and shear moduli exist for 7,582, Poisson ratios for 3,184",
        "moduli of the release of about 2020 are matbench's, matched to ids by formula and space group",
        "3 Poisson ratios below 0 are set to missing, so that 3,181 in [0, 0.5] remain",
    ),
)

BULK = Card(
    name="fung/bulk",
    description="The bulk crystals of Fung et al.: formation energies and band gaps of the cgcnn table",
    targets={"formation_energy_per_atom": "eV/atom", "band_gap": "eV"},
    rows=CARD.rows,
    content_hash="f8c869244748e375af68dcc8f0f1e9f7b11e01b9995a3949f3caebebacf8d541",
    licence=CARD.licence,
    citation=f"{MATDEEPLEARN}\n\n{MATERIALS_PROJECT}",
    source=CARD.source,
    version=CARD.version,
    file=CARD.file,
    how_to_get=CARD.how_to_get,
    crystals_of=CARD.name,
    known_problems=(
        "the same crystals as cgcnn, which two of its tasks repeat",
        "36,737 crystals; the papers have 36,839 formation energies and 36,837 band gaps of another release",
    ),
)
POISSON_RANGE = (0.0, 0.5)


def read(path: Path) -> Crystals:
    """The table; Poisson ratios outside `POISSON_RANGE` become missing. A target that a release lacks is no column.

    Raises:
        InputError: the table is damaged or lacks a column.
    """
    columns = parquet_columns(path)
    wanted = [target for target in CARD.targets if target in columns or target not in ("energy_per_atom", *DERIVED)]
    crystals = Crystals.from_parquet(path, targets=wanted)
    poisson = crystals.targets["poisson_ratio"]
    kept = poisson.where(poisson.between(*POISSON_RANGE))
    return replace(crystals, targets=crystals.targets.assign(poisson_ratio=kept))


def read_bulk(path: Path) -> Crystals:
    """The targets of the cgcnn table that Fung et al. use. Raises InputError where the table is damaged."""
    return Crystals.from_parquet(path, targets=list(BULK.targets))


def fetch(path: Path, on_progress: Progress) -> Origin:
    """The published ids, then what the Materials Project has for them today. Raises as `fetch_materials`."""
    require_key()
    listed = path.parent / Path(IDS).name
    download(IDS, listed, f"sha256:{IDS_SHA256}", on_progress)
    ids = listed.read_text().split()
    if len(set(ids)) != N_IDS:
        raise InputError(f"{listed}: {len(set(ids)):,} ids, expected {N_IDS:,}")
    origin = fetch_materials(ids, path, on_progress)
    poisson = Crystals.from_parquet(path).targets["poisson_ratio"].dropna()
    outside = int((~poisson.between(*POISSON_RANGE)).sum())
    return replace(origin, report={**origin.report, "poisson_ratio_outside_0_to_0.5": outside})


def is_metal(targets: pd.DataFrame) -> pd.Series:
    """1 where the band gap is 0, 0 where it is larger; missing where it is."""
    return (targets["band_gap"] == 0).astype(float).where(targets["band_gap"].notna())


DERIVED: Derived = {"is_metal": is_metal}

DATASETS = (FileDataset(CARD, read, fetch, DERIVED), FileDataset(BULK, read_bulk, fetch))
