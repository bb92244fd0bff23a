"""The depth study in words: three sentences to conclude from, and what was published beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmark.rendering.text import count, escape, joined
from benchmark.studies.curves import Curve
from benchmark.studies.depth.conclusions import DepthVerdict, judge_depth
from benchmark.studies.omee_et_al import BULK, BY_DEPTH, SOURCE, PublishedDepths
from benchmark.studies.tables import budget, mae_cell, relative, waited


def conclusions(task: str, judged: Sequence[tuple[Curve, DepthVerdict]]) -> Iterator[str]:
    """Three sentences from the numbers."""
    depths = sorted({point.layers for curve, _ in judged for point in curve.points})
    first = judged[0][0].first
    trained = budget([record for curve, _ in judged for point in curve.points for record in point.records])
    yield (
        f"{count(len(judged), 'network')} of {depths[0]} to {depths[-1]} layers on {task} "
        f"({first.key.profile}, {trained}): {'; '.join(_outcomes(judged))}."
    )
    yield _best(judged)
    yield _reasons(judged)


def _outcomes(judged: Sequence[tuple[Curve, DepthVerdict]]) -> Iterator[str]:
    learning = [(c, v) for c, v in judged if v.learns]
    scaling = [f"{c.label} (to {v.scales_to})" for c, v in learning if v.changes and v.scales_to == c.points[-1].layers]
    rest = [(c, v) for c, v in learning if v.changes and not v.breaks_at and v.scales_to != c.points[-1].layers]
    kinds = {
        f"{{}} scale{'s' * (len(scaling) == 1)} as deep as tried": scaling,
        "depth breaks {}": [f"{c.label} (at {v.breaks_at})" for c, v in learning if v.breaks_at],
        "{} could not be decided": [c.label for c, v in rest if _unmeasured(v) is None],
        "{} could not be measured deeper": [f"{c.label} (from {n} on)" for c, v in rest if (n := _unmeasured(v))],
        "{} was tried at one depth only": [c.label for c, v in learning if not v.changes],
        "{} did not learn at any depth": [c.label for c, v in judged if v.best and not v.learns],
        "{} had no depth that trained in every fold": [c.label for c, v in judged if v.best is None],
    }
    return (escape(text.format(joined(names))) for text, names in kinds.items() if names)


def _unmeasured(verdict: DepthVerdict) -> int | None:
    """The first depth beyond what a network scales to, if that one has no score in some fold."""
    beyond = [c for c in verdict.changes if c.folds.layers > (verdict.scales_to or 0)]
    return beyond[0].folds.layers if beyond and judge_depth(beyond[0]) == "not measured" else None


def _best(judged: Sequence[tuple[Curve, DepthVerdict]]) -> str:
    scored = [
        (point.mae, curve, point, verdict)
        for curve, verdict in judged
        for point in curve.points
        if point.layers == verdict.best
    ]
    if not scored:
        return "No depth has a score in every fold."
    _, curve, point, verdict = min(scored, key=lambda row: row[0])
    sentence = (
        f"The lowest MAE, {mae_cell(point)} {point.complete[0].key.unit}, is {escape(curve.label)}'s at {point.layers} layers"
    )
    deepest = verdict.deepest
    outcome = judge_depth(deepest) if deepest else ""
    if deepest and outcome in ("diverges", "not measured"):
        sentence += f"; with {deepest.folds.layers} a fold {'diverges' if outcome == 'diverges' else 'has no score'}"
    elif deepest and deepest.relative is not None:
        last, start = curve.points[-1], curve.points[0]
        sentence += f"; with {last.layers} it changes by {relative(deepest.relative, deepest.interval)}"
        folds = [*start.records, *last.records]
        quiet = not waited(folds) and len({record.machine for record in folds}) == 1
        if start.seconds and last.seconds and last is not start and quiet:
            sentence += f", in {last.seconds / start.seconds:.1f} times the training time of {start.layers} layers"
    elif verdict.deepest is None:
        sentence += ", the deepest that it was given"
    return sentence + "."


def _reasons(judged: Sequence[tuple[Curve, DepthVerdict]]) -> str:
    broken = [(curve, verdict) for curve, verdict in judged if verdict.learns and verdict.breaks_at]
    if broken:
        named: dict[str, list[str]] = {}
        for curve, verdict in broken:
            named.setdefault(" and ".join(verdict.causes) or "nothing that was looked at", []).append(curve.label)
        told = "; ".join(f"{cause} in {escape(joined(labels))}" for cause, labels in named.items())
        return f"Where depth breaks a network, the rule below blames {told}."
    if all(verdict.best is None for _, verdict in judged):
        return "So no depth is judged."
    if not any(verdict.learns for _, verdict in judged):
        return "As nothing was learnt with this budget, depth is not judged."
    deepest = [v.deepest for _, v in judged if v.learns and v.deepest and judge_depth(v.deepest) != "not measured"]
    if not deepest:
        return "Of no network that learns a depth beyond its best one was tried in every fold: how far they scale stays open."
    ends = [c.interval[1] for c in deepest if c.interval]
    if not ends:
        return "With these folds no depth can be told from another: no test is possible."
    return (
        "No network that learns breaks by the rule below; at the deepest a loss against the best depth of up to "
        f"{relative(max(ends), None)} is not excluded."
    )


def published_lines(task: str, judged: Sequence[tuple[Curve, DepthVerdict]]) -> Iterator[str]:
    """What the source says of each model that it has, and whether it is so here."""
    compared = [(c, v, BY_DEPTH[c.model]) for c, v in judged if c.model in BY_DEPTH and "skip" not in c.changes]
    for curve, verdict, published in compared:
        yield escape(f"{curve.label}: published {published}; here: {verdict} ({agreement(curve, verdict, published)}).")
    if not compared:
        yield "None of these networks is in the published depth study."
        return
    epochs = max((record.epochs_run or 0 for c, _, _ in compared for p in c.points for record in p.complete), default=0)
    yield (
        f"The published figures are MAE in eV/atom of {BULK}, without a validation part ({SOURCE}). Here: {task}, at most "
        f"{epochs} epochs, other folds and the recipe of the profile. What differs may differ for that reason."
    )


def agreement(curve: Curve, verdict: DepthVerdict, published: PublishedDepths) -> str:
    """Whether a verdict is that of the source."""
    deepest = curve.points[-1].layers
    if not verdict.learns:
        return "nothing to compare"
    scales, breaks = verdict.scales_to or 0, verdict.breaks_at
    if published.broke is None:
        if scales >= published.held[0]:
            return "agrees"
        return "disagrees" if breaks and breaks <= published.held[0] else "not shown here"
    if scales >= published.broke[0]:
        return f"disagrees: it holds at {published.broke[0]} layers"
    if breaks:
        return "agrees that depth breaks it" + ("" if breaks == published.broke[0] else f", though at {breaks}")
    return "not shown here" if deepest >= published.broke[0] else f"not tried here beyond {deepest} layers"
