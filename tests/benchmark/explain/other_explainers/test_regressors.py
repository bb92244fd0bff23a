"""The regressors that other explainers look into: which file is found, which is refused, for which seed it is."""

import json

import pytest

from benchmark.explain.experiment import PROTOCOL, ExperimentPlan, explain
from benchmark.explain.other_explainers.cross_check import looked_into
from benchmark.explain.other_explainers.regressors import Subject, by_seed, regressor_for, require_said
from benchmark.explain.records import Result
from benchmark.explain.settings import PROFILES, RegressorSettings
from benchmark.explain.store import ExplanationStore
from benchmark.harness.execution import execute
from benchmark.harness.job import Job
from benchmark.results.store import Store
from benchmark.tasks.tasks import Task, find_tasks
from datasets.errors import InputError
from models import registry
from tests.backends import needs_dgl

SMALL = RegressorSettings("smoke", 20, 5)


def subject_of(task: Task, model: str) -> Subject:
    data = task.load()
    return Subject(ExperimentPlan(task, model).experiment(data.dataset_hash), data, data.fold(PROTOCOL, 0, 0), 0.0)


def run_of(task: Task, model: str, profile: str = "smoke", changes=None, **others) -> Job:
    settings = registry.get(model).settings(profile, changes)
    return Job(task, model, settings, profile, PROTOCOL, 0, **{"seed": 0, "save_checkpoints": True, **others})


@pytest.fixture(scope="module")
def run_files(small_folder, tmp_path_factory):
    """(model, seed) → the checkpoint of fold 0 that a run left."""
    (task,) = find_tasks(str(small_folder))
    store = Store(tmp_path_factory.mktemp("elsewhere"))
    return {
        (job.model, job.seed): store.checkpoint(execute(job, store).key)
        for job in (run_of(task, "gatgnn-mdl"), run_of(task, "deeper-gatgnn"), run_of(task, "gatgnn-mdl", seed=1))
    }


def test_the_best_run_of_the_same_division_is_looked_into(small_folder, tmp_path):
    (task,) = find_tasks(str(small_folder))
    store, heard = ExplanationStore(tmp_path / "runs"), list[str]()

    def found():
        return regressor_for(subject_of(task, "gatgnn"), "gatgnn", SMALL, None, store, heard.append)

    small = found()
    assert small.path == store.regressor_path(subject_of(task, "gatgnn").experiment, "gatgnn")
    assert small.source == "fitted to 20 crystals"
    command = (
        f"benchmark run --task {small_folder} --model gatgnn --protocol kfold --seed 0 --save-checkpoints --out {store.root}"
    )
    assert command in heard[0]
    before = small.path.stat().st_mtime_ns
    assert found() == small and small.path.stat().st_mtime_ns == before, "not trained twice"
    runs = Store(store.root)
    execute(run_of(task, "gatgnn", seed=1), runs)
    execute(run_of(task, "gatgnn", save_checkpoints=False), runs)
    assert found() == small, "of another split, or without a checkpoint"
    jobs = [run_of(task, "gatgnn"), run_of(task, "gatgnn", changes={"learning_rate": "0.02"})]
    jobs.append(run_of(task, "gatgnn", "mini", {"epochs": "3"}))
    records = [execute(job, runs) for job in jobs]
    best = min(records, key=lambda record: record.metrics.validation.mae)
    assert (found().path, found().source) == (runs.checkpoint(best.key), f"run {best.key.run_id}")
    runs.checkpoint(best.key).write_bytes(b"damaged")
    rest = min((one for one in records if one != best), key=lambda record: record.metrics.validation.mae)
    assert found().path == runs.checkpoint(rest.key)


