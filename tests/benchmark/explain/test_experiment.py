"""`benchmark explain`: experiments done, kept, gone on with, rendered; every misuse is one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from benchmark.explain.classifier.classifier import Classifier
from benchmark.explain.experiment import ExperimentPlan, explain
from benchmark.explain.pages.markdown import TITLE
from benchmark.explain.records import Explanation, Result, Round
from benchmark.explain.retest import retest, typed_graphs
from benchmark.explain.search.rounds import graph_hash
from benchmark.explain.seed_groups import seed_groups
from benchmark.explain.settings import PROFILES, Budget
from benchmark.explain.store import ExplanationStore, read
from benchmark.tasks.tasks import find_tasks
from datasets.errors import InputError
from models.registry import get

SMOKE = ("--profile", "smoke", "--per-class", 4, "--min-probability", 0.51)


@pytest.fixture
def explained(benchmark_command, small_folder):
    """Explains the small folder's volumes, with more arguments."""

    def call(*arguments: object):
        return benchmark_command("explain", "--task", small_folder, *SMOKE, *arguments)

    return call


@pytest.fixture(scope="module")
def kept_runs(small_folder, tmp_path_factory) -> Path:
    """The records of the experiment that `explained` asks without more arguments, done once."""
    root = tmp_path_factory.mktemp("kept") / "runs"
    (task,) = find_tasks(str(small_folder))
    explain(ExperimentPlan(task, min_probability=0.51, budget=Budget(4), profile=PROFILES["smoke"]), ExplanationStore(root))
    return root


@pytest.fixture
def explained_again(explained, kept_runs, tmp_path):
    """Explains likewise, where the result is there already."""
    shutil.copytree(kept_runs, tmp_path / "runs")
    return explained


def files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(root.rglob("seed-0/*")) if path.is_file()}


def test_an_experiment_is_done_kept_and_not_done_twice(explained, tmp_path):
    done = explained("--json")
    assert done.returncode == 0, done.stderr
    (result,) = [Result.model_validate(one) for one in json.loads(done.stdout)]
    assert (result.experiment.task, result.experiment.node_types, result.classifier.n_train) == ("mine/target", "group", 21)
    assert result.classifier.quality.n == 6 and 0 <= result.classifier.quality.auc <= 1
    for name in ("low", "high"):
        found = result.of(name)
        assert (found.found == 4) == (found.stopped is None)
        assert found.attempts >= found.reached >= found.found
    before = files(tmp_path / "runs")
    assert {"classifier.json", "classifier.safetensors", "result.json", "low-000.json", "high-000.json"} <= set(before)
    again = explained()
    assert again.returncode == 0 and "round" not in again.stderr and "epoch" not in again.stderr
    after = files(tmp_path / "runs")
    assert {name: data for name, data in after.items() if name != "result.json"} == {
        name: data for name, data in before.items() if name != "result.json"
    }
    tables, _, last = again.stdout.partition("In short:")
    assert "random graphs that reach it" in tables and "random graphs that reach it" not in last
    assert last.splitlines()[-1].startswith("- The network: ")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_costs_its_own_experiment_alone(benchmark_command, small_folder, tmp_path, workers):
    flat = shutil.copytree(small_folder, tmp_path / "flat")
    table = flat / "id_prop.csv"
    table.write_text("".join(f"{line.split(',')[0]},1.0\n" for line in table.read_text().splitlines()))
    done = benchmark_command("explain", "--task", flat, "--task", small_folder, *SMOKE, "--workers", workers, "--page", "pages")
    assert done.returncode == 2
    said = done.stderr.splitlines()[-1]
    assert said.startswith("error: flat/target cgcnn by group seed 0: ") and "no training crystal is above" in said
    assert "In short:" in done.stdout and "random graphs that reach it" not in done.stdout
    assert "mine/target: cgcnn (smoke) by group" in done.stdout and (tmp_path / "pages" / "mine" / "target.md").is_file()


def test_a_stopped_search_goes_on_and_finds_the_same(explained_again, tmp_path):
    rounds = sorted((tmp_path / "runs").rglob("*-0*.json"))
    before = {path: read(path, Round) for path in rounds}
    for path in rounds:
        if path.name.startswith("high"):
            path.unlink()
    assert explained_again().returncode == 0
    assert {path: read(path, Round).explanations for path in rounds} == {p: r.explanations for p, r in before.items()}


