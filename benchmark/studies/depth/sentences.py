"""The depth study in words: what to conclude, and what was published beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmark.rendering.text import count, escape, in_unit, joined, percent
from benchmark.statistics.decisions import MARGIN
from benchmark.studies.curves import Curve
from benchmark.studies.depth.causes import NOT_ESTABLISHED, Tried, causes
from benchmark.studies.depth.conclusions import DepthVerdict, JudgedDepth
from benchmark.studies.omee_et_al import BULK, BY_DEPTH, SOURCE, PublishedDepths
from benchmark.studies.tables import FACTORS, budget, mae_cell, relative, times, waited

TRIED, NOT_TRIED = "no clear result", "not tried"
"""Where no run with one thing changed shows the cause of a break."""


@dataclass(frozen=True)
class JudgedCurve:
    """A curve with its verdict, and the interventions where it breaks."""

    curve: Curve
    verdict: DepthVerdict
    tried: tuple[Tried, ...] = ()

    @property
    def label(self) -> str:
        """The curve's."""
        return self.curve.label

    @property
    def run_at(self) -> list[int]:
        """The depths that were run."""
        return [point.layers for point in self.curve.points]

    @property
    def breaks_between(self) -> str:
        """The deepest depth that holds, or else the shallowest, and the first that breaks; empty where none breaks."""
        end = self.verdict.breaks_at
        if end is None:
            return ""
        holds = [one.layers for one in self.verdict.depths if one.judged == "scales" and one.layers < end]
        return f"between {max(holds, default=min(p.layers for p in self.curve.points if p.scored))} and {end}"


def conclusions(task: str, judged: Sequence[JudgedCurve]) -> Iterator[str]:
    """How many networks break, then a list: which, the best one, the causes."""
    own = [one.curve for one in judged if not one.curve.chosen]
    depths = sorted({point.layers for curve in own for point in curve.points})
    trained = budget([record for curve in own for point in curve.points for record in point.records])
    lines = [*(f"{told}." for told in _outcomes(judged)), _best(judged), _reasons(judged)]
    yield (
        f"Of {count(len(judged), 'network')} with {depths[0]} to {depths[-1]} layers on {escape(task)} "
        f"({own[0].first.key.profile}, {trained}), {_counts(judged)}.\n\n" + "\n".join(f"- {line}" for line in lines)
    )


def _counts(judged: Sequence[JudgedCurve]) -> str:
    """How many networks break, scale and are undecided, each network once, and what that means."""
    found = Counter(_kind(one.verdict) for one in judged)
    meanings = {
        "break": f"more layers are shown to raise the error by more than {percent(MARGIN)}",
        "scale": f"more layers are shown not to raise the error by more than {percent(MARGIN)}",
        "undecided": "it is not shown whether more layers harm",
        "not judged": "no second depth to compare, or nothing learnt",
    }
    told = []
    for kind, meaning in meanings.items():
        if n := found[kind]:
            be = kind if kind in ("break", "scale") else f"{'is' if n == 1 else 'are'} {kind}"
            told.append(f"{n} {be}{'s' * (n == 1 and be == kind)} ({meaning})")
    return joined(told)


def _kind(verdict: DepthVerdict) -> str:
    if not verdict.learns or not verdict.depths:
        return "not judged"
    if verdict.breaks_at:
        return "break"
    return "scale" if verdict.scales_to else "undecided" if _undecided(verdict) else "not judged"


def _outcomes(judged: Sequence[JudgedCurve]) -> Iterator[str]:
    learning = [one for one in judged if one.verdict.learns]
    open_ones = [one for one in learning if one.verdict.depths and not one.verdict.scales_to and not one.verdict.breaks_at]
    broken: dict[str, list[str]] = {}
    for one in learning:
        if one.verdict.breaks_at:
            broken.setdefault(one.breaks_between, []).append(one.label)
    kinds = {
        "Shown to scale: {}": [
            f"{o.label} (to {o.verdict.scales_to}; run at {joined(list(map(str, o.run_at)))})"
            for o in learning
            if o.verdict.scales_to
        ],
        **{f"Shown to break {where} layers: {{}}": names for where, names in broken.items()},
        "Undecided at every depth, with the change of the MAE at the deepest: {}": [
            _open(o) for o in open_ones if _undecided(o.verdict)
        ],
        "Could not be measured deeper: {}": [o.label for o in open_ones if not _undecided(o.verdict)],
        "Tried at one depth only: {}": [o.label for o in learning if not o.verdict.depths],
        "Learnt at no depth: {}": [o.label for o in judged if o.verdict.best and not o.verdict.learns],
        "Trained at no depth in every fold: {}": [o.label for o in judged if o.verdict.best is None],
    }
    return (escape(text.format(joined(names))) for text, names in kinds.items() if names)


