from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import datetime, timezone

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from benchmark.results.records import JobKey, Memory, Record, Times
from benchmark.results.scores import scored_tasks
from benchmark.results.store import Store
from benchmark.results.validation import frame_hash
from benchmark.schema import Duration, Machine
from benchmark.tasks.folds import Split, ids_hash
from benchmark.tasks.metrics import LeakScores, Metrics, score
from datasets.errors import BenchmarkError, InputError
from tests.benchmark.conftest import every_run

IDS = ["a", "b", "c", "d"]


def make_predictions(fold: int = 0, shift: float = 0.1) -> pd.DataFrame:
    target = np.arange(4.0) + fold
    return pd.DataFrame({"id": IDS, "fold": fold, "target": target, "prediction": target + shift})


def make(
    fold: int = 0, model: str = "cgcnn", shift: float = 0.1, source: str = "f" * 64, profile: str = "mini", **changes
) -> tuple[Record, pd.DataFrame]:
    predictions = make_predictions(fold, shift)
    test = score(predictions["target"].to_numpy(), predictions["prediction"].to_numpy())
    sha = ids_hash(IDS)
    second = Duration(wall_s=1.0, device_s=2.0)
    key = JobKey(
        task="set/target", dataset="set", target="target", unit="eV", dataset_hash="0" * 64, model=model,
        settings={"epochs": 3}, profile=profile, protocol="kfold(5)", fold=fold, seed=0,
        source=source, device="cpu",
    )  # fmt: skip
    fields = dict(
        key=key, status="complete", training_seed=fold, graph_rule="none", graph_health=None, paper="a paper",
        split=Split(n_train=10, n_validation=2, n_test=4, train_sha256=sha, validation_sha256=sha, test_sha256=sha),
        parameters=5, checkpoint_bytes=100, epochs_run=3, best_epoch=2,
        metrics=Metrics(train=test, validation=test, test=test),
        times=Times(graphs_wall_s=0.5, training=second, inference=second),
        memory=Memory(host_bytes=1, device_bytes=None),
        machine=Machine(processor="p", cores=2, memory_bytes=1, system="s", device="cpu", threads=1, workers=1),
        versions={"python": "3.11"}, git_commit=None, started_at=datetime(2026, 1, 1, tzinfo=timezone.utc),
        predictions_sha256=frame_hash(predictions),
    )  # fmt: skip
    fields |= changes
    if "machine" in changes:
        device = "cpu" if changes["machine"].device == "cpu" else "gpu"
        fields["key"] = fields["key"].model_copy(update={"device": device})
    elif fields["key"].device == "gpu":
        fields["machine"] = fields["machine"].model_copy(update={"device": "NVIDIA H100"})
    return Record(**fields), predictions


def failed(fold: int = 0, **changes) -> Record:
    nothing = dict.fromkeys(("metrics", "times", "parameters", "checkpoint_bytes", "epochs_run", "predictions_sha256"))
    return make(fold, **{"status": "failed", "reason": "it broke", **nothing, **changes})[0]


def files(store: Store) -> list[str]:
    return sorted(path.name for path in store.root.rglob("*") if path.is_file())


def test_a_record_and_its_predictions_come_back_as_written(store):
    record, predictions = make()
    store.write(record, predictions)
    assert store.read(store.path(record.key)) == record
    found = store.predictions(record)
    assert found.ids.tolist() == IDS
    np.testing.assert_array_equal([found.targets, found.predictions], predictions[["target", "prediction"]].T)
    assert found.scores == record.metrics.test
    assert store.finished(record.key, record.split)


def test_a_fold_is_redone_when_the_model_source_changed(store):
    record, predictions = make()
    store.write(record, predictions)
    assert not store.finished(make(source="e" * 64)[0].key, record.split)


def test_a_fold_is_redone_when_its_crystals_were_divided_otherwise(store):
    record, predictions = make()
    store.write(record, predictions)
    assert not store.finished(record.key, record.split.model_copy(update={"test_sha256": "0" * 64}))


@pytest.mark.parametrize("field", ["leak", "backend"])
def test_a_record_from_before_a_field_is_valid(field):
    document = make()[0].model_dump(mode="json")
    del document[field]
    assert getattr(Record(**document), field) is None


