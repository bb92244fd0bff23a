"""Why nothing was tested, and what to do: for pages of explanations, from records alone."""

from __future__ import annotations

import re

from benchmark.explain.enrichment.log_odds import FEWEST_CLUSTERS
from benchmark.explain.pages.settings import TRIAL, size_name
from benchmark.explain.records import CLASSES, ClassName, ClassResult
from benchmark.explain.seed_groups import SeedGroup
from benchmark.explain.settings import PROFILES
from benchmark.rendering.text import count

TESTABLE = FEWEST_CLUSTERS * PROFILES["standard"].search.per_round
"""Explanations of a class that fill the rounds of a test."""

TOO_FEW_ROUNDS = re.compile(
    r"graphs of one round may be alike, and they are of (\d+) rounds, where (\d+) are needed(; ask for more with --per-class)?"
)
"""What records say where too few rounds found something."""

QUICK = "--profile mini --per-class 60"
"""What is quick and can be tested."""


def nothing(group: SeedGroup) -> str:
    """That nothing was found, why, and what to do."""
    reasons = {name: reason(group, name) for name in CLASSES}
    alike = len(set(reasons.values())) == 1
    why = reasons["low"] if alike else "; ".join(f"{name}: {why}" for name, why in reasons.items())
    return f"nothing, because no motif could be tested ({why}). {_advice(group)}"


def reason(group: SeedGroup, name: ClassName) -> str:
    """Why nothing of a class was tested, of the seed that found most."""
    return untested(max((result.of(name) for result in group.results), key=lambda one: one.found))


def untested(one: ClassResult) -> str:
    """Why nothing of a class was tested."""

    def told(found: re.Match[str]) -> str:
        if found[1] == "0":
            return "no graph was found"
        rounds = count(int(found[1]), "round")
        return f"the graphs come from {rounds}, and a test needs {found[2]}, as graphs of one round are alike"

    return TOO_FEW_ROUNDS.sub(told, one.untested or "too few graphs were found")


def _advice(group: SeedGroup) -> str:
    """What to run where nothing was tested."""
    if size_name(group.first.experiment) == TRIAL:
        return f"The profile {TRIAL} tries the program and seldom finds anything. Run again with {QUICK}."
    if not group.good:
        return "Explain a network that has learnt more: one of --profile standard, or of more crystals."
    if group.first.per_class < TESTABLE:
        return f"Run again with --per-class {TESTABLE} or more."
    return "Run again with a lower --min-probability or another --seed."
