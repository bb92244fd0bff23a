"""Jobs of SLURM: what they ask for, what they run, how they end; against programs that only pretend to be SLURM's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmark.harness import cluster
from benchmark.harness.cluster import ClusterOptions, ClusterWorker, read_options, read_submissions, without_options
from datasets.errors import InputError
from tests.benchmark.conftest import ROOT, environment

SCRIPTS = ROOT / "docs" / "clusters"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Programs named as SLURM's; what they were called with is in the file of their name. Returns their folder."""
    pytest.importorskip("submitit")
    folder = tmp_path / "bin"
    folder.mkdir()
    refuse = tmp_path / "refuse"
    for name, says in {"sbatch": "Submitted batch job 41", "srun": "", "scancel": ""}.items():
        refusal = f"[ ! -f {refuse} ] || {{ cat {refuse} >&2; exit 1; }}"
        (folder / name).write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/{name}\n{refusal}\necho {says}\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_workers_are_submitted_with_what_the_file_asks_for(benchmark_command, small_folder, tmp_path, slurm):
    asked = tmp_path / "asked.toml"
    asked.write_text('partition = "gpu"\naccount = "me"\ngpus = 2\ncpus = 3\nmemory_gb = 1.5\nminutes = 90\n'
                     'setup = ["module load cuda"]\n[sbatch]\nqos = "low"\n')  # fmt: skip
    run = ("run", "--dataset", small_folder, "--model", "dummy", "--profile", "smoke")
    done = benchmark_command(*run, "--slurm", 2, f"--cluster={asked}", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["jobs"] == ["41_0", "41_1"]
    script = next((tmp_path / "runs" / "cluster").glob("*submission.sh")).read_text()
    for line in ("partition=gpu", "account=me", "gpus-per-node=2", "cpus-per-task=3", "mem=1536M", "time=90", "qos=low",
                 "requeue", "array=0-1%2"):  # fmt: skip
        assert f"#SBATCH --{line}\n" in script
    assert "\nmodule load cuda\n" in script
    (submission,) = read_submissions(tmp_path / "runs")
    assert submission.command == tuple(map(str, run)) and submission.folds == 5
    assert not list((tmp_path / "runs").rglob("fold-*.json")), "nothing is trained here"
    assert benchmark_command("jobs", "--cancel").stdout == "cancelled: 41_0, 41_1\n"
    assert (tmp_path / "scancel").read_text() == "--quiet 41_0 41_1\n"


def test_no_more_jobs_than_folds_and_none_where_nothing_is_left(benchmark_command, small_folder, tmp_path, slurm):
    run = ("run", "--dataset", small_folder, "--model", "dummy", "--profile", "smoke", "--folds", 2)
    assert "submitted: 41_0, 41_1\n" in benchmark_command(*run, "--slurm", 9).stdout
    assert benchmark_command(*run).returncode == 0
    assert benchmark_command(*run, "--slurm", 9).stdout == "nothing is left to do\n"


def test_a_refusal_of_slurm_is_one_line(benchmark_command, small_folder, tmp_path, slurm):
    (tmp_path / "refuse").write_text("sbatch: error: invalid partition specified: gpu\n")
    done = benchmark_command("run", "--dataset", small_folder, "--model", "dummy", "--slurm", 1)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: SLURM did not take the jobs: ")
    assert "invalid partition specified: gpu" in done.stderr.splitlines()[-1]


def test_without_slurm_or_submitit_it_says_so(benchmark_command, small_folder, tmp_path, monkeypatch):
    run = ("run", "--dataset", small_folder, "--model", "dummy", "--slurm", 1)
    done = benchmark_command(*run, PATH=str(tmp_path))
    assert (done.returncode, "there is no srun here" in done.stderr) == (2, True)
    done = benchmark_command("run", "--dataset", small_folder, "--cluster", "asked.toml")
    assert (done.returncode, "say with --slurm" in done.stderr) == (2, True)
    monkeypatch.setitem(sys.modules, "submitit", None)
    done = benchmark_command(*run)
    assert (done.returncode, "pip install 'crystal-benchmark[cluster]'" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu = 1", "gpu: Extra inputs are not permitted"),
        ("minutes = 0", "minutes: "),
        ("minutes = ", "is no TOML"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "asked.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as refused:
        read_options(path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_the_file_in_the_documentation_is_right():
    found = read_options(SCRIPTS / "slurm.toml")
    changed = {"partition", "account", "setup", "sbatch"}
    assert found.model_copy(update={name: getattr(ClusterOptions(), name) for name in changed}) == ClusterOptions()


def test_options_are_taken_out_however_they_are_written():
    line = ["run", "--slurm", "2", "--all", "--cluster=a.toml", "--slurm=3", "--out", "runs"]
    assert without_options(line, "--slurm", "--cluster") == ["run", "--all", "--out", "runs"]


ENDED_TIDILY = """
import signal, sys
from pathlib import Path
from benchmark.harness import cluster
cluster.PROGRAM = ("bash", "-c", 'trap "echo tidy; exit 143" TERM; echo ready; while :; do sleep 0.05; done')
worker = cluster.ClusterWorker(("run",))
def over(number, frame):
    print(worker.checkpoint().function == worker, flush=True)
    sys.exit(7)
signal.signal(signal.SIGUSR2, over)
worker()
"""


def test_a_worker_that_is_told_of_its_end_ends_the_run_tidily_and_is_queued_as_it_was():
    pytest.importorskip("submitit")
    process = subprocess.Popen([sys.executable, "-c", ENDED_TIDILY], stdout=subprocess.PIPE, text=True, env=environment(),
                               start_new_session=True)  # fmt: skip
    assert process.stdout and process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGUSR2)  # as SLURM does: every process of the job gets it
    assert process.communicate(timeout=30)[0] == "tidy\nTrue\n"
    assert process.returncode == 7


def test_a_run_that_did_not_work_fails_its_job(monkeypatch):
    monkeypatch.setattr(cluster, "PROGRAM", ("sh", "-c", "exit 2"))
    with pytest.raises(RuntimeError, match="exit code 2"):
        ClusterWorker(())()
    monkeypatch.setattr(cluster, "PROGRAM", ("sh", "-c", "exit 0"))
    assert ClusterWorker(())() == 0


def test_a_job_that_slurm_ends_does_not_end_by_itself(monkeypatch):
    slept = threading.Event()
    monkeypatch.setattr(time, "sleep", lambda seconds: slept.set() if seconds > 60 else None)
    monkeypatch.setattr(cluster, "PROGRAM", ("sh", "-c", "exit 143"))
    assert ClusterWorker(())() == 143 and slept.is_set()


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_the_scripts_are_shell(script: Path):
    subprocess.run(["bash", "-n", script], check=True)


def test_the_job_of_kubernetes_runs_the_worker():
    job = YAML(typ="safe").load(SCRIPTS / "kubernetes.yaml")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"][:4] == ["python", "-m", "benchmark", "run"]
