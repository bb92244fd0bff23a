"""Every number that was published as files of single folds is in the tables of its study; compared with the history."""

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
from benchmark.studies.published import read_published
from benchmark.studies.registry import pages_of
from tests.benchmark.conftest import ROOT
from tests.benchmark.results.test_conversion import LAST_WITH_FOLD_FILES, flat, in_new_form

FILES = {"depth": (340, 340, 340), "sensitivity": (195, 195, 0)}
"""Study → how many records, tables of predictions and observations it had, a file each."""


@pytest.mark.parametrize("name", FILES)
def test_no_fold_of_a_study_was_lost(name):
    command = ["git", "archive", LAST_WITH_FOLD_FILES, f"reports/studies/{name}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("the commit with the old form of studies is not in this clone")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        old = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    kind = pages_of(name).seen
    store = Store(ROOT / "reports" / "studies" / name)
    trials = [trial for trial in read_published(store, kind) if any(f"/{trial.record.key.task}/" in file for file in old)]
    published = {trial.record.key.identity: (trial, trial.tested) for trial in trials}
    counts = [0, 0, 0]
    for file in [file for file in old if "/fold-" in file and file.endswith(".json")]:
        expected = in_new_form(json.loads(old.pop(file)))
        known = Record.model_validate_json(json.dumps(expected))
        trial, predictions = published.pop(known.key.identity)
        record, wanted = flat(trial.record.model_dump(mode="json")), flat(known.model_dump(mode="json"))
        counts[0] += 1
        if table := old.pop(file.replace(".json", ".parquet"), None):
            assert hashlib.sha256(table).hexdigest() == wanted.pop(".predictions_sha256")
            frame = pd.read_parquet(io.BytesIO(table))
            assert record.pop(".predictions_sha256") == frame_hash(frame)
            np.testing.assert_array_equal(predictions.ids, frame["id"])
            np.testing.assert_array_equal([predictions.targets, predictions.predictions], frame[["target", "prediction"]].T)
            counts[1] += 1
        assert record == wanted
        if kind:
            seen = json.loads(old.pop(file.replace("/fold-", f"/{kind.kind}-")))
            assert seen.pop("model_fingerprint") == known.key.source and seen.pop("schema_version") == 1
            assert trial.seen == kind.model_validate(seen)
            counts[2] += 1
    assert tuple(counts) == FILES[name] and not old and not published
