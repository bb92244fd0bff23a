"""Three small sets labelled by ASE's Effective Medium Theory: computed on first use, the same on every machine.

Geometries are drawn from a fixed seed and rounded before a label is computed; labels are rounded before they are
stored. Last-bit differences between processors therefore change neither, and the content hash in the card holds
everywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from datasets.cache import cached_crystals
from datasets.cards import Card, Dataset
from datasets.crystals import Cell, Crystals

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

Row = tuple[Cell, tuple[float, ...]]
Generator = Callable[[], Iterator[Row]]

GEOMETRY_DECIMALS = 7
TARGET_DECIMALS = 5
METALS = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")
ADSORBATES = ("H", "C", "N", "O")
EOS_VOLUMES, EOS_TRUST = np.array([0.96, 1.04]), 0.03

# (weight, ASE crystal structure, conventional cell, repeats, a letter an atom; "?" is drawn from two or three metals)
PROTOTYPES = (
    (2, "fcc", False, (1, 1, 1), "A"),
    (2, "bcc", False, (1, 1, 1), "A"),
    (2, "hcp", False, (1, 1, 1), "AA"),
    (2, "fcc", True, (1, 1, 1), "AAAA"),
    (6, "fcc", True, (1, 1, 1), "ABBB"),  # L1_2
    (6, "fcc", True, (1, 1, 1), "ABBA"),  # L1_0
    (6, "bcc", True, (1, 1, 1), "AB"),  # B2
    (4, "hcp", False, (1, 1, 1), "AB"),
    (6, "fcc", False, (2, 2, 2), "????????"),
    (5, "bcc", False, (2, 2, 2), "????????"),
    (5, "hcp", False, (2, 2, 1), "????????"),
)

# site: lowest height scanned, in Å
SITES_111 = {"ontop": 1.6, "bridge": 1.4, "fcc": 1.2, "hcp": 1.2}
SITES_100 = {"ontop": 1.6, "bridge": 1.3, "hollow": 0.9}
# from the middle and less than 0.3 Å apart: ASE then keeps its neighbour list
SCAN_STEPS = (0.28, 0.0, 0.56)
ADATOMS_PER_SLAB = 5

CLUSTER_SIZES = (10, 11, 12, 13)
BOX = 20.0
RELAXATION_STEPS = 25
RATTLE_AMPLITUDES = (0.02, 0.04, 0.06, 0.08, 0.10)


@cache
def emt() -> Calculator:
    """The one calculator: it is slow to make, and keeps its neighbour list while atoms hardly move."""
    from ase.calculators.emt import EMT

    return EMT()


def energy_of(atoms: Atoms) -> float:
    """EMT energy in eV."""
    atoms.calc = emt()
    return float(atoms.get_potential_energy())


def pressure_of(atoms: Atoms) -> float:
    """EMT hydrostatic pressure in eV/Å³, positive where the cell wants to expand."""
    atoms.calc = emt()
    return -float(atoms.get_stress()[:3].mean())


def scaled_to(atoms: Atoms, volume: float) -> Atoms:
    """The cell scaled isotropically to `volume` in Å³, atoms moving with it."""
    factor = (volume / atoms.get_volume()) ** (1 / 3)
    scaled = atoms.copy()
    scaled.cell *= factor
    scaled.positions *= factor
    return scaled


def equation_of_state(atoms: Atoms, guess: float) -> tuple[float, float]:
    """Third-order Birch-Murnaghan curve through energy and pressure at two volumes of a cell scaled isotropically.

    The energy is a cubic in x = (V / guess)^(-2/3) with slope 3/2 P guess x^(-5/2), so two volumes fix it. They lie
    around `guess` (Å³), and around the minimum found where that is too far off. Close to the minimum matters: EMT's
    cutoff bends the curve where a shell of neighbours crosses it.

    Returns:
        Volume of minimum energy in Å³ and bulk modulus there in eV/Å³; NaN where the curve has no minimum.
    """
    for _ in range(4):
        x, values, slopes = EOS_VOLUMES ** (-2 / 3), [], []
        for factor in EOS_VOLUMES:
            scaled = scaled_to(atoms, factor * guess)
            values.append(energy_of(scaled))
            slopes.append(1.5 * guess * factor ** (5 / 3) * pressure_of(scaled))
        conditions = np.concatenate([np.vander(x, 4), np.stack([3 * x**2, 2 * x, x**0, 0 * x], axis=1)])
        c3, c2, c1, _ = np.linalg.solve(conditions, values + slopes)
        discriminant = c2**2 - 3 * c3 * c1
        root = (np.sqrt(max(discriminant, 0.0)) - c2) / (3 * c3)
        if discriminant <= 0 or not 0.5 < root < 2:
            break
        volume = guess * root**-1.5
        if abs(volume / guess - 1) < EOS_TRUST:
            return volume, 8 / 9 * root**3.5 * np.sqrt(discriminant) / guess
        guess = volume
    return np.nan, np.nan


@cache
def fcc_element(symbol: str) -> tuple[float, float, float]:
    """Volume (Å³) and energy (eV) an atom and bulk modulus (eV/Å³) of an fcc metal at its EMT equilibrium."""
    from ase.build import bulk

    atoms = bulk(symbol)
    for _ in range(3):
        volume, bulk_modulus = equation_of_state(atoms, atoms.get_volume())
        atoms = scaled_to(atoms, volume)
    return volume, energy_of(atoms), bulk_modulus


@cache
def half_diatomic(symbol: str) -> float:
    """Half the EMT energy (eV) of a diatomic molecule at the bond length of minimum energy."""
    from ase import Atoms

    bonds = np.arange(0.6, 1.6, 0.01)
    return min(energy_of(Atoms(f"{symbol}2", [(0, 0, 0), (0, 0, bond)])) for bond in bonds) / 2


def mean_volume(symbols: list[str]) -> float:
    """Mean volume an atom (Å³) of the fcc elements of these symbols: Vegard's law."""
    return float(np.mean([fcc_element(symbol)[0] for symbol in symbols]))


