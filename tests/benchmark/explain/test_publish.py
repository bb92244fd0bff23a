"""Published tables: every number comes back as it was, nothing is replaced in silence, damage is named."""

import os
from dataclasses import replace
from typing import get_args

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from benchmark.explain.planted.records import PLANTED_KINDS, PlantedTrial
from benchmark.explain.publish import pack, publish, publish_trials, published, published_tasks, published_trials, unpack
from benchmark.explain.records import Explanation, Round
from benchmark.explain.statements import Against, Enrichment
from benchmark.explain.store import ExperimentRecords, ExplanationStore, weights_hash
from datasets.errors import InputError
from tests.benchmark.explain.constructed import MACHINE, TASK, write_experiment

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(0, 2**40)
TYPES = st.integers(1, 18)


@st.composite
def explanation(draw) -> Explanation:
    """A connected graph: each atom after the first is bonded to one before it, and some more bonds."""
    n = draw(st.integers(1, 12))
    bonds = {(draw(st.integers(0, i - 1)), i) for i in range(1, n)}
    if n > 1:
        pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] < pair[1])
        bonds |= draw(st.sets(pairs, max_size=5))
    return Explanation(
        node_types=tuple(draw(TYPES) for _ in range(n)), bonds=tuple(sorted(bonds)), probability=draw(st.floats(0.5, 1)),
        update=draw(COUNTS), hash=draw(st.text("0123456789abcdef", max_size=32)),
    )  # fmt: skip


@st.composite
def a_round(draw, name: str, weights: bytes) -> Round:
    found = tuple(draw(st.lists(explanation(), max_size=4)))
    reached = len(found) + draw(COUNTS)
    return Round(
        class_name=name, number=draw(COUNTS), seed=draw(st.integers(0, 2**32 - 1)), min_probability=0.5,
        threshold=draw(NUMBERS), weights_sha256=weights_hash(weights), attempts=reached + draw(COUNTS), reached=reached,
        explanations=found, updates=draw(COUNTS), seconds=draw(NUMBERS),
    )  # fmt: skip


ENRICHMENTS = st.builds(
    Enrichment, kind=st.sampled_from(["node type", "pair", "triangle"]), node_types=st.lists(TYPES, min_size=1, max_size=3),
    against=st.sampled_from(get_args(Against)), count=COUNTS, total=COUNTS, other_count=COUNTS,
    other_total=COUNTS, log_odds=NUMBERS, interval=st.tuples(NUMBERS, NUMBERS), p=NUMBERS, p_holm=NUMBERS,
)  # fmt: skip


def exact(one: ExperimentRecords) -> str:
    """As text: two numbers are written alike only if their bits are equal, -0.0 is not 0.0."""
    rounds = {name: [found.model_dump() for found in rounds] for name, rounds in one.rounds.items()}
    return repr((one.result.model_dump(), rounds, one.weights))


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> list[ExperimentRecords]:
    """Two seeds of one experiment."""
    store = ExplanationStore(tmp_path_factory.mktemp("runs"))
    for seed in (0, 1):
        write_experiment(store, seed)
    return list(store.experiments(TASK))


@given(st.data())
@settings(max_examples=40)
def test_what_is_packed_comes_back_to_the_last_bit(kept, tmp_path_factory, data):
    path, experiments = tmp_path_factory.mktemp("packed") / "group.json", []
    for one in kept:
        weights = data.draw(st.binary(max_size=50))
        record, result = one.result.classifier.model_copy(update={"weights_sha256": weights_hash(weights)}), one.result
        classes = {
            name: result.of(name).model_copy(
                update={"enrichments": tuple(data.draw(st.lists(ENRICHMENTS, max_size=4))), "seconds": data.draw(NUMBERS)}
            )
            for name in ("low", "high")
        }
        rounds = {name: tuple(data.draw(st.lists(a_round(name, weights), max_size=3))) for name in ("low", "high")}
        changed = {"classifier": record, "analysis_s": data.draw(NUMBERS), **classes}
        experiments.append(ExperimentRecords(result.model_copy(update=changed), rounds, weights))
    written, table = pack(experiments)
    path.write_bytes(written)
    path.with_suffix(".parquet").write_bytes(table)
    assert list(map(exact, unpack(path))) == list(map(exact, experiments))


