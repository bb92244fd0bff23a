"""Random valid graphs: what the rules allow, without anybody's preference."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.explain.search.small_graphs import Rules, SmallGraphs


def random_graphs(
    rules: Rules, n_atoms: Tensor, n_bonds: Tensor, generator: torch.Generator, *, composition: bool = False
) -> SmallGraphs:
    """A graph of each size (G,): the first node type by the frequencies, then each valid new atom, then each valid bond, alike.

    With `composition` the node type of every new atom, among the valid ones, is drawn by the frequencies too. A graph has fewer
    bonds than asked for where the rules leave no more.
    """
    # What no crystal has is drawn only where nothing else is left.
    likely = (rules.frequencies if composition else torch.ones_like(rules.frequencies)).clamp(min=1e-9).float()
    graphs = rules.start(len(n_atoms), generator)
    places = graphs.node_types.shape[1]
    for atoms_first in (True, False):
        active = torch.arange(len(graphs))
        while len(active):
            current = graphs.take(active)
            short = current.n_atoms < n_atoms[active] if atoms_first else current.n_bonds < n_bonds[active]
            valid = rules.ends(current)[:, :, places:] if atoms_first else rules.ends(current)[:, :, :places]
            rows = (short & valid.flatten(1).any(dim=1)).nonzero().squeeze(1)
            active = active[rows]
            if len(rows):
                weights = valid[rows] * likely if atoms_first else valid[rows].float()
                choice = torch.multinomial(weights.flatten(1), 1, generator=generator).squeeze(1)
                start, end = choice // valid.shape[2], choice % valid.shape[2]
                graphs = graphs.put(active, current.take(rows).grown(start, end + places * atoms_first))
    return graphs
