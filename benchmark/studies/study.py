"""What the studies share: a study is a list of ordinary jobs with changed settings, and a page of their records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from benchmark.harness.job import Job, Observer
from benchmark.harness.plan import ConfiguredModel, IsDone, Plan, RunOptions, plan_models
from benchmark.results.records import Record
from benchmark.results.scores import scored_tasks
from benchmark.results.store import Store
from benchmark.tasks.folds import Split
from benchmark.tasks.metrics import Scores
from benchmark.tasks.tasks import TaskData
from datasets.errors import InputError
from models import registry
from models.contract import ModelSpec
from models.graph_model import GraphModel, GraphSettings

SETTLED = ("complete", "diverged")
"""What the same job would do again; a fold that ran out of memory or failed otherwise is tried again."""


def without_layers(spec: ModelSpec) -> str:
    """Why it has no depth; empty: it has."""
    return "" if issubclass(spec.model, GraphModel) else "is not a graph network: it has no layers to study"


@dataclass(frozen=True)
class Study:
    """A question, the settings of a model that answer it, and what else is looked at in each fold.

    Records lie in a store of the study's own, `<out>/studies/<name>/`: each is a point of a curve and would flood the boards
    of `<out>`, which rank models with the settings of their profile.
    """

    name: str
    question: str
    entries: Callable[[ModelSpec, Any, Sequence[int]], list[ConfiguredModel]]
    """Model, its settings in the profile, depths asked for (empty: the study's own) → the models to run."""
    observer: Observer | None = None
    unfit: Callable[[ModelSpec], str] = without_layers
    """Why a model is none of the study's; empty: it is one."""
    takes_layers: bool = True
    """Whether `--layers` has a meaning."""
    require_models: Callable[[Sequence[str]], None] = lambda names: None
    """Raises InputError for a model, asked for by name, that the study has no use for."""
    seeds: int = 1
    """How many, from the one asked for on."""
    varies: Sequence[str] = ()
    """Settings that only the study may change: it tells its points by what differs from the profile."""


def models_of(study: Study, names: Sequence[str]) -> list[ModelSpec]:
    """These models, or all that the study is about. Raises InputError for one that it is not about."""
    study.require_models(names)
    specs = [registry.get(name) for name in dict.fromkeys(names)] or list(registry.registered().values())
    for spec in specs:
        if names and (reason := study.unfit(spec)):
            raise InputError(f"{spec.name} {reason}; leave it out")
    return [spec for spec in specs if not study.unfit(spec)]


def plan_study(study: Study, request: RunOptions, layers: Sequence[int], store: Store) -> Plan:
    """The study's jobs and which of them are settled. Raises what `plan_models` raises."""
    if layers and not study.takes_layers:
        raise InputError(
            f"--layers has no meaning for the {study.name} study; set the depth of all models with --set n_layers=…"
        )
    for name in sorted({*study.varies} & {*(request.settings or {})}):
        raise InputError(f"--set {name}: the {study.name} study varies it, around what the profile has; leave it out")
    entries: list[ConfiguredModel] = []
    for spec in models_of(study, request.models):
        try:
            settings = spec.settings(request.profile, request.settings)
        except InputError as error:
            raise InputError(f"{spec.name}: {error}") from error
        entries += study.entries(spec, settings, layers)
    if request.seed + study.seeds > 2**31:
        raise InputError(f"--seed {request.seed}: the study counts {study.seeds} seeds on from it, to below 2^31")
    seeds = [replace(request, seed=request.seed + n) for n in range(study.seeds)]
    plans = [plan_models(asked, store, entries, is_settled(study, store)) for asked in seeds]
    todo, done = ([job for plan in plans for job in getattr(plan, part)] for part in ("todo", "done"))
    return replace(plans[0], todo=tuple(todo), done=tuple(done))


def is_settled(study: Study, store: Store) -> IsDone:
    """Whether a fold of the same division and model source has ended, in a score or by diverging, and was looked at."""

    def settled(job: Job, data: TaskData, split: Split) -> bool:
        key = job.key(data.dataset_hash)
        try:
            record = store.read(store.path(key))
        except InputError:
            return False
        if (record.key, record.split) != (key, split) or record.status not in SETTLED:
            return False
        if study.observer and not store.beside(key, study.observer.name).is_file():
            return False
        return record.status != "complete" or store.finished(key, split)

    return settled


@dataclass(frozen=True)
class Trial:
    """One fold of a study: its record, its test scores if it has any, what was seen of it if that is there."""

    record: Record
    scores: Scores | None
    seen: BaseModel | None


Seen = TypeVar("Seen", bound=BaseModel)


def trials(
    study: Study, store: Store, kind: type[BaseModel] | None, on_invalid: Callable[[InputError], None]
) -> Iterator[Trial]:
    """Every fold of the study's store, scored anew from its predictions; what was seen of it is read as `kind`."""
    for _, runs in scored_tasks(store, on_invalid):
        for scored in runs:
            scores = iter(scored.scores)
            for record in scored.run.folds:
                found = next(scores) if record.status == "complete" else None
                seen = _seen(store, record, study.observer.name, kind, on_invalid) if study.observer and kind else None
                yield Trial(record, found, seen)


def _seen(store: Store, record: Record, name: str, kind: type[Seen], on_invalid: Callable[[InputError], None]) -> Seen | None:
    path = store.beside(record.key, name)
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError:
        return None
    except ValidationError as error:
        on_invalid(InputError(f"{path}: {error.errors()[0]['msg']}"))
        return None


def changed(spec: ModelSpec, settings: GraphSettings, **values: object) -> ConfiguredModel:
    """The model with some settings of its own changed."""
    return ConfiguredModel(spec, replace(settings, **values))  # type: ignore[arg-type]
