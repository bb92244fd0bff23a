from __future__ import annotations

import re

import pandas as pd
import pytest

from benchmark.rendering.plotly_script import plotly_name
from benchmark.schema import Duration
from benchmark.studies.comparison_groups import comparison_groups
from benchmark.studies.curves import VARIED, curves
from benchmark.studies.depth.conclusions import judge
from benchmark.studies.depth.page import PAGES, commands
from benchmark.studies.depth.parameters import OURS, PUBLISHED
from benchmark.studies.depth.sentences import conclusions, published_lines
from benchmark.studies.omee_et_al import BY_DEPTH, DEEPER_GATGNN
from benchmark.studies.pages import write_study_pages
from benchmark.studies.tables import opening
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


def test_what_was_published_is_compared_line_by_line():
    names = {"scales": "deeper-gatgnn", "breaks": "deeper-schnet", "holds": "schnet"}
    found = curve((4, 0.1), (30, 0.1), model=names["scales"]) + curve((4, 0.1), (30, 0.1), model=names["holds"])
    found += curve((4, 0.1), (10, 0.3), model=names["breaks"])
    lines = list(published_lines("set/target", [(c, judge(c)) for c in curves(found)]))
    assert lines[0].endswith("its deepest; here: scales to 30 (agrees).")
    assert "0.9656 at 20; here: scales to 4; deteriorates at 10 (agrees that depth breaks it, though at 10)." in lines[1]
    assert lines[2].endswith("here: scales to 30 (disagrees: it holds at 20 layers).")
    assert set(DEEPER_GATGNN) >= {"fung/pt/total_energy"}


def test_the_page_opens_with_three_sentences_and_every_failure_is_a_row(tmp_path):
    found = curve((4, 0.1), model="schnet") + curve((10, 0.3), model="schnet", fresh={"last": 1e5})
    found += curve((4, 0.2), (10, 0.19), model="deeper-gatgnn")
    found += [trial(30, fold, 0, status="diverged", model="schnet") for fold in range(2)]
    page, *files = write_study_pages(PAGES, found, tmp_path / "reports")
    assert page == tmp_path / "reports" / "depth" / "set" / "target.md"
    text = page.read_text()
    title, opening, *_ = text.split("\n\n")
    assert title == "# Depth: set/target"
    assert "deeper-gatgnn (mini) (to 10) scales as deep as tried" in opening
    assert "depth breaks schnet (mini) (at 10)" in opening and "exploding features in schnet (mini)" in opening
    assert len(re.findall(r"[a-z0-9)]\. [A-Z]|\.$", opening)) == 3
    assert "diverged in 2 of 2: it broke" in text
    assert {f.name for f in files} == {
        "mae.png", "parameters.png", "mae_parameters.png", "layers.png", "figures.html", "table.csv", plotly_name(),
    }  # fmt: skip
    assert f'src="../../../{plotly_name()}"' in (page.with_suffix("") / "figures.html").read_text()


def test_each_budget_is_a_group_with_its_own_conclusion_command_and_figures(tmp_path):
    long = curve((4, 0.05), (8, 0.05), epochs=9) + curve((4, 0.06), model="schnet", epochs=9)
    page, *files = write_study_pages(PAGES, curve((4, 0.1), (6, 0.2), (8, 0.1), model="schnet") + long, tmp_path)
    opening, second, *_ = page.read_text().split("\n\n")[1:]
    assert "schnet" in opening and "cgcnn" not in opening
    assert second.startswith("**mini, kfold(5), seed 0, data 00000000, with epochs=9**: ")
    assert "is cgcnn (mini)'s at 4 layers" in second
    text = page.read_text()
    assert "data 00000000, with epochs=9" in text and "| cgcnn (mini) " in text
    assert "--model cgcnn --profile mini --layers 4,8 --set epochs=9" in text
    assert "--model schnet --profile mini --layers 4 --set epochs=9" in text
    assert {"mae.png", "mae_2.png", "parameters.png", "parameters_2.png"} <= {f.name for f in files}
    rows = pd.read_csv(page.with_suffix("") / "table.csv")
    assert set(rows["comparison_group"]) == {
        "mini, kfold(5), seed 0, data 00000000",
        "mini, kfold(5), seed 0, data 00000000, with epochs=9",
    }


