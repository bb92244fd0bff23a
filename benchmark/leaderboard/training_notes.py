"""What a board says of how a run was trained: its learning rates, what choosing them cost, whether it was trained out."""

from __future__ import annotations

from collections import Counter

from benchmark.rendering.text import percent
from benchmark.results.records import Record
from benchmark.results.scores import Run

ALIKE = 1.1
"""A test loss up to so many times the training loss is about the same."""

NOT_TRAINED_OUT = "not trained out"
NOT_TRAINED_OUT_MEANS = (
    "more epochs would probably help. In at least half of the folds the model keeps the weights of the last epoch, and its "
    f"test error is at most {ALIKE:g} times its training error"
)


def not_trained_out(run: Run) -> bool:
    """Whether at least half of the complete folds say that more epochs would probably help; never of a model without epochs."""
    marks = [_not_trained_out(record) for record in run.complete]
    return bool(marks) and 2 * sum(marks) >= len(marks)


def _not_trained_out(record: Record) -> bool:
    metrics = record.metrics
    if metrics is None or not record.epochs_run or record.best_epoch != record.epochs_run:
        return False
    return metrics.test.loss <= ALIKE * metrics.train.loss


def chosen_rates(run: Run) -> Counter[float]:
    """Learning rate → in how many complete folds it was chosen; empty where nothing was chosen."""
    return Counter(record.rate_choice.learning_rate for record in run.complete if record.rate_choice)


def rates_text(run: Run) -> str:
    """The chosen rates, the most frequent first, with their folds; of a rate that was not chosen, that it was set."""
    found = sorted(chosen_rates(run).items(), key=lambda item: (-item[1], item[0]))
    if not found:
        setting = run.first.key.settings.get("learning_rate")
        return f"{float(setting):.3g} (set)" if setting is not None else ""
    if len(found) == 1:
        return f"{found[0][0]:.3g}"
    return ", ".join(f"{rate:.3g} ({folds})" for rate, folds in found)


def choice_seconds(run: Run) -> float | None:
    """Wall-clock seconds that the choice took, mean over folds, a part of the training; None where nothing was chosen."""
    costs = [record.rate_choice.cost.wall_s for record in run.complete if record.rate_choice]
    return run.mean_and_std(costs)[0] if costs else None


def settings_text(record: Record) -> dict[str, str]:
    """The settings as pages show them: of a chosen learning rate, what it was chosen from."""
    shown = {name: str(value) for name, value in record.key.settings.items()}
    grid = record.key.rates
    if grid and "learning_rate" in shown:
        rates = ", ".join(f"{factor * float(record.key.settings['learning_rate']):.3g}" for factor in grid.factors)
        shown["learning_rate"] = f"chosen on validation from {rates}, each tried for {percent(grid.share)} of the epochs"
    return shown
