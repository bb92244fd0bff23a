"""`python -m benchmark explain …`: which small graphs a network takes for high or low, and what they have in common."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.cli.shared.directories import require_unpublished, sole_writer
from benchmark.cli.shared.options import JsonOption, TasksOption
from benchmark.cli.shared.stopping import kept_on_stop
from datasets.errors import BenchmarkError, InputError

BUSY = "another run is writing to {}; wait for it or choose another directory with --out"

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark explain --task cgcnn/band_gap --labels group --seed 0 --seed 1")
@kept_on_stop("what was found is")
def explain(
    task: TasksOption = None,
    model: Annotated[str, typer.Option(help="The graph network to explain.")] = "cgcnn",
    labels: Annotated[
        list[str] | None,
        typer.Option(help="What is known of an atom: group (18) or period (7); may be repeated. Default: group."),
    ] = None,
    per_class: Annotated[int, typer.Option(min=1, help="Explanations of each class.")] = 150,
    min_probability: Annotated[float, typer.Option(help="The classifier's, of an explanation; above 0.5.")] = 0.8,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, max=2**31 - 1, help="Of division, weights and search; may be repeated. Default: 0."),
    ] = None,
    profile: Annotated[str, typer.Option(help="The budget of the search: standard, or smoke (seconds).")] = "standard",
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
        typer.Option(min=1, help="Processes, each with a question or a synthetic set. Default: one a core, at most 4."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where records go.")] = Path("runs"),
    page: Annotated[Path | None, typer.Option(help="Write a page with figures, TASK.md, into this directory.")] = None,
    ground_truth: Annotated[
        int | None, typer.Option(min=1, help="Instead of a task: plant motifs in synthetic sets and search them, with N seeds.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a network by XGNN: graphs that it takes for low and high, and tests of what they have in common.

    A graph network is trained to tell targets above the median from the others by labels and neighbours alone, then policies
    learn to grow graphs that it is sure of. What was found is kept; run again to go on after a stop.
    """
    if (ground_truth is None) == (not task):
        raise InputError("name what to explain with --task, or give --ground-truth N")
    require_unpublished(out)
    if ground_truth:
        others = model, per_class, min_probability, profile
        if labels or seed or regressor or cross_check or others != ("cgcnn", 150, 0.8, "standard"):
            raise InputError("--ground-truth takes --workers, --out, --page and --json alone")
        _ground_truth(ground_truth, out, page, workers, as_json)
        return
    if not 0.5 < min_probability < 1:
        raise InputError(f"--min-probability {min_probability:g}: it must lie between 0.5 and 1")
    kinds = list(dict.fromkeys(labels or ["group"]))
    requests = _requests(
        task or [], model, kinds, per_class, min_probability, seed or [0], profile, regressor, cross_check, workers
    )
    if page:
        _require_own_pages(requests, page)
    answers, failed = _answers(requests, out, as_json)
    pages = _pages(answers, out, page, profile) if page else []
    if as_json:
        print(json.dumps([answer.model_dump(mode="json") for answer in answers], indent=1))
    else:
        _print(answers, out)
        for path in pages:
            print(f"\npage: {path}")
    if failed:
        more = f"; {len(failed) - 1} more without an answer" if len(failed) > 1 else ""
        raise type(failed[0])(f"{failed[0]}{more}")


def _requests(
    tasks: Sequence[str], model: str, labels: Sequence[str], per_class: int, min_probability: float, seeds: Sequence[int],
    profile: str, regressor: Path | None, cross_check: bool, workers: int | None,
) -> list[Any]:  # fmt: skip
    from benchmark.explain.node_types import label_kind
    from benchmark.explain.regressors import by_seed
    from benchmark.explain.rounds import Budget
    from benchmark.explain.run import CHECKS, Request, settings_of
    from benchmark.harness.machine import default_workers
    from benchmark.tasks.tasks import find_tasks

    found = list(dict.fromkeys(one for text in tasks for one in find_tasks(text)))
    kinds, settings = [label_kind(text) for text in labels], settings_of(profile)
    given = by_seed(regressor, dict.fromkeys(seeds))
    asked = [(one, kind, seed, file) for one in found for kind in kinds for seed, file in given.items()]
    return [
        Request(
            one, model, kind, seed, min_probability, Budget(per_class), **settings, regressor=file,
            check=CHECKS[profile] if cross_check else None, workers=min(workers or default_workers(), len(asked)),
        )
        for one, kind, seed, file in asked
    ]  # fmt: skip


