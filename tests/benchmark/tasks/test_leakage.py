"""Leakage counted by hand; grouped runs that leak nothing; the command line that tells of both."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from ase.io import read, write

from benchmark.results.store import Store
from benchmark.tasks.folds import Fold, Protocol, kfolds
from benchmark.tasks.leakage import GROUPED_FROM, duplicate_share, grouping, leakage, leaked, seen_before
from benchmark.tasks.tasks import tasks_of
from datasets.errors import InputError
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import write_folder


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Twenty-four crystals of which the last four are the first four in supercells, with another target."""
    folder = write_folder(tmp_path_factory.mktemp("twins") / "twins", 20, seed=5)
    rows = (folder / "id_prop.csv").read_text()
    for number in range(4):
        write(folder / f"twin{number}.cif", read(folder / f"c{number}.cif").repeat((2, 1, 1)))
        rows += f"twin{number},{100 + number}\n"
    (folder / "id_prop.csv").write_text(rows)
    return folder


def test_leaked_are_the_test_rows_with_a_group_elsewhere():
    #        row 0  1  2  3  4  5  6  7
    groups = np.array([0, 0, 2, 3, 3, 5, 5, 7])
    fold = Fold(train=np.array([0, 2]), validation=np.array([3]), test=np.array([1, 4, 5, 6, 7]))
    assert leaked(fold, groups).tolist() == [1, 4]


def test_the_share_of_crystals_with_a_duplicate_by_hand():
    assert duplicate_share(np.array([0, 0, 2, 3, 3, 3, 5, 7])) == 5 / 8
    assert duplicate_share(np.arange(5)) == 0.0


@pytest.mark.parametrize(
    ("pairs", "expected", "told"),
    [
        (0, False, "no duplicates found: crystals are divided at random"),
        (1, False, "1.00 % of the crystals have a duplicate, not more than 1 %: crystals are divided at random"),
        (2, True, "2.00 % of the crystals have a duplicate: duplicates stay in one part of each fold"),
    ],
)
def test_folds_are_grouped_where_more_than_one_crystal_in_a_hundred_has_a_duplicate(pairs, expected, told):
    groups = np.arange(200)
    groups[1 : 2 * pairs : 2] -= 1
    data = SimpleNamespace(groups=groups, task=SimpleNamespace(name="set/target"))
    found, why = grouping(data)
    assert found is expected is (duplicate_share(groups) > GROUPED_FROM)
    assert why == f"set/target: {told}"


def test_crystals_that_cannot_be_searched_for_duplicates_are_not_grouped_and_no_error():
    class Blurred:
        task = SimpleNamespace(name="set/target")

        @property
        def groups(self):
            raise InputError("crystal 'blurred': its coordinates\nare too large")

    found, why = grouping(Blurred())
    assert not found and "cannot be searched" in why and "crystal 'blurred'" in why and "\n" not in why
    assert seen_before(Blurred(), Fold(*(np.arange(2),) * 3)) is None


def test_leakage_is_what_the_folds_say(twins):
    data = tasks_of(str(twins))[0].load()
    partner = {f"twin{n}": f"c{n}" for n in range(4)} | {f"c{n}": f"twin{n}" for n in range(4)}
    (found,) = leakage(data)
    for row in found.folds:
        fold = data.fold(Protocol("kfold", 5), row.fold, 0)
        test = set(data.crystals.ids[fold.test])
        expected = sum(name in partner and partner[name] not in test for name in test)
        assert (row.test, row.leaked) == (len(test), expected)
    assert found.share == sum(row.leaked for row in found.folds) / 24 > 0


def test_grouped_folds_of_a_task_leak_nothing(twins):
    data = tasks_of(str(twins))[0].load()
    for protocol in (Protocol("kfold", 5, grouped=True), Protocol("shuffle", 3, grouped=True)):
        for number in range(protocol.n_folds):
            fold = data.fold(protocol, number, 0)
            assert not len(leaked(fold, data.groups))
            assert not len(leaked(Fold(fold.train, fold.test, fold.validation), data.groups))


