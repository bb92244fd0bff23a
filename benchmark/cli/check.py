"""`python -m benchmark check`: did a model, the folds or the speed get worse?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.shared.directories import require_checkout
from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text, tell
from benchmark.results.directories import BASELINE, PUBLISHED
from datasets.errors import BenchmarkError, InputError

if TYPE_CHECKING:
    from benchmark.regression.check import CheckReport
    from benchmark.regression.seeds import CheckCost

commands = typer.Typer()


@commands.command(epilog='Example: python -m benchmark check --model cgcnn --fail-if "time:15%,memory:10%"')
def check(
    model: Annotated[list[str] | None, typer.Option(help="Only this model; may be repeated. Default: all.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Train fewer seeds of a changed model: it finds only larger losses.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT",
            help="With --model: compare with the code of this commit, trained on this machine too, instead of with the "
            "baseline. HEAD: what do my uncommitted changes do?",
        ),
    ] = None,
    update: Annotated[
        str | None,
        typer.Option("--update-baseline", metavar="REASON", help="Record current results as the baseline, for this reason."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="name=value, with --update-baseline and one --model: a setting other than the profile's."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=2, help="With --update-baseline: at most so many trainings a model; few find larger losses only."),
    ] = None,
    fail_if: Annotated[
        str | None,
        typer.Option(
            "--fail-if",
            help="By how much time or memory may grow, as time:15%,memory:10%. With --benchmarks: median, min, mean or "
            "peak_bytes; default median:10%.",
        ),
    ] = None,
    benchmarks: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="OLD.json NEW.json", help="Instead: compare two files that `tox -e benchmarks` wrote."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train every model briefly and compare data, folds, parameters and errors with the baseline; exit 1 where worse."""
    given = {"--model": model, "--quick": quick, "--update-baseline": update is not None}
    asked = [name for name, value in given.items() if value]
    if against is not None and (quick or update is not None or benchmarks is not None or not model):
        raise InputError(
            "--against trains the code of a commit and yours: it needs --model, and takes --fail-if and --json alone"
        )
    if benchmarks is not None and asked:
        raise InputError(f"--benchmarks compares two files and trains nothing: leave out {' and '.join(asked)}")
    if update is not None and (quick or fail_if is not None):
        raise InputError("--update-baseline makes a baseline and compares nothing: leave out --quick and --fail-if")
    if setting and (update is None or len(model or []) != 1):
        raise InputError("--set changes what the baseline trains: it needs --update-baseline and a single --model")
    if seeds and update is None:
        raise InputError("--seeds bounds what a baseline trains: it needs --update-baseline")
    if benchmarks is not None:
        _compare_benchmarks(benchmarks, "median:10%" if fail_if is None else fail_if, as_json)
    elif update is not None:
        _update_baseline(update, model or [], setting, seeds, as_json)
    elif against is not None:
        _check_against(against, model or [], fail_if, as_json)
    else:
        _check(model or [], quick, fail_if, as_json)


def _check(models: list[str], quick: bool, fail_if: str | None, as_json: bool) -> None:
    from benchmark.harness.machine import uncommitted
    from benchmark.regression.baseline import read_baseline
    from benchmark.regression.check import COSTS, check, stale_records
    from benchmark.regression.page import report_page
    from benchmark.regression.seeds import check_cost
    from benchmark.results.store import Store
    from benchmark.speed.comparison import parse_thresholds

    require_checkout()
    thresholds = parse_thresholds(fail_if, COSTS) if fail_if is not None else ()
    baseline = read_baseline(BASELINE)
    cost = check_cost(baseline, models, quick)
    if not as_json:
        for line in _cost_lines(cost, quick):
            tell(line)
    stale = stale_records(Store(PUBLISHED), models)
    with _trainer(as_json) as train:
        report = check(baseline, models, quick, thresholds, train)
    _print(report, list(map(str, stale)), as_json, report_page(report, baseline, stale, uncommitted()))


def _check_against(commit: str, models: list[str], fail_if: str | None, as_json: bool) -> None:
    from benchmark.harness.machine import uncommitted
    from benchmark.regression.before import code_of, trained_before
    from benchmark.regression.check import COSTS, check
    from benchmark.regression.page import report_page
    from benchmark.regression.seeds import FIRST_SEEDS
    from benchmark.speed.comparison import parse_thresholds

    require_checkout()
    thresholds = parse_thresholds(fail_if, COSTS) if fail_if is not None else ()
    with code_of(commit) as code, _trainer(as_json) as train:
        # The same numbers with a few seeds are the same code; only other numbers need as many seeds as their noise asks for.
        for seeds in (FIRST_SEEDS, None):
            if not as_json:
                many = f"{seeds} seeds each" if seeds else "as many seeds as the noise asks for"
                tell(f"training the code of {commit}, then yours, with {many}")
            baseline = trained_before(code, models, seeds, as_json)
            report = check(baseline, models, False, thresholds, train)
            if report.is_same:
                break
    _print(report, [], as_json, report_page(report, baseline, [], uncommitted(), commit))


