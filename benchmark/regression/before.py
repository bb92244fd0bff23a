"""A baseline of the code of a commit, trained on this machine: what a change does, without a difference of machines."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark.regression.baseline import Baseline, read_baseline
from benchmark.results.checkout import ROOT
from benchmark.results.directories import BASELINE
from datasets.errors import BenchmarkError, InputError

NEEDED = ("benchmark", "models", "datasets", BASELINE.as_posix())
"""What a check needs of a checkout."""


@contextmanager
def code_of(commit: str, root: Path = ROOT) -> Iterator[Path]:
    """A folder with the code of a commit, while the block lasts; the checkout is not touched.

    Raises:
        InputError: there is no such commit, or it has no baseline.
    """
    try:
        words = ["git", "archive", "--format=zip", commit, "--", *NEEDED]
        packed = subprocess.run(words, cwd=root, capture_output=True, check=True).stdout
    except OSError as error:
        raise InputError(f"--against {commit}: git cannot be started ({error.strerror})") from None
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(f"--against {commit}: {why[-1] if why else 'git has no such commit'}") from None
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(packed)) as file:
            file.extractall(folder)
        yield Path(folder)


def trained_before(code: Path, models: Sequence[str], seeds: int | None, quiet: bool) -> Baseline:
    """The baseline that the code in a folder makes here of these models, with at most so many seeds each.

    Raises:
        BenchmarkError: that code cannot train them.
    """
    named = [word for name in models for word in ("--model", name)]
    bounded = ["--seeds", str(seeds)] if seeds else []
    words = [sys.executable, "-m", "benchmark", "check", "--update-baseline", "the code before a change", *named, *bounded]
    done = subprocess.run(
        words, cwd=code, env={**os.environ, "PYTHONPATH": str(code)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if quiet else None, text=True,
    )  # fmt: skip
    if done.returncode:
        why = f": {done.stderr.strip().splitlines()[-1]}" if quiet and done.stderr.strip() else "; its error stands above"
        raise BenchmarkError(f"the code of that commit could not be trained{why}")
    return read_baseline(code / BASELINE)
