"""The training loop learns from training rows, chooses by validation rows and never sees the rest."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from datasets.errors import InputError
from models.contract import Epoch, Fitted, TrainingDiverged
from models.training import Recipe, ScaledNetwork, predict_rows, spread_of, train_network, warm_up

TRAIN, VALIDATION, TEST = np.arange(40), np.arange(40, 52), np.arange(52, 60)


class Problem:
    """Sixty rows of three features, a nearly linear target far from zero, and a record of the rows looked at."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.features = torch.from_numpy(rng.normal(size=(60, 3))).float()
        self.targets = 100 + 5 * self.features.double().numpy() @ [1.0, -2.0, 0.5] + rng.normal(0, 0.3, 60)
        self.batches: list[list[int]] = []

    def cut(self, rows: torch.Tensor) -> torch.Tensor:
        self.batches.append(rows.tolist())
        return self.features[rows]

    def network(self, seed: int = 0) -> ScaledNetwork:
        torch.manual_seed(seed)
        return ScaledNetwork(nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0)))

    def train(self, recipe: Recipe, targets=None, train=TRAIN, validation=VALIDATION, seed=0, on_epoch=lambda e: None):
        network = self.network()
        targets = self.targets if targets is None else targets
        return network, train_network(network, self.cut, recipe, targets, train, validation, seed, on_epoch)

    def predict(self, network: ScaledNetwork, rows=TEST) -> np.ndarray:
        return predict_rows(network, self.cut, rows, 7)


@pytest.fixture
def problem() -> Problem:
    return Problem()


FAST = Recipe(epochs=5, batch_size=8, learning_rate=0.01)


def test_the_scaler_is_fitted_on_training_rows_only(problem):
    shifted = problem.targets.copy()
    shifted[40:] += 1000
    network, _ = problem.train(FAST, shifted)
    assert math.isclose(network.mean.item(), problem.targets[TRAIN].mean(), rel_tol=1e-12)
    assert math.isclose(network.std.item(), problem.targets[TRAIN].std(), rel_tol=1e-12)


def test_a_constant_target_is_learnt_without_dividing_by_zero(problem):
    network, _ = problem.train(FAST, np.full(60, 3.5))
    assert network.std.item() == 1.0
    assert np.abs(problem.predict(network) - 3.5).max() < 2.0


@pytest.mark.parametrize(
    ("targets", "spread"),
    [
        ([1.0, 3.0], 1.0),
        ([1e-20, 3e-20], 1e-20),
        ([1e6, 3e6], 1e6),
        ([1e9, 1e9 + 2e-3], 1e-3),  # a millionth of a millionth of the values, and no rounding
        ([0.1] * 3, 0.1),  # whose mean is not 0.1 but the next number
        ([-4.8e-20] * 3, 1e-20),
        ([3.5] * 3, 1.0),
        ([0.0] * 3, 1.0),
    ],
)
def test_the_spread_of_targets_is_judged_by_their_size(targets, spread):
    assert spread_of(np.array(targets)) == pytest.approx(spread, rel=1e-4)


def test_predictions_are_in_the_unit_of_the_target_and_learn_something(problem):
    network, _ = problem.train(Recipe(epochs=60, batch_size=8, learning_rate=0.02))
    error = np.abs(problem.predict(network) - problem.targets[TEST]).mean()
    assert error < 0.5 * np.abs(problem.targets[TRAIN].mean() - problem.targets[TEST]).mean()
    assert problem.predict(network).dtype == np.float64


def test_only_training_and_validation_rows_are_looked_at(problem):
    problem.train(FAST)
    assert {row for batch in problem.batches for row in batch} == {*TRAIN.tolist(), *VALIDATION.tolist()}


def test_targets_outside_training_and_validation_may_be_missing(problem):
    network, fitted = problem.train(FAST)
    missing = problem.targets.copy()
    missing[TEST] = np.nan
    other, refitted = problem.train(FAST, missing)
    assert np.array_equal(problem.predict(network), problem.predict(other))
    assert [e.validation_error for e in fitted.history] == [e.validation_error for e in refitted.history]


def test_each_epoch_passes_once_over_the_training_rows_in_a_new_order(problem):
    problem.train(Recipe(epochs=3, batch_size=8))
    passes = [list(itertools.chain(*problem.batches[7 * i : 7 * i + 5])) for i in range(3)]
    assert all(sorted(order) == TRAIN.tolist() for order in passes)
    assert len({tuple(order) for order in passes}) == 3


def test_the_best_epoch_is_restored(problem):
    network = problem.network()

    def ruin(epoch: Epoch) -> None:
        if epoch.number == 5:
            with torch.no_grad():
                network.network[-2].bias.add_(1000.0)

    fitted = train_network(network, problem.cut, Recipe(epochs=8), problem.targets, TRAIN, VALIDATION, 0, ruin)
    errors = [epoch.validation_error for epoch in fitted.history]
    assert errors[-1] > 100 * min(errors) and fitted.best_epoch == 1 + int(np.argmin(errors)) <= 5
    restored = np.abs(problem.predict(network, VALIDATION) - problem.targets[VALIDATION]).mean()
    assert math.isclose(restored, min(errors), rel_tol=1e-6)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in fitted.last_state.items()})
    last = np.abs(problem.predict(network, VALIDATION) - problem.targets[VALIDATION]).mean()
    assert math.isclose(last, errors[-1], rel_tol=1e-6)


