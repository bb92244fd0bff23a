"""The depth study beside its source: what was published of each network, and DeeperGATGNN against GATGNN."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmark.rendering.text import escape, percent
from benchmark.statistics.decisions import MARGIN
from benchmark.statistics.successive import Step, decide_in_order
from benchmark.studies.configurations import task_errors
from benchmark.studies.curves import Curve
from benchmark.studies.depth.conclusions import LIMIT, DepthVerdict
from benchmark.studies.depth.judged import JudgedCurve
from benchmark.studies.omee_et_al import BULK, BY_DEPTH, SOURCE, PublishedDepths
from benchmark.studies.tables import relative

CLAIMED = "deeper-gatgnn", "gatgnn-mdl"
"""The network that its authors made for depth, and the one that it is made from."""


def deep_against(judged: Sequence[JudgedCurve]) -> Iterator[str]:
    """DeeperGATGNN against GATGNN at the deepest depth that both have, or that one of them was not run."""
    ours, others = ([one for one in judged if one.curve.model == name and not one.curve.chosen] for name in CLAIMED)
    better, base = (BY_DEPTH[name].label for name in CLAIMED)
    for one in ours:
        other = next((other for other in others if other.curve.changes == one.curve.changes), None)
        if other is None:
            yield f"{better} deep against {base} (`{CLAIMED[1]}`) deep: not compared, as {base} was not run here."
        else:
            yield _compared(one, other, better, base)


def _compared(one: JudgedCurve, other: JudgedCurve, better: str, base: str) -> str:
    of = [{point.layers: point for point in curve.points if point.scored} for curve in (other.curve, one.curve)]
    depth = max(of[0].keys() & of[1].keys(), default=None)
    errors = None if depth is None else task_errors({base: of[0][depth], better: of[1][depth]})
    step = decide_in_order(errors)[0] if errors else None
    if step is None or step.interval is None:
        return f"{better} deep against {base} deep: not compared, as no depth of both has enough folds."
    change = relative(step.ratio - 1, (step.interval[0] - 1, step.interval[1] - 1))
    begin = f"{better} against {base} (`{CLAIMED[1]}`), both with {depth} layers"
    return f"{begin}: its MAE differs by {change}. {better} is {gain(step)}."


def gain(step: Step) -> str:
    """Whether a network is shown to be better or worse than another one, by more than the margin."""
    low, high = step.interval or (0.0, float("inf"))
    if high < 1 / LIMIT:
        return f"shown to be better by more than {percent(MARGIN)}"
    if low > LIMIT:
        return f"shown to be worse by more than {percent(MARGIN)}"
    return f"not shown to be better or worse by more than {percent(MARGIN)}"


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
    held, breaks, deepest = verdict.not_worse_at or 0, verdict.breaks_at, curve.points[-1].layers
    if not verdict.learns:
        return "nothing to compare"
    if published.broke is None:
        if held >= published.held[0]:
            return "agrees"
        return "disagrees" if breaks and breaks <= published.held[0] else "not decided here"
    if held >= published.broke[0]:
        return f"disagrees: with {held} layers it is not worse"
    if breaks:
        return "agrees that depth breaks it" + ("" if breaks == published.broke[0] else f", though at {breaks}")
    return "not decided here" if deepest >= published.broke[0] else f"not tried here beyond {deepest} layers"
