from __future__ import annotations

import json
import re
import shutil
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from benchmark.harness.job import Job, execute, load_task
from benchmark.harness.plan import RunOptions
from benchmark.rendering.plotly_script import plotly_name
from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.schema import Duration
from benchmark.studies.comparison_groups import by_contest
from benchmark.studies.curves import VARIED, Curve, curves
from benchmark.studies.depth.page import commands, json_rows, page_text, parameters, write_pages
from benchmark.studies.depth.sentences import conclusions, published_lines
from benchmark.studies.depth.study import DEPTH, judge
from benchmark.studies.layers import LAYERS, LayerReport, LayerState, fresh
from benchmark.studies.published import DEEPER_GATGNN, FINDINGS
from benchmark.studies.study import Trial, is_settled, plan_study, trials
from benchmark.studies.tables import by_task, opening
from benchmark.tasks.folds import Protocol
from benchmark.tasks.metrics import Metrics, Scores
from benchmark.tasks.tasks import find_tasks, split_of
from models.registry import get
from tests.benchmark.results.test_store import failed, make

NOISE = (0.00, 0.01, -0.01, 0.005, -0.005)


def states(layers: int, last: float | None = 1.0, **values: float | None) -> tuple[LayerState, ...]:
    """Features of norm 1, the last of norm `last`; `values` are of every layer."""
    measures = dict(energy=1.0, relative_energy=1.0, neighbor_distance=0.5, distance=0.5, effective_rank=5.0, gradient=1.0)
    return tuple(
        LayerState(
            layer=n, norm=last if n == layers else 1.0, **{**measures, **values, **({"gradient": None} if n == layers else {})}
        )
        for n in range(layers + 1)
    )


def trial(
    layers: int, fold: int, mae: float, status: str = "complete", training: float | None = None, r2: float = 0.9,
    model: str = "cgcnn", fresh: dict[str, Any] | None = None, trained: dict[str, Any] | None = None,
    protocol: str = "kfold(5)", **changes: Any,
) -> Trial:  # fmt: skip
    record, _ = make(fold, model)
    settings = {"epochs": 3, "n_layers": layers, **changes}
    fields: dict[str, Any] = {
        "key": record.key.model_copy(update={"settings": settings, "protocol": protocol}),
        "changed": {"n_layers": layers, **changes},
    }
    test, train = (Scores(mae=value, rmse=value, r2=r2) for value in (mae, mae if training is None else training))
    metrics = Metrics(train=train, validation=test, test=test)
    ended: Record = (
        failed(fold, model=model, status=status, **fields)
        if status != "complete"
        else record.model_copy(update={**fields, "metrics": metrics})
    )
    after = states(layers, **(trained or {})) if status == "complete" else ()
    seen = LayerReport(model_fingerprint="f" * 64, crystals=2, atoms=8, initial=states(layers, **(fresh or {})), trained=after)
    return Trial(ended, test if status == "complete" else None, seen)


def curve(*points: tuple[int, float], folds: int = 5, **values: Any) -> list[Trial]:
    """Folds around each mean MAE."""
    return [trial(layers, fold, mae * (1 + NOISE[fold]), **values) for layers, mae in points for fold in range(folds)]


def only(found: list[Trial]) -> Curve:
    (made,) = curves(found)
    return made


def test_a_flat_curve_scales_to_its_deepest():
    verdict = judge(only(curve((4, 0.105), (10, 0.1), (30, 0.104))))
    assert (verdict.best, verdict.scales_to, verdict.breaks_at, str(verdict)) == (10, 30, None, "scales to 30")
    assert verdict.deepest.relative == pytest.approx(0.04)
    low, high = verdict.deepest.interval
    assert low - 1e-12 <= 0.04 <= high + 1e-12


