"""The list of jobs that a `run` stands for, and which of them are done already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmark.harness.bad_crystals import BadCrystals, ConfiguredModel
from benchmark.harness.job import Job, dataset_hash
from benchmark.harness.kept import Kept
from benchmark.harness.learning_rate import grid_of
from benchmark.harness.steps import few_steps
from benchmark.harness.stopping import goes_on_from
from benchmark.rendering.text import count
from benchmark.results.store import Scored, Store
from benchmark.tasks.folds import HOLDOUT_FOLDS, NO_PUBLISHED_SPLIT, Protocol, ProtocolName, Split
from benchmark.tasks.leakage import grouping
from benchmark.tasks.tasks import Task, TaskData, find_tasks, split_of, tasks_of
from datasets import registry as datasets_registry
from datasets.cards import data_file
from datasets.errors import DatasetMissing, InputError, TargetMissing, unknown_name
from models import registry
from models.contract import ModelSpec

DEFAULT_FOLDS = {"kfold": 5, "shuffle": 10, "holdout": HOLDOUT_FOLDS, "published": 1}


@dataclass(frozen=True)
class Plan:
    """Jobs to do, jobs found done in the store, and one line for each dataset that is not on this machine."""

    todo: tuple[Job, ...]
    done: tuple[Job, ...]
    skipped: tuple[str, ...]
    checkpoints: tuple[Path, ...] = ()
    """Where the jobs keep their models, if they do."""
    warnings: tuple[str, ...] = ()
    """What a person should know of the data: crystals left out, doubtful targets."""
    notes: tuple[str, ...] = ()
    """What was decided without being asked for: no search of a rate, folds trained again, duplicates kept together."""
    n_train: Mapping[Job, int] = field(default_factory=dict)
    """On how many crystals each job trains."""
    kept: Mapping[Job, Kept] = field(default_factory=dict)
    """The open jobs that go on from a checkpoint."""
    elsewhere: tuple[Scored, ...] = ()
    """The folds found done that lie in other stores alone."""

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All of them."""
        return self.done + self.todo


@dataclass(frozen=True)
class RunOptions:
    """What the command line asks for; empty tuples stand for all models and, with `everything`, all tasks."""

    tasks: Sequence[str] = ()
    everything: bool = False
    models: Sequence[str] = ()
    settings: Mapping[str, str] | None = None
    profile: str = "mini"
    preset: str | None = None
    protocol: ProtocolName | None = None
    folds: int | None = None
    group_duplicates: bool | None = False
    """None: where the task has many (`benchmark.tasks.leakage.grouping`)."""
    seed: int = 0
    repeats: int = 1
    """How often everything is divided and trained anew: with the seeds from `seed` on."""
    device: str = "cpu"
    workers: int = 1
    threads: int = 1
    save_checkpoints: bool = False
    skip_bad: bool = False
    failed_only: bool = False
    """Only folds whose record says that they failed."""
    numbers_only: bool = False
    """Whether a task of classes is refused."""


IsDone = Callable[[Job, TaskData, Split], bool]


def parse_settings(pairs: Sequence[str]) -> dict[str, str]:
    """What `--set name=value` says. Raises InputError where it is something else."""
    for pair in pairs:
        if "=" not in pair:
            raise InputError(f"--set {pair}: write name=value")
    return dict(pair.split("=", 1) for pair in pairs)


def make_plan(options: RunOptions, store: Store) -> Plan:
    """Resolve names, load what the tasks need, split every task, look for finished folds.

    Raises:
        InputError: an unknown name, an impossible setting, a dataset that cannot be read or split.
        DatasetMissing: a dataset asked for by name is not on this machine.
    """
    if not options.tasks and not options.everything:
        raise InputError("nothing to run: name tasks with --task, a folder with --dataset, or use --all")
    chosen = list(dict.fromkeys(options.models))
    if options.settings and len(chosen) != 1:
        raise InputError("--set changes the settings of one model; name it with a single --model")
    specs = [registry.get(name) for name in chosen] or _all_models(options.preset)
    models = [_configured(spec, options) for spec in specs]

    unsaved: list[Job] = []
    kept: dict[Job, Kept] = {}

    def is_done(job: Job, data: TaskData, split: Split) -> bool:
        key = job.key(data.dataset_hash)
        done = store.finished(key, split, job.save_checkpoints)
        if not done and job.save_checkpoints and store.finished(key, split):
            unsaved.append(job)
        if not done and (found := goes_on_from(store, key, split)):
            kept[job] = found
        return done

    plan = plan_models(options, store, models, is_done)
    warnings = *plan.warnings, *few_steps({job: plan.n_train[job] for job in plan.todo})
    plan = replace(plan, warnings=warnings, notes=(*_surprises(options, models, unsaved), *plan.notes), kept=kept)
    return replace(plan, todo=tuple(job for job in plan.todo if has_failed(job, store))) if options.failed_only else plan


