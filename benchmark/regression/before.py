"""A baseline of the code of a commit, trained on this machine: what a change does, without a difference of machines."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

from benchmark.regression import train_before
from benchmark.regression.baseline import Baseline
from benchmark.regression.trainings import Begins
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


@contextmanager
def trained_before(code: Path, models: Sequence[str], begins: Begins) -> Iterator[Callable[[int | None], Baseline]]:
    """What makes baselines of these models with the code in a folder, with at most so many seeds; each seed is trained once.

    That code has a process of its own while the block lasts; what it prints is not shown.

    Args:
        code: the folder.
        models: their names.
        begins: is told how many trainings begin.

    Raises:
        BenchmarkError: that code cannot train them; raised where a baseline is made.
    """
    words = [sys.executable, "-c", Path(train_before.__file__).read_text(), BASELINE.as_posix(), *models]
    with (
        TemporaryFile("w+") as printed,
        subprocess.Popen(
            words, cwd=code, env={**os.environ, "PYTHONPATH": str(code)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=printed,
        ) as process,
    ):  # fmt: skip
        try:
            yield lambda seeds: _baseline(process, printed, seeds, begins)
        finally:
            process.kill()


def _baseline(process: subprocess.Popen[str], printed: IO[str], seeds: int | None, begins: Begins) -> Baseline:
    assert process.stdin and process.stdout
    with suppress(OSError):  # it has ended, as the lines below will say
        os.write(process.stdin.fileno(), f"{seeds or 0}\n".encode())
    done = begins(0)
    for news in map(json.loads, process.stdout):
        if "begin" in news:
            done = begins(news["begin"])
        elif "done" in news:
            done()
        elif "baseline" in news:
            return Baseline.model_validate_json(news["baseline"])
        else:
            raise BenchmarkError(f"the code of that commit could not be trained: {news['error']}")
    printed.seek(0)
    why = printed.read().strip().splitlines()
    raise BenchmarkError(f"the code of that commit could not be trained: {why[-1] if why else 'its process was ended'}")
