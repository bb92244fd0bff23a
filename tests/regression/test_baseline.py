"""`pytest -m regression`: every model against the baseline, as `python -m benchmark check` does it."""

from __future__ import annotations

import pytest

from benchmark.regression.baseline import read_baseline
from benchmark.regression.check import CheckReport, check
from benchmark.regression.trainings import run_trainings
from models.registry import registered
from tests.benchmark.conftest import ROOT

pytestmark = pytest.mark.regression


@pytest.fixture(scope="session")
def report(request) -> CheckReport:
    """One check of the models whose tests were selected, on all cores."""
    chosen = [item.callspec.params["model"] for item in request.session.items if "model" in getattr(item, "fixturenames", ())]
    return check(read_baseline(ROOT / "leaderboards" / "baseline.json"), sorted(set(chosen)), False, (), run_trainings)


def failures(report: CheckReport, subjects: set[str]) -> list[str]:
    return [f"{row.what}: {row.verdict} {row.note}" for row in report.failures if row.subject in subjects]


def test_data_and_folds_are_those_of_the_baseline(report):
    assert not failures(report, {row.subject for row in report.rows} - registered().keys())


@pytest.mark.parametrize("model", registered())
def test_the_model_is_not_worse_than_it_was(report, model):
    if not any(row.subject == model for row in report.rows):
        pytest.skip(next((note for note in report.notes if note.startswith(f"{model}: ")), report.notes[-1]))
    assert not failures(report, {model})
