"""Plants mistakes in a copy of the code and runs `check` on it: each must be found, the unchanged code must pass.

`python -m tests.regression.planted` prints what every check says; `--repeat 20` runs the unchanged code 20 times.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mistake:
    """An edit of one file, and the models to check."""

    what: str
    file: str
    right: str
    wrong: str
    models: tuple[str, ...] = ("cgcnn",)


CGCNN = "models/zoo/cgcnn.py"
MISTAKES = (
    Mistake("CGCNN's convolution ends in sigmoid", CGCNN, "F.softplus(v + self.bn2", "torch.sigmoid(v + self.bn2"),
    Mistake("CGCNN's gate is a step", CGCNN, "torch.sigmoid(gate) *", "(gate > 0).to(gate.dtype) *"),
    Mistake(
        "CGCNN hears half of its edges",
        CGCNN,
        "F.softplus(core))))",
        "F.softplus(core) * (batch.src < batch.dst)[:, None])))",
    ),
    Mistake(
        "test and validation part shifted by one crystal",
        "benchmark/tasks/folds.py",
        "    return train, validation, test\n",
        "    return train, np.append(validation[1:], test[:1]), np.append(test[1:], validation[:1])\n",
    ),
    Mistake("the fold of the next number", "benchmark/tasks/folds.py", "list(folds)[number]", "list(folds)[number - 1]"),
    Mistake("one more parameter", CGCNN, "BatchNorm(width)", "BatchNorm(width); self.spare = nn.Linear(1, 1)"),
)  # fmt: skip


def copy_of_the_code(folder: Path, mistake: Mistake | None) -> None:
    """The packages and the baseline, with the mistake in them. Raises ValueError where its place is not found once."""
    for package in ("benchmark", "datasets", "models"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "leaderboards").mkdir()
    shutil.copy(ROOT / "leaderboards" / "baseline.json", folder / "leaderboards")
    if mistake:
        path = folder / mistake.file
        if path.read_text().count(mistake.right) != 1:
            raise ValueError(f"{mistake.what}: its place in {mistake.file} is no longer there")
        path.write_text(path.read_text().replace(mistake.right, mistake.wrong))


def run_check(mistake: Mistake | None, models: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """`python -m benchmark check --quick` of these models (none: all) in a copy of the code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_of_the_code(folder, mistake)
        chosen = [part for model in models for part in ("--model", model)]
        return subprocess.run(
            [sys.executable, "-m", "benchmark", "check", "--quick", *chosen],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=1, help="checks of the unchanged code")
    parser.add_argument("--model", action="append", default=[], help="of the unchanged code; default: all")
    parser.add_argument("--unchanged-only", action="store_true")
    arguments = parser.parse_args()
    passed = 0
    for number in range(arguments.repeat):
        start = time.perf_counter()
        done = run_check(None, tuple(arguments.model))
        passed += done.returncode == 0
        print(f"unchanged, check {number + 1}: exit {done.returncode}, {time.perf_counter() - start:.0f} s {done.stderr}")
    print(f"unchanged code passed {passed} of {arguments.repeat} checks\n", flush=True)
    for mistake in () if arguments.unchanged_only else MISTAKES:
        done = run_check(mistake, mistake.models)
        verdict = "found" if done.returncode == 1 else f"NOT FOUND, exit {done.returncode}"
        print(f"{mistake.what}: {verdict}\n{done.stdout}{done.stderr}", flush=True)


if __name__ == "__main__":
    main()
