"""Making what the code gives now the baseline of the canary: trained under as many seeds as its noise asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

from benchmark import gate, machine
from benchmark.baseline import Acceptance, Baseline, ModelBaseline, Series
from benchmark.canary import Train, Trainings, canary_settings, canary_tasks, parameters, task_baseline, this_machine
from benchmark.fingerprint import fingerprint
from datasets.errors import BenchmarkError, InputError
from models import registry


def accept(reason: str, models: Sequence[str], before: Baseline | None, train: Train) -> Baseline:
    """Train these models (empty: all) under as many seeds as their noise asks for, and make the new baseline.

    Raises:
        InputError: there is no reason, an unknown model, or one model is to be accepted on folds that changed.
        BenchmarkError: a training failed.
    """
    if not reason.strip():
        raise InputError('--accept needs a reason: --accept "why the numbers may change"')
    chosen = [registry.get(name).name for name in models] or list(registry.registered())
    folds = {task.name: task_baseline(task) for task in canary_tasks()}
    if models and before and before.folds != folds:
        raise InputError("data or folds changed, which concerns every model: accept without --model")
    trainings = Trainings(train)
    trainings.extend({name: range(gate.PILOT) for name in chosen})
    needed = {name: _needed(name, folds, trainings) for name in chosen}
    # The noise is known better after more seeds, so it is asked again until what is there is enough.
    while short := {name: more for name, n in needed.items() if (more := _missing(name, n, folds, trainings))}:
        trainings.extend(short)
        needed |= {name: _needed(name, folds, trainings) for name in short}
    acceptance = Acceptance(
        reason=reason.strip(),
        accepted_at=datetime.now(timezone.utc),
        git_commit=machine.git_commit(),
        machine=this_machine(),
        versions=machine.versions(),
    )
    kept = dict(before.models) if models and before else {}
    fresh = {name: _model_baseline(name, acceptance, needed[name], folds, trainings) for name in chosen}
    return Baseline(folds=folds, models=dict(sorted({**kept, **fresh}.items())))


def _needed(name: str, tasks: Iterable[str], trainings: Trainings) -> int:
    """How many seeds a check of the model takes."""
    reason = trainings.failure(name)
    if reason:
        raise BenchmarkError(f"{name} cannot be accepted: {reason}")
    return gate.seeds_needed(gate.noise(trainings.log_mae(name, tasks)), len(registry.registered()))


def _missing(name: str, n_seeds: int, tasks: Iterable[str], trainings: Trainings) -> range:
    """The seeds that a baseline lacks for checks with `n_seeds`."""
    return range(len(trainings.log_mae(name, tasks)), gate.baseline_seeds(n_seeds))


def _model_baseline(
    name: str, acceptance: Acceptance, n_seeds: int, tasks: Iterable[str], trainings: Trainings
) -> ModelBaseline:
    spec = registry.get(name)
    own, paper = parameters(spec)
    series = {}
    for task in tasks:
        done = trainings.of(name, task)
        series[task] = Series(
            mae=tuple(m.mae for m in done if m.mae is not None),
            training_s=tuple(round(m.training_s, 4) for m in done),
            peak_bytes=tuple(m.peak_bytes for m in done),
        )
    return ModelBaseline(
        acceptance=acceptance,
        model_fingerprint=fingerprint(spec.model),
        settings=canary_settings(spec).as_dict(),
        parameters=own,
        paper_parameters=paper,
        n_seeds=n_seeds,
        tasks=series,
    )
