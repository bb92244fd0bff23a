"""Published runs: what is packed comes back equal, and nothing else is read."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmark.results.packed import packed_files, predictions_bytes, read_packed
from benchmark.results.packing import pack, unpack
from benchmark.results.publish import publish_records
from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.results.validation import InvalidFile
from datasets.errors import InputError
from tests.benchmark.results.test_store import failed, make

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 0.1]) | st.sampled_from(["", "a", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4), max_size=4)


def exact(value: object) -> str:
    """JSON tells 1, 1.0 and true apart, which equality does not."""
    return json.dumps(value, sort_keys=True)


@given(DOCUMENTS)
def test_what_is_packed_comes_back_equal(documents):
    assert exact(unpack(*pack(documents))) == exact(documents)


def test_what_all_share_is_written_once():
    shared, rest = pack([{"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 2, "d": 4}}])
    assert (shared, rest) == ({"a": 1, "b": {"c": 2}}, [{"b": {"d": 3}}, {"b": {"d": 4}}])


@pytest.mark.parametrize(("shared", "own"), [({"a": 1}, {"a": 1}), ({"a": {"b": 1}}, {"a": 2})])
def test_a_value_that_stands_twice_is_refused(shared, own):
    with pytest.raises(ValueError, match="a is"):
        unpack(shared, [own])


def test_packing_changes_the_order_of_settings_but_not_the_identity_of_a_key():
    key = make(0)[0].key.model_copy(update={"settings": {"epochs": 3, "k": 12, "dim": 64}})
    other = key.model_copy(update={"settings": {"dim": 64, "epochs": 3, "k": 12}})
    assert other.identity == key.identity and other.model_dump_json() != key.model_dump_json()
    assert key.model_copy(update={"fold": 1}).identity != key.identity


@pytest.fixture
def board(tmp_path) -> Store:
    """A published run of five folds, one of which failed."""
    runs, board = Store(tmp_path / "runs"), Store(tmp_path / "board")
    for fold in range(4):
        runs.write(*make(fold, shift=0.1 * (fold + 1)))
    runs.write(failed(4), None)
    publish_records(runs, board, [], [], replace=False)
    return board


def test_a_published_run_is_two_files_with_every_number(board):
    (path,) = board.paths()
    assert [file.suffix for file in sorted(path.parent.iterdir())] == [".json", ".parquet"]
    assert list(board.records()) == [*(make(fold, shift=0.1 * (fold + 1))[0] for fold in range(4)), failed(4)]
    for fold, (record, found) in enumerate(board.scored(path)[:4]):
        frame = make(fold, shift=0.1 * (fold + 1))[1]
        np.testing.assert_array_equal([found.targets, found.predictions], frame[["target", "prediction"]].T)
        assert board.predictions(record).scores == record.metrics.test


def test_folds_that_ran_later_join_the_published_run(board, tmp_path):
    late = Store(tmp_path / "late")
    late.write(*make(4, shift=0.5))
    assert len(publish_records(late, board, [], [], replace=True)) == 1
    assert [record.status for record in board.records()] == ["complete"] * 5


def test_two_sources_and_two_kinds_of_device_stand_side_by_side(tmp_path):
    runs, board = Store(tmp_path / "runs"), Store(tmp_path / "board")
    base = make()[0]
    runs.write(*make())
    runs.write(*make(source="e" * 64, shift=0.2))
    gpu = base.key.model_copy(update={"device": "gpu"})
    runs.write(*make(key=gpu))
    publish_records(runs, board, [], [], replace=False)
    assert len(board.paths()) == 3
    assert {(record.key.source[0], record.key.device) for record in board.records()} == {
        ("f", "cpu"),
        ("e", "cpu"),
        ("f", "gpu"),
    }


def damaged_json(change) -> object:
    def damage(path):
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return damage


def swapped_rows(path):
    table = path.with_suffix(".parquet")
    frame = pd.read_parquet(table)
    frame.iloc[[0, 4]] = frame.iloc[[4, 0]].to_numpy()
    table.write_bytes(predictions_bytes(frame.astype({"fold": int, "target": float, "prediction": float})))


DAMAGES = {
    "a record twice": (damaged_json(lambda c: c["records"].append(c["records"][0])), "there twice"),
    "a shared field again": (damaged_json(lambda c: c["records"][0].update(paper="other")), "written twice"),
    "an unknown field": (damaged_json(lambda c: c["shared"].update(stars=5)), "record 0: stars"),
    "no records": (damaged_json(lambda c: c.update(records=[])), "records"),
    "a number changed": (damaged_json(lambda c: c["records"][1]["metrics"]["test"].update(mae=0.01)), "not those of its"),
    "rows of two folds swapped": (swapped_rows, "its ids|column fold|not the predictions"),
    "predictions gone": (lambda path: path.with_suffix(".parquet").unlink(), "cannot be read"),
    "another place": (lambda path: path.rename(path.with_name(path.name.replace("mini", "mono"))), "belongs at"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_run_is_refused_with_its_line(board, what):
    damage, expected = DAMAGES[what]
    damage(board.paths()[0])
    with pytest.raises(InvalidFile, match=expected):
        board.scored(board.paths()[0])


def test_the_packed_json_is_a_line_a_fold(board):
    (path,) = board.paths()
    lines = path.read_text().splitlines()
    assert sum('"fold": ' in line for line in lines) == 5 == len(read_packed(path))
    assert dict(packed_files(path, board.scored(path)))[path].decode() == path.read_text()


def test_a_fold_cannot_be_there_twice_by_another_order_of_its_settings(board):
    (path,) = board.paths()
    content = json.loads(path.read_text())
    (first, *_), shared = content["records"], content["shared"]
    shared["key"]["settings"] = {}
    for fold in content["records"]:
        fold["key"]["settings"] = {"epochs": 3, "width": 8}
    again = json.loads(json.dumps(first))
    again["key"]["settings"] = {"width": 8, "epochs": 3}
    content["records"].append(again)
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidFile, match="1 records are there twice"):
        read_packed(path)


def test_what_is_shared_by_very_many_is_refused_before_it_is_unfolded(board, monkeypatch):
    monkeypatch.setattr("benchmark.results.packed.UNPACKED_BYTES", 1000)
    with pytest.raises(InvalidFile, match="share more than can belong to them"):
        read_packed(board.paths()[0])


def test_a_publication_that_was_killed_between_its_files_is_done_again_with_replace(board, tmp_path):
    (path,) = board.paths()
    path.with_suffix(".parquet").unlink()
    runs = Store(tmp_path / "runs")
    path.write_text(path.read_text().replace('"a paper"', '"another paper"'))
    with pytest.raises(InputError, match="--replace"):
        publish_records(runs, board, [], [], replace=False)
    publish_records(runs, board, [], [], replace=True)
    assert len(board.scored(path)) == 5


def test_a_record_names_one_kind_of_device():
    record = make()[0]
    gpu = record.key.model_copy(update={"device": "gpu"})
    with pytest.raises(ValidationError, match=r"key\.device is gpu, machine\.device is cpu"):
        Record(**{**dict(record), "key": gpu})


def test_a_profile_called_like_a_fold_s_file_is_a_run(tmp_path):
    runs, board = Store(tmp_path / "runs"), Store(tmp_path / "board")
    key = make()[0].key.model_copy(update={"profile": "fold-x"})
    runs.write(*make(key=key))
    publish_records(runs, board, [], [], replace=False)
    assert [record.key.profile for record in board.records()] == ["fold-x"]
