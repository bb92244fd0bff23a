"""The EMT sets are what their cards say, on any machine, whatever lies in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.eos import EquationOfState
from ase.units import GPa

from datasets.cards import Dataset
from datasets.crystals import Crystals
from datasets.sets import emt

NAMES = ("emt/alloys", "emt/surfaces", "emt/pt_clusters")
PERIODIC = {"emt/alloys": (True, True, True), "emt/surfaces": (True, True, False), "emt/pt_clusters": (False,) * 3}
BY_NAME = {dataset.card.name: dataset for dataset in emt.DATASETS}


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Crystals]:
    """Every set from scratch: the cache starts empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCHMARK_CACHE", str(tmp_path_factory.mktemp("cache")))
        return {name: dataset.load() for name, dataset in BY_NAME.items()}


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache directory."""
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def computations() -> list[str]:
    """One entry each time `few` was computed."""
    return []


@pytest.fixture
def few(computations: list[str]) -> Dataset:
    """The clusters, cut to three rows."""

    def generate() -> Iterator[emt.Row]:
        computations.append("few")
        return emt.pt_clusters()

    card = BY_NAME["emt/pt_clusters"].card.model_copy(update={"rows": 3})
    content_hash = emt.compute(card, emt.pt_clusters, "cluster").content_hash
    card = card.model_copy(update={"content_hash": content_hash})
    return Dataset(card, lambda: emt.load(card, generate, "cluster"))


@pytest.mark.parametrize("name", NAMES)
def test_recomputed_set_has_the_hash_and_rows_of_its_card(computed, name):
    card = BY_NAME[name].card
    assert computed[name].content_hash == card.content_hash
    assert len(computed[name]) == card.rows
    assert list(computed[name].targets) == list(card.targets)


@pytest.mark.parametrize("name", NAMES)
def test_every_target_is_finite_varies_and_has_no_outlier(computed, name):
    targets = computed[name].targets.to_numpy()
    assert np.isfinite(targets).all()
    scores = (targets - targets.mean(axis=0)) / targets.std(axis=0)
    assert np.abs(scores).max() < 5
    assert (targets.std(axis=0) > 0.05).all()
    assert all(len(np.unique(column)) > 0.95 * len(targets) for column in targets.T)


@pytest.mark.parametrize("name", NAMES)
def test_every_crystal_is_periodic_as_the_card_says(computed, name):
    assert (computed[name].pbc == PERIODIC[name]).all()


@pytest.mark.parametrize("name", NAMES)
def test_no_two_atoms_are_closer_than_real_atoms_come(computed, name):
    crystals = computed[name]
    for row in range(0, len(crystals), 4):
        # doubled, so that an atom also meets its own images
        atoms = crystals.to_atoms(row).repeat([2 if periodic else 1 for periodic in PERIODIC[name]])
        distances = atoms.get_all_distances(mic=True)
        assert distances[np.triu_indices(len(atoms), 1)].min() > 1.4


def test_slabs_keep_ten_angstrom_of_vacuum_on_either_side(computed):
    surfaces = computed["emt/surfaces"]
    for row in range(len(surfaces)):
        height, z = surfaces.lattice[row][2, 2], surfaces.cart_coords(row)[:, 2]
        assert z.min() > 10
        assert height - z.max() > 10


def test_clusters_stay_inside_their_box(computed):
    coords = computed["emt/pt_clusters"].frac_coords
    assert coords.min() > 0.2
    assert coords.max() < 0.8


def test_ids_are_unique_across_the_three_sets(computed):
    ids = np.concatenate([crystals.ids for crystals in computed.values()])
    assert len(set(ids)) == len(ids) == 2600
    assert computed["emt/alloys"].ids[0] == "alloy-0001"


@pytest.mark.parametrize("symbol", emt.METALS)
def test_fcc_element_at_equilibrium_is_the_zero_of_formation_energy(symbol):
    volume, energy, bulk_modulus = emt.fcc_element(symbol)
    volumes = volume * np.linspace(0.97, 1.03, 7)
    energies = []
    for v in volumes:
        atoms = bulk(symbol, "fcc", a=(4 * v) ** (1 / 3))
        atoms.calc = EMT()
        energies.append(atoms.get_potential_energy())
    fitted_volume, fitted_energy, fitted_modulus = EquationOfState(volumes, energies, "birchmurnaghan").fit()
    assert volume == pytest.approx(fitted_volume, rel=1e-3)
    assert energy == pytest.approx(fitted_energy, abs=1e-4)
    assert bulk_modulus == pytest.approx(fitted_modulus, rel=0.03)


def test_bulk_modulus_of_copper_is_near_the_experimental_one():
    assert 120 < emt.fcc_element("Cu")[2] / GPa < 150


def test_labels_of_alloys_follow_from_the_stored_geometry(computed):
    alloys = computed["emt/alloys"]
    differences = []
    for row in range(0, len(alloys), 50):
        atoms = alloys.to_atoms(row)
        atoms.calc = EMT()
        elements = sum(emt.fcc_element(symbol)[1] for symbol in atoms.get_chemical_symbols())
        formation_energy = (atoms.get_potential_energy() - elements) / len(atoms)
        assert formation_energy == pytest.approx(alloys.targets["formation_energy_per_atom"].iloc[row], abs=1e-5)

        volume, _ = emt.equation_of_state(atoms, atoms.get_volume())
        volumes = volume * np.linspace(0.95, 1.05, 9)
        energies = [emt.energy_of(emt.scaled_to(atoms, v)) for v in volumes]
        modulus = EquationOfState(volumes, energies, "birchmurnaghan").fit()[2] / GPa
        differences.append(alloys.targets["log10_bulk_modulus"].iloc[row] - np.log10(modulus))
    assert np.median(np.abs(differences)) < 0.002
    assert np.abs(differences).max() < 0.03


def test_adsorption_energy_follows_from_the_stored_geometry(computed):
    surfaces = computed["emt/surfaces"]
    for row in range(0, len(surfaces), 100):
        atoms = surfaces.to_atoms(row)
        slab = atoms[:-1]
        molecule = emt.half_diatomic(atoms[-1].symbol)
        atoms.calc, slab.calc = EMT(), EMT()
        adsorption_energy = atoms.get_potential_energy() - slab.get_potential_energy() - molecule
        assert adsorption_energy == pytest.approx(surfaces.targets["adsorption_energy"].iloc[row], abs=1e-5)


def test_second_load_reads_the_cache(cache, few, computations):
    first, second = few.load(), few.load()
    assert first.content_hash == second.content_hash == few.card.content_hash
    assert len(computations) == 1
    assert [path.suffix for path in (cache / "emt").iterdir() if path.suffix != ".lock"] == [".parquet"]


@pytest.mark.parametrize("damage", ["truncated", "garbage", "a byte flipped", "another set"])
def test_damaged_cache_file_is_rebuilt(cache, few, computations, damage):
    crystals = few.load()
    (path,) = (cache / "emt").glob("*.parquet")
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "garbage":
        path.write_bytes(b"not parquet")
    elif damage == "a byte flipped":
        content[len(content) // 4] ^= 0xFF
        path.write_bytes(content)
    else:
        crystals.take([0, 1]).to_parquet(path)
    assert few.load().content_hash == few.card.content_hash
    assert len(computations) == 2
    assert Crystals.from_parquet(path).content_hash == few.card.content_hash


def test_cache_that_cannot_be_written_costs_only_time(cache, few, monkeypatch):
    (cache / "file").write_text("")
    monkeypatch.setenv("BENCHMARK_CACHE", str(cache / "file"))
    assert few.load().content_hash == few.card.content_hash
