"""What we measured for the cells of a table, and how far it is from what was published. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import stdtrit

from benchmark.leaderboard.published_results import THESIS_ROUNDS, PublishedResult
from benchmark.reproduction.cells import Cell
from benchmark.results.records import Record
from benchmark.results.scores import OnInvalid, refuse
from benchmark.results.store import Scored, Store
from benchmark.results.validation import Predictions
from benchmark.statistics.comparisons import ALPHA, corrected_t_test, welch
from benchmark.tasks.metrics import of_numbers
from datasets.errors import InputError

CLOSE = 0.1
"""Share of a published error within which ours repeats it."""
PUBLISHED_ROUNDS = THESIS_ROUNDS["cgcnn"]
"""Of the thesis's networks, whose standard deviations are printed."""

RULE = (
    "- Ours is the mean over rounds with its 95 % interval. The variance is corrected for the training crystals that rounds "
    "share (Nadeau & Bengio 2003). The interval of a single round is that of its test crystals alone.\n"
    "- The difference is ours minus published, in standard errors (SE) of the difference: -2.2 means that ours is lower by 2.2 "
    "standard errors; of -5.2 of 12.7, it takes 12.7 to show it.\n"
    "- A difference is shown if its 95 % interval leaves out 0: beyond 2.3 SE with 10 rounds, 4.3 with 3, 12.7 with 2 "
    "(Student's t). Beside a printed standard deviation it takes less (degrees of freedom by Welch). A difference that is not "
    "shown is not equality: more rounds may show it.\n"
    f"- A figure is reproduced within {100 * CLOSE:g} % if the whole interval is at most that, also where it leaves out 0."
)
PRINTED = (
    f"- The published standard error is the printed standard deviation times √(1/{PUBLISHED_ROUNDS} + test crystals / training "
    "crystals): it holds for another division of the crystals, as ours does. A single round of ours is taken to vary as the "
    "published rounds do."
)
UNPRINTED = (
    "- Some publications print no standard deviation. We then assume that the published error has the standard error of ours. "
    "A single round of ours does not tell how much trainings vary. We take their relative standard deviation (SD) from "
    "elsewhere: from another publication that prints it for the cell; otherwise from runs with several rounds here, of "
    "published size and any recipe, of the same model on the same task; otherwise of the same model on other tasks; "
    "otherwise of all models. Of several runs the largest counts. The column *ours − published* names it. If the standard "
    "error of that round over its test crystals is larger, it counts. Where no SD is known, no difference is shown."
)
"""What is assumed where a standard deviation is printed, and where none is."""


@dataclass(frozen=True)
class Difference:
    """Ours minus a published error."""

    standard_errors: float
    """How many of the difference."""
    freedom: float
    """Degrees of freedom of the standard error; 0 where it is not known how much trainings vary."""
    interval: tuple[float, float] = (-np.inf, np.inf)
    """95 %, relative to the published error."""

    @property
    def limit(self) -> float:
        """Standard errors from which a difference is shown."""
        return float(stdtrit(self.freedom, 1 - ALPHA / 2)) if self.freedom > 0 else np.inf

    @property
    def is_shown(self) -> bool:
        """Whether the 95 % interval of the difference leaves out 0, and is not all small."""
        return abs(self.standard_errors) > self.limit and not self.is_small

    @property
    def is_small(self) -> bool:
        """Whether the whole interval lies within `CLOSE` of the published error."""
        return self.interval[0] >= -CLOSE and self.interval[1] <= CLOSE


@dataclass(frozen=True)
class Luck:
    """How much the error of a round varies, as other runs show it."""

    share: float
    """Standard deviation over rounds, as a share of the mean."""
    rounds: int
    """That it was computed from."""
    origin: str
    """Whose runs."""


