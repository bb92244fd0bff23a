"""`python -m benchmark recommend …`: which model to train, what it will cost here, and what the records do not say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.shared.directories import require_checkout
from benchmark.cli.shared.options import DeviceOption, JsonOption
from datasets.errors import InputError

if TYPE_CHECKING:
    from benchmark.recommend.advice import Advice

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark recommend --crystals 5000 --time 1h --like cgcnn/log10_k_vrh")
def recommend(
    crystals: Annotated[int, typer.Option(min=10, help="How many crystals you train on.")],
    time: Annotated[str, typer.Option(help="How long you have, on one core or on the GPU: 30min, 1h, 2 days.")],
    like: Annotated[
        str | None,
        typer.Option(help="A task like yours, or a data set with one task. Default: errors relative to the best."),
    ] = None,
    device: DeviceOption = "cpu",
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", help="A directory of records; may be repeated. Default: the published boards and learning curves."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which model to train: expected error, its interval, cost on this machine, and what is not known.

    Errors are forecast from `standard` records on real crystals. A few seconds of training compare this machine with theirs.
    """
    from benchmark.harness.machine import choose_device
    from benchmark.recommend.advice import advise, left_out
    from benchmark.recommend.calibration import calibrate
    from benchmark.recommend.forecast import FARTHEST, on_task, over_tasks, within_reach
    from benchmark.recommend.measured import RECORDS, records_of, trained
    from benchmark.recommend.text import Question, answer
    from benchmark.results.records import DeviceClass
    from models.registry import registered

    limit = _seconds(time)
    if not source:
        require_checkout(", or name directories of records with --from")
    device = choose_device(device)
    kind: DeviceClass = "cpu" if device == "cpu" else "gpu"
    records = records_of(source or RECORDS)
    tasks = trained(records, kind)
    if not tasks:
        raise InputError(f"no `standard` record on real crystals was made on a {kind.upper()}")
    if like and like not in tasks:
        like = _only_task(like, tuple(tasks), kind.upper())
    forecasts = on_task(tasks, like, crystals) if like else over_tasks(tasks, crystals)
    if not forecasts:
        raise InputError(
            f"no model can be forecast at {crystals:,} crystals: "
            + (
                f"{like} ran with other numbers of crystals alone"
                if like
                else "no two models ran on every set; name a task with --like"
            )
        )
    most = max(crystals / one.beyond for one in forecasts)
    forecasts = within_reach(forecasts)
    if not forecasts:
        raise InputError(f"--crystals {crystals:,}: records have at most {most:,.0f}; ask for at most {FARTHEST * most:,.0f}")
    calibration = calibrate(records, device)
    advice = advise(forecasts, limit, calibration.slower if calibration else 1.0)
    others = tuple(sorted(set(registered()) - {one.model for one in forecasts}))
    ran = {task: len(models) for task, models in tasks.items()}
    question = Question(crystals, limit, like, tasks[like][0].unit if like else None, ran, others)
    if as_json:
        print(json.dumps(_for_scripts(advice) | {"calibration": calibration and asdict(calibration)}, indent=1))
    else:
        print(answer(question, advice, calibration, None if like else left_out(tasks)))


def _for_scripts(advice: Advice) -> dict[str, Any]:
    return {
        name: [asdict(one) | dict(zip(("low", "high"), one.limits or (None, None), strict=True)) for one in forecasts]
        for name, forecasts in (("affordable", advice.affordable), ("too_dear", advice.too_dear))
    }


def _only_task(like: str, tasks: tuple[str, ...], device: str) -> str:
    of_set = [task for task in tasks if task.rpartition("/")[0] == like]
    if len(of_set) == 1:
        return of_set[0]
    if of_set:
        raise InputError(f"--like {like}: name one of its tasks: {', '.join(of_set)}")
    raise InputError(f"--like {like}: no `standard` records of it were made on a {device}; there are {', '.join(tasks)}")


def _seconds(text: str) -> float:
    import pandas as pd

    try:
        seconds = pd.Timedelta(text).total_seconds()
    except ValueError:
        raise InputError(f"--time {text}: write a time with its unit, such as 30min, 1h or 2 days") from None
    if not text.strip().isdigit() and seconds > 0:
        return seconds
    raise InputError(f"--time {text}: write a time above zero with its unit, such as 30min, 1h or 2 days")