@pytest.mark.parametrize(
    ("leak", "right"),
    [
        ({"n_seen": 1, "n_new": 3, "seen": 0.1, "new": 0.1}, True),
        ({"n_seen": 0, "n_new": 4, "seen": None, "new": 0.1}, True),
        ({"n_seen": 1, "n_new": 2, "seen": 0.1, "new": 0.1}, False),
        ({"n_seen": 1, "n_new": 3, "seen": 0.2, "new": 0.1}, False),
    ],
)
def test_seen_and_new_crystals_are_all_test_crystals(leak, right):
    found = LeakScores(**leak)
    if right:
        assert make(leak=found)[0].leak == found
        return
    with pytest.raises(ValidationError, match="do not add up"):
        make(leak=found)


def test_a_failed_fold_has_no_scores_of_leaked_crystals():
    with pytest.raises(ValidationError, match="has no metrics"):
        failed(leak=LeakScores(n_seen=0, n_new=4, seen=None, new=0.1))


def with_checkpoint(content: bytes = b"weights") -> tuple[Record, pd.DataFrame, bytes]:
    return *make(checkpoint_sha256=hashlib.sha256(content).hexdigest()), content


def test_a_checkpoint_lies_beside_its_record_and_the_record_names_it(store):
    record, predictions, content = with_checkpoint()
    store.write(record, predictions, content)
    assert files(store) == ["fold-00.json", "fold-00.parquet", "fold-00.safetensors"]
    assert store.checkpoint(record.key).read_bytes() == content
    assert store.read(store.path(record.key)).checkpoint_sha256 == hashlib.sha256(content).hexdigest()
    assert store.finished(record.key, record.split, with_checkpoint=True)


@pytest.mark.parametrize("state", ["never kept", "missing", "changed"])
def test_a_fold_without_its_checkpoint_is_redone_only_where_checkpoints_are_asked_for(store, state):
    record, predictions, content = with_checkpoint()
    if state == "never kept":
        store.write(*make())
    else:
        store.write(record, predictions, content)
    if state == "missing":
        store.checkpoint(record.key).unlink()
    elif state == "changed":
        store.checkpoint(record.key).write_bytes(b"others")
    assert store.finished(record.key, record.split)
    assert not store.finished(record.key, record.split, with_checkpoint=True)


def test_the_checkpoint_is_written_before_the_record_that_names_it(store, monkeypatch):
    names = []
    monkeypatch.setattr("benchmark.results.store.write_atomically", lambda path, data: names.append(path.name))
    store.write(*with_checkpoint())
    assert names == ["fold-00.parquet", "fold-00.safetensors", "fold-00.json"]


def test_no_checkpoint_of_a_replaced_record_stays(store):
    store.write(*with_checkpoint())
    store.write(*make())
    assert not store.checkpoint(make()[0].key).exists()


def test_a_failure_does_not_replace_the_complete_record_of_the_same_source(store):
    complete, predictions, checkpoint = with_checkpoint()
    store.write(complete, predictions, checkpoint)
    store.write(failed(), None)
    assert store.read(store.path(complete.key)) == complete and store.checkpoint(complete.key).exists()
    other = failed(source="1" * 64)
    store.write(other, None)
    assert store.read(store.path(other.key)).status == "failed" and store.checkpoint(complete.key).exists()


def test_a_record_from_before_there_were_checkpoints_is_valid(store):
    record, predictions = make()
    store.write(record, predictions)
    path = store.path(record.key)
    content = json.loads(path.read_text())
    del content["checkpoint_sha256"]
    path.write_text(json.dumps(content))
    assert store.read(path) == record
    assert store.finished(record.key, record.split)


@pytest.mark.parametrize("name", ["..", "a/../b", "", "x" * 101, "two\nlines"])
def test_a_name_that_would_leave_the_store_is_refused(name):
    with pytest.raises(ValidationError, match="cannot be part of a name"):
        JobKey(**{**make()[0].key.model_dump(), "task": f"set/{name}", "target": name})


def test_folds_of_different_model_source_are_never_one_run(store):
    store.write(*make(0))
    store.write(*make(1, source="e" * 64))
    assert [len(scored.scores) for scored in every_run(store)] == [1, 1]


