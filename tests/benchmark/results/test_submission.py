from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmark.results.publish import publish_records
from benchmark.results.store import Store
from benchmark.results.submission import examine
from benchmark.tasks.metrics import leak_scores
from datasets import registry
from datasets.cards import Dataset
from datasets.errors import BenchmarkError, InputError
from tests.benchmark.conftest import every_run
from tests.benchmark.results.submissions import CARD, LICENCE, changed_rows, only_problem, rewrite, submission, table, write
from tests.benchmark.results.test_store import failed, files


def test_a_valid_submission_is_told_what_it_adds(theirs, board):
    report = examine(theirs, board)
    assert report.problems == report.replaced == report.unproven == ()
    assert [Path(name).name for name in report.added] == ["theirs.json", "fold-00.json", "fold-01.json"]
    publish_records(theirs, board, [], [], replace=False)
    assert (board.root / "models" / "theirs.json").is_file()
    again = examine(theirs, board)
    assert (again.added, again.unchanged) == ((), 3)


# -- leaks ------------------------------------------------------------------------------------------


def told_apart(theirs: Store, seen: np.ndarray) -> None:
    """State the losses of the first fold's test crystals that are `seen` and of the others."""
    record = next(theirs.records())
    frame = table(theirs, record)
    leak = leak_scores(frame["target"].to_numpy(), frame["prediction"].to_numpy(), seen)
    theirs.write(record.model_copy(update={"leak": leak}), frame)


def test_crystals_that_are_wrongly_called_seen_are_found(theirs, board):
    told_apart(theirs, np.zeros(15, dtype=bool))  # no two alloys are duplicates
    assert examine(theirs, board).problems == ()
    told_apart(theirs, np.arange(15) < 4)
    problems = examine(theirs, board).problems
    assert [line.split(": ")[1] for line in problems[:2]] == [
        "leak.n_seen is 4, the dataset says 0", "leak.n_new is 11, the dataset says 15",
    ]  # fmt: skip


# -- signs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "scored", "hashed", "expected"),
    [
        (["prediction"], False, False, "sha256 differs"),
        (["prediction"], False, True, "its scores are not those of its predictions"),
        (["target"], False, True, "its scores are not those of its predictions"),
        (["target"], True, True, "the dataset says"),
        (["target", "prediction"], True, True, "15 of 15 differ; the sign is flipped"),
        (["target", "prediction"], False, True, "the sign is flipped"),
    ],
)
def test_a_flipped_sign_is_found(theirs, board, columns, scored, hashed, expected):
    record = next(theirs.records())
    frame = table(theirs, record)
    write(theirs, record, frame.assign(**{name: -frame[name] for name in columns}), scored, hashed)
    assert expected in only_problem(examine(theirs, board))
    with pytest.raises(InputError, match=r"fold-00"):
        publish_records(theirs, board, [], [], replace=False)
    assert not board.root.exists()


def test_a_model_that_predicts_the_wrong_sign_is_valid_and_bad(theirs, board):
    record = next(theirs.records())
    frame = table(theirs, record)
    write(theirs, record, frame.assign(prediction=-frame["prediction"]))
    assert examine(theirs, board).problems == ()
    assert every_run(theirs)[0].scores[0].mae > 10 * every_run(theirs)[0].scores[1].mae


def test_without_data_the_published_records_of_the_same_fold_are_the_measure(theirs, board, alloys, tmp_path, without_data):
    publish_records(theirs, board, [], [], replace=False)
    others = submission(tmp_path / "others", alloys, "others", seed=1)
    without_data()
    assert examine(others, board).problems == ()
    record = next(others.records())
    frame = table(others, record)
    write(others, record, frame.assign(target=-frame["target"], prediction=-frame["prediction"]))
    assert "the sign is flipped" in only_problem(examine(others, board))