def test_a_large_significant_loss_deteriorates_and_a_large_uncertain_one_is_undecided():
    sure = judge(only(curve((4, 0.1), (10, 0.101), (20, 0.2), (30, 0.3))))
    assert str(sure) == "scales to 10; deteriorates at 20"
    spread = [trial(20, fold, mae) for fold, mae in enumerate((0.05, 0.3, 0.06, 0.2, 0.1))]
    unsure = judge(only(curve((4, 0.1)) + spread))
    assert (unsure.scales_to, unsure.breaks_at, str(unsure)) == (4, None, "scales to 4; undecided at 20")
    assert unsure.comparisons[0].p_holm > 0.05
    one_fold = judge(only(curve((4, 0.1), (20, 0.3), folds=1, protocol="published split")))
    assert str(one_fold) == "scales to 4; undecided at 20"


def test_a_loss_that_spreads_over_orders_of_magnitude_deteriorates():
    broken = [trial(20, fold, mae) for fold, mae in enumerate((30.0, 1e3, 70.0, 4e4, 100.0))]
    verdict = judge(only(curve((4, 0.1)) + broken))
    assert str(verdict) == "scales to 4; deteriorates at 20"
    ratios = np.array([30.0, 1e3, 70.0, 4e4, 100.0]) / (0.1 * (1 + np.array(NOISE)))
    assert verdict.comparisons[0].relative == pytest.approx(np.exp(np.log(ratios).mean()) - 1)


def test_holm_corrects_for_every_other_depth():
    wide = [trial(20, fold, 0.1 * factor) for fold, factor in enumerate((1.35, 1.5, 1.2, 1.45, 1.3))]
    level = [trial(layers, fold, 0.1 * (1.001 + NOISE[-fold])) for layers in (6, 8) for fold in range(5)]
    (alone,) = judge(only(curve((4, 0.1)) + wide)).comparisons
    *others, last = judge(only(curve((4, 0.1)) + level + wide)).comparisons
    assert alone.p_holm < 0.05 < min(other.p_holm for other in others)
    assert last.p_holm == pytest.approx(3 * alone.p_holm)


def test_divergence_breaks_a_curve_and_lack_of_memory_ends_it():
    diverged = judge(only([*curve((4, 0.1), (20, 0.1)), trial(30, 0, 0, status="diverged")]))
    assert str(diverged) == "scales to 20; diverges at 30"
    full = judge(only([*curve((4, 0.1), (20, 0.1)), trial(30, 0, 0, status="out-of-memory")]))
    assert (full.scales_to, full.breaks_at, str(full)) == (20, None, "scales to 20; not measured at 30")
    assert judge(only([trial(4, 0, 0, status="diverged")])).best is None


def test_a_model_that_does_not_learn_is_not_judged():
    verdict = judge(only(curve((4, 0.1), (20, 0.3), r2=0.0)))
    assert str(verdict).startswith("does not learn")
    assert verdict.scales_to is verdict.breaks_at is None


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (dict(fresh={"last": 1e6}), ("exploding features",)),
        (dict(fresh={"last": None}), ("exploding features",)),
        (dict(trained={"distance": 1e-5}), ("over-smoothing",)),
        (dict(trained={"relative_energy": 1e-3}), ("over-smoothing",)),
        (dict(trained={"last": 1e4, "distance": 1e-5}), ("exploding features", "over-smoothing")),
        (dict(), ("optimisation",)),
        (dict(training=0.1), ("over-fitting",)),
    ],
)
def test_the_cause_follows_the_stated_thresholds(broken, cause):
    verdict = judge(only(curve((4, 0.1)) + curve((20, 0.3), **broken)))
    assert (verdict.breaks_at, verdict.causes) == (20, cause)


def test_vanishing_gradients_are_told():
    found = curve((4, 0.1)) + curve((20, 0.3))
    for number, one in enumerate(found):
        if one.record.key.settings["n_layers"] == 20:
            first, *rest = one.seen.initial
            tiny = one.seen.model_copy(update={"initial": (first.model_copy(update={"gradient": 1e-9}), *rest)})
            found[number] = Trial(one.record, one.scores, tiny)
    assert judge(only(found)).causes == ("optimisation with vanishing gradients",)