def test_a_damaged_classifier_is_trained_again(explained_again, tmp_path):
    (weights,) = (tmp_path / "runs").rglob("classifier.safetensors")
    before = weights.read_bytes()
    weights.write_bytes(before[:100])
    done = explained_again()
    assert done.returncode == 0 and "epoch" in done.stderr
    assert weights.read_bytes() == before


def test_rounds_of_another_classifier_are_not_taken_over(explained_again, tmp_path):
    (path,) = (tmp_path / "runs").rglob("low-000.json")
    own = read(path, Round)
    path.write_text(own.model_copy(update={"weights_sha256": "0" * 64}).model_dump_json())
    path.with_name("low-001.json").write_bytes(path.read_bytes())
    assert explained_again().returncode == 0
    assert read(path, Round).weights_sha256 == own.weights_sha256
    rounds = [read(one, Round) for one in path.parent.glob("low-*.json")]
    assert {one.weights_sha256 for one in rounds} == {own.weights_sha256}


def test_the_page_is_rendered_from_records(explained, tmp_path):
    done = explained("--seed", 0, "--seed", 1, "--node-types", "period", "--page", "reports/xgnn")
    assert done.returncode == 0, done.stderr
    page = tmp_path / "reports" / "xgnn" / "mine" / "target.md"
    text = page.read_text()
    assert text.startswith(f"{TITLE}mine/target") and "cgcnn (smoke) by period, seeds 0, 1" in text
    assert "group 3 and periods 6 and 7" in text
    assert "--min-probability 0.51 --profile smoke --node-types period --seed 0 --seed 1 --page reports/xgnn`" in text
    assert len(list(page.with_suffix("").glob("*.png"))) == 1
    (group,) = seed_groups(ExplanationStore(tmp_path / "runs").experiments("mine/target"))
    assert len(group.results) == 2 and "Low: nothing was tested." in text
    assert "no motif is significantly" not in text, "that is said of tests alone"
    poor = [a.classifier.quality.auc < 0.7 for a in group.results]
    assert ("the least for an explanation to mean something" in text) == any(poor)
    page.write_text("my own notes")
    assert explained("--node-types", "period", "--page", "reports/xgnn").returncode == 2


def test_agreement_with_a_regressor(explained_again, small_folder, tmp_path):
    (task,) = find_tasks(str(small_folder))
    data, regressor = task.load(), get("cgcnn").model(get("cgcnn").profiles["smoke"])
    regressor.fit(regressor.prepare(data.crystals), data.targets, np.arange(20), np.arange(20, 24), 0)
    regressor.save(tmp_path / "fitted.safetensors")
    assert json.loads(explained_again("--json").stdout)[0]["classifier"]["agreement"] is None
    (result,) = json.loads(explained_again("--json", "--regressor", "fitted.safetensors").stdout)
    agrees = result["classifier"]["agreement"]
    assert agrees["n"] == 6 and 0 <= agrees["share"] <= 1 and agrees["regressor"] == "cgcnn (given: fitted.safetensors)"
    (again,) = json.loads(explained_again("--json").stdout)
    assert again["classifier"] == result["classifier"], "what is known is kept"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name what to explain"),
        (("--task", "emt/alloys", "--ground-truth", 1), "name what to explain"),
        (("--ground-truth", 1, "--node-types", "group"), "--ground-truth takes"),
        (("--ground-truth", 1, "--out", "leaderboards"), "holds the published records"),
        (("--task", "emt/alloys", "--node-types", "colour"), "choose group or period"),
        (("--task", "emt/alloys", "--min-probability", 0.4), "between 0.5 and 1"),
        (("--task", "emt/alloys", "--profile", "large"), "unknown profile"),
        (("--task", "emt/alloys", "--model", "soap-mlp"), "no graph network"),
        (("--from", "reports"), "--from takes --page"),
        (("--task", "emt/alloys", "--retest"), "--retest has a meaning with --from only"),
        (("--task", "emt/alloys", "--floor", 0.7), "impossible floor 0.7"),
        (("--from", "reports", "--page", "pages", "--seed", 1), "--from takes --page"),
        (("--from", "nowhere", "--page", "pages"), "no published explanations"),
        (("--task", "emt/allays"), "did you mean"),
        (("--task", "emt/alloys", "--regressor", "none.safetensors"), "no such checkpoint"),
    ],
)
def test_misuse_is_one_line(benchmark_command, arguments, message):
    done = benchmark_command("explain", *arguments)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_kept_graphs_are_tested_anew_with_the_same_outcome_on_the_same_crystals_alone(kept_runs, small_folder):
    (one,) = ExplanationStore(kept_runs).experiments("mine/target")
    (task,) = find_tasks(str(small_folder))
    data = task.load()
    graphs = typed_graphs(data, {"group"})["group"]
    again = retest(one, data, graphs)
    assert (again.result.low, again.result.high, again.rounds) == (one.result.low, one.result.high, one.rounds)
    with pytest.raises(InputError, match="content hash differs"):
        retest(one, replace(data, whole=data.whole.take(np.arange(3))), graphs)
    with pytest.raises(InputError, match="today's cgcnn is another network"):
        retest(replace(one, weights=Classifier("cgcnn", 18, "standard").to_bytes()), data, graphs)


