"""A small board with everything that a page must cope with, and Chromium to open it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.leaderboard.web.write import write_site
from benchmark.results.records import Memory, Times
from benchmark.results.store import Store
from benchmark.results.validation import frame_hash
from benchmark.schema import Duration
from benchmark.tasks.folds import ids_hash
from benchmark.tasks.metrics import Metrics, leak_scores, score
from tests.benchmark.constructed import failed, make, write_sources

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
MODELS = ("cgcnn", "megnet", "schnet", "mpnn", "dummy")
TASKS = ("set/energy", "set/gap")
FOLDS, CRYSTALS = 3, 120
ELEMENTS = ("Cu", "Au", "O", "Fe", "La")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip


def write_fold(
    store: Store, task: str, model: str, fold: int, processor: str = "Xeon", profile: str = "standard", seen: int = 0,
    seed: int = 0, **changes,
) -> None:  # fmt: skip
    """A fold whose predictions scatter by the place of the model in MODELS; `cgcnn` is best. `seen` crystals leak, if any."""
    rng = np.random.default_rng([len(task), MODELS.index(model), fold, *([seed] if seed else [])])
    ids = [f"crystal-{number}" for number in range(CRYSTALS) if number % FOLDS == fold]
    target = np.array([int(name[8:]) * 0.1 for name in ids])
    noise = rng.normal(size=len(ids)) * 0.05 * 3.0 ** MODELS.index(model)
    predicted = np.full(len(ids), target.mean()) if model == "dummy" else target + noise
    predictions = pd.DataFrame({"id": ids, "fold": fold, "target": target, "prediction": predicted})
    base, _ = make(fold, model)
    scores = score(target, predicted)
    test_sha = ids_hash(ids)
    seconds = 1.0 + 2 * MODELS.index(model) + fold + (10 if processor != "Xeon" else 0)
    duration = Duration(wall_s=seconds, device_s=seconds)
    update = {
        "key": base.key.model_copy(
            update={"task": task, "target": task.split("/")[1], "protocol": f"kfold({FOLDS})", "profile": profile, "seed": seed}
            | ({"settings": changes["changed"]} if "changed" in changes else {})
        ),
        "split": base.split.model_copy(update={"n_train": 70, "n_validation": 10, "n_test": len(ids), "test_sha256": test_sha}),
        "metrics": Metrics(train=scores, validation=scores, test=scores),
        "times": Times(graphs_wall_s=0.5, training=duration, inference=duration),
        "parameters": 1000 * (1 + MODELS.index(model)),
        "memory": Memory(host_bytes=10**8 * (1 + MODELS.index(model)), device_bytes=None),
        "machine": base.machine.model_copy(update={"processor": processor}),
        "predictions_sha256": frame_hash(predictions),
        "leak": leak_scores(target, predicted, np.arange(len(ids)) < seen) if seen else None,
    }
    store.write(base.model_copy(update=update | changes), predictions)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The page of two tasks of five models, one on another machine, with failures and a hostile name."""
    root = tmp_path_factory.mktemp("board")
    store = Store(root / "runs")
    for task in TASKS:
        for model in MODELS:
            for fold in range(FOLDS):
                write_fold(store, task, model, fold, "Epyc" if model == "mpnn" else "Xeon")
    key = make(0, "cgcnn")[0].key.model_copy(update={"task": TASKS[0], "target": "energy", "protocol": f"kfold({FOLDS})"})
    evil = key.model_copy(update={"settings": {"name": "odd"}})
    store.write(failed(0, key=evil, changed={"name": "odd"}, reason=EVIL), None)
    big = key.model_copy(update={"model": "soap-svr"})
    store.write(failed(0, key=big, status="out-of-memory", reason="the kernel matrix wants 80 GB"), None)
    write_sources(store.root, outdated=["cgcnn"])
    compositions = pd.DataFrame(
        {
            "id": [f"crystal-{number}" for number in range(CRYSTALS)],
            "elements": [(ELEMENTS[number % 5], ELEMENTS[(number + 1) % 5]) for number in range(CRYSTALS)],
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.results.compositions.read", lambda root, dataset_hash: compositions)
        write_site(store, root / "site")
    return root / "site"


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """Playwright's browser; skips where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with ExitStack() as stack:
        try:
            playwright = stack.enter_context(api.sync_playwright())
        except Exception as error:  # its driver is a program that needs libraries of the system
            if found:
                raise
            pytest.skip(f"Playwright does not start here, and there is no Chromium: {error}")
        executable = found or playwright.chromium.executable_path
        if not Path(executable).exists():
            pytest.skip("there is no Chromium here; `playwright install chromium` or a package of the system brings one")
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, site):
    """Opens the page from disk at a hash; when the test ends, no error may have been logged and nothing asked of a network."""
    contexts, problems = [], []

    def open_at(hash_: str = "", site: Path = site, **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else problems.append(request.url))
        page.on("dialog", lambda dialog: problems.append(f"dialog {dialog.message}"))
        page.goto(f"{(site / 'index.html').as_uri()}{hash_}")
        page.wait_for_selector("h1")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert problems == []
