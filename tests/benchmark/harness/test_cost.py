"""What a plan is expected to cost, and how long its rest will take."""

from __future__ import annotations

import pytest

from benchmark.harness import time_left
from benchmark.harness.cost import Costs, costs_on_record, plan_cost, timed_where_unknown
from benchmark.harness.kept import kept_of
from benchmark.harness.plan import Plan
from benchmark.harness.time_left import TimeLeft
from benchmark.results.store import Store
from models.zoo.cgcnn import CGCNN
from tests.benchmark.harness.constructed import make_jobs
from tests.benchmark.results.test_store import make


def trained(job, n_train=100, device_s=50.0, task=None, processor="another"):
    """A record of the job's training, on so many crystals, that took so many seconds of a processor."""
    record, _ = make()
    key = job.key("0" * 64)
    if task:
        key = key.model_copy(update={"task": f"{task}/target", "dataset": task})
    training = record.times.training.model_copy(update={"device_s": device_s})
    return record.model_copy(
        update={
            "key": key,
            "changed": job.changed,
            "split": record.split.model_copy(update={"n_train": n_train}),
            "times": record.times.model_copy(update={"training": training}),
            "machine": record.machine.model_copy(update={"processor": processor}),
        }
    )


def test_a_cost_grows_with_crystals_and_epochs_and_without_epochs_with_a_power_of_the_crystals(small_folder):
    short, long = (make_jobs(small_folder, epochs=epochs)[0] for epochs in ("2", "6"))
    assert Costs([(trained(short), "runs")]).of(long, 200).seconds == 50 * 3 * 2
    support_vectors = make_jobs(small_folder, model="soap-svr")[0]
    assert Costs([(trained(support_vectors), "runs")]).of(support_vectors, 200).seconds == 50 * 4
    forest = make_jobs(small_folder, model="rf-magpie")[0]
    assert Costs([(trained(forest), "runs")]).of(forest, 1000).seconds == pytest.approx(50 * 10**1.2)


def test_the_same_task_counts_before_others_and_other_settings_tell_roughly(small_folder):
    job, other = make_jobs(small_folder)[0], make_jobs(small_folder, width="8")[0]
    costs = Costs([(trained(job, task="elsewhere"), "published"), (trained(job, device_s=70.0), "runs")])
    found = costs.of(job, 100)
    assert (found.seconds, found.source, found.measured_here) == (70.0, "runs, of another processor", False)
    assert costs.of(other, 100) is None
    cost = plan_cost([job, other], {job: 100, other: 100}, costs)
    rough = "runs with other settings, a rough guess, of another processor"
    assert (cost.sources, cost.unknown) == ({found.source: 1, rough: 1}, 0) and cost.device_s == 140.0
    (elsewhere,) = make_jobs(small_folder, model="megnet")[:1]
    assert plan_cost([elsewhere], {elsewhere: 100}, costs).unknown == 1
    measured, broken = timed_where_unknown([job, other], {job: 100, other: 100}, costs)
    assert list(measured) == [other] and measured[other].seconds > 0 and not broken
    assert plan_cost([job, other], {job: 100, other: 100}, costs, measured).unknown == 0


@pytest.mark.parametrize(("model", "grown"), [("cgcnn", 4), ("soap-svr", 16)])
def test_a_part_of_the_crystals_costs_less_than_all_of_them(small_folder, model, grown):
    jobs = make_jobs(small_folder, model=model)[:2]
    measured, _ = timed_where_unknown(jobs, dict(zip(jobs, (100, 400), strict=True)), Costs())
    part, whole = (measured[job].seconds for job in jobs)
    assert whole == pytest.approx(grown * part)


def test_a_record_of_another_task_does_not_spare_the_timing(small_folder):
    (job, *_) = make_jobs(small_folder)
    costs = Costs([(trained(job, task="elsewhere"), "published")])
    assert not costs.of(job, 100).of_task
    measured, _ = timed_where_unknown([job], {job: 100}, costs)
    assert plan_cost([job], {job: 100}, costs, measured).sources == {"2 batches timed here": 1}


def test_epochs_that_a_checkpoint_has_cost_nothing_more(small_folder):
    (job, *_) = make_jobs(small_folder)
    kept = kept_of(job.key("0" * 64), "0" * 64).model_copy(update={"epoch": 3, "epochs": 4})
    cost = plan_cost([job], {job: 100}, Costs([(trained(job, device_s=80.0), "runs")]), kept={job: kept})
    assert (cost.device_s, cost.wall_s) == (20.0, 20.0)


