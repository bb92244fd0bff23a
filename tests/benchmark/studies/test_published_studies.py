from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.results.store import Store
from benchmark.studies.registry import STUDIES
from benchmark.studies.study import trials

REPORTS = Path(__file__).parents[3] / "reports"
KEPT = {
    "depth": {"fung/2d/work_function", "fung/pt/total_energy"},
    "sensitivity": {"emt/surfaces/adsorption_energy"},
}
"""Study → the tasks whose records lie in `reports/studies`."""


def fail(error: Exception) -> None:
    pytest.fail(str(error))


@pytest.mark.parametrize("name", KEPT)
def test_a_published_report_says_what_its_records_give(name, tmp_path):
    registered = STUDIES[name]
    found = trials(registered.study, Store(REPORTS / "studies" / name), registered.seen, fail)
    pages = {path.relative_to(tmp_path): path for path in registered.write_pages(found, tmp_path) if path.suffix == ".md"}
    assert {page.as_posix() for page in pages} == {f"{name}/{task}.md" for task in KEPT[name]}
    for page, path in pages.items():
        assert (REPORTS / page).read_text() == path.read_text()


def test_every_kept_store_is_compared():
    assert {path.name for path in (REPORTS / "studies").iterdir() if path.is_dir()} == KEPT.keys()
