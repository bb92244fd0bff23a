"""Good files of every kind that is damaged: tables, records and their predictions, cards, checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmark.results.packed import packed_files, read_packed
from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.results.validation import parse_json
from datasets.crystals import Crystals
from datasets.elements import read_element_features
from datasets.readers.tables import TableOptions, read_crystals
from models.checkpoints import load_checkpoint
from models.registry import registered
from models.zoo.cgcnn import CGCNN, CGCNNSettings
from tests.benchmark.results.test_store import make
from tests.conftest import alloy
from tests.hostile.tables import good_parquet, record
from tests.reliability.mutations import Good

NETWORKS = ("cgcnn", "megnet", "schnet")
"""Of graph networks the smallest of each layout; every other model has one kind of checkpoint anyway."""


def good_files(folder: Path) -> list[Good]:
    """Write them all below a folder."""
    return [*tables_and_records(folder), *_checkpoints(folder)]


def tables_and_records(folder: Path) -> list[Good]:
    """Those that no model has to be fitted for."""
    folder.mkdir()
    return [*_tables(folder), *_records(folder)]


def _table(path: Path) -> object:
    return read_crystals(TableOptions(path, "mine", ["gap"], ["eV"]))


def _tables(folder: Path) -> list[Good]:
    rows = [record(number) for number in range(3)]
    (folder / "table.json").write_text(json.dumps(rows))
    (folder / "lines.jsonl").write_text("\n".join(map(json.dumps, rows)))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    (folder / "columns.json").write_text(json.dumps({"columns": list(columns), "data": [list(row.values()) for row in rows]}))
    pd.DataFrame(columns | {"structure": [json.dumps(s) for s in columns["structure"]]}).to_parquet(folder / "texts.parquet")
    (folder / "atom_init.json").write_text(json.dumps({str(z): [0.5 * z, 1] for z in range(1, 30)}))
    good_parquet(folder / "crystals.parquet")
    return [
        Good("Parquet: table of crystals", folder / "crystals.parquet", _table),
        Good("Parquet: table of texts", folder / "texts.parquet", _table),
        Good("Parquet: set of the cache", good_parquet(folder / "set.parquet"), Crystals.from_parquet),
        *(Good(f"JSON: {name}", folder / name, _table) for name in ("table.json", "lines.jsonl", "columns.json")),
        Good("JSON: element features", folder / "atom_init.json", read_element_features),
    ]


def _records(folder: Path) -> list[Good]:
    store = Store(folder / "store")
    found, predictions = make()
    store.write(found, predictions)
    path = store.path(found.key)
    columns = store.predictions(found)
    packed = store.run_path(found.key)
    for place, content in packed_files(packed, [(found, columns)]):
        place.write_bytes(content)
    card = {"name": "theirs", "licence": "MIT", "citation": "A. Author, 2026", "source": "https://example.org/x"}
    (folder / "theirs.json").write_text(json.dumps(card))
    return [
        Good("JSON: record", path, lambda place: parse_json(place, Record)),
        Good("JSON: published run", packed, read_packed),
        Good("JSON: card of a model", folder / "theirs.json", _card),
        Good("Parquet: predictions", path.with_suffix(".parquet"), lambda place: store.scored(path)),
        Good("Parquet: predictions of a run", packed.with_suffix(".parquet"), lambda place: store.scored(packed)),
    ]


def _card(path: Path) -> object:
    from benchmark.results.model_cards import ModelCard

    return parse_json(path, ModelCard)


def _checkpoints(folder: Path) -> list[Good]:
    """Models that were fitted for an epoch, each as its own file."""
    cells = [alloy(seed, scale=3.7 + 0.02 * seed) for seed in range(12)]
    crystals = Crystals.from_cells([f"a{row}" for row in range(12)], cells)
    targets, goods = np.linspace(0.0, 1.0, 12), []
    for name, spec in registered().items():
        if not (name.startswith(("dummy", "soap", "rf")) or name in NETWORKS):
            continue
        model = spec.model(spec.settings("smoke"))
        model.fit(model.prepare(crystals), targets, np.arange(8), np.arange(8, 12), 0)
        model.save(folder / f"{name}.safetensors")
        goods.append(Good(f"checkpoint: {name}", folder / f"{name}.safetensors", load_checkpoint))
    return [*goods, Good("checkpoint: the original CGCNN's", _of_the_original_cgcnn(folder), load_checkpoint)]


def _of_the_original_cgcnn(folder: Path) -> Path:
    settings = CGCNNSettings(n_layers=2, width=6, hidden=5, cutoff=6.0, ties="padded", epochs=1)
    state = CGCNN(settings).network.network.state_dict()
    path = folder / "upstream.pth.tar"
    torch.save({"state_dict": state, "normalizer": {"mean": torch.tensor(2.0), "std": torch.tensor(0.5)}}, path)
    return path
