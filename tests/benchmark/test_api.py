"""The Python API, as a script uses it."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.io import write
from pymatgen.io.ase import AseAtomsAdaptor

from benchmark import api
from benchmark.results.store import Store
from datasets.errors import InputError
from tests.benchmark.conftest import write_folder
from tests.benchmark.constructed import write_run

MODEL = "cgcnn"


@pytest.fixture(scope="module")
def ran(small_folder, tmp_path_factory):
    """A board of two models on the user's folder, and where it lies."""
    out = tmp_path_factory.mktemp("api") / "runs"
    table = api.run(small_folder, [MODEL, "dummy"], profile="smoke", folds=2, save_checkpoints=True, out=out)
    return table, out


def test_a_task_is_run_and_its_board_read_as_a_table(ran, small_folder):
    table, out = ran
    assert set(table["model"]) == {MODEL, "dummy"} and (table["folds"] == 2).all()
    assert table["loss"].is_monotonic_increasing and table["loss"].notna().all()
    assert table.set_index("model").loc[MODEL, "parameters"] > 1000 and (table["training_s"] >= 0).all()
    again = api.run(small_folder, [MODEL, "dummy"], profile="smoke", folds=2, save_checkpoints=True, out=out)
    assert again.equals(table)  # nothing was trained again, not even its times changed
    assert api.board(out).equals(table)


def test_repeats_divide_the_crystals_anew(small_folder, tmp_path):
    table = api.run(small_folder, ["dummy"], profile="smoke", folds=2, repeats=2, seed=3, out=tmp_path)
    assert list(table["folds"]) == [4]
    assert {record.key.seed for record in Store(tmp_path).records()} == {3, 4}


def test_structures_and_atoms_are_predicted_alike_in_their_order(ran):
    folds = sorted((ran[1]).rglob(f"*{MODEL}*/**/*.safetensors"))
    atoms = [bulk("Al", cubic=True), bulk("Cu")]
    with pytest.warns(UserWarning, match="trained in the profile smoke"):
        found = api.predict(folds, atoms, ids=["al", "cu"])
    assert found.attrs["test_error"].startswith("test MAE: ")
    assert np.mean(list(found.attrs["members"].values()), axis=0) == pytest.approx(found["prediction"].to_numpy())
    with pytest.warns(UserWarning, match="'water' has no cell"):
        api.predict(folds, molecule("H2O"), ids=["water"])
    assert list(found["id"]) == ["al", "cu"] and np.isfinite(found["prediction"]).all() and (found["disagreement"] >= 0).all()
    structures = [AseAtomsAdaptor.get_structure(one) for one in atoms]
    mixed = api.predict(folds, [structures[0], atoms[1]])
    assert list(mixed["id"]) == ["0", "1"]
    assert mixed["prediction"].to_numpy() == pytest.approx(found["prediction"].to_numpy(), abs=1e-5)
    for one in (structures[0], atoms[0]):
        alone = api.predict(str(folds[0].parent), one)
        assert list(alone["id"]) == ["0"] and alone["prediction"][0] == pytest.approx(found["prediction"][0], abs=1e-5)


def test_files_are_predicted_frame_by_frame_and_unseen_elements_told(ran, tmp_path):
    folds = sorted((ran[1]).rglob(f"*{MODEL}*/**/*.safetensors"))
    write(tmp_path / "metals.xyz", [bulk("Al"), bulk("Si")])
    with pytest.warns(UserWarning, match="training had no Si"):
        found = api.predict_files(folds, [tmp_path / "metals.xyz"])
    assert list(found["id"]) == ["metals:1", "metals:2"] and list(found["unseen_elements"]) == ["", "Si"]
    (tmp_path / "broken.cif").write_text("nothing")
    with pytest.raises(InputError, match=r"broken\.cif"):
        api.predict_files(folds, [tmp_path])
    with pytest.warns(UserWarning, match=r"left out: .*broken\.cif"):
        others = api.predict_files(folds, [tmp_path], skip_bad=True)
    assert others.equals(found)
    with pytest.warns(UserWarning, match=r"left out: .*gone\.cif: no such file"):
        api.predict_files(folds, [tmp_path / "gone.cif", tmp_path / "metals.xyz"], skip_bad=True)


def test_what_cannot_be_used_is_named(ran, tmp_path):
    folds = sorted((ran[1]).rglob(f"*{MODEL}*/**/*.safetensors"))
    ghost = bulk("Al")
    ghost.numbers[:] = 0
    with pytest.raises(InputError, match="ghost"):
        api.predict(folds, [ghost], ids=["ghost"])
    with pytest.raises(InputError, match=r"^ids: 1 name for 2 crystals$"):
        api.predict(folds, [bulk("Al"), bulk("Cu")], ids=["al"])
    for files in (["new.xyz"], "new.xyz"):
        with pytest.raises(InputError, match=r"^'new\.xyz' is no structure; predict_files takes files$"):
            api.predict(folds, files)
    for name in ("one", "two"):
        (tmp_path / "several" / name).mkdir(parents=True)
        (tmp_path / "several" / name / "fold-00.safetensors").touch()
    with pytest.raises(InputError, match=r"2 runs below it; name one of them\n- .*one: .*\n- .*two: "):
        api.predict(tmp_path / "several", [bulk("Al")])
    with pytest.raises(InputError, match="no checkpoint was given"):
        api.predict([], [])
    with pytest.raises(InputError, match="no crystal was given"):
        api.predict(folds, [])
    with pytest.raises(InputError, match="nothing"):
        api.run("nothing/at_all", out=tmp_path)
    with pytest.raises(InputError, match="empty: no such directory"):
        api.board(tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    assert api.board(tmp_path / "empty").empty


def test_data_sets_are_loaded_by_name_or_folder(small_folder):
    assert len(api.load(small_folder)) == 30
    crystals = api.load("emt/pt_clusters")
    assert len(crystals) == 800 and list(crystals.targets) == ["total_energy"]


def test_bad_files_of_a_folder_are_named_or_left_out(tmp_path):
    folder = write_folder(tmp_path / "mine", 8)
    (folder / "c3.cif").write_text("broken")
    for use in (api.load, lambda folder: api.run(folder, ["dummy"], profile="smoke", folds=2, out=tmp_path / "runs")):
        with pytest.raises(InputError, match=r"1 of 8 .*`skip_bad=True`\n- id_prop\.csv line 4: c3\.cif: not a readable CIF"):
            use(folder)
    with pytest.warns(UserWarning, match=r"^left out: .*line 4: c3\.cif: not a readable CIF"):
        assert list(api.load(folder, skip_bad=True).ids) == ["c0", "c1", "c2", "c4", "c5", "c6", "c7"]
    with pytest.warns(UserWarning, match=r"without 1 of its crystals:\n  id_prop\.csv line 4: c3\.cif"):
        table = api.run(folder, ["dummy"], profile="smoke", folds=2, skip_bad=True, out=tmp_path / "runs")
    assert list(table["folds"]) == [2]
    for file in folder.glob("*.cif"):
        file.write_text("broken")
    with pytest.raises(InputError, match="no crystal can be used"):
        api.load(folder, skip_bad=True)


def test_a_row_that_is_compared_with_nothing_has_no_verdict(tmp_path):
    store = Store(tmp_path)
    for source in ("d", "e"):
        write_run(store, "cgcnn", 1.0, key={"source": source * 64})
    board = api.board(tmp_path)
    assert board["row"].nunique() == 2 and list(board["model"]) == ["cgcnn", "cgcnn"]
    assert board[["verdict", "ratio_to_best", "ratio_low"]].isna().all(axis=None)
