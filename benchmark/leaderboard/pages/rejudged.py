"""The part of the page of statistics on published boards: before and now, with other seeds, and forecasts of repeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from benchmark.leaderboard.rejudged import Rejudged
from benchmark.rendering.text import escape, table
from benchmark.statistics.decisions import LARGE_RATIO, Verdict


def rejudged_section(rejudged: Sequence[Rejudged]) -> str:
    """Every group with rivals; the groups of several repeats once more below."""
    words = get_args(Verdict)
    header = ["task", "group", "folds", "pairs", "told apart before", "decided now", f"of ratios above {LARGE_RATIO:g}", *words]
    rows = [
        [escape(r.task), escape(r.title), str(r.folds), str(len(r.decisions.pairs)), str(r.before), str(r.now),
         f"{r.large[0]} of {r.large[1]}", *(str(r.words[word]) for word in words)]
        for r in rejudged
    ]  # fmt: skip
    large = [sum(r.large[part] for r in rejudged) for part in (0, 1)]
    total = ["all", "", "", str(sum(len(r.decisions.pairs) for r in rejudged)), str(sum(r.before for r in rejudged)),
             str(sum(r.now for r in rejudged)), f"{large[0]} of {large[1]}",
             *(str(sum(r.words[word] for r in rejudged)) for word in words)]  # fmt: skip
    return (
        "*Told apart before*: pairs of models that the former method separated (tiers: corrected t, Holm over pairs, bootstrap "
        "over crystals). *Decided now*: pairs that the present method separates. The last columns count models.\n\n"
        + table(header, [*rows, total], text=("group",))
        + _replicated(rejudged)
        + _foretold(rejudged)
    )


def _replicated(rejudged: Sequence[Rejudged]) -> str:
    """The groups of several repeats, each half of them judged alone; empty where there is none."""
    found = [(r, r.replicated) for r in rejudged if r.replicated]
    if not found:
        return ""
    header = ["task", "group", "repeats", f"decided of ratios above {LARGE_RATIO:g}, first half", "decided", "agreed",
              "undecided by the other half", "contradicted"]  # fmt: skip
    rows = [
        [escape(r.task), escape(r.title), "{} and {}".format(*halves.repeats), "{} of {}".format(*halves.large),
         *map(str, (halves.decided, halves.agreed, halves.undecided, halves.contradicted))]
        for r, halves in found
    ]  # fmt: skip
    sums = [sum(getattr(halves, name) for _, halves in found) for name in ("decided", "agreed", "undecided", "contradicted")]
    large = [sum(halves.large[part] for _, halves in found) for part in (0, 1)]
    total = ["all", "", "", f"{large[0]} of {large[1]}", *map(str, sums)]
    text = (
        "### With other seeds\n\nThe repeats of a group are split in two halves, with different seeds of folds and "
        "weights. Each half is judged alone. A pair counts once for each half that decides it."
    )
    return f"\n\n{text}\n\n{table(header, [*rows, total], text=('group',))}"


def _foretold(rejudged: Sequence[Rejudged]) -> str:
    """Whether "N more repeats" came true; empty where no group has several repeats."""
    found = [(r, r.foretold) for r in rejudged if r.foretold]
    if not found:
        return ""
    header = ["task", "group", "said", "decided by then", "undecided after all repeats"]
    rows = [[escape(r.task), escape(r.title), *map(str, (one.said, one.true, one.never))] for r, one in found]
    sums = [sum(getattr(one, name) for _, one in found) for name in ("said", "true", "never")]
    text = (
        "### Repeats that would decide\n\nIf a model is undecided, the board says how many more repeats would decide it, if "
        "the ratios stayed as measured. The table counts how often this came true, in groups with so many repeats."
    )
    return f"\n\n{text}\n\n{table(header, [*rows, ['all', '', *map(str, sums)]], text=('group',))}"
