"""Did it get worse? Short trainings of today against the baseline: data, folds, parameters, errors, and costs if asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmark.harness.execution import classify
from benchmark.regression import loss_test
from benchmark.regression.baseline import Baseline, ModelBaseline
from benchmark.regression.seeds import FIRST_SEEDS, has_its_source, most_seeds
from benchmark.regression.trainings import (
    PROFILE,
    REGRESSION_SETS,
    ShortTraining,
    Train,
    Trainings,
    parameters,
    regression_sets,
    task_baseline,
    this_machine,
)
from benchmark.rendering.commands import command
from benchmark.rendering.text import chance, changes, percent
from benchmark.schema import Machine
from benchmark.speed.comparison import Threshold
from datasets.errors import BenchmarkError
from models import registry

COSTS = ("time", "memory")

ERRORS = "MAE / MAE of the mean"
"""What is compared of the errors of a model."""

NEW_SETTING = "new setting"
"""Verdict on a setting that the baseline did not have: its errors tell whether it changes anything."""

FAILING = ("worse", "slower", "larger", "failed", "gone", "data changed", "folds changed", "parameters changed")


@dataclass(frozen=True)
class CheckRow:
    """One comparison with the baseline: of a model, or of the folds of a regression set."""

    subject: str
    """A model, or a task; only a task's name has a slash."""
    what: str
    baseline: float | str | None
    now: float | str | None
    change: float | None
    """Relative: 0.1 is a tenth more."""
    verdict: str
    note: str = ""
    p: float | None = None
    """Of a loss at least as large by chance, where errors differ."""

    @property
    def is_model(self) -> bool:
        """Whether it is of a model."""
        return "/" not in self.subject

    @property
    def fails(self) -> bool:
        """Whether it is a regression."""
        return self.verdict in FAILING


