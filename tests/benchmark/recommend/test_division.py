"""How many of the labelled crystals a fold trains on."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmark.recommend.division import Parts, divided, labelled
from benchmark.tasks.folds import Protocol, make_fold


@given(st.integers(10, 3000))
def test_the_parts_are_those_of_the_first_fold_of_a_run(crystals):
    fold = make_fold(np.arange(crystals).astype(str), Protocol(), 0, 0)
    assert divided(crystals) == Parts(len(fold.train), len(fold.validation), len(fold.test))


def test_of_the_crystals_of_a_published_board_the_parts_are_those_of_its_records():
    assert divided(7582) == Parts(5458, 607, 1517)
    assert abs(labelled(5458) - 7582) < 2
