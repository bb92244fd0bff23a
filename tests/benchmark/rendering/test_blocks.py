from __future__ import annotations

import pytest

from benchmark.rendering.blocks import filled, outside
from datasets.errors import InputError

PAGE = """# Title

<!-- generated: sum 1 2 -->
old
<!-- end of generated -->
between
<!-- generated: empty -->
<!-- end of generated -->
"""


def test_blocks_are_made_from_their_words_and_the_rest_stays():
    page = filled(PAGE, lambda words: " and ".join(words), "page.md")
    assert page == PAGE.replace("old", "sum and 1 and 2").replace("empty -->\n", "empty -->\nempty\n")
    assert filled(page, lambda words: " and ".join(words), "page.md") == page
    assert outside(page) == "# Title\n\n\nbetween\n\n"


@pytest.mark.parametrize("page", [PAGE.replace("<!-- end of generated -->\n", "", 1), PAGE + "<!-- end of generated -->\n"])
def test_a_mark_without_its_other_half_is_named(page):
    with pytest.raises(InputError, match=r"page\.md: a generated block has no beginning or no end"):
        filled(page, lambda words: "", "page.md")