def test_there_is_no_other_last_state_where_the_last_epoch_is_the_best(problem):
    _, fitted = problem.train(Recipe(epochs=1, batch_size=8))
    assert fitted.best_epoch == 1 and not fitted.last_state


LAST = Recipe(epochs=8, batch_size=8, learning_rate=0.01, keep="last")


def test_the_last_epoch_is_kept_where_the_recipe_says_so(problem):
    network, best = problem.train(replace(LAST, keep="best"))
    network.load_state_dict({n: torch.from_numpy(a) for n, a in best.last_state.items()} or network.state_dict())
    other, last = problem.train(LAST)
    assert last.best_epoch == 8 and not last.last_state
    assert np.array_equal(problem.predict(network), problem.predict(other))
    assert [e.validation_error for e in best.history] == [e.validation_error for e in last.history]


def test_without_validation_rows_the_last_epoch_is_all_there_is(problem):
    none = VALIDATION[:0]
    network, fitted = problem.train(LAST, validation=none)
    other, _ = problem.train(LAST)
    assert all(math.isnan(epoch.validation_error) for epoch in fitted.history) and fitted.best_epoch == 8
    assert np.array_equal(problem.predict(network), problem.predict(other))
    with pytest.raises(InputError, match="without validation crystals no epoch is the best"):
        problem.train(FAST, validation=none)


def test_a_plateau_follows_the_training_loss_where_the_last_epoch_is_kept(problem):
    shifted = problem.targets.copy()
    shifted[VALIDATION] = np.linspace(-1e3, 1e3, 12)
    plateau = Recipe(epochs=40, batch_size=8, learning_rate=0.01, schedule="plateau", keep="last")
    same = [problem.predict(problem.train(plateau, targets)[0]) for targets in (problem.targets, shifted)]
    assert np.array_equal(*same)
    best = replace(plateau, keep="best")
    histories = [problem.train(best, targets)[1].history[-1].training_loss for targets in (problem.targets, shifted)]
    assert histories[0] != histories[1]


def test_weights_ruined_by_the_last_epoch_are_reported_as_divergence(problem):
    network = ScaledNetwork(nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)))
    recipe = Recipe(epochs=1, batch_size=40, learning_rate=1e38, optimizer="sgd", loss="mse", schedule="constant", keep="last")
    with pytest.raises(TrainingDiverged, match="the last epoch has no finite validation error"):
        train_network(
            network, lambda rows: 1000 * problem.cut(rows), recipe, problem.targets, TRAIN, VALIDATION, 0, lambda e: None
        )


def test_a_warm_up_changes_nothing_that_training_starts_from(problem):
    network, plain = problem.train(FAST)
    warm = problem.network(seed=3)
    warm_up(warm, problem.cut, FAST, problem.targets, TRAIN)
    again, fitted = problem.train(FAST)
    assert fitted.history[-1].validation_error == plain.history[-1].validation_error
    assert np.array_equal(problem.predict(network), problem.predict(again))


def test_of_equally_good_epochs_the_first_is_the_best(problem):
    network = ScaledNetwork(nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)))
    still = Recipe(epochs=3, batch_size=8, learning_rate=1e-30)
    fitted = train_network(network, problem.cut, still, problem.targets, TRAIN, VALIDATION, 0, lambda epoch: None)
    assert len({epoch.validation_error for epoch in fitted.history}) == 1 and fitted.best_epoch == 1


@pytest.mark.parametrize(("clip_norm", "length"), [(0.01, 0.01), (0.1, 0.1)])
def test_a_clipped_gradient_moves_the_weights_by_the_rate_times_the_norm(problem, clip_norm, length):
    network = ScaledNetwork(nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)))
    before = torch.cat([p.detach().clone().ravel() for p in network.parameters()])
    once = Recipe(
        epochs=1, batch_size=40, optimizer="sgd", momentum=0, weight_decay=0, learning_rate=1, loss="mse",
        schedule="constant", clip_norm=clip_norm,
    )  # fmt: skip
    train_network(network, problem.cut, once, problem.targets, TRAIN, VALIDATION, 0, lambda epoch: None)
    after = torch.cat([p.detach().ravel() for p in network.parameters()])
    assert math.isclose((after - before).norm().item(), length, rel_tol=1e-3)


