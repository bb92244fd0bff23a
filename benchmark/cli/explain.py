"""`python -m benchmark explain …`: which small graphs a network takes for high or low, and what they have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.cli.shared.directories import require_unpublished, sole_writer
from benchmark.cli.shared.options import JsonOption, TasksOption
from benchmark.cli.shared.stopping import kept_on_stop
from benchmark.cli.shared.terminal import json_text, tell
from benchmark.results.directories import RUNS
from datasets.errors import BenchmarkError, InputError

BUSY = "another run is writing to {}; wait for it or choose another directory with --out"

TESTABLE = 50
"""Explanations of a class that a test needs: of 5 rounds, with 10 a round."""

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark explain --task cgcnn/band_gap --node-types group --seed 0 --seed 1")
@kept_on_stop("what was found is")
def explain(
    task: TasksOption = None,
    model: Annotated[str, typer.Option(help="The graph network to explain.")] = "cgcnn",
    node_types: Annotated[
        list[str] | None,
        typer.Option(help="What is known of an atom: group (18) or period (7); may be repeated. Default: group."),
    ] = None,
    per_class: Annotated[int, typer.Option(min=1, help=f"Explanations of each class; a test needs {TESTABLE}.")] = 150,
    min_probability: Annotated[float, typer.Option(help="The classifier's, of an explanation; above 0.5.")] = 0.8,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, max=2**31 - 1, help="Of split, weights and search; may be repeated. Default: 0."),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            help="The network: standard (the board's size and training set), mini (a small one), smoke (seconds: it tries "
            "the program and seldom finds anything)."
        ),
    ] = "standard",
    regressor: Annotated[
        Path | None,
        typer.Option(
            help="A checkpoint of the same target and fold 0, for the seed that it is of: how far do the two agree? "
            "With --cross-check: one of a model that is looked into."
        ),
    ] = None,
    cross_check: Annotated[
        bool, typer.Option("--cross-check", help="Also ask other explainers what full regressors look at, and compare.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes, each with an experiment or a synthetic set. Default: one a core, at most 4."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where records go.")] = RUNS,
    page: Annotated[Path | None, typer.Option(help="Write a page with figures, TASK.md, into this directory.")] = None,
    publish: Annotated[
        Path | None, typer.Option(help="Also pack the records into DIR/explanations, a table a task and kind of node types.")
    ] = None,
    published: Annotated[
        Path | None, typer.Option("--from", help="Instead of searching: write the pages of the records published in DIR.")
    ] = None,
    retest: Annotated[
        bool,
        typer.Option("--retest", help="With --from: first test the published graphs anew, with the crystals on this machine."),
    ] = False,
    floor: Annotated[float, typer.Option(help="Lowest probability that a reward counts, 0 (as published) to 0.5.")] = 0.0,
    ground_truth: Annotated[
        int | None, typer.Option(min=1, help="Instead of a task: plant motifs in synthetic sets and search them, with N seeds.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Search small graphs that a network takes for low or high (XGNN), and test what they have in common.

    A graph network is trained to tell targets above the median from the others by node types and neighbours alone, then
    policies learn to grow graphs that it is sure of. What was found is kept; run again to go on after a stop.
    """
    asked = node_types, seed, regressor, cross_check or None, model, per_class, min_probability, profile
    chosen = asked != (None, None, None, None, "cgcnn", 150, 0.8, "standard")
    if retest and not published:
        raise InputError("--retest has a meaning with --from only")
    if published:
        if page is None or chosen or floor or ground_truth or publish or as_json:
            raise InputError("--from takes --page, and --task and --retest, alone")
        if retest:
            _retest(task or [], published)
        _render(task or [], published, page)
        return
    if (ground_truth is None) == (not task):
        raise InputError("name what to explain with --task, or give --ground-truth N")
    require_unpublished(out)
    if ground_truth:
        if chosen:
            raise InputError("--ground-truth takes --floor, --workers, --out, --publish, --page and --json alone")
        _ground_truth(ground_truth, floor, out, page, publish, workers, as_json)
        return
    if not 0.5 < min_probability < 1:
        raise InputError(f"--min-probability {min_probability:g}: it must lie between 0.5 and 1")
    kinds = list(dict.fromkeys(node_types or ["group"]))
    plans = _plans(
        task or [], model, kinds, per_class, min_probability, seed or [0], profile, floor, regressor, cross_check, workers
    )
    _warn(per_class, profile)
    if page:
        _require_own_pages(plans, page)
    results, failed = _results(plans, out, as_json)
    tasks = list(dict.fromkeys(result.experiment.task for result in results))
    tables = _publish(tasks, out, publish) if publish else []
    pages = _pages(tasks, out, page, publish) if page else []
    if as_json:
        print(json_text([result.model_dump(mode="json") for result in results]))
    else:
        _print(results, out, with_tables=page is None)
        for path in tables:
            print(f"\npublished: {path}")
        for path in pages:
            print(f"\npage: {path}")
    if failed:
        more = f"; {len(failed) - 1} more without a result" if len(failed) > 1 else ""
        raise type(failed[0])(f"{failed[0]}{more}")


