"""The depth study in words: what to conclude."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from benchmark.rendering.commands import code
from benchmark.rendering.text import count, escape, in_unit, joined, percent
from benchmark.statistics.decisions import MARGIN
from benchmark.studies.curves import Curve
from benchmark.studies.depth.beside_published import deep_against, gain
from benchmark.studies.depth.causes import NOT_ESTABLISHED, NOT_TRIED, causes
from benchmark.studies.depth.conclusions import DepthVerdict, JudgedDepth
from benchmark.studies.depth.judged import JudgedCurve, change_of
from benchmark.studies.tables import FACTORS, budget, mae_cell, times, waited

KINDS = ("not worse", "undecided", "break", "not judged")
"""Of networks, in the order in which they are told."""

SHOWN = {"not worse": "not worse when deep"}
"""What is said of such networks in place of the word."""

NOT_JUDGED = " (no second depth to compare, or nothing learnt)"

LEVEL = percent(MARGIN, signed=True)

MEANING = (
    "Each change is that of the MAE against the best shallower depth, with its 95 % interval in brackets. The margin is "
    f"{percent(MARGIN)}. A network *breaks* at a depth if the whole interval lies above {LEVEL}. It is *not worse* if the "
    f"whole interval lies below {LEVEL}; this does not mean better. Otherwise it is *undecided*."
)
"""What the counts say."""


def conclusions(task: str, judged: Sequence[JudgedCurve], missing: Sequence[str] = (), explained: bool = True) -> Iterator[str]:
    """How many networks break, what that means (if `explained`), then a list: each network, the best one, the causes.

    `missing` are the commands that train networks at depths between their own.
    """
    own = [one.curve for one in judged if not one.curve.chosen]
    depths = sorted({point.layers for curve in own for point in curve.points})
    trained = budget([record for curve in own for point in curve.points for record in point.records])
    to_run = [f"To run the missing depths: {joined(list(map(code, missing)))}."] if missing else []
    lines = [*_outcomes(judged, depths), *to_run, *deep_against(judged), _best(judged), _reasons(judged)]
    meaning = f" {MEANING}" if explained and any(one.verdict.learns and one.verdict.depths for one in judged) else ""
    yield (
        f"Of {count(len(judged), 'network')} with {depths[0]} to {depths[-1]} layers on {escape(task)} "
        f"({own[0].first.key.profile}, {trained}), {_counts(judged)}.{meaning}\n\n" + "\n".join(f"- {line}" for line in lines)
    )


def _counts(judged: Sequence[JudgedCurve]) -> str:
    """How many networks are not worse, break and are undecided, each network once."""
    found = Counter(_kind(one.verdict) for one in judged)
    told = []
    for kind in KINDS:
        if n := found[kind]:
            be = f"break{'s' * (n == 1)}" if kind == "break" else f"{'is' if n == 1 else 'are'} {SHOWN.get(kind, kind)}"
            told.append(f"{n} {be}{NOT_JUDGED * (kind == KINDS[-1])}")
    return joined(told)


def _kind(verdict: DepthVerdict) -> str:
    if not verdict.learns or not verdict.depths:
        return "not judged"
    if verdict.breaks_at:
        return "break"
    return "not worse" if verdict.not_worse_at else "undecided" if _undecided(verdict) else "not judged"


def _outcomes(judged: Sequence[JudgedCurve], depths: Sequence[int]) -> Iterator[str]:
    """A line a network, in the order of the counts: its verdict, depths that were not run, its change at the deepest."""
    for one in sorted(judged, key=lambda one: KINDS.index(_kind(one.verdict))):
        missing = one.not_run(depths)
        gap = f" ({joined(list(map(str, missing)))} not run)" if missing else ""
        changed, deepest = change_of(one.verdict.deepest), one.verdict.deepest
        told = f"; MAE with {deepest.layers} layers: {changed}" if deepest and changed and one.verdict.learns else ""
        yield f"{one.named}: {escape(f'{one.verdict}{gap}{told}')}."


def _undecided(verdict: DepthVerdict) -> bool:
    return any(one.judged == "undecided" for one in verdict.depths)


def _best(judged: Sequence[JudgedCurve]) -> str:
    scored = [(point.mae, one, point) for one in judged for point in one.curve.points if point.layers == one.verdict.best]
    if not scored:
        return "No depth has a score in every fold."
    _, one, point = min(scored, key=lambda row: row[0])
    unit = escape(point.complete[0].key.unit)
    sentence = f"Lowest MAE: {in_unit(mae_cell(point), unit)}, {escape(one.label)} with {point.layers} layers"
    deepest = one.verdict.deepest
    if deepest is None:
        only = "that it was given" if len(one.curve.points) == 1 else "with a score in every fold"
        return f"{sentence}, the only depth {only}." if sum(p.scored for p in one.curve.points) == 1 else f"{sentence}."
    better = _deeper_is_better(one, point.layers)
    if deepest.layers == point.layers:
        return f"{sentence}, the deepest that it was given{better}."
    sentence += better
    if deepest.step is None:
        return f"{sentence}; with {deepest.layers} a fold {'diverges' if deepest.judged == 'diverges' else 'has no score'}."
    return f"{sentence}. With {deepest.layers} layers {_grown(one.curve, deepest)}{_time(one.curve)}."


def _deeper_is_better(one: JudgedCurve, layers: int) -> str:
    """Whether the best depth is shown to be better than the best shallower one; empty of the shallowest."""
    depth = one.verdict.of(layers)
    if depth is None or depth.step is None:
        return ""
    return f". Against {depth.step.before} layers it is {gain(depth.step)}: {change_of(depth)}"


def _grown(curve: Curve, depth: JudgedDepth) -> str:
    """How the MAE of a depth compares with the best shallower one, and that it is useless where it is."""
    step = depth.step
    if step is None:
        return "it was not compared"
    limits = step.interval
    if any(ratio >= FACTORS for ratio in (step.ratio, *(limits or ()))):
        span = f" (95 %: {times(limits[0])} to {times(limits[1])} times)" if limits else ""
        point = next(point for point in curve.points if point.layers == depth.layers)
        useless = ", worse than a prediction of the mean" if limits and limits[0] >= FACTORS and point.r2 < 0 else ""
        return f"its MAE is {times(step.ratio)} times as high as with {step.before}{span}{useless}"
    span = f" (95 %: {percent(limits[0] - 1, 1, signed=True)} to {percent(limits[1] - 1, 1, signed=True)})" if limits else ""
    return (
        f"its MAE is {percent(abs(step.ratio - 1), 1)} {'higher' if step.ratio >= 1 else 'lower'} than with {step.before}{span}"
    )


def _time(curve: Curve) -> str:
    """How much longer the deepest one trains, where nothing disturbed the times."""
    last, start = curve.points[-1], curve.points[0]
    folds = [*start.records, *last.records]
    quiet = not waited(folds) and len({record.machine for record in folds}) == 1
    if start.seconds and last.seconds and last is not start and quiet:
        return f"; its training takes {last.seconds / start.seconds:.1f} times as long as with {start.layers}"
    return ""


def _reasons(judged: Sequence[JudgedCurve]) -> str:
    broken = [one for one in judged if one.verdict.learns and one.verdict.breaks_at]
    if broken:
        return _causes_told(broken)
    if all(one.verdict.best is None for one in judged):
        return "So no depth is judged."
    if not any(one.verdict.learns for one in judged):
        return "As nothing was learnt with this budget, depth is not judged."
    compared = [
        [(d.step.interval[1], d.layers, one.label) for d in one.verdict.depths if d.step and d.step.interval] for one in judged
    ]
    ends = [found[-1] for found in compared if found]
    if not ends:
        return "With these folds no depth can be compared with another."
    highest, layers, label = max(ends)
    return (
        f"No network that learns is shown to break; at {layers} layers the error of {escape(label)} may still be up to "
        f"{percent(max(0.0, highest - 1), 1)} higher than at its best shallower depth."
    )


def _causes_told(broken: Sequence[JudgedCurve]) -> str:
    """The causes that runs with one thing changed show, where they show none, and where there is no such run."""
    named: dict[str, list[str]] = {}
    for one in broken:
        named.setdefault(causes(one.tried), []).append(one.code)
    tried = [cause for cause in sorted(named) if cause not in (NOT_ESTABLISHED, NOT_TRIED)]
    told = [f"{cause} in {joined(named[cause])}" for cause in (*tried, *(c for c in (NOT_ESTABLISHED,) if c in named))]
    if untried := named.get(NOT_TRIED):
        told.append(f"{NOT_TRIED} in the other {len(untried)}" if told else NOT_TRIED)
    return f"The cause of a break, as runs with one thing changed show it: {'; '.join(told)}."
