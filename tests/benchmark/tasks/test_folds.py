from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmark.tasks.folds import PROTOCOL, Protocol, has_validation, ids_hash, make_fold
from datasets.errors import InputError

IDS = np.array([f"mp-{i}" for i in range(103)], dtype=object)


def parts(fold):
    return fold.train, fold.validation, fold.test


@settings(max_examples=50)
@given(n=st.integers(10, 200), k=st.integers(2, 10), seed=st.integers(0, 2**31), name=st.sampled_from(["kfold", "shuffle"]))
def test_every_fold_divides_all_crystals_without_overlap(n, k, seed, name):
    ids = np.array([f"id{i}" for i in range(n)], dtype=object)
    for number in range(k):
        fold = make_fold(ids, Protocol(name, k), number, seed)
        assert sorted(np.concatenate(parts(fold))) == list(range(n))
        assert min(map(len, parts(fold))) >= 1


def test_kfold_tests_every_crystal_exactly_once():
    tested = np.concatenate([make_fold(IDS, Protocol("kfold", 5), number, 0).test for number in range(5)])
    assert sorted(tested) == list(range(len(IDS)))


def test_shuffle_is_80_10_10():
    ids = np.array([f"id{i}" for i in range(1000)], dtype=object)
    assert [len(part) for part in parts(make_fold(ids, Protocol("shuffle", 10), 3, 0))] == [800, 100, 100]


@pytest.mark.parametrize("name", ["kfold", "shuffle"])
def test_the_order_of_the_rows_has_no_say(name):
    order = np.random.default_rng(0).permutation(len(IDS))
    for original, shuffled in zip(
        parts(make_fold(IDS, Protocol(name, 5), 1, 7)), parts(make_fold(IDS[order], Protocol(name, 5), 1, 7)), strict=True
    ):
        assert set(IDS[original]) == set(IDS[order][shuffled])


def test_folds_do_not_depend_on_the_number_of_shuffles_but_on_number_and_seed():
    few, many = make_fold(IDS, Protocol("shuffle", 1), 0, 0), make_fold(IDS, Protocol("shuffle", 10), 0, 0)
    assert np.array_equal(few.test, many.test)
    assert not np.array_equal(many.test, make_fold(IDS, Protocol("shuffle", 10), 1, 0).test)
    assert not np.array_equal(many.test, make_fold(IDS, Protocol("shuffle", 10), 0, 1).test)


def test_folds_are_the_same_for_ever():
    """A changed hash means that published folds can no longer be reproduced."""
    hashes = [ids_hash(IDS[make_fold(IDS, Protocol(name, 5), 2, 0).test])[:12] for name in ("kfold", "shuffle")]
    assert hashes == ["247369c5032f", "1cc637b22595"]


def test_the_hash_is_sha256_of_the_sorted_ids():
    assert ids_hash(["b", "a"]) == ids_hash(["a", "b"])
    # printf 'a\nb' | sha256sum
    assert ids_hash(["b", "a"]) == "7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78"


def test_the_published_split_is_taken_as_it_is():
    published = np.array([0, 2, 1, 0, 2])
    fold = make_fold(IDS[:5], Protocol("published", 1), 0, 0, published)
    assert [part.tolist() for part in parts(fold)] == [[0, 3], [2], [1, 4]]


def test_fewer_crystals_than_folds_are_refused_in_one_line():
    with pytest.raises(InputError, match=r"4 crystals .* too few for kfold\(5\); at least 5"):
        make_fold(IDS[:4], Protocol("kfold", 5), 0, 0)


def test_impossible_protocols_are_refused():
    for name, folds in (("kfold", 1), ("shuffle", 0), ("published", 2), ("shuffle", 10_000)):
        with pytest.raises(InputError):
            Protocol(name, folds)
    with pytest.raises(InputError, match="without a published split"):
        make_fold(IDS, Protocol("published", 1), 0, 0)


