"""`jobs`: who works on what, told by the store alone."""

from __future__ import annotations

import json
import os
import re
import time

import pytest

from benchmark.harness.kept import kept_of, marked
from benchmark.harness.leases import Leases
from benchmark.results.store import Store
from tests.benchmark.constructed import failed, make, write_run


def test_who_works_on_what_is_read_from_the_store(benchmark_command, tmp_path, monkeypatch):
    store = Store(tmp_path / "runs")
    write_run(store, "schnet", 0.2)
    store.write(failed(fold=0, model="mpnn"), None)
    store.paths()[-1].write_text("{")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "11")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    key = make(fold=2)[0].key
    with Leases(store.root, beat_s=0.05) as leases:
        lease = leases.claim(key, store.path(key), {"n_layers": 4})
        for epoch in (2, 3):
            leases.note(lease, epoch, 8)
        time.sleep(0.3)
        store.unfinished(key).parent.mkdir(parents=True, exist_ok=True)
        kept = kept_of(key, "a" * 64, {"epochs": 8}).model_copy(update={"epoch": 2, "epochs": 8})
        store.unfinished(key).write_bytes(marked(kept, b"a training"))
        store.unfinished(make(fold=3)[0].key).write_bytes(b"of an earlier version")
        shown = benchmark_command("jobs").stdout
        found = json.loads(benchmark_command("jobs", "--json").stdout)
    (row,) = found["working"]
    assert (row["job"], row["pid"], row["fold"], row["epoch"], row["epochs"]) == ("11_1", os.getpid(), 2, 3, 8)
    assert 0 <= row["left_s"] <= 60 and re.search(r" 3/8 .* about \d+ s  ", shown), "5 epochs of a moment are left"
    assert row["state"] == "working" and row["last_sign_s"] <= 5
    assert found["records"] == {"complete": 4, "failed": 1, "damaged": 1} and found["submitted"] == []
    assert "job 11_1" in shown and "set/target cgcnn (standard, n_layers=4) seed 0 fold 3" in shown and "3/8" in shown
    assert "1 fold being computed; records: 4 complete; 1 damaged; 1 failed; 2 folds with a checkpoint" in shown
    assert "\n  set/target cgcnn (standard, epochs=8) seed 0 fold 3: after epoch 2 of 8\n" in shown
    assert "fold-03.unfinished: of an earlier version, epoch unknown" in shown
    assert [(fold["fold"], fold["epoch"]) for fold in found["kept"]] == [(2, 2)] and found["begun"] == 2
    assert "0 folds being computed" in benchmark_command("jobs").stdout


@pytest.mark.parametrize(
    ("ended", "state", "told"),
    [
        (True, "ended", "1 fold whose process on this machine has ended: the same command takes over at once"),
        (False, "no sign of life", "1 fold whose process shows no sign of life"),
    ],
)
def test_a_process_that_is_gone_is_told_and_when_its_fold_is_taken_over(benchmark_command, tmp_path, ended, state, told):
    store, key = Store(tmp_path / "runs"), make()[0].key
    lease = Leases(store.root).claim(key, store.path(key))  # nothing beats
    if ended:
        number = str(os.getpid())  # no process has both this number and this time of its start
        text = lease.path.read_text()
        lease.path.write_text(re.sub(rf'( {number} )[0-9]+"', r'\g<1>1"', text))
    else:
        os.utime(lease.path, (time.time() - 600, time.time() - 600))
    kept = kept_of(key, "a" * 64).model_copy(update={"epoch": 2, "epochs": 8})
    store.unfinished(key).parent.mkdir(parents=True, exist_ok=True)
    store.unfinished(key).write_bytes(marked(kept, b"a training"))
    (store.root / "logs").mkdir()
    plan = '{"event": "plan", "ended": 0, "folds": 360}\n{"event": "record", "ended": 12, "folds": 360}\n'
    (store.root / "logs" / "20260101T000000-host-1.jsonl").write_text(plan)
    shown = benchmark_command("jobs").stdout
    assert "0 folds being computed; newest run: 12 of 360 folds done; records: none yet" in shown and told in shown
    assert "fold 1  2/8  " in re.sub("  +", "  ", shown), "it goes on from its checkpoint"
    assert json.loads(benchmark_command("jobs", "--json").stdout)["working"][0]["state"] == state
    store.write(*make())
    assert json.loads(benchmark_command("jobs", "--json").stdout)["working"] == [], "it had just finished"


def test_a_store_that_is_not_there_is_named(benchmark_command):
    done = benchmark_command("jobs", "--out", "nowhere")
    assert (done.returncode, done.stderr) == (2, "error: there is no store at nowhere; name it with --out\n")


def test_there_is_nothing_to_cancel_where_nothing_was_submitted(benchmark_command, tmp_path):
    (tmp_path / "runs").mkdir()
    assert benchmark_command("jobs", "--cancel").stdout == "cancelled: nothing was submitted\n"
