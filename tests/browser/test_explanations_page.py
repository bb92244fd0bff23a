"""The web page of explanations as a reader opens it: in Chromium, from disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark.explain.pages.commands import Directories
from benchmark.explain.pages.markdown import write_page
from benchmark.explain.seed_groups import seed_groups
from benchmark.explain.store import ExplanationStore
from tests.benchmark.explain.constructed import TASK, write_experiment
from tests.browser.waiting import wait_until


@pytest.fixture(scope="module")
def explained_page(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("explained")
    for seed in (0, 1):
        write_experiment(ExplanationStore(root / "runs"), seed)
    page, *_ = write_page(TASK, seed_groups(ExplanationStore(root / "runs").experiments(TASK)), Directories(root / "reports"))
    return page.with_suffix("") / "figures.html"


@pytest.fixture
def open_explained(chromium, explained_page):
    """Opens the page at a width; when the test ends, nothing may have been logged and nothing asked of a network."""
    contexts, problems = [], []

    def open_at(width: int):
        context = chromium.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda plan: None if plan.url.startswith(("file:", "data:")) else problems.append(plan.url))
        page.goto(explained_page.as_uri())
        wait_until(page, "document.querySelectorAll('.main-svg').length >= 3")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert problems == []


@pytest.mark.parametrize("width", [390, 1280])
def test_figures_are_drawn_and_nothing_overflows(open_explained, width):
    page = open_explained(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".node-types .barlayer .trace").count() == 2
    assert page.locator(".pairs .heatmaplayer .hm").count() == 2
    assert page.locator(".graphs svg").count() > 2


def test_a_bar_says_its_share(open_explained):
    page = open_explained(1280)
    bar = page.locator(".node-types .barlayer .point path").first
    bar.scroll_into_view_if_needed()
    bar.hover(force=True)
    page.locator(".hoverlayer text").first.wait_for()
    assert re.search(r"group 1.*50\.0% of the atoms", page.locator(".hoverlayer").first.text_content())
