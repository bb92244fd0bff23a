"""What a spreadsheet or a program writes as CSV is read as it was written, or refused in one line."""

import csv
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from datasets.errors import InputError
from datasets.readers.csv_text import read_csv_text
from datasets.readers.folder import open_folder
from datasets.readers.tables import TableOptions, read_crystals

SALT = json.dumps(Structure(Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]).as_dict())
IDS = ("a", "é", "x-3")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")


def rows(folder: Path, content: str | bytes, **more: object) -> list[list[str]]:
    path = folder / "x.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv_text(path, **more).rows


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", [*ENCODINGS, "utf-16-be"])
def test_separators_line_ends_and_encodings(tmp_path, separator, end, encoding):
    text = end.join(f"é{separator}{i}.5{separator}" for i in range(3)) + end
    raw = (("\ufeff" if encoding == "utf-16-be" else "") + text).encode(encoding)
    for content in (raw, gzip.compress(raw)):
        assert rows(tmp_path, content) == [["é", f"{i}.5"] for i in range(3)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id;gap\na;0,10\nb;0,20\n", [["id", "gap"], ["a", "0,10"], ["b", "0,20"]]),
        ("sep=;\na;0,10\nb;0,20\n", [["a", "0,10"], ["b", "0,20"]]),
        ('"SEP=\t"\r\na\t1;5\r\n', [["a", "1;5"]]),
        ("\n\nid,note\n\na,x;y\n", [["id", "note"], ["a", "x;y"]]),
        ("id,|F| [eV]\na,1\n", [["id", "|F| [eV]"], ["a", "1"]]),
        ('id;cif\na;"data_x,\n1;2"\nb;3\n', [["id", "cif"], ["a", "data_x,\n1;2"], ["b", "3"]]),
        ('"id";"gap"\n"a";"0,1"\n', [["id", "gap"], ["a", "0,1"]]),
        ("id,gap,\na,1,\nb,,\n", [["id", "gap"], ["a", "1"], ["b", ""]]),
        ("id,gap\na,1,\nb,2,\n", [["id", "gap"], ["a", "1"], ["b", "2"]]),
        ("id;gap;;\na;1;;\n", [["id", "gap"], ["a", "1"]]),
        ("id,gap,\na,1,2\n", [["id", "gap", ""], ["a", "1", "2"]]),
        ("id,gap,e\na,1,\n", [["id", "gap", "e"], ["a", "1", ""]]),
        ("id,gap\na\n  \n\n,\n", [["id", "gap"], ["a"], ["", ""]]),
        ('id,cif;x|y\n"a,1|","5;6"\nb,2\n', [["id", "cif;x|y"], ["a,1|", "5;6"], ["b", "2"]]),
        ("a b\nc d\n", [["a b"], ["c d"]]),
        ("", []),
    ],
)
def test_the_separator_is_the_one_that_the_rows_agree_on(tmp_path, text, expected):
    assert rows(tmp_path, text) == expected


def test_a_separator_that_the_rows_leave_open_is_refused_or_decided_by_the_ids(tmp_path):
    with pytest.raises(InputError, match=r"x\.csv: ',' and ';' could each be the separator; put the line sep=;") as caught:
        rows(tmp_path, "a;0,10\nb;0,20\n")
    assert "\n" not in str(caught.value)
    assert rows(tmp_path, "a;0,10\nb;0,20\n", is_id={"a", "b"}.__contains__) == [["a", "0,10"], ["b", "0,20"]]
    assert rows(tmp_path, "a;0,10\nb;0,20\n", is_id={"a;0"}.__contains__)[0] == ["a;0", "10"]


@pytest.mark.parametrize("text", ['a,1\n"b,2\n', 'a,1\n"b', 'a,1\n"', 'a,1\nb,"'])
def test_an_open_quote_names_its_row(tmp_path, text):
    with pytest.raises(InputError, match=r"x\.csv line 2: not a CSV \(a quote that is not closed\)"):
        rows(tmp_path, text)


