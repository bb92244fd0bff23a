"""Every published page of explanations, and of planted motifs, says what its records give."""

from functools import cache
from pathlib import Path

import pytest

from benchmark.explain.pages import planted
from benchmark.explain.pages.commands import Directories
from benchmark.explain.pages.cross_checks import LITTLE, limit
from benchmark.explain.pages.markdown import figure_name, page_text
from benchmark.explain.pages.tables import beyond
from benchmark.explain.planted.records import CONTROLS
from benchmark.explain.publish import published, published_tasks, published_trials
from benchmark.explain.seed_groups import SeedGroup, seed_groups

REPORTS = Path(__file__).parents[4] / "reports"
PAGES = sorted((REPORTS / "xgnn").glob("*/*.md"))
WHERE = Directories(Path("reports/xgnn"), published=Path("reports"))
"""As the command names them that wrote the pages, in the root of the repository."""


@cache
def groups(task: str) -> list[SeedGroup]:
    return seed_groups(published(REPORTS, task))


def task_of(page: Path) -> str:
    return page.relative_to(REPORTS / "xgnn").with_suffix("").as_posix()


@pytest.mark.parametrize("page", PAGES, ids=task_of)
def test_a_page_of_explanations(page):
    found = groups(task_of(page))
    assert page.read_text() == page_text(task_of(page), found, WHERE)
    figures = {f"{figure_name(group)}.png" for group in found}
    assert figures == {path.name for path in page.with_suffix("").glob("*.png")}


def test_every_published_task_has_a_page():
    assert published_tasks(REPORTS) == list(map(task_of, PAGES)) and len(PAGES) == 6


def test_the_page_on_explanations_says_of_findings_and_other_explainers_what_the_records_give():
    text = " ".join((REPORTS.parent / "docs" / "explain.md").read_text().split())
    every = [group for page in PAGES for group in groups(task_of(page))]
    numbered = [(group, number) for group in every for number in range(len(group.first.finding_tests))]
    assert len(numbered) == 10
    assert all(group.first.finding_tests[number].crystals.holds for group, number in numbered)
    assert "Ten findings" in text and "A simple count of the training crystals shows all ten" in text
    assert sum(len(beyond(*one)) == len(one[0].results) for one in numbered) == 8
    assert "Eight of them remain, with every seed, when size and composition are taken out" in text
    limits = [
        limit(getattr(check.other, test.class_name), group, test)
        for group in every for result in group.results for check in result.cross_checks for test in check.agreements
    ]  # fmt: skip
    assert (len(limits), sum(one < LITTLE for one in limits)) == (60, 18)
    assert (
        "none of 60 rank correlations is significant" in text and "In 18 of the 60 the rankings are not reliable enough" in text
    )


def test_the_page_of_planted_motifs():
    found = published_trials(REPORTS)
    assert (REPORTS / "xgnn" / planted.NAME).read_text() == planted.page_text(found, WHERE)
    tried = [one for one in found if one.planted not in CONTROLS and one.floor == 0.5]
    assert len(tried) == 30 and sum(one.first for one in tried) >= 27