def test_too_few_crystals_to_divide_are_a_reason_not_an_error(benchmark_command, tmp_path):
    folder = write_folder(tmp_path / "few", 3)
    done = benchmark_command("datasets", "health", folder, "--rule", "radius:4", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["leakage"]
    assert "too few" in row["reason"] and row["folds"] == []


def test_health_tells_duplicates_spread_and_leakage(benchmark_command, twins, tmp_path):
    done = benchmark_command("datasets", "health", twins, "--page", "pages", "--json")
    report = json.loads(done.stdout)
    assert (report["crystals"], report["duplicates"]["groups"], report["duplicates"]["crystals"]) == (24, 4, 8)
    assert ["c0", "twin0"] in report["duplicates"]["examples"]
    widest = max(100 + number - float(row_of(twins, f"c{number}")) for number in range(4))
    assert report["duplicates"]["spreads"][0]["max"] == pytest.approx(widest)
    assert [graph["rule"] for graph in report["graphs"]] == [
        "nearest(12, 8 Å, shell)", "radius(4 Å)", "radius(5 Å)", "minimum-image(12, 8 Å, to owner)",
    ]  # fmt: skip
    assert report["leakage"][0]["protocol"] == "kfold(5)" and report["leakage"][0]["share"] > 0
    page = (tmp_path / "pages" / "twins.md").read_text()
    assert "4 groups of equal structures" in page and "path/to/twins --page pages" in page
    assert str(tmp_path) not in page
    for name in ("targets", "atoms", "elements"):
        assert f"(twins/{name}.png)" in page
        assert (tmp_path / "pages" / "twins" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    text = benchmark_command("datasets", "health", twins)
    assert "8 crystals (33.3 %) have a duplicate" in text.stdout
    assert not list(tmp_path.rglob("*.partial"))


def row_of(folder, name):
    return dict(line.split(",") for line in (folder / "id_prop.csv").read_text().split())[name]


def test_a_page_that_is_no_health_report_is_not_replaced(benchmark_command, twins, tmp_path):
    (tmp_path / "twins.md").write_text("mine")
    done = benchmark_command("datasets", "health", twins, "--rule", "radius:4", "--page", tmp_path)
    assert "is no health report" in one_line_error(done)
    assert (tmp_path / "twins.md").read_text() == "mine"


def test_grouped_records_stand_apart_and_the_page_repeats_their_command(benchmark_command, twins, tmp_path):
    arguments = ("run", "--dataset", twins, "--model", "dummy", "--folds", 2, "--workers", 1, "--json")
    grouped = benchmark_command(*arguments, "--group-duplicates")
    assert grouped.returncode == 0, grouped.stderr
    assert [row["protocol"] for row in json.loads(grouped.stdout.splitlines()[-1])["scores"]] == ["kfold(2, grouped)"]
    page = (tmp_path / "runs" / "tasks" / "twins" / "target.md").read_text()
    assert "--protocol kfold --folds 2 --group-duplicates --seed 0" in page
    again = json.loads(benchmark_command(*arguments, "--group-duplicates", "--dry-run").stdout)
    plain = json.loads(benchmark_command(*arguments, "--no-group-duplicates", "--dry-run").stdout)
    assert [job["done"] for job in again["jobs"] + plain["jobs"]] == [True, True, False, False]
    assert again["notes"] == plain["notes"] == []


def test_the_plan_groups_folds_of_many_duplicates_and_says_why(benchmark_command, twins, tmp_path):
    arguments = ("run", "--dataset", twins, "--model", "dummy", "--folds", 2, "--dry-run")
    plan = json.loads(benchmark_command(*arguments, "--json").stdout)
    assert {job["protocol"] for job in plan["jobs"]} == {"kfold(2, grouped)"}
    said = "twins/target: 33.33 % of the crystals have a duplicate: duplicates stay in one part of each fold"
    assert plan["notes"] == [said]
    assert said in benchmark_command(*arguments).stdout
    shuffled = json.loads(benchmark_command(*arguments, "--json", "--protocol", "shuffle").stdout)
    assert {job["protocol"] for job in shuffled["jobs"]} == {"shuffle(80:10:10, grouped)"}
    alone = write_folder(tmp_path / "alone", 20)
    plan = json.loads(benchmark_command("run", "--dataset", alone, "--model", "dummy", "--dry-run", "--json").stdout)
    assert {job["protocol"] for job in plan["jobs"]} == {"kfold(5)"}
    assert plan["notes"] == ["alone/target: no duplicates found: crystals are divided at random"]


def test_a_record_and_its_board_tell_seen_crystals_from_new_ones(benchmark_command, twins, tmp_path):
    arguments = ("run", "--dataset", twins, "--model", "dummy", "--folds", 2, "--workers", 1)
    done = benchmark_command(*arguments, "--no-group-duplicates")
    assert done.returncode == 0, done.stderr
    data, store, seen = tasks_of(str(twins))[0].load(), Store(tmp_path / "runs"), 0
    for record in store.records():
        fold = data.fold(Protocol("kfold", 2), record.key.fold, 0)
        rows = leaked(fold, data.groups)
        new = np.setdiff1d(fold.test, rows)
        mean = data.targets[fold.train].mean()
        assert (record.leak.n_seen, record.leak.n_new) == (len(rows), len(new))
        assert record.leak.seen == pytest.approx(np.abs(data.targets[rows] - mean).mean())
        assert record.leak.new == pytest.approx(np.abs(data.targets[new] - mean).mean())
        seen += len(rows)
    page = (tmp_path / "runs" / "tasks" / "twins" / "target.md").read_text()
    assert "MAE, seen |" in page and "MAE, new |" in page and "MAE, seen" in done.stdout
    assert f"{100 * seen / 24:.1f} % of the test crystals have a duplicate in train or validation" in page
    assert "--protocol kfold --folds 2 --no-group-duplicates --seed 0" in page
    benchmark_command(*arguments, "--out", "grouped")
    page = (tmp_path / "grouped" / "tasks" / "twins" / "target.md").read_text()
    assert "MAE, seen" not in page and "have a duplicate" not in page
    (leak, _) = (record.leak for record in Store(tmp_path / "grouped").records())
    assert (leak.n_seen, leak.seen) == (0, None)


def test_a_published_split_cannot_be_grouped(benchmark_command, twins):
    done = benchmark_command("run", "--dataset", twins, "--protocol", "published", "--group-duplicates")
    assert "a published split cannot be grouped by duplicates" in one_line_error(done)


def test_fewer_groups_than_folds_are_refused(benchmark_command, tmp_path):
    folder = write_folder(tmp_path / "copies", 4)
    rows = (folder / "id_prop.csv").read_text()
    for number in range(4):
        shutil.copy(folder / "c0.cif", folder / f"copy{number}.cif")
        rows += f"copy{number},1.0\n"
    (folder / "id_prop.csv").write_text(rows)
    done = benchmark_command("run", "--dataset", folder, "--model", "dummy", "--group-duplicates")
    assert "4 groups of crystals with a value are too few for kfold(5, grouped)" in one_line_error(done)


def test_the_number_of_folds_is_read_from_the_protocol():
    protocols = (Protocol("kfold", 7), Protocol("kfold", 12, grouped=True), Protocol("shuffle", 3), Protocol("published", 1))
    assert [kfolds(str(protocol)) for protocol in protocols] == [7, 12, None, None]
