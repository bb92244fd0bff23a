"""One phase of the work on one set, in a process of its own: `python -m tests.speed.phase graphs crystals.parquet`.

It says with a line of JSON that it is ready, then does the phase once for each line that it gets, and answers with one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmark.harness.machine import peak_memory, reset_peak_memory
from datasets.crystals import Crystals
from datasets.neighbor_search import Nearest
from datasets.neighbors import search
from models.registry import get

TARGET = "formation_energy_per_atom"


def graphs(crystals: Crystals) -> Callable[[], int]:
    """The rule of CGCNN, one process a core."""
    return lambda: int(search(crystals, Nearest(12, 8.0))["edge_offsets"][-1])


def training(crystals: Crystals) -> Callable[[], int]:
    """An epoch of the mini CGCNN on all crystals; the validation part is one batch."""
    settings = get("cgcnn").settings("mini", {"epochs": "1"})
    model, rows = get("cgcnn").model(settings), np.arange(len(crystals))
    inputs, targets = model.prepare(crystals), crystals.targets[TARGET].to_numpy()

    def epoch() -> int:
        model.fit(inputs, targets, rows, rows[: settings.batch_size], seed=0)
        return len(inputs.src)

    return epoch


def prediction(crystals: Crystals) -> Callable[[], int]:
    """The mini CGCNN, with fresh weights, on all crystals."""
    model, rows = get("cgcnn").model(get("cgcnn").settings("mini")), np.arange(len(crystals))
    inputs = model.prepare(crystals)

    def predict() -> int:
        assert np.isfinite(model.predict(inputs, rows)).all()
        return len(inputs.src)

    return predict


PHASES = {"graphs": graphs, "training": training, "prediction": prediction}


def rehearsal() -> Crystals:
    """Sixty-four simple cubic cells of iron: what loads every library that the phase needs."""
    coords = np.array(list(np.ndindex(2, 2, 2))) / 2
    cells = [(5.0 * np.eye(3), np.ones(3, dtype=bool), np.full(8, 26), coords)] * 64
    return Crystals.from_cells([str(row) for row in range(64)], cells, pd.DataFrame({TARGET: np.arange(64.0)}))


def peak_bytes() -> int:
    """Peak resident bytes of this process and of those that it started, added up."""
    children = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:  # it has ended
            continue
        if fields["PPid"] == str(os.getpid()) and "VmHWM" in fields:
            children += int(fields["VmHWM"].split()[0]) * 1024
    return (peak_memory() or 0) + children


def main(phase: str, path: str) -> None:
    """Answer until there are no more lines; the peak is of everything from reading the file on, libraries included."""
    torch.set_num_threads(1)
    PHASES[phase](rehearsal())()
    reset_peak_memory("cpu")
    base = peak_memory()
    crystals = Crystals.from_parquet(Path(path), targets=[TARGET])
    work = PHASES[phase](crystals)
    print(json.dumps({"crystals": len(crystals), "atoms": int(crystals.offsets[-1]), "base_bytes": base}), flush=True)
    for _ in sys.stdin:
        edges = work()
        print(json.dumps({"edges": edges, "peak_bytes": peak_bytes()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
