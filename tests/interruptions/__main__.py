"""`python -m tests.interruptions`: kills, stops and shares runs of one plan, and compares them with an undisturbed run.

Writes the sections "Killed processes", "Interruptions" and "Shared stores" of `reports/reliability.md`; exits with 1 where
anything went wrong.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from tests.benchmark.conftest import write_folder
from tests.interruptions.plan import CRYSTALS
from tests.interruptions.processes import processes
from tests.interruptions.runs import interruptions
from tests.interruptions.shared import shared
from tests.reliability.page import write_page, write_part


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how many times kill -9, of the run and of its worker by turns")
    parser.add_argument("--terms", type=int, default=20, help="how many times SIGTERM")
    parser.add_argument("--epochs", type=int, default=150, help="of each fold")
    parser.add_argument("--longest", type=float, default=6.0, help="most seconds from a checkpoint to a kill")
    parser.add_argument("--seed", type=int, default=0, help="what the moments are a function of")
    parser.add_argument("--only", choices=["interruptions", "processes", "shared"], help="only this section")
    parser.add_argument("--out", type=Path, default=Path("reports/reliability"), help="where the results of each part are kept")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # One thread a run, whatever cores there are: sums of another number of threads have other last digits.
        os.environ |= {"BENCHMARK_CACHE": f"{name}/cache", "OMP_NUM_THREADS": "1", "SLURM_CPUS_PER_TASK": "1"}
        write_folder(folder / "mine", CRYSTALS)
        for part, make in (("processes", processes), ("interruptions", interruptions), ("shared", shared)):
            if options.only in (None, part):
                made, bad = make(options, folder)
                write_part(options.out, part, made)
                wrong += bad
    print(f"{write_page(options.out)}: {wrong} went wrong")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
