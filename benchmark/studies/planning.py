"""What a study trains: a list of ordinary jobs with changed settings, and which of them are settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from benchmark.harness.execution import Observer
from benchmark.harness.job import Job
from benchmark.harness.learning_rate import grid_of
from benchmark.harness.plan import ConfiguredModel, IsDone, Plan, RunOptions, plan_models
from benchmark.results.settled import ended, settled_in
from benchmark.results.store import Scored, Store
from benchmark.results.validation import predictions_frame
from benchmark.studies.published import read_published
from benchmark.studies.registry import folder_of, pages_of
from benchmark.tasks.folds import Split
from benchmark.tasks.tasks import TaskData
from datasets.errors import InputError
from models import registry
from models.contract import ModelSpec
from models.graph_model import GraphModel, GraphSettings


def without_layers(spec: ModelSpec) -> str:
    """Why it has no depth; empty: it has."""
    return "" if issubclass(spec.model, GraphModel) else "is not a graph network: it has no layers to study"


@dataclass(frozen=True)
class Study:
    """The settings of a model that answer a question, and what else is looked at in each fold.

    Records lie in a store of the study's own, `<out>/studies/<name>/`: each is a point of a curve and would flood the boards
    of `<out>`, which rank models with the settings of their profile.
    """

    name: str
    models_to_run: Callable[[ModelSpec, Any, Sequence[int]], list[ConfiguredModel]]
    """Model, its settings in the profile, depths asked for (empty: the study's own) → the models to run."""
    observer: Observer | None = None
    unfit: Callable[[ModelSpec], str] = without_layers
    """Why a model is none of the study's; empty: it is one."""
    takes_layers: bool = True
    """Whether `--layers` has a meaning."""
    require_models: Callable[[Sequence[str]], None] = lambda names: None
    """Raises InputError for a model, asked for by name, that the study has no use for."""
    choose_rates: bool = False
    """Whether the learning rate is chosen on validation, as in `run`, where the profile has a grid and none was asked for."""
    keep_duplicates: bool = False
    """Whether duplicates are kept together where many crystals have one, as in `run`."""
    seeds: int = 1
    """How many, from the one asked for on."""
    varies: Sequence[str] = ()
    """Settings that only the study may change: it tells its points by what differs from the profile."""


def study_called(name: str) -> Study:
    """The study called `name`: `STUDY` in its folder's `study.py`. Raises InputError for an unknown name."""
    study: Study = import_module(f"{folder_of(name)}.study").STUDY
    return study


def models_of(study: Study, names: Sequence[str]) -> list[ModelSpec]:
    """These models, or all that the study is about. Raises InputError for one that it is not about."""
    study.require_models(names)
    specs = [registry.get(name) for name in dict.fromkeys(names)] or list(registry.registered().values())
    for spec in specs:
        if names and (reason := study.unfit(spec)):
            raise InputError(f"{spec.name} {reason}; leave it out")
    return [spec for spec in specs if not study.unfit(spec)]


def plan_study(study: Study, options: RunOptions, layers: Sequence[int], store: Store, boards: Sequence[Store] = ()) -> Plan:
    """The study's jobs and which of them are settled; `boards` may have some of the same. Raises what `plan_models` raises."""
    if layers and not study.takes_layers:
        raise InputError(
            f"--layers has no meaning for the {study.name} study; set the depth of all models with --set n_layers=…"
        )
    for name in sorted({*study.varies} & {*(options.settings or {})}):
        raise InputError(f"--set {name}: the {study.name} study varies it, around what the profile has; leave it out")
    models_to_run: list[ConfiguredModel] = []
    for spec in models_of(study, options.models):
        try:
            settings = spec.settings(options.profile, options.settings)
        except InputError as error:
            raise InputError(f"{spec.name}: {error}") from error
        rates = grid_of(options.profile, settings) if _chooses_rates(study, options) else None
        models_to_run += [replace(one, rates=rates) for one in study.models_to_run(spec, settings, layers)]
    if options.seed + study.seeds > 2**31:
        raise InputError(f"--seed {options.seed}: the study counts {study.seeds} seeds on from it, to below 2^31")
    grouped = None if study.keep_duplicates else False
    seeds = [replace(options, seed=options.seed + n, group_duplicates=grouped) for n in range(study.seeds)]
    here, elsewhere = is_settled(study, store), list[Scored]()

    def settled(job: Job, data: TaskData, split: Split) -> bool:
        if here(job, data, split):
            return True
        # What a study sees in a training, no board has.
        found = None if study.observer else settled_in(boards, job.key(data.dataset_hash), split)
        elsewhere.extend([found] if found else [])
        return found is not None

    plans = [plan_models(asked, store, models_to_run, settled) for asked in seeds]
    todo, done = ([job for plan in plans for job in getattr(plan, part)] for part in ("todo", "done"))
    n_train = {job: crystals for plan in plans for job, crystals in plan.n_train.items()}
    return replace(plans[0], todo=tuple(todo), done=tuple(done), n_train=n_train, elsewhere=tuple(elsewhere))


def _chooses_rates(study: Study, options: RunOptions) -> bool:
    return study.choose_rates and "learning_rate" not in (options.settings or {})


def is_settled(study: Study, store: Store) -> IsDone:
    """Whether a fold of the same split has ended, in a score or by diverging, and was looked at."""
    published = {t.record.key.identity: t for t in read_published(store, pages_of(study.name).seen)}

    def settled(job: Job, data: TaskData, split: Split) -> bool:
        key = job.key(data.dataset_hash)
        trial = published.get(key.identity)
        if trial and ended(trial.record, split) and (trial.seen or not study.observer):
            return True
        try:
            record = store.read(store.path(key))
        except InputError:
            return False
        if record.key != key or not ended(record, split):
            return False
        if study.observer and not store.beside(key, study.observer.name).is_file():
            return False
        return record.status != "complete" or store.finished(key, split)

    return settled


def keep_elsewhere(plan: Plan, store: Store) -> None:
    """Copy the folds of a plan that only boards have into the study's store."""
    for record, tested in plan.elsewhere:
        fold = record.key.fold
        store.write(record, predictions_frame(tested.ids, fold, tested.targets, tested.predictions) if tested else None)


def changed(spec: ModelSpec, settings: GraphSettings, **values: object) -> ConfiguredModel:
    """The model with some settings of its own changed."""
    return ConfiguredModel(spec, replace(settings, **values))  # type: ignore[arg-type]
