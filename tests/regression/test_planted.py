from __future__ import annotations

import pytest

from tests.regression.planted import MISTAKES, Mistake, copy_of_the_code


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_the_places_of_the_planted_mistakes_are_still_there(mistake, tmp_path):
    copy_of_the_code(tmp_path, mistake)
    assert mistake.wrong in (tmp_path / mistake.file).read_text()


def test_a_place_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no longer there"):
        copy_of_the_code(tmp_path, Mistake("x", "models/zoo/cgcnn.py", "not in the file", ""))