def test_history_tells_every_epoch_in_order(problem):
    seen: list[Epoch] = []
    _, fitted = problem.train(FAST, on_epoch=seen.append)
    assert isinstance(fitted, Fitted) and tuple(seen) == fitted.history
    assert [(e.number, e.of) for e in seen] == [(n, 5) for n in range(1, 6)]
    assert all(e.seconds > 0 and math.isfinite(e.training_loss) and math.isfinite(e.validation_error) for e in seen)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_huge_learning_rate_is_reported_as_divergence(problem, optimizer):
    recipe = Recipe(epochs=30, learning_rate=1e30, optimizer=optimizer, loss="mse", schedule="plateau", batch_size=8)
    with pytest.raises(TrainingDiverged, match="in epoch") as caught:
        problem.train(recipe)
    assert "\n" not in str(caught.value) and "learning rate" in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_training_target_that_is_not_a_number_is_reported_as_divergence(problem, value):
    targets = problem.targets.copy()
    targets[5] = value
    with np.errstate(invalid="ignore"), pytest.raises(TrainingDiverged):
        problem.train(FAST, targets)


def test_weights_ruined_by_the_only_epoch_are_reported_as_divergence(problem):
    network = ScaledNetwork(nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)))
    recipe = Recipe(epochs=1, batch_size=40, learning_rate=1e38, optimizer="sgd", loss="mse", schedule="plateau")
    with pytest.raises(TrainingDiverged, match="no epoch has a finite validation error"):
        train_network(
            network, lambda rows: 1000 * problem.cut(rows), recipe, problem.targets, TRAIN, VALIDATION, 0, lambda e: None
        )


@pytest.mark.parametrize("rows", [9, 17, 33])
def test_a_last_batch_of_one_joins_the_one_before(problem, rows):
    problem.train(Recipe(epochs=2, batch_size=8), train=np.arange(rows), validation=np.arange(52, 60))
    training = [batch for batch in problem.batches if max(batch) < 52]
    sizes = [len(batch) for batch in training[: len(training) // 2]]
    assert sizes == [8] * (rows // 8 - 1) + [9]


def test_a_last_batch_of_two_stays_on_its_own(problem):
    problem.train(Recipe(epochs=1, batch_size=8), train=np.arange(18))
    assert [len(batch) for batch in problem.batches[:3]] == [8, 8, 2]


def test_the_same_seed_gives_the_same_result_and_another_seed_another(problem):
    first, second, other = (problem.predict(problem.train(FAST, seed=seed)[0]) for seed in (3, 3, 4))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


CHOICES = itertools.product(["adamw", "adam", "sgd"], ["l1", "mse", "smooth-l1"], ["one-cycle", "plateau", "step"])


@pytest.mark.parametrize(("optimizer", "loss", "schedule"), CHOICES)
def test_every_choice_of_the_recipe_runs_and_lowers_the_loss(problem, optimizer, loss, schedule):
    recipe = Recipe(epochs=8, batch_size=8, learning_rate=0.02, optimizer=optimizer, loss=loss, schedule=schedule)
    _, fitted = problem.train(recipe)
    assert len(fitted.history) == 8
    assert fitted.history[-1].training_loss < fitted.history[0].training_loss


def test_the_losses_are_measured_in_units_of_the_scaled_target(problem):
    still = {"epochs": 1, "batch_size": 40, "learning_rate": 1e-12}
    losses = {loss: problem.train(Recipe(**still, loss=loss))[1].history[0].training_loss for loss in ("l1", "mse")}
    network = problem.network().train()
    scaled = (problem.targets[TRAIN] - problem.targets[TRAIN].mean()) / problem.targets[TRAIN].std()
    difference = network.network(problem.features[TRAIN]).detach().numpy() - scaled
    assert math.isclose(losses["l1"], np.abs(difference).mean(), rel_tol=1e-4)
    assert math.isclose(losses["mse"], (difference**2).mean(), rel_tol=1e-4)


def test_rows_may_be_given_in_any_integer_array(problem):
    network, _ = problem.train(FAST, train=TRAIN[::-1].astype(np.int32))
    backwards = predict_rows(network, problem.cut, TEST[::-1], 7)
    assert np.allclose(backwards[::-1], problem.predict(network), rtol=1e-6)


def test_prediction_does_not_depend_on_the_batch_size(problem):
    network, _ = problem.train(FAST)
    by_one, by_all = (predict_rows(network, problem.cut, TEST, size) for size in (1, 100))
    assert np.allclose(by_one, by_all, rtol=1e-6) and by_one.shape == (8,)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"learning_rate": -1.0},
        {"learning_rate": math.inf}, {"learning_rate": math.nan},
    ],
)  # fmt: skip
def test_impossible_recipes_are_refused(changes):
    with pytest.raises(InputError, match="it must be") as caught:
        Recipe(**changes)
    assert "\n" not in str(caught.value)


def test_training_leaves_denormal_numbers_as_they_were():
    from models.training import denormals_flushed

    small = math.ulp(0.0)
    with denormals_flushed():
        assert small * 1.0 == 0.0
        with denormals_flushed():
            pass
        assert small * 1.0 == 0.0
    assert small * 1.0 > 0.0