def test_curves_are_told_apart_by_everything_but_depth():
    found = (
        curve((4, 0.1), (6, 0.1)) + curve((4, 0.1), model="deeper-cgcnn") + curve((4, 0.1), model="deeper-cgcnn", skip="single")
    )
    made = curves(found)
    assert [c.label for c in made] == ["cgcnn", "deeper-cgcnn", "deeper-cgcnn (skip=single)"]
    assert [[p.layers for p in c.points] for c in made] == [[4, 6], [4], [4]]
    other = [
        Trial(t.record.model_copy(update={"key": t.record.key.model_copy(update={"source": "e" * 64})}), t.scores, t.seen)
        for t in curve((4, 0.2))
    ]
    assert [c.label for c in curves(curve((4, 0.1)) + other)] == ["cgcnn (source eeeeeeee)", "cgcnn (source ffffffff)"]


def test_deeper_networks_are_studied_with_either_skip():
    settings = get("deeper-cgcnn").settings("smoke")
    assert [(e.settings.n_layers, e.settings.skip) for e in DEPTH.entries(get("deeper-cgcnn"), settings, [4, 30])] == [
        (4, "double"), (30, "double"), (4, "single"), (30, "single"),
    ]  # fmt: skip
    plain = get("cgcnn-mdl")
    assert [e.settings.n_layers for e in DEPTH.entries(plain, plain.settings("smoke"), [])] == [4, 6, 8, 10, 15, 20, 25, 30]


def test_parameters_at_any_depth_are_those_of_the_network_and_of_the_published_formula():
    for model in FINDINGS:
        dead = {"gatgnn-mdl": 384, "deeper-gatgnn": 5760}.get(model, 0)
        for layers in (1, 3, 30):
            dead_here = 200 * layers if "cgcnn" in model else dead
            assert parameters(model, layers) == get(model).published_parameters(layers) - dead_here
    assert parameters("megnet", 7) == get("megnet").describe(7)["parameters"]


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
    page, *files = write_pages(found, tmp_path / "reports")
    assert page == tmp_path / "reports" / "depth" / "set" / "target.md"
    text = page.read_text()
    title, opening, *_ = text.split("\n\n")
    assert title == "# Depth: set/target"
    assert "deeper-gatgnn (to 10) scales as deep as tried" in opening
    assert "depth breaks schnet (at 10)" in opening and "exploding features in schnet" in opening
    assert len(re.findall(r"[a-z0-9)]\. [A-Z]|\.$", opening)) == 3
    assert "diverged in 2 of 2: it broke" in text
    assert {f.name for f in files} == {
        "mae.png", "parameters.png", "mae_parameters.png", "layers.png", "figures.html", "table.csv", plotly_name(),
    }  # fmt: skip
    assert f'src="../../../{plotly_name()}"' in (page.with_suffix("") / "figures.html").read_text()


def test_contests_are_not_mixed():
    other = [
        Trial(t.record.model_copy(update={"key": t.record.key.model_copy(update={"seed": 1})}), t.scores, t.seen)
        for t in curve((4, 0.1))
    ]
    assert [contest.title for contest in by_contest(curve((4, 0.1), (6, 0.1)) + other, curves, VARIED)] == [
        "mini, kfold(5), seed 0, data 00000000", "mini, kfold(5), seed 1, data 00000000",
    ]  # fmt: skip