@settings(max_examples=50)
@given(
    labels=st.lists(st.integers(0, 40), min_size=30, max_size=120),
    seed=st.integers(0, 2**31),
    name=st.sampled_from(["kfold", "shuffle"]),
)
def test_grouped_folds_never_split_a_group(labels, seed, name):
    groups = np.array(labels)
    assume(len(np.unique(groups)) >= 10)
    ids = np.array([f"id{i}" for i in range(len(groups))], dtype=object)
    tested = []
    for number in range(5):
        fold = make_fold(ids, Protocol(name, 5, grouped=True), number, seed, groups=groups)
        assert sorted(np.concatenate(parts(fold))) == list(range(len(ids)))
        held = [set(groups[part]) for part in parts(fold)]
        assert all(held)
        assert sum(map(len, held)) == len(set(labels))
        tested.extend(fold.test)
    if name == "kfold":
        assert sorted(tested) == list(range(len(ids)))


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), name=st.sampled_from(["kfold", "shuffle"]), number=st.integers(0, 4))
def test_grouped_folds_depend_on_who_belongs_together_only(seed, name, number):
    """Not on the labels of the groups, nor on the order of the rows."""
    rng = np.random.default_rng(seed)
    groups, order = rng.integers(0, 60, len(IDS)), rng.permutation(len(IDS))
    relabelled = rng.permutation(1000)[groups]
    protocol = Protocol(name, 5, grouped=True)
    one = make_fold(IDS, protocol, number, seed, groups=groups)
    other = make_fold(IDS[order], protocol, number, seed, groups=relabelled[order])
    for original, shuffled in zip(parts(one), parts(other), strict=True):
        assert set(IDS[original]) == set(IDS[order][shuffled])


@pytest.mark.parametrize("name", ["kfold", "shuffle"])
def test_without_duplicates_grouped_folds_are_the_folds(name):
    plain = make_fold(IDS, Protocol(name, 5), 2, 0)
    grouped = make_fold(IDS, Protocol(name, 5, grouped=True), 2, 0, groups=np.arange(len(IDS))[::-1])
    assert all(np.array_equal(a, b) for a, b in zip(parts(plain), parts(grouped), strict=True))


def test_grouped_folds_are_the_same_for_ever():
    groups = np.arange(len(IDS)) // 3
    folds = [make_fold(IDS, Protocol(name, 5, grouped=True), 2, 0, groups=groups) for name in ("kfold", "shuffle")]
    assert [ids_hash(IDS[fold.test])[:12] for fold in folds] == ["a03a358cad01", "9f0259614862"]


def test_a_protocol_says_that_it_is_grouped():
    assert str(Protocol("kfold", 5)) == "kfold(5)"
    assert str(Protocol("kfold", 5, grouped=True)) == "kfold(5, grouped)"
    assert str(Protocol("shuffle", 5, grouped=True)) == "shuffle(80:10:10, grouped)"
    with pytest.raises(InputError, match="published split cannot be grouped"):
        Protocol("published", 1, grouped=True)