def _warn(per_class: int, profile: str) -> None:
    """Say before the search, which takes long, that nothing can come of it."""
    if profile == "smoke":
        tell("--profile smoke tries the program and seldom finds anything; quick, and enough for a test: --profile mini")
    elif per_class < TESTABLE:
        tell(f"--per-class {per_class} is too few: a test needs {TESTABLE} graphs of a class, so motifs may not be tested")


def _plans(
    tasks: Sequence[str], model: str, node_types: Sequence[str], per_class: int, min_probability: float, seeds: Sequence[int],
    profile: str, floor: float, regressor: Path | None, cross_check: bool, workers: int | None,
) -> list[Any]:  # fmt: skip
    from benchmark.explain.experiment import ExperimentPlan
    from benchmark.explain.node_types import node_type_kind
    from benchmark.explain.other_explainers.regressors import by_seed
    from benchmark.explain.settings import Budget, profile_of
    from benchmark.harness.machine import default_workers
    from benchmark.tasks.tasks import find_tasks

    found = list(dict.fromkeys(one for text in tasks for one in find_tasks(text)))
    kinds, settings = [node_type_kind(text) for text in node_types], profile_of(profile).with_floor(floor)
    given = by_seed(regressor, dict.fromkeys(seeds))
    asked = [(one, kind, seed, file) for one in found for kind in kinds for seed, file in given.items()]
    return [
        ExperimentPlan(
            one, model, kind, seed, min_probability, Budget(per_class), settings, file, cross_check,
            workers=min(workers or default_workers(), len(asked)),
        )
        for one, kind, seed, file in asked
    ]  # fmt: skip


def _results(plans: Sequence[Any], out: Path, as_json: bool) -> tuple[list[Any], list[BenchmarkError]]:
    """The results, and what went wrong with the other experiments."""
    from benchmark.explain.experiment import explain as carry_out
    from benchmark.explain.experiment import prepare, require_possible
    from benchmark.explain.store import ExplanationStore
    from benchmark.results.store import Store
    from datasets.parallel import side_by_side

    def carried_out(plan: Any) -> Any:
        try:
            return carry_out(plan, ExplanationStore(out), _news(plan, as_json))
        except BenchmarkError as error:
            which = f"{_name(plan)}: " if len(plans) > 1 else ""
            return (InputError if error.exit_code == InputError.exit_code else BenchmarkError)(f"{which}{error}")

    for plan in plans:  # all of them before the first search, which takes long
        require_possible(plan)
    Store(out).require_writable()
    with sole_writer(out, BUSY.format(out)):
        if len(plans) > 1:
            prepare(plans)
        found = side_by_side(carried_out, plans, plans[0].workers)
    failed = [one for one in found if isinstance(one, BenchmarkError)]
    return [one for one in found if not isinstance(one, BenchmarkError)], failed


def _name(plan: Any) -> str:
    return f"{plan.task.name} {plan.model} by {plan.node_types} seed {plan.seed}"


def _news(plan: Any, quiet: bool) -> Callable[[str], None]:
    from benchmark.rendering.text import seconds

    started = time.perf_counter()

    def show(line: str) -> None:
        if not quiet:
            tell(f"{_name(plan)}: {line}, {seconds(time.perf_counter() - started)} so far")

    return show