def test_each_budget_is_a_contest_with_its_own_conclusion_command_and_figures(tmp_path):
    long = curve((4, 0.05), (8, 0.05), epochs=9) + curve((4, 0.06), model="schnet", epochs=9)
    page, *files = write_pages(curve((4, 0.1), (6, 0.2), (8, 0.1), model="schnet") + long, tmp_path)
    opening, second, *_ = page.read_text().split("\n\n")[1:]
    assert "schnet" in opening and "cgcnn" not in opening
    assert second.startswith("**mini, kfold(5), seed 0, data 00000000, with epochs=9**: ")
    assert "is cgcnn's at 4 layers" in second
    text = page.read_text()
    assert "data 00000000, with epochs=9" in text and "| cgcnn " in text
    assert "--model cgcnn --profile mini --layers 4,8 --set epochs=9" in text
    assert "--model schnet --profile mini --layers 4 --set epochs=9" in text
    assert {"mae.png", "mae_2.png", "parameters.png", "parameters_2.png"} <= {f.name for f in files}
    rows = pd.read_csv(page.with_suffix("") / "table.csv")
    assert set(rows["contest"]) == {
        "mini, kfold(5), seed 0, data 00000000",
        "mini, kfold(5), seed 0, data 00000000, with epochs=9",
    }


def test_a_skip_that_was_asked_for_stands_in_the_command_and_one_that_the_study_adds_does_not():
    own = curve((4, 0.1), model="deeper-cgcnn", skip="double")
    for t in own:
        t.record.changed.pop("skip")
    skips = (("deeper-cgcnn", "single"), ("cgcnn-mdl", "double"), ("cgcnn-mdl", "single"), ("gatgnn-mdl", "single"))
    others = [t for name, skip in skips for t in curve((4, 0.1), model=name, skip=skip)]
    (contest,) = by_contest([*own, *others, *curve((4, 0.1), model="gatgnn-mdl")], curves, VARIED)
    told = [command.partition("depth --dataset path/to/set ")[2].partition(" --folds")[0] for command in commands(contest)]
    assert sorted(told) == [
        "--model cgcnn-mdl --profile mini --layers 4 --set skip=double",
        "--model deeper-cgcnn --model gatgnn-mdl --profile mini --layers 4",
        "--model gatgnn-mdl --profile mini --layers 4 --set skip=single",
    ]


def test_a_value_that_one_profile_has_already_is_compared_with_those_set_to_it():
    found = curve((4, 0.1), model="schnet", epochs=9)
    own = [
        Trial(t.record.model_copy(update={"changed": {"n_layers": 4}}), t.scores, t.seen)
        for t in curve((4, 0.2), model="cgcnn", epochs=9)
    ]
    (contest,) = by_contest(found + own, curves, VARIED)
    assert [one.model for one in contest.made] == ["cgcnn", "schnet"] and contest.changes == {"epochs": 9}
    alone, together = sorted(by_contest(found + own + curve((4, 0.3), model="mpnn"), curves, VARIED), key=lambda c: c.title)
    assert [one.model for one in alone.made] == ["cgcnn", "mpnn"] and alone.changes == {}
    assert [one.model for one in together.made] == ["cgcnn", "schnet"]


def test_a_depth_without_all_its_scores_is_neither_best_nor_held():
    lucky = [trial(30, 2, 0.08), *(trial(30, fold, 0, status="out-of-memory") for fold in (0, 1, 3, 4))]
    verdict = judge(only(curve((4, 0.1), (20, 0.1)) + lucky))
    assert (verdict.best, verdict.scales_to, str(verdict)) == (4, 20, "scales to 20; not measured at 30")
    (line,) = opening_of(curve((4, 0.1), (20, 0.1)) + lucky)
    assert "cgcnn (from 30 on) could not be measured deeper" in line and "with 30 a fold has no score" in line
    stopped = judge(only(curve((4, 0.1), (20, 0.1)) + curve((30, 0.05), folds=2)))
    assert (stopped.best, str(stopped)) == (4, "scales to 20; not measured at 30")


