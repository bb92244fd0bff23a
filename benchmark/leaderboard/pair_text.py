"""What is said of a pair of models, in the terminal and on the web page. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.leaderboard.again import LONGER
from benchmark.leaderboard.pair_answers import PairAnswer, PairVerdict
from benchmark.leaderboard.rows import OWN
from benchmark.rendering.text import MARKED, count, in_unit, interval, marks_note, percent, plus_minus, significant
from benchmark.statistics.decisions import AS_MEASURED, MARGIN, MOST_REPEATS

WORDS: dict[PairVerdict, str] = {"real": "Real", "equal": f"Equal within {percent(MARGIN)}", "undecided": "Undecided"}
SHOWN = {"real": "the difference between the two is real", "equal": f"the two differ by at most {percent(MARGIN)}"}


def verdict_text(answer: PairAnswer) -> str:
    """The verdict, and the ratio with its interval."""
    low, high = answer.ratio_low, answer.ratio_high
    limits = "" if low is None or high is None else f" (95 %: {interval(low, high)})"
    ratio = f"the {answer.loss} of {answer.higher} is {significant(answer.ratio)} times as high{limits}"
    return f"{WORDS[answer.verdict]}: {answer.lower} has the lower {answer.loss}; {ratio}."


def open_text(answer: PairAnswer) -> str:
    """Which folds are left out, and what would decide an undecided pair; empty where all are compared and decide.

    Where there is a command, it follows.
    """
    folds = f"{answer.common_folds}.\n" if answer.common_folds else ""
    if answer.reason:
        return f"Nothing can be decided: {answer.reason}. {folds}{_rest(answer)}".rstrip()
    if answer.verdict != "undecided":
        return f"{folds}{_rest(answer)}"
    missing, more = answer.missing_repeats, answer.more_repeats
    if more and more <= missing:
        these = _missing(1) if missing == 1 else f"About {more} of the {missing} missing repeats"
        return f"{folds}{these} {_shows(answer)}; finished folds are kept:"
    no = f"{_missing(missing)} would not decide, " if missing else ""
    if more:
        about = (
            f"about {count(more, 'repeat')} more {_shows(answer)}"
            if no
            else f"About {count(more, 'more repeat')} {_shows(answer)}"
        )
        return f"{folds}{no}{about}. This gives both models so many; finished folds are kept:"
    nor = f"nor would {MOST_REPEATS}" if no else f"{MOST_REPEATS} more repeats would not decide"
    can = f"a longer training can, with {LONGER} times the epochs for example:" if answer.command else "other settings can."
    return f"{folds}{no}{nor}, {AS_MEASURED}. Only more crystals or {can}"


def _rest(answer: PairAnswer) -> str:
    """What compares all folds where some are left out."""
    return "To compare all, train the missing folds; finished folds are kept:" if answer.common_folds else ""


def _missing(repeats: int) -> str:
    return "The missing repeat" if repeats == 1 else f"The {repeats} missing repeats"


def _shows(answer: PairAnswer) -> str:
    """What more repeats would show."""
    return f"would show that {SHOWN[answer.then or 'real']}, {AS_MEASURED}"


def _holds(answer: PairAnswer) -> str:
    """For what the interval holds; of the pair alone where others were compared too."""
    if answer.reason:
        return ""
    if answer.models == 2 or answer.alone_low is None or answer.alone_high is None:
        return " The interval is of this pair alone."
    more = f", {count(answer.alone_more_repeats, 'more repeat')} would decide that" if answer.alone_more_repeats else ""
    return (
        f" The interval holds for all pairs of these {answer.models} rows: each further row widens it. If "
        f"this pair was your only question before you saw the errors: {interval(answer.alone_low, answer.alone_high)}, "
        f"{WORDS[answer.alone_verdict].lower()}{more}."
    )


def pair_text(answer: PairAnswer, beside: bool = False) -> str:
    """The verdict first, then the errors, what they rest on, and what would decide."""
    lower = in_unit(plus_minus(answer.lower_loss, answer.lower_std), answer.unit)
    higher = in_unit(plus_minus(answer.higher_loss, answer.higher_std), answer.unit)
    runs = f"the same {count(answer.folds, 'fold')} of {count(answer.repeats, 'repeat')}"
    others = beside and not any(label.endswith(OWN) for label in (answer.lower, answer.higher))
    lines = [
        verdict_text(answer),
        f"{answer.loss}: {answer.lower} {lower}, {answer.higher} {higher}; {runs}.",
        f"{answer.task}, {answer.group}.{_holds(answer)}{' Neither row is your run.' if others else ''}",
        open_text(answer),
        *(f"    {line}" for line in (answer.command or "").splitlines()),
    ]
    return "\n".join(filter(None, lines))


def marks_of_answers(answers: Iterable[PairAnswer]) -> str:
    """What marks like `(mini)` in answers mean; empty without one."""
    groups = [answer.group for answer in answers]
    return marks_note(profile for profile in MARKED if any(group.startswith(f"{profile}, ") for group in groups))