@needs_dgl
@pytest.mark.parametrize(("asked", "held"), [("gatgnn-mdl", "deeper-gatgnn"), ("deeper-gatgnn", "gatgnn-mdl")])
def test_a_deeper_model_is_not_its_plain_sibling(small_folder, run_files, tmp_path, asked, held):
    (task,) = find_tasks(str(small_folder))
    file, store = run_files[held, 0], ExplanationStore(tmp_path)
    with pytest.raises(InputError, match=f"fold-00.safetensors: holds a regressor of model {held}; one of model {asked} is"):
        explain(ExperimentPlan(task, asked, regressor=file, profile=PROFILES["smoke"], cross_check=True), store)
    assert regressor_for(subject_of(task, asked), asked, SMALL, file, store, lambda line: None).path != file
    own = regressor_for(subject_of(task, held), held, SMALL, file, store, lambda line: None)
    assert (own.path, own.source) == (file, "given: fold-00.safetensors")


@needs_dgl
def test_a_given_regressor_that_nothing_looks_into_is_one_line(benchmark_command, small_folder, run_files):
    asked = ("explain", "--task", small_folder, "--profile", "smoke", "--cross-check")
    done = benchmark_command(*asked, "--regressor", run_files["gatgnn-mdl", 0])
    note, error = done.stderr.strip().splitlines()
    assert done.returncode == 2 and note.startswith("--profile smoke tries the program")
    assert "holds a regressor of model gatgnn-mdl; one of model cgcnn or gatgnn is wanted" in error


def test_a_checkpoint_that_does_not_say_which_sibling_it_is_is_refused(small_folder, tmp_path):
    for name in ("gatgnn-mdl", "cgcnn"):
        built = registry.get(name).model(registry.get(name).profiles["smoke"])
        built.save(tmp_path / f"{name}.safetensors")
    with pytest.raises(InputError, match=r"model deeper-gatgnn or gatgnn-mdl \(it does not say which\); one of"):
        require_said(tmp_path / "gatgnn-mdl.safetensors", {"model": ["gatgnn-mdl"]})
    require_said(tmp_path / "cgcnn.safetensors", {"model": list(looked_into("cgcnn").values()), "seed": ["3"]})
    (task,) = find_tasks(str(small_folder))
    file, store = tmp_path / "cgcnn.safetensors", ExplanationStore(tmp_path)
    found = regressor_for(subject_of(task, "cgcnn"), "cgcnn", SMALL, file, store, lambda line: None)
    assert found.source == "given: cgcnn.safetensors, may know the test crystals"


def test_a_given_regressor_is_for_the_seed_that_it_is_of(small_folder, run_files, tmp_path):
    (task,) = find_tasks(str(small_folder))
    file = run_files["gatgnn-mdl", 1]
    assert by_seed(file, [0, 1]) == {0: None, 1: file}
    assert by_seed(file, [2, 3]) == {2: file, 3: file} and by_seed(None, [0]) == {0: None}
    with pytest.raises(InputError, match="of seed 1; one of seed 2 is wanted"):
        explain(ExperimentPlan(task, "gatgnn-mdl", seed=2, regressor=file), ExplanationStore(tmp_path))


@needs_dgl
def test_with_two_seeds_each_is_checked_by_its_own_regressor(benchmark_command, small_folder, run_files):
    asked = ("explain", "--task", small_folder, "--profile", "smoke", "--per-class", 2, "--min-probability", 0.51)
    seeds = ("--model", "gatgnn-mdl", "--seed", 0, "--seed", 1, "--regressor", run_files["gatgnn-mdl", 1])
    done = benchmark_command(*asked, *seeds, "--cross-check", "--json")
    assert done.returncode == 0, done.stderr
    results = [Result.model_validate(one) for one in json.loads(done.stdout)]
    sources = [{check.other.source for check in result.cross_checks} for result in results]
    assert sources == [{"fitted to 20 crystals"}, {"given: fold-00.safetensors"}]
    agreements = [result.classifier.agreement for result in results]
    looked_at = [{check.other.regressor_sha256 for check in result.cross_checks} for result in results]
    assert [{one.regressor_sha256} for one in agreements if one] == looked_at, "with what the others look into"
