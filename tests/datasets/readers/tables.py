"""Three crystals with gaps, and tables of them as people write them."""

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from monty.json import MontyEncoder
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

from datasets.crystals import Crystals
from datasets.errors import InputError
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


def images() -> list[Atoms]:
    found = []
    for i in range(3):
        atoms = Atoms("Cu12", positions=np.arange(36.0).reshape(12, 3) / 2.5, cell=[8, 8, 9 + i], pbc=(True, True, False))
        atoms.calc = SinglePointCalculator(atoms, energy=-1.5 * i, forces=np.zeros((12, 3)))
        atoms.info = {"strain": 0.1 * i, "label": "x", "tensor": np.eye(3)}
        found.append(atoms)
    return found
