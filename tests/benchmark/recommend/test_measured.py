"""Which records count, and what is read from them."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from benchmark.recommend.measured import records_of, trained
from benchmark.results.learning_rate import GRIDS, RateChoice, TriedRate
from benchmark.results.packed import packed_files
from benchmark.results.records import GraphHealth
from benchmark.results.store import Store
from tests.benchmark.constructed import write_fold, write_run

CGCNN = {"task": "cgcnn/band_gap"}


def test_standard_records_on_real_crystals_count_by_task_and_model(tmp_path):
    store = Store(tmp_path)
    write_run(store, "cgcnn", 0.5, **CGCNN)
    write_run(store, "megnet", 0.6, **CGCNN)
    write_run(store, "cgcnn", 0.5, task="emt/alloys/log10_bulk_modulus")
    write_run(store, "cgcnn", 0.5, task="mine/target")
    write_run(store, "cgcnn", 0.5, task="cgcnn/efermi", changed={"epochs": 3})
    found = trained(store.records(), "cpu")
    assert list(found) == ["cgcnn/band_gap"]
    cgcnn, megnet = found["cgcnn/band_gap"]
    assert (cgcnn.model, megnet.model, cgcnn.crystal_set) == ("cgcnn", "megnet", "cgcnn")
    assert len(cgcnn.errors) == 5 and cgcnn.errors == pytest.approx(0.5, rel=0.03)
    assert cgcnn.seconds_at(100) > 0
    assert [model.machines for model in trained(store.records(), "gpu")["cgcnn/band_gap"]] == [(), ()]


@pytest.mark.parametrize(
    ("model", "in_epochs", "grown"), [("cgcnn", True, 4), ("rf-magpie", False, 4**1.2), ("soap-svr", False, 16)]
)
def test_the_time_grows_with_crystals_as_the_model_does(tmp_path, model, in_epochs, grown):
    store = Store(tmp_path)
    write_run(store, model, 0.5, **CGCNN, epochs_run=30 if in_epochs else 0)
    (one,) = trained(store.records(), "cpu")["cgcnn/band_gap"]
    assert one.seconds_at(4000) == pytest.approx(grown * one.seconds_at(1000))


def test_the_search_for_a_learning_rate_is_counted_where_it_was_set(tmp_path):
    store, settings = Store(tmp_path), {"learning_rate": 0.003, "epochs": 30}
    write_run(store, "cgcnn", 0.5, **CGCNN, key={"settings": settings}, epochs_run=30)
    write_run(store, "megnet", 0.5, **CGCNN, key={"settings": {"depth": 3}}, epochs_run=30)
    (record, *_) = store.records()
    cgcnn, megnet = trained(store.records(), "cpu")["cgcnn/band_gap"]
    own = record.times.training.device_s
    assert cgcnn.seconds == pytest.approx(5 * [own * (1 + 3 * 3 / 30)]), "three rates, each for a tenth of 30 epochs"
    assert megnet.seconds == pytest.approx(5 * [own]), "there is no rate to search"
    tried = tuple(TriedRate(learning_rate=rate, validation_loss=1.0) for rate in (0.001, 0.003, 0.009))
    choice = RateChoice(tried=tried, epochs=3, cost=record.times.training)
    searched = {"settings": settings, "rates": GRIDS["standard"]}
    write_run(store, "schnet", 0.5, **CGCNN, key=searched, epochs_run=30, rate_choice=choice)
    assert trained(store.records(), "cpu")["cgcnn/band_gap"][2].seconds == pytest.approx(5 * [own]), "its time has the search"


def test_errors_of_both_kinds_of_device_count_and_times_of_the_one_asked(tmp_path):
    store = Store(tmp_path)
    write_run(store, "cgcnn", 0.5, **CGCNN)
    write_run(store, "megnet", 0.5, **CGCNN)
    gpu = {"machine": next(iter(store.records())).machine.model_copy(update={"device": "a GPU"})}
    write_run(store, "cgcnn", 0.7, key={"device": "gpu", "seed": 1}, **CGCNN, **gpu)
    write_run(store, "cgcnn", 0.9, key={"device": "gpu"}, **CGCNN, **gpu)
    (cpu, _), (on_gpu, untimed) = (trained(store.records(), device)["cgcnn/band_gap"] for device in ("cpu", "gpu"))
    assert sorted(cpu.errors) == pytest.approx([0.5] * 5 + [0.7] * 5, rel=0.03), "a fold on both counts once"
    assert np.array_equal(on_gpu.errors, cpu.errors), "errors do not depend on the device"
    assert np.isfinite(cpu.seconds).sum() == 5 and np.isfinite(on_gpu.seconds).all() and cpu.seconds_at(100) > 0
    assert on_gpu.machines == ("a GPU",)
    assert untimed.model == "megnet" and untimed.seconds_at(100) is None and untimed.errors == pytest.approx(0.5, rel=0.03)


def test_a_task_without_a_time_takes_that_of_another_task_of_the_same_crystals(tmp_path):
    store = Store(tmp_path)

    def of_size(atoms: int) -> dict[str, object]:
        health = GraphHealth(atoms=atoms, edges=960, isolated_atoms=0, atoms_with_fewer_than_k=0, truncated_ties=0)
        return {"graph_health": health}

    write_run(store, "cgcnn", 0.5, task="cgcnn/band_gap", key={"device": "gpu"}, **of_size(240))
    write_run(store, "cgcnn", 0.5, task="cgcnn/log10_k_vrh", **of_size(80))
    write_run(store, "megnet", 0.5, task="cgcnn/log10_k_vrh", **of_size(80))
    assert trained(store.records(), "cpu")["cgcnn/band_gap"][0].seconds_at(100) is None, "other crystals: smaller ones"
    write_run(store, "cgcnn", 0.5, task="cgcnn/formation_energy_per_atom", **of_size(241))
    found = trained(store.records(), "cpu")
    (gap,), (energy,) = found["cgcnn/band_gap"], found["cgcnn/formation_energy_per_atom"]
    assert gap.timed.task == energy.task and gap.seconds_at(100) == energy.seconds_at(100) and gap.machines == ()
    write_run(store, "cgcnn", 0.5, task="cgcnn/band_gap", key={"protocol": "shuffle(80:10:10)"}, folds=1, **of_size(240))
    (gap,) = trained(store.records(), "cpu")["cgcnn/band_gap"]
    assert gap.timed.task == gap.task and len(gap.errors) == 5, "its own time with other folds comes first"


def test_atoms_of_a_crystal_are_of_all_crystals_and_not_of_a_part(tmp_path):
    store = Store(tmp_path)
    health = GraphHealth(atoms=240, edges=960, isolated_atoms=0, atoms_with_fewer_than_k=0, truncated_ties=0)
    write_run(store, "cgcnn", 0.5, graph_health=health, **CGCNN)
    ((whole,),) = trained(store.records(), "cpu").values()
    assert whole.atoms == pytest.approx(240 / 48)
    for fold in range(5):
        key = {"protocol": "kfold(5, train 1/4)"}
        write_fold(store, "cgcnn", fold, [0.9] * 2, graph_health=health, key=key, **CGCNN)
    ((with_parts,),) = trained(store.records(), "cpu").values()
    assert len(with_parts.errors) == 10 and with_parts.atoms == whole.atoms


def test_parts_of_the_training_set_belong_to_one_curve_and_the_fuller_protocol_counts(tmp_path):
    store = Store(tmp_path)
    write_run(store, "cgcnn", 0.5, **CGCNN)
    write_run(store, "cgcnn", 0.9, key={"protocol": "kfold(5, train 1/4)"}, **CGCNN)
    write_run(store, "cgcnn", 0.7, key={"protocol": "kfold(5, grouped)"}, **CGCNN)
    write_run(store, "megnet", 0.7, key={"protocol": "kfold(5, grouped)"}, **CGCNN)
    ((cgcnn, _),) = trained(store.records(), "cpu").values()
    assert cgcnn.errors == pytest.approx(0.7, rel=0.03)
    ((cgcnn,),) = trained((r for r in store.records() if "grouped" not in r.key.protocol), "cpu").values()
    assert len(cgcnn.errors) == 10


def test_of_two_sources_of_a_model_the_newest_counts(tmp_path):
    store = Store(tmp_path)
    for source, month, mae in (("a", 1, 0.5), ("b", 2, 0.8)):
        started = datetime(2026, month, 1, tzinfo=timezone.utc)
        write_run(store, "cgcnn", mae, key={"source": source * 64}, started_at=started, **CGCNN)
    ((cgcnn,),) = trained(store.records(), "cpu").values()
    assert cgcnn.errors == pytest.approx(0.8, rel=0.03)


def test_records_of_a_published_study_count_and_a_fold_in_two_places_counts_once(tmp_path):
    store = Store(tmp_path / "board")
    for task in ("cgcnn/band_gap", "fung/2d/work_function"):
        for model in ("cgcnn", "megnet"):
            write_run(store, model, 0.5, task=task)
            write_run(store, model, 0.7, task=task, key={"protocol": "kfold(5, train 1/4)"})
    records = list(store.records())
    of_task = [record for record in records if record.key.task == "cgcnn/band_gap"]
    path = tmp_path / "study" / "cgcnn/band_gap.json"
    path.parent.mkdir(parents=True)
    for place, content in packed_files(path, [(record, store.predictions(record)) for record in of_task]):
        place.write_bytes(content)
    study = records_of([tmp_path / "study"])
    assert len(study) == len(of_task) == 20
    assert trained(study, "cpu")["cgcnn/band_gap"][0].errors == pytest.approx(
        trained(of_task, "cpu")["cgcnn/band_gap"][0].errors
    )
    both = records_of([store.root, tmp_path / "study"])
    assert len(both) == len(records) and not np.isnan([r.metrics.test.loss for r in both]).any()
