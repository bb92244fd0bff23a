from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.benchmark.conftest import write_folder


def one_line_error(done, code: int = 2) -> str:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run",), "name tasks with --task"),
        (("run", "--task", "emt/aloys"), "did you mean emt/alloys"),
        (("run", "--task", "emt/alloys", "--model", "cgcn"), "did you mean cgcnn"),
        (("run", "--task", "emt/alloys", "--profile", "minni"), "did you mean mini"),
        (("run", "--task", "emt/alloys", "--protocol", "loo"), "choose kfold, shuffle, holdout or published"),
        (("run", "--task", "emt/alloys", "--device", "tpu"), "choose auto or cpu"),
        (("run", "--task", "emt/alloys", "--set", "n_layers=4"), "name it with a single --model"),
        (("run", "--task", "emt/alloys", "--model", "cgcnn", "--set", "n_layer=4"), "did you mean n_layers"),
        (("run", "--task", "emt/alloys", "--model", "cgcnn", "--set", "epochs=many"), "it must be a whole number"),
        (("run", "--task", "emt/alloys", "--model", "cgcnn", "--set", "epochs"), "write name=value"),
        (("run", "--dataset", "nowhere"), "nowhere is not a folder"),
        (("run", "--task", "cgcnn/band_gap"), "materials.parquet is missing; "),
        (("run", "--task", "x" * 300), "unknown task"),
        (("run", "--task", "emt/alloys", "--seed", "-1"), "--seed"),
        (("run", "--task", "emt/alloys", "--folds", "0"), "--folds"),
        (("run", "--task", "emt/alloys", "--workers", "0"), "--workers"),
        (("run", "--task", "emt/alloys", "--out", "leaderboards"), "holds the published records"),
        (("run", "emt/alloys"), "write it behind an option: --task or --dataset or --model or --out; see --help"),
        (("jobs", "runs"), "write it behind an option: --out; see --help"),
        ((), "Missing command"),
        (("datasets",), "Missing command"),
        (("rnu",), "No such command 'rnu'"),
        (("run", "--foldz", "3"), "No such option: --foldz"),
        (("leaderboard", "--from", "nowhere"), "nowhere has no records"),
        (("leaderboard", "submit", "nowhere"), "nowhere has no records"),
        (("publish",), "runs has no such records"),
        (("datasets", "info", "emt/alloy"), "did you mean emt/alloys"),
        (("datasets", "fetch"), "name one dataset, or use --all"),
        (("datasets", "fetch", "megnett"), "did you mean megnet"),
        (("datasets", "fetch", "fung/pt", "--offline"), "--offline forbids fetching it"),
        (("datasets", "fetch", "fung/surface"), "query Catalysis-Hub for MamunHighT2019"),
        (("run", "--task", "fung/surface"), "query Catalysis-Hub for MamunHighT2019"),
        (("datasets", "health", "emt/alloys", "--rule", "furthest:3"), "for example nearest:12:8"),
        (("datasets", "health", "emt/alloys", "--rule", "nearest:0:8"), "k >= 1"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(benchmark_command, arguments, expected, tmp_path):
    done = benchmark_command(*arguments, BENCHMARK_DATA=str(tmp_path / "nothing"))
    assert expected in one_line_error(done)
    assert not list(tmp_path.rglob("fold-*"))


@pytest.mark.parametrize("command", [("leaderboard",), ("publish",), ("check",), ("leaderboard", "submit", "runs")])
def test_a_command_started_elsewhere_says_where_it_looked(benchmark_command, tmp_path, command):
    looked_for = tmp_path / ("leaderboards" if command in (("leaderboard",), ("check",)) else "runs")
    assert one_line_error(benchmark_command(*command)).startswith(f"error: {looked_for}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("kfold", "--folds", "1"), "kfold needs at least 2 folds, not 1; or run --protocol shuffle"),
        (("holdout", "--folds", "6"), "holdout has 5 folds, not 6"),
        (("shuffle", "--folds", "10000"), "shuffle with 10000 folds is impossible; at most 9999 are"),
        (("published",), "mine/target: this dataset came without a published split; use --protocol kfold or shuffle"),
    ],
)
def test_an_impossible_protocol_is_refused_before_a_structure_is_read(benchmark_command, tmp_path, monkeypatch, options, said):
    folder = write_folder(tmp_path / "mine", 12)
    monkeypatch.setattr("benchmark.tasks.tasks.Task.load", lambda task: pytest.fail("structures were read"))
    assert said in one_line_error(benchmark_command("run", "--dataset", folder, "--model", "dummy", "--protocol", *options))


