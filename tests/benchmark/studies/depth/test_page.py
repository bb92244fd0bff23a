from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmark.rendering.plotly_script import plotly_name
from benchmark.results.learning_rate import RateChoice, RateGrid, TriedRate
from benchmark.schema import Duration
from benchmark.studies.depth.beside_published import published_lines
from benchmark.studies.depth.commands import commands, missing
from benchmark.studies.depth.conclusions import judge
from benchmark.studies.depth.figures import figures
from benchmark.studies.depth.page import PAGES, groups_of, json_rows
from benchmark.studies.depth.parameters import OURS, PUBLISHED
from benchmark.studies.depth.sentences import conclusions
from benchmark.studies.omee_et_al import BY_DEPTH, DEEPER_GATGNN
from benchmark.studies.pages import write_study_pages
from benchmark.studies.tables import opening, relative
from benchmark.studies.trials import Trial
from models.registry import get
from tests.benchmark.studies.constructed import curve, only, trial


def test_parameters_at_any_depth_are_those_of_the_network_and_of_the_published_code():
    assert set(BY_DEPTH) <= set(OURS) == set(PUBLISHED)
    for model, ours in OURS.items():
        spec = get(model)
        assert [ours.at(layers) for layers in (1, 3, 30)] == [spec.describe(n)["parameters"] for n in (1, 3, 30)]
        published = spec.published_parameters
        assert published is None or [PUBLISHED[model].at(n) for n in (1, 3, 30)] == [published(n) for n in (1, 3, 30)]


def with_profile(found: list[Trial], profile: str) -> list[Trial]:
    return [
        replace(t, record=t.record.model_copy(update={"key": t.record.key.model_copy(update={"profile": profile})}))
        for t in found
    ]


def published(found: list[Trial]) -> list[str]:
    (group,) = groups_of(found)
    return list(published_lines("set/target", group.members))


def test_what_was_published_is_compared_line_by_line_but_for_miniatures():
    names = {"not worse": "deeper-gatgnn", "breaks": "deeper-schnet", "holds": "schnet"}
    found = curve((4, 0.1), (30, 0.1), model=names["not worse"]) + curve((4, 0.1), (30, 0.1), model=names["holds"])
    found += curve((4, 0.1), (10, 0.3), model=names["breaks"])
    lines = published(with_profile(found, "standard"))
    assert lines[0].endswith("its deepest; here: not worse at 30 (agrees).")
    assert "0.9656 at 20; here: breaks at 10 (agrees that depth breaks it, though at 10)." in lines[1]
    assert lines[2].endswith("here: not worse at 30 (disagrees: with 30 layers it is not worse).")
    assert set(DEEPER_GATGNN) >= {"fung/pt/total_energy"}
    *small, last = published(found)
    assert "no agreement or disagreement with the paper is claimed" in last and "claimed" not in lines[-1]
    assert not any("agrees" in line for line in small)


def test_the_page_opens_with_sentences_and_every_failure_is_a_row(tmp_path):
    found = curve((4, 0.1), model="schnet") + curve((10, 0.3), model="schnet", fresh={"last": 1e5})
    found += curve((4, 0.2), (10, 0.19), model="deeper-gatgnn")
    found += [trial(30, fold, 0, status="diverged", model="schnet") for fold in range(2)]
    page, *files = write_study_pages(PAGES, found, tmp_path / "reports")
    assert page == tmp_path / "reports" / "depth" / "set" / "target.md"
    text = page.read_text()
    title, opening, listed, *_ = text.split("\n\n")
    assert title == "# Depth: set/target"
    assert "1 is not worse when deep and 1 breaks. Each change is" in opening and "this does not mean better" in opening
    assert "- DeeperGATGNN (`deeper-gatgnn`): not worse at 10; MAE with 10 layers: -5.0 % (" in listed
    assert "- SchNet (`schnet`): breaks at 10; diverges at 30." in listed
    assert "as runs with one thing changed show it: not tried." in listed and "exploding" not in text
    assert "Not tried in schnet (mini)" in text
    assert "diverged in 2 of 2: it broke" in text
    assert {f.name for f in files} == {
        "mae.png", "parameters.png", "mae_parameters.png", "layers.png", "figures.html", "table.csv", plotly_name(),
    }  # fmt: skip
    assert f'src="../../../{plotly_name()}"' in (page.with_suffix("") / "figures.html").read_text()


