"""What a fold's record says about memory and about the source that ran."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmark.harness import machine
from benchmark.harness.machine import peak_memory, reset_peak_memory
from benchmark.results.checkout import committed_files
from models.training import keep_freed_memory

MB = 1 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux resets the peak of a process")
def test_the_peak_of_a_fold_is_not_that_of_an_earlier_one():
    keep_freed_memory()
    reset_peak_memory("cpu")
    before = peak_memory()
    large = torch.ones(300 * MB // 4)
    assert peak_memory() > before + 250 * MB
    del large
    reset_peak_memory("cpu")
    assert peak_memory() < before + 100 * MB


@pytest.mark.parametrize(
    ("asked", "workers", "expected"),
    [("", 1, 8), ("", 3, 2), ("", 16, 1), ("2", 1, 2), ("2", 8, 1), ("0", 2, 4), ("many", 2, 4)],
)
def test_workers_share_the_cores_and_have_no_more_threads_than_were_asked_for(monkeypatch, asked, workers, expected):
    monkeypatch.setattr(machine, "cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert machine.threads_of(workers) == expected


def test_more_processes_than_cores_are_slower():
    assert machine.slower_now(4 * machine.cores()) > 3


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A repository with one module in each package."""
    for package in machine.OWN_PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "one.py").write_text("ONE = 1\n")
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "-qm", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_a_clean_checkout_is_named_by_its_commit(checkout):
    (checkout / "models" / "__pycache__").mkdir()
    (checkout / "models" / "__pycache__" / "one.pyc").write_bytes(b"")
    (checkout / "notes.txt").write_text("mine")
    assert machine.commit_of(checkout) == git(checkout, "rev-parse", "HEAD")


@pytest.mark.parametrize("change", ["new", "edited", "deleted"])
def test_source_that_is_not_the_commit_s_says_so(checkout, change):
    path = checkout / "models" / "one.py"
    if change == "deleted":
        path.unlink()
    else:
        (path if change == "edited" else path.with_name("mine.py")).write_text("TWO = 2\n")
    assert machine.commit_of(checkout) == git(checkout, "rev-parse", "HEAD") + "+changes"


def test_the_files_of_the_commit_are_known(checkout, tmp_path_factory):
    (checkout / "models" / "mine.py").write_text("TWO = 2\n")
    git(checkout, "add", ".")
    assert committed_files("models", checkout) == {"models/one.py"}
    assert committed_files("models", tmp_path_factory.mktemp("elsewhere")) == set()


def test_packages_installed_into_another_repository_have_no_commit(checkout):
    inside = checkout / "venv" / "site-packages"
    for package in machine.OWN_PACKAGES:
        (inside / package).mkdir(parents=True)
        (inside / package / "one.py").write_text("ONE = 1\n")
    assert machine.commit_of(inside) is None
