from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.results.publish import publish_records
from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.results.submission import Report, examine
from benchmark.results.validation import frame_hash
from benchmark.tasks.folds import Protocol
from benchmark.tasks.metrics import leak_scores, score
from benchmark.tasks.tasks import Task, split_of
from datasets import registry
from datasets.cards import Card, Dataset
from datasets.errors import BenchmarkError, InputError
from tests.benchmark.conftest import every_run
from tests.benchmark.results.test_store import failed, files, make

CARD = Card(
    name="toy", description="alloys", targets={"energy": "eV/atom"}, licence="CC0", citation="none", source="made here",
    version="1", how_to_get="it is here",
)  # fmt: skip
LICENCE = {
    "name": "theirs",
    "licence": "Apache-2.0",
    "citation": "A. Author, A journal 1, 1 (2026)",
    "source": "https://example.org/theirs",
}


@pytest.fixture
def with_data(alloys, monkeypatch) -> None:
    """The dataset `toy` is on this machine."""
    registry.load.cache_clear()
    monkeypatch.setattr("datasets.registry.built_in", lambda: {"toy": Dataset(CARD, lambda: alloys)})


@pytest.fixture
def without_data(alloys, monkeypatch) -> Callable[[], None]:
    """Call it to take the dataset away."""

    def take_away() -> None:
        registry.load.cache_clear()
        monkeypatch.setattr("datasets.registry.built_in", dict)

    return take_away


def submission(root: Path, alloys, model: str = "theirs", seed: int = 0, divisor: int = 1) -> Store:
    """Both folds of a two-fold protocol on `toy`, with the licence of its model."""
    protocol = Protocol("kfold", 2, train_divisor=divisor)
    store, data = Store(root), Task("toy", "toy", "energy", "eV/atom").load()
    for fold in range(2):
        parts = data.fold(protocol, fold, 0)
        targets = data.targets[parts.test]
        predicted = targets + np.random.default_rng([seed, fold]).normal(0, 0.1, len(targets))
        ids = data.crystals.ids[parts.test].astype(str)
        frame = pd.DataFrame({"id": ids, "fold": fold, "target": targets, "prediction": predicted})
        record = make(fold, model)[0]
        key = record.key.model_copy(
            update={"task": "toy/energy", "dataset": "toy", "target": "energy", "unit": "eV/atom",
                    "dataset_hash": alloys.content_hash, "protocol": str(protocol)}
        )  # fmt: skip
        write(store, record.model_copy(update={"key": key, "split": split_of(data, parts)}), frame)
    (root / "models").mkdir(exist_ok=True)
    (root / "models" / f"{model}.json").write_text(json.dumps({**LICENCE, "name": model}))
    return store


def write(store: Store, record: Record, frame: pd.DataFrame, scored: bool = True, hashed: bool = True) -> None:
    """A record and its predictions, with scores and hash that fit them unless told otherwise."""
    if scored:
        test = score(frame["target"].to_numpy(), frame["prediction"].to_numpy())
        record = record.model_copy(update={"metrics": record.metrics.model_copy(update={"test": test})})
    if hashed:
        record = record.model_copy(update={"predictions_sha256": frame_hash(frame)})
    store.write(record, frame)


def table(store: Store, record: Record) -> pd.DataFrame:
    return pd.read_parquet(store.path(record.key).with_suffix(".parquet"))


@pytest.fixture
def theirs(tmp_path, alloys, with_data) -> Store:
    return submission(tmp_path / "theirs", alloys)


@pytest.fixture
def board(tmp_path) -> Store:
    return Store(tmp_path / "board")


def only_problem(report: Report) -> str:
    assert len(report.problems) == 1, report.problems
    assert "\n" not in report.problems[0]
    return report.problems[0]


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


# -- what a record and its predictions say ----------------------------------------------------------


def changed_rows(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Store, Record], None]:
    return lambda store, record: write(store, record, change(table(store, record)), scored=False)


def changed_json(*keys: str, value: object) -> Callable[[Store, Record], None]:
    def change(store: Store, record: Record) -> None:
        path = store.path(record.key)
        content = json.loads(path.read_text())
        place = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        path.write_text(json.dumps(content))

    return change


def sparse(suffix: str) -> Callable[[Store, Record], None]:
    def change(store: Store, record: Record) -> None:
        os.truncate(store.path(record.key).with_suffix(suffix), 2**30)

    return change


def replaced(data: Callable[[], bytes]) -> Callable[[Store, Record], None]:
    """Other predictions, whose hash the record names."""

    def change(store: Store, record: Record) -> None:
        content = data()
        store.path(record.key).with_suffix(".parquet").write_bytes(content)
        changed_json("predictions_sha256", value=hashlib.sha256(content).hexdigest())(store, record)

    return change


def parquet(columns: dict[str, object], **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue().to_pybytes()


def equal_rows(n: int, **options: object) -> Callable[[], bytes]:
    zeros = pa.array(np.zeros(n))
    ids = pa.array(np.full(n, "a"), pa.string())
    return lambda: parquet({"id": ids, "fold": pa.array(np.zeros(n, int)), "target": zeros, "prediction": zeros}, **options)


def long_ids() -> bytes:
    """Fifteen rows that all point to one id of a megabyte."""
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(15, np.int32)), pa.array(["a" * 2**20]))
    zeros = pa.array(np.zeros(15))
    return parquet({"id": ids.cast(pa.string()), "fold": pa.array(np.zeros(15, int)), "target": zeros, "prediction": zeros})


