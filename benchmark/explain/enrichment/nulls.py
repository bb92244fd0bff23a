"""What explanations are held against: random graphs of their sizes, as the search draws them and with a class's composition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmark.explain.classifier.graphs import TypedGraphs
from benchmark.explain.records import ClassName, Explanation
from benchmark.explain.search.random_graphs import random_graphs
from benchmark.explain.search.rounds import round_seed
from benchmark.explain.search.small_graphs import Rules, SmallGraphs

RANDOM_PER_EXPLANATION = 20

CONTROL = 1_000_000
"""In place of a round's number: the seed of the random graphs."""


@dataclass(frozen=True, eq=False)
class Nulls:
    """Random valid graphs with as many atoms and bonds as the explanations of a class, `RANDOM_PER_EXPLANATION` of each."""

    random: SmallGraphs
    """As the search starts: the first atom by the frequencies of the training crystals, each further one alike."""
    composition: SmallGraphs
    """Every atom by the frequencies of the training crystals of the class."""


def draw(
    rules: Rules, training: TypedGraphs, of_class: np.ndarray, kept: Sequence[Sequence[Explanation]], name: ClassName, seed: int
) -> Nulls | None:
    """The random graphs for the explanations of a class; None where there are none.

    Args:
        rules: of the search.
        training: the training graphs.
        of_class: (n,) bool, which of them are of the class.
        kept: explanations, round by round.
        name: of the class.
        seed: of the experiment.
    """
    every = [one for found in kept for one in found]
    if not every:
        return None
    sizes = torch.tensor([[len(one.node_types), len(one.bonds)] for one in every])
    atoms, bonds = sizes.repeat_interleave(RANDOM_PER_EXPLANATION, 0).T
    counts = torch.from_numpy(training.take(np.flatnonzero(of_class)).node_type_counts().sum(axis=0)) * (rules.frequencies > 0)
    own = replace(rules, frequencies=counts / counts.sum())
    first, second = (torch.Generator().manual_seed(round_seed(seed, name, CONTROL + n)) for n in (0, 1))
    return Nulls(random_graphs(rules, atoms, bonds, first), random_graphs(own, atoms, bonds, second, composition=True))