def _open(one: JudgedCurve) -> str:
    """A network that is undecided, with how its MAE changes to the deepest depth."""
    deepest = one.verdict.deepest
    changed = change_of(deepest)
    return f"{one.label} {changed}" if changed else one.label


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
    if deepest.layers == point.layers:
        return f"{sentence}, the deepest that it was given."
    if deepest.step is None:
        return f"{sentence}; with {deepest.layers} a fold {'diverges' if deepest.judged == 'diverges' else 'has no score'}."
    return f"{sentence}. With {deepest.layers} layers {_grown(one.curve, deepest)}{_time(one.curve)}."


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


def change_of(depth: JudgedDepth | None) -> str:
    """The relative change of the mean loss against the best shallower depth, with its interval; empty without a comparison."""
    if depth is None or depth.step is None:
        return ""
    limits = depth.step.interval
    return relative(depth.step.ratio - 1, (limits[0] - 1, limits[1] - 1) if limits else None)


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
    """The causes that interventions show, and of which networks none is shown, tried or not."""
    named: dict[str, list[str]] = {}
    for one in broken:
        cause = causes(one.tried)
        outcome = TRIED if one.tried else NOT_TRIED
        named.setdefault(outcome if cause == NOT_ESTABLISHED else cause, []).append(one.label)
    unclear = [(word, named.pop(word)) for word in (TRIED, NOT_TRIED) if word in named]
    told = [f"{word} in {escape(joined(labels))}" for word, labels in (*sorted(named.items()), *unclear)]
    begin = (
        "The cause of a break, shown by runs with one thing changed" if named else "The cause of the break is not established"
    )
    return f"{begin}: {'; '.join(told)}."


def published_lines(task: str, judged: Sequence[JudgedCurve]) -> Iterator[str]:
    """What the source says of each model that it has, beside what is found here; miniatures support no more than that."""
    compared = [(one, BY_DEPTH[one.curve.model]) for one in judged if one.curve.model in BY_DEPTH and _as_published(one)]
    for one, published in compared:
        here = agreement(one.curve, one.verdict, published)
        yield escape(f"{one.label}: published {published}; here: {one.verdict}{f' ({here})' if here else ''}.")
    if not compared:
        yield "None of these networks is in the published depth study."
        return
    epochs = max((r.epochs_run or 0 for one, _ in compared for p in one.curve.points for r in p.complete), default=0)
    mini = {one.curve.first.key.profile for one, _ in compared} == {"mini"}
    no_claim = ": these are miniatures, and no agreement or disagreement with the paper is claimed" if mini else ""
    yield (
        f"The published figures are MAE in eV/atom of {BULK}, without a validation part ({SOURCE}). Here: {escape(task)}, at "
        f"most {epochs} epochs, other folds and the recipe of the profile. What differs may differ for that reason{no_claim}."
    )


def _as_published(one: JudgedCurve) -> bool:
    return "skip" not in one.curve.changes and not one.curve.chosen


def agreement(curve: Curve, verdict: DepthVerdict, published: PublishedDepths) -> str:
    """Whether a verdict is that of the source; empty of miniatures, which decide nothing about it."""
    if curve.first.key.profile == "mini":
        return ""
    scales, breaks, deepest = verdict.scales_to or 0, verdict.breaks_at, curve.points[-1].layers
    if not verdict.learns:
        return "nothing to compare"
    if published.broke is None:
        if scales >= published.held[0]:
            return "agrees"
        return "disagrees" if breaks and breaks <= published.held[0] else "not decided here"
    if scales >= published.broke[0]:
        return f"disagrees: it scales to {scales} layers"
    if breaks:
        return "agrees that depth breaks it" + ("" if breaks == published.broke[0] else f", though at {breaks}")
    return "not decided here" if deepest >= published.broke[0] else f"not tried here beyond {deepest} layers"
