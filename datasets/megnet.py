"""MEGNet's mp.2018.6.1 with its published split, as far as the structures are known."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.registry import Card, Dataset, data_file

SPLITS = {"train": 0.0, "val": 1.0, "test": 2.0}

CARD = Card(
    name="megnet",
    description="Materials Project crystals of MEGNet's release mp.2018.6.1 with the published split",
    targets={"formation_energy_per_atom": "eV/atom", "band_gap": "eV"},
    rows=51607,
    content_hash="13bb7876cf7bbf73cbe3721563ab549039e82e57b217a4206a8107a8f11c1651",
    licence="CC-BY 4.0",
    citation=(
        "Chen, Ye, Zuo, Zheng & Ong, Chem. Mater. 31, 3564 (2019), doi:10.1021/acs.chemmater.9b01294; "
        "Jain et al., APL Mater. 1, 011002 (2013), doi:10.1063/1.4812323"
    ),
    source="https://figshare.com/articles/dataset/7451351 (ids, labels, split); Materials Project (cells)",
    file="megnet/materials.parquet",
    how_to_get=(
        "place the Parquet table megnet/materials.parquet in the directory that BENCHMARK_DATA points to "
        "(downloading from figshare is not implemented yet)."
    ),
    known_problems=(
        "cells (Materials Project 2020 and v2025.02.12) and labels (2018) are of different releases: "
        "a figure measured here is not the paper's figure",
        "17,632 of the published 69,239 rows have no structure and are left out: "
        "train 44,787 of 60,000, validation 3,679 of 5,000, test 3,141 of 4,239",
    ),
    split_column="split",
)


def load() -> Crystals:
    """The rows with a structure; target column `split` is 0 train, 1 validation, 2 test.

    Raises:
        DatasetMissing: the table is not on this machine.
        InputError: the table is damaged, lacks a column or names an unknown split.
    """
    path = data_file(CARD)
    crystals = Crystals.from_parquet(path, targets=list(CARD.targets))
    try:
        names = pd.read_parquet(path, columns=["material_id", "split"]).set_index("material_id")["split"]
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: no column 'split'; expected {', '.join(SPLITS)}") from error
    split = names.loc[list(crystals.ids)].map(SPLITS).astype(float)
    if split.isna().any():
        raise InputError(f"{path}: crystal '{split.index[split.isna()][0]}' has no split; expected {', '.join(SPLITS)}")
    return replace(crystals, targets=crystals.targets.assign(split=split.to_numpy()))


DATASETS = (Dataset(CARD, load),)
