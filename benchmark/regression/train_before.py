"""Trains with the code of a commit: `before.py` runs the text of this file where that code lies, which may be an earlier one.

A number of seeds comes as a line; how many trainings begin, each that is done and the baseline go out as lines of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.regression.trainings import Train


def once(train: Train) -> Train:
    """Carries out each training once: one that was asked for before gives the same measurement again."""
    known: dict[tuple[str, str, int], Any] = {}

    def trained(jobs: Any) -> Any:
        wanted = {(job.model, job.task.name, job.training_seed): job for job in jobs}
        for found in train(tuple(job for place, job in wanted.items() if place not in known)):
            known[found.model, found.task, found.seed] = found
        return [known[place] for place in wanted if place in known]

    return trained


def main() -> None:
    """Answer until no more seeds are asked for; the arguments are the file of the baseline and names of models."""
    from benchmark.regression.baseline import read_baseline
    from benchmark.regression.loss_test import MOST_SEEDS
    from benchmark.regression.trainings import run_trainings
    from benchmark.regression.update import update_baseline
    from datasets.errors import BenchmarkError

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a model prints is no answer

    def say(**news: Any) -> None:
        print(json.dumps(news), file=answers, flush=True)

    def train(jobs: Any) -> Any:
        say(begin=len(jobs))
        return run_trainings(jobs, lambda: say(done=1))

    before, train_once = read_baseline(Path(sys.argv[1])), once(train)
    for line in sys.stdin:
        try:
            seeds = int(line) or MOST_SEEDS
            made = update_baseline("the code before a change", sys.argv[2:], None, before, train_once, seeds)
            say(baseline=made.model_dump_json())
        except BenchmarkError as error:
            say(error=str(error))


if __name__ == "__main__":
    main()
