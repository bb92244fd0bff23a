"""What a page says of the explained network and of the search: how they differ from the boards and from the publication."""

from __future__ import annotations

from benchmark.explain.pages.commands import profile_name
from benchmark.explain.records import Experiment
from benchmark.explain.seed_groups import SeedGroup

PUBLISHED_ROLLOUTS = 10
"""Completions of a graph that a reward is the mean of, in the thesis."""

ALWAYS = (
    "bonds that the rules forbid cannot be drawn (published: they were punished); many graphs grow side by side, and the "
    "baseline of each is the mean reward of the other graphs; no gradient goes through rewards; the classifier is in "
    "evaluation mode"
)


TRIAL = "smoke"
"""The profile that tries the program."""


def size_name(experiment: Experiment) -> str:
    """What a page calls the network: by its profile where that is a trial, whose network is fitted to next to nothing."""
    return TRIAL if profile_name(experiment) == TRIAL else experiment.network


def heading(group: SeedGroup) -> str:
    """Model, size of the network, floor of the search, node types and seeds: they tell the groups of a page apart."""
    experiment = group.first.experiment
    floor = experiment.search.get("floor")
    told = ", ".join([size_name(experiment), *([f"floor {floor:g}"] if floor else [])])
    return group.title.replace(experiment.model, f"{experiment.model} ({told})", 1)


def explained_network(group: SeedGroup) -> str:
    """Which network is explained, and whether it is the board's."""
    experiment, record = group.first.experiment, group.first.classifier
    size = size_name(experiment)
    told = (
        f"Explained: a {experiment.model} of {size} size, fitted to {record.n_fitted:,} of "
        f"{record.n_train:,} training crystals in {experiment.classifier.get('epochs')} epochs."
    )
    if experiment.network != "mini":
        return told
    if size == TRIAL:
        return f"{told} The profile {TRIAL} tries the program: its networks are not worth an explanation. Take --profile mini."
    fewer = " and has seen fewer crystals" if record.n_fitted < record.n_train else ""
    return (
        f"{told} It is smaller than the network of the boards{fewer}: the findings are about this network alone. Without "
        "--profile mini the command explains a network of the size of the boards, on their training set."
    )


def search_differences(group: SeedGroup) -> str:
    """How the search differs from the published one."""
    search, differing = group.first.experiment.search, []
    if floor := search.get("floor"):
        differing.append(f"every probability below {floor:g} counts as {floor:g} in a reward (published: no floor)")
    if not search.get("undo"):
        differing.append("a step with a negative reward is not undone")
    if (rollouts := search.get("rollouts")) != PUBLISHED_ROLLOUTS:
        differing.append(f"a reward is the mean of {rollouts} completions of a graph, not {PUBLISHED_ROLLOUTS}")
    return f"Differences from the published search: {'; '.join([*differing, ALWAYS])}."