def _print(report: CheckReport, stale: list[str], as_json: bool, page: str) -> None:
    """The report; BenchmarkError where something became worse."""
    if as_json:
        rows = [{**asdict(row), "fails": row.fails} for row in report.rows]
        print(json_text({"rows": rows, "notes": report.notes, "stale": stale}))
    else:
        print(page)
    if report.failures:
        from benchmark.rendering.text import percent

        first = report.failures[0]
        moved = "" if first.change is None else f" {percent(first.change, 1, signed=True)}"
        raise BenchmarkError(
            f"{len(report.failures)} of {len(report.shown)} comparisons failed, the first: {first.subject}, {first.what}"
            f"{moved}: {first.verdict}{f' ({first.note})' if first.note else ''}"
        )


def _cost_lines(cost: CheckCost, quick: bool) -> Iterator[str]:
    """Which models a check trains, how long that takes, and on which machine it took so long."""
    from benchmark.cli.shared.progress import about
    from benchmark.regression.seeds import FIRST_SEEDS
    from benchmark.rendering.text import count, listed

    if not cost.models:
        yield "no model of the baseline is named: nothing is trained"
        return
    models = f"{count(len(cost.models), 'model')} ({listed(cost.models)})"
    if not quick:
        yield f"training {models} with every seed of the baseline: about {about(cost.most_s)}"
    elif not cost.changed:
        yield f"training {models} with {FIRST_SEEDS} seeds each: about {about(cost.first_s)}"
    else:
        whose = "" if cost.changed == cost.models else f" of {listed(cost.changed)}"
        same = f"about {about(cost.first_s)} if the numbers are the baseline's, else " if cost.same_processor else ""
        most = f"about {about(cost.most_s)} with up to {cost.most_seeds} seeds{whose}"
        why = "code changed since the baseline"
        yield f"training {models}: {same}{most} ({why})"
    yield (
        f"these are times of training with {count(cost.workers, 'worker')} on a machine of the baseline "
        f"({listed(cost.processors)}); the start comes on top, and a slower or busy machine takes longer"
    )


def _update_baseline(reason: str, models: list[str], settings: list[str] | None, seeds: int | None, as_json: bool) -> None:
    from benchmark.harness.plan import parse_settings
    from benchmark.regression.baseline import read_baseline, write_baseline
    from benchmark.regression.loss_test import MOST_SEEDS
    from benchmark.regression.page import baseline_rows, baseline_table
    from benchmark.regression.update import update_baseline

    before = read_baseline(BASELINE) if BASELINE.exists() else None
    with _trainer(as_json) as train:
        changes = parse_settings(settings) if settings else None
        baseline = update_baseline(reason, models, changes, before, train, seeds or MOST_SEEDS)
    write_baseline(BASELINE, baseline)
    if as_json:
        print(json_text(baseline_rows(baseline)))
    else:
        print(f"{baseline_table(baseline)}\n\nbaseline: {BASELINE}")


@dataclass
class _LineAMinute:
    """Where there is no terminal: says once a minute how many short trainings are done."""

    of: int
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    minute: int = 0
    """Of the last line."""

    def one_more(self) -> None:
        """A training is done."""
        from benchmark.cli.shared.progress import about

        self.done += 1
        elapsed = time.monotonic() - self.started
        minute = int(elapsed / 60)
        if minute > self.minute:
            self.minute = minute
            left = f", {about(elapsed * (self.of - self.done) / self.done)} left" if 2 < self.done < self.of else ""
            tell(f"short trainings: {self.done} of {self.of} after {minute} min{left}")


@contextmanager
def _trainer(quiet: bool) -> Iterator[Any]:
    """What carries out short trainings, with a bar on a terminal and a line a minute elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from benchmark.cli.shared.consoles import console
    from benchmark.regression.trainings import run_trainings

    shown = console(quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:

        def train(jobs: Any) -> Any:
            bar, lines = progress.add_task("short trainings", total=len(jobs)), _LineAMinute(len(jobs))

            def done() -> None:
                progress.advance(bar)
                if not (quiet or shown.is_terminal):
                    lines.one_more()

            return run_trainings(jobs, done)

        yield train


def _compare_benchmarks(files: tuple[Path, Path], fail_if: str, as_json: bool) -> None:
    from benchmark.rendering.text import percent
    from benchmark.speed.comparison import compare, parse_thresholds
    from benchmark.speed.page import comparison_table
    from benchmark.speed.session import read_session

    thresholds = parse_thresholds(fail_if)
    old, new = map(read_session, files)
    comparison = compare(old, new, thresholds)
    if as_json:
        changes = [{**asdict(change), "change": change.change} for change in comparison.changes]
        print(json_text({**asdict(comparison), "changes": changes}))
    else:
        print(comparison_table(comparison))
    crossed = [change for change in comparison.changes if change.crossed]
    if crossed:
        first = crossed[0]
        raise BenchmarkError(
            f"{len(crossed)} of {len(comparison.changes)} grew too much, the first: {first.benchmark}, "
            f"{first.statistic} {percent(first.change, 1, signed=True)}"
        )
