"""How often `check` is wrong or right, by simulation with the noise of the baseline.

`python -m tests.benchmark.regression.simulated_checks --repetitions 4000` prints the rates.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from benchmark.regression import loss_test
from benchmark.regression.baseline import read_baseline
from tests.benchmark.statistics.simulated_errors import rate

BASELINE = Path(__file__).resolve().parents[3] / "leaderboards" / "baseline.json"

Noise = float | np.ndarray
"""The standard deviation of a normal law, or residuals to draw from: (seeds,), as they were measured."""


def drawn(rng: np.random.Generator, noise: Noise, n: int) -> np.ndarray:
    """(n, 1) log MAE around 0."""
    if isinstance(noise, np.ndarray):
        return rng.choice(noise, (n, 1)) if noise.any() else np.zeros((n, 1))
    return rng.normal(0, noise, (n, 1))


def is_worse(rng: np.random.Generator, noise: Noise, seeds: int, n_models: int, loss: float = 0.0, wider: float = 1.0) -> bool:
    """Whether a check calls a model worse whose log MAE grew by `loss` and whose noise by the factor `wider`."""
    old = drawn(rng, noise, seeds)
    new = wider * drawn(rng, noise, seeds) + loss
    return loss_test.compare_errors(old, new, n_models).verdict == "worse"


def found_losses(
    rng: np.random.Generator, noise: Noise, seeds: int, n_models: int, repetitions: int, loss: float = loss_test.LOSS
) -> int:
    """In how many of the repetitions a loss is found."""
    return sum(is_worse(rng, noise, seeds, n_models, loss) for _ in range(repetitions))


def alarms(
    rng: np.random.Generator, noises: Sequence[Noise], seeds: Sequence[int], repetitions: int, wider: float = 1.0
) -> int:
    """In how many checks of all models, each changed but none worse, at least one is called worse."""
    n = len(seeds)
    return sum(
        any(is_worse(rng, noise, m, n, wider=wider) for noise, m in zip(noises, seeds, strict=True)) for _ in range(repetitions)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    repetitions = parser.parse_args().repetitions
    models = read_baseline(BASELINE).models
    logs = {name: model.log_mae().mean(axis=1) for name, model in models.items()}
    # Scaled, as residuals around a mean that was estimated from them are too small.
    residuals = {name: (x - x.mean()) * np.sqrt(len(x) / (len(x) - 1)) for name, x in logs.items()}
    for name, model in models.items():
        sigma, n = loss_test.noise(model.log_mae()), model.n_seeds
        shares = []
        for changed, noise in product((1, len(models)), (sigma, residuals[name])):
            found = found_losses(np.random.default_rng(0), noise, n, changed, repetitions // 4)
            shares.append(f"{found / (repetitions // 4):.1%}")
        print(
            f"{name}: noise {sigma:.2%}, {n} seeds: a loss of 5 % is found where it alone changed (normal; as measured): "
            f"{', '.join(shares[:2])}; where all changed: {', '.join(shares[2:])}",
            flush=True,
        )
    seeds = [model.n_seeds for model in models.values()]
    for what, noises in (
        ("normal", [loss_test.noise(m.log_mae()) for m in models.values()]),
        ("as measured", residuals.values()),
    ):
        for wider in (1.0, 2.0):
            count = alarms(np.random.default_rng(0), list(noises), seeds, repetitions, wider)
            print(f"all models changed, none worse, noise {what} and {wider:g} times as large: {rate(count, repetitions)}")


if __name__ == "__main__":
    main()