def test_an_invalid_graph_is_no_explanation():
    good = {"node_types": (1, 2, 3), "bonds": ((0, 1), (1, 2)), "probability": 0.9, "update": 3, "hash": "a"}
    Explanation.model_validate(good)
    for bonds in (((0, 1),), ((0, 1), (0, 1), (1, 2)), ((0, 1), (1, 1), (1, 2)), ((0, 1), (2, 1)), ((0, 1), (1, 3))):
        with pytest.raises(ValidationError):
            Explanation.model_validate({**good, "bonds": bonds})


def round_with(n: int, number: int = 0) -> Round:
    found = tuple(
        Explanation(node_types=(1, 2), bonds=((0, 1),), probability=0.9, update=1, hash=f"{number}-{i}") for i in range(n)
    )
    return Round(
        class_name="low", number=number, seed=0, min_probability=0.8, threshold=0.0, weights_sha256="0" * 64, attempts=9,
        reached=9, explanations=found, updates=1, seconds=0.0,
    )  # fmt: skip


def test_the_search_ends_with_enough_or_says_what_it_found():
    budget = Budget(per_class=5, max_rounds=4, patience=2)
    three, none = round_with(3), round_with(0)
    assert budget.more([three]) and not budget.more([three, three]) and budget.stopped([three, three]) is None
    assert [len(found) for found in budget.kept([three, none, three])] == [3, 2]
    assert budget.stopped([three, none, none]) == "2 rounds in a row found nothing new; 3 of 5 were found"
    assert budget.stopped([round_with(1), none, round_with(1), none]) == "4 rounds are over; 2 of 5 were found"


def test_equal_graphs_have_equal_hashes():
    chain = graph_hash([1, 2, 3], [(0, 1), (1, 2)])
    assert chain == graph_hash([3, 2, 1], [(0, 1), (1, 2)]) != graph_hash([2, 1, 3], [(0, 1), (1, 2)])
    assert chain != graph_hash([1, 2, 3], [(0, 1), (1, 2), (0, 2)])


def test_a_damaged_record_is_named(tmp_path):
    path = tmp_path / "low-000.json"
    path.write_text(round_with(1).model_dump_json().replace("0.9", "0.7"))
    with pytest.raises(InputError, match=r"low-000\.json: .*below 0\.8; delete the file"):
        read(path, Round)


def test_a_result_in_the_folder_of_another_experiment_is_refused(kept_runs, tmp_path):
    shutil.copytree(kept_runs, tmp_path / "runs")
    (path,) = (tmp_path / "runs").rglob("result.json")
    shutil.copytree(path.parent, path.parent.with_name("seed-1"))
    with pytest.raises(InputError, match=r"seed-1.result\.json: its experiment belongs at .*seed-0"):
        list(ExplanationStore(tmp_path / "runs").experiments("mine/target"))