def test_a_study_that_was_stopped_early_judges_nothing_and_says_what_it_has(tmp_path):
    page, *_ = write_pages(curve((4, 0.1), folds=2), tmp_path)
    text = page.read_text()
    assert "No depth has a score in every fold. So no depth is judged." in text.split("\n\n")[1]
    assert "| 2 of 5 folds run |" in re.sub(r" +", " ", text)
    (line,) = opening_of(curve((4, 0.1)) + curve((30, 0.3), folds=2))
    assert "is not excluded" not in line and "how far they scale stays open" in line


def test_one_fold_that_diverges_is_no_over_fitting():
    broken = [*curve((30, 0.1), folds=4), trial(30, 4, 0, status="diverged")]
    assert judge(only(curve((4, 0.1)) + broken)).causes == ("optimisation",)


def test_growth_counts_against_that_of_the_best_depth():
    found = curve((4, 0.1), fresh={"last": 3e3}) + curve((20, 0.3), fresh={"last": 4e9})
    assert judge(only(found)).causes == ("exploding features",)


def test_what_the_best_depth_shows_as_well_is_no_cause():
    alike = dict(trained={"distance": 0.004}, fresh={"last": 1e5})
    assert judge(only(curve((4, 0.1), (20, 0.3), **alike))).causes == ("optimisation",)


