from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark.studies.comparison_groups import comparison_groups, without_seed
from benchmark.studies.curves import VARIED, curves
from benchmark.studies.depth.causes import NOT_ESTABLISHED, NOT_TRIED, causes
from benchmark.studies.depth.conclusions import judge
from benchmark.studies.depth.page import groups_of
from benchmark.studies.trials import Trial
from tests.benchmark.studies.constructed import curve, only, trial

UNEVEN = (1.25, 0.8, 1.1, 0.95, 0.9)
"""Factors of five folds, of mean 1."""


def of_seed(found: list[Trial], seed: int) -> list[Trial]:
    return [replace(t, record=with_key(t, seed=seed)) for t in found]


def with_key(one: Trial, **changes):
    return one.record.model_copy(update={"key": one.record.key.model_copy(update=changes)})


def test_a_depth_is_not_worse_where_the_interval_shows_it_and_is_compared_with_the_best_shallower_one():
    verdict = judge(only(curve((4, 0.105), (10, 0.1), (30, 0.104))))
    assert (verdict.best, verdict.not_worse_at, verdict.breaks_at, str(verdict)) == (10, 30, None, "not worse at 10, 30")
    assert verdict.deepest.step.before == "10" and verdict.deepest.step.ratio == pytest.approx(1.04)


def test_a_point_estimate_within_the_margin_is_no_scaling():
    found = curve((4, 0.1)) + [trial(20, fold, 0.1 * factor) for fold, factor in enumerate(UNEVEN)]
    verdict = judge(only(found))
    assert (verdict.not_worse_at, verdict.breaks_at, str(verdict)) == (None, None, "undecided at 20")
    assert verdict.deepest.step.ratio == pytest.approx(1, abs=0.01) and verdict.deepest.step.interval[1] > 1.05
    assert verdict.deepest.would_decide


def test_a_loss_breaks_where_its_lower_limit_is_beyond_the_margin():
    sure = judge(only(curve((4, 0.1), (10, 0.101), (20, 0.2), (30, 0.3))))
    assert str(sure) == "not worse at 10; breaks at 20, 30" and sure.breaks_at == 20
    spread = [trial(20, fold, mae) for fold, mae in enumerate((0.05, 0.3, 0.06, 0.2, 0.1))]
    unsure = judge(only(curve((4, 0.1)) + spread))
    assert (unsure.not_worse_at, unsure.breaks_at, str(unsure)) == (None, None, "undecided at 20")
    one_fold = judge(only(curve((4, 0.1), (20, 0.3), folds=1, protocol="published split")))
    assert str(one_fold) == "undecided at 20" and one_fold.deepest.would_decide == ""


def test_a_loss_that_spreads_over_orders_of_magnitude_breaks():
    broken = [trial(20, fold, mae) for fold, mae in enumerate((30.0, 1e3, 70.0, 4e4, 100.0))]
    assert str(judge(only(curve((4, 0.1)) + broken))) == "breaks at 20"


def test_folds_of_other_seeds_are_repeats_that_can_decide():
    def repeat(seed: int) -> list[Trial]:
        wide = [trial(20, fold, 0.118 * (1 + (factor - 1) / 3)) for fold, factor in enumerate(UNEVEN)]
        return of_seed(curve((4, 0.1)) + wide, seed)

    once, often = (
        judge(only([t for seed in range(n) for t in repeat(seed)])).deepest for n in (1, 5)
    )  # fmt: skip
    assert once.judged == "undecided" and int(once.would_decide) <= 4
    assert often.judged == "breaks"
    (group,) = comparison_groups(repeat(0) + repeat(1), curves, VARIED, without_seed)
    assert [len(point.maes) for point in group.members[0].points] == [10, 10]


def test_divergence_breaks_a_curve_and_lack_of_memory_ends_it():
    diverged = judge(only([*curve((4, 0.1), (20, 0.1)), trial(30, 0, 0, status="diverged")]))
    assert (str(diverged), diverged.breaks_at) == ("not worse at 20; diverges at 30", 30)
    full = judge(only([*curve((4, 0.1), (20, 0.1)), trial(30, 0, 0, status="out-of-memory")]))
    assert (full.not_worse_at, full.breaks_at, str(full)) == (20, None, "not worse at 20; not measured at 30")
    assert judge(only([trial(4, 0, 0, status="diverged")])).best is None


def test_a_model_that_does_not_learn_is_not_judged():
    verdict = judge(only(curve((4, 0.1), (20, 0.3), r2=0.0)))
    assert str(verdict).startswith("does not learn")
    assert verdict.not_worse_at is verdict.breaks_at is None


# -- causes -----------------------------------------------------------------------------------------


def tried(found: list[Trial], setting: str = "", value: object = None):
    """The interventions where the network with a value of a setting breaks."""
    every = [one for group in groups_of(found) for one in group.members]
    (own,) = [one for one in every if not setting or (one.curve.first.key.settings[setting] == value and not one.curve.chosen)]
    return own.tried