def settle(atoms: Atoms) -> Cell:
    """Round lattice and fractional coordinates, move the atoms there, and return the columns of the crystal."""
    frac_coords = np.round(atoms.get_scaled_positions(wrap=False), GEOMETRY_DECIMALS) + 0.0  # no negative zeros
    atoms.cell[:] = np.round(atoms.cell, GEOMETRY_DECIMALS) + 0.0
    atoms.positions = frac_coords @ np.array(atoms.cell)
    return np.array(atoms.cell), atoms.pbc.copy(), atoms.numbers.copy(), frac_coords


def alloys(seed: int = 20) -> Iterator[Row]:
    """Strained, sheared and rattled cells: formation energy an atom and log10 of the bulk modulus."""
    from ase.build import bulk
    from ase.units import GPa

    rng = np.random.default_rng(seed)
    weights = np.array([prototype[0] for prototype in PROTOTYPES], dtype=float)
    while True:
        _, structure, cubic, repeats, letters = PROTOTYPES[rng.choice(len(PROTOTYPES), p=weights / weights.sum())]
        metals = rng.choice(METALS, 3, replace=False)
        palette = metals[: rng.integers(2, 4)]
        symbols = [str(rng.choice(palette) if letter == "?" else metals["AB".index(letter)]) for letter in letters]
        atoms = bulk("Cu", structure, a=1.0, cubic=cubic).repeat(repeats)
        atoms.set_chemical_symbols(symbols)
        volume = len(atoms) * mean_volume(symbols) * rng.uniform(0.92, 1.08)
        shear = rng.normal(0, 0.02, (3, 3))
        atoms.set_cell(np.array(atoms.cell) @ (np.eye(3) + (shear + shear.T) / 2), scale_atoms=True)
        atoms = scaled_to(atoms, volume)
        atoms.positions += rng.uniform(0, 0.10) * rng.standard_normal(atoms.positions.shape).clip(-2.5, 2.5)
        cell = settle(atoms)
        fcc_energy, fcc_modulus = np.mean([fcc_element(symbol)[1:] for symbol in symbols], axis=0)
        energy = energy_of(atoms) / len(atoms) - fcc_energy
        # Murnaghan's equation with B' = 5
        guess = atoms.get_volume() * max(0.3, 1 + 5 * pressure_of(atoms) / fcc_modulus) ** (1 / 5)
        _, bulk_modulus = equation_of_state(atoms, guess)
        if bulk_modulus > 0:
            yield cell, (energy, np.log10(bulk_modulus / GPa))


