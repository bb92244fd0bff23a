from __future__ import annotations

import base64
import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmark.leaderboard.comparison_groups import GroupPredictions
from benchmark.leaderboard.web.board_data import file_name, fronts, pareto_front
from benchmark.leaderboard.web.details import (
    DENSITY_BINS,
    HISTOGRAM_BINS,
    bands,
    by_element,
    densities,
    histograms,
    model_details,
    quantised,
    won,
)
from benchmark.leaderboard.web.write import write_site
from benchmark.rendering.plotly_script import plotly_name
from benchmark.results import compositions
from benchmark.results.store import Store
from datasets.errors import InputError
from tests.benchmark.constructed import failed, make

EVIL = "</script><script>alert(1)</script>"


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "runs")
    for fold in (0, 1):
        store.write(*make(fold, shift=0.1 + 0.2 * fold))
        store.write(*make(fold, model="dummy", shift=2.0))
    return store


def data_of(root) -> dict:
    text = (root / "index.html").read_text()
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def payload_of(root, group: dict, name: str) -> dict:
    text = (root / "details" / group["id"] / f"{name}.js").read_text()
    key, payload = re.fullmatch(r'board\.receive\("([^"]*)", (.*)\);\n', text).groups()
    assert key == f"{group['id']}/{name}"
    return json.loads(payload)


def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype=kind)


# -- what is summed up ---------------------------------------------------------------------------------------------


