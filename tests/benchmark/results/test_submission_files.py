from __future__ import annotations

import json
import os
import shutil

import pytest

from benchmark.results.publish import publish_records
from benchmark.results.store import Store
from benchmark.results.submission import examine
from datasets.errors import InputError
from tests.benchmark.results.submissions import changed_json, only_problem, submission, table, write
from tests.benchmark.results.test_store import failed


def test_a_link_is_refused_wherever_it_points(theirs, board, tmp_path):
    secret = tmp_path / "secret.parquet"
    path = theirs.path(next(theirs.records()).key).with_suffix(".parquet")
    shutil.move(path, secret)
    path.symlink_to(secret)
    (theirs.root / "records" / "elsewhere").symlink_to("/", target_is_directory=True)
    problems = examine(theirs, board).problems
    assert [line for line in problems if "a link; a submission holds the files themselves" in line] == list(problems)
    assert len(problems) == 2
    with pytest.raises(InputError, match="a link"):
        publish_records(theirs, board, [], [], replace=False)


def test_of_a_file_that_is_all_wrong_the_first_problems_are_told(theirs, board):
    path = theirs.path(next(theirs.records()).key)
    path.write_text(json.dumps({f"x{i}": 0 for i in range(1000)}))
    problems = [line for line in examine(theirs, board).problems if line.startswith(f"{path}: ")]
    assert len(problems) == 51 and problems[-1].endswith("more such problems")


def test_a_linked_root_is_refused(theirs, board, tmp_path):
    linked = Store(tmp_path / "linked")
    linked.root.symlink_to(theirs.root, target_is_directory=True)
    assert only_problem(examine(linked, board)) == f"{linked.root}: a link; a submission holds the files themselves"
    with pytest.raises(InputError, match="a link"):
        publish_records(linked, board, [], [], replace=False)


@pytest.mark.parametrize("setting", [{"$(touch PWN)": 1}, {"epochs": "3; touch PWN"}, {"--out x": 1}])
def test_a_setting_that_is_no_word_of_a_command_is_refused(theirs, board, setting):
    changed_json("key", "settings", value=setting)(theirs, next(theirs.records()))
    assert any("String should match pattern" in line for line in examine(theirs, board).problems)


def test_a_pipe_is_not_opened(theirs, board):
    path = theirs.path(next(theirs.records()).key)
    path.unlink()
    os.mkfifo(path)
    assert f"{path}: not a file" in examine(theirs, board).problems


def test_files_that_do_not_belong_are_named(theirs, board):
    folder = theirs.path(next(theirs.records()).key).parent
    (folder / "run.sh").write_text("")
    (folder / "fold-07.parquet").write_bytes(b"")
    (theirs.root / "models" / "weights.bin").write_bytes(b"")
    (theirs.root / "notes.txt").write_text("nobody reads what lies beside the three directories")
    problems = examine(theirs, board).problems
    assert [line.split(": ", 1)[1] for line in problems] == [
        "there is no record beside it", "such a file does not belong in records/", "such a file does not belong in models/",
    ]  # fmt: skip


def test_records_of_a_study_are_checked_like_others_and_what_it_saw_stays(tmp_path, alloys, with_data, board):
    theirs = submission(tmp_path / "study", alloys, divisor=2)
    for record in theirs.records():
        theirs.beside(record.key, "layers").write_text("{}")
    report = examine(theirs, board)
    assert report.problems == ()
    assert len(report.added) == 3 and not any("layers" in name for name in report.added)
    wrong = next(theirs.records())
    split = wrong.split.model_copy(update={"n_train": wrong.split.n_train + 1})
    write(theirs, wrong.model_copy(update={"split": split}), table(theirs, wrong))
    assert "n_train" in only_problem(examine(theirs, board))


def test_the_predictions_of_a_fold_that_failed_later_are_not_kept(theirs):
    record = next(theirs.records())
    other = record.split.model_copy(update={"train_sha256": "1" * 64})
    theirs.write(failed(0, key=record.key, split=other), None)
    assert not theirs.path(record.key).with_suffix(".parquet").exists()


def test_markup_is_kept_and_is_the_renderer_s_to_escape(tmp_path, alloys, with_data, board):
    theirs = submission(tmp_path / "theirs", alloys, "<script>alert(1)")
    changed_json("paper", value="<script>alert(2)</script>")(theirs, next(theirs.records()))
    assert examine(theirs, board).problems == ()
    publish_records(theirs, board, [], [], replace=False)
    assert next(board.records()).paper == "<script>alert(2)</script>"
