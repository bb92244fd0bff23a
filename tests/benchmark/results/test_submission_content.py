from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.results.publish import publish_records
from benchmark.results.submission import examine
from datasets.errors import InputError
from tests.benchmark.results.submissions import (
    changed_json,
    changed_rows,
    figures,
    only_problem,
    replaced,
    sparse,
    table,
    write,
)


def parquet(columns: dict[str, object], **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue().to_pybytes()


def equal_rows(n: int, **options: object) -> Callable[[], bytes]:
    zeros = pa.array(np.zeros(n))
    ids = pa.array(np.full(n, "a"), pa.string())
    return lambda: parquet({"id": ids, "fold": pa.array(np.zeros(n, int)), "target": zeros, "prediction": zeros}, **options)


def long_ids() -> bytes:
    """Fifteen rows that all point to one id of a megabyte."""
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(15, np.int32)), pa.array(["a" * 2**20]))
    zeros = pa.array(np.zeros(15))
    return parquet({"id": ids.cast(pa.string()), "fold": pa.array(np.zeros(15, int)), "target": zeros, "prediction": zeros})


BROKEN = {
    "a missing id": (changed_rows(lambda f: f.iloc[1:]), "14 rows, split.n_test says 15"),
    "another id": (changed_rows(lambda f: f.assign(id=["x", *f["id"][1:]])), "its ids are not those of the test part"),
    "no id": (changed_rows(lambda f: f.assign(id=[None, *f["id"][1:]])), "1 rows without an id"),
    "a double id": (changed_rows(lambda f: f.assign(id=[f["id"][1], *f["id"][1:]])), "appears 2 times"),
    "an id with a line break": (changed_rows(lambda f: f.assign(id=["a\nb", *f["id"][1:]])), "has control characters"),
    "NaN": (changed_rows(lambda f: f.assign(prediction=[np.nan, *f["prediction"][1:]])), "is nan; 1 of 15 are not finite"),
    "infinity": (changed_rows(lambda f: f.assign(target=[np.inf, *f["target"][1:]])), "is inf; 1 of 15 are not finite"),
    "another fold's rows": (changed_rows(lambda f: f.assign(fold=1)), "column fold is not 0 in every row"),
    "an extra column": (lambda s, r: replaced(lambda: frame_bytes(table(s, r).assign(x=1)))(s, r), "columns id string, fold"),
    "single precision": (
        lambda s, r: replaced(lambda: frame_bytes(table(s, r).astype({"target": "float32"})))(s, r),
        "target float,",
    ),
    "no Parquet": (replaced(lambda: b"PAR1 and nothing else PAR1"), "not a readable Parquet file"),
    "empty": (replaced(lambda: b""), "not a readable Parquet file"),
    "another name of the ids": (
        lambda s, r: replaced(lambda: s.path(r.key).with_suffix(".parquet").read_bytes().replace(b"\x02id", b"\x02ie"))(s, r),
        "not a readable Parquet file",
    ),
    "millions of equal rows": (replaced(equal_rows(4_000_000)), "4,000,000 rows, split.n_test says 15"),
    "another compression": (replaced(equal_rows(15, compression="zstd")), "compressed otherwise than by snappy"),
    "one long id in all rows": (replaced(long_ids), "appears 15 times"),
    "a gigabyte of predictions": (sparse(".parquet"), "1,073,741,824 bytes, at most 80,896 can belong here"),
    "a gigabyte of JSON": (sparse(".json"), "1,073,741,824 bytes, at most 1,000,000 can belong here"),
    "a wrong fold hash": (changed_json("split", "train_sha256", value="0" * 64), "split.train_sha256 is 000"),
    "a wrong number of crystals": (changed_json("split", "n_train", value=99), "split.n_train is 99, the dataset says 13"),
    "another unit": (changed_json("key", "unit", value="meV/atom"), "key.unit is 'meV/atom', the dataset says 'eV/atom'"),
    "an unknown field": (changed_json("surprise", value=1), "surprise: Extra inputs are not permitted"),
    "a terminal's escape": (changed_json("paper", value="\x1b[31mred"), "paper: Value error, control characters"),
    "an absurd length": (changed_json("machine", "processor", value="x" * 501), "processor: String should have at most"),
    "no hash": (changed_json("key", "source", value="g" * 64), "key.source: String should match pattern"),
    "a fold that does not exist": (changed_json("key", "fold", value=2), "kfold(2) has no fold 2"),
    "an unheard-of protocol": (changed_json("key", "protocol", value="mine"), "key.protocol: String should match pattern"),
    "a path out of the store": (changed_json("key", "model", value="../../x"), "cannot be part of a name"),
    "another model's name": (changed_json("key", "model", value="cgcnn"), "its key belongs at"),
    "hidden settings": (changed_json("changed", value={"epochs": 4}), "changed is not a part of the settings"),
    "deep nesting": (lambda s, r: s.path(r.key).write_text('{"key":' * 10_000), "content: Invalid JSON: recursion limit"),
    "no UTF-8": (lambda s, r: s.path(r.key).write_bytes(b'{"paper": "\xff\xfe"}'), "content: Invalid JSON"),
    "a command for a profile": (changed_json("key", "profile", value="$(touch PWN)"), "key.profile: String should match"),
    "a text for a fold": (changed_json("key", "fold", value="0"), "key.fold: Input should be a valid integer"),
    "a fraction for a fold": (changed_json("key", "fold", value=0.0), "key.fold: Input should be a valid integer"),
    "a key that is there twice": (
        lambda s, r: (path := s.path(r.key)).write_text(path.read_text().replace('"fold": 0', '"fold": 1, "fold": 0', 1)),
        "the key 'fold' is written twice in one object",
    ),
    "a huge integer": (changed_json("parameters", value=10**30), "parameters: "),
}  # fmt: skip


