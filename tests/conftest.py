"""Small hand-made crystals, ways to write the same crystal differently, and a cache that is thrown away."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from datasets.crystals import Cell, Crystals

# Read when torch is imported: threads that spin while they wait, or are more than the cores, starve one another.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

PERIODIC, SHEET, OPEN = (True, True, True), (True, True, False), (False, False, False)
FCC = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """None, which leaves it to xdist; no workers for the regression test, whose one check trains on all cores."""
    return 0 if config.option.markexpr == "regression" else None


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The session's own cache directory, which all of its workers share: no test reads or writes the user's."""
    with pytest.MonkeyPatch.context() as patch:
        base = tmp_path_factory.getbasetemp()
        path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-cache"
        path.mkdir(exist_ok=True)
        patch.setenv("BENCHMARK_CACHE", str(path))
        yield path


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A file or folder of the real data by its relative name; skips where it is not on this machine."""
    root = Path(os.environ.get("BENCHMARK_DATA") or Path(__file__).parents[2] / "shared" / "data")

    def find(relative: str) -> Path:
        path = root / relative
        if not path.exists():
            pytest.skip(f"real data {path} is not on this machine; set BENCHMARK_DATA")
        return path

    return find


def rock_salt() -> Cell:
    """Sodium chloride, the conventional cell of eight atoms: every neighbour shell is full of ties."""
    return np.eye(3) * 5.64, PERIODIC, np.repeat([11, 17], 4), np.concatenate([FCC, (FCC + 0.5) % 1.0])


def alloy(seed: int = 0, numbers: tuple[int, ...] = (29, 79), scale: float = 3.9) -> Cell:
    """A rattled 2 × 1 × 1 supercell of an fcc alloy in a slightly sheared cell: no two distances are equal."""
    rng = np.random.default_rng(seed)
    coords = np.concatenate([FCC, FCC + np.array([1.0, 0.0, 0.0])]) * [0.5, 1.0, 1.0]
    lattice = np.diag([2.0, 1.0, 1.0]) * scale + rng.normal(0, 0.1, (3, 3))
    return lattice, PERIODIC, rng.choice(numbers, len(coords)), coords + rng.normal(0, 0.02, coords.shape)


def slab() -> Cell:
    """Three layers of aluminium with an oxygen on top, periodic along a and b only."""
    lattice = np.array([[2.86, 0.0, 0.0], [0.0, 2.86, 0.0], [0.0, 0.0, 12.0]])
    heights = np.array([0.1, 0.1 + 2.02 / 12, 0.1 + 4.05 / 12, 0.1 + 5.9 / 12])
    in_plane = np.array([[0.0, 0.0], [0.5, 0.5], [0.0, 0.0], [0.48, 0.53]])
    return lattice, SHEET, np.array([13, 13, 13, 8]), np.column_stack([in_plane, heights])


def cluster() -> Cell:
    """Five platinum atoms in a box, not periodic: fewer neighbours than most rules ask for."""
    coords = np.array([[0.0, 0.0, 0.0], [2.7, 0.0, 0.0], [1.3, 2.4, 0.0], [1.4, 0.8, 2.2], [4.0, 2.3, 0.3]])
    return np.eye(3) * 20.0, OPEN, np.full(5, 78), (coords + 8.0) / 20.0


def lone_atom() -> Cell:
    """One argon atom with nothing around it."""
    return np.eye(3) * 10.0, OPEN, np.array([18]), np.array([[0.5, 0.5, 0.5]])


@pytest.fixture(scope="session")
def crystals() -> Crystals:
    """Rock salt, an alloy, a slab and a cluster: every atom has a neighbour within 3 Å."""
    cells = [rock_salt(), alloy(), slab(), cluster()]
    return Crystals.from_cells(["salt", "alloy", "slab", "cluster"], cells)


@pytest.fixture(scope="session")
def isolated() -> Crystals:
    """A pair of crystals, the second of which is a single atom without neighbours."""
    return Crystals.from_cells(["salt", "lonely"], [rock_salt(), lone_atom()])


@pytest.fixture(scope="session")
def alloys() -> Crystals:
    """Thirty small alloys whose target, in eV/atom, follows composition and volume: something to learn."""
    pairs = [(29, 79), (28, 78), (13, 22)]
    cells = [alloy(seed, pairs[seed % 3], 3.7 + 0.02 * seed) for seed in range(30)]
    energy = [np.mean(cell[2]) / 40 - np.linalg.det(cell[0]) / 60 for cell in cells]
    return Crystals.from_cells([f"alloy-{seed}" for seed in range(30)], cells, pd.DataFrame({"energy": energy}))


# -- the same crystals, written differently --------------------------------------------------------


def permuted(cell: Cell) -> Cell:
    """The atoms in another order."""
    lattice, pbc, numbers, coords = cell
    order = np.random.default_rng(1).permutation(len(numbers))
    return lattice, pbc, numbers[order], coords[order]


def rotated(cell: Cell) -> Cell:
    """Turned by an arbitrary proper rotation."""
    lattice, *rest = cell
    matrix = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    return lattice @ (matrix * np.sign(np.linalg.det(matrix))), *rest


def translated(cell: Cell) -> Cell:
    """Every atom moved by the same vector, out of the cell."""
    lattice, pbc, numbers, coords = cell
    return lattice, pbc, numbers, coords + np.array([0.313, -0.721, 1.137])


def wrapped(cell: Cell) -> Cell:
    """Each atom at another of its periodic images."""
    lattice, pbc, numbers, coords = cell
    images = np.random.default_rng(3).integers(-2, 3, coords.shape)
    return lattice, pbc, numbers, coords + images * np.array(pbc)


def doubled(cell: Cell) -> Cell:
    """A supercell: doubled along a, tripled along b, where the crystal is periodic."""
    lattice, pbc, numbers, coords = cell
    times = np.where(pbc, [2, 3, 1], 1)
    images = np.array(list(np.ndindex(*times)))
    coords = (coords[None] + images[:, None]).reshape(-1, 3) / times
    return lattice * times[:, None], pbc, np.tile(numbers, len(images)), coords


def resheared(cell: Cell) -> Cell:
    """Another choice of cell vectors of the same lattice: b + a for b, where both are periodic."""
    lattice, pbc, numbers, coords = cell
    basis = np.eye(3)
    basis[1, 0] = float(pbc[0] and pbc[1])
    return basis @ lattice, pbc, numbers, coords @ np.linalg.inv(basis)


REWRITINGS = {
    "permutation": permuted,
    "rotation": rotated,
    "translation": translated,
    "wrapping": wrapped,
    "supercell": doubled,
    "other cell vectors": resheared,
}


@pytest.fixture(params=REWRITINGS)
def rewritten(request: pytest.FixtureRequest) -> Callable[[Crystals], Crystals]:
    """Each way in turn to write the same crystals differently; nothing intensive may change."""

    def rewrite(crystals: Crystals) -> Crystals:
        cells = [
            (crystals.lattice[row], crystals.pbc[row], crystals.atomic_numbers[atoms], crystals.frac_coords[atoms])
            for row, atoms in enumerate(map(crystals.atoms_of, range(len(crystals))))
        ]
        cells = [REWRITINGS[request.param](cell) for cell in cells]
        return replace(Crystals.from_cells(crystals.ids, cells), targets=crystals.targets)

    return rewrite
