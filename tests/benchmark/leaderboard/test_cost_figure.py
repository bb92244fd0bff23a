from __future__ import annotations

from itertools import pairwise
from typing import get_args
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.cost_figure import NAMES, Axis, cost_figure, spread
from benchmark.leaderboard.score_pictures import verdicts
from benchmark.rendering.svg import WIDTH
from benchmark.results.store import Store
from benchmark.statistics.decisions import Verdict
from tests.benchmark.constructed import PER_FOLD, make, write_fold, write_run

SVG = "{http://www.w3.org/2000/svg}"


def drawn(store: Store) -> ElementTree.Element:
    (group,) = read_board(store).comparison_groups
    return ElementTree.fromstring(cost_figure(group))


def texts(picture: ElementTree.Element) -> dict[str, ElementTree.Element]:
    return {element.text: element for element in picture.iter(f"{SVG}text")}


def marks(picture: ElementTree.Element, verdict: str) -> list[ElementTree.Element]:
    return [e for tag in ("circle", "path") for e in picture.iter(f"{SVG}{tag}") if e.get("class") == verdict]


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path)
    for model, mae in (("cgcnn", 0.2), ("schnet", 0.5), ("dummy", 0.6)):
        write_run(store, model, mae)
    return store


def test_a_model_has_one_point_with_its_verdict_and_its_interval(store):
    picture = drawn(store)
    # One more of each is in the legend.
    assert len(marks(picture, "best-or-equal")) == len(marks(picture, "worse")) == 2
    lowest = float(marks(picture, "best-or-equal")[0].get("cy"))
    (bar,) = [line for line in picture.iter(f"{SVG}line") if line.get("class") == "worse bar"]
    assert max(float(bar.get("y1")), float(bar.get("y2"))) < lowest, "a worse model's bar lies above the lowest point"
    assert {"cgcnn", "schnet", "MAE [eV], profile standard", "best or equal", "worse"} <= set(texts(picture))
    assert any(name.startswith("dummy: 0.") for name in texts(picture))


def test_repeats_of_a_model_are_one_point(store):
    before = drawn(store)
    for model, mae in (("cgcnn", 0.2), ("schnet", 0.5), ("dummy", 0.6)):
        write_run(store, model, mae, key={"seed": 1})
    after = drawn(store)
    assert len(marks(after, "worse")) == len(marks(before, "worse"))


def test_a_time_of_another_machine_is_marked(store):
    other = make()[0].machine.model_copy(update={"processor": "Epyc"})
    for model in ("mpnn", "megnet"):
        write_run(store, model, 0.3)
    assert not any("*" in name for name in texts(drawn(store)))
    for fold in range(5):
        write_fold(store, "gatgnn", fold, [0.3] * PER_FOLD, machine=other)
    names = texts(drawn(store))
    assert "gatgnn *" in names and "cgcnn" in names
    assert "* another machine: times do not compare" in names


def test_hostile_and_long_names_stay_text_inside_of_the_picture(store):
    write_run(store, "m" * 90, 0.3)
    write_run(store, "<script>x", 0.3)
    picture = drawn(store)
    assert "<script>x" in texts(picture)
    (long,) = [element for name, element in texts(picture).items() if name.startswith("mmm")]
    assert long.text.endswith("…") and float(long.get("x")) > WIDTH / 2


def test_a_miniature_is_named_as_such(tmp_path):
    store = Store(tmp_path)
    for model, mae in (("cgcnn", 0.2), ("schnet", 0.5)):
        write_run(store, model, mae, key={"profile": "mini"})
    assert "MAE [eV], miniature networks (profile mini)" in texts(drawn(store))


@given(st.floats(1e-3, 1e6), st.floats(1, 1e4), st.sampled_from([20, 34, 60]))
def test_ticks_are_round_at_most_seven_and_never_cover_one_another(least, range_, room):
    axis = Axis([least, least * range_], 0, 400)
    ticks = axis.ticks(room)
    assert len(ticks) <= 7
    assert all(axis(b) - axis(a) >= room for a, b in pairwise(ticks))
    assert all(axis.low <= np.log10(tick) <= axis.high and len(f"{tick:g}") <= 8 for tick in ticks)


def test_one_model_beside_the_baseline_needs_no_picture(tmp_path):
    store = Store(tmp_path)
    for model, mae in (("cgcnn", 0.2), ("dummy", 0.5)):
        write_run(store, model, mae)
    (group,) = read_board(store).comparison_groups
    assert cost_figure(group) is None


@given(st.lists(st.floats(0, 300), min_size=1, max_size=17))
def test_names_never_cover_one_another(heights):
    falling = sorted(heights, reverse=True)
    places = spread(falling, NAMES, 0.0, NAMES * 17)
    assert (np.diff(places) <= -NAMES + 1e-6).all()
    assert min(places) >= -1e-6 and max(places) <= NAMES * 17 + 1e-6


def test_the_picture_of_verdicts_shows_each_of_the_four():
    shown = {element.text for element in ElementTree.fromstring(verdicts()).iter(f"{SVG}text")}
    assert set(get_args(Verdict)) <= shown
