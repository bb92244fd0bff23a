"""`pages`: one command writes every page of published records anew.

That the committed pages are what their records give is asserted where each kind of page is tested.
"""

from __future__ import annotations

import shutil

from benchmark.reproduction.tables import TABLES
from benchmark.results.store import Store
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import ROOT
from tests.benchmark.constructed import write_run

STUDY, EXPLAINED = "sensitivity/emt/surfaces/adsorption_energy", "cgcnn/efermi"


def test_it_writes_the_pages_of_boards_tables_studies_and_explanations(benchmark_command, tmp_path):
    write_run(Store(tmp_path / "leaderboards"), "cgcnn", 0.5, task="cgcnn/band_gap")
    write_run(Store(tmp_path / "leaderboards"), "dummy", 2.0, task="cgcnn/band_gap")
    reports = tmp_path / "reports"
    shutil.copytree(ROOT / "reports" / "studies" / "sensitivity", reports / "studies" / "sensitivity")
    shutil.copytree(ROOT / "reports" / "explanations" / EXPLAINED, reports / "explanations" / EXPLAINED)
    (tmp_path / "README.md").write_text("<!-- generated: conclusions -->\n<!-- end of generated -->\n")

    done = benchmark_command("pages")
    assert done.returncode == 0, done.stderr
    assert "cgcnn/band_gap" in (tmp_path / "leaderboards" / "README.md").read_text()
    assert (tmp_path / "leaderboards" / "index.html").is_file()
    assert len((tmp_path / "README.md").read_text().splitlines()) > 2, "the block is filled"
    assert {page.stem for page in (reports / "reproduction").glob("*.md")} == set(TABLES)
    for page in (f"{STUDY}.md", f"xgnn/{EXPLAINED}.md"):
        assert (reports / page).read_text() == (ROOT / "reports" / page).read_text()

    written = {path: path.read_bytes() for path in tmp_path.rglob("*.md")}
    shutil.rmtree(reports / "explanations")
    assert benchmark_command("pages").returncode == 0, "a checkout may have no explanations"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.md")} == written


def test_it_needs_a_checkout(benchmark_command):
    assert "has no records; run this in the folder of a checkout" in one_line_error(benchmark_command("pages"))
