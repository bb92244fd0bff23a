"""Booleans and labels are classes, in an order that rows do not change; what may be classes or amounts is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from datasets.errors import InputError
from datasets.readers.class_targets import ClassColumn, class_column
from datasets.readers.tables import TableCrystals, TableOptions, read_crystals

SALT = Structure(Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]).as_dict()


def classes(values: list[object], unit: str = "") -> ClassColumn | None:
    return class_column(values, "phase", unit, [f"x row {i}" for i in range(1, len(values) + 1)], "x")


@pytest.mark.parametrize(
    ("values", "unit", "names", "codes"),
    [
        ([True, False, True], "", ("False", "True"), [1, 0, 1]),
        (["TRUE", "false", None, "True"], "", ("False", "True"), [1, 0, np.nan, 1]),
        (["yes", " No ", "", "YES"], "", ("False", "True"), [1, 0, np.nan, 1]),
        (["T", "f"], "", ("False", "True"), [1, 0]),
        (["semi", "metal", "na", "semi"], "", ("metal", "semi"), [1, 0, np.nan, 1]),
        (["\u00e9", "e\u0301", " b\u00a0"], "", ("b", "\u00e9"), [1, 1, 0]),
        ([10, 9, 2, 10], "class", ("2", "9", "10"), [2, 1, 0, 2]),
        (["1.0", "1", "0.5", "-3"], "class", ("-3", "0.5", "1"), [2, 2, 1, 0]),
        ([1.0, float("nan"), 0.0], "class", ("0", "1"), [1, np.nan, 0]),
        (["2a", "1", "2a"], "class", ("1", "2a"), [1, 0, 1]),
        (["a", "b"], "class", ("a", "b"), [0, 1]),
        ([True, False], "class", ("False", "True"), [1, 0]),
    ],
)
def test_values_become_classes(values, unit, names, codes):
    column = classes(values, unit)
    assert column is not None and column.names == names
    assert np.array_equal(column.codes, codes, equal_nan=True)


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([0.5, 1.5], ""), (["1", "2"], ""), ([0, 1, 1], ""), ([0, 0, 0], ""), ([0, 0, 2, 2], ""), ([1, 1, 2, 2], ""),
        (["a", "1", "a"], ""), ([True, 1, 2], ""), ([None, "nan"], ""), (["0,5", "a"], ""), (["a", "a", "b"], "eV"),
        ([0, 0, 1, 1], "eV"), ([True, False], "1"), ([*range(11), *range(11)], ""),
    ],
)  # fmt: skip
def test_other_columns_are_left_to_be_numbers(values, unit):
    assert classes(values, unit) is None


@pytest.mark.parametrize(
    ("values", "unit", "message"),
    [
        ([0, 0, 1, 1], "", "x: target 'phase' has only the integers 0 to 1, which may be classes or amounts; head its column"),
        (["0.0", "1.0", "2", "0", "1", "2"], "", r"'phase \[class\]' or 'phase \[unit\]'"),
        (["a", "b", "c"], "", "a text such as 'a', another in each of 3 rows: neither numbers nor classes"),
        (["a", "a"], "", "target 'phase' is 'a' in every row; a class target needs two classes"),
        ([True, True], "", "is 'True' in every row"),
        ([3, 3], "class", "is '3' in every row"),
        (["metal", "Metal", "metal"], "", "has 'metal' and 'Metal'; write a class in one way"),
        (["yes", "true"], "", "mixes false/true and no/yes; write one of them"),
        ([f"c{i // 2}" for i in range(102)], "", "has 51 different values; a class target has at most 50 classes"),
        (["a", "b\tc", "a"], "", r"x row 2: target 'phase' is 'b\\tc', which cannot name a class"),
        (["a", "b\u200bc", "a"], "", "x row 2: .* cannot name a class"),
        (["a", "b" * 101, "a"], "", "x row 2: .* cannot name a class"),
    ],
)
def test_doubtful_columns_are_refused_in_one_line(values, unit, message):
    with pytest.raises(InputError) as caught:
        classes(values, unit)
    assert caught.match(message) and "\n" not in str(caught.value)


LABELS = st.lists(st.sampled_from(["metal", "semi", "insulator", "", "\u00e9", "e\u0301"]), min_size=2, max_size=30)


@given(labels=LABELS, order=st.randoms())
def test_classes_do_not_depend_on_the_order_of_rows(labels, order):
    shuffled = order.sample(range(len(labels)), len(labels))
    try:
        column = classes(labels)
    except InputError as error:
        with pytest.raises(InputError):
            classes([labels[row] for row in shuffled])
        assert "needs two classes" in str(error) or "neither numbers nor classes" in str(error)
        return
    other = classes([labels[row] for row in shuffled])
    if column is None or other is None:
        assert column is other is None and not any(labels)
        return
    assert other.names == column.names
    assert np.array_equal(other.codes, column.codes[shuffled], equal_nan=True)


# -- tables ------------------------------------------------------------------------------------------


def read(path: Path, values: list[object], *units: str, heading: str = "phase", **more: object) -> TableCrystals:
    rows = [{"structure": SALT, heading: value} for value in values]
    if path.suffix == ".csv":
        pd.DataFrame({"structure": [json.dumps(SALT)] * len(rows), heading: values}).to_csv(path, index=False)
    else:
        path.write_text(json.dumps(rows))
    return read_crystals(TableOptions(path, "mine", [heading.split(" [")[0]], units, **more))


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_a_table_says_its_classes(tmp_path, suffix):
    found = read(tmp_path / f"x{suffix}", ["semi", "metal", None, "semi"])
    assert (found.units, found.classes) == ({"phase": "class"}, {"phase": ("metal", "semi")})
    assert found.crystals.targets["phase"].tolist() == [1, 0, 1]
    assert found.problems == ("phase: one crystal only is metal",)
    assert found.left_out == {"without a value of any target": 1}
    for units, heading in ((["class"], "phase"), (["phase=class"], "phase"), ([], "phase [class]")):
        assert read(tmp_path / f"x{suffix}", [1, 2, 2], *units, heading=heading).classes == {"phase": ("1", "2")}
    with pytest.raises(InputError, match="'phase' is in class by its heading"):
        read(tmp_path / f"x{suffix}", [1, 2, 2], "eV", heading="phase [class]")
    assert read(tmp_path / f"x{suffix}", [0, 0, 1, 1], "eV").classes == {}
    with pytest.raises(InputError, match="may be classes or amounts"):
        read(tmp_path / f"x{suffix}", [0, 0, 1, 1])
    with pytest.raises(InputError, match=r"(?:csv line 3|json row 2): target 'phase' is 'x', not a finite number"):
        read(tmp_path / f"x{suffix}", [1.5, "x", "y"])


def test_the_only_column_of_booleans_is_the_target_where_no_other_has_numbers(tmp_path):
    rows = [{"structure": SALT, "metal": value, "note": "x"} for value in (True, False)]
    (tmp_path / "x.json").write_text(json.dumps(rows))
    assert read_crystals(TableOptions(tmp_path / "x.json", "mine")).classes == {"metal": ("False", "True")}


def test_a_class_whose_crystals_are_all_left_out_is_gone(tmp_path):
    rows = [{"structure": SALT if i else "bad.cif", "phase": phase} for i, phase in enumerate("abcbc")]
    (tmp_path / "x.json").write_text(json.dumps(rows))
    found = read_crystals(TableOptions(tmp_path / "x.json", "mine", ["phase"], skip_bad=True))
    assert found.classes == {"phase": ("b", "c")} and found.crystals.targets["phase"].tolist() == [0, 1, 0, 1]
    (tmp_path / "x.json").write_text(json.dumps([row for row in rows if row["phase"] != "c"]))
    with pytest.raises(InputError, match="is 'b' in every row; a class target needs two classes"):
        read_crystals(TableOptions(tmp_path / "x.json", "mine", ["phase"], skip_bad=True))