def test_each_budget_is_a_group_with_its_own_conclusion_command_and_figures(tmp_path):
    long = curve((4, 0.05), (8, 0.05), epochs=9) + curve((4, 0.06), model="schnet", epochs=9)
    page, *files = write_study_pages(PAGES, curve((4, 0.1), (6, 0.2), (8, 0.1), model="schnet") + long, tmp_path)
    _, opening, second, listed, *_ = page.read_text().split("\n\n")[1:]
    assert "schnet" in opening and "cgcnn" not in opening
    assert second.startswith("**mini, kfold(5), data 00000000, with epochs=9**: ")
    assert "cgcnn (mini) with 4 layers" in listed
    text = page.read_text()
    assert "data 00000000, with epochs=9" in text and "| cgcnn (mini) " in text
    assert "--model cgcnn --profile mini --layers 4,8 --set epochs=9" in text
    assert "--model schnet --profile mini --layers 4 --set epochs=9" in text
    assert {"mae.png", "mae_2.png", "parameters.png", "parameters_2.png"} <= {f.name for f in files}
    rows = pd.read_csv(page.with_suffix("") / "table.csv")
    assert set(rows["comparison_group"]) == {
        "mini, kfold(5), data 00000000",
        "mini, kfold(5), data 00000000, with epochs=9",
    }


def test_a_skip_that_was_asked_for_stands_in_the_command_and_one_that_the_study_adds_does_not():
    own = curve((4, 0.1), model="deeper-cgcnn", skip="double")
    for t in own:
        t.record.changed.pop("skip")
    skips = (("deeper-cgcnn", "single"), ("cgcnn-mdl", "double"), ("cgcnn-mdl", "single"), ("gatgnn-mdl", "single"))
    others = [t for name, skip in skips for t in curve((4, 0.1), model=name, skip=skip)]
    (group,) = groups_of([*own, *others, *curve((4, 0.1), model="gatgnn-mdl")])
    told = [command.partition("depth --dataset path/to/set ")[2].partition(" --folds")[0] for command in commands(group)]
    assert sorted(told) == [
        "--model cgcnn-mdl --profile mini --layers 4 --set skip=double",
        "--model deeper-cgcnn --model gatgnn-mdl --profile mini --layers 4",
        "--model gatgnn-mdl --profile mini --layers 4 --set skip=single",
    ]


def test_a_depth_without_all_its_scores_is_neither_best_nor_held():
    lucky = [trial(30, 2, 0.08), *(trial(30, fold, 0, status="out-of-memory") for fold in (0, 1, 3, 4))]
    verdict = judge(only(curve((4, 0.1), (20, 0.1)) + lucky))
    assert (verdict.best, verdict.not_worse_at, str(verdict)) == (4, 20, "not worse at 20; not measured at 30")
    (line,) = opening_of(curve((4, 0.1), (20, 0.1)) + lucky)
    assert "`cgcnn`: not worse at 20; not measured at 30." in line and "with 30 a fold has no score" in line
    assert "at 20 layers the error of cgcnn (mini) may still be up to 0.0 % higher" in line
    stopped = judge(only(curve((4, 0.1), (20, 0.1)) + curve((30, 0.05), folds=2)))
    assert (stopped.best, str(stopped)) == (4, "not worse at 20; not measured at 30")


def test_a_study_that_was_stopped_early_judges_nothing_and_says_what_it_has(tmp_path):
    page, *_ = write_study_pages(PAGES, curve((4, 0.1), folds=2), tmp_path)
    text = page.read_text()
    assert text.split("\n\n")[2].endswith("No depth has a score in every fold.\n- So no depth is judged.")
    assert "| 2 of 5 folds run |" in re.sub(r" +", " ", text)
    (line,) = opening_of(curve((4, 0.1)) + curve((30, 0.3), folds=2))
    assert "may still be" not in line and "`cgcnn`: not measured at 30." in line


def test_nothing_is_said_of_depths_that_were_not_tried():
    (line,) = opening_of(curve((4, 0.1)))
    assert "`cgcnn`: tried at one depth." in line and "margin" not in line and "no depth can be compared" in line


@pytest.mark.parametrize(
    ("points", "model", "told"),
    [
        (((4, 0.1), (30, 0.1), (50, 0.3)), "deeper-gatgnn", "(agrees)"),
        (((4, 0.1), (20, 0.1), (30, 0.1), (50, 0.3)), "schnet", "(disagrees: with 30 layers it is not worse)"),
        (((4, 0.1), (20, 0.3)), "deeper-gatgnn", "(disagrees)"),
    ],
)
def test_depths_beyond_the_published_ones_do_not_decide_the_agreement(points, model, told):
    assert told in published(with_profile(curve(*points, model=model), "standard"))[0]


