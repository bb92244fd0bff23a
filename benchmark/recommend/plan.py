"""What the command of an answer trains. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.leaderboard.rows import BASELINE
from benchmark.recommend.advice import Advice, of_run
from benchmark.recommend.forecast import Forecast
from benchmark.recommend.measured import PROFILE
from benchmark.recommend.question import Question
from benchmark.rendering.commands import command

SPARE = 1.25
"""Forecast times move by as much with what else a machine does."""


@dataclass(frozen=True)
class Plan:
    """The models to train in the time.

    Attributes:
        models: the chosen one, then the rivals whose folds fit beside it on the dearest crystals too.
        rest: rivals that may not fit.
        untimed: rivals without a time on record.
        seconds: of the run, on the cheapest and on the dearest crystals; None where a time is not known.
    """

    models: tuple[Forecast, ...]
    rest: tuple[Forecast, ...]
    untimed: tuple[Forecast, ...]
    seconds: tuple[float, float] | None


def planned(question: Question, advice: Advice, slower: float) -> Plan | None:
    """The best model, with as many others as fit beside it; None where none is chosen.

    It is the best that surely fits, if that may beat the chosen one; else the chosen one, though it may not fit, or its time
    is not known.
    """
    if not advice.chosen:
        return None

    def fit(models: Sequence[Forecast]) -> bool:
        taken = _seconds([one for one in models if one.times], question.workers, slower)
        return taken is not None and surely(taken[1], question)

    best = [advice.chosen, *advice.equals]
    sure = next((one for one in advice.learn if one.times and fit([one])), None)
    first = sure if sure in best and advice.chosen.times else advice.chosen
    models, rest = [first], list(advice.dearer)
    for rival in (one for one in best if one is not first):
        (models if rival.times and fit([*models, rival]) else rest).append(rival)
    timed, untimed = (tuple(one for one in rest if bool(one.times) is known) for known in (True, False))
    return Plan(tuple(models), timed, untimed, _seconds(models, question.workers, slower))


def surely(seconds: float, question: Question) -> bool:
    """Whether a forecast time is within the time with something to spare."""
    return SPARE * seconds <= question.seconds


def _seconds(models: Sequence[Forecast], workers: int, slower: float) -> tuple[float, float] | None:
    times = [one.times for one in models if one.times]
    if len(times) < len(models):
        return None
    low, high = (of_run([slower * each[end] for each in times], workers) for end in (0, 1))
    return low, high


def command_of(question: Question, plan: Plan) -> str:
    """The command that trains a plan beside the baseline, with repeats where models are compared, and keeps the models."""
    words = ["run", "--dataset", "path/to/folder", *(word for one in plan.models for word in ("--model", one.model))]
    words += ["--model", BASELINE, "--profile", PROFILE, *(["--until-decided"] if len(plan.models) > 1 else [])]
    words += ["--save-checkpoints", *(["--device", "cuda"] if question.device == "gpu" else [])]
    return command(*words, "--time-limit", f"{question.seconds / 60:g}")
