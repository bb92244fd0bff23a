"""Which trainings `verify` does: those of today's source, unless they are there and the newest."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from benchmark.regression import sources
from benchmark.regression.sources import source_states, train_sources
from benchmark.results.sources import by_source, read_sources
from benchmark.results.store import Store
from tests.benchmark.constructed import write_run
from tests.benchmark.results.test_store import make

TASK = "emt/alloys/formation_energy_per_atom"


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """What was trained, job by job, under a source that a test chooses; nothing is really trained."""
    jobs, today = [], {"source": "a" * 64, "months": iter(range(1, 12))}

    def train(wanted, on_done):
        found = []
        for job in wanted:
            jobs.append(today["source"][0])
            key = make()[0].key.model_copy(update={
                "task": job.task.name, "dataset": job.task.dataset, "target": job.task.target, "model": job.model,
                "settings": job.settings.as_dict(), "source": today["source"],
            })  # fmt: skip
            shift = 0.1 if today["source"][0] == "a" else 0.2
            started = datetime(2026, next(today["months"]), 1, tzinfo=timezone.utc)
            record, frame = make(0, job.model, shift, key=key, started_at=started)
            store = Store(tmp_path / f"trained-{len(jobs)}")
            store.write(record, frame)
            found.append((record, store.predictions(record)))
        return found

    monkeypatch.setattr(sources, "_train", train)
    monkeypatch.setattr(sources, "REGRESSION_SETS", (TASK,))
    monkeypatch.setattr("benchmark.harness.job.fingerprint", lambda model: today["source"])
    monkeypatch.setattr(sources, "fingerprint", lambda model: today["source"])
    return jobs, today


def test_a_source_is_trained_once_and_again_after_a_revert(trained, tmp_path):
    jobs, today = trained
    board = tmp_path / "board"
    train_sources(board, ["dummy"])
    train_sources(board, ["dummy"])
    today["source"] = "b" * 64
    train_sources(board, ["dummy"])
    assert read_sources(board).outdated("dummy", "a" * 64) is True
    today["source"] = "a" * 64
    train_sources(board, ["dummy"])
    assert jobs == ["a", "b", "a"]
    assert read_sources(board).outdated("dummy", "a" * 64) is False
    assert read_sources(board).outdated("dummy", "b" * 64) is True


@pytest.mark.usefixtures("trained")
def test_the_states_name_every_source_of_the_records(tmp_path):
    board = Store(tmp_path / "board")
    write_run(board, "dummy", 1.0, folds=2)
    train_sources(board.root, ["dummy"])
    (state,) = source_states(board, by_source([]))
    assert (state.model, state.records, state.today, state.outdated) == ("dummy", 2, False, None)


def test_a_directory_without_records_is_refused_before_anything_is_trained(benchmark_command, tmp_path):
    done = benchmark_command("verify", "--to", tmp_path / "nowhere")
    assert done.returncode == 2 and "has no records whose sources could be compared" in done.stderr
    assert not (tmp_path / "nowhere").exists()
