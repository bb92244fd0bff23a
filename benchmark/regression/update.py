"""Record current results as the regression baseline: every model is trained under as many seeds as its noise asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

from benchmark.harness import machine
from benchmark.harness.fingerprint import fingerprint
from benchmark.regression import loss_test
from benchmark.regression.baseline import Baseline, ModelBaseline, Provenance, Series
from benchmark.regression.trainings import (
    PROFILE,
    REGRESSION_SETS,
    Train,
    Trainings,
    parameters,
    regression_sets,
    task_baseline,
    this_machine,
)
from datasets.errors import BenchmarkError, InputError
from models import registry


def update_baseline(
    reason: str,
    models: Sequence[str],
    changes: Mapping[str, str] | None,
    before: Baseline | None,
    train: Train,
    most: int = loss_test.MOST_SEEDS,
) -> Baseline:
    """Train these models (empty: all) under as many seeds as their noise asks for, and make the new baseline.

    Args:
        reason: kept with the numbers.
        models: their names.
        changes: settings of the one model that is named, as text; None keeps those that the models had in `before`.
        before: the baseline so far, if there is one; models that are not named are kept.
        train: carries out the jobs.
        most: seeds of a model; fewer than its noise asks for find larger losses only.

    Raises:
        InputError: there is no reason, an unknown model, or a single model is named although the folds changed.
        BenchmarkError: a training failed.
    """
    if not reason.strip():
        raise InputError('--update-baseline needs a reason: --update-baseline "why the numbers may change"')
    chosen = [registry.get(name).name for name in models] or list(registry.registered())
    folds = {task.name: task_baseline(task) for task in regression_sets(REGRESSION_SETS)}
    if models and before and before.folds != folds:
        raise InputError("data or folds changed, which concerns every model: leave out --model")
    changed = {name: _changed(before, name) if changes is None else dict(changes) for name in chosen}
    trainings = Trainings(train, {name: registry.get(name).settings(PROFILE, changed[name]) for name in chosen})
    short = {name: range(min(loss_test.FEWEST_SEEDS, most)) for name in chosen}
    # The noise is known better after more seeds, so it is asked again until what is there is enough.
    while short:
        trainings.extend(short)
        short = {name: more for name in short if (more := _missing(name, most, trainings))}
    provenance = Provenance(
        reason=reason.strip(),
        updated_at=datetime.now(timezone.utc),
        git_commit=machine.git_commit(),
        machine=this_machine(),
        versions=machine.versions(),
    )
    kept = dict(before.models) if models and before else {}
    fresh = {name: _model_baseline(name, provenance, changed[name], trainings) for name in chosen}
    return Baseline(folds=folds, models=dict(sorted({**kept, **fresh}.items())))


def _changed(before: Baseline | None, name: str) -> dict[str, str]:
    return before.models[name].changed if before and name in before.models else {}


def _missing(name: str, most: int, trainings: Trainings) -> range:
    """The seeds that the model's noise asks for beyond those that are there. Raises BenchmarkError for a failed training."""
    reason = trainings.failure(name)
    if reason:
        raise BenchmarkError(f"{name} has no new baseline: {reason}")
    log_mae = trainings.log_mae(name, trainings.tasks)
    return range(len(log_mae), loss_test.seeds_needed(loss_test.noise(log_mae), most=most))


def _model_baseline(name: str, provenance: Provenance, changed: dict[str, str], trainings: Trainings) -> ModelBaseline:
    spec = registry.get(name)
    own, paper = parameters(spec, trainings.settings[name])
    series = {}
    for task in trainings.tasks:
        done = trainings.of(name, task)
        series[task] = Series(
            mae=tuple(m.mae for m in done if m.mae is not None),
            training_s=tuple(round(m.training_s, 4) for m in done),
            peak_bytes=tuple(m.peak_bytes for m in done),
        )
    return ModelBaseline(
        provenance=provenance,
        model_fingerprint=fingerprint(spec.model),
        changed=changed,
        settings=trainings.settings[name].as_dict(),
        parameters=own,
        paper_parameters=paper,
        tasks=series,
    )