@pytest.mark.parametrize(
    ("points", "told"),
    [
        (((4, 0.2), (10, 0.1)), "Of no network that learns a depth beyond its best one was tried"),
        (((4, 0.1),), "cgcnn was tried at one depth only"),
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
    assert "too long" not in write_pages(found, tmp_path)[0].read_text()
    times = found[0].record.times
    waited = times.model_copy(update={"training": Duration(wall_s=13.0, device_s=10.0)})
    found[0] = Trial(found[0].record.model_copy(update={"times": waited}), found[0].scores, found[0].seen)
    assert "training times of 1 of 10 folds are too long: other work" in write_pages(found, tmp_path)[0].read_text()


def opening_of(found: list[Trial]) -> list[str]:
    """The paragraphs that a page opens with."""
    contests = by_contest(found, curves, VARIED)
    return opening(contests, [conclusions("set/target", [(c, judge(c)) for c in contest.made]) for contest in contests])


def test_a_fold_that_diverges_shows_its_fresh_layers_and_is_settled(small_folder, tmp_path):
    store, task = Store(tmp_path), find_tasks(str(small_folder))[0]
    settings = get("cgcnn").settings("smoke", {"learning_rate": "1e30", "n_layers": "3"})
    job = Job(task, "cgcnn", settings, "smoke", Protocol("kfold", 2), 0, 0)
    record = execute(job, store, observer=LAYERS)
    assert record.status == "diverged"
    report = LayerReport.model_validate_json(store.beside(record.key, "layers").read_bytes())
    assert (len(report.initial), len(report.trained), report.reason) == (4, 0, None)
    data = load_task(task)
    settled = is_settled(DEPTH, store)
    split = split_of(data, data.fold(job.protocol, 0, 0))
    assert settled(job, data, split)
    assert list(store.records()) == [record]
    store.beside(record.key, "layers").unlink()
    assert not settled(job, data, split)


def test_the_fresh_network_is_the_one_that_training_starts_from(small_folder, tmp_path):
    settings = get("cgcnn").settings("smoke", {"learning_rate": "1e-35", "epochs": "1"})
    job = Job(find_tasks(str(small_folder))[0], "cgcnn", settings, "smoke", Protocol("kfold", 2), 1, 0)
    data = load_task(job.task)
    fold = data.fold(job.protocol, 1, 0)
    model = get("cgcnn").model(settings)
    inputs = model.prepare(data.crystals)
    model.fit(inputs, data.targets, fold.train, fold.validation, job.seed + job.fold)
    network = fresh(job, data, fold, inputs)
    for (name, ours), (_, theirs) in zip(network.named_parameters(), model.network.named_parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-30), name


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `--json` prints but the times."""
    return [{**row, "depths": [{k: v for k, v in p.items() if k != "training_s"} for p in row["depths"]]} for row in rows]


def told(store: Store) -> tuple[list[dict[str, Any]], str]:
    """The report's numbers and its page, without times."""
    found = list(trials(DEPTH, store, LayerReport, pytest.fail))
    ((task, group),) = by_task(found)
    opening = page_text(task, by_contest(group, curves, VARIED), "target").split("\n\n")[0]
    return numbers(json_rows(found)), re.sub(r", in [\d.]+ times the training time of \d+ layers?", "", opening)


@pytest.fixture
def one_thread():
    """As a worker on one core has it: sums are rounded by how many threads share them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_a_study_that_is_killed_and_resumed_or_has_two_workers_gives_the_same_report(benchmark_command, small_folder, tmp_path):
    store = Store(tmp_path / "runs" / "studies" / "depth")
    request = RunOptions(tasks=[str(small_folder)], models=["cgcnn"], profile="smoke", folds=2)
    plan = plan_study(DEPTH, request, [1, 2], store)
    assert [(j.settings.n_layers, j.fold) for j in plan.todo] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    for job in plan.todo:
        execute(job, store, observer=LAYERS)
    rows, opening = told(store)
    assert [len(point["layer_states"]["trained"]) for point in rows[0]["depths"]] == [2, 3]
    # Killed: of some folds nothing came, of one the record is missing.
    records = store.paths()
    assert len(records) == 4
    shutil.rmtree(records[0].parent)
    records[-1].unlink()
    arguments = ("study", "depth", "--dataset", small_folder, "--model", "cgcnn", "--layers", "1,2", "--folds", "2")
    done = benchmark_command(*arguments, "--profile", "smoke", "--json", "--device", "cpu", "--workers", "1", "--resume")
    assert done.returncode == 0, done.stderr
    assert numbers(json.loads(done.stdout)) == json.loads(json.dumps(rows))
    assert told(store) == (rows, opening)
    two = benchmark_command(*arguments, "--profile", "smoke", "--json", "--device", "cpu", "--workers", "2", "--out", "two")
    assert two.returncode == 0, two.stderr
    assert numbers(json.loads(two.stdout)) == json.loads(json.dumps(rows))
    report = tmp_path / "reports" / "depth" / "mine" / "target"
    assert opening[:40] in report.with_suffix(".md").read_text()
    assert len((report / "table.csv").read_text().splitlines()) == 1 + 2 * 2 * (2 + 3)
    page = report.with_suffix(".md").read_bytes()
    report.with_suffix(".md").unlink()
    again = ("study", "depth", "--dataset", small_folder, "--render-only", "--out", "two")
    assert benchmark_command(*again).returncode == 0
    assert report.with_suffix(".md").read_bytes() == page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dept", "--task", "emt/alloys"), "unknown study 'dept'; did you mean depth"),
        (("depth",), "nothing to study: name tasks with --task"),
        (("depth", "--task", "emt/surfaces", "--render-only"), "has no fold of emt/surfaces/adsorption_energy"),
        (("depth", "--render-only"), "has no fold of any task named"),
        (("depth", "--task", "emt/surfaces", "--render-only", "--dry-run"), "trains nothing; leave out --dry-run"),
        (("depth", "--task", "emt/alloys", "--layers", "4,x"), "write whole numbers separated by commas"),
        (("depth", "--task", "emt/alloys", "--layers", "0"), "at least 1 layer"),
        (
            ("depth", "--task", "emt/alloys", "--model", "cgcnn", "--resume"),
            "nothing to resume: runs/studies/depth has no finished fold",
        ),
        (("depth", "--task", "emt/alloys", "--model", "soap-svr"), "soap-svr is not a graph network"),
    ],
)
def test_wrong_use_of_a_study_is_one_line(benchmark_command, arguments, message):
    done = benchmark_command("study", *arguments)
    assert done.returncode == 2
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
