"""What to know of fitted models before their predictions are used: how far they were off in their test, and trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.rendering.text import count, in_unit, plus_minus
from benchmark.results.records import Record
from benchmark.results.scores import Run
from benchmark.results.validation import parse_json
from datasets.errors import InputError
from models.contract import Model

TRIAL = "smoke"


def error_on_test(files: Sequence[Path]) -> str:
    """The test error of the models of checkpoints, its standard deviation and unit, as the records beside them have it.

    Empty where one of them has no record.
    """
    records = tuple(record for file in files if (record := _record(file.with_suffix(".json"))))
    losses = [record.metrics.test.loss for record in records if record.metrics]
    if not records or len(losses) < len(files):
        return ""
    key = records[0].key
    mean, std = Run(records).mean_and_std(losses)
    what, value = ("log-loss", plus_minus(mean, std)) if key.classes else ("MAE", in_unit(plus_minus(mean, std), key.unit))
    over = f"mean ± SD of {count(len(losses), 'fold')}" if std is not None else "1 fold"
    return f"test {what}: {value} ({over}; on crystals that were not in the training of the fold)"


def _record(path: Path) -> Record | None:
    """The record of a fold; None where there is none that can be read."""
    try:
        return parse_json(path, Record)
    except (InputError, OSError):
        return None


def trial_warning(models: Sequence[Model[Any, Any]]) -> str:
    """One line where a model was trained to try the program; empty where none was."""
    trial = any(model.about.get("profile") == TRIAL for model in models)
    return f"trained in the profile {TRIAL}, a trial of the program: the predictions mean nothing" if trial else ""
