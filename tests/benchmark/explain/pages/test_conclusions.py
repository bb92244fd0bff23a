"""What a page of explanations says: of motifs, of crystals that hold them, of seeds and of networks."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from pymatgen.core import Element

from benchmark.cli import explain
from benchmark.explain.node_types import N_NODE_TYPES, NodeTypeKind, node_types_of
from benchmark.explain.pages.commands import Directories
from benchmark.explain.pages.conclusions import details, in_short, poor
from benchmark.explain.pages.elements import ELEMENTS
from benchmark.explain.pages.markdown import board_size_first, page_text
from benchmark.explain.pages.motifs import by_seed
from benchmark.explain.pages.settings import explained_network, heading
from benchmark.explain.pages.tables import tables
from benchmark.explain.pages.untested import TESTABLE
from benchmark.explain.records import Result
from benchmark.explain.seed_groups import SeedGroup
from benchmark.explain.settings import PROFILES
from benchmark.explain.statements import Enrichment
from benchmark.explain.store import ExplanationStore
from tests.benchmark.explain.constructed import beyond, class_result, enrichment, write_experiment

CRYSTALS = "the other class's crystals"


@pytest.fixture
def result(tmp_path) -> Result:
    return write_experiment(ExplanationStore(tmp_path))


def group(*results: Result) -> SeedGroup:
    return SeedGroup(results, {"low": (), "high": ()})


def with_low(result: Result, *found: Enrichment) -> Result:
    return result.model_copy(update={"low": class_result("low", found)})


def of_seed(result: Result, seed: int) -> Result:
    experiment = result.experiment.model_copy(update={"seed": seed})
    return result.model_copy(update={"classifier": result.classifier.model_copy(update={"experiment": experiment})})


def test_what_crystals_show_is_told_from_what_is_not_significant_and_from_what_is_too_rare(result):
    unsure = enrichment((1, 2), 3.0, 0.02, CRYSTALS).model_copy(update={"count": 1, "total": 100, "other_count": 0})
    assert unsure.interval[0] > 0 and unsure.p_holm > 0.05
    preferred = beyond(((1,), 3.0), ((1, 2), 3.0), ((1, 1, 2), 3.0))
    shown = group(with_low(result, *preferred, enrichment((1,), 2.0, against=CRYSTALS), unsure))
    assert list(in_short(shown))[1] == (
        "True of real crystals? A count of the training crystals, without a network, shows 1 of these 3. Not shown, or too "
        "rare to test: bond 1–2 (low), triangle 1–1–2 (low)."
    )
    line = next(line for line in details(shown) if line.startswith("Low: the network"))
    assert "shows 1 of these 3 (p < 0.05 after correction for 2 motifs)" in line
    assert "Not shown: bond 1–2 (in 1.0 % of the low crystals and 0.0 % of the others)." in line
    assert "Too rare to test, in fewer than 5 crystals: triangle 1–1–2." in line
    header, rows = next(table for table in tables(shown) if table[0][0].startswith("low, beyond"))
    assert header[-1] == "their p (Holm)" and [row[-1] for row in rows] == ["0.010", "0.20", ""]
    assert rows[2][5] == "in fewer than 5 crystals"


def test_a_table_has_p_of_every_seed(result):
    both = of_seed(with_low(result, *beyond(((1,), 3.0), ((2,), -2.0))), 0)
    one = of_seed(with_low(result, *beyond(((1,), 3.0), ((2,), 2.0)), enrichment((3,), 1.0, 0.04, "size and composition")), 7)
    header, rows = by_seed(group(both, one), "low")
    assert header[1:] == ("seed 0", "seed 7", "seeds significant")
    assert rows == [
        ["node type 1: more", "0.010", "0.010", "2 of 2"],
        ["node type 2: more", "other sign", "0.010", "1 of 2"],
        ["node type 2: less", "0.010", "other sign", "1 of 2"],
    ]
    assert by_seed(group(both), "low") is None


@pytest.mark.parametrize(("held", "told"), [((60, 1200), "in all of both"), ((0, 0), "in none of both")])
def test_where_all_or_none_hold_a_motif_there_are_no_log_odds(result, held, told):
    counts = {"count": held[0], "total": 60, "other_count": held[1], "other_total": 1200}
    tests = [enrichment((1,), -3.0, 0.9, against) for against in ("random graphs", "size and composition")]
    found = group(with_low(result, *(one.model_copy(update=counts) for one in tests)))
    rows = [row for header, rows in tables(found) if header[0].startswith("low") for row in rows]
    assert [row[3] for row in rows] == [told, told] and not any("-3.0" in cell for row in rows for cell in row)


@pytest.mark.parametrize(("found", "rounds", "told"), [(2, 1, "come from 1 round, and a test needs 5"), (0, 0, "no graph was")])
def test_a_class_with_too_few_rounds_says_so(result, found, rounds, told):
    why = f"graphs of one round may be alike, and they are of {rounds} rounds, where 5 are needed"
    low = class_result("low", ()).model_copy(update={"found": found, "untested": why})
    shown = group(result.model_copy(update={"low": low}))
    assert "Low: not tested, as " in next(iter(in_short(shown))) and told in next(iter(in_short(shown)))
    assert told in next(line for line in details(shown) if line.startswith("Low: nothing was tested"))
    assert not any(line.startswith("low: nothing was tested") for line in details(shown)), "said once"


@pytest.mark.parametrize(
    ("per_class", "rounds", "told"),
    [(30, 3, "Run again with --per-class 50 or more."), (60, 0, "Run again with a lower --min-probability or another --seed.")],
)
def test_where_nothing_was_tested_the_first_line_says_nothing_and_why_and_what_to_run(result, per_class, rounds, told):
    why = f"graphs of one round may be alike, and they are of {rounds} rounds, where 5 are needed"
    why += "; ask for more with --per-class" * bool(rounds)
    empty = {name: class_result(name, ()).model_copy(update={"untested": why}) for name in ("low", "high")}
    found, true, _ = in_short(group(result.model_copy(update={**empty, "per_class": per_class})))
    alike = "the graphs come from 3 rounds, and a test needs 5, as graphs of one round are alike"
    because = alike if rounds else "no graph was found"
    assert found == f"Found: nothing, because no motif could be tested ({because}). {told}"
    assert true == "True of real crystals? Nothing to compare: no motif was tested."


def test_a_trial_is_not_called_a_miniature(result):
    settings = asdict(PROFILES["smoke"])
    classifier = settings["classifier"]
    parts = {"network": classifier.pop("network"), "classifier": classifier, "limits": settings["limits"]}
    experiment = result.experiment.model_copy(update={**parts, "search": settings["search"]})
    trial = result.model_copy(update={"classifier": result.classifier.model_copy(update={"experiment": experiment})})
    assert heading(group(trial)).startswith("cgcnn (smoke) by ") and "The profile smoke tries the" in explained_network(
        group(trial)
    )
    empty = {name: class_result(name, ()) for name in ("low", "high")}
    found = next(iter(in_short(group(trial.model_copy(update=empty)))))
    assert found.endswith("Run again with --profile mini --per-class 60.")


def test_a_network_that_ranks_well_but_sorts_badly_is_not_trusted(result):
    *_, line = in_short(group(judged(result, 3, auc=0.815, auc_interval=(0.76, 0.87), accuracy=0.52)))
    assert line.endswith("but sorted only 52 % right: do not trust its probabilities, which the search uses.")
    *_, fair = in_short(group(judged(result, 3, auc=0.815, auc_interval=(0.76, 0.87), accuracy=0.74)))
    assert "Caution" not in fair


def test_the_fewest_explanations_that_the_help_names_are_those_of_a_test():
    assert explain.TESTABLE == TESTABLE


def judged(result: Result, seed: int, **quality: object) -> Result:
    """The result of a seed with another quality of its classifier."""
    one = of_seed(result, seed)
    changed = one.classifier.quality.model_copy(update=quality)
    return one.model_copy(update={"classifier": one.classifier.model_copy(update={"quality": changed})})


def test_one_network_is_named_the_weakest_everywhere_that_of_the_lowest_auc(result):
    both = group(
        judged(result, 3, accuracy=0.6, auc=0.68, auc_interval=(0.64, 0.72)),
        judged(result, 4, accuracy=0.64, auc=0.66, auc_interval=(0.62, 0.7)),
    )
    *_, line = in_short(both)
    assert line.startswith("The network: the one with the lowest AUC of 2 (seed 4) sorts 64 %") and "(AUC 0.660)" in line
    assert "Too weak to explain: AUC 0.660 to 0.680 of all 2 networks, better than chance (0.5), but below 0.7, which" in line
    assert any(
        line.startswith("The network with the lowest AUC (seed 4), on test crystals: AUC 0.660") for line in details(both)
    )


def test_a_network_that_may_guess_is_not_called_better_than_chance(result):
    quality = {"auc": 0.55, "auc_interval": (0.48, 0.62)}
    assert poor(group(judged(result, 3), judged(result, 4, **quality))).startswith(
        "Too weak to explain: AUC 0.550 of 1 of 2 networks, seed 4 may be no better than chance (0.5), but below 0.7"
    )
    assert not poor(group(result))


def test_a_miniature_has_seen_fewer_crystals_only_where_it_has(result):
    fewer = result.classifier.model_copy(update={"n_fitted": 60})
    assert "has seen fewer crystals" not in explained_network(group(result))
    assert "of the boards and has seen fewer crystals" in explained_network(
        group(result.model_copy(update={"classifier": fewer}))
    )


def test_the_elements_of_the_groups_that_motifs_name_are_told_before_the_motifs(result):
    lines = list(details(group(result)))
    told = "The groups named here: 1 (H and the alkali metals Li, Na, K, Rb, Cs, Fr); 16 (chalcogens O, S, Se, Te, Po); 17 ("
    (place,) = [place for place, line in enumerate(lines) if line.startswith(told)]
    assert lines[place + 1].startswith("Low: ")


@pytest.mark.parametrize("kind", get_args(NodeTypeKind))
def test_the_elements_that_are_named_are_of_their_group_or_period(kind):
    for place, told in enumerate(ELEMENTS[kind]):
        symbols = re.findall(r"\b[A-Z][a-z]?\b", told)
        assert symbols and set(node_types_of(np.array([Element(symbol).Z for symbol in symbols]), kind)) == {place}
    assert len(ELEMENTS[kind]) == N_NODE_TYPES[kind]


def test_networks_of_the_size_of_the_boards_stand_before_miniatures(result):
    experiment = result.experiment.model_copy(update={"classifier": {"network": "standard"}})
    board = result.model_copy(update={"classifier": result.classifier.model_copy(update={"experiment": experiment})})
    shown = board_size_first([group(result), group(board)])
    assert [one.first.experiment.network for one in shown] == ["standard", "mini"]


def test_the_first_line_names_the_groups_that_are_more_frequent_and_that_no_motif_is_preferred(result):
    atoms = [
        enrichment((n,), odds, 0.5, "training crystals").model_copy(update={"count": count})
        for n, count, odds in ((3, 9, 1.0), (1, 20, 0.5), (2, 5, -1.0), (4, 1, 2.0))
    ]
    nothing = result.model_copy(update={name: class_result(name, atoms) for name in ("low", "high")})
    found, true, _ = in_short(group(nothing))
    assert found == (
        "Found: nothing beyond size and composition: no motif that the network prefers, neither for low nor for high. More "
        "frequent than in the training crystals, by their share alone: group 1, 3 and 4 in low graphs; 1, 3 and 4 in high "
        "graphs. This is one network: whether others agree is open (--seed 1 --seed 2 asks them)."
    )
    assert true.startswith("True of real crystals? No motif to compare.")


def test_a_synthetic_set_is_named_where_the_findings_stand(result):
    experiment = result.experiment.model_copy(update={"task": "emt/alloys/log10_bulk_modulus"})
    toy = result.model_copy(update={"classifier": result.classifier.model_copy(update={"experiment": experiment})})
    *_, last = in_short(group(toy))
    assert last.startswith("The data: synthetic sets have the labels of a toy model") and last.endswith("is one of them.")
    assert not any(line.startswith("The data") for line in in_short(group(result)))


def test_a_weak_network_is_bold_in_short(result):
    weak = group(judged(result, 3, auc=0.55, auc_interval=(0.48, 0.62)))
    (line,) = [
        line for line in page_text("set/target", [weak], Directories(Path("runs"))).split("\n") if "**The network: it" in line
    ]
    assert "Too weak to explain" in line and line.endswith("**")


def test_the_words_below_the_three_lines_say_what_a_floor_of_a_heading_is(result):
    search = {**result.experiment.search, "floor": 0.5}
    experiment = result.experiment.model_copy(update={"search": search})
    floored = result.model_copy(update={"classifier": result.classifier.model_copy(update={"experiment": experiment})})
    told = "Floor 0.5: the search counts every probability below 0.5 as 0.5 (published: no floor)."
    assert told in page_text("set/target", [group(floored)], Directories(Path("runs"))).split("## Details")[0]
    assert told not in page_text("set/target", [group(result)], Directories(Path("runs")))
