"""The page of a data set's health says what was planted in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from benchmark.datasheets.card_page import card_text, checked_card
from benchmark.datasheets.health_page import findings, page_text, summary
from benchmark.datasheets.health_report import examine
from datasets.neighbor_search import MinimumImage, Nearest
from datasets.registry import get, load


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Twelve fcc crystals, of which the first two and the next three are the same; a quarter of the targets are zero."""
    folder = tmp_path_factory.mktemp("user") / "planted"
    folder.mkdir()
    same = [3.6, 3.6, 4.1, 4.1, 4.1, *np.linspace(4.4, 5.5, 7)]
    for number, constant in enumerate(same):
        write(folder / f"c{number:02d}.cif", bulk("Cu", a=constant))
    rows = [f"c{number:02d},{0.0 if number % 4 == 0 else number}" for number in range(len(same))]
    (folder / "id_prop.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_the_largest_group_of_duplicates_comes_first_and_zeros_are_named(planted):
    health = examine(str(planted), [Nearest(12, 8.0)])
    assert health.duplicates.examples == (("c02", "c03", "c04"), ("c00", "c01"))
    lines = [finding.text for finding in findings(health)]
    assert "target: 25.0 % of the values are zero." in lines
    assert lines[0].startswith("5 crystals (41.7 %) have a duplicate: 2 groups of equal structures, the largest of 3")


def test_the_terminal_says_only_what_is_odd_and_the_page_says_all(planted, tmp_path):
    odd, page = (make(examine(str(planted)), *more) for make, more in ((summary, ()), (page_text, ("again",))))
    assert "5 crystals (41.7 %) have a duplicate" in odd and "c02, c03, c04" in odd and "25.0 % of the values are zero" in odd
    assert "minimum-image" not in odd and "Folding" not in odd and "## Folding" in page and "minimum-image" in page
    for number, constant in enumerate(np.linspace(3.6, 4.2, 12)):
        write(tmp_path / f"c{number}.cif", bulk("Cu", a=constant))
    (tmp_path / "id_prop.csv").write_text("".join(f"c{number},{number + 1}\n" for number in range(12)))
    first, said = summary(examine(str(tmp_path))).splitlines()
    assert "12 crystals, 12 atoms, 1 element" in first and said.startswith("Nothing wrong found")


def test_atoms_without_neighbours_are_odd_where_the_rule_is_the_only_one(planted):
    alone = summary(examine(str(planted), [MinimumImage(12, 8.0)]))
    assert "12 atoms without a neighbour" in alone and "isolated" in alone


def test_a_card_says_as_expected_only_where_it_says_how_many(planted):
    dataset, crystals = get(str(planted)), load(str(planted))
    assert "12 crystals as expected, 12 atoms" in card_text(checked_card(dataset, crystals, None))
    fewer = replace(dataset, card=dataset.card.model_copy(update={"rows": 20}))
    assert "12 crystals (20 in the card's release), 12 atoms" in card_text(checked_card(fewer, crystals, None))
    unknown = replace(dataset, card=dataset.card.model_copy(update={"rows": None}))
    assert "12 crystals, 12 atoms" in card_text(checked_card(unknown, crystals, None))
