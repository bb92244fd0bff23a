"""What every dataset promises: one suite, run over whatever is registered."""

import re

import numpy as np
import pytest

from datasets import registry
from datasets.cards import FileDataset
from datasets.errors import DatasetMissing

each_dataset = pytest.mark.parametrize("name", list(registry.built_in()))


@each_dataset
def test_a_card_says_what_a_person_must_know(name):
    card = registry.get(name).card
    assert card.name == name and all(re.fullmatch(r"[\w.-]+", part) for part in name.split("/"))
    assert card.targets and all(card.targets.values()), "every target has a unit"
    assert all((card.description, card.licence, card.source, card.version, card.how_to_get, card.rows))
    for line in (card.description, card.how_to_get, *card.known_problems):
        assert "\n" not in line


@each_dataset
def test_the_citation_is_bibtex(name):
    entries = re.findall(r"@(\w+)\{([\w-]+),(.*?)\n?\}(?=\s*(?:@|$))", registry.get(name).card.citation, re.DOTALL)
    assert entries
    for kind, _, fields in entries:
        assert kind == "article" and {"author", "title", "year"} <= set(re.findall(r"(\w+) ?= ?\{", fields))
        assert fields.count("{") == fields.count("}")


@each_dataset
def test_a_file_that_is_missing_says_so_and_how_to_get_it(name, tmp_path, monkeypatch):
    dataset = registry.get(name)
    if not isinstance(dataset, FileDataset):
        pytest.skip(f"{name} is computed")
    monkeypatch.setenv("BENCHMARK_DATA", str(tmp_path))
    with pytest.raises(DatasetMissing) as caught:
        dataset.load()
    assert str(caught.value) == f"{name}: {tmp_path / dataset.card.file} is missing; {dataset.card.how_to_get}"
    fetchable = "datasets fetch" in dataset.card.how_to_get
    assert fetchable == (dataset.fetch is not None)


@each_dataset
def test_the_crystals_are_those_of_the_card(name, shared_data, monkeypatch):
    dataset = registry.get(name)
    if name.startswith("emt/"):
        pytest.skip("tests/datasets/sets/test_emt.py computes them")
    if isinstance(dataset, FileDataset):
        monkeypatch.setenv("BENCHMARK_DATA", str(shared_data(dataset.card.file).parents[1]))
    crystals = registry.load(name)
    assert len(crystals) == dataset.card.rows
    assert set(crystals.targets) <= {*dataset.card.targets, dataset.card.split_column}
    assert next(iter(dataset.card.targets)) in crystals.targets
    assert not np.isinf(crystals.targets.to_numpy()).any()
    assert np.isfinite(crystals.lattice).all() and (abs(np.linalg.det(crystals.lattice)) > 1).all()
    if not isinstance(dataset, FileDataset):
        assert dataset.load().content_hash == crystals.content_hash, "computing twice gives the same"