@dataclass
class CheckReport:
    """What was compared, and lines about what was not."""

    rows: list[CheckRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seeds: dict[str, int] = field(default_factory=dict)
    """How many seeds of each model were trained."""
    trained_on: list[str] = field(default_factory=list)
    """Names of the sets that models were trained on."""

    @property
    def shown(self) -> list[CheckRow]:
        """What counts as a comparison: no setting that the baseline lacks, no set that is the same and not trained on."""
        aside = [row.subject for row in self.rows if not row.is_model and row.subject not in self.trained_on]
        return [row for row in self.rows if row.verdict != NEW_SETTING and not (row.subject in aside and row.verdict == "same")]

    @property
    def differing(self) -> list[str]:
        """Models with other errors than in the baseline."""
        return [row.subject for row in self.rows if row.what == ERRORS and row.verdict in ("changed", "better", "worse")]

    @property
    def failures(self) -> list[CheckRow]:
        """The regressions."""
        return [row for row in self.rows if row.fails]


def unchecked(report: CheckReport, uncommitted: Sequence[str]) -> list[str]:
    """Models that no row of the report is about, though their file is among those that differ from the commit."""
    changed = {Path(file).stem for file in uncommitted if Path(file).parent == Path("models/zoo")}
    compared = {row.subject for row in report.rows if row.is_model}
    specs = registry.registered().items()
    return [name for name, spec in specs if spec.model.__module__.rpartition(".")[2] in changed and name not in compared]


def check(baseline: Baseline, models: Sequence[str], quick: bool, thresholds: Sequence[Threshold], train: Train) -> CheckReport:
    """Compare these models (empty: all) with the baseline.

    Where data or folds changed nothing is trained: errors on other crystals cannot be compared. In the quick form a model whose
    first trainings give the numbers of the baseline is done.

    Raises:
        InputError: an unknown model.
    """
    report = CheckReport(_fold_rows(baseline))
    comparable = not report.failures
    chosen = [registry.get(name).name for name in models] or list(registry.registered())
    for name in [] if models else sorted(baseline.models.keys() - registry.registered().keys()):
        hint = "if that is meant: check --update-baseline"
        report.rows.append(CheckRow(name, "model", "there", "gone", None, "gone", hint))
    for name in chosen:
        if name not in baseline.models:
            hint = command("check", "--model", name, "--update-baseline", "reason")
            report.notes.append(f"{name}: a new model, not compared; add it to the baseline with `{hint}`")
    compared = [name for name in chosen if name in baseline.models]
    for name in compared:
        report.rows += _parameter_rows(name, baseline.models[name])
        if own := ", ".join(changes(baseline.models[name].changed)):
            report.notes.append(f"{name} is trained with {own} here: a change of this setting in its profiles is not seen")
    if not comparable:
        report.notes.append("no model was trained: errors on other data or folds cannot be compared")
        return report
    broken = {row.subject for row in report.rows if row.verdict == "failed"}
    trained = [name for name in compared if name not in broken]
    trainings = _train(baseline, trained, quick, train)
    report.trained_on = trainings.tasks
    report.rows += _error_rows(baseline, trained, trainings)
    report.seeds = {name: len(trainings.log_mae(name, baseline.models[name].tasks)) for name in _whole(trained, trainings)}
    if thresholds:
        _compare_costs(report, baseline, trainings, thresholds)
    return report


def failing_at_once(baseline: Baseline, models: Sequence[str], train: Train) -> CheckReport:
    """A report of those of these models that the first seeds show to fail; without rows if there is none."""
    settings = {name: registry.get(name).settings(PROFILE, own_settings(baseline, name)) for name in models}
    trainings = Trainings(train, settings)
    trainings.extend({name: range(FIRST_SEEDS) for name in models})
    reasons = {name: trainings.failure(name) for name in models}
    rows = [CheckRow(name, ERRORS, None, None, None, "failed", why) for name, why in reasons.items() if why]
    return CheckReport(rows, trained_on=trainings.tasks)


def own_settings(baseline: Baseline, name: str) -> dict[str, str]:
    """Settings other than the profile's that the baseline trains a model with."""
    return baseline.models[name].changed if name in baseline.models else {}


def _fold_rows(baseline: Baseline) -> list[CheckRow]:
    """One row for each regression set: whether data and folds are those of the baseline."""
    rows, tasks = [], {task.name: task for task in regression_sets(REGRESSION_SETS)}
    for name in sorted(tasks.keys() ^ baseline.folds.keys()):
        rows.append(CheckRow(name, "task", None, None, None, "data changed", "only one of the baseline and the code has it"))
    for name, expected in baseline.folds.items():
        if name not in tasks:
            continue
        try:
            found = task_baseline(tasks[name])
        except BenchmarkError as error:
            rows.append(CheckRow(name, "folds", None, None, None, "failed", str(error)))
            continue
        data = (expected.dataset_hash, found.dataset_hash)
        if data[0] != data[1]:
            rows.append(CheckRow(name, "data", data[0][:12], data[1][:12], None, "data changed"))
            continue
        differ = [which for which, split in expected.splits.items() if found.splits.get(which) != split]
        n = len(expected.splits)
        verdict, note = ("folds changed", f"the first: {differ[0]}") if differ else ("same", "")
        rows.append(CheckRow(name, "folds", f"{n} splits", f"{n - len(differ)} the same", None, verdict, note))
    return rows


def _parameter_rows(name: str, expected: ModelBaseline) -> list[CheckRow]:
    """Rows for what differs in size and settings; parameters must be equal, settings may change."""
    spec = registry.get(name)
    rows = []
    before = (expected.parameters, expected.paper_parameters)
    try:
        settings = spec.settings(PROFILE, expected.changed)
        found = parameters(spec, settings)
    except Exception as error:
        return [CheckRow(name, "parameters", None, None, None, "failed", classify(error)[1])]
    for what, old, new in zip(("parameters", "parameters (paper)"), before, found, strict=True):
        if old != new:
            change = new / old - 1 if old and new else None
            rows.append(CheckRow(name, what, old, new, change, "parameters changed"))
    today = settings.as_dict()
    for key in sorted(expected.settings.keys() | today.keys()):
        was, now = expected.settings.get(key), today.get(key)
        if was != now:
            verdict = "settings changed" if key in expected.settings else NEW_SETTING
            rows.append(CheckRow(name, f"setting {key}", str(was), str(now), None, verdict))
    return rows


def _train(baseline: Baseline, models: Sequence[str], quick: bool, train: Train) -> Trainings:
    """The trainings that a verdict needs: all; in the quick form, few for a model that gives its numbers or has its source.

    A processor that rounds otherwise changes every number: CI there has to end in minutes, and few seeds still find a ruin.
    """
    settings = {name: registry.get(name).settings(PROFILE, baseline.models[name].changed) for name in models}
    trainings = Trainings(train, settings)
    trainings.extend({name: range(FIRST_SEEDS) for name in models})
    more = []
    for name in models:
        expected = baseline.models[name]
        if trainings.failure(name):
            continue
        if not quick or not (_is_same(expected, trainings, name) or has_its_source(expected, name)):
            more.append(name)
    trainings.extend({name: range(FIRST_SEEDS, seeds) for name, seeds in most_seeds(baseline, more, quick).items()})
    return trainings


def _is_same(expected: ModelBaseline, trainings: Trainings, name: str) -> bool:
    return loss_test.is_same(expected.log_mae(), trainings.log_mae(name, expected.tasks))


def _whole(models: Sequence[str], trainings: Trainings) -> list[str]:
    """Those without a failed training."""
    return [name for name in models if not trainings.failure(name)]


def _error_rows(baseline: Baseline, models: Sequence[str], trainings: Trainings) -> list[CheckRow]:
    """One row for each model."""
    changed = sum(not _is_same(baseline.models[name], trainings, name) for name in _whole(models, trainings))
    return [_error_row(name, baseline, trainings, changed) for name in models]


def _error_row(name: str, baseline: Baseline, trainings: Trainings, n_changed: int) -> CheckRow:
    """The errors of a model, relative to those of the mean of the targets, and what the test says of their change."""
    expected = baseline.models[name]
    reason = trainings.failure(name)
    if reason:
        return CheckRow(name, ERRORS, None, None, None, "failed", reason)
    old, new = expected.log_mae(), trainings.log_mae(name, expected.tasks)
    found = loss_test.compare_errors(old, new, n_changed)
    scale = np.log([baseline.folds[task].scale for task in expected.tasks])
    before = old[: len(new)] if found.verdict == "same" else old
    was, now = (float(np.exp((errors - scale).mean())) for errors in (before, new))
    changes = zip(expected.tasks, found.by_task, strict=True)
    by_task = ", ".join(f"{task} {percent(change, 1, signed=True)}" for task, change in changes)
    p = None if found.verdict == "same" else found.p
    test = "" if p is None else f"; p {chance(p)}{f': {by_task}' if len(expected.tasks) > 1 else ''}"
    short = f" of {expected.n_seeds}" if found.verdict != "same" and found.seeds < expected.n_seeds else ""
    note = f"{found.seeds}{short} seeds{test}"
    return CheckRow(name, ERRORS, was, now, found.change, found.verdict, note, p)


def _compare_costs(report: CheckReport, baseline: Baseline, trainings: Trainings, thresholds: Sequence[Threshold]) -> None:
    """Rows of training time and peak memory of the models whose baseline was made on a machine like this one."""
    elsewhere, here = [], this_machine()
    for name, expected in baseline.models.items():
        done = {task: trainings.of(name, task) for task in expected.tasks}
        if not all(done.values()) or trainings.failure(name):
            continue
        if not _comparable(here, expected.provenance.machine):
            elsewhere.append(name)
            continue
        for threshold in thresholds:
            report.rows.append(_cost_row(name, expected, done, threshold))
    if elsewhere:
        there = baseline.models[elsewhere[0]].provenance.machine
        report.notes.append(
            f"time and memory are not compared: {len(elsewhere)} models have a baseline of {there.processor}, {there.cores} "
            f"cores, {there.workers} workers × {there.threads} threads"
        )


def _comparable(here: Machine, there: Machine) -> bool:
    return all(getattr(here, what) == getattr(there, what) for what in ("processor", "cores", "device", "threads", "workers"))


def _cost_row(name: str, expected: ModelBaseline, done: dict[str, list[ShortTraining]], threshold: Threshold) -> CheckRow:
    """The least over seeds, as whatever else runs on the machine only adds; times are summed over tasks, the largest memory."""
    n = min(map(len, done.values()))
    if threshold.statistic == "time":
        what, worse = "training time [s]", "slower"
        old = sum(min(series.training_s[:n]) for series in expected.tasks.values())
        new = sum(min(m.training_s for m in found) for found in done.values())
    else:
        what, worse = "peak memory [MB]", "larger"
        old = max(min(b or 0 for b in series.peak_bytes[:n]) for series in expected.tasks.values()) / 1e6
        new = max(min(m.peak_bytes or 0 for m in found) for found in done.values()) / 1e6
    if not old or not new:
        return CheckRow(name, what, None, None, None, "not measured")
    verdict = worse if new > old * (1 + threshold.share) else "within"
    return CheckRow(name, what, old, new, new / old - 1, verdict, f"may grow by {percent(threshold.share)}")
