"""Parts of hand-written pages that a command fills in, between two comments. Needs no torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from datasets.errors import InputError

BEGIN = "<!-- generated: "
END = "<!-- end of generated -->"
BLOCK = re.compile(rf"^{BEGIN}(?P<what>[^\n]*?) -->\n(?P<text>.*?)^{END}$", re.MULTILINE | re.DOTALL)

Generate = Callable[[Sequence[str]], str]
"""Makes the text of a block from the words of its comment."""


def filled(page: str, generate: Generate, name: str) -> str:
    """The page with every block made anew; everything outside of the blocks stays.

    A block begins with a line `<!-- generated: WORDS -->` and ends with a line `<!-- end of generated -->`.

    Args:
        page: markdown.
        generate: called with the words of each block.
        name: of the page, for errors.

    Raises:
        InputError: a beginning without an end, or an end without a beginning.
    """
    blocks = BLOCK.findall(page)
    if not len(blocks) == page.count(f"\n{BEGIN}") + page.startswith(BEGIN) == page.count(END):
        raise InputError(f"{name}: a generated block has no beginning or no end; write `{BEGIN}… -->` and `{END}` around it")
    return BLOCK.sub(lambda found: f"{BEGIN}{found['what']} -->\n{generate(found['what'].split())}\n{END}", page)


def outside(page: str) -> str:
    """The page without its generated blocks."""
    return BLOCK.sub("", page)