def _require_own_pages(plans: list[Any], root: Path) -> None:
    """Refuse before the search, which takes long."""
    from benchmark.explain.pages.markdown import require_own_page

    for name in {plan.task.name for plan in plans}:
        require_own_page(root, name)


def _publish(tasks: Sequence[str], out: Path, root: Path) -> list[Path]:
    from benchmark.explain.publish import publish
    from benchmark.explain.store import ExplanationStore

    return publish((one for task in tasks for one in ExplanationStore(out).experiments(task)), root)


def _pages(tasks: Sequence[str], out: Path, page: Path, publish: Path | None) -> list[Path]:
    from benchmark.explain.pages.commands import Directories
    from benchmark.explain.pages.write import write_task_pages

    return write_task_pages(tasks, Directories(page, out, publish))


def _retest(tasks: Sequence[str], root: Path) -> None:
    """Replace the tests of published experiments, task by task."""
    from benchmark.explain.publish import publish, published, published_tasks
    from benchmark.explain.retest import retest, typed_graphs
    from benchmark.harness.job import load_task
    from benchmark.tasks.tasks import find_tasks

    for name in tasks or published_tasks(root):
        (task,) = find_tasks(name)
        data, records = load_task(task), published(root, name)
        graphs = typed_graphs(data, {one.result.experiment.node_types for one in records})
        done = []
        for one in records:
            experiment = one.result.experiment
            done.append(retest(one, data, graphs[experiment.node_types]))
            seconds = done[-1].result.analysis_s
            tell(f"{name} by {experiment.node_types} seed {experiment.seed}: tested anew in {seconds:.0f} s")
        publish(done, root)


def _render(tasks: Sequence[str], root: Path, page: Path) -> None:
    """The pages of published records; without tasks, all of them, that of planted motifs too."""
    from benchmark.explain.pages.write import write_published_pages

    for path in write_published_pages(root, page, tasks):
        print(f"page: {path}")


def _print(results: list[Any], out: Path, with_tables: bool) -> None:
    """The tables, which a page has too, then what they say."""
    from benchmark.explain.pages.markdown import all_tables, summary
    from benchmark.explain.seed_groups import seed_groups
    from benchmark.explain.store import ExplanationStore

    asked = {(result.experiment.model, result.experiment.group) for result in results}
    found = [
        (name, group)
        for name in dict.fromkeys(result.experiment.task for result in results)
        for group in seed_groups(ExplanationStore(out).experiments(name))
        if (group.first.experiment.model, group.first.experiment.group) in asked
    ]
    for show in (all_tables, summary) if with_tables else (summary,):
        for name, group in found:
            print(f"\n{name}: {show(group)}")


def _ground_truth(
    seeds: int, floor: float, out: Path, page: Path | None, publish: Path | None, workers: int | None, as_json: bool
) -> None:
    from benchmark.explain.pages.commands import Directories
    from benchmark.explain.pages.planted import require_own_page, text, write_page
    from benchmark.explain.planted.trials import trials, with_floor
    from benchmark.explain.publish import publish_trials
    from benchmark.explain.store import ExplanationStore
    from benchmark.harness.machine import default_workers
    from benchmark.results.store import Store

    def news(one: Any) -> None:
        if not as_json:
            rank = "" if one.rank is None else f", planted motif at rank {one.rank}"
            line = f"{one.planted} seed {one.seed}: AUC {one.auc:.3f}, {one.found} explanations{rank}"
            tell(f"{line}, {one.significant} of {one.tests} tests significant, {one.seconds:.0f} s")

    if page:
        require_own_page(page)
    Store(out).require_writable()
    with sole_writer(out, BUSY.format(out)):
        found = trials(seeds, ExplanationStore(out), workers or default_workers(), news, with_floor(floor))
    table = publish and publish_trials(found, publish)
    written = page and write_page(found, Directories(page, out, publish))
    if as_json:
        print(json_text([one.model_dump(mode="json") for one in found]))
        return
    print(text(found))
    if table:
        print(f"\npublished: {table}")
    if written:
        print(f"\npage: {written}")