def test_rows_keep_the_numbers_of_their_lines(tmp_path):
    (tmp_path / "x.csv").write_bytes(b'sep=,\r\n\r\na,"1\r\n2"\r\n\r\nb,2\rc,3')
    assert list(read_csv_text(tmp_path / "x.csv").numbers) == [3, 6, 7]


# -- tables as they are written ----------------------------------------------------------------------


@st.composite
def written(draw):
    """(columns of decimals, how they are written)."""
    places = draw(st.integers(1, 5))
    values = st.decimals(2, 99999, places=places).flatmap(lambda value: st.sampled_from([value, -value]))
    columns = draw(st.lists(st.lists(values, min_size=3, max_size=3), min_size=1, max_size=3))
    layout = {
        "separator": draw(st.sampled_from(",;\t|")),
        "sign": draw(st.sampled_from(".,")),
        "encoding": draw(st.sampled_from(ENCODINGS)),
        "end": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "quoted": draw(st.booleans()),
        "trailing": draw(st.booleans()),
        "told": draw(st.booleans()),
    }
    return places, columns, layout


def csv_bytes(table: list[list[str]], layout: dict) -> bytes:
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if layout["quoted"] else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=layout["separator"], quoting=quoting, lineterminator=layout["end"])
    writer.writerows([*row, ""] if layout["trailing"] and not layout["quoted"] else row for row in table)
    told = f"sep={layout['separator']}{layout['end']}" if layout["told"] else ""
    return (told + text.getvalue()).encode(layout["encoding"])


def shown(columns: list[list[Decimal]], sign: str) -> list[list[str]]:
    return [[f"{value:f}".replace(".", sign) for value in column] for column in columns]


@pytest.fixture(scope="module")
def crystals(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("crystals")
    for name in IDS:
        write(folder / f"{name}.cif", Atoms("Cu", cell=[3, 3, 3], pbc=True))
    return folder


@settings(max_examples=300)
@given(table=written(), headed=st.booleans())
def test_a_folders_csv_is_read_as_written_or_refused_in_one_line(crystals, table, headed):
    places, columns, layout = table
    columns = columns if headed else columns[:1]
    header = [["id", *(f"t{i} [eV]" for i in range(len(columns)))]] if headed else []
    body = [list(row) for row in zip(IDS, *shown(columns, layout["sign"]), strict=True)]
    (crystals / "id_prop.csv").write_bytes(csv_bytes(header + body, layout))
    try:
        dataset = open_folder(crystals)
    except InputError as error:
        assert "\n" not in str(error)
        assert places == 3 and "which can be" in str(error)  # `1,234`; anything else must be read
        return
    found = dataset.load() if layout["told"] else None
    assert list(dataset.card.targets.values()) == (["eV"] * len(columns) if headed else ["as given"])
    if found:
        assert found.ids.tolist() == list(IDS)
        assert np.array_equal(found.targets.to_numpy().T, np.array(columns, dtype=float))


@settings(max_examples=200)
@given(table=written(), order=st.randoms())
def test_a_table_is_read_as_written_or_refused_in_one_line(tmp_path_factory, table, order):
    places, columns, layout = table
    named = {f"t{i} [eV]": column for i, column in enumerate(shown(columns, layout["sign"]))}
    named = {"id": list(IDS), "structure": [SALT] * 3, **named}
    headings = list(named)
    order.shuffle(headings)
    path = tmp_path_factory.mktemp("table") / "x.csv"
    body = [list(row) for row in zip(*(named[heading] for heading in headings), strict=True)]
    path.write_bytes(csv_bytes([headings, *body], layout))
    targets = [f"t{i}" for i in range(len(columns))]
    try:
        found = read_crystals(TableOptions(path, "mine", targets)).crystals
    except InputError as error:
        assert "\n" not in str(error)
        assert places == 3 and "which can be" in str(error)
        return
    assert found.ids.tolist() == list(IDS)
    assert np.array_equal(found.targets[targets].to_numpy().T, np.array(columns, dtype=float))