def _answers(requests: Sequence[Any], out: Path, as_json: bool) -> tuple[list[Any], list[BenchmarkError]]:
    """The answers, and what went wrong with the other questions."""
    from benchmark.explain.run import explain as answer
    from benchmark.explain.run import prepare, require_answerable
    from benchmark.explain.store import ExplanationStore
    from benchmark.results.store import Store
    from datasets.parallel import side_by_side

    def answered(request: Any) -> Any:
        try:
            return answer(request, ExplanationStore(out), _news(request, as_json))
        except BenchmarkError as error:
            which = f"{_name(request)}: " if len(requests) > 1 else ""
            return (InputError if error.exit_code == InputError.exit_code else BenchmarkError)(f"{which}{error}")

    for request in requests:  # all of them before the first search, which takes long
        require_answerable(request)
    Store(out).require_writable()
    with sole_writer(out, BUSY.format(out)):
        if len(requests) > 1:
            prepare(requests)
        found = side_by_side(answered, requests, requests[0].workers)
    failed = [one for one in found if isinstance(one, BenchmarkError)]
    return [one for one in found if not isinstance(one, BenchmarkError)], failed


def _name(request: Any) -> str:
    return f"{request.task.name} {request.model} by {request.labels} seed {request.seed}"


def _news(request: Any, quiet: bool) -> Callable[[str], None]:
    def show(line: str) -> None:
        if not quiet:
            print(f"{_name(request)}: {line}", file=sys.stderr)

    return show


def _require_own_pages(requests: list[Any], root: Path) -> None:
    """Refuse before the search, which takes long."""
    from benchmark.explain.pages.markdown import require_own_page

    for name in {request.task.name for request in requests}:
        require_own_page(root, name)


def _pages(answers: list[Any], out: Path, root: Path, profile: str) -> list[Path]:
    from benchmark.explain.pages.markdown import write_page
    from benchmark.explain.store import ExplanationStore

    pages = []
    for name, group in _by_task(answers).items():
        question, checked = group[0].question, [answer for answer in group if answer.cross_checks]
        base = (
            f"python -m benchmark explain --task {name} --model {question.model} --per-class {group[0].per_class} "
            f"--min-probability {question.min_probability:g} --profile {profile}{_unless_default(out)}"
        )
        command = f"{base} {_asked(group)} {'--cross-check ' * (checked == group)}--page {_shown(root)}"
        if checked and checked != group:
            command = f"{base} {_asked(checked)} --cross-check; {command}"
        pages.append(write_page(ExplanationStore(out), name, root, command)[0])
    return pages


def _asked(answers: Sequence[Any]) -> str:
    """Labels and seeds."""
    labels = dict.fromkeys(f"--labels {answer.question.labels}" for answer in answers)
    return " ".join([*labels, *dict.fromkeys(f"--seed {answer.question.seed}" for answer in answers)])


def _unless_default(out: Path) -> str:
    return "" if out == Path("runs") else f" --out {_shown(out)}"


def _by_task(answers: list[Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for answer in answers:
        groups.setdefault(answer.question.task, []).append(answer)
    return groups


def _print(answers: list[Any], out: Path) -> None:
    from benchmark.explain.experiments import contests
    from benchmark.explain.pages.markdown import summary
    from benchmark.explain.store import ExplanationStore

    asked = {(answer.question.model, answer.question.contest) for answer in answers}
    for name in _by_task(answers):
        for contest in contests(ExplanationStore(out), name):
            question = contest.first.question
            if (question.model, question.contest) in asked:
                print(f"\n{name}: {summary(contest)}")


def _ground_truth(seeds: int, out: Path, page: Path | None, workers: int | None, as_json: bool) -> None:
    from benchmark.explain.ground_truth import trials
    from benchmark.explain.pages.ground_truth import require_own_page, text, write_page
    from benchmark.explain.store import ExplanationStore
    from benchmark.harness.machine import default_workers
    from benchmark.results.store import Store

    def news(one: Any) -> None:
        if not as_json:
            rank = "" if one.rank is None else f", planted motif at rank {one.rank}"
            line = f"{one.planted} seed {one.seed}: AUC {one.auc:.3f}, {one.found} explanations{rank}"
            print(f"{line}, {one.significant} of {one.tests} tests significant, {one.seconds:.0f} s", file=sys.stderr)

    if page:
        require_own_page(page)
    Store(out).require_writable()
    with sole_writer(out, BUSY.format(out)):
        found = trials(seeds, ExplanationStore(out), workers or default_workers(), news)
    written = page and write_page(
        found, page, f"python -m benchmark explain --ground-truth {seeds}{_unless_default(out)} --page {_shown(page)}"
    )
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=1))
        return
    print(text(found))
    if written:
        print(f"\npage: {written}")


def _shown(root: Path) -> str:
    """A directory as a command that anyone may run again names it."""
    return (Path("path/to") / root.name if root.is_absolute() else root).as_posix()
