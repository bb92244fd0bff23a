"""Pictures that explain a score: folds, duplicates, verdicts. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log
from xml.etree.ElementTree import Element

from benchmark.leaderboard.cost_figure import STYLE as VERDICTS
from benchmark.leaderboard.cost_figure import mark
from benchmark.rendering.svg import LETTER, line, picture, shape, text
from benchmark.rendering.text import percent
from benchmark.statistics.decisions import MARGIN, verdict_of

LEFT = 64
FOLDS, STEP = 5, 72

STYLE = """
.training { fill: var(--third); }
.validation { fill: var(--second); }
.test { fill: var(--accent); }
.atom { fill: var(--muted); }
.twin { fill: var(--second); }
.link { stroke: var(--second); stroke-width: 2; }
"""
EXAMPLES = ((0.93, 0.98, 1.03), (1.01, 1.025, 1.04), (1.02, 1.08, 1.14), (0.95, 1.03, 1.11))
"""Lower limit, ratio and upper limit of four models."""


def folds() -> str:
    """Five divisions of the same crystals."""
    title = (
        "Five folds: each fifth of the crystals is the test part once; the rest is for training, a part of it for validation"
    )

    def shapes() -> Iterator[Element]:
        for fold in range(FOLDS):
            y = 10 + 26 * fold
            yield text(4, y + 14, f"fold {fold + 1}")
            for part in range(FOLDS):
                x = LEFT + STEP * part
                yield shape("rect", x=x, y=y, width=STEP - 2, height=18, class_="test" if part == fold else "training")
                if part != fold:
                    # A tenth of each other part.
                    yield shape("rect", x=x, y=y, width=7, height=18, class_="validation")
        yield from _key(("training", "validation", "test"), 160)

    return picture(176, title, shapes(), STYLE)


def duplicates() -> str:
    """Which test crystals count as seen."""
    title = "A test crystal with a duplicate in training or validation is seen; the others are new"

    def shapes() -> Iterator[Element]:
        for x, width, name in ((4, 250, "training and validation"), (280, 156, "test")):
            yield shape("rect", x=x, y=28, width=width, height=96, class_="rule")
            yield text(x, 18, name)
        for x, y in ((30, 50), (80, 96), (130, 56), (180, 104), (40, 104), (310, 104), (400, 100)):
            yield shape("circle", cx=x, cy=y, r=6, class_="atom")
        for start, end in (((220, 48), (320, 48)), ((214, 80), (360, 72))):
            yield line(*start, *end, "link")
            for x, y in (start, end):
                yield shape("circle", cx=x, cy=y, r=6, class_="twin")
        yield shape("circle", cx=10, cy=144, r=6, class_="twin")
        yield text(22, 148, "duplicates: “MAE, seen” is of those in the test part")
        yield shape("circle", cx=10, cy=164, r=6, class_="atom")
        yield text(22, 168, "the others: “MAE, new” is of those in the test part")

    return picture(178, title, shapes(), STYLE)


def verdicts() -> str:
    """Four intervals and the words for them, by the rule that the boards use."""
    title = "Four intervals of the error over that of the best other model, and the four verdicts"
    words = [verdict_of(log(low), log(high), MARGIN) for low, _, high in EXAMPLES]

    def x(ratio: float) -> float:
        return 20 + (ratio - 0.9) * 1100

    def shapes() -> Iterator[Element]:
        for ratio, name in ((1.0, "1"), (1 + MARGIN, f"1 + {percent(MARGIN)}")):
            yield line(x(ratio), 26, x(ratio), 150, "dotted")
            yield text(x(ratio), 18, name, "muted", "middle")
        for number, ((low, ratio, high), word) in enumerate(zip(EXAMPLES, words, strict=True)):
            y = 46 + 30 * number
            yield line(x(low), y, x(high), y, f"{word.replace(' ', '-')} bar")
            yield mark(word, x(ratio), y)
            yield text(x(1.16), y + 4, word)
        yield text(20, 172, "error / error of the best other model, with its interval", "muted")

    return picture(182, title, shapes(), STYLE + VERDICTS)


def _key(classes: tuple[str, ...], y: float) -> Iterator[Element]:
    """What the colours mean."""
    x = float(LEFT)
    for name in classes:
        yield shape("rect", x=x, y=y - 10, width=12, height=12, class_=name)
        yield text(x + 18, y, name)
        x += 40 + LETTER * len(name)


SCORE_PICTURES: dict[str, Callable[[], str]] = {"folds": folds, "duplicates": duplicates, "verdicts": verdicts}
"""By the name in a page's block."""
