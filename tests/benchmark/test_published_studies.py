from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.store import Store
from benchmark.studies.registry import STUDIES
from benchmark.studies.study import trials

REPORTS = Path(__file__).parents[2] / "reports"
PUBLISHED = sorted(path.name for path in (REPORTS / "studies").glob("*") if path.is_dir())


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_report_says_what_its_records_give(name, tmp_path):
    registered = STUDIES[name]
    found = trials(registered.study, Store(REPORTS / "studies" / name), registered.seen, pytest.fail)
    pages = [path for path in registered.write_pages(found, tmp_path) if path.suffix == ".md"]
    assert pages
    for page in pages:
        assert (REPORTS / page.relative_to(tmp_path)).read_text() == page.read_text()
