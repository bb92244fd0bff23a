"""What the command trains within the time."""

from __future__ import annotations

import pytest

from benchmark.recommend.advice import FOLDS, advise
from benchmark.recommend.cost import cells, forecast
from benchmark.recommend.forecast import Forecast
from benchmark.recommend.plan import SPARE, command_of, planned
from benchmark.recommend.question import Question

GOOD = Forecast("good", 0.30, 0.08, 4, 100, 1, span=(50, 200))
NEARLY = Forecast("nearly", 0.31, 0.08, 4, 100, 1, span=(50, 300))
CHEAP = Forecast("cheap", 0.32, 0.08, 4, 10, 1, span=(5, 20))


def asked(seconds: float, workers: int = 1) -> Question:
    return Question(5000, seconds, "cpu", workers, None, {}, ())


@pytest.mark.parametrize(
    ("seconds", "models", "rest"),
    [
        (SPARE * FOLDS * 520, ["good", "nearly", "cheap"], []),
        (SPARE * FOLDS * 519, ["good", "nearly"], ["cheap"]),
        (SPARE * FOLDS * 220, ["good", "cheap"], ["nearly"]),
        (FOLDS * 100, ["cheap"], ["good", "nearly"]),
        (FOLDS * 99, ["cheap"], ["good", "nearly"]),
    ],
)
def test_as_many_rivals_are_trained_as_surely_fit_on_the_dearest_crystals(seconds, models, rest):
    question = asked(seconds)
    plan = planned(question, advise([GOOD, NEARLY, CHEAP], seconds, 1), 1.0)
    assert [one.model for one in plan.models] == models and sorted(one.model for one in plan.rest) == sorted(rest)
    command = command_of(question, plan)
    assert ("--until-decided" in command) == (len(models) > 1) and "--save-checkpoints" in command


def test_whether_folds_fit_says_perhaps_where_it_depends_on_the_crystals():
    assert [cells(asked(seconds), GOOD, 1.0)[1] for seconds in (1250, 1249, 500, 499)] == ["yes", "perhaps", "perhaps", "no"]
    assert cells(asked(500, workers=2), GOOD, 1.0) == ("2.1 to 8 min", "perhaps")


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ((0.2, 0.4), "under 1 s"),
        ((49, 241), "50 s to 4 min"),
        ((73.8, 73.8), "70 s"),
        ((750, 3990), "12 to 70 min"),
        ((599.9, 599.9), "10 min"),
        ((7200, 90000), "2 to 25 h"),
    ],
)
def test_a_time_that_is_forecast_has_one_digit_or_two(limits, told):
    assert forecast(*limits) == told