def test_tasks_are_read_one_after_the_other_with_the_crystals_of_every_fold(store):
    for target in ("zeta", "alpha"):
        for model in ("one", "two"):
            record, predictions = make(0, model)
            key = record.key.model_copy(update={"task": f"set/{target}", "target": target})
            store.write(record.model_copy(update={"key": key}), predictions)
    tasks = scored_tasks(store)
    assert isinstance(tasks, Iterator)
    name, runs = next(tasks)
    assert (name, [run.run.first.key.model for run in runs]) == ("set/alpha", ["one", "two"])
    (first,), (second,) = (run.results for run in runs)
    assert first.ids is second.ids  # one array for every model
    assert first.ids.tolist() == IDS
    np.testing.assert_allclose(first.predictions - first.targets, 0.1)
    assert not (first.ids.flags.writeable or first.targets.flags.writeable or first.predictions.flags.writeable)
    assert [name for name, _ in tasks] == ["set/zeta"]


def test_tasks_within_a_task_s_folder_are_told_apart(store):
    record, predictions = make()
    key = record.key.model_copy(update={"task": "set/target/cgcnn/deep", "dataset": "set/target/cgcnn", "target": "deep"})
    store.write(record, predictions)
    store.write(record.model_copy(update={"key": key}), predictions)
    store.write(*make(model="zeta"))
    assert [(name, len(runs)) for name, runs in scored_tasks(store)] == [("set/target", 2), ("set/target/cgcnn/deep", 1)]


def test_an_invalid_record_can_be_left_out(store):
    store.write(*make(0))
    store.write(*make(1))
    store.path(make(1)[0].key).write_text("{")
    errors = []
    assert len(every_run(store, errors.append)[0].scores) == 1
    assert "fold-01.json" in str(errors[0])


def test_a_failed_fold_is_not_finished(store):
    store.write(failed(), None)
    assert not store.finished(failed().key, failed().split)


@pytest.mark.parametrize("damage", ["cut", "unknown field", "nan", "not json", "negative error"])
def test_a_damaged_record_is_refused_with_its_name_and_redone(store, damage):
    record, predictions = make()
    store.write(record, predictions)
    path = store.path(record.key)
    content = json.loads(path.read_text())
    if damage == "unknown field":
        content["surprise"] = 1
    elif damage == "nan":
        content["metrics"]["test"]["mae"] = float("nan")
    elif damage == "negative error":
        content["metrics"]["test"]["mae"] = -1.0
    text = json.dumps(content)
    path.write_text({"cut": text[: len(text) // 2], "not json": "hello"}.get(damage, text))
    with pytest.raises(InputError, match=r"fold-00\.json") as caught:
        store.read(path)
    assert "\n" not in str(caught.value)
    assert not store.finished(record.key, record.split)


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_predictions_that_are_not_the_record_s_are_refused(store, damage):
    record, predictions = make()
    store.write(record, predictions)
    path = store.path(record.key).with_suffix(".parquet")
    if damage == "missing":
        path.unlink()
    else:
        predictions.assign(prediction=-predictions["prediction"]).to_parquet(path, index=False)
    with pytest.raises(InputError, match=r"fold-00\.parquet"):
        every_run(store)
    assert not store.finished(record.key, record.split)


def test_scores_that_are_not_those_of_the_predictions_are_refused(store):
    good, predictions = make()
    flattering = good.metrics.test.model_copy(update={"mae": good.metrics.test.mae / 2})
    record, _ = make(metrics=good.metrics.model_copy(update={"test": flattering}))
    store.write(record, predictions)
    with pytest.raises(InputError, match="scores are not those of its predictions"):
        every_run(store)


def test_a_record_in_another_s_place_is_refused(store):
    record, predictions = make()
    store.write(record, predictions)
    other = store.path(record.key).with_name("fold-03.json")
    other.write_bytes(store.path(record.key).read_bytes())
    with pytest.raises(InputError, match="belongs at"):
        store.read(other)


def test_complete_needs_its_fields_and_failure_needs_a_reason():
    with pytest.raises(ValidationError, match="parameters"):
        make(parameters=None)
    with pytest.raises(ValidationError, match="reason"):
        failed(reason=None)


@pytest.mark.parametrize("when", ["first write", "rename"])
def test_a_full_disk_leaves_nothing_half_written(store, monkeypatch, when):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync" if when == "first write" else "replace", full)
    record, predictions = make()
    with pytest.raises(BenchmarkError, match=r"No space left on device.*finished folds are kept") as caught:
        store.write(record, predictions)
    assert caught.value.exit_code == 1
    assert files(store) == []


def test_an_unwritable_place_is_said_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        Store(tmp_path / "file").require_writable()
