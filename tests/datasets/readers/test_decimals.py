"""A number is read with the decimal sign of its column, or refused where it could be two numbers."""

import pytest

from datasets.readers.decimals import DoubtfulNumber, decimal_sign, looks_like_number, number, signs_of


@pytest.mark.parametrize(
    ("column", "others", "sign"),
    [
        (["0,10", "", "12,5"], [], ","),
        (["0,10", "1,234", "na"], [], ","),
        (["1,234", "2,345"], [["0,5"]], ","),
        (["-,5", "1,5e-3", "7"], [], ","),
        (["0.10", "1.234"], [["0,5"]], "."),
        (["1.234", "2.345"], [["a,b", "x"]], "."),
        (["1", "20"], [["0,5"]], "."),
        ([1.5, None, 1234], [["0,5"]], "."),
        (["a,b", "c"], [], "."),
    ],
)
def test_the_decimal_sign_of_a_column(column, others, sign):
    assert decimal_sign(column, signs_of([column, *others])) == sign


@pytest.mark.parametrize(
    ("column", "others", "row", "why"),
    [
        (["0,5", "1.234,5"], [], 1, "thousands separators"),
        (["1,234.5"], [], 0, "thousands separators"),
        (["1,234,567"], [], 0, "thousands separators"),
        (["0,5", "1.5"], [], 1, "both decimal points and commas"),
        (["1.5", "1,234"], [], 1, "both decimal points and commas"),
        (["7", "1,234"], [], 1, "'1,234', which can be 1.234 or 1234"),
        (["1,234"], [["0.5"]], 0, "which can be"),
        (["1,234"], [["0.5", "0,5"]], 0, "which can be"),
        (["7", "1.234"], [["0,5"]], 1, "'1.234', which can be 1.234 or 1234"),
    ],
)
def test_what_can_be_two_numbers_is_refused_with_its_row(column, others, row, why):
    with pytest.raises(DoubtfulNumber, match=why) as caught:
        decimal_sign(column, signs_of([column, *others]))
    assert caught.value.row == row


def test_numbers_missing_values_and_other_texts():
    assert [number(text, ",") for text in ("0,5", " 7 ", "1e3", "-,5")] == [0.5, 7, 1000, -0.5]
    assert all(number(text) != number(text) for text in (None, "", " NA ", "nan", "None", float("nan")))
    assert [number(value) for value in ("x", "0,5", True, [1])] == [None] * 4
    assert all(map(looks_like_number, ("1", "0,5", "1.234,5", "inf", "-1e5"))) and not looks_like_number("1a")
