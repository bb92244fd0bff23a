"""Every published page of explanations, and of planted motifs, says what its records give."""

from pathlib import Path

import pytest

from benchmark.explain.experiments import contests
from benchmark.explain.ground_truth import CONTROLS, Trial
from benchmark.explain.pages import ground_truth
from benchmark.explain.pages.markdown import page_text
from benchmark.explain.store import ExplanationStore, read

REPORTS = Path(__file__).parents[3] / "reports"
PAGES = sorted((REPORTS / "xgnn").glob("*/*.md"))


def command_of(page: Path) -> str:
    return page.read_text().split("Again: `")[1].split("`")[0]


def task_of(page: Path) -> str:
    return page.relative_to(REPORTS / "xgnn").with_suffix("").as_posix()


@pytest.mark.parametrize("page", PAGES, ids=task_of)
def test_a_page_of_explanations(page):
    found = contests(ExplanationStore(REPORTS), task_of(page))
    assert page.read_text() == page_text(task_of(page), found, command_of(page))


def test_every_kept_answer_has_a_page():
    answers = (REPORTS / "explanations").glob("*/*/*/*/seed-*/explained.json")
    tasks = {path.relative_to(REPORTS / "explanations").parts[:2] for path in answers}
    assert {"/".join(parts) for parts in tasks} == {task_of(page) for page in PAGES} and len(PAGES) == 6


def test_the_page_of_planted_motifs(tmp_path):
    found = [read(path, Trial) for path in (REPORTS / "ground-truth").glob("*.json")]
    page = REPORTS / "xgnn" / ground_truth.NAME
    written = ground_truth.write_page(found, tmp_path, command_of(page))
    assert page.read_text() == written.read_text()
    planted = [one for one in found if one.planted not in CONTROLS]
    assert len(planted) == 30 and sum(one.first for one in planted) >= 27