def damage_csv(folder, text):
    (folder / "id_prop.csv").write_text(text)


BAD_FOLDERS = {
    "empty": (shutil.rmtree, "mine"),
    "missing structure": (lambda f: damage_csv(f, "c0,1.0\nnobody,2.0\n"), "nobody"),
    "text": (lambda f: damage_csv(f, "c0,1.0\nc1,heavy\n"), "heavy"),
    "truncated CIF": (lambda f: (f / "c1.cif").write_text((f / "c1.cif").read_text()[:300]), "c1.cif"),
    "partial occupancy": (
        lambda f: (f / "c1.cif").write_text((f / "c1.cif").read_text().replace("1.0000", "0.5000")),
        "partially occupied",
    ),
    "element without features": (
        lambda f: (f / "c1.cif").write_text((f / "c1.cif").read_text().replace("Cu", "Lr")),
        "'c1': no features for the element with Z = 103",
    ),
    "too few": (lambda f: damage_csv(f, "c0,1.0\nc1,2.0\nc2,3.0\n"), "3 crystals with a value are too few for kfold(5)"),
}


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_bad_folders_are_one_line_and_one_a_file_and_nothing_is_written(benchmark_command, tmp_path, name):
    damage, expected = BAD_FOLDERS[name]
    folder = write_folder(tmp_path / "mine", 8)
    damage(folder)
    folder.mkdir(exist_ok=True)
    done = benchmark_command("run", "--dataset", folder, "--model", "cgcnn", "--profile", "smoke")
    first, *files = done.stderr.strip().splitlines()
    assert done.returncode == 2 and first.startswith("error: ") and expected in done.stderr
    assert len(files) < 2 and all(
        re.match(r"- id_prop\.csv line 2: (c1\.cif: |id 'nobody' has no structure)", one) for one in files
    )
    assert not list(tmp_path.rglob("fold-*"))


def test_an_unwritable_output_directory_is_said_at_once(benchmark_command, small_folder, tmp_path):
    (tmp_path / "file").write_text("")
    error = one_line_error(benchmark_command("run", "--dataset", small_folder, "--out", tmp_path / "file" / "runs"))
    assert "choose another directory with --out" in error


def test_folders_that_cannot_be_told_apart_are_refused(benchmark_command, tmp_path):
    folders = [write_folder(tmp_path / parent / name, 8) for parent, name in (("a", "x"), ("b", "x"), ("c", "emt"))]
    two = benchmark_command("run", "--dataset", folders[0], "--dataset", folders[1])
    assert "two folders give the task x/target" in one_line_error(two)
    assert "cannot be called 'emt'" in one_line_error(benchmark_command("run", "--dataset", folders[2]))


def test_a_target_that_would_leave_the_store_is_refused(benchmark_command, tmp_path):
    folder = write_folder(tmp_path / "mine", 8)
    table = folder / "id_prop.csv"
    table.write_text("id,../../escaped\n" + table.read_text())
    assert "cannot name a target" in one_line_error(benchmark_command("run", "--dataset", folder))
    table.write_text(table.read_text().replace("../../escaped", "E/atom"))
    assert "call it 'E_per_atom'" in one_line_error(benchmark_command("run", "--dataset", folder))


def test_a_repeated_model_is_run_once(benchmark_command, small_folder):
    arguments = ("run", "--dataset", small_folder, "--model", "dummy", "--model", "dummy", "--dry-run", "--json")
    assert len(json.loads(benchmark_command(*arguments).stdout)["jobs"]) == 5


def test_all_skips_missing_sets_with_a_line_each(benchmark_command, tmp_path, monkeypatch):
    done = benchmark_command("datasets", "list", "--json", BENCHMARK_DATA=str(tmp_path / "nothing"))
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["emt/alloys"]["here"]
    for name in ("cgcnn", "fung/2d", "fung/mof", "fung/pt"):
        assert not rows[name]["here"]
        assert "is missing; " in rows[name]["missing"]


