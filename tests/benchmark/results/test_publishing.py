"""Records that `publish` copies to a board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.results.publish import publish_records
from benchmark.results.store import Store
from datasets.errors import InputError
from tests.benchmark.conftest import every_run
from tests.benchmark.results.test_store import failed, files, make, with_checkpoint


def test_records_are_copied_with_their_predictions_once(store, tmp_path):
    target = Store(tmp_path / "board")
    for fold in range(2):
        store.write(*make(fold))
    store.write(failed(2), None)
    assert len(publish_records(store, target, [], [], replace=False)) == 3
    assert publish_records(store, target, [], [], replace=False) == []
    assert len(every_run(target)) == 1
    assert [r.status for r in target.records()] == ["complete", "complete", "failed"]


def test_the_seeds_of_a_run_share_a_file_and_keep_their_own_predictions(store, tmp_path):
    target, at_once = Store(tmp_path / "board"), Store(tmp_path / "other")
    errors = {}
    for seed, error in ((0, 0.1), (1, 0.3)):
        for fold in range(2):
            key = make(fold)[0].key.model_copy(update={"seed": seed})
            record, predictions = make(fold, shift=error, key=key)
            store.write(record, predictions)
            errors[record.model_dump_json()] = error
        assert len(publish_records(store, target, [], [], replace=False)) == 2
    publish_records(store, at_once, [], [], replace=False)
    assert [path.suffix for path in map(Path, files(target))] == [".json", ".parquet"]
    ((path,), (other,)) = target.paths(), at_once.paths()
    assert path.read_bytes() == other.read_bytes()
    assert path.with_suffix(".parquet").read_bytes() == other.with_suffix(".parquet").read_bytes()
    for record, found in target.scored(path):
        error = errors.pop(record.model_dump_json())
        assert np.abs(found.predictions - found.targets).mean() == pytest.approx(error)
    assert not errors


def test_a_checkpoint_stays_where_it_is_and_its_hash_is_published(store, tmp_path):
    target = Store(tmp_path / "board")
    record, predictions, content = with_checkpoint()
    store.write(record, predictions, content)
    publish_records(store, target, [], [], replace=False)
    assert [path.relative_to(target.root).parts[:4] for path in target.paths()] == [("records", "set", "target", "cgcnn")]
    assert [path.suffix for path in map(Path, files(target))] == [".json", ".parquet"]
    assert [r.checkpoint_sha256 for r in target.records()] == [record.checkpoint_sha256]
    assert len(every_run(target)) == 1
    assert target.find(record.key)[0] == record


def test_a_published_record_is_not_replaced_silently(store, tmp_path):
    target = Store(tmp_path / "board")
    store.write(*make())
    publish_records(store, target, [], [], replace=False)
    store.write(*make(shift=0.2))
    with pytest.raises(InputError, match="--replace"):
        publish_records(store, target, [], [], replace=False)
    assert every_run(target)[0].loss[0] == pytest.approx(0.1)
    publish_records(store, target, [], [], replace=True)
    assert every_run(target)[0].loss[0] == pytest.approx(0.2)


def test_an_invalid_record_stops_everything_before_the_first_copy(store, tmp_path):
    store.write(*make(0))
    store.write(*make(1))
    store.path(make(1)[0].key).write_text("{}")
    with pytest.raises(InputError, match="fold-01"):
        publish_records(store, Store(tmp_path / "board"), [], [], replace=False)
    assert not (tmp_path / "board").exists()


def test_only_what_was_named_is_published_and_a_wrong_name_is_refused(store, tmp_path):
    store.write(*make())
    store.write(*make(model="dummy"))
    assert len(publish_records(store, Store(tmp_path / "board"), ["set/target"], ["dummy"], replace=False)) == 1
    with pytest.raises(InputError, match="did you mean set/target"):
        publish_records(store, Store(tmp_path / "board"), ["set/tarjet"], [], replace=False)
