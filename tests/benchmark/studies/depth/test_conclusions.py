from __future__ import annotations

import numpy as np
import pytest

from benchmark.studies.comparison_groups import comparison_groups
from benchmark.studies.curves import VARIED, curves
from benchmark.studies.depth.conclusions import judge
from benchmark.studies.trials import Trial
from tests.benchmark.studies.constructed import NOISE, curve, only, trial


def test_a_flat_curve_scales_to_its_deepest():
    verdict = judge(only(curve((4, 0.105), (10, 0.1), (30, 0.104))))
    assert (verdict.best, verdict.scales_to, verdict.breaks_at, str(verdict)) == (10, 30, None, "scales to 30")
    assert verdict.deepest.relative == pytest.approx(0.04)
    low, high = verdict.deepest.interval
    assert low - 1e-12 <= 0.04 <= high + 1e-12


def test_a_large_significant_loss_deteriorates_and_a_large_uncertain_one_is_undecided():
    sure = judge(only(curve((4, 0.1), (10, 0.101), (20, 0.2), (30, 0.3))))
    assert str(sure) == "scales to 10; deteriorates at 20"
    spread = [trial(20, fold, mae) for fold, mae in enumerate((0.05, 0.3, 0.06, 0.2, 0.1))]
    unsure = judge(only(curve((4, 0.1)) + spread))
    assert (unsure.scales_to, unsure.breaks_at, str(unsure)) == (4, None, "scales to 4; undecided at 20")
    assert unsure.changes[0].p_holm > 0.05
    one_fold = judge(only(curve((4, 0.1), (20, 0.3), folds=1, protocol="published split")))
    assert str(one_fold) == "scales to 4; undecided at 20"


def test_a_loss_that_spreads_over_orders_of_magnitude_deteriorates():
    broken = [trial(20, fold, mae) for fold, mae in enumerate((30.0, 1e3, 70.0, 4e4, 100.0))]
    verdict = judge(only(curve((4, 0.1)) + broken))
    assert str(verdict) == "scales to 4; deteriorates at 20"
    ratios = np.array([30.0, 1e3, 70.0, 4e4, 100.0]) / (0.1 * (1 + np.array(NOISE)))
    assert verdict.changes[0].relative == pytest.approx(np.exp(np.log(ratios).mean()) - 1)


def test_holm_corrects_for_every_other_depth():
    wide = [trial(20, fold, 0.1 * factor) for fold, factor in enumerate((1.35, 1.5, 1.2, 1.45, 1.3))]
    level = [trial(layers, fold, 0.1 * (1.001 + NOISE[-fold])) for layers in (6, 8) for fold in range(5)]
    (alone,) = judge(only(curve((4, 0.1)) + wide)).changes
    *others, last = judge(only(curve((4, 0.1)) + level + wide)).changes
    assert alone.p_holm < 0.05 < min(other.p_holm for other in others)
    assert last.p_holm == pytest.approx(3 * alone.p_holm)


def test_divergence_breaks_a_curve_and_lack_of_memory_ends_it():
    diverged = judge(only([*curve((4, 0.1), (20, 0.1)), trial(30, 0, 0, status="diverged")]))
    assert str(diverged) == "scales to 20; diverges at 30"
    full = judge(only([*curve((4, 0.1), (20, 0.1)), trial(30, 0, 0, status="out-of-memory")]))
    assert (full.scales_to, full.breaks_at, str(full)) == (20, None, "scales to 20; not measured at 30")
    assert judge(only([trial(4, 0, 0, status="diverged")])).best is None


def test_a_model_that_does_not_learn_is_not_judged():
    verdict = judge(only(curve((4, 0.1), (20, 0.3), r2=0.0)))
    assert str(verdict).startswith("does not learn")
    assert verdict.scales_to is verdict.breaks_at is None


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (dict(fresh={"last": 1e6}), ("exploding features",)),
        (dict(fresh={"last": None}), ("exploding features",)),
        (dict(trained={"distance": 1e-5}), ("over-smoothing",)),
        (dict(trained={"relative_energy": 1e-3}), ("over-smoothing",)),
        (dict(trained={"last": 1e4, "distance": 1e-5}), ("exploding features", "over-smoothing")),
        (dict(), ("optimisation",)),
        (dict(training=0.1), ("over-fitting",)),
    ],
)
def test_the_cause_follows_the_stated_thresholds(broken, cause):
    verdict = judge(only(curve((4, 0.1)) + curve((20, 0.3), **broken)))
    assert (verdict.breaks_at, verdict.causes) == (20, cause)


