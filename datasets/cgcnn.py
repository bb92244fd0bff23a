"""Materials Project crystals of the id list that CGCNN was published with."""

from __future__ import annotations

from dataclasses import replace

from datasets.crystals import Crystals
from datasets.registry import Card, Dataset, data_file

CARD = Card(
    name="cgcnn",
    description="Inorganic crystals of the CGCNN id list, 1-200 atoms a cell, with PBE properties of about 2020",
    targets={
        "formation_energy_per_atom": "eV/atom",
        "band_gap": "eV",
        "efermi": "eV",
        "log10_k_vrh": "log10(GPa)",
        "log10_g_vrh": "log10(GPa)",
        "poisson_ratio": "1",
    },
    rows=36737,
    content_hash="cf8346c76feff94488bf1438b5ff5a483af0472a179d2428061e21d59a6c6b27",
    licence="CC-BY 4.0",
    citation=(
        "Xie & Grossman, Phys. Rev. Lett. 120, 145301 (2018), doi:10.1103/PhysRevLett.120.145301; "
        "Jain et al., APL Mater. 1, 011002 (2013), doi:10.1063/1.4812323"
    ),
    source="Materials Project; ids from https://github.com/txie-93/cgcnn",
    file="cgcnn/materials.parquet",
    how_to_get=(
        "place the Parquet table cgcnn/materials.parquet in the directory that BENCHMARK_DATA points to "
        "(downloading from the Materials Project is not implemented yet)."
    ),
    known_problems=(
        "36,737 of the 46,744 published ids have a structure and properties; the others are not in the table",
        "formation energy is below -5 eV/atom for mp-690564, mp-693892, mp-775201 and mp-778012",
        "42 % of the band gaps are zero (metals)",
        "efermi is missing for 2 crystals; bulk and shear moduli exist for 7,582, Poisson ratios for 3,184",
        "moduli are matbench's, matched to ids by formula and space group",
        "3 Poisson ratios below 0 are set to missing, so that 3,181 in [0, 0.5] remain",
    ),
)
POISSON_RANGE = (0.0, 0.5)


def load() -> Crystals:
    """The table of the data directory; Poisson ratios outside `POISSON_RANGE` become missing.

    Raises:
        DatasetMissing: the table is not on this machine.
        InputError: the table is damaged or lacks a column.
    """
    path = data_file(CARD)
    crystals = Crystals.from_parquet(path, targets=list(CARD.targets))
    poisson = crystals.targets["poisson_ratio"]
    kept = poisson.where(poisson.between(*POISSON_RANGE))
    return replace(crystals, targets=crystals.targets.assign(poisson_ratio=kept))


DATASETS = (Dataset(CARD, load),)
