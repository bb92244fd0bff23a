"""Published studies: nothing is lost in packing, pages say what the records give, and rendering needs no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.harness.plan import RunOptions
from benchmark.results.store import Store
from benchmark.results.validation import InvalidFile
from benchmark.studies.depth.beside_published import deep_against
from benchmark.studies.depth.causes import NOT_ESTABLISHED, NOT_TRIED, causes
from benchmark.studies.depth.page import groups_of
from benchmark.studies.depth.study import STUDY
from benchmark.studies.epochs.conclusions import EpochState, History
from benchmark.studies.latent_space.conclusions import LatentReport, MappedCrystal
from benchmark.studies.layers import LayerReport, LayerState
from benchmark.studies.pages import write_study_pages
from benchmark.studies.planning import plan_study, study_called
from benchmark.studies.published import (
    observations_path,
    pack_observations,
    publish_study,
    read_published,
    read_trials,
    unpack_observations,
)
from benchmark.studies.registry import names, pages_of
from datasets.errors import InputError
from models.registry import get
from tests.benchmark.conftest import ROOT, environment
from tests.benchmark.results.test_store import failed, make
from tests.benchmark.studies.constructed import states

REPORTS = ROOT / "reports"
KEPT = {
    "depth": {"cgcnn/log10_k_vrh", "fung/2d/work_function", "fung/pt/total_energy"},
    "learning-curve": {"cgcnn/log10_k_vrh", "fung/2d/work_function", "fung/pt/total_energy"},
    "sensitivity": {"emt/surfaces/adsorption_energy"},
}
"""Study → the tasks whose records lie in `reports/studies`."""

FINITE = st.floats(allow_nan=False, allow_infinity=False)
PAIR = st.tuples(FINITE, FINITE)


def built(kind: type) -> st.SearchStrategy:
    """Any object of a schema: what may be None or empty is so at times."""
    number, whole, text = FINITE | st.none(), st.integers(1, 500), st.text() | st.none()
    numbers = [name for name, field in kind.model_fields.items() if field.annotation in (float, float | None)]
    fields: dict[str, st.SearchStrategy] = {
        LayerState: {"layer": whole},
        LayerReport: {"crystals": whole, "atoms": whole, "reason": text},
        EpochState: {"number": whole, "training_loss": FINITE, "seconds": FINITE},
        History: {},
        MappedCrystal: {"id": st.text(), "target": FINITE, "pca": PAIR, "tsne": PAIR},
        LatentReport: {"silhouette": st.floats(-1, 1) | st.none(), "width": whole | st.none(), "reason": text},
    }[kind]
    fields = dict.fromkeys(numbers, number) | fields
    parts = {"initial": LayerState, "trained": LayerState, "epochs": EpochState, "crystals": MappedCrystal}
    nested = {
        name: st.lists(built(parts[name]), max_size=3).map(tuple)
        for name in kind.model_fields
        if name in parts and name not in fields
    }
    return st.builds(kind, **fields, **nested)


@pytest.mark.parametrize("kind", [LayerReport, History, LatentReport])
@given(data=st.data())
def test_packed_observations_come_back_as_they_were(kind, data):
    observations = data.draw(st.dictionaries(st.integers(0, 9_999), built(kind), min_size=1, max_size=4))
    assert unpack_observations(pack_observations(observations), kind) == observations


def kept(root: Path, folds: int = 3) -> Store:
    """A store with some folds of the depth study, the last of which failed; the first was not looked at."""
    store = Store(root)
    for fold in range(folds):
        record, predictions = make(fold)
        key = record.key.model_copy(update={"settings": {"n_layers": 4, "epochs": 3}})
        if fold == folds - 1:
            record, predictions = failed(fold, key=key), None
        store.write(record.model_copy(update={"key": key, "changed": {"n_layers": 4}}), predictions)
        if fold:
            report = LayerReport(crystals=2, atoms=8, initial=states(4), trained=states(4))
            store.beside(key, LayerReport.kind).write_text(report.model_dump_json())
    return store


def told(store: Store) -> list[tuple]:
    return sorted(
        ((t.record.key.fold, t.record.model_dump(), t.scores, t.seen) for t in read_trials(store, LayerReport)),
        key=lambda row: row[0],
    )


def test_a_published_study_has_every_fold_that_was_kept(tmp_path):
    source, target = kept(tmp_path / "runs"), Store(tmp_path / "reports")
    written = publish_study(source, target, LayerReport, {"set/target"})
    assert [path.relative_to(target.root).as_posix() for path in written] == [
        "set/target.layers.parquet", "set/target.parquet", "set/target.json",
    ]  # fmt: skip
    assert told(target) == told(source)
    assert [row[3] is None for row in told(target)] == [True, False, False]
    found = {trial.record.key.fold: trial.tested for trial in read_published(target, LayerReport)}
    assert found[2] is None
    assert found[1].predictions.tolist() == source.predictions(told_record(source, 1)).predictions.tolist()
    before = [path.read_bytes() for path in written]
    publish_study(source, target, LayerReport, {"set/target"})
    assert [path.read_bytes() for path in written] == before


def told_record(store: Store, fold: int):
    return next(trial.record for trial in read_trials(store, LayerReport) if trial.record.key.fold == fold)


def test_published_in_place_the_files_of_single_folds_make_way(tmp_path):
    store = kept(tmp_path)
    before = told(store)
    publish_study(store, store, LayerReport, {"set/target"})
    assert told(store) == before and not store.paths()


def test_folds_of_the_target_that_were_not_published_yet_are_published_and_not_lost(tmp_path):
    source, target = kept(tmp_path / "runs"), Store(tmp_path / "reports")
    target.write(*make(0, "schnet"))
    publish_study(source, target, None, {"set/target"})
    found = [(trial.record.key.model, trial.record.key.fold) for trial in read_published(target, None)]
    assert found == [("cgcnn", 0), ("cgcnn", 1), ("cgcnn", 2), ("schnet", 0)] and not target.paths()


def test_a_table_that_could_not_be_read_again_is_not_written(tmp_path, monkeypatch):
    store = kept(tmp_path)
    monkeypatch.setattr("benchmark.studies.published.PREDICTION_BYTES", 100)
    with pytest.raises(InputError, match="too many for one table"):
        publish_study(store, store, LayerReport, {"set/target"})
    assert len(store.paths()) == 3 and not list(tmp_path.rglob("target.json"))


def test_another_result_of_a_published_fold_is_refused_and_replaced_only_when_told(tmp_path):
    source, target = kept(tmp_path / "runs"), Store(tmp_path / "reports")
    publish_study(source, target, LayerReport, {"set/target"})
    record = told_record(source, 0)
    source.write(record.model_copy(update={"best_epoch": 1}), make(0)[1])
    with pytest.raises(InputError, match=r"1 published folds differ, the first is set/target cgcnn .*, fold 1; use --replace"):
        publish_study(source, target, LayerReport, {"set/target"})
    assert told_record(target, 0).best_epoch == 2
    publish_study(source, target, LayerReport, {"set/target"}, replace=True)
    assert told_record(target, 0).best_epoch == 1 and len(told(target)) == 3
    with pytest.raises(InputError, match="has no fold of set/other"):
        publish_study(source, target, LayerReport, {"set/other"})


@pytest.mark.parametrize("damage", [b"", b"PAR1", pack_observations({0: History()})])
def test_a_damaged_table_of_observations_is_one_line_that_names_it(tmp_path, damage):
    store = kept(tmp_path)
    _, _, path = publish_study(store, store, LayerReport, {"set/target"})
    observations_path(path, LayerReport).write_bytes(damage)
    with pytest.raises(InvalidFile, match=r"target\.layers\.parquet: "):
        list(read_published(store, LayerReport))
    errors: list[InputError] = []
    assert not list(read_published(store, LayerReport, errors.append)) and len(errors) == 1


def test_a_record_of_another_task_is_refused(tmp_path):
    store = kept(tmp_path)
    _, _, path = publish_study(store, store, LayerReport, {"set/target"})
    path.rename(path.with_name("other.json"))
    with pytest.raises(InvalidFile, match="a record in it belongs at"):
        list(read_published(store, LayerReport))


def test_a_study_goes_on_from_its_published_folds(benchmark_command, small_folder, tmp_path):
    arguments = ("study", "depth", "--dataset", small_folder, "--model", "cgcnn", "--layers", "1", "--folds", "2")
    options = ("--profile", "smoke", "--device", "cpu", "--workers", "1")
    assert benchmark_command(*arguments, *options).returncode == 0
    text = (tmp_path / "runs" / "depth" / "mine" / "target.md").read_text()
    page = tmp_path / "reports" / "depth" / "mine" / "target.md"
    done = benchmark_command("study", "depth", "--dataset", small_folder, "--publish")
    assert done.returncode == 0, done.stderr
    assert "published: reports/studies/depth/mine/target.json" in done.stderr and page.read_text() == text
    store = Store(tmp_path / "reports" / "studies" / "depth")
    request = RunOptions(tasks=[str(small_folder)], models=["cgcnn"], profile="smoke", folds=2)
    assert [len(part) for part in (lambda plan: (plan.done, plan.todo))(plan_study(STUDY, request, [1, 2], store))] == [2, 2]
    page.unlink()
    assert benchmark_command("study", "depth", "--dataset", small_folder, "--render-only", "--out", "reports").returncode == 0
    assert page.read_text() == text
    more = benchmark_command(*(part if part != "1" else "1,2" for part in arguments), *options, "--out", "reports")
    assert more.returncode == 0, more.stderr
    assert len(list(read_trials(store, LayerReport))) == 4
    refused = benchmark_command(*arguments, "--replace")
    assert refused.returncode == 2 and "--replace has a meaning with --publish only" in refused.stderr


NO_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "dgl"):
            raise ImportError(f"{name} is not on this machine")

sys.meta_path.insert(0, Blocked())
from benchmark.cli.main import main
main()
"""


