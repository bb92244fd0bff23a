"""Whether two sources of a model give the same numbers is what the records say, and nothing else."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from benchmark.results.sources import by_source, read_sources, sources_path
from benchmark.results.store import Store
from benchmark.results.validation import InvalidFile
from tests.benchmark.constructed import write_sources
from tests.benchmark.results.test_store import make

OLD, NEW = "f" * 64, "a" * 64


def trained(source: str, month: int, shift: float = 0.1, processor: str = "p", tmp=None):
    started = datetime(2026, month, 1, tzinfo=timezone.utc)
    machine = make()[0].machine.model_copy(update={"processor": processor})
    record, frame = make(0, "cgcnn", shift, source, started_at=started, machine=machine)
    store = Store(tmp / f"{source[0]}{month}{shift}{processor}")
    store.write(record, frame)
    return record, store.predictions(record)


@pytest.mark.parametrize(
    ("shift", "processor", "outdated"),
    [(0.1, "p", False), (0.1, "other", False), (0.1 + 1e-6, "p", False), (0.11, "p", True), (0.11, "other", None)],
)
def test_equal_predictions_make_a_moved_source_no_other_one(tmp_path, shift, processor, outdated):
    sources = by_source([trained(OLD, 1, tmp=tmp_path), trained(NEW, 2, shift, processor, tmp=tmp_path)])
    assert sources.newest("cgcnn").key.source == NEW
    assert sources.outdated("cgcnn", OLD) is outdated
    assert sources.outdated("cgcnn", NEW) is False


def test_nobody_knows_of_a_source_or_a_model_that_was_not_trained(tmp_path):
    sources = by_source([trained(NEW, 2, tmp=tmp_path)])
    assert sources.outdated("cgcnn", OLD) is None
    assert sources.outdated("schnet", OLD) is None
    assert sources.comparison("cgcnn", OLD) is None


def test_trainings_come_back_from_their_file_and_a_store_without_has_none(tmp_path):
    write_sources(tmp_path, outdated=["mpnn"], unchanged=["cgcnn"])
    sources = read_sources(tmp_path)
    assert [sources.outdated(model, OLD) for model in ("mpnn", "cgcnn")] == [True, False]
    assert read_sources(tmp_path / "nowhere").trained == {}


def test_a_damaged_file_of_trainings_is_named(tmp_path):
    write_sources(tmp_path, unchanged=["cgcnn"])
    sources_path(tmp_path).with_suffix(".parquet").unlink()
    with pytest.raises(InvalidFile, match=r"sources\.parquet"):
        read_sources(tmp_path)


def test_other_settings_or_data_are_no_difference_of_sources(tmp_path):
    old, new = trained(OLD, 1, tmp=tmp_path), trained(NEW, 2, 0.3, tmp=tmp_path)
    for change in ({"settings": {"epochs": 9}}, {"dataset_hash": "9" * 64}):
        other = old[0].model_copy(update={"key": old[0].key.model_copy(update=change)}), old[1]
        assert by_source([other, new]).outdated("cgcnn", OLD) is None


def test_a_setting_that_an_older_source_did_not_have_is_a_part_of_the_newer_source(tmp_path):
    old, new = trained(OLD, 1, tmp=tmp_path), trained(NEW, 2, tmp=tmp_path)
    key = new[0].key.model_copy(update={"settings": {**new[0].key.settings, "added": "as before"}})
    assert by_source([old, (new[0].model_copy(update={"key": key}), new[1])]).outdated("cgcnn", OLD) is False