def surfaces(seed: int = 21) -> Iterator[Row]:
    """One adatom on a three-layer 2x2 slab of one or two metals, near the height of least energy over its site."""
    from ase.build import add_adsorbate, fcc100, fcc111

    rng = np.random.default_rng(seed)
    while True:
        build, sites = ((fcc111, SITES_111), (fcc100, SITES_100))[rng.integers(2)]
        pair = rng.choice(METALS, 2, replace=False)
        symbols = [str(pair[int(second)]) for second in rng.random(12) < rng.choice([0.0, 0.25, 0.5, 0.75])]
        a = (4 * mean_volume(symbols)) ** (1 / 3) * rng.uniform(0.98, 1.02)
        slab = build("Cu", (2, 2, 3), a=a, vacuum=13.0)
        slab.set_chemical_symbols(symbols)
        slab.positions += 0.04 * rng.standard_normal(slab.positions.shape)
        settle(slab)
        slab_energy = energy_of(slab)
        for adsorbate in rng.choice(ADSORBATES, ADATOMS_PER_SLAB):
            atoms, site = slab.copy(), str(rng.choice(list(sites)))
            add_adsorbate(atoms, adsorbate, sites[site], site, offset=rng.integers(0, 2, 2))
            atoms.positions[-1, :2] += rng.uniform(-0.1, 0.1, 2)
            lowest, scan = atoms.positions[-1, 2], []
            for step in SCAN_STEPS:
                atoms.positions[-1, 2] = lowest + step
                scan.append(energy_of(atoms))
            atoms.positions[-1, 2] = lowest + SCAN_STEPS[int(np.argmin(scan))] + rng.uniform(-0.15, 0.35)
            yield settle(atoms), (energy_of(atoms) - slab_energy - half_diatomic(str(adsorbate)),)