@dataclass(frozen=True)
class CellResult:
    """The rounds of a cell, of one model source and one release of the data; the scores are those of the complete ones."""

    scored: tuple[Scored, ...]
    """Records in the order of their rounds, each with its predictions; None for a round without."""
    luck: Luck | None = None
    """Of a single round whose published figure has no standard deviation."""

    @property
    def records(self) -> tuple[Record, ...]:
        """Of the complete rounds."""
        return tuple(record for record, found in self.scored if found)

    @property
    def failed(self) -> tuple[Record, ...]:
        """Of the others."""
        return tuple(record for record, found in self.scored if not found)

    @cached_property
    def maes(self) -> tuple[float, ...]:
        """Of the complete rounds."""
        return tuple(of_numbers(found.scores).mae for _, found in self.scored if found)

    @property
    def mae(self) -> float:
        """Mean over rounds."""
        return float(np.mean(self.maes))

    @property
    def constant(self) -> float:
        """MAE of the median of the test crystals, mean over rounds: what a model has to beat."""
        targets = [found.targets for _, found in self.scored if found]
        return float(np.mean([np.abs(one - np.median(one)).mean() for one in targets]))

    @property
    def spread(self) -> float:
        """Standard deviation of the targets of the test crystals, mean over rounds."""
        return float(np.mean([found.targets.std() for _, found in self.scored if found]))

    @property
    def standard_error(self) -> float:
        """Of the mean, for a new round's training and test crystals; of one round for its test crystals alone."""
        return self._standard_error(len(self.maes))

    def _standard_error(self, rounds: int) -> float:
        """After so many rounds, if their spread stayed as measured."""
        tested = corrected_t_test(np.array(self.maes), np.zeros(len(self.maes)), self._test_to_train)
        if tested.standard_error is None:
            return _error_over_crystals(next(found for _, found in self.scored if found))
        shared = self._test_to_train
        return tested.standard_error * float(np.sqrt((1 / rounds + shared) / (1 / len(self.maes) + shared)))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the mean."""
        n = len(self.maes)
        half = self.standard_error * (float(stdtrit(n - 1, 1 - ALPHA / 2)) if n > 1 else 1.96)
        return self.mae - half, self.mae + half

    @property
    def _test_to_train(self) -> float:
        split = self.records[0].split
        return split.n_test / split.n_train

    def rounds_to_tell(self, published: PublishedResult, most: int) -> tuple[int, Difference] | None:
        """After how many rounds in all a difference would be shown, or that it is small, if mean and spread stayed as measured.

        And the difference then; None where so many as `most` would not show it. Of two rounds or more.
        """
        after = ((n, self.difference(published, n)) for n in range(len(self.maes) + 1, most + 1))
        return next(((n, found) for n, found in after if found and (found.is_shown or found.is_small)), None)

    def difference(self, published: PublishedResult, rounds: int | None = None) -> Difference | None:
        """Ours minus published; None where the standard error is 0.

        Args:
            published: the figure.
            rounds: as if so many had run, with the mean and the spread of those that have; None for these alone.
        """
        n = rounds or len(self.maes)
        own, freedom = self._standard_error(n), float(n - 1)
        if published.std is None:
            if n == 1 and self.luck:
                one_round = self.luck.share * self.mae * float(np.sqrt(1 + self._test_to_train))
                own, freedom = max(own, one_round), float(self.luck.rounds - 1)
            other = own
        else:
            other = published.std * float(np.sqrt(1 / PUBLISHED_ROUNDS + self._test_to_train))
            if n == 1:
                own, freedom = max(own, published.std * float(np.sqrt(1 + self._test_to_train))), float(PUBLISHED_ROUNDS - 1)
            freedom = welch((own**2, other**2), (freedom, PUBLISHED_ROUNDS - 1))
        error = float(np.hypot(own, other))
        if not error:
            return None
        gap, half = self.mae - published.mae, float(stdtrit(freedom, 1 - ALPHA / 2)) * error if freedom > 0 else np.inf
        return Difference(gap / error, freedom, ((gap - half) / published.mae, (gap + half) / published.mae))

    def training(self) -> tuple[float, float]:
        """Seconds on the wall and of the processor, mean over rounds."""
        times = [record.times.training for record in self.records if record.times]
        return float(np.mean([time.wall_s for time in times])), float(np.mean([time.device_s for time in times]))


def cell_results(cells: Sequence[Cell], stores: Iterable[Store], on_invalid: OnInvalid = refuse) -> list[CellResult | None]:
    """What the stores hold of each cell; None of a cell that has not run.

    A fold that several stores hold counts once, as the first of them has it. Of several sources or releases the one with
    the most rounds counts, and among these the newest.

    Args:
        cells: of a table.
        stores: searched in this order.
        on_invalid: called with the error of a file that is invalid, which is left out; by default it is raised.
    """
    found: list[dict[str, Scored]] = [{} for _ in cells]
    for store in stores:
        for record, predictions in _records_of(cells, store, on_invalid):
            for cell, known in zip(cells, found, strict=True):
                if cell.holds(record):
                    known.setdefault(record.key.identity, (record, predictions))
    return [_result(cell, list(known.values())) for cell, known in zip(cells, found, strict=True)]


def _records_of(cells: Sequence[Cell], store: Store, on_invalid: OnInvalid) -> Iterable[Scored]:
    """Records of the cells' tasks and models in a store; other files are not read."""
    wanted = {(cell.task, cell.model, cell.named) for cell in cells}
    for task, paths in store.tasks():
        for path in paths:
            model, run = path.relative_to(store.root / "records" / task).parts[:2]
            if not any((task, model) == (t, m) and run.startswith(f"{named}_") for t, m, named in wanted):
                continue
            try:
                yield from store.scored(path)
            except InputError as error:
                on_invalid(error)


def _result(cell: Cell, found: Sequence[Scored]) -> CellResult | None:
    groups: dict[tuple[str, str], list[Scored]] = {}
    for record, predictions in found:
        groups.setdefault((record.key.source, record.key.dataset_hash), []).append((record, predictions))

    def worth(group: Iterable[Scored]) -> tuple[int, float]:
        complete, started = zip(*((known is not None, record.started_at.timestamp()) for record, known in group), strict=True)
        return sum(complete), max(started)

    if not groups:
        return None
    # Of several records of a round, as of two devices, the newest counts.
    newest = sorted(max(groups.values(), key=worth), key=lambda one: (one[1] is not None, one[0].started_at))
    by_round = {cell.round_of(record.key) or 0: (record, known) for record, known in newest}
    return CellResult(tuple(by_round[number] for number in sorted(by_round)))


def _error_over_crystals(found: Predictions) -> float:
    """Standard error of the mean absolute error of one fold."""
    errors = np.abs(found.predictions - found.targets)
    return float(errors.std(ddof=1) / np.sqrt(len(errors))) if len(errors) > 1 else 0.0
