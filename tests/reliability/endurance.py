"""What a store and a cache live through, a function each that gets an empty folder, and the memory of a long run."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil

from benchmark.harness.execution import execute
from benchmark.harness.job import load_task
from benchmark.harness.outcome import prepared
from benchmark.results.store import Store
from datasets.cache import entries
from tests.benchmark.conftest import ROOT, command, environment, write_folder
from tests.benchmark.harness.constructed import make_jobs
from tests.reliability.faults import Ended, Found, ended, run_of, small_disk

PLACES, FOLDS = 100, 200


def damaged_cache(folder: Path) -> Found:
    """Every time one file of the cache is cut off or has one bit flipped, at a random place."""
    found = Found("the file is built again; predictions are those of an undamaged cache, bit for bit")
    draw, (job, _) = random.Random(0), make_jobs(write_folder(folder / "mine", 30))
    reference = execute(job, Store(folder / "reference")).predictions_sha256
    for number in range(PLACES):
        prepared.cache_clear()
        load_task.cache_clear()
        path = draw.choice([entry.path for entry in sorted(entries(), key=lambda entry: entry.path)])
        data = bytearray(path.read_bytes())
        place = draw.randrange(len(data))
        data[place] ^= 1 << draw.randrange(8)
        path.write_bytes(data if draw.random() < 0.5 else data[:place])
        try:
            same, told = execute(job, Store(folder / f"runs-{number}")).predictions_sha256 == reference, ""
        except Exception as error:
            same, told = False, f"Traceback: {type(error).__name__}: {error}"
        found.add(Ended(0, f"{path.name}, byte {place} of {len(data)}", told, False), same)
    return found


def read_only_store(folder: Path) -> Found:
    """An empty one, and one whose folds are done."""
    found = Found("one line that names the store, exit code 2; what is there stays")
    with small_disk(folder / "runs", "8m") as made:
        for again in (False, True) if made else ():
            if again:
                ended(run_of(folder, "dummy", "--out", folder / "runs"), folder)
            before = sorted((folder / "runs").rglob("*"))
            subprocess.run(["mount", "-o", "remount,ro", folder / "runs"], check=True)
            done = ended(run_of(folder, "dummy", "--out", folder / "runs"), folder)
            subprocess.run(["mount", "-o", "remount,rw", folder / "runs"], check=True)
            told = done.err.count("error: ") == 1 and str(folder / "runs") in done.line
            found.add(done, done.code == 2 and told and sorted((folder / "runs").rglob("*")) == before)
    return found


def two_versions(folder: Path) -> Found:
    """Two runs of one plan on one store at once, one of them with another source of the model; then the first one again."""
    found = Found("each source has its own complete records, with the same predictions; the board is written")
    code = folder / "code"
    for package in ("benchmark", "models", "datasets"):
        shutil.copytree(ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (code / "models" / "zoo" / "cgcnn.py").open("a") as file:
        file.write("\nassert 1 + 1 == 2\n")
    run, out = run_of(folder, "cgcnn"), folder / "runs"
    with ThreadPoolExecutor() as threads:
        both = list(threads.map(lambda path: ended(run, folder, PYTHONPATH=str(path)), (ROOT, code)))
    for done in (*both, ended(run, folder)):
        records = list(Store(out).records())
        sources = {(record.key.source, record.key.fold) for record in records if record.status == "complete"}
        numbers = {(record.key.fold, record.predictions_sha256) for record in records}
        good = len(records) == len(sources) == 4 and len(numbers) == 2 and (out / "README.md").exists()
        found.add(done, done.code == 0 and good)
    return found


ENDURANCE: dict[str, Callable[[Path], Found]] = {
    f"a cache damaged at {PLACES} random places": damaged_cache,
    "a read-only store": read_only_store,
    "two versions of a model's source on one store": two_versions,
}


def memory(folder: Path) -> tuple[list[list[str]], int]:
    """Rows of a table: peak memory of the processes of one run early and late; and how many of them grew by over 5 %."""
    write_folder(folder / "mine", 30)
    arguments = ["run", "--dataset", folder / "mine", "--model", "cgcnn", "--profile", "smoke", "--workers", "1"]
    arguments += ["--folds", "4", "--repeats", str(FOLDS // 4)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command(arguments), cwd=folder, env=environment(OMP_NUM_THREADS="1"), stdout=log, stderr=log)
        parent: list[tuple[int, int]] = []
        while process.poll() is None:
            try:
                done = (folder / "log").read_bytes().count(b": test MAE")
                parent.append((done, psutil.Process(process.pid).memory_info().rss))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit((folder / "log").read_text()[-2000:])
    records = sorted(Store(folder / "runs").records(), key=lambda record: record.started_at)
    worker = [(number, record.memory.host_bytes or 0) for number, record in enumerate(records)]
    rows, grown = [], 0
    for name, measured in (("the worker, peak of a fold", worker), ("the run itself", parent)):
        early, late = (
            float(np.mean([size for number, size in measured if first <= number < first + FOLDS // 10]))
            for first in (FOLDS // 10, FOLDS - FOLDS // 10)
        )
        rows.append([name, f"{early / 1e6:.1f}", f"{late / 1e6:.1f}"])
        grown += late > 1.05 * early
    return rows, grown
