"""Files that are no tables, and damaged bytes: one line that names the file, and nothing written."""

import gzip
import json
import time
from pathlib import Path

import pyarrow as pa
import pytest
from ase import Atoms
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import InputError
from datasets.importing import import_table
from datasets.readers.tables import TableOptions
from tests.datasets.readers.tables import CIFS, DICTS, GAPS, SPLIT, csv_text, images, one_line, read, records

FILES = {
    "no.csv": (None, "no such file or folder"),
    "x.txt": (b"hello", "not a table of a known kind"),
    "x.pkl": (b"\x80\x04.", "not a table of a known kind"),
    "empty.csv": (b"", "not a CSV"),
    "header.csv": (b"structure,gap\n", "no rows"),
    "wide.csv": (b"structure,gap\n1,2,3\n", "not a CSV"),
    "twice.csv": (b"gap,gap\n1,2\n", "column 'gap' is repeated"),
    "latin.csv": (b"structure,gap\n\xe9,1\n", "not UTF-8"),
    "open.csv": (b'structure,gap\n"data_,1\n', "not a CSV"),
    "cut.json": (b'[{"structure": ', "not JSON; damaged or truncated?"),
    "cut.jsonl": (json.dumps(records()[0]).encode() + b'\n{"a": ', "not JSON; damaged or truncated? (line 2"),
    "number.json": (b"5", "no table"),
    "ragged.json": (b'{"a": [1, 2], "b": [1]}', "no table"),
    "split.json": (b'{"columns": ["a", "b"], "data": [[1]]}', "no table"),
    "deep.json": (b"[" * 100_000, "not JSON"),
    "array.json": (b'[{"a": {"__ndarray__": [[1000000000000], "int64", [1]]}}]', "not JSON"),
    "cut.json.gz": (gzip.compress(b"[1, 2, 3]" * 100)[:-9], "cannot be read"),
    "cut.parquet": (b"PAR1 and more", "not a readable Parquet file"),
    "cut.db": (b"SQLite format 3\0", "not a readable ASE database"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_table_is_one_line_that_names_it(tmp_path, name):
    content, message = FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    line = one_line(tmp_path / name)
    assert line.startswith(str(tmp_path / name)) and message in line


def test_what_unpacks_beyond_the_bound_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    pa.parquet.write_table(pa.table({"structure": [" " * 100_000] * 1000}), path, compression="zstd")
    assert path.stat().st_size < 50_000
    monkeypatch.setattr("datasets.readers.columns.read_parquet.__defaults__", (10_000_000,))
    assert "bytes when unpacked; refused" in one_line(path)


# -- damaged bytes -----------------------------------------------------------------------------------


def valid_inputs(folder: Path) -> dict[str, bytes]:
    write(folder / "x.extxyz", images())
    return {
        "x.csv": csv_text(["material_id", "cif", "gap"], ["a", "b", "c"], CIFS, GAPS).encode(),
        "y.csv": csv_text(["structure", "gap"], [json.dumps(d) for d in DICTS], GAPS).encode(),
        "x.json": json.dumps(SPLIT).encode(),
        "x.jsonl": "\n".join(map(json.dumps, records())).encode(),
        "x.extxyz": (folder / "x.extxyz").read_bytes(),
    }


@pytest.fixture(scope="module")
def valid(tmp_path_factory) -> dict[str, bytes]:
    return valid_inputs(tmp_path_factory.mktemp("valid"))


CHANGES = st.lists(
    st.tuples(st.sampled_from(["set", "cut", "insert", "repeat"]), st.floats(0, 1), st.binary(min_size=1, max_size=3)),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=250)
@given(name=st.sampled_from(["x.csv", "y.csv", "x.json", "x.jsonl", "x.extxyz"]), changes=CHANGES)
def test_damaged_bytes_are_an_input_error_or_a_table_and_an_error_writes_nothing(tmp_path_factory, valid, name, changes):
    folder, raw = tmp_path_factory.mktemp("fuzz"), valid[name]
    for kind, where, inserted in changes:
        at = int(where * len(raw))
        middle = {"set": inserted, "insert": inserted + raw[at:], "cut": b"", "repeat": raw[at : at + 40] + raw[at:]}[kind]
        raw = raw[:at] + middle + (raw[at + len(inserted) :] if kind == "set" else b"")
    (folder / name).write_bytes(raw)
    options = TableOptions(folder / name, "mine", ["energy"] if "xyz" in name else ["gap"], ["eV"])
    start = time.perf_counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCHMARK_CACHE", str(folder / "cache"))
        try:
            import_table(options)
        except InputError as error:
            assert "\n" not in str(error) and not (folder / "cache").exists()
    assert time.perf_counter() - start < 5


def test_a_row_of_a_folder_with_too_few_columns_is_named_with_the_missing_files(tmp_path):
    for number, name in enumerate("ab"):
        write(tmp_path / f"{name}.cif", Atoms("NaCl", positions=[[0, 0, 0], [2, 2, 2]], cell=[4 + number, 4, 4], pbc=True))
    (tmp_path / "id_prop.csv").write_text("id,gap\na,1.5\nb\nz,2.5\n")
    with pytest.raises(InputError, match="2 such rows") as caught:
        read(tmp_path)
    assert [line.rpartition("id_prop.csv ")[2][:6] for line in caught.value.details] == ["line 3", "line 4"]
    assert read(tmp_path, skip_bad=True).crystals.ids.tolist() == ["a"]
