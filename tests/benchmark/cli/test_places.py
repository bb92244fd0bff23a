"""What `run` says of the published rows at its end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from benchmark.cli.shared.places import group_of, short_of_published
from benchmark.harness.job import dataset_hash
from tests.benchmark.harness.constructed import make_jobs


@pytest.mark.parametrize(
    ("folds", "told"),
    [
        ({(0, 0), (0, 1)}, None),
        ({(0, 0)}, None),
        ({(seed, fold) for seed in range(3) for fold in (0, 1)}, "have 6 folds, yours 2. {} --repeats 3; finished"),
        ({(seed, fold) for seed in (1, 2) for fold in (0, 1)}, "have 4 folds, yours 2. {} --seed 1 --repeats 2; finished"),
        ({(0, fold) for fold in range(4)}, "have 4 folds, yours 2. {} --folds 4; finished"),
    ],
)
def test_a_run_with_fewer_folds_than_published_says_how_it_gets_them(small_folder, folds, told):
    jobs = make_jobs(small_folder)
    group = group_of(jobs[0].key(dataset_hash(jobs[0].task)))
    lines = list(short_of_published([SimpleNamespace(jobs=jobs)], {group: folds}))
    how = "To be compared with them, run the same command with"
    assert [told.format(how) in line for line in lines] == [True] if told else not lines