def test_an_intervention_stands_on_the_page_and_in_the_rows(tmp_path):
    found = curve((4, 0.1), (20, 0.4), model="deeper-cgcnn", skip="double")
    found += curve((4, 0.1), (20, 0.1), model="deeper-cgcnn", skip="single")
    text = re.sub(" +", " ", write_study_pages(PAGES, found, tmp_path)[0].read_text())
    assert (
        "| deeper-cgcnn (mini) (skip=double) | 20 | skip=single | +300.0 % (+300.0 % to +300.0 %) | shows the doubled skip |"
        in text
    )
    assert (
        "The cause of a break, as runs with one thing changed show it: the doubled skip in `deeper-cgcnn (skip=double)`."
        in text
    )
    rows = {row["changes"]["skip"]: row for row in json_rows(found)}
    assert rows["double"]["cause"] == "the doubled skip" and rows["double"]["judged"] == {20: "breaks"}
    assert rows["single"]["not_worse_at"] == 20


def test_a_break_says_where_an_intervention_was_not_tried_and_where_it_showed_nothing():
    found = curve((4, 0.1), (20, 0.4), model="deeper-cgcnn", skip="double")
    found += curve((4, 0.1), (20, 0.1), model="deeper-cgcnn", skip="single")
    found += curve((4, 0.1), (20, 0.4), model="deeper-schnet", skip="double")
    found += curve((4, 0.1), (20, 0.4), model="deeper-schnet", skip="single") + curve((4, 0.1), (20, 0.4), model="schnet")
    (line,) = opening_of(found)
    assert (
        "the doubled skip in `deeper-cgcnn (skip=double)`; not established in `deeper-schnet (skip=double)`; not tried in the "
        "other 2."
    ) in line


def test_each_network_says_where_it_breaks_and_which_depths_were_not_run():
    (line,) = opening_of(curve((4, 0.1), (30, 0.3), model="cgcnn-mdl") + curve((4, 0.1), (10, 0.1), (30, 0.3), model="mpnn"))
    assert "- CGCNN of MatDeepLearn (`cgcnn-mdl`): breaks at 30 (10 not run); MAE with 30 layers: +200.0 % (" in line
    assert "- `mpnn`: not worse at 10; breaks at 30; MAE with 30 layers: +200.0 % (" in line


def test_the_page_has_the_command_that_trains_the_missing_depths(tmp_path):
    found = curve((4, 0.1), (30, 0.3), model="cgcnn-mdl") + curve((4, 0.1), (10, 0.1), (30, 0.3), model="mpnn")
    (group,) = groups_of(found)
    (told,) = missing(group)
    assert "--model cgcnn-mdl --profile mini --layers 4,10,30" in told and "mpnn" not in told
    assert f"- To run the missing depths: `{told}`." in write_study_pages(PAGES, found, tmp_path)[0].read_text()
    (whole,) = groups_of(curve((4, 0.1), (30, 0.3)))
    assert list(missing(whole)) == []


@pytest.mark.parametrize(
    ("mae", "told"), [(0.1, "shown to be better"), (0.5, "shown to be worse"), (0.3, "not shown to be better or worse")]
)
def test_deeper_gatgnn_is_compared_with_gatgnn_at_their_deepest(mae, told):
    found = curve((4, 0.1), (20, 0.3), model="gatgnn-mdl") + curve((4, 0.1), (20, mae), (30, 0.1), model="deeper-gatgnn")
    (line,) = opening_of(found)
    assert "DeeperGATGNN against GATGNN (`gatgnn-mdl`), both with 20 layers: its MAE differs by " in line
    assert f"DeeperGATGNN is {told} by more than 5 %." in line
    (alone,) = opening_of(curve((4, 0.1), (20, 0.1), model="deeper-gatgnn"))
    assert "not compared, as GATGNN was not run here" in alone and "GATGNN" not in opening_of(curve((4, 0.1), (20, 0.1)))[0]


def test_the_lowest_error_of_a_deeper_network_is_not_taken_for_a_shown_one():
    (line,) = opening_of(curve((4, 0.1), (20, 0.097), (30, 0.12)))
    assert "with 20 layers. Against 4 layers it is not shown to be better or worse by more than 5 %: -3.0 % (" in line
    (sure,) = opening_of(curve((4, 0.2), (20, 0.1)))
    assert "the deepest that it was given. Against 4 layers it is shown to be better by more than 5 %: -50.0 % (" in sure


def test_errors_far_above_a_prediction_of_the_mean_do_not_hide_the_others(tmp_path):
    found = [replace(t, tested=replace(t.tested, targets=np.linspace(0, 1, 11))) for t in curve((4, 0.1), (30, 1e6))]
    test, training, time = figures("set/target", [only(found)])[0].panels
    assert test.top == training.top == pytest.approx(3 * 3 / 11) and time.top is None
    assert (test.cut, training.cut, time.cut) == (True, True, False)
    text = write_study_pages(PAGES, found, tmp_path)[0].read_text()
    assert "; ▲: above the top of the axis, which is 3 times the MAE of a prediction of the mean" in text
    assert "▲" not in write_study_pages(PAGES, curve((4, 0.1), (30, 0.1)), tmp_path)[0].read_text()