def test_fewer_groups_than_folds_are_refused_in_one_line():
    with pytest.raises(InputError, match=r"4 groups of crystals .* too few for kfold\(5, grouped\); at least 5"):
        make_fold(IDS[:8], Protocol("kfold", 5, grouped=True), 0, 0, groups=np.arange(8) // 2)


@pytest.mark.parametrize(
    "protocol",
    [Protocol(), Protocol("kfold", 10, grouped=True), Protocol("shuffle", 10), Protocol("shuffle", 10, True),
     Protocol("published", 1), Protocol("kfold", 10, train_divisor=16), Protocol("kfold", 2, True, train_divisor=2),
     Protocol("shuffle", 10, True, train_divisor=4), Protocol("published", 1, train_divisor=8),
     Protocol("kfold", 5, stratified=True), Protocol("shuffle", 10, True, True, 4)],
)  # fmt: skip
def test_a_protocol_is_found_by_what_a_record_calls_it(protocol):
    assert Protocol.named(str(protocol)) == protocol
    assert re.fullmatch(PROTOCOL, str(protocol))


@pytest.mark.parametrize("text", ["kfold", "kfold(1)", "kfold(05)", "shuffle(50:50)", "published split, grouped", "",
                                  "kfold(5, train 1/1)", "kfold(5), train 1/2", "published split, train 1/2)"])  # fmt: skip
def test_no_other_protocol_is_found(text):
    with pytest.raises(InputError):
        Protocol.named(text)


# -- classes ----------------------------------------------------------------------------------------


def stratified(name, classes, number=0, seed=0, groups=None, n_folds=5):
    ids = np.array([f"id{i:04d}" for i in range(len(classes))], dtype=object)
    return make_fold(ids, Protocol(name, n_folds, groups is not None, True), number, seed, groups=groups, classes=classes)


@pytest.mark.parametrize(("name", "shares"), [("kfold", (720, 80, 200)), ("shuffle", (800, 100, 100))])
def test_each_part_has_the_same_share_of_each_class(name, shares):
    classes = np.repeat([0, 1, 2], [700, 290, 10])
    for part, n in zip(parts(stratified(name, classes, 1)), shares, strict=True):
        assert len(part) == pytest.approx(n, abs=2)
        np.testing.assert_allclose(np.bincount(classes[part], minlength=3), np.array([0.7, 0.29, 0.01]) * n, atol=1.01)


@settings(max_examples=50)
@given(n=st.integers(12, 120), n_classes=st.integers(2, 4), seed=st.integers(0, 10**6), grouped=st.booleans(),
       name=st.sampled_from(["kfold", "shuffle"]))  # fmt: skip
def test_stratified_folds_divide_all_crystals_and_no_group(n, n_classes, seed, grouped, name):
    rng = np.random.default_rng(seed)
    classes, groups = rng.integers(n_classes, size=n), rng.integers(n, size=n) if grouped else None
    assume(np.bincount(classes).max() >= 10 and (groups is None or len(np.unique(groups)) >= 12))
    tested = []
    for number in range(5):
        fold = stratified(name, classes, number, seed, groups)
        assert sorted(np.concatenate(parts(fold))) == list(range(n))
        tested.append(fold.test)
        if groups is not None:
            for one, other in ((fold.train, fold.test), (fold.train, fold.validation), (fold.validation, fold.test)):
                assert not np.intersect1d(groups[one], groups[other]).size
    if name == "kfold":
        assert sorted(np.concatenate(tested)) == list(range(n))


def test_the_order_of_the_rows_has_no_say_on_stratified_folds():
    classes, order = np.arange(103) % 3, np.random.default_rng(0).permutation(103)
    one = make_fold(IDS, Protocol("kfold", 5, stratified=True), 1, 7, classes=classes)
    other = make_fold(IDS[order], Protocol("kfold", 5, stratified=True), 1, 7, classes=classes[order])
    for mine, theirs in zip(parts(one), parts(other), strict=True):
        assert set(IDS[mine]) == set(IDS[order][theirs])


def test_too_rare_classes_and_a_stratified_published_split_are_refused():
    with pytest.raises(InputError, match=r"no class has more than 4 crystals, too few for kfold\(5, stratified\)"):
        stratified("kfold", np.arange(16) % 4)
    with pytest.raises(InputError, match="published split cannot be stratified"):
        Protocol("published", 1, stratified=True)
    with pytest.raises(ValueError, match="needs classes"):
        make_fold(IDS, Protocol("kfold", 5, stratified=True), 0, 0)


def test_stratified_folds_are_the_same_for_ever():
    """A changed hash means that published folds can no longer be reproduced."""
    classes = np.arange(103) % 4
    folds = [make_fold(IDS, Protocol(name, 5, stratified=True), 2, 0, classes=classes) for name in ("kfold", "shuffle")]
    assert [ids_hash(IDS[fold.test])[:12] for fold in folds] == ["be84b70a677d", "375cdcb81d1e"]


def test_a_holdout_tests_what_kfold_tests_and_trains_on_all_the_rest():
    for number in range(5):
        kfold, holdout = (make_fold(IDS, Protocol(name, 5), number, 3) for name in ("kfold", "holdout"))
        assert np.array_equal(holdout.test, kfold.test) and len(holdout.validation) == 0
        assert np.array_equal(holdout.train, np.sort(np.concatenate([kfold.train, kfold.validation])))


@pytest.mark.parametrize("kind", [{"grouped": True}, {"stratified": True}, {"grouped": True, "stratified": True}, {}])
def test_a_holdout_may_be_grouped_and_stratified(kind):
    groups, classes = np.arange(len(IDS)) // 2, (np.arange(len(IDS)) // 2) % 3
    folds = [make_fold(IDS, Protocol("holdout", 5, **kind), n, 0, groups=groups, classes=classes) for n in range(5)]
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(IDS)))
    for fold in folds:
        assert sorted(np.concatenate(parts(fold))) == list(range(len(IDS))) and not len(fold.validation)
        assert not kind.get("grouped") or not set(groups[fold.train]) & set(groups[fold.test])


def test_a_holdout_is_called_80_20_however_many_of_its_folds_are_run():
    for n in (1, 5):
        assert str(Protocol("holdout", n)) == "holdout(80:20)"
    for kind in ({}, {"grouped": True}, {"stratified": True}, {"train_divisor": 4}):
        text = str(Protocol("holdout", 5, **kind))
        assert re.match(PROTOCOL, text) and str(Protocol.named(text)) == text and not has_validation(text)
    with pytest.raises(InputError, match="holdout has 5 folds, not 6"):
        Protocol("holdout", 6)
    with pytest.raises(InputError, match=r"4 crystals .* too few for holdout\(80:20\); at least 5"):
        make_fold(IDS[:4], Protocol("holdout", 5), 0, 0)