def test_without_data_and_without_a_published_record_a_new_one_is_refused_and_a_published_one_kept(theirs, board, without_data):
    publish_records(theirs, board, [], [], replace=False)
    without_data()
    new = examine(theirs, Store(board.root.with_name("empty")))
    assert len(new.problems) == 2
    assert "nothing to check its targets and folds against: no dataset is called 'toy' here" in new.problems[0]
    published = examine(board, board)
    assert published.problems == ()
    assert len(published.unproven) == 2


def test_another_release_of_the_data_is_no_measure(theirs, board, alloys, monkeypatch):
    registry.load.cache_clear()
    other = Dataset(CARD, lambda: alloys.take(np.arange(20)))
    monkeypatch.setattr("datasets.registry.built_in", lambda: {"toy": other})
    assert "toy is here in another release" in examine(theirs, board).problems[0]


# -- runs and models --------------------------------------------------------------------------------


def test_a_fold_that_is_missing_is_asked_for_and_a_failure_stands_for_it(theirs, board):
    record = list(theirs.records())[1]
    for suffix in (".json", ".parquet"):
        theirs.path(record.key).with_suffix(suffix).unlink()
    assert "no fold 2 of kfold(2); run them, a failure has a record too" in only_problem(examine(theirs, board))
    theirs.write(failed(1, key=record.key, split=record.split), None)
    assert examine(theirs, board).problems == ()


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (None, "is no model of this repository"),
        ({**LICENCE, "licence": ""}, "licence: "),
        ({**LICENCE, "source": "javascript:alert(1)"}, "source: "),
        ({**LICENCE, "stars": 5}, "stars: Extra inputs"),
        ({**LICENCE, "name": "ours"}, "it is the card of 'ours'"),
        ({**LICENCE, "citation": "\x1b]0;title\x07 long enough"}, "citation: "),
    ],
)
def test_a_model_from_elsewhere_needs_licence_and_citation(theirs, board, card, expected):
    path = theirs.root / "models" / "theirs.json"
    path.unlink() if card is None else path.write_text(json.dumps(card))
    assert expected in only_problem(examine(theirs, board))
    with pytest.raises(InputError, match=r"theirs\.json"):
        publish_records(theirs, board, [], [], replace=False)


def test_a_model_of_this_repository_needs_no_card(theirs, board):
    shutil.rmtree(theirs.root / "models")
    rewrite(theirs, model="dummy")
    assert examine(theirs, board).problems == ()


def test_a_model_of_this_repository_whose_file_is_in_no_commit_is_named(theirs, board, monkeypatch):
    shutil.rmtree(theirs.root / "models")
    rewrite(theirs, model="dummy")
    monkeypatch.setattr("benchmark.results.model_cards.committed_files", lambda folder: {"models/zoo/cgcnn.py"})
    expected = "models/zoo/dummy.py: not committed; commit it with the records of dummy, or write the card "
    assert only_problem(examine(theirs, board)) == f"{expected}{theirs.root / 'models' / 'dummy.json'}"
    with pytest.raises(InputError, match="not committed"):
        publish_records(theirs, board, [], [], replace=False)
    (theirs.root / "models").mkdir()
    (theirs.root / "models" / "dummy.json").write_text(json.dumps({**LICENCE, "name": "dummy"}))
    assert examine(theirs, board).problems == ()


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"git_commit": "98df636fc35b4+changes"}, {}, "made with uncommitted changes (98df636fc35b+changes); commit the model"),
        ({}, {"profile": "smoke"}, "of the profile smoke, which only tries the program"),
    ],
)
def test_records_that_nobody_can_repeat_or_of_trials_are_refused_in_one_line(theirs, board, changes, key, expected):
    rewrite(theirs, changes, **key)
    assert f"{theirs.root / 'records'}: 2 records (theirs) {expected}" in only_problem(examine(theirs, board))
    with pytest.raises(InputError, match="1 problem"):
        publish_records(theirs, board, [], [], replace=False)
    assert not board.root.exists()


