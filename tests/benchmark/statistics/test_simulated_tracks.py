from __future__ import annotations

import numpy as np
from scipy import stats

from benchmark.statistics.simulated_tracks import simulate_tracks
from tests.benchmark.statistics.test_simulation import structure


def test_intervals_over_tasks_hold_and_claims_are_false_as_often_as_stated():
    lines: list[str] = []
    found = simulate_tracks([structure(n=100, models=16)], 30, 0, lines.append)
    assert len(found) == len(lines) == 32
    tracks = sum(rate.groups for rate in found.values())
    assert tracks == 32 * 6
    # The cells of two models have one pair a track; those of sixteen, 120 that depend on each other.
    assert np.mean([rate.coverage for rate in found.values()]) >= 0.93
    assert sum(rate.false * rate.groups for rate in found.values()) <= stats.binom.ppf(0.9999, tracks, 0.05)
    assert all(rate.wrong_words is not None and rate.wrong_words <= rate.false + 1e-12 for rate in found.values())
