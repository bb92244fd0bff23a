"""The interactive figures of a study as a reader opens them: in Chromium, from disk."""

from __future__ import annotations

import pytest

from benchmark.rendering.plotly_script import write_plotly
from benchmark.studies.figures import Figure, Line, Panel, html_page
from tests.browser.waiting import wait_until

NAMES = ("cgcnn (mini)", "a model with a long name (skip=single)")


@pytest.fixture(scope="module")
def study_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    panels = [Panel(title, "layers", "MAE [eV]", [Line(n, [1, 2, 4], [3, 2, 1]) for n in NAMES]) for title in ("test", "train")]
    script = write_plotly(folder).name
    (folder / "figures.html").write_text(html_page("Depth: a/b", [Figure("mae", "Error", panels)], script, "../b.md"))
    return folder / "figures.html"


@pytest.mark.parametrize("width", [390, 1280])
def test_panels_do_not_overlap_and_a_click_on_a_name_hides_its_lines(chromium, study_page, width):
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    problems = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(study_page.as_uri())
    wait_until(page, "document.querySelectorAll('.main-svg').length >= 2")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    first, second = (page.locator(".panel").nth(place).bounding_box() for place in range(2))
    beside, below = first["x"] + first["width"] <= second["x"], first["y"] + first["height"] <= second["y"]
    assert below if width == 390 else beside
    page.get_by_role("button", name=NAMES[0]).click()
    wait_until(page, "document.querySelectorAll('.scatterlayer .trace').length === 2")
    context.close()
    assert problems == []
