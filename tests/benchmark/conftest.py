from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from benchmark.cli.main import main
from benchmark.results.scores import OnInvalid, ScoredRun, refuse, scored_tasks
from benchmark.results.store import Store

ROOT = Path(__file__).resolve().parents[2]
METALS = ("Al", "Cu", "Ag", "Au", "Ni", "Pd", "Pt")


def write_folder(folder: Path, n: int, seed: int = 0) -> Path:
    """A user's folder: n strained fcc crystals, no two of them duplicates, whose target is their volume per atom."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    levels = -(-n // len(METALS))
    rows = []
    for number in range(n):
        atoms = bulk(METALS[number % len(METALS)], cubic=bool(number % 2))
        strain = 0.95 + 0.15 * (number // len(METALS) + rng.uniform(0, 0.5)) / levels
        atoms.set_cell(atoms.cell * strain, scale_atoms=True)
        write(folder / f"c{number}.cif", atoms)
        rows.append(f"c{number},{atoms.get_volume() / len(atoms):.6f}")
    (folder / "id_prop.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory) -> Path:
    """30 crystals in CGCNN's folder format."""
    return write_folder(tmp_path_factory.mktemp("user") / "mine", 30)


@pytest.fixture
def benchmark_command(tmp_path, monkeypatch, capsys):
    """Does in this process what `python -m benchmark …` does in `tmp_path`; returns how it ended."""

    def call(*arguments: object, **changes: str) -> subprocess.CompletedProcess[str]:
        command_line = ["benchmark", *map(str, arguments)]
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", command_line)
            for name, value in changes.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        return subprocess.CompletedProcess(command_line, int(ended.value.code or 0), *capsys.readouterr())

    return call


def command(arguments) -> list[str]:
    return [sys.executable, "-m", "benchmark", *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    # A pytest started by a test is no worker of the one that runs the test.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    return {**own, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **changes}


def every_run(store: Store, on_invalid: OnInvalid = refuse) -> list[ScoredRun]:
    """The runs of all tasks of a store."""
    return [run for _, runs in scored_tasks(store, on_invalid) for run in runs]
