"""Every published page of explanations, and of planted motifs, says what its records give."""

from pathlib import Path

import pytest

from benchmark.explain.pages import planted
from benchmark.explain.pages.commands import Directories
from benchmark.explain.pages.markdown import figure_name, page_text
from benchmark.explain.planted.records import CONTROLS
from benchmark.explain.publish import published, published_tasks, published_trials
from benchmark.explain.seed_groups import seed_groups

REPORTS = Path(__file__).parents[4] / "reports"
PAGES = sorted((REPORTS / "xgnn").glob("*/*.md"))
WHERE = Directories(Path("reports/xgnn"), published=Path("reports"))
"""As the command names them that wrote the pages, in the root of the repository."""


def task_of(page: Path) -> str:
    return page.relative_to(REPORTS / "xgnn").with_suffix("").as_posix()


@pytest.mark.parametrize("page", PAGES, ids=task_of)
def test_a_page_of_explanations(page):
    found = seed_groups(published(REPORTS, task_of(page)))
    assert page.read_text() == page_text(task_of(page), found, WHERE)
    figures = {f"{figure_name(group)}-{name}.png" for group in found for name in ("node-types", "pairs", "graphs")}
    assert figures == {path.name for path in page.with_suffix("").glob("*.png")}


def test_every_published_task_has_a_page():
    assert published_tasks(REPORTS) == list(map(task_of, PAGES)) and len(PAGES) == 6


def test_the_page_of_planted_motifs():
    found = published_trials(REPORTS)
    assert (REPORTS / "xgnn" / planted.NAME).read_text() == planted.page_text(found, WHERE)
    tried = [one for one in found if one.planted not in CONTROLS]
    assert len(tried) == 30 and sum(one.first for one in tried) >= 27
