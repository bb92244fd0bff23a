"""Every number that was published as a file a fold is in the packed runs; compared with the repository's history."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile

import numpy as np
import pandas as pd
import pytest

from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.results.validation import frame_hash
from tests.benchmark.conftest import ROOT

LAST_WITH_FOLD_FILES = "200ce13c03f7bdfe537cf8599951703e0f45fd1a"
RECORDS = 517

GROUPED = {
    (task, "mini"): "kfold(5, grouped)"
    for task in ("emt/alloys/formation_energy_per_atom", "emt/alloys/log10_bulk_modulus", "fung/2d/work_function")
}
"""Run anew, in five repeats, with duplicates in one part of every fold."""


@pytest.fixture(scope="module")
def old() -> dict[str, bytes]:
    """The files of records of that commit, by name."""
    command = ["git", "archive", LAST_WITH_FOLD_FILES, "leaderboards/records"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("the commit with the old form of records is not in this clone")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def in_new_form(old: dict) -> dict:
    """An old record with the names that it has today; no value is computed but the training seed, which was a sum."""
    key = old["key"] | {"source": old["model_fingerprint"], "device": "cpu" if old["machine"]["device"] == "cpu" else "gpu"}
    if key["profile"] == "quick":  # it was named after its time; one record is from when its networks had published sizes
        key["profile"] = "standard" if key["settings"].get("width") == 64 else "mini"
    rest = {name: value for name, value in old.items() if name not in ("key", "model_fingerprint", "schema_version")}
    return {"checkpoint_sha256": None, **rest, "key": key, "schema_version": 2, "training_seed": key["seed"] + key["fold"]}


def flat(value: object, name: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {name: value}
    return {key: leaf for part, inner in value.items() for key, leaf in flat(inner, f"{name}.{part}").items()}


def test_no_record_and_no_prediction_was_lost(old):
    store = Store(ROOT / "leaderboards")
    published = {(r.key.task, r.key.model, r.key.fold, r.started_at): r for r in store.records()}
    folds = {(r.key.task, r.key.model, r.key.profile, r.key.protocol, r.key.fold) for r in store.records()}
    compared = values = again = 0
    for name, content in old.items():
        if not name.endswith(".json"):
            continue
        expected = in_new_form(json.loads(content))
        known = Record.model_validate_json(json.dumps(expected))
        record = published.get((known.key.task, known.key.model, known.key.fold, known.started_at))
        if record is None:  # a newer source of the model was run in its place
            protocol = GROUPED.get((known.key.task, known.key.profile), known.key.protocol)
            assert (known.key.task, known.key.model, known.key.profile, protocol, known.key.fold) in folds
            again += 1
            continue
        found = flat(record.model_dump(mode="json"))
        wanted = flat(known.model_dump(mode="json"))
        if known.status == "complete":
            table = old[name.replace(".json", ".parquet")]
            assert hashlib.sha256(table).hexdigest() == wanted.pop(".predictions_sha256")
            frame = pd.read_parquet(io.BytesIO(table))
            assert found.pop(".predictions_sha256") == frame_hash(frame)
            kept = store.predictions(record)
            np.testing.assert_array_equal(kept.ids, frame["id"])
            np.testing.assert_array_equal([kept.targets, kept.predictions], frame[["target", "prediction"]].T)
        assert found == wanted
        compared, values = compared + 1, values + len(wanted)
    assert compared + again == RECORDS
    assert values > compared * 40
