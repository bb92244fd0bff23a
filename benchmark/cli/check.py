"""`python -m benchmark check`: did a model, the folds or the speed get worse?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.cli.shared.directories import require_checkout
from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text, tell
from benchmark.results.directories import BASELINE, PUBLISHED
from datasets.errors import BenchmarkError, InputError

if TYPE_CHECKING:
    from benchmark.cli.shared.short_trainings import ShortTrainings
    from benchmark.regression.baseline import Baseline
    from benchmark.regression.check import CheckReport
    from benchmark.regression.seeds import CheckCost
    from benchmark.speed.comparison import Threshold

commands = typer.Typer()

SLOWER = 5
"""Noise that asks for more seeds than in the baseline makes the trainings up to so many times as long."""


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
    else:
        _check(model or [], quick, against, fail_if, as_json)


def _check(models: list[str], quick: bool, commit: str | None, fail_if: str | None, as_json: bool) -> None:
    from benchmark.cli.shared.short_trainings import short_trainings
    from benchmark.harness.machine import uncommitted
    from benchmark.regression.baseline import read_baseline
    from benchmark.regression.check import COSTS, check
    from benchmark.regression.page import report_page
    from benchmark.regression.seeds import check_cost
    from benchmark.regression.sources import stale_records
    from benchmark.results.store import Store
    from benchmark.speed.comparison import parse_thresholds

    require_checkout()
    thresholds = parse_thresholds(fail_if, COSTS) if fail_if is not None else ()
    baseline = read_baseline(BASELINE)
    cost = check_cost(baseline, models, quick)
    if commit is None:
        for line in () if as_json else _cost_lines(cost, quick):
            tell(line)
        stale = stale_records(Store(PUBLISHED), models)
        with short_trainings(as_json) as shown:
            report = check(baseline, models, quick, thresholds, shown.trainer())
    else:
        stale = []
        baseline, report = _against(commit, models, thresholds, baseline, cost, as_json)
    _print(report, list(map(str, stale)), as_json, report_page(report, baseline, stale, uncommitted(), commit))


def _against(
    commit: str, models: list[str], thresholds: Sequence[Threshold], today: Baseline, cost: CheckCost, as_json: bool
) -> tuple[Baseline, CheckReport]:
    """What the code of a commit gives here, and the check of today's code against it."""
    from benchmark.cli.shared.short_trainings import short_trainings
    from benchmark.regression.before import code_of, trained_before
    from benchmark.regression.check import check, failing_at_once, own_settings
    from benchmark.regression.seeds import FIRST_SEEDS, trainings_ahead
    from benchmark.regression.train_before import once

    with code_of(commit) as code:
        for line in () if as_json else _cost_against(cost, commit, models):
            tell(line)
        with (
            short_trainings(as_json, codes=2) as shown,
            trained_before(code, models, shown.begins(f"the code of {commit}")) as before,
        ):
            train = once(shown.trainer("your code"))
            report = failing_at_once(today, models, train)
            if report.failures:
                return today, report
            # The same numbers with a few seeds are the same code; only other numbers need the seeds that their noise asks for.
            baseline = before(FIRST_SEEDS)
            if any(own_settings(baseline, name) != own_settings(today, name) for name in models):
                train = once(shown.trainer("your code"))
            report = check(baseline, models, False, thresholds, train)
            if report.differing:
                shown.expected, is_known = trainings_ahead(today, models)
                if not as_json:
                    tell(_more_against(report.differing, commit, shown, is_known, len(models)))
                baseline = before(None)
                shown.expected = 0
                report = check(baseline, models, False, thresholds, train)
    return baseline, report


def _more_against(differing: list[str], commit: str, shown: ShortTrainings, is_known: bool, n_models: int) -> str:
    """Whose numbers differ, and how long the trainings take that their noise asks for."""
    from benchmark.cli.shared.terminal import about
    from benchmark.regression.loss_test import FEWEST_SEEDS
    from benchmark.rendering.text import listed

    # Workers start once for each code, and again where the noise asks the code of the commit for more than the fewest seeds.
    seconds = shown.seconds(shown.expected, 2 + (shown.expected > FEWEST_SEEDS * n_models))
    time = f": {'about' if is_known else 'at least'} {about(seconds)} more" if seconds else ""
    more = f"Both codes train as many seeds as the noise asks for{time}"
    return f"other numbers than the code of {commit}: {listed(differing)}. {more}"


