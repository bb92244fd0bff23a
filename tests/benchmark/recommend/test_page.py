"""The answers on the web page are those of the command."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from benchmark.recommend.advice import advise, left_out
from benchmark.recommend.division import divided
from benchmark.recommend.measured import trained
from benchmark.recommend.page import forecasts_for_page
from benchmark.recommend.question import Question
from benchmark.recommend.reach import forecasts_for
from benchmark.recommend.text import Answer, answer
from benchmark.results.store import Store
from tests.benchmark.constructed import write_fold, write_run

TASKS = ("cgcnn/band_gap", "fung/2d/work_function", "fung/pt/total_energy")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "board")
    for task in TASKS:
        for model, mae in (("cgcnn", 0.5), ("megnet", 0.6)):
            for fold in range(5):
                luck = 1 + 0.01 * fold
                write_fold(store, model, fold, [luck * mae] * 100, task=task)
                write_fold(store, model, fold, [1.5 * luck * mae] * 25, task=task, key={"protocol": "kfold(5, train 1/4)"})
    return store


def test_every_answer_is_the_one_of_the_command(store):
    found = forecasts_for_page(store.records())
    tasks = trained(store.records(), "cpu")
    assert set(found["devices"]) == {"cpu"} and set(found["devices"]["cpu"]) == {"", *TASKS}
    for like, by_crystals in found["devices"]["cpu"].items():
        for crystals, by_time in zip(found["crystals"], by_crystals, strict=True):
            if divided(crystals).train > 4_000:
                assert "ask for at most" in found["texts"][by_time], "400 crystals reach to 4,000"
                continue
            forecasts = forecasts_for(tasks, like or None, crystals)
            for (word, _), told in zip(found["times"], by_time, strict=True):
                seconds = pd.Timedelta(word).total_seconds()
                question = Question(crystals, seconds, "cpu", 1, like or None, tasks, ())
                wanted = answer(question, advise(forecasts, seconds, workers=1), None, left_out(tasks))
                assert read(found, told) == wanted


def read(found: dict[str, Any], told: list[int]) -> Answer:
    """An answer as the page shows it."""
    headline, lines, command, columns, rows, notes = told

    def texts(number: int) -> tuple[str, ...]:
        return tuple(found["texts"][place] for place in found["lists"][number])

    table = tuple(found["rows"][place] for place in found["lists"][rows])
    train = None if command is None else found["texts"][command]
    return Answer(found["texts"][headline], texts(lines), train, texts(columns), table, texts(notes))


def test_models_that_ran_otherwise_alone_are_named(store):
    write_run(store, "mpnn", 0.1, task=TASKS[0], key={"profile": "mini"})
    found = forecasts_for_page(store.records())
    for like, asked in found["devices"]["cpu"].items():
        why = f"without a standard record of {like}" if like else "as they did not run on every data set"
        assert f"Not ranked, {why}: mpnn. To try one, add --model NAME to the command." in read(found, asked[0][0]).notes


def test_without_records_that_count_there_is_nothing(tmp_path):
    store = Store(tmp_path)
    write_run(store, "cgcnn", 0.5, task="emt/alloys/log10_bulk_modulus")
    assert forecasts_for_page(store.records()) is None
