"""Ids of the Materials Project in letters are those in digits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.mp_ids import canonical_mp_id


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("mp-ft", "mp-149"),  # silicon: f = 5, t = 19, 5 · 26 + 19
        ("mp-aaaaaaft", "mp-149"),
        ("mp-a", "mp-0"),
        ("mp-z", "mp-25"),
        ("mp-ba", "mp-26"),
        ("mp-aaaabhep", "mp-22427"),  # 1 · 26³ + 7 · 26² + 4 · 26 + 15
        ("mvc-bc", "mvc-28"),
    ],
)
def test_letters_are_digits_to_base_26(new, old):
    assert canonical_mp_id(new) == old == canonical_mp_id(old)


@pytest.mark.parametrize(
    "name", ["mp-149", "mvc-1", "ft", "mp-FT", "mp-f2", "mp-149-GGA", "mp-", "cu-ft", "quartz", "", "mp-é"]
)
def test_any_other_text_is_left_alone(name):
    assert canonical_mp_id(name) == name


@given(number=st.integers(0, 10**9), width=st.sampled_from([0, 6, 8]))
def test_ids_agree_with_those_of_the_materials_project(number, width):
    mpid = pytest.importorskip("emmet.core.mpid")
    assert canonical_mp_id(str(mpid.AlphaID(number, padlen=width, prefix="mp"))) == f"mp-{number}"