def test_a_histogram_of_errors_counts_by_hand():
    half, counts = histograms(np.array([[-1.0], [1.0], [1.0], [0.0]]))
    assert half == [1.0]
    assert counts.shape == (1, HISTOGRAM_BINS)
    assert (counts[0, 0], counts[0, HISTOGRAM_BINS // 2], counts[0, -1], counts.sum()) == (1, 1, 2, 4)


def test_histograms_are_those_of_numpy_and_leave_out_half_a_percent():
    errors = np.random.default_rng(0).normal(size=(4000, 3)) * [1, 5, 0.01]
    half, counts = histograms(errors)
    for m in range(3):
        edges = np.linspace(-half[m], half[m], HISTOGRAM_BINS + 1)
        assert np.abs(counts[m] - np.histogram(errors[:, m], edges)[0]).sum() <= 2  # edges round
    np.testing.assert_array_equal(counts.sum(axis=1), 3980)


def test_densities_are_those_of_numpy():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=5000)
    values = targets[:, None] + rng.normal(size=(5000, 2)) * [0.1, 3]
    ranges, counts = densities(targets, values)
    for m, (low, high) in enumerate(ranges):
        edges = np.linspace(low, high, DENSITY_BINS + 1)
        expected = np.histogram2d(values[:, m], targets, [edges, edges])[0].ravel()
        assert np.abs(counts[m] - expected).sum() <= 2


def test_errors_of_elements_are_means_over_the_crystals_that_hold_them():
    compositions = pd.DataFrame({"id": ["c", "a", "b", "unused"], "elements": [("Cu", "Au"), ("Cu",), ("Cu", "O"), ("Xe",)]})
    groups = by_element(np.array(["a", "b", "c", "a", "unknown"]), compositions)
    assert groups.names == ("Au", "Cu", "O")
    assert groups.counts.tolist() == [1, 4, 1]
    assert [groups.texts[number] for number in groups.text_of] == ["Cu", "Cu O", "Cu Au", "Cu", ""]
    # Cu: 1, 2, 3 and the second test of a, 6; the crystal of unknown composition counts for none.
    means = groups.means(np.array([[1.0], [2.0], [3.0], [6.0], [100.0]]))
    np.testing.assert_allclose(means.ravel(), [3, 3, 2])


def test_there_is_no_error_by_element_where_no_composition_is_known():
    assert by_element(np.array(["a"]), None) is None
    assert by_element(np.array(["a"]), pd.DataFrame({"id": ["b"], "elements": [("Cu",)]})) is None


def test_bands_hold_equally_many_crystals():
    edges, groups = bands(np.arange(20.0))
    assert edges[0] == 0 and edges[-1] == 19
    assert groups.counts.tolist() == [2] * 10
    np.testing.assert_allclose(groups.means(np.arange(20.0)[:, None]).ravel(), np.arange(0.5, 20, 2))


def test_one_value_of_the_target_is_one_band():
    edges, groups = bands(np.full(3, 7.0))
    assert edges.tolist() == [7.0] and groups.counts.tolist() == [3]


@given(arrays(float, (30, 2), elements=st.floats(-1e9, 1e9, allow_subnormal=False)))
def test_packed_errors_keep_three_digits(errors):
    whole, scale, step = quantised(errors)
    back = scale * np.sinh(whole.astype(float) * step)
    tolerance = 1e-3 * np.maximum(np.abs(errors), scale)
    assert (np.abs(back - errors) <= tolerance).all()


def test_wins_are_counted_on_every_crystal():
    errors = np.array([[1.0, 2.0, 1.0], [3.0, 1.0, 3.0], [0.0, 5.0, 0.0]])
    assert won(errors).tolist() == [[0, 2, 0], [1, 0, 1], [0, 2, 0]]


def test_many_crystals_come_with_their_density_few_without():
    def details(n: int) -> dict:
        predictions = GroupPredictions(
            ("m",), np.arange(n).astype(str), np.zeros(n, int), np.zeros(n, int), np.arange(n, dtype=float), np.ones((n, 1))
        )
        return dict(model_details(predictions, None))["m"]

    assert details(10)["density"] is None
    assert unpacked(details(2001)["density"]["counts"], "<u4").shape == (DENSITY_BINS**2,)


# -- cost ----------------------------------------------------------------------------------------------------------


def test_the_pareto_front_is_what_nothing_beats():
    #          cheap but bad, best, beaten, beaten at equal cost, twin of the best
    costs = np.array([1.0, 3.0, 4.0, 3.0, 3.0])
    errors = np.array([9.0, 2.0, 2.5, 2.1, 2.0])
    assert pareto_front(costs, errors).tolist() == [0, 1, 4]
    assert pareto_front(np.array([]), np.array([])).tolist() == []


@given(arrays(float, (12, 2), elements=st.integers(0, 5).map(float)))
def test_the_pareto_front_is_that_of_its_definition(points):
    def beaten(one):
        return any((other <= one).all() and (other < one).any() for other in points)

    assert sorted(pareto_front(*points.T)) == [n for n, point in enumerate(points) if not beaten(point)]


def test_times_of_two_machines_are_never_on_one_front():
    rows = [
        {"loss": [1.0, None], "training": 5.0, "parameters": 5, "baseline": False, "machine": 0},
        {"loss": [0.5, None], "training": 1.0, "parameters": 1, "baseline": False, "machine": 1},
        {"loss": [9.0, None], "training": 0.1, "parameters": 0, "baseline": True, "machine": 1},
        {"loss": None, "training": None, "parameters": None, "baseline": False, "machine": 0},
    ]
    assert fronts(rows, "training") == [[0], [1]]
    assert fronts(rows, "parameters") == [[1]]


# -- the files -----------------------------------------------------------------------------------------------------


def test_the_page_holds_the_scores_and_its_details_the_crystals(store, tmp_path):
    write_site(store, tmp_path / "site")
    data = data_of(tmp_path / "site")
    (group,) = data["comparison_groups"]
    best, dummy = group["rows"]
    relative = [column["key"] for column in data["kinds"]["numbers"]["columns"]].index("relative")
    # 0.1 and 0.3: mean 0.2, standard deviation 0.1 · √2
    assert (best["label"], best["loss"], best["cells"][relative]) == ("cgcnn", [0.2, 0.141421], ["0.100", 0.1])
    assert dummy["baseline"] and dummy["cells"][relative] == ["1.00", 1]
    shared = payload_of(tmp_path / "site", group, "group")
    assert shared["ids"] == list("abcdabcd")
    np.testing.assert_allclose(unpacked(shared["targets"], "<f4"), [0, 1, 2, 3, 1, 2, 3, 4])
    assert unpacked(shared["folds"], "<u2").tolist() == [0] * 4 + [1] * 4
    assert shared["elements"] is None
    assert shared["pairs"]["verdict"][0].startswith("Undecided: cgcnn has the lower MAE; the MAE of dummy is ")
    assert shared["pairs"]["open"][0].startswith(
        "About 1 more repeat would show that the difference between the two is real, if the errors stayed as measured. "
    )
    assert f"--seed 0 --repeats 2 --device cpu --out {store.root}" in shared["pairs"]["command"][0]
    assert shared["pairs"]["wins"] == [8] and shared["pairs"]["losses"] == [0]
    own = payload_of(tmp_path / "site", group, best["file"])
    back = own["scale"] * np.sinh(unpacked(own["errors"], "<i2") * own["step"])
    np.testing.assert_allclose(back, [0.1] * 4 + [0.3] * 4, rtol=1e-3)


def test_text_of_a_record_cannot_end_the_block_it_stands_in(store, tmp_path):
    record, predictions = make(0)
    key = record.key.model_copy(update={"settings": {"name": "odd"}})
    store.write(make(key=key, changed={"name": "odd"})[0], predictions)
    store.write(failed(2, reason=EVIL), None)
    write_site(store, tmp_path / "site")
    text = (tmp_path / "site" / "index.html").read_text()
    assert text.count("</script>") == text.count("<script")
    assert "alert(1)" in text and "<script>alert" not in text
    group = data_of(tmp_path / "site")["comparison_groups"][0]
    assert group["failures"][0]["reason"] == EVIL
    assert "cgcnn (name=odd)" in [row["label"] for row in group["rows"]]
    for path in (tmp_path / "site" / "details").rglob("*.js"):
        assert "<" not in path.read_text()


def test_the_same_records_give_the_same_bytes(store, tmp_path):
    for name in ("one", "two"):
        write_site(store, tmp_path / name)
    write_site(store, tmp_path / "two")  # also over an older page

    def contents(root):
        return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_details_of_records_that_are_gone_are_removed(store, tmp_path):
    site = tmp_path / "site"
    record, predictions = make()
    store.write(make(key=record.key.model_copy(update={"profile": "paper"}))[0], predictions)
    write_site(store, site)
    assert len(list((site / "details").iterdir())) == 2
    for path in (store.root / "records").rglob("paper_*/fold-*"):
        path.unlink()
    write_site(store, site)
    assert len(list((site / "details").iterdir())) == 1
    assert not list(site.glob("*.partial"))


@pytest.mark.parametrize("name", ["index.html", "details", "assets"])
def test_files_of_a_person_are_not_replaced(store, tmp_path, name):
    site = tmp_path / "site"
    site.mkdir()
    if name == "index.html":
        (site / name).write_text("<h1>mine</h1>")
    else:
        (site / name).mkdir()
    with pytest.raises(InputError, match="is not of a leaderboard"):
        write_site(store, site)


def test_a_failed_writing_leaves_the_page_that_was(store, tmp_path, monkeypatch):
    site = tmp_path / "site"
    write_site(store, site)
    before = sorted((path, path.stat().st_mtime_ns) for path in site.rglob("*") if path.is_file())

    def broken(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("benchmark.leaderboard.web.write.model_details", broken)
    with pytest.raises(OSError, match="No space"):
        write_site(store, site)
    assert sorted((path, path.stat().st_mtime_ns) for path in site.rglob("*") if path.is_file()) == before


def test_a_board_without_records_is_a_page_too(tmp_path):
    write_site(Store(tmp_path / "nothing"), tmp_path / "site")
    assert data_of(tmp_path / "site")["comparison_groups"] == []


@pytest.mark.parametrize("status", ["diverged", "out-of-memory"])
def test_a_task_on_which_all_failed_has_rows_and_no_details(tmp_path, status):
    store = Store(tmp_path / "runs")
    store.write(failed(0, status=status, reason="12 GB wanted"), None)
    write_site(store, tmp_path / "site")
    (group,) = data_of(tmp_path / "site")["comparison_groups"]
    (row,) = group["rows"]
    assert (row["status"], row["verdict"], row["loss"], row["file"]) == (status, None, None, None)
    assert group["failures"] == [{"label": "cgcnn", "fold": 0, "status": status, "reason": "12 GB wanted"}]
    assert list((tmp_path / "site" / "details").iterdir()) == []


def test_names_of_files_are_harmless_and_different():
    names = [file_name(text) for text in ("a/b", "a b", "../../etc", "ä", "con<script>", "x" * 300)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9-]{1,80}", name) for name in names)


def test_the_page_names_every_file_that_it_loads(store, tmp_path):
    site = tmp_path / "site"
    write_site(store, site)
    text = (site / "index.html").read_text()
    for address in re.findall(r'(?:src|href)="(assets/[^"?]+)', text):
        assert (site / address).is_file()
    assert data_of(site)["plotly"] == f"assets/{plotly_name()}"
    assert (site / "assets" / plotly_name()).stat().st_size < 6e6
    assert "http" not in re.sub(r"http-equiv", "", text.split('id="data"')[0])


def test_compositions_that_are_none_are_said_and_left_out(store, tmp_path):
    path = compositions.path_of(store.root, "0" * 64)
    path.parent.mkdir()
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        write_site(store, tmp_path / "site")
    said = []
    write_site(store, tmp_path / "site", said.append)
    assert len(said) == 1
    (group,) = data_of(tmp_path / "site")["comparison_groups"]
    assert payload_of(tmp_path / "site", group, "group")["elements"] is None
