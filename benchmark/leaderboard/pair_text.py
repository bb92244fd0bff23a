"""What is said of a pair of models, in the terminal and on the web page. Needs no torch."""

from __future__ import annotations

from benchmark.leaderboard.pair import PairAnswer, PairVerdict
from benchmark.leaderboard.rows import OWN, OWN_NOTE
from benchmark.rendering.text import MARKED, count, in_unit, interval, marks_note, percent, plus_minus, significant
from benchmark.statistics.decisions import MARGIN, MORE_CRYSTALS

WORDS: dict[PairVerdict, str] = {"real": "Real", "equal": f"Equal within {percent(MARGIN)}", "undecided": "Undecided"}
SHOWN = {"real": "real", "equal": f"at most {percent(MARGIN)}"}


def verdict_text(answer: PairAnswer) -> str:
    """The verdict, and the ratio with its interval."""
    low, high = answer.ratio_low, answer.ratio_high
    limits = "" if low is None or high is None else f" (95 %: {interval(low, high)})"
    ratio = f"that of {answer.higher} is {significant(answer.ratio)} times as high{limits}"
    return f"{WORDS[answer.verdict]}: {answer.lower} has the lower {answer.loss}; {ratio}."


def _whose(answer: PairAnswer, same_runs: bool) -> str:
    """Which of the two rows are a person's own, with those of another directory beside them."""
    neither = "Both rows are those of --beside."
    neither += " The last line says which run of yours is left out." if same_runs else " Neither is your run."
    own = sum(label.endswith(OWN) for label in (answer.lower, answer.higher))
    return (neither, OWN_NOTE, "Both are your runs.")[own]


def open_text(answer: PairAnswer) -> str:
    """What would decide an undecided pair, or why nothing is decided; empty for a decided one."""
    if answer.reason:
        return f"Nothing can be decided: {answer.reason}."
    if answer.verdict != "undecided" or answer.common_folds:
        return ""
    if answer.more_repeats:
        return (
            f"About {count(answer.more_repeats, 'more repeat')} would show that the difference is "
            f"{SHOWN[answer.then or 'real']}, if the errors stayed as measured. "
            "This command gives both models so many; finished folds are kept:"
        )
    return MORE_CRYSTALS


def _alone(answer: PairAnswer) -> str:
    """The interval of the pair alone, where others were compared too."""
    if answer.models == 2 or answer.alone_low is None or answer.alone_high is None:
        return ""
    return f" For this pair alone, if you had planned no other comparison: {interval(answer.alone_low, answer.alone_high)}."


def pair_text(answer: PairAnswer, beside: bool = False, same_runs: bool = False) -> str:
    """The answer first, then the errors, what they rest on, and what more repeats would decide."""
    lower = in_unit(plus_minus(answer.lower_loss, answer.lower_std), answer.unit)
    higher = in_unit(plus_minus(answer.higher_loss, answer.higher_std), answer.unit)
    runs = f"the same {count(answer.folds, 'fold')} of {count(answer.repeats, 'repeat')}"
    holds = f"The interval holds for all pairs of the {answer.models} models that ran so, together."
    lines = [
        f"{answer.task}, {answer.group}",
        verdict_text(answer),
        f"{answer.loss}: {answer.lower} {lower}, {answer.higher} {higher}; {runs} for both.",
        "" if answer.reason else f"{holds}{_alone(answer)}",
        _whose(answer, same_runs) if beside else "",
        marks_note(profile for profile in MARKED if answer.group.startswith(f"{profile}, ")),
        open_text(answer),
        f"{answer.common_folds}. To compare all, train the others; finished folds are kept:" if answer.common_folds else "",
        *(f"    {line}" for line in (answer.command or "").splitlines()),
    ]
    return "\n".join(filter(None, lines))
