"""The answers of `recommend` for the web page, for some numbers of crystals and times. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, get_args

from benchmark.recommend.advice import LeftOut, advise, left_out
from benchmark.recommend.measured import Trained, trained
from benchmark.recommend.question import Question
from benchmark.recommend.ranking import rivals_over_sets
from benchmark.recommend.reach import forecasts_for
from benchmark.recommend.text import Answer, answer
from benchmark.results.records import DeviceClass, Record
from datasets.errors import InputError

CRYSTALS = (*(step * decade for decade in (100, 1_000, 10_000) for step in (1, 2, 3, 5, 7)), 100_000)
"""With a label, all parts together."""
TIMES = {
    "1min": (60, "1 minute"),
    "10min": (600, "10 minutes"),
    "1h": (3_600, "1 hour"),
    "6h": (21_600, "6 hours"),
    "1day": (86_400, "1 day"),
    "7days": (604_800, "1 week"),
}
"""As `--time` takes them: seconds, and words."""


@dataclass
class _Once:
    """Texts, rows of tables, and lists of the numbers of either, each written once; elsewhere stands its number."""

    texts: dict[str, int] = field(default_factory=dict)
    rows: dict[tuple[str, ...], int] = field(default_factory=dict)
    lists: dict[tuple[int, ...], int] = field(default_factory=dict)

    def text(self, value: str) -> int:
        return self.texts.setdefault(value, len(self.texts))

    def row(self, value: tuple[str, ...]) -> int:
        return self.rows.setdefault(value, len(self.rows))

    def all(self, values: Iterable[int]) -> int:
        found = tuple(values)
        return self.lists.setdefault(found, len(self.lists))

    def answer(self, told: Answer) -> list[int | None]:
        """Headline, lines, command, columns, rows and notes."""
        lines, columns, notes = (self.all(map(self.text, one)) for one in (told.lines, told.columns, told.notes))
        train = self.text(told.command) if told.command else None
        return [self.text(told.headline), lines, train, columns, self.all(map(self.row, told.rows)), notes]


def forecasts_for_page(records: Iterable[Record]) -> dict[str, Any] | None:
    """The answers by device, task ("" without one), number of crystals and time; None where no record allows one.

    They are those of the command on one core of the machines in the records. An answer is the numbers of its headline and
    command in `texts`, and of its lines, columns, rows and notes in `lists`, which hold numbers of `texts` and `rows`; instead
    of the answers for a number of crystals may stand the number of the line that says why there is none. `times` are [word of
    `--time`, words].
    """
    kept = list(records)
    known = {record.key.model for record in kept}
    once, devices = _Once(), {}
    for device in get_args(DeviceClass):
        tasks = trained(kept, device)
        if any(model.machines for models in tasks.values() for model in models):
            left = left_out(tasks)
            asked = {like: _asked(tasks, like, known, device, left, once) for like in ("", *tasks)}
            devices[device] = {like: one for like, one in asked.items() if any(isinstance(each, list) for each in one)}
    found = {device: asked for device, asked in devices.items() if asked}
    if not found:
        return None
    times = [[name, words] for name, (_, words) in TIMES.items()]
    written = {"texts": list(once.texts), "rows": list(once.rows), "lists": list(once.lists)}
    return {"crystals": CRYSTALS, "times": times, **written, "devices": found}


def _asked(
    tasks: Mapping[str, Sequence[Trained]],
    like: str,
    known: Set[str],
    device: DeviceClass,
    left: Sequence[LeftOut],
    once: _Once,
) -> list[Any]:
    """For each number of crystals the answers by time, or why there is none."""
    found: list[Any] = []
    for crystals in CRYSTALS:
        try:
            forecasts = forecasts_for(tasks, like or None, crystals)
        except InputError as error:
            found.append(once.text(str(error)))
            continue
        others = tuple(sorted(known - {one.model for one in forecasts}))
        rivals = rivals_over_sets(tasks, like or None, crystals)
        found.append([])
        for seconds, _ in TIMES.values():
            question = Question(crystals, seconds, device, 1, like or None, tasks, others, rivals)
            found[-1].append(once.answer(answer(question, advise(forecasts, seconds, workers=1), None, left)))
    return found
