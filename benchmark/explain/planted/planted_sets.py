"""Ground truth: random graphs whose class is decided by a planted motif, and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from benchmark.explain.classifier.graphs import TypedGraphs
from benchmark.explain.enrichment.motifs import Motif, motifs, present
from benchmark.explain.planted.records import Planted
from benchmark.explain.search.random_graphs import random_graphs
from benchmark.explain.search.small_graphs import Rules, SmallGraphs
from benchmark.explain.settings import Limits
from benchmark.explain.statements import MotifKind

PLANTED: dict[Planted, Motif] = {"node type": (2,), "pair": (1, 4), "triangle": (0, 3, 5), "shuffled": (2,)}
"""What decides the class; "shuffled" plants a node type and then deals the classes out anew."""

N_NODE_TYPES = 7

LIMITS = Limits(max_atoms=9, max_neighbors=4, max_bonds=12)
"""Of the graphs with all that is bonded to them."""


@dataclass(frozen=True, eq=False)
class PlantedSet:
    """n graphs, their classes (n,) bool, and the motif that decides the class: high holds it."""

    graphs: TypedGraphs
    high: np.ndarray
    kind: MotifKind
    motif: Motif


def plant(planted: Planted, n: int, seed: int) -> PlantedSet:
    """`n` graphs, half of each class.

    To a random graph of 1 … 4 atoms more are bonded. A node type: the motif for high, another one for low. A pair: bonded to
    each other, or apart. A triangle: closed, or open at a random atom; half of the graphs also get the two ends of the chain
    once more, apart where the triangle is closed, bonded where it is open, and an open one gets a bond elsewhere. So no class
    has more atoms of a node type than the other, unless that is the motif, nor more bonds; a graph that came to hold the motif
    by chance is drawn again.
    """
    motif, kind = PLANTED[planted], _kind(PLANTED[planted])
    generator = torch.Generator().manual_seed(seed)
    numbers = motifs(N_NODE_TYPES, kind)
    half, parts, high = n // 2, [], []
    for wanted in (True, False):
        kept: list[SmallGraphs] = []
        while sum(map(len, kept)) < half:
            grown = _attached(_random(2 * half, motif, generator), motif, wanted, generator)
            holds = torch.from_numpy(present(grown, N_NODE_TYPES, kind)[:, numbers.index(motif)])
            kept.append(grown.take(holds == wanted))
        parts.append(SmallGraphs.join(kept).take(torch.arange(half)))
        high += [wanted] * half
    order = torch.randperm(2 * half, generator=generator)
    classes = np.array(high)[order.numpy()]
    if planted == "shuffled":
        classes = classes[torch.randperm(2 * half, generator=generator).numpy()]
    return PlantedSet(SmallGraphs.join(parts).take(order).columns(N_NODE_TYPES), classes, kind, motif)


def _kind(motif: Motif) -> MotifKind:
    kinds: tuple[MotifKind, ...] = ("node type", "pair", "triangle")
    return kinds[len(motif) - 1]


def _random(n: int, motif: Motif, generator: torch.Generator) -> SmallGraphs:
    """Random graphs of 1 … 4 atoms; a node type that is itself the motif does not occur in them."""
    frequencies = torch.ones(N_NODE_TYPES)
    allowed = torch.ones(N_NODE_TYPES, N_NODE_TYPES, dtype=torch.bool)
    if len(motif) == 1:
        frequencies[motif[0]] = 0.0
        allowed[motif[0]] = allowed[:, motif[0]] = False
    rules = Rules(LIMITS, allowed, frequencies)
    atoms = torch.randint(1, 5, (n,), generator=generator)
    return random_graphs(rules, atoms, atoms - 1 + torch.randint(0, 2, (n,), generator=generator), generator)


def _attached(graphs: SmallGraphs, motif: Motif, whole: bool, generator: torch.Generator) -> SmallGraphs:
    """Graphs with the atoms of the motif bonded to random atoms; whole, or with one bond less, or with another node type."""
    places, first, n = graphs.node_types.shape[1], graphs.n_atoms, len(graphs)
    order = torch.argsort(torch.rand(n, len(motif), generator=generator), dim=1)
    node_types = torch.tensor(motif)[order]
    if len(motif) == 1 and not whole:
        others = torch.tensor([node_type for node_type in range(N_NODE_TYPES) if node_type != motif[0]])
        node_types[:, 0] = others[torch.randint(len(others), (n,), generator=generator)]
    for number in range(len(motif)):
        chained = number > 0 and (whole or len(motif) == 3)
        start = first + number - 1 if chained else _free_atom(graphs, first, generator)
        graphs = graphs.grown(start, places + node_types[:, number])
    if len(motif) < 3:
        return graphs
    graphs = graphs.grown(first, first + 2) if whole else _with_bond(graphs, generator)
    rows = torch.rand(n, generator=generator).argsort()[: n // 2]
    return graphs.put(rows, _with_ends(graphs.take(rows), first[rows], node_types[rows], whole, generator))


def _with_bond(graphs: SmallGraphs, generator: torch.Generator) -> SmallGraphs:
    """Graphs with a random bond more between their atoms, where there is room for one."""
    rules = Rules(LIMITS, torch.ones(N_NODE_TYPES, N_NODE_TYPES, dtype=torch.bool), torch.ones(N_NODE_TYPES))
    places = graphs.node_types.shape[1]
    valid = rules.ends(graphs)[:, :, :places].flatten(1)
    rows = valid.any(dim=1).nonzero().squeeze(1)
    choice = torch.multinomial(valid[rows].float(), 1, generator=generator).squeeze(1)
    return graphs.put(rows, graphs.take(rows).grown(choice // places, choice % places))


def _with_ends(
    graphs: SmallGraphs, first: torch.Tensor, node_types: torch.Tensor, apart: bool, generator: torch.Generator
) -> SmallGraphs:
    """Graphs with the node types of the ends of a chain once more, bonded to the first atoms: apart, or to each other."""
    places, last = graphs.node_types.shape[1], graphs.n_atoms
    graphs = graphs.grown(_free_atom(graphs, first, generator), places + node_types[:, 0])
    return graphs.grown(_free_atom(graphs, first, generator) if apart else last, places + node_types[:, 2])


def _free_atom(graphs: SmallGraphs, n_atoms: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(G,) a random one of the first `n_atoms` (G,) atoms that has a neighbour to spare, if any has."""
    here = torch.arange(graphs.node_types.shape[1]) < n_atoms[:, None]
    weights = here * (graphs.degrees < LIMITS.max_neighbors) + here * 1e-9
    return torch.multinomial(weights.float(), 1, generator=generator).squeeze(1)