def test_another_row_of_a_published_model_is_told(theirs, board, alloys, tmp_path):
    publish_records(theirs, board, [], [], replace=False)
    again = submission(tmp_path / "again", alloys, seed=1)
    assert examine(again, board).beside == ()
    rewrite(again, source="e" * 64)
    told = "toy/energy (mini, kfold(2)) has a row of theirs already, this is another one"
    assert examine(again, board).beside == (told,)


def test_another_licence_of_a_published_model_is_not_slipped_in(theirs, board):
    publish_records(theirs, board, [], [], replace=False)
    path = theirs.root / "models" / "theirs.json"
    path.write_text(json.dumps({**LICENCE, "licence": "MIT"}))
    assert examine(theirs, board).replaced == ("models/theirs.json",)
    with pytest.raises(InputError, match="--replace"):
        publish_records(theirs, board, [], [], replace=False)


# -- publishing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["write", "replace"])
def test_a_full_disk_publishes_nothing(theirs, board, monkeypatch, broken):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device", "here")

    calls = []
    real = Path.write_bytes
    if broken == "write":
        monkeypatch.setattr(Path, "write_bytes", lambda p, b: full() if len(calls) == 3 else calls.append(real(p, b)))
    else:
        monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BenchmarkError, match="No space left"):
        publish_records(theirs, board, [], [], replace=False)
    assert files(board) == []


# -- the command ------------------------------------------------------------------------------------


def test_the_command_says_what_it_would_add_and_names_every_problem(theirs, benchmark_command):
    done = benchmark_command("leaderboard", "submit", theirs.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "adds 2 records of theirs on toy/energy",
        "adds models/theirs.json",
        "valid: 3 new in leaderboards, 0 in place of published ones, 0 published already",
        f"next: python -m benchmark publish --from {theirs.root}",
    ]
    changed_rows(lambda f: f.assign(fold=7, target=np.nan))(theirs, next(theirs.records()))
    done = benchmark_command("leaderboard", "submit", theirs.root)
    *lines, last = done.stderr.splitlines()
    assert done.returncode == 2
    assert len(lines) == 2
    assert last == f"error: 2 problems in {theirs.root}; nothing of it can be published"
    done = benchmark_command("leaderboard", "submit", theirs.root, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["problems"] == lines


def test_the_command_warns_of_new_rows_that_the_board_will_not_compare_and_says_what_to_run(
    theirs, board, alloys, tmp_path, benchmark_command
):
    publish_records(theirs, board, [], [], replace=False)
    for repeat in (1, 2):
        copy(submission(tmp_path / f"repeat-{repeat}", alloys, repeat=repeat), theirs)
    publish_records(theirs, board, [], [], replace=False)
    ours = submission(tmp_path / "ours", alloys, "ours")
    done = benchmark_command("leaderboard", "submit", ours.root, "--to", board.root)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "warning: toy/energy, ours (mini): not compared: 2 of 6 folds; to compare it on all folds, run: python -m "
    )
    assert "--model ours" in line and "--repeats 3" in line and f"--out {ours.root}" in line
    found = json.loads(benchmark_command("leaderboard", "submit", ours.root, "--to", board.root, "--json").stdout)
    assert [f"warning: {one}" for one in found["not_compared"]] == [line]


def test_a_directory_with_published_models_too_is_published_by_naming_the_new_one(
    theirs, board, alloys, tmp_path, benchmark_command
):
    publish_records(theirs, board, [], [], replace=False)
    both = submission(tmp_path / "both", alloys, "theirs", seed=1)
    copy(submission(tmp_path / "ours", alloys, "ours"), both)
    done = benchmark_command("leaderboard", "submit", both.root, "--to", board.root)
    next_ = f"the new rows alone: python -m benchmark publish --from {both.root} --to {board.root} --model ours"
    assert done.stdout.splitlines()[-1] == next_
    with pytest.raises(InputError, match="publish your new rows alone with --model ours, or use --replace"):
        publish_records(both, board, [], [], replace=False)
    assert publish_records(both, board, [], ["ours"], replace=False)


def copy(source: Store, target: Store) -> None:
    shutil.copytree(source.root, target.root, dirs_exist_ok=True)