@pytest.mark.parametrize("symptom", [dict(fresh={"last": 1e6}), dict(trained={"distance": 1e-5}), {}])
def test_no_symptom_names_a_cause(symptom):
    found = tried(curve((4, 0.1)) + curve((20, 0.3), **symptom))
    assert found == () and causes(found) == NOT_TRIED


@pytest.mark.parametrize(
    ("setting", "broken", "changed", "cause"),
    [
        ("skip", "double", "single", "the doubled skip"),
        ("norm", "group", "batch", "group normalisation"),
        ("learning_rate", 0.01, 0.001, "the learning rate"),
    ],
)
def test_an_intervention_that_mends_the_break_shows_its_cause(setting, broken, changed, cause):
    bad = curve((4, 0.1), (20, 0.3), **{setting: broken})
    (one,) = tried(bad + curve((4, 0.1), (20, 0.1), **{setting: changed}), setting, broken)
    assert one.shown and causes([one]) == cause and one.step.ratio == pytest.approx(3)
    assert tried(curve((20, 0.1), **{setting: changed}) + bad, setting, broken)[0].shown
    (wide,) = tried(bad + [trial(20, fold, 0.25 * f, **{setting: changed}) for fold, f in enumerate(UNEVEN)], setting, broken)
    assert not wide.helps, "a point estimate shows nothing"


def test_where_two_things_differ_nothing_is_shown():
    found = curve((4, 0.1), (20, 0.3), skip="double") + curve((4, 0.1), (20, 0.1), skip="single", epochs=9)
    assert tried(found, "skip", "double") == ()


def test_an_intervention_after_which_it_breaks_as_well_establishes_nothing():
    found = curve((4, 0.1), (20, 900.0), skip="double") + curve((4, 0.1), (20, 0.3), skip="single")
    (one,) = tried(found, "skip", "double")
    assert one.helps and one.breaks and not one.shown and causes([one]) == NOT_ESTABLISHED
    useless = curve((4, 0.1), (20, 0.3), skip="double") + curve((4, 0.29), (20, 0.299), skip="single")
    assert not tried(useless, "skip", "double")[0].helps


def test_a_higher_rate_is_no_intervention():
    found = curve((4, 0.1), (20, 0.3), learning_rate=0.001) + curve((20, 0.1), learning_rate=0.01)
    assert tried(found, "learning_rate", 0.001) == ()


def test_the_rate_of_each_depth_is_chosen_on_validation():
    found = curve((4, 0.1), (20, 0.4), learning_rate=0.01) + curve((4, 0.2), (20, 0.1), learning_rate=0.001)
    made = curves(found)
    assert [one.chosen for one in made] == [False, False, True]
    assert [point.mae for point in made[2].points] == pytest.approx([0.1, 0.1])
    assert str(judge(made[2])) == "not worse at 20"
    for t in found:
        if t.record.key.settings["learning_rate"] == 0.001:
            worse = t.record.metrics.validation.model_copy(update={"mae": 9.0})
            t.record.__dict__["metrics"] = t.record.metrics.model_copy(update={"validation": worse})
    assert [point.mae for point in curves(found)[2].points] == pytest.approx([0.1, 0.4]), "the test part has no say"


def test_curves_are_told_apart_by_everything_but_depth():
    found = (
        curve((4, 0.1), (6, 0.1)) + curve((4, 0.1), model="deeper-cgcnn") + curve((4, 0.1), model="deeper-cgcnn", skip="single")
    )
    made = curves(found)
    assert [c.label for c in made] == [
        "cgcnn (mini)", "deeper-cgcnn (mini)", "deeper-cgcnn (mini) (skip=single)",
    ]  # fmt: skip
    assert [[p.layers for p in c.points] for c in made] == [[4, 6], [4], [4]]
    other = [replace(t, record=with_key(t, source="e" * 64)) for t in curve((4, 0.2))]
    assert [c.label for c in curves(curve((4, 0.1)) + other)] == [
        "cgcnn (mini) (source eeeeeeee)", "cgcnn (mini) (source ffffffff)",
    ]  # fmt: skip


def test_groups_are_not_mixed():
    other = of_seed(curve((4, 0.1)), 1)
    assert [group.title for group in comparison_groups(curve((4, 0.1), (6, 0.1)) + other, curves, VARIED)] == [
        "mini, kfold(5), seed 0, data 00000000", "mini, kfold(5), seed 1, data 00000000",
    ]  # fmt: skip


def test_a_value_that_one_profile_has_already_is_compared_with_those_set_to_it():
    found = curve((4, 0.1), model="schnet", epochs=9)
    own = [
        replace(t, record=t.record.model_copy(update={"changed": {"n_layers": 4}}))
        for t in curve((4, 0.2), model="cgcnn", epochs=9)
    ]
    (group,) = comparison_groups(found + own, curves, VARIED)
    assert [one.model for one in group.members] == ["cgcnn", "schnet"] and group.changes == {"epochs": 9}
    alone, together = sorted(
        comparison_groups(found + own + curve((4, 0.3), model="mpnn"), curves, VARIED), key=lambda c: c.title
    )
    assert [one.model for one in alone.members] == ["cgcnn", "mpnn"] and alone.changes == {}
    assert [one.model for one in together.members] == ["cgcnn", "schnet"]
