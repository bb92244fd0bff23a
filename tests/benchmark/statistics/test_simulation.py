from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmark.statistics.grid import Cell, simulate
from benchmark.statistics.planted import Structure, Truth, planted, structure_of, structures_of
from benchmark.statistics.simulation import CHOSEN, METHODS, one_best, rates
from datasets.errors import InputError
from tests.benchmark.statistics.simulated_errors import correlated
from tests.benchmark.statistics.test_decisions import task_of


def structure(luck: float = 0.08, n: int = 400, models: int = 6, seed: int = 0) -> Structure:
    """Losses with a heavy tail that models share in part, and luck as of a short-trained network."""
    rng = np.random.default_rng(seed)
    hard = rng.lognormal(0, 0.7, (n, 1))
    losses = hard * rng.lognormal(0, 0.5, (n, models))
    return Structure("planted", losses / losses.mean(axis=0), np.linspace(0.25, 1.5, models) * luck, 0.1, 0.3)


def test_a_planted_group_has_the_planted_ratios_and_correlation():
    rng = np.random.default_rng(0)
    truth = Truth((1.0, 1.5), repeats=2, correlation=0.3)
    even = Structure("even", np.ones((50, 2)), np.full(2, 0.1), 0.1, 0.0)
    losses = np.array([planted(rng, [even], truth).fold_losses() for _ in range(4000)])
    assert losses.shape == (4000, 10, 2)
    assert losses.mean(axis=(0, 1)) == pytest.approx([1, 1.5], rel=0.01)
    logs = np.log(losses[:, :, 0])
    assert logs.std() == pytest.approx(0.1, rel=0.05)
    assert np.corrcoef(logs.T)[0, 1:] == pytest.approx(np.full(9, 0.3), abs=0.06)


def test_heavy_tails_have_the_same_variance_nearly():
    rng = np.random.default_rng(1)
    even = Structure("even", np.ones((50, 2)), np.full(2, 0.1), 0.1, 0.0)
    logs = np.log([planted(rng, [even], Truth((1.0, 1.0), 1, 0.0, True)).fold_losses() for _ in range(2000)])
    assert logs.std() == pytest.approx(0.1, rel=0.15)
    assert stats.kurtosis(logs, axis=None) > 1


def test_the_structure_that_was_planted_is_estimated():
    rng = np.random.default_rng(2)
    found = [structure_of(planted(rng, [structure()], Truth((1.0,) * 6, 1, 0.0))).luck for _ in range(200)]
    assert np.sqrt(np.square(found).mean(axis=0)).mean() == pytest.approx(structure().luck.mean(), rel=0.3)


def test_structures_are_of_the_groups_with_most_models():
    tasks = [correlated(np.random.default_rng(3), n) for n in (2, 3, 3)]
    assert len(structures_of(tasks)) == 2
    with pytest.raises(InputError, match="two models and two folds"):
        structures_of([task_of([1.0])])


@pytest.mark.parametrize(("models", "repeats"), [(2, 1), (6, 1), (6, 3)])
def test_equal_models_are_told_apart_and_intervals_miss_no_more_often_than_stated(models, repeats):
    groups = 400
    found = rates([structure()], Truth((1.0,) * models, repeats, 0.1), {CHOSEN: groups}, seed=0)[CHOSEN]
    # A chance of at most 5 %; wrong once in 10,000.
    assert found.false * groups <= stats.binom.ppf(0.9999, groups, 0.05)
    assert found.wrong_words is not None and found.wrong_words <= found.false
    assert found.coverage is not None and found.coverage >= 0.93
    assert found.power is None


def test_differences_are_found_more_often_with_repeats_and_words_are_true():
    truths = [Truth(one_best(4, 1.3), repeats, 0.1) for repeats in (1, 4)]
    once, often = (rates([structure()], truth, {CHOSEN: 150}, seed=1)[CHOSEN] for truth in truths)
    assert once.power is not None and often.power is not None and often.power > once.power + 0.1
    assert max(once.false, often.false) <= 0.1


def test_every_method_gives_what_it_promises():
    found = rates([structure(n=100)], Truth(one_best(3, 3.0), 2, 0.1), dict.fromkeys(METHODS, 5), seed=2)
    assert {rate.power for rate in found.values()} == {1.0}
    assert [method for method, rate in found.items() if rate.coverage is None] == ["model confidence set over the bootstrap"]


def test_all_cells_are_simulated_with_fewer_groups_of_ways_not_chosen():
    lines: list[str] = []
    found = simulate([structure(n=100, models=16)], 4, 0, lines.append)
    assert len(found.cells) == len(lines) == 4 * 3 * 4
    assert {rate.groups for rate in found.cells[Cell(4, 2, 1.1)].values()} == {4, 1}
    assert len(found.stressed) == 2 * 4 * 3 * 2