def _surprises(options: RunOptions, models: Sequence[ConfiguredModel], unsaved: Sequence[Job]) -> Iterator[str]:
    """What a person may not expect of a plan: no search of the learning rate; finished folds that are trained again."""
    if "learning_rate" in (options.settings or {}) and not options.preset and grid_of(options.profile, models[0].settings):
        yield "learning_rate is set, so no rate is searched"
    if unsaved:
        yield f"{count(len(unsaved), 'finished fold')} without a saved model: trained again, to save it (--save-checkpoints)"


def without_record(jobs: Iterable[Job], store: Store) -> list[Job]:
    """The folds that the store has no record of, whoever works on them."""
    return [job for job in jobs if not store.path(job.key(dataset_hash(job.task))).exists()]


def has_failed(job: Job, store: Store) -> bool:
    """Whether a fold has a record without a score."""
    try:
        return store.read(store.path(job.key(dataset_hash(job.task)))).status != "complete"
    except InputError:
        return False


def _configured(spec: ModelSpec, options: RunOptions) -> ConfiguredModel:
    """A model with the settings of the profile, or of the preset, which may have its own for some tasks.

    A learning rate that was asked for is taken; otherwise the profile may have a grid to choose it from.
    """
    if not options.preset:
        settings = spec.settings(options.profile, options.settings)
        named = "learning_rate" in (options.settings or {})
        return ConfiguredModel(spec, settings, rates=None if named else grid_of(options.profile, settings))
    preset, changes = options.preset, options.settings
    by_task = {task: spec.preset(preset, changes, task) for task in spec.by_task.get(preset, {})}
    return ConfiguredModel(spec, spec.preset(preset, changes), by_task=by_task)


def plan_models(options: RunOptions, store: Store, models: Sequence[ConfiguredModel], is_done: IsDone) -> Plan:
    """The jobs of models with their settings, on the tasks, folds and device that the options name.

    Raises:
        InputError: an unknown task, a dataset that cannot be read or split, or crystals that a model cannot take.
        DatasetMissing: a dataset asked for by name is not on this machine.
    """
    tasks, skipped = _available(options)
    todo: list[Job] = []
    done: list[Job] = []
    folders: dict[Path, None] = {}
    warnings: dict[str, None] = {}
    notes: list[str] = []
    n_train: dict[Job, int] = {}
    bad = BadCrystals(models)
    for found in tasks:
        _named_protocol(options, found)
    for found in tasks:
        if options.numbers_only and found.classes:
            _leave_out(f"{found.name}: its target is a class, a study needs a number", found.name in options.tasks, skipped)
            continue
        try:
            task = bad.left_out_of(found) if options.skip_bad else found
            data = task.load()
        except TargetMissing as error:
            _leave_out(str(error), found.name in options.tasks, skipped)
            continue
        able = [model.on(task.name) for model in _able(models, task, options, skipped)]
        bad.require_none(data, able)
        warnings |= dict.fromkeys(bad.warnings(data))
        if not able:
            continue
        protocol, note = _protocol(options, data)
        notes += [note] if note else []
        if protocol.name == "holdout":
            _require_no_choice(able)
        for job, split in _jobs_of(options, data, able, protocol):
            (done if is_done(job, data, split) else todo).append(job)
            n_train[job] = split.n_train
            folders |= {store.path(job.key(data.dataset_hash)).parent: None} if job.save_checkpoints else {}
    return Plan(tuple(todo), tuple(done), tuple(skipped), tuple(folders), tuple(warnings), tuple(notes), n_train)