BROKEN = {
    "a missing id": (changed_rows(lambda f: f.iloc[1:]), "14 rows, split.n_test says 15"),
    "another id": (changed_rows(lambda f: f.assign(id=["x", *f["id"][1:]])), "its ids are not those of the test part"),
    "no id": (changed_rows(lambda f: f.assign(id=[None, *f["id"][1:]])), "1 rows without an id"),
    "a double id": (changed_rows(lambda f: f.assign(id=[f["id"][1], *f["id"][1:]])), "appears 2 times"),
    "an id with a line break": (changed_rows(lambda f: f.assign(id=["a\nb", *f["id"][1:]])), "has control characters"),
    "NaN": (changed_rows(lambda f: f.assign(prediction=[np.nan, *f["prediction"][1:]])), "is nan; 1 of 15 are not finite"),
    "infinity": (changed_rows(lambda f: f.assign(target=[np.inf, *f["target"][1:]])), "is inf; 1 of 15 are not finite"),
    "another fold's rows": (changed_rows(lambda f: f.assign(fold=1)), "column fold is not 0 in every row"),
    "an extra column": (lambda s, r: replaced(lambda: frame_bytes(table(s, r).assign(x=1)))(s, r), "columns id string, fold"),
    "single precision": (
        lambda s, r: replaced(lambda: frame_bytes(table(s, r).astype({"target": "float32"})))(s, r),
        "target float,",
    ),
    "no Parquet": (replaced(lambda: b"PAR1 and nothing else PAR1"), "not a readable Parquet file"),
    "empty": (replaced(lambda: b""), "not a readable Parquet file"),
    "another name of the ids": (
        lambda s, r: replaced(lambda: s.path(r.key).with_suffix(".parquet").read_bytes().replace(b"\x02id", b"\x02ie"))(s, r),
        "not a readable Parquet file",
    ),
    "millions of equal rows": (replaced(equal_rows(4_000_000)), "4,000,000 rows, split.n_test says 15"),
    "another compression": (replaced(equal_rows(15, compression="zstd")), "compressed otherwise than by snappy"),
    "one long id in all rows": (replaced(long_ids), "appears 15 times"),
    "a gigabyte of predictions": (sparse(".parquet"), "1,073,741,824 bytes, at most 80,896 can belong here"),
    "a gigabyte of JSON": (sparse(".json"), "1,073,741,824 bytes, at most 1,000,000 can belong here"),
    "a wrong fold hash": (changed_json("split", "train_sha256", value="0" * 64), "split.train_sha256 is 000"),
    "a wrong number of crystals": (changed_json("split", "n_train", value=99), "split.n_train is 99, the dataset says 13"),
    "another unit": (changed_json("key", "unit", value="meV/atom"), "key.unit is 'meV/atom', the dataset says 'eV/atom'"),
    "an unknown field": (changed_json("surprise", value=1), "surprise: Extra inputs are not permitted"),
    "a terminal's escape": (changed_json("paper", value="\x1b[31mred"), "paper: Value error, control characters"),
    "an absurd length": (changed_json("machine", "processor", value="x" * 501), "processor: String should have at most"),
    "no hash": (changed_json("key", "source", value="g" * 64), "key.source: String should match pattern"),
    "a fold that does not exist": (changed_json("key", "fold", value=2), "kfold(2) has no fold 2"),
    "an unheard-of protocol": (changed_json("key", "protocol", value="mine"), "key.protocol: String should match pattern"),
    "a path out of the store": (changed_json("key", "model", value="../../x"), "cannot be part of a name"),
    "another model's name": (changed_json("key", "model", value="cgcnn"), "its key belongs at"),
    "hidden settings": (changed_json("changed", value={"epochs": 4}), "changed is not a part of the settings"),
    "deep nesting": (lambda s, r: s.path(r.key).write_text('{"key":' * 10_000), "content: Invalid JSON: recursion limit"),
    "no UTF-8": (lambda s, r: s.path(r.key).write_bytes(b'{"paper": "\xff\xfe"}'), "content: Invalid JSON"),
    "a command for a profile": (changed_json("key", "profile", value="$(touch PWN)"), "key.profile: String should match"),
    "a text for a fold": (changed_json("key", "fold", value="0"), "key.fold: Input should be a valid integer"),
    "a fraction for a fold": (changed_json("key", "fold", value=0.0), "key.fold: Input should be a valid integer"),
    "a key that is there twice": (
        lambda s, r: (path := s.path(r.key)).write_text(path.read_text().replace('"fold": 0', '"fold": 1, "fold": 0', 1)),
        "the key 'fold' is written twice in one object",
    ),
    "a huge integer": (changed_json("parameters", value=10**30), "parameters: "),
}  # fmt: skip