def frame_bytes(frame: pd.DataFrame) -> bytes:
    return frame.to_parquet(None, index=False)


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused_with_its_line(theirs, board, name):
    change, expected = BROKEN[name]
    change(theirs, next(theirs.records()))
    line = only_problem(examine(theirs, board))
    assert expected in line
    assert "fold-00" in line
    assert line.isprintable()
    with pytest.raises(InputError, match="fold-00"):
        publish_records(theirs, board, [], [], replace=False)
    assert not board.root.exists()


def test_everything_that_is_wrong_is_said_at_once(theirs, board):
    first, second = theirs.records()
    changed_json("surprise", value=1)(theirs, first)
    changed_json("paper", value="\n")(theirs, first)
    changed_rows(lambda f: f.assign(fold=7, target=np.nan))(theirs, second)
    (theirs.root / "models" / "theirs.json").unlink()
    problems = examine(theirs, board).problems
    expected = ("surprise: ", "paper: ", "column fold is not 1", "15 of 15 are not finite", "theirs.json: missing")
    assert [sum(text in line for line in problems) for text in expected] == [1] * len(problems) == [1] * 5


ANY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANY
@given(which=st.integers(0, 10), where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_any_changed_byte_is_refused_or_changes_no_score(theirs, board, which, where, byte):
    paths = sorted(path for path in theirs.root.rglob("*") if path.is_file())
    path = paths[which % len(paths)]
    before, expected = path.read_bytes(), figures(theirs)
    content = bytearray(before)
    content[int(where * len(content))] = byte
    try:
        path.write_bytes(bytes(content))
        assert examine(theirs, board).problems or figures(theirs) == expected
    finally:
        path.write_bytes(before)


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-2, 2**70), st.floats(), st.text(max_size=5), st.just([]), st.just({}))


@ANY
@given(pick=st.randoms(use_true_random=False), value=VALUES)
def test_any_changed_field_is_refused_or_changes_no_score(theirs, board, pick, value):
    path = pick.choice(sorted(theirs.root.rglob("*.json")))
    before, expected = path.read_text(), figures(theirs)
    content = place = json.loads(before)
    key = pick.choice(list(place))
    while isinstance(place[key], dict) and place[key] and pick.random() < 0.8:
        place = place[key]
        key = pick.choice(list(place))
    place[key] = value
    try:
        path.write_text(json.dumps(content))
        assert examine(theirs, board).problems or figures(theirs) == expected
    finally:
        path.write_text(before)


@ANY
@given(
    row=st.integers(0, 14), column=st.sampled_from(["id", "fold", "target"]), shift=st.floats(-1e6, 1e6),
    text=st.text(max_size=5), scored=st.booleans(),
)  # fmt: skip
def test_any_changed_id_fold_or_target_is_refused_even_with_new_hashes_and_scores(
    theirs, board, row, column, shift, text, scored
):
    record = next(theirs.records())
    frame = table(theirs, record)
    changed = frame.copy()
    old = changed.loc[row, column]
    changed.loc[row, column] = text if column == "id" else old + (int(shift) if column == "fold" else shift)
    if changed.loc[row, column] == old:
        return
    try:
        write(theirs, record, changed, scored)
        assert len(examine(theirs, board).problems) >= 1
    finally:
        write(theirs, record, frame)