def test_a_published_study_is_rendered_on_a_machine_without_torch(tmp_path):
    arguments = [
        "study",
        "sensitivity",
        "--task",
        "emt/surfaces",
        "--render-only",
        "--out",
        str(REPORTS),
        "--reports",
        "reports",
    ]
    command = [sys.executable, "-c", NO_TORCH, *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = Path("sensitivity") / "emt" / "surfaces" / "adsorption_energy.md"
    assert (tmp_path / "reports" / page).read_text() == (REPORTS / page).read_text()


@pytest.mark.parametrize("name", names())
def test_a_study_is_what_its_folder_says(name):
    study, pages = study_called(name), pages_of(name)
    assert study.name == pages.name == name
    assert (study.observer and study.observer.name) == (pages.seen and pages.seen.kind)


@pytest.mark.parametrize("name", KEPT)
def test_a_published_report_says_what_its_records_give(name, tmp_path):
    found = read_trials(Store(REPORTS / "studies" / name), pages_of(name).seen)
    written = write_study_pages(pages_of(name), found, tmp_path)
    pages = {path.relative_to(tmp_path): path for path in written if path.suffix == ".md"}
    assert {page.as_posix() for page in pages} == {f"{name}/{task}.md" for task in KEPT[name]}
    for page, path in pages.items():
        assert (REPORTS / page).read_text() == path.read_text()
    pictures = {path.relative_to(tmp_path) for path in written if path.suffix == ".png"}
    assert all((REPORTS / picture).is_file() for picture in pictures)


def test_every_kept_store_is_compared():
    assert {path.name for path in (REPORTS / "studies").iterdir() if path.is_dir()} == KEPT.keys()
    for name, tasks in KEPT.items():
        root = REPORTS / "studies" / name
        assert {path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.json")} == tasks


def test_the_page_on_studies_says_of_depth_what_the_records_give():
    text = " ".join((ROOT / "docs" / "studies.md").read_text().split())
    verdicts = {}
    for task in ("fung/2d/work_function", "fung/pt/total_energy"):
        trials = (t for t in read_trials(Store(REPORTS / "studies" / "depth"), LayerReport) if t.record.key.task == task)
        verdicts[task] = groups_of(trials)[0].members
    told = {
        task: [
            (v.not_worse_at, v.breaks_at is not None, causes(one.tried) not in (NOT_ESTABLISHED, NOT_TRIED))
            for one in members
            for v in [one.verdict]
        ]
        for task, members in verdicts.items()
    }
    sheets, clusters = told.values()
    assert (len(sheets), [one[0] for one in sheets if one[0]], sum(one[1] for one in sheets)) == (10, [30], 8)
    assert "one of ten networks is shown not to be worse with 30 layers (DeeperCGCNN with a single skip), eight are" in text
    assert (len(clusters), [one[0] for one in clusters if one[0]], sum(one[1] for one in clusters)) == (10, [], 6)
    assert "no network is shown not to be worse, six of ten are shown to break at 20 or 30 layers, four are undecided" in text
    assert [sum(one[2] for one in found) for found in (sheets, clusters)] == [1, 2]
    trials = (t for t in read_trials(Store(REPORTS / "studies" / "depth"), LayerReport) if t.record.key.dataset == "cgcnn")
    (published_size,) = groups_of(trials)[0].members
    assert published_size.verdict.not_worse_at == 10 and published_size.verdict.breaks_at is None
    guide = " ".join((ROOT / "docs" / "read-depth.md").read_text().split())
    assert "Of published size `cgcnn` alone was tested, on bulk moduli: with 10 layers it is shown not to be worse." in guide
    assert "at 30 layers it is not shown to be better or worse than GATGNN" in guide
    for members in verdicts.values():
        (line,) = deep_against(members)
        assert "both with 30 layers" in line and "DeeperGATGNN is not shown to be better or worse" in line


def test_the_guide_to_depth_has_the_layers_of_standard():
    rows = [
        line.split("|")[1:3] for line in (ROOT / "docs" / "read-depth.md").read_text().splitlines() if line.startswith("| `")
    ]
    told = {name.strip(" `"): int(layers) for name, layers in rows}
    assert len(told) == 5 and told == {name: get(name).profiles["standard"].n_layers for name in told}