def test_a_network_that_does_not_learn_is_not_said_to_have_one_depth():
    (line,) = opening_of(curve((2, 0.1), (4, 0.1), r2=0.0))
    assert "with 2 layers." in line and "only depth" not in line


@pytest.mark.parametrize(
    ("change", "told"),
    [((0.5, (0.1, 2.0)), "+50.0 % (+10.0 % to +200.0 %)"), ((258.0, (3.786, 14_000.0)), "× 259 (× 4.79 to × 14,000)")],
)
def test_a_change_and_its_interval_have_one_notation(change, told):
    assert relative(*change) == told


def test_a_measure_that_all_records_lack_has_no_column(tmp_path):
    older = write_study_pages(PAGES, curve((4, 0.1), (6, 0.1)), tmp_path / "older")[0].read_text()
    newer = write_study_pages(PAGES, curve((4, 0.1), trained={"within_crystals": 0.4}), tmp_path / "newer")[0].read_text()
    assert "| within crystals, first" not in older and "| growth, fresh" in older and "| within crystals, first" in newer


def test_rates_chosen_on_validation_are_named(tmp_path):
    found = curve((4, 0.1), (20, 0.4), learning_rate=0.01) + curve((4, 0.2), (20, 0.1), learning_rate=0.001)
    page, *_ = write_study_pages(PAGES, found, tmp_path)
    assert "among the rates that were run: 0.01 at 4, 0.001 at 20 layers" in page.read_text()
    assert page.read_text().count("- again: ") == 2, "the chosen curve trains nothing of its own"


def test_folds_that_waited_for_their_processor_are_counted(tmp_path):
    found = curve((4, 0.1), (6, 0.1))
    assert "too long" not in write_study_pages(PAGES, found, tmp_path)[0].read_text()
    times = found[0].record.times
    waited = times.model_copy(update={"training": Duration(wall_s=13.0, device_s=10.0)})
    found[0] = replace(found[0], record=found[0].record.model_copy(update={"times": waited}))
    assert (
        "training times of 1 of 10 folds are too long: other work" in write_study_pages(PAGES, found, tmp_path)[0].read_text()
    )


def with_rate(one):
    settings = {**one.record.key.settings, "learning_rate": 0.001}
    key = one.record.key.model_copy(update={"settings": settings})
    return replace(one, record=one.record.model_copy(update={"key": key}))


def test_rates_chosen_in_every_fold_are_a_curve_of_their_own(tmp_path):
    grid = RateGrid(factors=(1.0, 3.0), share=0.5)
    tried = (TriedRate(learning_rate=0.001, validation_loss=0.2), TriedRate(learning_rate=0.003, validation_loss=0.1))
    choice = RateChoice(tried=tried, epochs=2, cost=Duration(wall_s=1.0, device_s=1.0))
    found = [with_rate(t) for t in curve((4, 0.1), (20, 0.1))]
    keys = [t.record.key.model_copy(update={"rates": grid}) for t in found]
    records = [t.record.model_copy(update={"key": k, "rate_choice": choice}) for t, k in zip(found, keys, strict=True)]
    chosen = [replace(t, record=record) for t, record in zip(found, records, strict=True)]
    (group,) = groups_of(found + chosen)
    assert [one.label for one in group.members] == ["cgcnn (mini)", "cgcnn (mini) (rate chosen in every fold)"]
    (alone,) = groups_of(chosen)
    assert [one.label for one in alone.members] == ["cgcnn (mini)"]
    assert (
        "- learning rates are chosen on validation in every fold: cgcnn"
        in write_study_pages(PAGES, chosen, tmp_path)[0].read_text()
    )
    text = write_study_pages(PAGES, found + chosen, tmp_path)[0].read_text()
    told = (
        "Chosen on validation in every fold, from 1, 3 times the setting, each tried for 0.5 of the epochs: 0.003 at 4; 0.003"
    )
    assert told in text


def test_a_measure_that_records_lack_has_no_panel():
    older = figures("set/target", [only(curve((4, 0.1)))])[-1]
    newer = figures("set/target", [only(curve((4, 0.1), trained={"within_crystals": 0.4}))])[-1]
    assert len(newer.panels) == len(older.panels) + 1 and newer.panels[0].title == "variance within crystals, trained"


def opening_of(found: list[Trial]) -> list[str]:
    """The paragraphs that a page opens with."""
    groups = groups_of(found)
    return opening(groups, [conclusions("set/target", group.members) for group in groups])