def test_a_skip_that_was_asked_for_stands_in_the_command_and_one_that_the_study_adds_does_not():
    own = curve((4, 0.1), model="deeper-cgcnn", skip="double")
    for t in own:
        t.record.changed.pop("skip")
    skips = (("deeper-cgcnn", "single"), ("cgcnn-mdl", "double"), ("cgcnn-mdl", "single"), ("gatgnn-mdl", "single"))
    others = [t for name, skip in skips for t in curve((4, 0.1), model=name, skip=skip)]
    (group,) = comparison_groups([*own, *others, *curve((4, 0.1), model="gatgnn-mdl")], curves, VARIED)
    told = [command.partition("depth --dataset path/to/set ")[2].partition(" --folds")[0] for command in commands(group)]
    assert sorted(told) == [
        "--model cgcnn-mdl --profile mini --layers 4 --set skip=double",
        "--model deeper-cgcnn --model gatgnn-mdl --profile mini --layers 4",
        "--model gatgnn-mdl --profile mini --layers 4 --set skip=single",
    ]


def test_a_depth_without_all_its_scores_is_neither_best_nor_held():
    lucky = [trial(30, 2, 0.08), *(trial(30, fold, 0, status="out-of-memory") for fold in (0, 1, 3, 4))]
    verdict = judge(only(curve((4, 0.1), (20, 0.1)) + lucky))
    assert (verdict.best, verdict.scales_to, str(verdict)) == (4, 20, "scales to 20; not measured at 30")
    (line,) = opening_of(curve((4, 0.1), (20, 0.1)) + lucky)
    assert "cgcnn (mini) (from 30 on) could not be measured deeper" in line and "with 30 a fold has no score" in line
    stopped = judge(only(curve((4, 0.1), (20, 0.1)) + curve((30, 0.05), folds=2)))
    assert (stopped.best, str(stopped)) == (4, "scales to 20; not measured at 30")


def test_a_study_that_was_stopped_early_judges_nothing_and_says_what_it_has(tmp_path):
    page, *_ = write_study_pages(PAGES, curve((4, 0.1), folds=2), tmp_path)
    text = page.read_text()
    assert "No depth has a score in every fold. So no depth is judged." in text.split("\n\n")[1]
    assert "| 2 of 5 folds run |" in re.sub(r" +", " ", text)
    (line,) = opening_of(curve((4, 0.1)) + curve((30, 0.3), folds=2))
    assert "is not excluded" not in line and "how far they scale stays open" in line


@pytest.mark.parametrize(
    ("points", "told"),
    [
        (((4, 0.2), (10, 0.1)), "Of no network that learns a depth beyond its best one was tried"),
        (((4, 0.1),), "cgcnn (mini) was tried at one depth only"),
    ],
)
def test_nothing_is_said_of_depths_that_were_not_tried(points, told):
    (line,) = opening_of(curve(*points))
    assert told in line and "no test is possible" not in line


@pytest.mark.parametrize(
    ("points", "model", "told"),
    [
        (((4, 0.1), (30, 0.1), (50, 0.3)), "deeper-gatgnn", "(agrees)"),
        (((4, 0.1), (20, 0.1), (30, 0.1), (50, 0.3)), "schnet", "(disagrees: it holds at 20 layers)"),
        (((4, 0.1), (20, 0.3)), "deeper-gatgnn", "(disagrees)"),
    ],
)
def test_depths_beyond_the_published_ones_do_not_decide_the_agreement(points, model, told):
    found = only(curve(*points, model=model))
    assert told in next(published_lines("set/target", [(found, judge(found))]))


def test_folds_that_waited_for_their_processor_are_counted(tmp_path):
    found = curve((4, 0.1), (6, 0.1))
    assert "too long" not in write_study_pages(PAGES, found, tmp_path)[0].read_text()
    times = found[0].record.times
    waited = times.model_copy(update={"training": Duration(wall_s=13.0, device_s=10.0)})
    found[0] = Trial(found[0].record.model_copy(update={"times": waited}), found[0].scores, found[0].seen)
    assert (
        "training times of 1 of 10 folds are too long: other work" in write_study_pages(PAGES, found, tmp_path)[0].read_text()
    )


def opening_of(found: list[Trial]) -> list[str]:
    """The paragraphs that a page opens with."""
    groups = comparison_groups(found, curves, VARIED)
    return opening(groups, [conclusions("set/target", [(c, judge(c)) for c in group.members]) for group in groups])
