"""The index of a board: what to conclude, who is best at which cost, models over tasks, every model everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from benchmark.leaderboard.board import Board, Track
from benchmark.leaderboard.cells import (
    cheapest_text,
    from_to,
    loss,
    machines,
    ratio_text,
    relative,
    title,
    unranked,
)
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.coverage import coverage_sentence, read_coverage
from benchmark.leaderboard.kinds import CLASSES, KINDS, NUMBERS, Kind
from benchmark.leaderboard.pages.task import conclusion, page_of, relative_to
from benchmark.leaderboard.rows import BASELINE, BoardRow, marks_of, without_mark
from benchmark.rendering.synthetic import SYNTHETIC
from benchmark.rendering.text import (
    MARKED,
    count,
    crystals,
    escape,
    link,
    listed,
    model_name,
    percent,
    seconds,
    table,
    unit_shown,
)
from benchmark.statistics.decisions import MARGIN

TITLE = "# Leaderboard"

ERRORS = {
    NUMBERS: "Errors are mean absolute errors on crystals never seen in training, ± their standard deviation over folds.",
    CLASSES: "Where classes are predicted, the log-loss, the mean of -ln p(true class), takes the place of the error.",
}

READING = (
    "A comparison group holds the runs of one task with the same data, profile and protocol; folds of several seeds "
    "(repeats) are pooled. A track holds the comparison groups of one profile and protocol. *Best or equal*: the error is "
    f"shown to be at most {percent(MARGIN)} above the error of the best model. *Undecided*: it may be more than that, or less."
)


SHOWN = 4
"""Models named in a cell of the index; the page of the task has all."""


def index_page(board: Board, more: Iterable[str] = ()) -> str:
    """What a board says, from the sentences to the numbers; `more` are further sentences, as markdown."""
    conclusions = "\n".join(f"- {line}" for line in (*findings(board), *more))
    winners = "\n\n".join(_winners(board, kind) for kind in _kinds(board))
    note = marks_of([row for group in board.comparison_groups for row in group.in_order])
    parts = [
        TITLE,
        conclusions or "There is no record yet.",
        *([escape(note)] if note else []),
        f"{_reading(board)} `python -m benchmark leaderboard` writes the same as a page to sort and plot, `index.html`.",
        f"## Who is best, at which cost\n\n{winners}",
    ]
    for track in board.tracks:
        parts += _over_tasks(track)
    for track in board.tracks:
        any_best = any(_is_best(row, group) for group in track.comparison_groups for row in group.rows)
        note = "\n\n**Bold**: shown to be best or equal." if any_best else ""
        parts.append(f"## Every model: track {escape(track.title)}{note}\n\n{_everything(track)}")
    return "\n\n".join(parts) + "\n"


def _kinds(board: Board) -> list[Kind]:
    """Those of its tasks."""
    return [kind for kind in KINDS if any(group.kind is kind for group in board.comparison_groups)] or [NUMBERS]


def _reading(board: Board) -> str:
    """How to read the tables, for the kinds of tasks that are there."""
    kinds = _kinds(board)
    synthetic = [SYNTHETIC] if any(group.synthetic for group in board.comparison_groups) else []
    relative = [relative_to(kind) for kind in kinds if _has_baseline(board, kind)]
    return " ".join([*(ERRORS[kind] for kind in kinds), READING, *synthetic, *relative, "Times compare on one machine only."])


def _has_baseline(board: Board, kind: Kind) -> bool:
    return any(group.kind is kind and group.baseline_loss is not None for group in board.comparison_groups)


# -- what to conclude -------------------------------------------------------------------------------


def findings(board: Board) -> Iterator[str]:
    """Two or three sentences: the best models, the models over tasks, and what could not be found out."""
    several = [group for group in board.comparison_groups if _is_compared(group, board)]
    if len(board.comparison_groups) == 1 and several:
        yield f"{escape(several[0].first.key.task)}: {conclusion(several[0])}"
    elif several:
        yield from _of_kinds(several)
    over_several = (track for track in board.tracks if track.overall and len(track.overall.tasks) > 1)
    yield from map(_overall, islice(over_several, 1))
    if alone := len(board.comparison_groups) - len(several):
        where = f"{count(alone, 'comparison group')}, *without a rival* in the table" if several else "each comparison group"
        yield f"In {where}, one model alone ran, or dummies beside it: no two models are compared there."
    rows = [row for group in board.comparison_groups for row in group.rows]
    stale = sum(bool(row.stale) for row in rows)
    if stale:
        yield (
            f"{stale} of {count(len(rows), 'row')} {'is' if stale == 1 else 'are'} stale: a newer source of the model gives "
            "other numbers. The pages of tasks and models mark them and name the commit that they hold for."
        )


def _of_kinds(several: Sequence[ComparisonGroup]) -> Iterator[str]:
    """What is decided: at published size first, then with miniatures or the labels of a toy model."""
    real = [group for group in several if group.first.key.profile not in MARKED and not group.synthetic]
    rest = [group for group in several if group not in real]
    if not real or not rest:
        yield _decided(several)
        return
    yield f"At published size: {_decided(real)}"
    yield f"With miniatures or toy labels: {_decided(rest)}"


def _is_compared(group: ComparisonGroup, board: Board) -> bool:
    """Whether the index says what is decided: between two models that learn, or beside a dummy where that is all there is."""
    return group.compares_models or (group.has_rivals and len(board.comparison_groups) == 1)


def _decided(several: Sequence[ComparisonGroup]) -> str:
    """In how many comparison groups a best model is shown, which one most often, and how many pairs are told apart."""
    shown = [group for group in several if group.with_verdict("best or equal")]
    pairs = [pair for group in several for pair in (group.decisions.pairs if group.decisions else ())]
    n = sum(pair.decided for pair in pairs)
    told = f"{n} of {count(len(pairs), 'pair')} of models {'is' if 1 in (n, len(pairs)) else 'are'} told apart"
    among = count(len(several), "comparison group")
    if not shown:
        return f"In none of {among} is a model shown to be the best within {percent(MARGIN)}; {told}."
    members = Counter(
        model_name(model, group.first.key.profile)
        for group in shown
        for model in {row.model for row in group.with_verdict("best or equal")}
    )
    most = max(members.values())
    often = listed(sorted(escape(model) for model, n in members.items() if n == most))
    first = f"In {len(shown)} of {among} a model is shown to be best or equal, within {percent(MARGIN)}"
    first += f"; most often {often} ({most} times)" if most > 1 else ""
    return f"{first}. {told[0].upper()}{told[1:]}."


def _overall(track: Track) -> str:
    """Which models may be the best over tasks, which one loses least, and how many pairs are told apart."""
    assert track.overall
    found = track.overall
    over = f"Over {_tasks_of(track)} (track {escape(track.title)})"
    first = found.standings[0]
    score = f", {ratio_text(first.score, first.score_interval)} of the dummy's" if first.score is not None else ""
    lowest = f"{escape(first.model)} has the lowest {track.kind.error}{score}"
    if found.reason:
        return f"{over}, {lowest}; nothing is decided: {escape(found.reason)}."
    best = [escape(one.model) for one in found.standings if one.verdict == "best or equal"]
    shown = f"{listed(best)} {'is' if len(best) == 1 else 'are'} shown to be best or equal, within {percent(MARGIN)}"
    pairs = len(found.standings) * (len(found.standings) - 1) // 2
    are = "is" if 1 in (found.decided_pairs, pairs) else "are"
    told = f"{found.decided_pairs} of {count(pairs, 'pair')} {are} told apart"
    return f"{over}, {lowest}; {shown if best else 'no model is shown to be the best'}, and {told}."


def _tasks_of(track: Track) -> str:
    """How many tasks of how many crystal sets."""
    assert track.overall
    tasks, sets = len(track.overall.tasks), len(track.overall.sets)
    return count(tasks, "task") + (f" of {count(sets, 'crystal set')}" if sets < tasks else "")


# -- tables -----------------------------------------------------------------------------------------


def _winners(board: Board, kind: Kind) -> str:
    """What is decided in each comparison group of a kind."""
    baseline = [f"{kind.loss} / dummy"] if _has_baseline(board, kind) else []
    header = ["task", *(["unit"] if kind is NUMBERS else []), "crystals", "track", "models", f"lowest {kind.loss}",
              *baseline, "best or equal", "undecided", "fastest of the best to train"]  # fmt: skip
    rows = []
    for group in (group for group in board.comparison_groups if group.kind is kind):
        is_compared = _is_compared(group, board)
        best = group.with_verdict("best or equal") if is_compared else []
        lowest, first = group.ranked[:1], group.first
        rows.append([
            link(first.key.task, page_of(first.key.task)),
            *([escape(unit_shown(first.key.unit))] if kind is NUMBERS else []), crystals(first),
            title(group, board.comparison_groups), str(len(group.ranked)),
            "; ".join(f"{escape(row.label)} {loss(row)}" for row in lowest),
            *([relative(lowest[0], group) if lowest else ""] if baseline else []),
            _names(best), _names(group.with_verdict("undecided")) if is_compared else "without a rival",
            cheapest_text(best) if best else "",
        ])  # fmt: skip
    return table(header, rows, text=("unit", "track", f"lowest {kind.loss}", *header[-3:]))


def _names(rows: Sequence[BoardRow]) -> str:
    names = [escape(row.label) for row in rows[:SHOWN]]
    return "; ".join([*names, *([f"{len(rows) - SHOWN} more"] if len(rows) > SHOWN else [])])


def _over_tasks(track: Track) -> list[str]:
    """The models that ran on the same tasks, best first; nothing for a single task."""
    if not track.overall or len(track.overall.tasks) < 2:
        return []
    name, training = track.kind.loss, _training(track)
    header = ["verdict", "model", f"{name} / best other", f"{name} / dummy", "rank", "mean rank"]
    header += ["training, a fold of each"] if training else []
    named = {without_mark(row.label): row.model for group in track.comparison_groups for row in group.rows}
    rows = []
    for one in track.overall.standings:
        score = "" if one.score is None else ratio_text(one.score, one.score_interval)
        row = ["" if track.overall.reason else one.verdict, link(one.model, f"models/{named[one.model]}.md"),
               ratio_text(one.ratio, one.interval), score, from_to(one.ranks), f"{one.mean_rank:.2f}"]  # fmt: skip
        rows.append(row + ([seconds(training[one.model])] if training else []))
    heading = f"## Over {_tasks_of(track)}: track {escape(track.title)}"
    return [heading, over_tasks_note(track), table(header, rows, text=("verdict",))]


def over_tasks_note(track: Track) -> str:
    """How to read the models over tasks, which sets count, and how far the intervals can be trusted."""
    assert track.overall
    found, name = track.overall, track.kind.loss
    sets = listed([f"{escape(set_)} ({count(len(tasks), 'task')})" for set_, tasks in found.sets], most=20)
    lines = [
        f"Ratios of {name} are averaged (geometric mean) over the tasks of a crystal set, then over the sets: {sets}.",
        "Every set has the same weight, however many targets it has.",
        f"The intervals of `{name} / best other` hold for all models together; an interval of `{name} / dummy` holds for its "
        "model alone. Both count how errors vary over folds and over crystals. Verdicts are as on the page of a task. All this "
        "is about these sets: on other sets the order of the models may differ.",
    ]
    if found.reason:
        lines.append(f"Nothing can be decided: {escape(found.reason)}.")
    else:
        coverage = read_coverage()
        lines.append(coverage_sentence(coverage.over_tasks if coverage else None, "tracks"))
    if found.left_out:
        shown = [f"{escape(task)} ({escape(why)})" for task, why in found.left_out]
        lines.append(f"Not counted: {listed(shown)}.")
    learning = {without_mark(row.label) for group in track.comparison_groups for row in group.rows if row.learns}
    above = [one.model for one in found.standings if one.score_interval and one.score_interval[1] >= 1]
    if shown := [escape(model) for model in above if model in learning]:
        lines.append(f"Not shown to be better than {track.kind.baseline}: {listed(shown, most=20)}.")
    if found.standings[0].score is None:
        lines.append("There is no ratio to the dummy, as no task has it.")
    return " ".join(filter(None, lines))


def _training(track: Track) -> dict[str, float]:
    """Seconds that a fold of every task takes to train, by model; empty where not all of them ran on one machine."""
    rows = [(without_mark(row.label), row) for group in track.comparison_groups for row in group.rows if row.costs]
    compared = [(model, row) for model, row in rows if model in track.models]
    if len(machines(row for _, row in compared)) > 1:
        return {}
    return {m: sum(row.costs.training_s for model, row in compared if model == m and row.costs) for m in track.models}


def _everything(track: Track) -> str:
    """The loss of every row of every comparison group of a track; models down, tasks across."""
    rows = [row for group in track.comparison_groups for row in group.rows]
    labels = {row.label: row.model for row in sorted(rows, key=lambda row: (row.model == BASELINE, row.label))}
    tasks = Counter(group.first.key.task for group in track.comparison_groups)
    cells = [{row.label: _cell(row, group) for row in group.in_order} for group in track.comparison_groups]
    body = [
        [link(label, f"models/{model}.md"), *(column.get(label, "") for column in cells)] for label, model in labels.items()
    ]
    header = ["model"]
    for group in track.comparison_groups:
        key = group.first.key
        release = f", data {key.dataset_hash[:8]}" if tasks[key.task] > 1 else ""
        unit = unit_shown(key.unit) if group.kind is NUMBERS else group.kind.loss
        header.append(link(key.task, page_of(key.task)) + escape(release + (f", {unit}" if unit else "")))
    return table(header, body)


def _cell(row: BoardRow, group: ComparisonGroup) -> str:
    text = loss(row) + unranked(row)
    return f"**{text}**" if _is_best(row, group) else text


def _is_best(row: BoardRow, group: ComparisonGroup) -> bool:
    """Whether it is shown, beside another model that learns."""
    return bool(group.compares_models and row.standing and row.standing.verdict == "best or equal")
