"""`python -m benchmark recommend …`: which model to train, what it will cost here, and what the records do not say."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.shared.directories import require_checkout
from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text
from datasets.errors import InputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmark.recommend.advice import Advice
    from benchmark.recommend.measured import Trained
    from benchmark.results.records import DeviceClass

commands = typer.Typer()

DEVICES = ("auto", "cpu", "cuda")
FEWEST = 10
"""Labelled crystals."""


@commands.command(
    context_settings={"allow_extra_args": True},
    epilog="Example: python -m benchmark recommend --crystals 5000 --time 1h --like cgcnn/log10_k_vrh",
)
def recommend(
    context: typer.Context,
    crystals: Annotated[
        str, typer.Option(help="How many labelled crystals you have, all together; a fold trains on 72 % of them.")
    ],
    time: Annotated[str, typer.Option(help="How long you have for the 5 folds of a model: 30min, 1h, 2days.")],
    like: Annotated[
        str | None,
        typer.Option(help="A task like yours, or a data set with one task. Default: errors relative to the best."),
    ] = None,
    device: Annotated[
        str, typer.Option(help="auto, cpu or cuda; without a GPU here, cuda gives the times of the records.")
    ] = "cpu",
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", help="A directory of records; may be repeated. Default: the published boards and learning curves."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which model to train: expected error, its interval, cost on this machine, and what is not known.

    Errors are forecast from `standard` records on real crystals. Three short trainings compare this machine with theirs.
    """
    from benchmark.harness.machine import default_workers
    from benchmark.recommend.advice import advise, left_out
    from benchmark.recommend.calibration import calibrate
    from benchmark.recommend.division import divided
    from benchmark.recommend.measured import RECORDS, records_of, trained
    from benchmark.recommend.question import Question
    from benchmark.recommend.ranking import rivals_over_sets
    from benchmark.recommend.reach import forecasts_for
    from benchmark.recommend.text import answer
    from models.registry import registered

    if context.args:
        raise InputError(f"'{' '.join(context.args)}' belongs to no option; write a time without a space, such as --time 1h")
    n, limit = _whole(crystals), _seconds(time)
    for place in source or []:
        if not place.is_dir():
            raise InputError(f"--from {place}: there is no such directory")
    if not source:
        require_checkout(", or name directories of records with --from")
    kind, here = _devices(device)
    records = records_of(source or RECORDS)
    tasks = trained(records, kind)
    if not tasks:
        raise InputError("there is no `standard` record on real crystals")
    like = _only_task(like, tuple(tasks)) if like and like not in tasks else like
    forecasts = forecasts_for(tasks, like, n)
    calibration = calibrate(records, here) if here else None
    workers = default_workers() if kind == "cpu" else 1
    advice = advise(forecasts, limit, workers, calibration.slower if calibration else 1.0)
    others = tuple(sorted(set(registered()) - {one.model for one in forecasts}))
    if as_json:
        asked = {"crystals": n, "trained_on": divided(n).train}
        known = {"calibration": calibration and asdict(calibration), "not_ranked": others, "tasks": _on_record(tasks)}
        print(json_text(asked | _for_scripts(advice) | known | {"tried": list(map(asdict, left_out(tasks)))}))
    else:
        question = Question(n, limit, kind, workers, like, tasks, others, rivals_over_sets(tasks, like, n))
        print(answer(question, advice, calibration, left_out(tasks)))


def _devices(name: str) -> tuple[DeviceClass, str | None]:
    """On which kind of device to train, and that device of this machine; None for a GPU that is not here."""
    from benchmark.harness.machine import choose_device

    if name not in DEVICES:
        raise InputError(f"--device {name}: write {', '.join(DEVICES[:-1])} or {DEVICES[-1]}, which stands for a GPU")
    best = choose_device("auto")
    if name == "cuda":
        return "gpu", best if best == "cuda" else None
    device = choose_device(name)
    return "cpu" if device == "cpu" else "gpu", device


def _for_scripts(advice: Advice) -> dict[str, Any]:
    return {
        name: [asdict(one) | dict(zip(("low", "high"), one.limits or (None, None), strict=True)) for one in forecasts]
        for name, forecasts in (
            ("affordable", advice.affordable),
            ("too_dear", advice.too_dear),
            ("time_not_known", advice.untimed),
        )
    }


def _on_record(tasks: Mapping[str, Sequence[Trained]]) -> dict[str, Any]:
    """What the forecasts come from: by task the crystals, their atoms, and the times and machines of each model."""
    from benchmark.recommend.forecast import most_on_record
    from benchmark.recommend.measured import atoms_of

    return {
        task: {
            "most_training_crystals": most_on_record(models),
            "atoms_per_crystal": atoms_of(models),
            "seconds": {one.model: one.seconds_at(most_on_record(models)) for one in models},
            "times_of": {one.model: {"task": one.timed.task, "machines": one.timed.machines} for one in models if one.timed},
        }
        for task, models in tasks.items()
    }


def _only_task(like: str, tasks: tuple[str, ...]) -> str:
    of_set = [task for task in tasks if task.rpartition("/")[0] == like]
    if len(of_set) == 1:
        return of_set[0]
    if of_set:
        raise InputError(f"--like {like}: name one of its tasks: {', '.join(of_set)}")
    raise unknown_name(
        "task with records", like, tasks, f"there are {', '.join(tasks)}; without --like models are only compared"
    )


def _whole(text: str) -> int:
    digits = text.replace(",", "")
    if not re.fullmatch(r"[0-9]+|[0-9]{1,3}(,[0-9]{3})+", text):
        raise InputError(f"--crystals {text}: write a whole number, such as 5000")
    if int(digits) < FEWEST:
        raise InputError(f"--crystals {text}: at least {FEWEST} are needed")
    return int(digits)


def _seconds(text: str) -> float:
    import pandas as pd

    try:
        seconds = pd.Timedelta(text.lower()).total_seconds()
    except ValueError:
        raise InputError(f"--time {text}: write a time with its unit, such as 30min, 1h or 2days") from None
    if text.strip().replace(".", "", 1).isdigit():
        raise InputError(f"--time {text}: add the unit: {text}min, {text}h or {text}days")
    if seconds > 0:
        return seconds
    raise InputError(f"--time {text}: write a time above zero, such as 30min, 1h or 2days")