def test_models_json_has_the_published_counts(benchmark_command):
    rows = {row["name"]: row for row in json.loads(benchmark_command("models", "--json").stdout)}
    assert list(rows["cgcnn"]) == ["name", "paper", "graph_rule", "n_layers", "parameters", "published_parameters"]
    assert rows["cgcnn"]["parameters"] == rows["cgcnn"]["published_parameters"] == 80_833
    deeper = {row["name"]: row for row in json.loads(benchmark_command("models", "--json", "--layers", 7).stdout)}
    assert deeper["cgcnn"]["n_layers"] == 7
    assert deeper["cgcnn"]["parameters"] == deeper["cgcnn"]["published_parameters"] == 14_401 + 7 * 22_144


def test_run_leaderboard_and_publish_from_folder_to_board(benchmark_command, small_folder, tmp_path):
    run = benchmark_command(
        "run", "--dataset", small_folder, "--profile", "smoke", "--folds", 2, "--model", "cgcnn", "--model", "dummy",
        "--workers", 2, "--json",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    *events, summary = map(json.loads, run.stdout.splitlines())
    assert [event["status"] for event in events if event["event"] == "record"] == ["complete"] * 4
    assert (summary["event"], summary["folds"], summary["failed"], summary["left"]) == ("summary", 4, 0, 0)
    assert {row["model"]: len(row["folds"]) for row in summary["scores"]} == {"cgcnn": 2, "dummy": 2}
    assert "mine/target" in (tmp_path / "runs" / "README.md").read_text()
    assert len(list((tmp_path / "runs" / "compositions").iterdir())) == 1
    assert benchmark_command("leaderboard", "--from", "runs").returncode == 0
    assert '"label":"dummy (smoke)"' in (tmp_path / "runs" / "index.html").read_text()


def test_a_model_s_row_is_published_from_a_folder_to_the_board_and_no_trial_is(benchmark_command, small_folder, tmp_path):
    for profile, model in (("mini", "dummy"), ("mini", "dummy-median"), ("smoke", "dummy")):
        arguments = ("--profile", profile, "--model", model, "--out", profile)
        assert benchmark_command("run", "--dataset", small_folder, "--folds", 2, "--workers", 1, *arguments).returncode == 0
    for path in tmp_path.glob("*/records/**/*.json"):  # of a checkout without changes, whatever this one is
        path.write_text(path.read_text().replace("+changes", ""))
    refused = benchmark_command("publish", "--from", "smoke")
    assert refused.returncode == 2
    assert "2 records (dummy) of the profile smoke, which only tries the program; run with --profile mini" in refused.stderr
    assert not (tmp_path / "leaderboards").exists()
    published = benchmark_command("publish", "--from", "mini", "--model", "dummy", "--json")
    assert len(json.loads(published.stdout)) == 2, published.stderr
    page = (tmp_path / "leaderboards" / "tasks" / "mine" / "target.md").read_text()
    assert "[dummy (mini)](" in page and "dummy-median" not in page


def test_a_run_prints_only_its_own_comparison_groups_and_says_where_the_others_are(benchmark_command, small_folder, tmp_path):
    arguments = ("run", "--dataset", small_folder, "--model", "dummy", "--folds", 2, "--workers", 1, "--profile")
    first = benchmark_command(*arguments, "smoke").stdout
    assert "(smoke, kfold(2)" in first and "earlier comparison group" not in first
    second = benchmark_command(*arguments, "standard").stdout
    assert "(standard, kfold(2)" in second and "(smoke, " not in second
    assert "the board also has 1 earlier comparison group." in second
    page = (tmp_path / "runs" / "tasks" / "mine" / "target.md").read_text()
    assert "## smoke, kfold(2)" in page and "## standard, kfold(2)" in page
    again = benchmark_command(*arguments, "smoke").stdout
    assert "(smoke, kfold(2)" in again and "(standard, " not in again, "nothing was left to train"


def test_dataset_info_and_health_of_a_folder(benchmark_command, small_folder):
    info = json.loads(benchmark_command("datasets", "info", small_folder, "--json").stdout)
    assert list(info) == ["name", "rows", "content_hash", "targets", "atoms", "card", "fetched"]
    assert info["rows"] == info["targets"]["target"]["rows"] == 30
    arguments = ("datasets", "health", small_folder, "--json", "--rule")
    (health,) = json.loads(benchmark_command(*arguments, "radius:1.0").stdout)["graphs"]
    assert health["isolated_atoms"]["count"] == health["atoms"]
    (shell,) = json.loads(benchmark_command(*arguments, "nearest:12:8").stdout)["graphs"]
    # fcc: the twelve nearest are one whole shell, so cutting at twelve changes nothing
    assert shell["truncated_ties"]["count"] == 0
    assert shell["edges"] == 12 * shell["atoms"]


def test_folding_of_a_folder_and_its_page(benchmark_command, small_folder, tmp_path):
    done = benchmark_command("datasets", "folding", small_folder, "--symmetry", 3, "--page", "docs", "--json")
    (found,) = json.loads(done.stdout)
    assert found["folding"]["atoms"] >= found["folding"]["kinds"] and found["orbits"]["sampled"] == 3
    assert found["orbits"]["more"] == 0
    page = (tmp_path / "docs" / "folding-datasets.md").read_text()
    assert "--symmetry 3 --seed 0 --page docs`" in page and str(tmp_path) not in page
    assert (tmp_path / "docs" / "folding.svg").is_file()


def test_fetching_what_is_here_checks_it_and_prints_licence_and_citation(benchmark_command, shared_data):
    here = str(shared_data("fung/pt_test_data.tar.gz").parents[1])
    done = benchmark_command("datasets", "fetch", "fung/pt", BENCHMARK_DATA=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("fung/pt: 1,000 crystals, already here: ")
    assert "licence: as distributed with MatDeepLearn (MIT)" in done.stdout
    assert "@article{fung2021," in done.stdout
    (row,) = json.loads(benchmark_command("datasets", "fetch", "fung/pt", "--json", BENCHMARK_DATA=here).stdout)
    assert (row["name"], row["rows"], row["fetched_now"]) == ("fung/pt", 1000, False)


def test_fetching_everything_names_what_failed_and_goes_on(benchmark_command, tmp_path):
    done = benchmark_command("datasets", "fetch", "--all", "--offline", BENCHMARK_DATA=str(tmp_path / "data"))
    assert done.returncode == 1
    *lines, last = done.stderr.splitlines()
    assert [line.split()[2] for line in lines] == ["cgcnn:", "fung/bulk:", "fung/pt:", "fung/pt_all:", "megnet:"]
    assert all(line.startswith("not fetched: ") and "--offline forbids fetching it" in line for line in lines)
    assert last == "error: 5 of 5 datasets are not here: cgcnn, fung/bulk, fung/pt, fung/pt_all, megnet"


def test_a_target_that_a_release_lacks_is_skipped_unless_it_is_named(benchmark_command, shared_data):
    here = str(shared_data("cgcnn/materials.parquet").parents[1])
    asked = ("run", "--model", "dummy", "--no-group-duplicates", "--dry-run", "--json", "--task")
    plan = json.loads(benchmark_command(*asked, "cgcnn", BENCHMARK_DATA=here).stdout)
    assert len({job["task"] for job in plan["jobs"]}) == 7
    assert plan["skipped"] == ["cgcnn/energy_per_atom: no crystal has a value in this release of the data"]
    done = benchmark_command(*asked, "cgcnn/energy_per_atom", BENCHMARK_DATA=here)
    assert "no crystal has a value in this release" in one_line_error(done)


def test_a_page_of_a_card_is_written(benchmark_command, small_folder, tmp_path):
    assert benchmark_command("datasets", "info", small_folder, "--page", tmp_path / "cards").returncode == 0
    page = (tmp_path / "cards" / "mine.md").read_text()
    assert page.startswith("# mine\n\n30 crystals of the folder mine")
    assert re.search(r"\| target +\| +\| 30", page), "the table names no unit"


def test_no_sign_of_a_card_means_anything_on_its_page():
    from benchmark.datasheets.card_page import CheckedCard, TargetRows, card_page
    from datasets.cards import Card

    evil = "<img src=x onerror=alert(1)>|_a_~b~$c$\n# d"
    card = Card(
        name=evil, description=evil, targets={evil: evil}, licence=evil, citation=f"@a{{```\n{evil}", source=evil, version=evil,
        how_to_get=evil, known_problems=(evil,),
    )  # fmt: skip
    rows = {evil: TargetRows(unit=evil, rows=1)}
    page = card_page(CheckedCard(name=evil, rows=1, content_hash="0" * 64, targets=rows, atoms=1, card=card, fetched=None))
    outside = page.split("````bibtex")[0]
    assert not any(sign in outside for sign in ("<", "~", "$", "_a_", "\n# d"))
    assert outside.count("&lt;img") == 9