def test_a_model_that_cannot_be_trained_is_told_before_the_run(small_folder, monkeypatch):
    def fails(self, *arguments, **named):
        raise ValueError("290 numbers")

    monkeypatch.setattr(CGCNN, "fit", fails)
    jobs = make_jobs(small_folder)
    measured, broken = timed_where_unknown(jobs, dict.fromkeys(jobs, 100), Costs())
    assert not measured and list(broken) == ["cgcnn"] and "290 numbers" in broken["cgcnn"]


def test_records_on_disk_are_found_and_damaged_ones_left_out(small_folder, tmp_path):
    one, other = make_jobs(small_folder)
    store = Store(tmp_path)
    store.write(trained(one), make()[1])
    store.write(trained(other, device_s=1.0), make()[1])
    store.path(other.key("0" * 64)).write_text("{")
    assert costs_on_record([one], [store]).of(one, 100).seconds == 50.0


def test_the_time_left_follows_what_was_measured_and_what_other_runs_do(small_folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now[0])
    jobs = make_jobs(small_folder, folds=4)
    left = TimeLeft(Plan(jobs, (), (), n_train=dict.fromkeys(jobs, 100)), Costs())
    assert left.seconds() is None
    now[0] = 100.0
    left.finished(jobs[0], trained(jobs[0]))
    left.epoch(jobs[1], 1, 2)
    assert left.ended == 1
    # 75 s of the processor in 100 s on the clock; as one fold has ended, 15 s at full speed are assumed before.
    assert left.seconds() == pytest.approx(125 / (90 / 115))


def test_the_time_left_of_many_short_folds_follows_the_clock_and_not_their_training(small_folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now[0])
    jobs = make_jobs(small_folder, folds=25)
    left = TimeLeft(Plan(jobs, (), (), n_train=dict.fromkeys(jobs, 100)), Costs())
    now[0] = 100.0
    for job in jobs[:10]:
        left.finished(job, trained(job, device_s=1.0))
    assert 100 < left.seconds() <= 150, "10 folds took 100 s, of which 10 s were training; 15 are left"


def test_the_first_epochs_alone_tell_no_time_where_no_cost_is_known(small_folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now[0])
    (job, *_) = jobs = make_jobs(small_folder)
    left = TimeLeft(Plan(jobs, (), (), n_train=dict.fromkeys(jobs, 100)), Costs())
    now[0] = 30.0
    left.epoch(job, 1, 60)
    assert left.seconds() is None
    now[0] = 59.0
    left.epoch(job, 30, 60)
    assert left.seconds() == pytest.approx(1.5 * 60), "a fold has 60 epochs of a second; the start is not counted"


def test_two_epochs_are_too_few_to_tell_a_time_however_short_a_fold_is(small_folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now[0])
    (job, *_) = jobs = make_jobs(small_folder)
    left = TimeLeft(Plan(jobs, (), (), n_train=dict.fromkeys(jobs, 100)), Costs())
    for number in (1, 2):
        now[0] += 10.0
        left.epoch(job, number, 8)
        assert left.seconds() is None
    now[0] += 10.0
    left.epoch(job, 3, 8)
    assert left.seconds() == pytest.approx((5 / 8 + 1) * 80)


def test_a_new_estimate_does_not_make_the_time_shown_jump(small_folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now[0])
    jobs = make_jobs(small_folder, folds=4)
    left = TimeLeft(Plan(jobs, (), (), n_train=dict.fromkeys(jobs, 100)), Costs([(trained(jobs[0], device_s=1000.0), "runs")]))
    assert left.seconds() == pytest.approx(4000, rel=0.01)
    now[0] = 1.0
    left.finished(jobs[0], trained(jobs[0], device_s=100.0))
    assert left.seconds() > 2000, "a second later"
    now[0] = 100.0
    assert left.seconds() < 500, "the new costs, once a tenth of the time left has passed"


def test_several_folds_with_one_epoch_each_tell_no_time_where_no_cost_is_known(small_folder):
    jobs = make_jobs(small_folder, folds=4)
    left = TimeLeft(Plan(jobs, (), (), n_train=dict.fromkeys(jobs, 100)), Costs())
    for job in jobs:
        left.epoch(job, 1, 20)
        left.epoch(job, 2, 20)
    assert left.seconds() is None


def test_what_was_done_before_a_stop_makes_no_run_seem_fast(small_folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now[0])
    (job, _) = jobs = make_jobs(small_folder)
    left = TimeLeft(Plan((job,), jobs[1:], (), n_train={job: 100}), Costs([(trained(job, device_s=1000.0), "runs")]))
    now[0] = 10.0
    left.epoch(job, 91, 100)
    assert left.seconds() == pytest.approx(90 / ((10 + 30) / 40))
    assert left.ended == 1
