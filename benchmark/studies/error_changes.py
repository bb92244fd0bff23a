"""How much the error changes from one configuration to another, and whether that is more than chance. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.comparisons import ALPHA, FoldTest, holm
from benchmark.studies.configurations import Configuration, ratio


@dataclass(frozen=True)
class ErrorChange:
    """The MAE of a configuration against that of another one, on the folds that both have."""

    folds: Configuration
    relative: float | None = None
    """MAE / the other's − 1, the geometric mean over folds; None without a common fold."""
    interval: tuple[float, float] | None = None
    """Of the relative change, 95 %."""
    p_holm: float | None = None

    @property
    def direction(self) -> str:
        """ "better", "worse" or "undecided" by the test; empty without one, or where a fold has no score."""
        if self.relative is None or self.p_holm is None or self.interval is None or not self.folds.scored:
            return ""
        return "undecided" if self.p_holm >= ALPHA else "better" if self.relative < 0 else "worse"


def error_changes(configurations: Sequence[Configuration], baseline: Configuration) -> tuple[ErrorChange, ...]:
    """Every other configuration against the baseline, p after Holm's correction for all of them."""
    others = [one for one in configurations if one is not baseline]
    tests = [ratio(one, baseline) for one in others]
    numbers = [i for i, test in enumerate(tests) if test]
    corrected = dict(zip(numbers, holm(np.array([tests[i].p for i in numbers])), strict=True))  # type: ignore[union-attr]
    return tuple(
        _error_change(one, test, float(corrected.get(i, 1.0))) for i, (one, test) in enumerate(zip(others, tests, strict=True))
    )


def _error_change(configuration: Configuration, test: FoldTest | None, p_holm: float) -> ErrorChange:
    if test is None:
        return ErrorChange(configuration)
    relative, *ends = (float(np.expm1(min(log, 100.0))) for log in (test.difference, *(test.interval or ())))
    return ErrorChange(configuration, relative, (ends[0], ends[1]) if ends else None, p_holm)


def judged(configuration: Configuration, change: ErrorChange | None) -> str:
    """ "diverges" where a fold did, whatever the others say, else the direction of its change; empty without one."""
    return "diverges" if configuration.diverged else change.direction if change else ""
