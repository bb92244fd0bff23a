"""The web page of explanations: what it shows, that it needs nothing from elsewhere, and that no record's text becomes code."""

import base64
import hashlib
import json
import re
from html import unescape
from pathlib import Path

import pytest

from benchmark.explain.pages.commands import Directories
from benchmark.explain.pages.markdown import write_page
from benchmark.explain.pages.web import drawing, top_motifs
from benchmark.explain.seed_groups import seed_groups
from benchmark.explain.store import ExplanationStore
from benchmark.rendering.plotly_script import plotly_name
from tests.benchmark.explain.constructed import TASK, enrichment, write_experiment


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> tuple[Path, Path]:
    """The markdown page and the web page of a result with two seeds."""
    root = tmp_path_factory.mktemp("page")
    for seed in (0, 1):
        write_experiment(ExplanationStore(root / "runs"), seed)
    page, *others = write_page(
        TASK, seed_groups(ExplanationStore(root / "runs").experiments(TASK)), Directories(root / "reports")
    )
    assert all(path.is_file() for path in others)
    return page, page.with_suffix("") / "figures.html"


def figures(web: Path) -> list[dict]:
    blocks = re.findall(r'<script type="application/json" class="figure">(.*?)</script>', web.read_text())
    return [json.loads(block) for block in blocks]


def test_figures_have_the_shares_of_the_records(pages):
    node_types, low, high = figures(pages[1])
    bars = {trace["name"]: trace["y"] for trace in node_types["data"]}
    assert bars["low"][0] == bars["low"][15] == 0.5 and sum(bars["low"]) == 1
    assert bars["high"][16] == 1 and bars["training crystals"] == [1 / 18] * 18
    assert low["data"][0]["z"][0][15] == low["data"][0]["z"][15][0] == 1 and high["data"][0]["z"][16][16] == 1
    assert low["data"][0]["zmax"] == high["data"][0]["zmax"], "colours of both classes mean the same"


def test_the_page_and_the_report_point_at_each_other_and_at_the_library(pages):
    markdown, web = pages
    target = re.search(r"Interactive figures, in `(.*?)`, are written by the same command", markdown.read_text())
    assert target and target[1].endswith("gap/figures.html")
    text = web.read_text()
    script = re.search(r'<script src="(.*?)"', text)
    assert script and (web.parent / script[1]).resolve() == (markdown.parents[1] / plotly_name()).resolve()
    assert "http" not in re.sub(r'"http-equiv="|http-equiv|<script type.*?</script>', "", text)


def test_only_the_script_of_the_page_may_run(pages):
    text = pages[1].read_text()
    policy = unescape(re.search(r'Content-Security-Policy" content="(.*?)"', text)[1])
    assert "default-src 'none'" in policy and "script-src 'self' 'sha256-" in policy and "script-src 'unsafe" not in policy
    (own,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()}'" in policy


def test_a_hostile_name_stays_text(pages):
    text = pages[1].read_text()
    assert "<b>" not in text and "&lt;b&gt;gap" in text


def test_motifs_that_are_more_frequent_are_drawn_the_surest_first(pages):
    tests = (((1,), 1.0, 0.02), ((2,), -3.0, 0.001), ((1, 2), 2.0, 0.001), ((3,), 1.0, 0.5))
    found = [enrichment(*test, "size and composition") for test in tests] + [enrichment((5,), 9.0)]
    assert [one.node_types for one in top_motifs(found)] == [(1, 2), (1,), (3,)]
    text = pages[1].read_text()
    assert text.count("<title>groups 17, 17, 17; bonds 17–17, 17–17, 17–17</title>") == 6, "five explanations and the motif"
    assert "log-odds +4.00" in text and "log-odds +2.00" not in text and "log-odds -2.00" not in text


def test_a_drawing_has_an_atom_a_node_type_and_a_line_a_bond():
    drawn = drawing((1, 8, 16), ((0, 1), (1, 2)), "group")
    assert drawn.count("<circle") == 3 and drawn.count("<line") == 2 and ">16</text>" in drawn
    assert drawing((4,), (), "period").count("<circle") == 1