def _print(report: CheckReport, stale: list[str], as_json: bool, page: str) -> None:
    """The report; BenchmarkError where something became worse."""
    if as_json:
        rows = [{**asdict(row), "fails": row.fails} for row in report.rows]
        print(json_text({"rows": rows, "notes": report.notes, "stale": stale}))
    else:
        print(page)
    if report.failures:
        from benchmark.regression.page import sole_failure
        from benchmark.rendering.text import percent

        if alone := sole_failure(report):
            raise BenchmarkError(alone)
        first = report.failures[0]
        moved = "" if first.change is None else f" {percent(first.change, 1, signed=True)}"
        raise BenchmarkError(
            f"{len(report.failures)} of {len(report.shown)} comparisons failed, the first: {first.subject}, {first.what}"
            f"{moved}: {first.verdict}{f' ({first.note})' if first.note else ''}"
        )


def _cost_lines(cost: CheckCost, quick: bool) -> Iterator[str]:
    """Which models a check trains, how long that takes, and on which machine it took so long."""
    from benchmark.cli.shared.terminal import about
    from benchmark.regression.seeds import FIRST_SEEDS
    from benchmark.rendering.commands import command
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
        same = f"about {about(cost.first_s)} if the numbers are the baseline's, else " if not cost.elsewhere else ""
        most = f"about {about(cost.most_s)} with up to {cost.most_seeds} seeds{whose}"
        why = "the code differs from the baseline's, at HEAD already or by your changes"
        yield f"training {models}: {same}{most} ({why})"
    yield _times_of(cost)
    if cost.elsewhere:
        model = cost.models[0] if len(cost.models) == 1 else "NAME"
        yield (
            "this machine has another processor than the baseline, so other numbers are no sign of a change: "
            f"`{command('check', '--model', model, '--against', 'HEAD')}` trains both codes here"
        )


def _cost_against(cost: CheckCost, commit: str, models: list[str]) -> Iterator[str]:
    """How long both codes train, and on which machine it took so long."""
    from benchmark.cli.shared.terminal import about
    from benchmark.regression.seeds import FIRST_SEEDS
    from benchmark.rendering.text import listed

    codes = f"training the code of {commit} and yours"
    if unknown := [name for name in models if name not in cost.models]:
        same = f"{FIRST_SEEDS} seeds each if the numbers are the same"
        yield f"{codes}: {same}; else minutes (the baseline has no times of {listed(unknown)})"
        return
    same, most = f"about {about(2 * cost.first_s)} if the numbers are the same", 2 * cost.most_s
    yield f"{codes}: {same}; else {about(most)} to {about(SLOWER * most)}, as the noise of the model asks"
    yield _times_of(cost)


def _times_of(cost: CheckCost) -> str:
    from benchmark.cli.shared.terminal import BUSY
    from benchmark.rendering.text import count, listed

    measured = f"with {count(cost.workers, 'worker')} on a machine of the baseline ({listed(cost.processors)})"
    if cost.slower < BUSY:
        return f"these times were measured {measured}, without other programs; a slower machine takes longer"
    return (
        f"these times count that other programs run here now ({cost.slower:.1f} times as long); they were measured {measured}"
    )


def _update_baseline(reason: str, models: list[str], settings: list[str] | None, seeds: int | None, as_json: bool) -> None:
    from benchmark.cli.shared.short_trainings import short_trainings
    from benchmark.harness.plan import parse_settings
    from benchmark.regression.baseline import read_baseline, write_baseline
    from benchmark.regression.loss_test import MOST_SEEDS
    from benchmark.regression.page import baseline_rows, baseline_table
    from benchmark.regression.update import update_baseline

    before = read_baseline(BASELINE) if BASELINE.exists() else None
    with short_trainings(as_json) as shown:
        changes = parse_settings(settings) if settings else None
        baseline = update_baseline(reason, models, changes, before, shown.trainer(), seeds or MOST_SEEDS)
    write_baseline(BASELINE, baseline)
    if as_json:
        print(json_text(baseline_rows(baseline)))
    else:
        print(f"{baseline_table(baseline)}\n\nbaseline: {BASELINE}")


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