def test_vanishing_gradients_are_told():
    found = curve((4, 0.1)) + curve((20, 0.3))
    for number, one in enumerate(found):
        if one.record.key.settings["n_layers"] == 20:
            first, *rest = one.seen.initial
            tiny = one.seen.model_copy(update={"initial": (first.model_copy(update={"gradient": 1e-9}), *rest)})
            found[number] = Trial(one.record, one.scores, tiny)
    assert judge(only(found)).causes == ("optimisation with vanishing gradients",)


def test_curves_are_told_apart_by_everything_but_depth():
    found = (
        curve((4, 0.1), (6, 0.1)) + curve((4, 0.1), model="deeper-cgcnn") + curve((4, 0.1), model="deeper-cgcnn", skip="single")
    )
    made = curves(found)
    assert [c.label for c in made] == [
        "cgcnn (mini)", "deeper-cgcnn (mini)", "deeper-cgcnn (mini) (skip=single)",
    ]  # fmt: skip
    assert [[p.layers for p in c.points] for c in made] == [[4, 6], [4], [4]]
    other = [
        Trial(t.record.model_copy(update={"key": t.record.key.model_copy(update={"source": "e" * 64})}), t.scores, t.seen)
        for t in curve((4, 0.2))
    ]
    assert [c.label for c in curves(curve((4, 0.1)) + other)] == [
        "cgcnn (mini) (source eeeeeeee)", "cgcnn (mini) (source ffffffff)",
    ]  # fmt: skip


def test_groups_are_not_mixed():
    other = [
        Trial(t.record.model_copy(update={"key": t.record.key.model_copy(update={"seed": 1})}), t.scores, t.seen)
        for t in curve((4, 0.1))
    ]
    assert [group.title for group in comparison_groups(curve((4, 0.1), (6, 0.1)) + other, curves, VARIED)] == [
        "mini, kfold(5), seed 0, data 00000000", "mini, kfold(5), seed 1, data 00000000",
    ]  # fmt: skip


def test_a_value_that_one_profile_has_already_is_compared_with_those_set_to_it():
    found = curve((4, 0.1), model="schnet", epochs=9)
    own = [
        Trial(t.record.model_copy(update={"changed": {"n_layers": 4}}), t.scores, t.seen)
        for t in curve((4, 0.2), model="cgcnn", epochs=9)
    ]
    (group,) = comparison_groups(found + own, curves, VARIED)
    assert [one.model for one in group.members] == ["cgcnn", "schnet"] and group.changes == {"epochs": 9}
    alone, together = sorted(
        comparison_groups(found + own + curve((4, 0.3), model="mpnn"), curves, VARIED), key=lambda c: c.title
    )
    assert [one.model for one in alone.members] == ["cgcnn", "mpnn"] and alone.changes == {}
    assert [one.model for one in together.members] == ["cgcnn", "schnet"]


def test_one_fold_that_diverges_is_no_over_fitting():
    broken = [*curve((30, 0.1), folds=4), trial(30, 4, 0, status="diverged")]
    assert judge(only(curve((4, 0.1)) + broken)).causes == ("optimisation",)


def test_growth_counts_against_that_of_the_best_depth():
    found = curve((4, 0.1), fresh={"last": 3e3}) + curve((20, 0.3), fresh={"last": 4e9})
    assert judge(only(found)).causes == ("exploding features",)


def test_what_the_best_depth_shows_as_well_is_no_cause():
    alike = dict(trained={"distance": 0.004}, fresh={"last": 1e5})
    assert judge(only(curve((4, 0.1), (20, 0.3), **alike))).causes == ("optimisation",)
