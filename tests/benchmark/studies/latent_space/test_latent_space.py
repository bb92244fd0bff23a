from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmark.harness.execution import execute
from benchmark.harness.job import Job
from benchmark.results.store import Store
from benchmark.studies.latent_space.conclusions import LatentReport
from benchmark.studies.latent_space.page import PAGES, json_rows
from benchmark.studies.latent_space.study import STUDY, represent, summarize
from benchmark.studies.pages import write_study_pages
from benchmark.studies.published import read_trials
from benchmark.tasks.folds import Protocol
from benchmark.tasks.tasks import find_tasks
from models.registry import get
from tests.models.zoo.test_folded import salts


def test_a_space_that_is_the_target_predicts_it_and_one_of_noise_does_not():
    rng = np.random.default_rng(0)
    train, test = rng.uniform(0, 1, 300), rng.uniform(0, 1, 60)
    ids = np.array([f"c{n}" for n in range(60)])

    def seen(known: np.ndarray, new: np.ndarray) -> LatentReport:
        return LatentReport(**summarize(known, train, new, test, ids))

    exact = seen(*(np.column_stack([t, 2 * t, -t]) for t in (train, test)))
    noise = seen(rng.normal(size=(300, 3)), rng.normal(size=(60, 3)))
    assert exact.knn_mae < 0.01 < 0.2 < exact.mean_mae
    assert noise.knn_mae > 0.9 * noise.mean_mae
    assert exact.silhouette > 0.3 > 0.05 > noise.silhouette
    assert exact.explained == pytest.approx(1) and exact.trustworthiness_pca > 0.99
    assert [len(exact.crystals), exact.width, exact.crystals[0].id] == [60, 3, "c0"]


@pytest.mark.parametrize("name", ["cgcnn", "megnet", "deeper-gatgnn"])
def test_a_crystal_lies_where_its_unfolded_graph_does(name):
    crystals = salts()
    spec, rows = get(name), np.array([5, 0, 17, 2])
    model = spec.model(spec.settings("smoke"))
    folded, plain = model.prepare(crystals), spec.model(spec.settings("smoke", {"fold": "false"})).prepare(crystals)
    assert folded.copies is not None and plain.copies is None
    found = represent(model, folded, rows)
    np.testing.assert_allclose(found, represent(model, plain, rows), rtol=1e-5, atol=1e-5 * np.abs(found).max())


def test_the_latent_space_of_a_fold_is_kept_and_its_page_made(small_folder, tmp_path):
    settings = get("deeper-gatgnn").settings("smoke", {"n_layers": "2"})
    job = Job(find_tasks(str(small_folder))[0], "deeper-gatgnn", settings, "smoke", Protocol("kfold", 2), 0, 0)
    store = Store(tmp_path)
    record = execute(job, store, observer=STUDY.observer)
    (found,) = read_trials(store, LatentReport, pytest.fail)
    assert found.record == record and found.seen.reason is None
    assert len(found.seen.crystals) == 15 and found.seen.width == 16
    page, *_ = write_study_pages(PAGES, [found], tmp_path / "reports")
    assert "No network on mine/target has a latent space that was seen in every fold." in page.read_text()
    execute(replace(job, fold=1), store, observer=STUDY.observer)
    both = list(read_trials(store, LatentReport, pytest.fail))
    page, *files = write_study_pages(PAGES, both, tmp_path / "reports")
    opening = page.read_text().split("\n\n")[1]
    assert "nearest" in opening and opening.count(". ") == 2
    assert {f.name for f in files} >= {"latent.png", "figures.html", "table.csv"}
    json.dumps(json_rows(both))
