"""How fast good files are read, beside the code of another commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.crystals import Crystals
from datasets.registry import load
from models.registry import registered
from tests.conftest import alloy
from tests.reliability import reading
from tests.reliability.page import Table

ROUNDS = 7
N_FILES = 200
"""Structure files of each format."""

NETWORKS = ("cgcnn", "megnet", "schnet", "deeper-gatgnn", "soap-mlp")
MOST = 1.05
"""What good files may take, in times of the other commit's."""


def compare(commit: str, folder: Path) -> tuple[str, list[Table], int]:
    """Good files, read by this code and by that of a commit, by turns: a text, its tables, and how many kinds are too slow."""
    other = folder / "other"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(other), commit], check=True)
    try:
        files = folder / "files"
        write_files(files, other)
        seconds = {tree: [] for tree in (Path.cwd(), other)}
        for _ in range(ROUNDS):
            for tree, found in seconds.items():
                found.append(_read(tree, files))
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(other)], check=True)
    ours, theirs = (pd.DataFrame(found) for found in seconds.values())
    ratios, fastest = ours / theirs, ours.min() / theirs.min()
    rows = [
        [kind, f"{1e3 * theirs[kind].min():.3g}", f"{1e3 * ours[kind].min():.3g}", f"{fastest[kind]:.3f}"]
        + [f"{ratios[kind].quantile(q):.3f}" for q in (0.25, 0.5, 0.75)]
        for kind in ratios
    ]
    text = (
        f"Each kind is read by the code of commit {commit[:12]} and by today's, by turns, in {ROUNDS} pairs of processes: "
        f"the least processor time of {reading.PASSES} passes over the files in each. Other work can only add time, so the "
        f"fastest processes are compared; the quartiles are of the ratios of pairs and show how busy the machine was. Aimed "
        f"at: a ratio of {MOST:g} at most."
    )
    header = [
        "kind",
        "before, ms a file",
        "now, ms a file",
        "ratio",
        "pairs: quarter",
        "pairs: median",
        "pairs: three quarters",
    ]
    return text, [("", header, rows)], int((fastest > MOST).sum())


def _read(tree: Path, files: Path) -> dict[str, float]:
    command = [sys.executable, reading.__file__, str(files)]
    done = subprocess.run(command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, check=True, capture_output=True)
    return json.loads(done.stdout)


def write_files(folder: Path, other: Path) -> None:
    """Good files of every kind in a subfolder `group: name` each; published runs are those of the other commit."""
    crystals = load("emt/alloys")
    structures = [crystals.to_structure(row) for row in range(N_FILES)]
    for name, suffix, kind in (("CIF", "cif", "cif"), ("POSCAR", "vasp", "poscar"), ("JSON of pymatgen", "json", "json")):
        _folder(folder, f"structure: {name}")
        for row, structure in enumerate(structures):
            structure.to(str(folder / f"structure: {name}" / f"{row}.{suffix}"), fmt=kind)
    _folder(folder, "structure: extended XYZ")
    for row in range(N_FILES):
        crystals.to_atoms(row).write(folder / "structure: extended XYZ" / f"{row}.xyz", format="extxyz")
    _tables(folder, crystals, structures)
    runs = sorted((other / "leaderboards" / "records").glob("emt/*/*/*/*.json"))[:20]
    _folder(folder, "published runs")
    for number, run in enumerate(runs):
        for suffix in (".json", ".parquet"):
            shutil.copy(run.with_suffix(suffix), folder / "published runs" / f"{number}{suffix}")
    _checkpoints(folder)


def _folder(folder: Path, kind: str) -> Path:
    (folder / kind).mkdir(parents=True)
    return folder / kind


def _tables(folder: Path, crystals: Crystals, structures: list) -> None:
    part = replace(crystals, targets=pd.DataFrame({"gap": np.arange(float(len(crystals)))}))
    part.to_parquet(_folder(folder, "table: Parquet") / "crystals.parquet")
    part.to_parquet(_folder(folder, "cached set") / "set.parquet")
    rows = [{"id": f"a{row}", "structure": found.as_dict(), "gap": row} for row, found in enumerate(structures)]
    (_folder(folder, "table: JSON") / "crystals.json").write_text(json.dumps(rows))
    texts = pd.DataFrame({"id": [row["id"] for row in rows], "cif": [found.to(fmt="cif") for found in structures]})
    texts.assign(gap=np.arange(len(texts))).to_csv(_folder(folder, "table: CSV") / "crystals.csv", index=False)


def _checkpoints(folder: Path) -> None:
    """Networks of `standard` sizes that were trained for one epoch."""
    crystals = Crystals.from_cells(
        [f"a{row}" for row in range(12)], [alloy(seed, scale=3.7 + 0.02 * seed) for seed in range(12)]
    )
    for name in NETWORKS:
        spec = registered()[name]
        model = spec.model(spec.settings("standard", {"epochs": "1"}))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(model.prepare(crystals), np.linspace(0.0, 1.0, 12), np.arange(8), np.arange(8, 12), 0)
        model.save(_folder(folder, f"checkpoint: {name}") / f"{name}.safetensors")
