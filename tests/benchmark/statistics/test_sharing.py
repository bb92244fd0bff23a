from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.results.directories import STATISTICS
from benchmark.statistics.contrasts import SHARE
from benchmark.statistics.planted import TEST_TO_TRAIN, Structure, Truth, planted
from benchmark.statistics.sharing import SHARES, Sharing, Taken, measured_sharing, read_errors, tasks_of
from datasets.errors import InputError


def planted_sets(correlation: float, sets: int = 60) -> Sharing:
    """Models that differ in nothing but their mean loss, so that it does not matter which of them a group draws."""
    rng = np.random.default_rng(3)
    even = Structure("even", rng.lognormal(0, 0.3, (2000, 4)), np.full(4, 0.1), 0.1, 0.1)
    return measured_sharing([planted(rng, [even], Truth((1.0, 1.0, 1.2, 1.5), 2, correlation)) for _ in range(sets)])


@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_a_planted_correlation_of_the_luck_is_found(correlation):
    found = planted_sets(correlation)
    shared = correlation / (1 - correlation)
    assert found.interval[0] <= shared <= found.interval[1]
    assert found.shared == pytest.approx(shared, abs=0.12)
    assert (found.unshared[1] > 1.5) == (correlation > 0)


def test_shares_that_are_safe_follow_from_the_planted_correlation():
    none, much = planted_sets(0.0), planted_sets(0.3)
    assert none.least_share < 1 and much.least_share == 1
    assert [t.share for t in none.taken] == list(SHARES)
    variances = [t.variance for t in none.taken]
    assert variances == sorted(variances), "the less is taken, the larger the measured variance beside it"
    powers = [t.power for t in none.taken]
    assert powers == sorted(powers)
    assert much.taken[-1].coverage[0] < 0.93, "shared luck that is not taken into account"


def test_the_least_share_is_not_below_the_interval_and_covers_enough():
    def taken(share: float, lower: float = 0.94, published: float = 0.94) -> Taken:
        return Taken(share, 0.5, 0.9, (0.97, lower), (0.96, published), 0, 0.8)

    def least(*tried: Taken, upper: float = 0.3 * TEST_TO_TRAIN) -> float:
        return Sharing(28, 500, ("a", "b"), (1, 1), 0, (-0.1, upper), tried).least_share

    assert least(taken(1), taken(0.5), taken(0.25)) == 0.5
    assert least(taken(1), taken(0.5), taken(0.25), upper=-0.01) == 0.25
    assert least(taken(1), taken(0.5, lower=0.92)) == 1
    assert least(taken(1), taken(0.5, published=0.92)) == 1
    assert least(taken(1, lower=0.5), taken(0.5, lower=0.5)) == 1, "none is safe: all that Nadeau & Bengio assume"


@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_what_a_training_makes_of_a_crystal_by_chance_is_no_luck_of_the_training(correlation):
    rng = np.random.default_rng(5)
    even = Structure("even", rng.lognormal(0, 0.3, (2000, 3)), np.full(3, 0.1), 0.1, 0.1)
    sets = []
    for _ in range(80):
        task = planted(rng, [even], Truth((1.0, 1.2, 1.5), 2, correlation))
        sets.append(replace(task, errors=task.errors * rng.lognormal(0, 0.8, task.errors.shape)))
    found = measured_sharing(sets)
    assert found.shared == pytest.approx(correlation / (1 - correlation), abs=0.12)


def test_two_sets_are_too_few():
    with pytest.raises(ValueError, match="2 sets"):
        planted_sets(0.0, sets=2)


@pytest.mark.parametrize(
    ("frame", "lacks"),
    [
        (pd.DataFrame({"set": [0]}), "the column repeat"),
        (pd.DataFrame({"set": [0], "repeat": 0, "fold": 0, "id": "a", "seed": 0, "cgcnn (mini)": np.nan}), "values"),
    ],
)
def test_a_file_of_errors_that_lacks_something_is_refused(tmp_path, frame, lacks):
    frame.to_parquet(tmp_path / "errors.parquet")
    with pytest.raises(InputError, match=f"lacks {lacks}"):
        read_errors(tmp_path / "errors.parquet")
    (tmp_path / "errors.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="cannot be read"):
        read_errors(tmp_path / "errors.parquet")


def test_the_share_that_boards_take_follows_from_the_published_trainings():
    published = Path(__file__).parents[3] / STATISTICS.with_suffix(".parquet")
    assert measured_sharing(tasks_of(read_errors(published))).least_share == SHARE
