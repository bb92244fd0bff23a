"""Features of the atoms by layer, and what they tell: are they alike, do they grow, do gradients reach every layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.graph.batch import GraphBatch


def mean_norm(x: Tensor) -> float:
    """Mean over the atoms of the Euclidean norm of (N, F) features."""
    return float(x.double().norm(dim=1).mean())


def dirichlet_energy(x: Tensor, src: Tensor, dst: Tensor) -> float:
    """1/(2N) Σ_{edges (j, i)} ‖x_i − x_j‖² of (N, F) features on (E,) directed edges; Cai & Wang, arXiv:2006.13318 (2020).

    It is theirs with the plain Laplacian, which gives 0 if and only if the features are constant on every connected part;
    with the normalised one features constant on a graph of unequal degrees have an energy. A graph with both directions of
    each edge counts a pair once.
    """
    x = x.double()
    return float((x[dst] - x[src]).square().sum() / (2 * len(x)))


def relative_energy(x: Tensor, src: Tensor, dst: Tensor) -> float:
    """The Dirichlet energy over the mean of ‖x_i‖², so that the size of the features has no say; 0 if all are zero."""
    size = float(x.double().square().sum(dim=1).mean())
    return dirichlet_energy(x, src, dst) / size if size else 0.0


def neighbor_distance(x: Tensor, src: Tensor, dst: Tensor) -> float:
    """Mean average distance (MAD) to the neighbours: Chen et al., AAAI 34, 3438 (2020).

    Of (N, F) features on (E,) directed edges: the cosine distance 1 − cos(x_i, x_j), first the mean over the neighbours of
    each atom, then over the atoms. An atom's own images are not its neighbours; 0 where no atom has another.
    """
    u, others = _directions(x), src != dst
    distance = 0.5 * (u[dst[others]] - u[src[others]]).square().sum(dim=1)
    total, count = u.new_zeros(len(u)).index_add(0, dst[others], distance), torch.bincount(dst[others], minlength=len(u))
    return float((total / count.clamp(min=1))[count > 0].mean()) if others.any() else 0.0


def mean_distance(x: Tensor) -> float:
    """MAD over all pairs of different rows of (N, F), whichever crystal they are of; 0 for a single row.

    Σ_{i≠j} ½‖u_i − u_j‖² = N Σ‖u_i‖² − ‖Σ u_i‖² for directions u: no (N, N) matrix is made.
    """
    u = _directions(x)
    n = len(u)
    total = n * u.square().sum() - u.sum(dim=0).square().sum()
    return float(total.clamp(min=0)) / (n * (n - 1)) if n > 1 else 0.0


def within_crystals(x: Tensor, crystal: Tensor) -> float:
    """The share of the variance of (N, F) features that lies within crystals, given the (N,) numbers of the crystals.

    Σ_c Σ_{i in c} ‖x_i − x̄_c‖² / Σ_i ‖x_i − x̄‖², with x̄_c the mean of a crystal's atoms and x̄ that of all: by the law of total
    variance 0 … 1, whatever the size and the offset of the features. 0: the atoms of each crystal are alike (over-smoothed)
    while crystals differ; 0 too where all are alike.
    """
    x = x.double()
    centred = x - x.mean(dim=0)
    total = float(centred.square().sum())
    sizes = torch.bincount(crystal)
    means = x.new_zeros((len(sizes), x.shape[1])).index_add(0, crystal, centred) / sizes.clamp(min=1)[:, None]
    # Rounding of the mean of equal rows is no variance.
    if total <= 1e-24 * float(x.square().sum()):
        return 0.0
    return float((centred - means[crystal]).square().sum()) / total


def _directions(x: Tensor) -> Tensor:
    """(N, F) rows of unit length; a zero row stays zero, as far from any direction as half of a right angle's distance."""
    x = x.double()
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-300)


def effective_rank(x: Tensor) -> float:
    """exp(−Σ p_k ln p_k) with p_k = σ_k / Σσ of the singular values of (N, F); Roy & Vetterli, EUSIPCO 15, 606 (2007).

    1 if all rows are multiples of one, at most min(N, F); 0 if all are zero.
    """
    x = x.double()
    largest = x.abs().max()
    if not largest > 0:
        return 0.0
    sigma = torch.linalg.svdvals(x / largest)
    p = sigma / sigma.sum()
    return float(torch.exp(-torch.special.xlogy(p, p).sum()))


class _Enough(Exception):
    """What a layer beyond the last would receive has been seen."""


class _Further(nn.Module):
    """Stands behind the last layer; what comes here are the last features."""

    def forward(self, *args: Any) -> Any:
        """Hand on what is not yet the features of atoms; a hook stops at those."""
        return args[0]


def layer_lists(network: nn.Module, n_layers: int) -> list[nn.ModuleList]:
    """The network's own module lists with one module a layer. Raises ValueError where there is none."""
    lists = [child for child in network.children() if isinstance(child, nn.ModuleList) and len(child) == n_layers]
    if not lists:
        raise ValueError(f"{type(network).__name__} has no module list of {n_layers} layers")
    return lists


def features_by_layer(network: nn.Module, n_layers: int, batch: GraphBatch) -> list[Tensor]:
    """n_layers + 1 tensors (N, F): what each layer receives, and what one layer more would.

    A layer is the modules at one place of the network's module lists, and what it receives the first (N, F) tensor that one
    of them is called with; no network need say more. For one forward pass a further layer is appended that only looks.

    Raises:
        ValueError: the network has no such lists, or its layers are not called with features of atoms.
    """
    lists, seen = layer_lists(network, n_layers), dict[int, Tensor]()

    def look(layer: int) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            for value in args:
                if layer not in seen and isinstance(value, Tensor) and value.ndim == 2 and len(value) == len(batch.crystal):
                    seen[layer] = value.detach().clone()
            if layer == n_layers and layer in seen:
                raise _Enough

        return hook

    handles = []
    for modules in lists:
        modules.append(_Further())
        handles += [module.register_forward_pre_hook(look(layer)) for layer, module in enumerate(modules)]
    try:
        with torch.no_grad():
            network(batch)
    except _Enough:
        return [seen[layer] for layer in range(n_layers + 1)]
    finally:
        for handle in handles:
            handle.remove()
        for modules in lists:
            del modules[-1]
    raise ValueError(f"the layers of {type(network).__name__} are not called with the features of atoms")


def gradient_norms(network: nn.Module, n_layers: int) -> list[float]:
    """The norm of the gradient, from a `backward` just done, of the parameters of each layer."""
    places = zip(*layer_lists(network, n_layers), strict=True)
    layers = ([p.grad for module in modules for p in module.parameters() if p.grad is not None] for modules in places)
    return [float(torch.stack([g.double().square().sum() for g in found]).sum().sqrt()) if found else 0.0 for found in layers]
