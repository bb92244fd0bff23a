"""`python -m tests.folding_curve [--double]`: 30 epochs of CGCNN on folded graphs and on the graphs as they are, from one seed.

In exact arithmetic both are one training; what the curves show is rounding. On 400 crystals of `cgcnn`, formation energy.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from tabulate import tabulate

from benchmark.tasks.tasks import find_tasks
from models.contract import Epoch
from models.registry import get

CRYSTALS, TRAIN = 400, 320


def curve(fold: bool, double: bool) -> np.ndarray:
    """(epochs, 2) training loss and validation error."""
    (task,) = find_tasks("cgcnn/formation_energy_per_atom")
    data = task.load()
    rows = np.random.default_rng(0).permutation(len(data.crystals))[:CRYSTALS]
    spec = get("cgcnn")
    model = spec.model(replace(spec.settings("standard"), fold=fold))
    inputs = model.prepare(data.crystals.take(rows))
    if double:
        build = model.build
        inputs.cut = partial(inputs.cut, dtype=torch.float64)
        model.build = lambda *arguments: build(*arguments).double()
    seen: list[Epoch] = []
    model.fit(inputs, data.targets[rows], np.arange(TRAIN), np.arange(TRAIN, CRYSTALS), 0, seen.append)
    return np.array([[epoch.training_loss, epoch.validation_error] for epoch in seen])


def main() -> None:
    """Print both curves and how far they are apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--double", action="store_true", help="compute in double precision")
    double = parser.parse_args().double
    torch.set_num_threads(1)
    folded, plain = (curve(fold, double) for fold in (True, False))
    apart = np.abs(folded - plain) / plain
    rows = [[n + 1, *folded[n], *plain[n], *apart[n]] for n in [0, *range(4, len(folded), 5)]]
    header = ["epoch", "folded: loss", "validation", "as it is: loss", "validation", "apart: loss", "validation"]
    print(tabulate(rows, header, floatfmt=("d", ".6f", ".6f", ".6f", ".6f", ".1e", ".1e"), tablefmt="github"))
    print(f"\nfarthest apart in any epoch: loss {apart[:, 0].max():.1e}, validation {apart[:, 1].max():.1e}")


if __name__ == "__main__":
    main()