def _jobs_of(
    options: RunOptions, data: TaskData, models: Sequence[ConfiguredModel], protocol: Protocol
) -> Iterator[tuple[Job, Split]]:
    """Every fold of every model on a task, with its split; one repeat after another."""
    named = options.preset or options.profile
    for seed in range(options.seed, options.seed + options.repeats):
        splits: dict[Protocol, list[Split]] = {}
        for model in models:
            own = replace(protocol, train_divisor=model.train_divisor)
            if own not in splits:
                splits[own] = [split_of(data, data.fold(own, number, seed)) for number in range(own.n_folds)]
            for fold, split in enumerate(splits[own]):
                yield Job(
                    data.task, model.spec.name, model.settings, named, own, fold, seed,
                    options.device, options.threads, options.workers, options.save_checkpoints, model.rates,
                ), split  # fmt: skip


def _require_no_choice(models: Sequence[ConfiguredModel]) -> None:
    """Raise InputError where a model chooses an epoch or a setting: there is no validation part to choose by."""
    if names := [model.spec.name for model in models if model.settings.needs_validation or model.rates]:
        raise InputError(
            f"holdout has no validation part, by which {' and '.join(names)} would choose an epoch or a setting; keep the "
            "last epoch with --set keep=last (soap-svr: grid=false; in the profile standard learning_rate=… too), or take a "
            "preset that does"
        )


def _leave_out(reason: str, asked_for: bool, skipped: list[str]) -> None:
    """Note why a task or a model is left out. Raises InputError where it was asked for by name."""
    if asked_for:
        raise InputError(reason)
    skipped.append(reason)


def _able(models: Sequence[ConfiguredModel], task: Task, options: RunOptions, skipped: list[str]) -> Sequence[ConfiguredModel]:
    """The models that can predict the task's target; the others are noted."""
    if task.classes is None:
        return models
    able = [model for model in models if model.spec.model.classifies]
    if names := [model.spec.name for model in models if model not in able]:
        unable = f"{task.name}: {' and '.join(names)} predict{'s' * (len(names) == 1)} numbers, not classes"
        _leave_out(f"{unable}; name other models with --model" if options.models else unable, bool(options.models), skipped)
    return able


def _all_models(preset: str | None) -> list[ModelSpec]:
    """Every model, or every one that has the preset."""
    every = list(registry.registered().values())
    found = [spec for spec in every if preset is None or preset in spec.studies]
    if not found:
        raise unknown_name("preset", str(preset), {name for spec in every for name in spec.studies})
    return found


def _available(options: RunOptions) -> tuple[list[Task], list[str]]:
    """The tasks whose data are here; with --all a missing dataset is left out with its line."""
    found = [task for text in options.tasks for task in find_tasks(text)]
    skipped = []
    for name, dataset in datasets_registry.built_in().items() if options.everything else ():
        if options.protocol == "published" and dataset.card.split_column is None:
            skipped.append(f"{name}: it has no published split")
            continue
        try:
            if dataset.card.file:
                data_file(dataset.card)
        except DatasetMissing as error:
            skipped.append(str(error))
            continue
        found += tasks_of(name)
    tasks: dict[str, Task] = {}
    for task in found:
        if tasks.setdefault(task.name, task).source != task.source:
            raise InputError(f"two folders give the task {task.name}; rename one of them")
    return list(tasks.values()), skipped


def _protocol(options: RunOptions, data: TaskData) -> tuple[Protocol, str]:
    """How a task is split, and in one line why where its data decide whether duplicates are kept together."""
    protocol = _named_protocol(options, data.task)
    if options.group_duplicates is not None or protocol.name == "published":
        return protocol, ""
    grouped, note = grouping(data)
    return replace(protocol, grouped=grouped), note


def _named_protocol(options: RunOptions, task: Task) -> Protocol:
    """How a task is split, as the options say it: without its data. Raises InputError where that is impossible."""
    has_published = datasets_registry.get(task.source).card.split_column is not None
    published = has_published and not options.group_duplicates
    name: ProtocolName = options.protocol or ("published" if published else "kfold")
    # The published split is one fold, however many the other datasets of the same run get.
    folds = DEFAULT_FOLDS[name] if options.folds is None or name == "published" else options.folds
    stratified = task.classes is not None and name != "published"
    protocol = Protocol(name, folds, bool(options.group_duplicates), stratified)
    if options.protocol == "published" and not has_published:
        raise InputError(f"{task.name}: {NO_PUBLISHED_SPLIT}")
    return protocol
