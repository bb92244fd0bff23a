"""What was planted is found; the whole table is `python -m benchmark explain --ground-truth 10`."""

from dataclasses import replace

import numpy as np
import pytest

from benchmark.explain.enrichment.motifs import motifs
from benchmark.explain.pages import planted
from benchmark.explain.pages.commands import Directories
from benchmark.explain.planted.planted_sets import N_NODE_TYPES, PLANTED, plant
from benchmark.explain.planted.records import PLANTED_KINDS, PlantedTrial
from benchmark.explain.planted.trials import TrialSettings, trial, trials
from benchmark.explain.settings import MINIATURE, Budget, Limits, SearchSettings
from benchmark.explain.store import ExplanationStore
from datasets.errors import InputError

REDUCED = TrialSettings(
    n_graphs=600,
    classifier=MINIATURE,
    limits=Limits(max_atoms=4, max_bonds=4),
    search=SearchSettings(graphs=12, rollouts=2, warm_up=6, updates=10, per_round=5),
    budget=Budget(per_class=25, max_rounds=6, patience=2),
)


@pytest.mark.parametrize("planted", PLANTED)
def test_the_motif_alone_tells_the_classes_apart(planted):
    data = plant(planted, 200, seed=1)
    assert len(data.graphs) == len(data.high) == 200 and data.high.sum() == 100
    counts = data.graphs.node_type_counts()
    sizes = [counts[data.high == wanted].sum() / 100 for wanted in (True, False)]
    assert abs(sizes[0] - sizes[1]) < 0.6
    held = counts[:, data.motif[0]] > 0 if data.kind == "node type" else None
    if data.kind == "pair":
        held = data.graphs.pair_counts()[:, motifs(N_NODE_TYPES, "pair").index(data.motif)] > 0
    if held is not None and planted != "shuffled":
        assert np.array_equal(held, data.high)
    if planted == "shuffled":
        assert 20 < (data.high & (counts[:, data.motif[0]] > 0)).sum() < 80


def test_a_planted_node_type_is_found_first():
    found = trial("node type", 0, REDUCED)
    assert found.auc > 0.9 and found.rank == 1
    assert found.planted_test is not None and found.planted_test.interval[0] > 0


def test_a_planted_pair_is_found_first():
    found = trial("pair", 0, REDUCED)
    assert found.auc > 0.8 and found.rank == 1


def test_nothing_is_found_in_shuffled_classes():
    found = trial("shuffled", 0, replace(REDUCED, budget=Budget(per_class=10, max_rounds=2, patience=1)))
    assert found.auc < 0.65 and found.significant == 0


def test_trials_are_kept_and_the_page_is_of_all_of_them(tmp_path):
    shallow = replace(
        REDUCED, n_graphs=60, classifier=replace(MINIATURE, epochs=1), budget=Budget(per_class=5, max_rounds=1, patience=1)
    )
    store, told = ExplanationStore(tmp_path), list[PlantedTrial]()
    found = trials(1, store, 1, told.append, shallow)
    assert [one.planted for one in found] == list(PLANTED_KINDS) and told == found
    assert trials(1, store, 1, told.append, shallow) == found and len(told) == len(found), "none is tried again"
    store.write(store.trial_path("pair", 0), found[1].model_copy(update={"source_sha256": "0" * 64}))
    assert trials(1, store, 1, told.append, shallow)[1].source_sha256 == found[1].source_sha256 and len(told) == len(found) + 1
    page = planted.write_page(found, Directories(tmp_path))
    text = page.read_text()
    commit = found[0].git_commit or "unknown"
    assert text.startswith(planted.TITLE) and "explain --ground-truth 1 --page" in text and f"commit {commit}" in text
    assert "The search as published:\n\n" in text and "- A planted triangle is found first with 0 of 1 seed; with 0" in text
    floored = [one.model_copy(update={"settings": {"search": {"floor": 0.5}}}) for one in found]
    both = planted.page_text([*floored, *found], Directories(tmp_path))
    assert both.index("## The search as published (floor 0)") < both.index("## The search with a floor (floor 0.5)")
    assert both.count("A planted triangle is found first") == 2 and "--ground-truth 1 --floor 0.5" in both
    page.write_text("my own")
    with pytest.raises(InputError, match="would be replaced"):
        planted.write_page(found, Directories(tmp_path))


def test_where_probabilities_are_drawn_by_chance_hardly_anything_is_significant():
    found = trial("chance", 0, replace(REDUCED, budget=Budget(per_class=40, max_rounds=10)))
    assert not found.untested and found.tests > 50 and found.significant <= 1
