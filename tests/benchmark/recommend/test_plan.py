"""What the command trains within the time."""

from __future__ import annotations

from dataclasses import replace

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


def test_more_time_never_leads_to_a_model_that_is_far_worse():
    # A rival without an interval, cheap but far worse, never takes the place of a model that may not fit.
    poor = Forecast("poor", 0.40, None, None, 1, 1, span=(1, 2))
    forecasts = [GOOD, NEARLY, CHEAP, poor]
    times = [FOLDS * 10 * 1.3**n for n in range(20)]
    chosen = [planned(asked(time), advise(forecasts, time, 1), 1.0).models[0] for time in times]
    assert {one.model for one in chosen} == {"cheap", "good"}
    errors = [one.error for one in chosen]
    assert errors == sorted(errors, reverse=True)


def test_a_rival_whose_time_is_not_known_is_named_and_one_that_fits_is_trained():
    untimed = Forecast("untimed", 0.29, 0.08, 4, None, 1)
    question = asked(1000)
    plan = planned(question, advise([untimed, NEARLY, CHEAP], 1000, 1), 1.0)
    assert [one.model for one in plan.models] == ["untimed", "cheap"] and plan.seconds is None
    plan = planned(question, advise([CHEAP, replace(untimed, error=0.33)], 1000, 1), 1.0)
    assert [one.model for one in plan.models] == ["cheap"] and [one.model for one in plan.untimed] == ["untimed"]


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
