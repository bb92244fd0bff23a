"""Hostile tables, small ones that would hang a reader or fill the memory: `TABLES`, each by its kind.

A maker writes its file into a folder and returns the path; it is read by `datasets.readers.tables.read_crystals`, on the
command line by `datasets import`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.crystals import Crystals
from tests.conftest import rock_salt

Maker = Callable[[Path], Path]
"""Writes one file into a folder; its path."""

TABLES: dict[str, Maker] = {}
"""Kind → its maker."""

LARGE: list[str] = []
"""The kinds that take more than a second to make or to refuse."""

CUBE = "data_x\n_symmetry_space_group_name_H-M 'P 1'\n" + "".join(f"_cell_length_{axis} 4\n" for axis in "abc")
CUBE += "".join(f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma"))
CIF = f"{CUBE}loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nCu 0 0 0\n"

STRUCTURE: dict[str, Any] = {
    "@module": "pymatgen.core.structure", "@class": "Structure", "lattice": {"matrix": (4 * np.eye(3)).tolist()},
    "sites": [{"species": [{"element": "Cu", "occu": 1}], "abc": [0, 0, 0]}],
}  # fmt: skip


def _kind(kind: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        TABLES[kind] = maker
        return maker

    return register


def good_parquet(path: Path) -> Path:
    """Three crystals with a target `gap`, in the layout of `Crystals.to_parquet`."""
    targets = pd.DataFrame({"gap": [1.5, 2.5, 0.5]})
    Crystals.from_cells(["a", "b", "c"], [rock_salt()] * 3, targets).to_parquet(path)
    return path


# -- Parquet ----------------------------------------------------------------------------------------


def _parquet(kind: str, name: str, content: Callable[[], pa.Table], **options: Any) -> None:
    LARGE.append(f"Parquet, {kind}")

    @_kind(f"Parquet, {kind}")
    def write(folder: Path) -> Path:
        pq.write_table(content(), folder / name, **options)
        return folder / name


BARE = {"use_dictionary": False, "write_statistics": False, "store_schema": False}
_parquet("12,000 columns", "wide.parquet", lambda: pa.table({f"c{i}": [1.0] for i in range(12_000)}), **BARE)
_parquet(
    "10 columns in 5,000 row groups of a row", "groups.parquet",
    lambda: pa.table({f"c{i}": np.zeros(5000) for i in range(10)}), row_group_size=1, **BARE,
)  # fmt: skip
_parquet(
    "150 columns of 100,000 equal numbers", "equal.parquet",
    lambda: pa.table({f"c{i}": pa.array(np.zeros(100_000)) for i in range(150)}), compression="zstd",
)  # fmt: skip


def _long_list() -> pa.Table:
    zeros = pa.array(np.zeros(20_000_000, np.int8))
    return pa.table({"x": pa.ListArray.from_arrays(pa.array([0, len(zeros)], pa.int32()), zeros)})


def _long_text() -> pa.Table:
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2_000, np.int32)), pa.array(["a" * 4_000_000]))
    return pa.table({"cif": text, "gap": np.arange(2_000.0)})


def _deep() -> pa.Table:
    values = pa.array([1.0])
    for _ in range(90):
        values = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), values)
    return pa.table({"cif": [CIF], "gap": values})


_parquet("a list of 20,000,000 equal numbers", "list.parquet", _long_list, compression="zstd")
_parquet("one text of 4 MB in 2,000 rows", "text.parquet", _long_text, compression="zstd")
_parquet("a target nested 90 times", "deep.parquet", _deep)


@_kind("Parquet, a column name that is no UTF-8")
def no_utf8(folder: Path) -> Path:
    """Three bytes of a name that occur several times in the footer."""
    path = good_parquet(folder / "name.parquet")
    path.write_bytes(path.read_bytes().replace(b"gap", b"\xff\xfeg"))
    return path


@_kind("Parquet, a footer that is as long as the file says")
def long_footer(folder: Path) -> Path:
    """30 MB of zeros that declare themselves to be a footer."""
    path = folder / "footer.parquet"
    path.write_bytes(b"PAR1" + bytes(30_000_000) + (30_000_000).to_bytes(4, "little") + b"PAR1")
    return path


# -- JSON -------------------------------------------------------------------------------------------


def record(number: int = 0, **values: Any) -> dict[str, Any]:
    """A row of a JSON table with a structure and a target."""
    return {"material_id": f"m{number}", "structure": STRUCTURE, "gap": float(number)} | values


def _text(kind: str, name: str, text: Callable[[], str]) -> None:
    @_kind(kind)
    def write(folder: Path) -> Path:
        path = folder / name
        with gzip.open(path, "wt") if name.endswith(".gz") else path.open("w") as file:
            file.write(text())
        return path


_text("JSON, 20,000 records with a key each of its own", "keys.json", lambda: json.dumps([{f"k{i}": i} for i in range(20_000)]))
_text(
    "JSON, 20,000 columns with a label each of its own", "labels.json",
    lambda: json.dumps({f"c{i}": {f"r{i}": 1} for i in range(20_000)}),
)  # fmt: skip
_text("JSON, a target nested 100,000 times", "deep.json", lambda: json.dumps([record(gap=0)]).replace("0}", "[" * 100_000))
_text("JSON, a target of 400 digits", "digits.json", lambda: json.dumps([record(gap=10**400), record(1)]))
_text("JSON, a target of 5,000 digits", "long.json", lambda: json.dumps([record(gap=0.25)]).replace("0.25", "9" * 5000))
_text("JSON, an id of 400 digits", "id.json", lambda: json.dumps([record(material_id=10**400), record(1)]))
_text("JSON, a lattice of 400 digits", "lattice.json", lambda: json.dumps([record()]).replace("4.0", "9" * 400))
_text("JSON, a column name of lone surrogates", "surrogate.json", lambda: json.dumps([record(**{"\ud800": 1.0})]))
_text(
    "JSON, an array of a huge shape",
    "shape.json",
    lambda: json.dumps([record(gap={"__ndarray__": [[10**12], "float64", [1]]})]),
)


# -- CSV --------------------------------------------------------------------------------------------

_text("CSV, 30,000 columns", "wide.csv", lambda: ",".join(f"c{i}" for i in range(30_000)) + "\n1\n")
_text(
    "CSV, 9,000 columns above 100,000 short rows",
    "short.csv",
    lambda: ",".join(f"c{i}" for i in range(9_000)) + "\nx" * 100_000,
)
_text("CSV, 500,000 empty columns at the end", "commas.csv", lambda: "id,cif,gap" + ("," * 500_000 + "\na,b,1") * 3 + "\n")
_text(
    "CSV, 3,000 columns of what may be thousands", "thousands.csv",
    lambda: "\n".join([",".join(f"c{i}" for i in range(3_000)), *[",".join(['"1,234"'] * 3_000)] * 300]),
)  # fmt: skip
_text("CSV, packed: 50 MB of commas", "commas.csv.gz", lambda: "," * 50_000_000)


LARGE.append("CSV, packed: 50 MB of commas")

# -- folders ----------------------------------------------------------------------------------------


def _folder(kind: str, name: str, csv: Callable[[], str], features: str = "") -> None:
    @_kind(f"folder, {kind}")
    def write(folder: Path) -> Path:
        place = folder / name
        place.mkdir()
        (place / "a.cif").write_text(CIF)
        (place / "id_prop.csv").write_text(csv())
        if features:
            (place / "atom_init.json").write_text(features)
        return place


_folder("3,000 headings beside 300 rows", "headings", lambda: "\n".join([",".join(f"h{i}" for i in range(3_000))] * 300))
_folder(
    "3,000 targets of what may be thousands",
    "thousands",
    lambda: "id" + "".join(f",c{i}" for i in range(3_000)) + "\na" + ',"1,234"' * 3_000,
)
_folder("features of 400 digits", "features", lambda: "a,1.5\n", json.dumps({"29": [10**400]}))
_folder("a million features of an element", "many", lambda: "a,1.5\n", json.dumps({"29": [1] * 1_000_000}))