def test_publishing_adds_seeds_and_replaces_no_search(kept, tmp_path):
    assert publish(kept[:1], tmp_path) == publish(kept[1:], tmp_path) == [tmp_path / "explanations" / TASK / "group.json"]
    assert published_tasks(tmp_path) == [TASK] and published(tmp_path, TASK) == kept
    analysed_again = replace(kept[0], result=kept[0].result.model_copy(update={"analysis_s": 9.0}))
    publish([analysed_again], tmp_path)
    assert published(tmp_path, TASK) == [analysed_again, kept[1]]
    searched_again = replace(kept[0], rounds={**kept[0].rounds, "low": ()})
    with pytest.raises(InputError, match="has another search of cgcnn with seed 0; move it away first"):
        publish([searched_again], tmp_path)


@pytest.mark.parametrize("damage", ["another table", "no table", "other weights"])
def test_a_damaged_table_is_named(kept, tmp_path, damage):
    (path,) = publish(kept, tmp_path)
    if damage == "another table":
        path.with_suffix(".parquet").write_bytes(pack(kept[:1])[1])
    elif damage == "no table":
        os.unlink(path.with_suffix(".parquet"))
    else:
        written, table = pack([replace(one, weights=b"others") for one in kept])
        path.write_bytes(written)
        path.with_suffix(".parquet").write_bytes(table)
    with pytest.raises(InputError, match=r"group\.parquet: (not the table|cannot be read|not the weights)"):
        published(tmp_path, TASK)


def test_the_commands_publish_and_render_without_a_search(benchmark_command, small_folder, tmp_path):
    asked = (
        "--profile",
        "smoke",
        "--per-class",
        2,
        "--min-probability",
        0.51,
        "--publish",
        "reports",
        "--page",
        "reports/xgnn",
    )
    done = benchmark_command("explain", "--task", small_folder, *asked)
    assert done.returncode == 0 and "published: reports/explanations/mine/target/group.json" in done.stdout, done.stderr
    page = tmp_path / "reports/xgnn/mine/target.md"
    text, figures = page.read_text(), page.with_suffix("") / "figures.html"
    assert "--node-types group --seed 0 --page runs/pages`" in text, "no reader writes over the published page"
    assert "`python -m benchmark explain --from reports --page runs/pages`" in text
    page.unlink()
    figures.unlink()
    assert benchmark_command("explain", "--from", "reports", "--page", "reports/xgnn").returncode == 0
    assert page.read_text() == text and figures.is_file()
    wrong = benchmark_command("explain", "--from", "reports", "--page", "reports/xgnn", "--task", "mine/targed")
    assert wrong.returncode == 2 and "did you mean" in wrong.stderr


def test_trials_come_back_in_order_and_are_not_replaced(tmp_path):
    trials = [
        PlantedTrial(
            planted=planted, seed=seed, settings={"a": 1}, source_sha256="0" * 64, auc=0.1 + seed, found=1, rank=None,
            planted_test=None, untested=True, significant=0, tests=0, seconds=1e-17, machine=MACHINE, versions={},
            git_commit=None,
        )
        for seed in (0, 1)
        for planted in PLANTED_KINDS
    ]  # fmt: skip
    publish_trials(trials, tmp_path)
    assert published_trials(tmp_path) == sorted(trials, key=lambda one: (PLANTED_KINDS.index(one.planted), one.seed))
    publish_trials(trials[::-1], tmp_path)
    with pytest.raises(InputError, match="has other trials"):
        publish_trials(trials[1:], tmp_path)
    floored = [one.model_copy(update={"settings": {"search": {"floor": 0.5}}}) for one in trials]
    publish_trials(floored, tmp_path)
    assert [one.floor for one in published_trials(tmp_path)] == [0.0] * len(trials) + [0.5] * len(trials)
    publish_trials(trials, tmp_path)
    assert len(published_trials(tmp_path)) == 2 * len(trials), "those of another floor stay"