def frame_bytes(frame: pd.DataFrame) -> bytes:
    return frame.to_parquet(None, index=False)


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused_with_its_line(theirs, board, name):
    change, expected = BROKEN[name]
    change(theirs, next(theirs.records()))
    line = only_problem(examine(theirs, board))
    assert expected in line
    assert "fold-00" in line
    assert line.isprintable()
    with pytest.raises(InputError, match="fold-00"):
        publish_records(theirs, board, [], [], replace=False)
    assert not board.root.exists()


def test_everything_that_is_wrong_is_said_at_once(theirs, board):
    first, second = theirs.records()
    changed_json("surprise", value=1)(theirs, first)
    changed_json("paper", value="\n")(theirs, first)
    changed_rows(lambda f: f.assign(fold=7, target=np.nan))(theirs, second)
    (theirs.root / "models" / "theirs.json").unlink()
    problems = examine(theirs, board).problems
    expected = ("surprise: ", "paper: ", "column fold is not 1", "15 of 15 are not finite", "theirs.json: missing")
    assert [sum(text in line for line in problems) for text in expected] == [1] * len(problems) == [1] * 5


# -- files ------------------------------------------------------------------------------------------


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
    for path in theirs.paths():
        record = theirs.read(path)
        frame = table(theirs, record)
        shutil.rmtree(path.parent) if record.key.fold else None
        theirs.write(record.model_copy(update={"key": record.key.model_copy(update={"model": "dummy"})}), frame)
    shutil.rmtree(theirs.root / "records" / "toy" / "energy" / "theirs", ignore_errors=True)
    assert examine(theirs, board).problems == ()


def test_another_licence_of_a_published_model_is_not_slipped_in(theirs, board):
    publish_records(theirs, board, [], [], replace=False)
    path = theirs.root / "models" / "theirs.json"
    path.write_text(json.dumps({**LICENCE, "licence": "MIT"}))
    assert examine(theirs, board).replaced == ("models/theirs.json",)
    with pytest.raises(InputError, match="--replace"):
        publish_records(theirs, board, [], [], replace=False)


# -- any mutation -----------------------------------------------------------------------------------

ANY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def figures(store: Store) -> list[tuple[str, float, float]]:
    """In an order of their own: a fold that names another machine is a run of its own, and runs are sorted."""
    runs = every_run(store)
    return sorted((r.key.task, s.mae, s.rmse) for run in runs for r, s in zip(run.run.complete, run.scores, strict=True))


@ANY
@given(which=st.integers(0, 10), where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_any_changed_byte_is_refused_or_changes_no_score(theirs, board, which, where, byte):
    paths = sorted(path for path in theirs.root.rglob("*") if path.is_file())
    path = paths[which % len(paths)]
    before, expected = path.read_bytes(), figures(theirs)
    content = bytearray(before)
    content[int(where * len(content))] = byte
    try:
        path.write_bytes(bytes(content))
        assert examine(theirs, board).problems or figures(theirs) == expected
    finally:
        path.write_bytes(before)


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-2, 2**70), st.floats(), st.text(max_size=5), st.just([]), st.just({}))


@ANY
@given(pick=st.randoms(use_true_random=False), value=VALUES)
def test_any_changed_field_is_refused_or_changes_no_score(theirs, board, pick, value):
    path = pick.choice(sorted(theirs.root.rglob("*.json")))
    before, expected = path.read_text(), figures(theirs)
    content = place = json.loads(before)
    key = pick.choice(list(place))
    while isinstance(place[key], dict) and place[key] and pick.random() < 0.8:
        place = place[key]
        key = pick.choice(list(place))
    place[key] = value
    try:
        path.write_text(json.dumps(content))
        assert examine(theirs, board).problems or figures(theirs) == expected
    finally:
        path.write_text(before)


@ANY
@given(
    row=st.integers(0, 14), column=st.sampled_from(["id", "fold", "target"]), shift=st.floats(-1e6, 1e6),
    text=st.text(max_size=5), scored=st.booleans(),
)  # fmt: skip
def test_any_changed_id_fold_or_target_is_refused_even_with_new_hashes_and_scores(
    theirs, board, row, column, shift, text, scored
):
    record = next(theirs.records())
    frame = table(theirs, record)
    changed = frame.copy()
    old = changed.loc[row, column]
    changed.loc[row, column] = text if column == "id" else old + (int(shift) if column == "fold" else shift)
    if changed.loc[row, column] == old:
        return
    try:
        write(theirs, record, changed, scored)
        assert len(examine(theirs, board).problems) >= 1
    finally:
        write(theirs, record, frame)


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
    assert done.stdout.splitlines()[-1] == "valid: 3 files are new in leaderboards, 0 replace others, 0 are published already"
    changed_rows(lambda f: f.assign(fold=7, target=np.nan))(theirs, next(theirs.records()))
    done = benchmark_command("leaderboard", "submit", theirs.root)
    *lines, last = done.stderr.splitlines()
    assert done.returncode == 2
    assert len(lines) == 2
    assert last == f"error: 2 problems in {theirs.root}; nothing of it can be published"
    done = benchmark_command("leaderboard", "submit", theirs.root, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["problems"] == lines
