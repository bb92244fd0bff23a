"""Seconds of processor time to read good files of each kind, by the code that PYTHONPATH names.

`python reading.py FOLDER` prints them as JSON. It uses only what older commits have too, and is therefore no part of a package.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

PASSES = 3
SECONDS = 0.2
"""Of processor time that a pass has at least: a few milliseconds cannot be told."""


def reader(kind: str) -> Callable[[Path], object]:
    """What reads the files of a kind: `group: name`."""
    from benchmark.results.packed import read_packed
    from datasets.crystals import Crystals
    from datasets.readers.structure_files import read_structure
    from datasets.readers.tables import TableOptions, read_crystals
    from models.checkpoints import load_checkpoint

    return {
        "structure": read_structure,
        "table": lambda path: read_crystals(TableOptions(path, "mine", ["gap"], ["eV"])),
        "cached set": Crystals.from_parquet,
        "published runs": read_packed,
        "checkpoint": load_checkpoint,
    }[kind.split(":")[0]]


def main() -> None:
    """The least time of some passes over the files of each kind, in seconds a file."""
    seconds = {}
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        read = reader(folder.name)
        paths = [path for path in sorted(folder.iterdir()) if not path.with_suffix(".json").exists() or path.suffix == ".json"]
        read(paths[0])
        passes, times = [], 1
        while len(passes) < PASSES:
            started = time.process_time()
            for _ in range(times):
                for path in paths:
                    read(path)
            passed = time.process_time() - started
            if passed < SECONDS:
                times, passes = 2 * times, []
            else:
                passes.append(passed / times)
        seconds[folder.name] = min(passes) / len(paths)
    print(json.dumps(seconds))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