def grown_cluster(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, 3) positions about the origin: each atom 2.6 Å from another, as near the middle as 20 tries get."""
    positions = np.zeros((1, 3))
    while len(positions) < size:
        directions = rng.standard_normal((20, 3))
        directions *= 2.6 / np.linalg.norm(directions, axis=1, keepdims=True)
        trials = positions[rng.integers(len(positions), size=20)] + directions
        too_near = np.linalg.norm(trials[:, None] - positions, axis=2).min(axis=1) < 2.3
        best = np.argmin(np.linalg.norm(trials - positions.mean(axis=0), axis=1) + 100 * too_near)
        positions = np.concatenate([positions, trials[best : best + 1]])
    return positions - positions.mean(axis=0)


def pt_clusters(seed: int = 22) -> Iterator[Row]:
    """Pt10 to Pt13 in a box: grown, briefly relaxed, then rattled with five amplitudes."""
    from ase import Atoms
    from ase.optimize import FIRE

    rng = np.random.default_rng(seed)
    for size in cycle(CLUSTER_SIZES):
        parent = Atoms(f"Pt{size}", grown_cluster(rng, size) + BOX / 2, cell=[BOX] * 3, calculator=emt())
        FIRE(parent, logfile=None).run(fmax=0.0, steps=RELAXATION_STEPS)
        # coarse, so that what the steps amplify of a last-bit difference is rounded away
        parent.positions = np.round(parent.positions, 3)
        for amplitude in RATTLE_AMPLITUDES:
            atoms = parent.copy()
            atoms.positions += amplitude * rng.standard_normal(atoms.positions.shape)
            yield settle(atoms), (energy_of(atoms),)


def compute(card: Card, generate: Generator, prefix: str) -> Crystals:
    """Draw the geometries and label them: the set from scratch."""
    cells, labels = zip(*islice(generate(), card.rows), strict=True)
    ids = [f"{prefix}-{row:04d}" for row in range(1, len(cells) + 1)]
    targets = pd.DataFrame(np.round(labels, TARGET_DECIMALS) + 0.0, columns=list(card.targets))
    return Crystals.from_cells(ids, cells, targets)


def load(card: Card, generate: Generator, prefix: str) -> Crystals:
    """The set from the cache, or computed and cached where the cached file is missing, damaged or another one."""

    def build() -> Crystals:
        logging.getLogger(__name__).info("computing %s with ASE's EMT potential; only the first time", card.name)
        return compute(card, generate, prefix)

    return cached_crystals("emt", {"name": card.name}, card.content_hash, build)


def emt_card(name: str, rows: int, content_hash: str, targets: dict[str, str], description: str, *problems: str) -> Card:
    """A card with what the three sets have in common."""
    return Card(
        name=name,
        description=f"{description} Labels by Effective Medium Theory, a model: for demonstration and tests,"
        " not physics to rely on.",
        targets=targets,
        rows=rows,
        content_hash=content_hash,
        licence="MIT",
        citation="@article{jacobsen1996, author={K. W. Jacobsen and P. Stoltze and J. K. N{\\o}rskov}, title={A"
        " semi-empirical effective medium theory for metals and alloys}, journal={Surf. Sci.}, volume={366},"
        " pages={394}, year={1996}}",
        source="computed by datasets/sets/emt.py with ase.calculators.emt.EMT",
        version="1",
        how_to_get="computed on first use (under a minute), then kept in the cache directory",
        synthetic=True,
        known_problems=("EMT was fitted to fcc metals: its alloys, hcp and bcc are only qualitative", *problems),
    )


ALLOYS = emt_card(
    "emt/alloys",
    1000,
    "f4d48f44f498235e7073194b5c602767c111b1ef1e30ba18e1569fca3d46a989",
    {"formation_energy_per_atom": "eV/atom", "log10_bulk_modulus": "log10(GPa)"},
    "Ordered (L1_2, L1_0, B2, hcp) and disordered fcc, bcc and hcp cells of 1 to 8 atoms of Al, Ni, Cu, Pd, Ag, Pt, Au,"
    " strained and rattled, not relaxed. Formation energy against the fcc elements at their EMT equilibrium; bulk"
    " modulus from a Birch-Murnaghan curve through isotropic scalings of the cell.",
)
SURFACES = emt_card(
    "emt/surfaces",
    800,
    "ef8897923fdbd6dabc68eed4a651fa71a6542e1817796d29e3efdcf2cadbbef4",
    {"adsorption_energy": "eV"},
    "One H, C, N or O atom on a three-layer 2x2 (111) or (100) slab of one or two of Al, Ni, Cu, Pd, Ag, Pt, Au,"
    " periodic in the plane only, not relaxed. Adsorption energy = E(slab with atom) - E(slab) - half the energy of the"
    " diatomic molecule at its EMT bond length.",
    "ASE gives EMT parameters of H, C, N and O 'just for fun': the energies mean nothing outside this set",
    "five consecutive rows share one slab: random folds train on the slabs they are tested on",
)
PT_CLUSTERS = emt_card(
    "emt/pt_clusters",
    800,
    "fc0fe1a16748497c28d5a6a69be40c44160d6a199b033ea1c3ce82174a7f4510",
    {"total_energy": "eV"},
    "Pt10 to Pt13 in a 20 Å box, not periodic: grown at random, briefly relaxed, rattled. Total energy in EMT's own"
    " zero (bulk fcc Pt). A small twin of the Pt clusters of Fung et al.",
    "five consecutive rows are one cluster rattled: random folds train on relatives of their test rows",
)
DATASETS = [
    Dataset(ALLOYS, partial(load, ALLOYS, alloys, "alloy")),
    Dataset(SURFACES, partial(load, SURFACES, surfaces, "surface")),
    Dataset(PT_CLUSTERS, partial(load, PT_CLUSTERS, pt_clusters, "cluster")),
]
