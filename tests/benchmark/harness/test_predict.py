"""`predict` gives what the checkpoint gave when it was scored, and loses nothing over a bad file."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk
from ase.db import connect
from ase.io import write

from benchmark.harness.execution import execute
from benchmark.harness.job import Job
from benchmark.harness.predict import ids_of, predict_crystals
from benchmark.leaderboard.checkpoint_error import _SameFolds, error_on_test
from benchmark.rendering.text import plus_minus
from benchmark.results.store import Store
from benchmark.tasks.folds import Protocol
from benchmark.tasks.tasks import find_tasks
from datasets.crystals import Crystals
from datasets.errors import InputError
from models.registry import get
from models.zoo.dummy import Dummy
from tests.benchmark.constructed import write_run

CHECKPOINTS = (
    "band-gap", "bulk-moduli", "efermi", "final-energy-per-atom", "formation-energy-per-atom", "poisson-ratio", "shear-moduli",
)  # fmt: skip


TRIAL = "warning: trained in the profile smoke, "


@pytest.fixture
def predict(benchmark_command):
    """Exit code, stdout and stderr of `python -m benchmark predict …`."""

    def call(*arguments: object) -> tuple[int, str, str]:
        done = benchmark_command("predict", *arguments)
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture
def predicted(predict):
    """The rows of a call with `--json` that goes well, by id; stderr may say how good the model is, and that it is a trial."""

    def call(*arguments: object) -> dict[str, dict]:
        code, out, err = predict(*arguments, "--json")
        assert code == 0 and all(line.startswith((TRIAL, "test MAE: ")) for line in err.splitlines() if line)
        return {row["id"]: row for row in json.loads(out)}

    return call


@pytest.fixture(scope="module", params=["cgcnn", "soap-svr"])
def run_of(request, small_folder, tmp_path_factory) -> tuple[Store, Path]:
    """A run of two folds, trained on every element, with its checkpoints: the store, and the directory of the run."""
    store = Store(tmp_path_factory.mktemp("runs"))
    task, settings = find_tasks(str(small_folder))[0], get(request.param).settings("smoke")
    data, protocol = task.load(), Protocol("kfold", 2)

    def has_all(seed: int) -> bool:
        parts = (data.crystals.take(data.fold(protocol, fold, seed).train) for fold in range(2))
        return all(np.array_equal(part.elements, data.crystals.elements) for part in parts)

    seed = next(filter(has_all, range(1000)))
    for fold in range(2):
        job = Job(task, request.param, settings, "smoke", protocol, fold, seed, save_checkpoints=True)
        assert execute(job, store).status == "complete"
    return store, store.paths()[0].parent


def constant(path: Path, mean: float, **about: str) -> Path:
    """A checkpoint that predicts `mean` for every crystal."""
    model = Dummy(Dummy.settings_class())
    model.mean = np.array([mean])
    model.about = {"target": "gap", "unit": "eV", **about}
    model.save(path)
    return path


@pytest.fixture
def two_ev(tmp_path) -> Path:
    return constant(tmp_path / "two.safetensors", 2.0)


@pytest.fixture
def copper(tmp_path) -> Path:
    write(tmp_path / "copper.cif", bulk("Cu"))
    return tmp_path / "copper.cif"


def one_line_error(result: tuple[int, str, str], code: int = 2) -> str:
    assert result[0] == code
    assert result[1] == ""
    assert len(result[2].strip().splitlines()) == 1
    assert result[2].startswith("error: ")
    return result[2]


# -- what is predicted ------------------------------------------------------------------------------


def test_the_crystals_of_a_record_get_its_predictions(run_of, small_folder, predicted):
    store, folder = run_of
    for record in store.records():
        rows = predicted("--checkpoint", folder / f"fold-{record.key.fold:02d}.safetensors", small_folder)
        assert len(rows) == 30
        kept = store.predictions(record)
        ours = [rows[name]["prediction"] for name in kept.ids]
        np.testing.assert_allclose(ours, kept.predictions, rtol=1e-6)


def test_a_checkpoint_knows_the_key_of_its_record(run_of, predicted, small_folder):
    store, folder = run_of
    record = next(store.records())
    about = get(record.key.model).model.load(folder / "fold-00.safetensors").about
    elements = {"elements": "Al Ni Cu Pd Ag Pt Au"}
    assert about == elements | {
        name: str(value) for name, value in record.key.model_dump(exclude={"settings", "classes", "rates"}).items()
    }
    assert predicted("--checkpoint", folder / "fold-00.safetensors", small_folder / "c0.cif")["c0"]["unit"] == "as given"


def test_the_folds_of_a_run_predict_their_mean_and_how_far_they_disagree(run_of, small_folder, predicted):
    _, folder = run_of
    first, second = (predicted("--checkpoint", folder / f"fold-0{n}.safetensors", small_folder) for n in range(2))
    both = predicted("--checkpoint", folder, small_folder)
    assert list(both["c3"]) == ["id", "prediction", "disagreement", "unit", "unseen_elements", "unseen_by_some", "members"]
    for name, row in both.items():
        one, two = first[name]["prediction"], second[name]["prediction"]
        assert row["prediction"] == pytest.approx((one + two) / 2, abs=1e-9)
        assert row["disagreement"] == pytest.approx(abs(one - two) / np.sqrt(2), abs=1e-9)
        assert row["members"] == {"fold-00": pytest.approx(one, abs=1e-9), "fold-01": pytest.approx(two, abs=1e-9)}
        assert list(first[name]) == ["id", "prediction", "unit", "unseen_elements"]


def test_three_members_by_hand(tmp_path, copper, predicted):
    for name, mean in (("a", 1.0), ("b", 2.0), ("c", 6.0)):
        constant(tmp_path / f"{name}.safetensors", mean)
    rows = predicted("--checkpoint", tmp_path / "a.safetensors", "--checkpoint", tmp_path, copper)
    assert rows["copper"] == {
        "id": "copper", "prediction": 3.0, "disagreement": pytest.approx(np.sqrt(7)), "unit": "eV",
        "unseen_elements": "unknown", "unseen_by_some": "unknown", "members": {"a": 1.0, "b": 2.0, "c": 6.0},
    }  # fmt: skip


def test_members_are_columns_of_table_and_csv_where_they_are_asked_for(tmp_path, copper, predict):
    for name, mean in (("a", 1.0), ("b", 2.5)):
        constant(tmp_path / f"{name}.safetensors", mean)
    _, plain, _ = predict("--checkpoint", tmp_path, copper)
    code, out, _ = predict("--checkpoint", tmp_path, copper, "--members", "--csv", tmp_path / "p.csv")
    assert "members" not in plain and plain.splitlines()[0].split()[-1] == "unseen_by_some"
    assert code == 0 and out.splitlines()[0].split()[-2:] == ["a", "b"] and out.splitlines()[2].split()[-2:] == ["1", "2.5"]
    assert (tmp_path / "p.csv").read_text().splitlines()[1].endswith(",1.0,2.5")


def test_elements_that_training_did_not_have_are_told(tmp_path, predict):
    for name, known in (("all", "Cu Zn"), ("few", "Cu")):
        constant(tmp_path / f"{name}.safetensors", 1.0, elements=known)
    for name in ("Cu", "Zn"):
        write(tmp_path / f"{name}.cif", bulk(name))
    code, out, err = predict("--checkpoint", tmp_path, tmp_path / "Cu.cif", tmp_path / "Zn.cif", "--json")
    told = [(row["unseen_elements"], row["unseen_by_some"]) for row in json.loads(out)]
    assert (code, told) == (0, [("", ""), ("", "Zn")])
    assert err == "warning: some of the 2 models were trained without Zn, which 1 of 2 crystals holds (unseen_by_some)\n"
    _, out, err = predict("--checkpoint", tmp_path / "few.safetensors", tmp_path / "Zn.cif", "--json")
    assert json.loads(out)[0]["unseen_elements"] == "Zn" and "unseen_by_some" not in json.loads(out)[0]
    assert err == "warning: training had no Zn, which 1 of 1 crystal holds (unseen_elements): do not trust these predictions\n"
    write(tmp_path / "MgO.cif", bulk("MgO", "rocksalt", a=4.2))
    _, out, err = predict("--checkpoint", tmp_path, tmp_path / "MgO.cif", "--json")
    assert json.loads(out)[0]["unseen_elements"] == "Mg, O" and err.startswith("warning: training had no Mg, O, which 1 of 1")


def test_the_error_of_the_folds_on_their_test_crystals_stands_below_the_predictions(run_of, small_folder, tmp_path, predict):
    store, folder = run_of
    maes = [record.metrics.test.mae for record in store.records()]
    code, out, err = predict("--checkpoint", folder, small_folder / "c0.cif")
    assert code == 0 and err.startswith(TRIAL) and len(err.splitlines()) == 1
    told = f"test MAE: {plus_minus(np.mean(maes), np.std(maes, ddof=1))} (mean ± SD of 2 folds; "
    assert out.splitlines()[-1].startswith(told)
    targets = pd.concat(map(pd.read_parquet, folder.glob("*.parquet")))["target"].to_numpy()
    spread = plus_minus(np.abs(targets - targets.mean()).mean(), None)
    assert f"; predicting the mean of the test crystals: {spread}. Train `dummy` on the same folds" in out.splitlines()[-1]
    first = folder / "fold-00.safetensors"
    assert f"test MAE: {plus_minus(maes[0], None)} (1 fold; " in predict("--checkpoint", first, small_folder / "c0.cif")[1]
    shutil.copy(first, tmp_path)
    assert "test MAE" not in predict("--checkpoint", tmp_path / first.name, small_folder / "c0.cif")[1]


def test_where_dummy_ran_a_model_not_shown_to_be_better_than_the_mean_says_so(small_folder, tmp_path, benchmark_command):
    run = "run", "--dataset", small_folder, "--profile", "smoke", "--folds", "2", "--save-checkpoints", "--out", tmp_path
    assert benchmark_command(*run, "--model", "cgcnn", "--model", "dummy").returncode == 0
    baseline = [record.metrics.test.mae for record in Store(tmp_path).records() if record.key.model == "dummy"]
    (folder,) = (tmp_path / "records").rglob("cgcnn/*")
    out = benchmark_command("predict", "--checkpoint", folder, small_folder / "c0.cif").stdout
    told = f"; predicting the mean of the training crystals: {plus_minus(np.mean(baseline), None)}"
    assert told in out and out.endswith(". Not shown to be better than predicting the mean.\n")


def test_a_model_that_is_shown_to_be_better_than_the_mean_says_so(tmp_path):
    store = Store(tmp_path)
    for model, mae in (("cgcnn", 0.1), ("dummy", 1.0)):
        write_run(store, model, mae)
    files = sorted(path.with_suffix(".safetensors") for path in (tmp_path / "records").rglob("cgcnn/*/*.json"))
    assert error_on_test(files).endswith(". Shown to be better than predicting the mean.")


def test_only_runs_of_the_checkpoints_profile_and_folds_are_read(run_of, monkeypatch):
    store, _ = run_of
    key = next(iter(store.records())).key
    others = [key.model_copy(update=change) for change in ({"profile": "mini"}, {"protocol": "holdout"})]
    monkeypatch.setattr(Store, "paths", lambda self: [self.path(one) for one in (key, *others)])
    ((task, paths),) = _SameFolds(store.root, key).tasks()
    assert (task, paths) == (key.task, [store.path(key)])


def test_a_structure_without_a_cell_is_predicted_with_a_warning(tmp_path, two_ev, copper, predict):
    (tmp_path / "water.xyz").write_text("3\n\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n")
    code, out, err = predict("--checkpoint", two_ev, copper, tmp_path / "water.xyz", "--json")
    assert code == 0 and len(json.loads(out)) == 2
    assert err.startswith("warning: 'water' has no cell: predicted as isolated clusters; ") and len(err.splitlines()) == 1


def test_every_frame_and_every_row_is_a_crystal(tmp_path, two_ev, predict):
    atoms = [bulk("Cu", a=a) for a in (3.5, 3.6, 3.7)]
    write(tmp_path / "path.xyz", atoms)
    for kind in ("db", "json"):
        with connect(tmp_path / f"set.{kind}") as rows:
            for number, one in enumerate(atoms[:2]):
                rows.write(one, name=f"cu-{number}")

    def ids(*arguments: object) -> list[str]:
        code, out, err = predict("--checkpoint", two_ev, *arguments, "--json")
        assert (code, err) == (0, "")
        return [row["id"] for row in json.loads(out)]

    assert ids(tmp_path / "path.xyz", tmp_path / "set.db") == ["path:1", "path:2", "path:3", "set:1", "set:2"]
    write(tmp_path / "frames.json", atoms)
    assert ids(tmp_path / "frames.json") == ["frames:1", "frames:2", "frames:3"]
    for name in ("set.db", "set.json"):
        assert ids(tmp_path / name, "--id-column", "name") == ["cu-0", "cu-1"]
        wrong = one_line_error(predict("--checkpoint", two_ev, tmp_path / name, "--id-column", "nam"))
        assert f"{name}: no column 'nam' to take the ids of; its columns are id" in wrong


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_published_checkpoints_predict_what_the_published_code_predicts(shared_data, predicted, name):
    expected = pd.read_csv(shared_data("../reference/cgcnn_predictions.csv")).query("checkpoint == @name")
    checkpoint = shared_data(f"cgcnn/pre-trained/{name}.pth.tar")
    rows = predicted("--checkpoint", checkpoint, shared_data("cgcnn/sample-regression"))
    assert len(rows) == len(expected) == 10
    ours = [rows[str(crystal)]["prediction"] for crystal in expected["cif_id"]]
    np.testing.assert_allclose(ours, expected["prediction"], atol=1e-5, rtol=0)


# -- how it is shown --------------------------------------------------------------------------------


def test_the_table_has_six_digits_and_the_unit(tmp_path, copper, predict):
    code, out, err = predict("--checkpoint", constant(tmp_path / "m.safetensors", 1.23456789), copper)
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()[::2]] == [
        ["id", "prediction", "unit", "unseen_elements"],
        ["copper", "1.23457", "eV", "unknown"],
    ]


def test_ids_stay_text_and_an_unknown_unit_is_said(tmp_path, predict):
    write(tmp_path / "007.cif", bulk("Cu"))
    out = predict("--checkpoint", constant(tmp_path / "m.safetensors", 1.0, unit=""), tmp_path / "007.cif")[1]
    assert out.splitlines()[-1].split() == ["007", "1", "as", "trained", "unknown"]


def test_the_csv_holds_every_digit(tmp_path, copper, predict):
    code, out, _ = predict("--checkpoint", constant(tmp_path / "m.safetensors", 2 / 3), copper, "--csv", tmp_path / "p.csv")
    assert code == 0 and "0.666667" in out
    with (tmp_path / "p.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"id": "copper", "prediction": repr(2 / 3), "unit": "eV", "unseen_elements": "unknown"}
        ]
    assert not list(tmp_path.glob("*.partial"))


def test_a_file_is_replaced_only_where_that_is_said(tmp_path, two_ev, copper, predict):
    (tmp_path / "p.csv").write_text("mine")
    refused = one_line_error(predict("--checkpoint", two_ev, copper, "--csv", tmp_path / "p.csv"))
    assert "p.csv exists; choose another name, or add --replace" in refused and (tmp_path / "p.csv").read_text() == "mine"
    assert predict("--checkpoint", two_ev, copper, "--csv", tmp_path / "p.csv", "--replace")[0] == 0
    assert (tmp_path / "p.csv").read_text().startswith("id,prediction,")


def test_a_csv_that_cannot_be_written_is_said_before_anything_is_read(tmp_path, predict):
    assert "is a directory; name the file" in one_line_error(predict("--checkpoint", "gone", "gone", "--csv", tmp_path))
    assert "no such directory" in one_line_error(predict("--checkpoint", "gone", "gone", "--csv", tmp_path / "no" / "p.csv"))


def test_ids_are_as_short_as_they_can_be(tmp_path):
    names = ["a/x.cif", "a/x.xyz", "b/x.xyz", "a/y.cif", "1/POSCAR", "2/POSCAR"]
    assert ids_of([Path(name) for name in names]) == ["x.cif", "a/x.xyz", "b/x.xyz", "y", "1/POSCAR", "2/POSCAR"]
    assert ids_of([Path(name) for name in ("x.cif", "x.xyz", "x.cif.gz")]) == ["x.cif", "x.xyz", "x.cif.gz"]


def test_a_folder_stands_for_its_structure_files_and_no_file_counts_twice(tmp_path, two_ev, copper, predicted):
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder / "b.xyz", bulk("Al"))
    write(folder / "a.json", bulk("Al"))
    (folder / "atom_init.json").write_text("{}")
    (folder / "notes.txt").write_text("notes")
    assert list(predicted("--checkpoint", two_ev, folder, copper, folder / "a.json")) == ["a", "b", "copper"]


# -- what is left out -------------------------------------------------------------------------------


def test_an_unreadable_file_costs_no_other_its_prediction(tmp_path, two_ev, copper, predict):
    for name, text in (("broken.cif", "data_x"), ("notes.txt", "hello")):
        (tmp_path / name).write_text(text)
    code, out, err = predict("--checkpoint", two_ev, tmp_path / "broken.cif", copper, tmp_path / "notes.txt", "--json")
    assert code == 1
    assert json.loads(out) == [{"id": "copper", "prediction": 2.0, "unit": "eV", "unseen_elements": "unknown"}]
    said, first, second = err.strip().splitlines()
    assert said == "1 predicted; 2 left out:"
    assert first.startswith(f"- {tmp_path / 'broken.cif'}: not a readable CIF file")
    assert second.startswith(f"- {tmp_path / 'notes.txt'}: not a structure file")


def test_a_missing_file_costs_no_other_its_prediction(tmp_path, two_ev, copper, predict):
    empty, vast = tmp_path / "empty", "x" * 300
    empty.mkdir()
    code, out, err = predict("--checkpoint", two_ev, tmp_path / "gone.cif", copper, empty, vast, "--json")
    assert code == 1 and [row["id"] for row in json.loads(out)] == ["copper"]
    said, first, second, third = err.strip().splitlines()
    assert said == "1 predicted; 3 left out:"
    assert first == f"- {tmp_path / 'gone.cif'}: no such file or folder"
    assert second.startswith(f"- {empty}: no structure files") and third.startswith(f"- {vast}: cannot be read")


def test_an_element_that_the_model_does_not_know_costs_no_other_its_prediction(run_of, small_folder, tmp_path, predict):
    store, folder = run_of
    for number in range(7):
        shutil.copy(small_folder / f"c{number}.cif", tmp_path)
    text = (tmp_path / "c1.cif").read_text()
    (tmp_path / "c1.cif").write_text(text.replace("Cu", "Lr"))
    code, out, err = predict("--checkpoint", folder, tmp_path, "--json")
    assert code == 1
    assert [row["id"] for row in json.loads(out)] == ["c0", "c2", "c3", "c4", "c5", "c6"]
    reason = {"cgcnn": "no features for the element with Z = 103", "soap-svr": "fitted without the element Lr"}
    trial, *_, said, line = err.splitlines()
    assert trial.startswith(TRIAL) and said == "6 predicted; 1 left out:"
    assert line.startswith(f"- {tmp_path / 'c1.cif'}: crystal 'c1': ")
    assert reason[next(store.records()).key.model] in line


def test_every_refused_crystal_is_found_and_members_need_not_refuse_the_same(alloys):
    class Picky(Dummy):
        refuses: tuple[str, ...] = ()

        def prepare(self, crystals: Crystals) -> int:
            for name in crystals.ids:
                if name in self.refuses:
                    raise InputError(f"crystal '{name}': an isolated atom")
            return super().prepare(crystals)

    members = [Picky(Dummy.settings_class()) for _ in range(2)]
    for member, mean, refuses in zip(members, (1.0, 2.0), (("alloy-0", "alloy-7"), ("alloy-7", "alloy-29")), strict=True):
        member.mean, member.refuses = np.array([mean]), refuses
    values, refused = predict_crystals(members, alloys)
    assert {row: reason.split("'")[1] for row, reason in refused.items()} == {0: "alloy-0", 7: "alloy-7", 29: "alloy-29"}
    kept = [row for row in range(30) if row not in refused]
    np.testing.assert_array_equal(values[:, kept], np.repeat([[[1.0]], [[2.0]]], 27, axis=1))


def test_a_prediction_that_is_not_finite_is_left_out(tmp_path, copper, predict):
    code, out, err = predict("--checkpoint", constant(tmp_path / "m.safetensors", np.inf), copper)
    assert (code, out) == (1, "")
    assert "copper.cif: its prediction is not finite" in err


def test_nothing_left_to_predict_is_an_error(tmp_path, two_ev, predict):
    (tmp_path / "broken.cif").write_text("data_x")
    code, out, err = predict("--checkpoint", two_ev, tmp_path / "broken.cif", "--csv", tmp_path / "p.csv")
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == "error: no structure can be predicted:" and "broken.cif" in err.splitlines()[1]
    assert not (tmp_path / "p.csv").exists()


# -- wrong use --------------------------------------------------------------------------------------


def test_wrong_use_is_one_line(tmp_path, two_ev, copper, predict):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "PATH" in one_line_error(predict("--checkpoint", two_ev))
    assert "--checkpoint" in one_line_error(predict(copper))
    assert "gone.cif: no such file or folder" in one_line_error(predict("--checkpoint", two_ev, tmp_path / "gone.cif"))
    assert "no structure files" in one_line_error(predict("--checkpoint", two_ev, empty))
    assert "no such checkpoint" in one_line_error(predict("--checkpoint", tmp_path / "gone", copper))
    assert "no *.safetensors in it" in one_line_error(predict("--checkpoint", empty, copper))
    assert "choose auto or cpu" in one_line_error(predict("--checkpoint", two_ev, copper, "--device", "tpu"))


@pytest.mark.parametrize("about", [{"unit": "meV"}, {"target": "work_function"}])
def test_members_that_predict_different_things_are_not_averaged(tmp_path, two_ev, copper, predict, about):
    other = constant(tmp_path / "other.safetensors", 1.0, **about)
    line = one_line_error(predict("--checkpoint", two_ev, "--checkpoint", other, copper))
    assert f"checkpoints of different {next(iter(about))}s cannot be averaged" in line


def test_a_member_that_does_not_say_what_it_predicts_may_join(tmp_path, two_ev, copper, predicted):
    silent = constant(tmp_path / "silent.safetensors", 4.0, unit="", target="")
    assert predicted("--checkpoint", silent, "--checkpoint", two_ev, copper)["copper"]["unit"] == "eV"


def test_pickled_code_is_refused(tmp_path, copper, predict):
    class Bomb:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "executed",)

    (tmp_path / "bomb.pth.tar").write_bytes(pickle.dumps({"state_dict": Bomb()}, protocol=2))
    line = one_line_error(predict("--checkpoint", tmp_path / "bomb.pth.tar", copper))
    assert "bomb.pth.tar: not a checkpoint of weights: it holds Python objects" in line
    assert not (tmp_path / "executed").exists()


def test_a_classifier_gives_the_class_and_every_probability(shared_data, copper, predict, tmp_path):
    checkpoint = shared_data("cgcnn/pre-trained/semi-metal-classification.pth.tar")
    code, out, _ = predict("--checkpoint", checkpoint, copper, "--json")
    (row,) = json.loads(out)
    assert code == 0 and list(row) == ["id", "prediction", "p(non-metal)", "p(metal)", "unseen_elements"]
    assert row["prediction"] == "metal" and row["p(metal)"] > 0.9
    assert row["p(metal)"] + row["p(non-metal)"] == pytest.approx(1)
    both = json.loads(predict("--checkpoint", checkpoint, "--checkpoint", _classifier(tmp_path, 0.2), copper, "--json")[1])[0]
    assert both["p(metal)"] == pytest.approx((row["p(metal)"] + 0.2) / 2)
    assert both["disagreement"] == pytest.approx(abs(row["p(metal)"] - 0.2) / np.sqrt(2))


def test_classifiers_of_other_classes_and_regressions_are_not_averaged(tmp_path, copper, two_ev, predict):
    mine, other = _classifier(tmp_path, 0.2), _classifier(tmp_path, 0.2, classes='["a", "b"]')
    assert "checkpoints of different classes cannot be averaged" in one_line_error(
        predict("--checkpoint", mine, "--checkpoint", other, copper)
    )
    assert "different numbers of classes" in one_line_error(predict("--checkpoint", mine, "--checkpoint", two_ev, copper))
    broken = _classifier(tmp_path, 0.2, classes='["a"]')
    assert "expected the names of 2" in one_line_error(predict("--checkpoint", broken, copper))


def _classifier(folder: Path, share: float, classes: str = '["non-metal", "metal"]') -> Path:
    """A checkpoint that gives every crystal the same two probabilities."""
    model = Dummy(Dummy.settings_class(), n_classes=2)
    model.mean, model.about = np.array([1 - share, share]), {"classes": classes}
    path = folder / f"{len(list(folder.iterdir()))}.safetensors"
    model.save(path)
    return path


def test_help_has_an_example(predict):
    assert "Example: python -m benchmark predict" in predict("--help")[1]
