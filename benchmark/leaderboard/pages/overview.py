"""The index of a board: what to conclude, who is in the first tier at which cost, models over tasks, every model everywhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from benchmark.leaderboard.board import Board, League
from benchmark.leaderboard.comparison_groups import BASELINE, Contest, Row
from benchmark.leaderboard.pages.rows import (
    cheapest_text,
    contested,
    first_tier,
    in_order,
    machines,
    mae,
    relative,
    title,
    unranked,
)
from benchmark.leaderboard.pages.task import page_of
from benchmark.rendering.text import count, crystals, escape, interval, link, listed, seconds, table
from benchmark.statistics.comparisons import CONFIDENCE

TITLE = "# Leaderboard"

READING = (
    "Errors are mean absolute errors on crystals never seen in training, ± their standard deviation over folds. A tier holds "
    "models that cannot be told from its best one, so read no order inside it; `MAE / dummy` is the error in units of that of "
    "the mean of the training targets. Times compare on one machine only."
)

SHOWN = 4
"""Members of a first tier named in the index; the page of the task has all."""


def index_page(board: Board) -> str:
    """What a board says, from the sentences to the numbers."""
    conclusions = "\n".join(f"- {line}" for line in findings(board))
    parts = [
        TITLE,
        conclusions or "There is no record yet.",
        f"{READING} `python -m benchmark leaderboard` writes the same as a page to sort and plot, `index.html`.",
        f"## Who is best, at which cost\n\n{_winners(board)}",
    ]
    for league in board.leagues:
        parts += _over_tasks(league)
    for league in board.leagues:
        parts.append(f"## Every model: {escape(league.title)}\n\n{_everything(league)}")
    return "\n\n".join(parts) + "\n"


# -- what to conclude -------------------------------------------------------------------------------


def findings(board: Board) -> Iterator[str]:
    """Two or three sentences: the first tiers, the models over tasks, and what could not be found out."""
    several = [contest for contest in board.contests if contested(contest)]
    if several:
        yield _first_tiers(several)
    for league in board.leagues[:1]:
        if league.overall and len(league.overall.tasks) > 1:
            yield _overall(league)
    if len(board.contests) > len(several):
        alone = sorted({escape(contest.first.key.task) for contest in board.contests if not contested(contest)})
        yield f"Without a rival, which shows a cost but no order: {listed(alone)}."
    rows = [row for contest in board.contests for row in contest.rows]
    stale = sum(bool(row.stale) for row in rows)
    if stale:
        yield (
            f"{stale} of {count(len(rows), 'row')} {'is' if stale == 1 else 'are'} stale: a newer source of the model gives "
            "other numbers. The pages of tasks and models mark them and name the commit that they hold for."
        )


def _first_tiers(several: Sequence[Contest]) -> str:
    shared = [contest for contest in several if len(first_tier(contest)) > 1]
    members = Counter(row.label for contest in several for row in first_tier(contest))
    most = max(members.values())
    often = listed(sorted(escape(label) for label, n in members.items() if n == most))
    where = "the one comparison" if len(several) == 1 else f"{most} of {len(several)} comparisons"
    there = f"{often} {'are' if ' and ' in often else 'is'} in the first tier of {where}"
    if most == len(several):
        there += _fastest([row for contest in several for row in first_tier(contest) if members[row.label] == most])
    if not shared:
        each = "The comparison has" if len(several) == 1 else f"Each of {len(several)} comparisons has"
        return f"{each} a single best model, by more than folds and crystals vary. {there}."
    choose = "there choose by cost; the table names the fastest to train"
    return f"In {len(shared)} of {count(len(several), 'comparison')} the first place is shared: {choose}. {there}."


def _fastest(rows: Sequence[Row]) -> str:
    """Which of several models that stand in the same contests trains fastest; empty for one, or where machines differ."""
    training: dict[str, float] = defaultdict(float)
    for row in rows:
        training[row.label] += row.costs.training_s if row.costs else 0
    if len(training) == 1 or len(machines(rows)) > 1:
        return ""
    label = min(training, key=lambda label: training[label])
    return f"; of these {escape(label)} trains fastest ({seconds(training[label])} for a fold of each)"


def _overall(league: League) -> str:
    assert league.overall and league.ranks
    best, (low, high) = league.overall.models[0], league.overall.intervals[0]
    over = f"Over {count(len(league.overall.tasks), 'task')} ({escape(league.title)})"
    score = f"{escape(best)} has the lowest error, {league.overall.scores[0]:.2f} of the dummy's ({low:.2f} … {high:.2f})"
    if league.ranks.reason:
        return f"{over}, {score}, but the tasks separate no two models: {escape(league.ranks.reason)}."
    behind = [pair.worse for pair in league.ranks.pairs if pair.better == best and pair.separable]
    others = f"{len(behind)} of the {len(league.models) - 1} others"
    return f"{over}, {score}; its ranks are separably better than those of {others}."


# -- tables -----------------------------------------------------------------------------------------


def _winners(board: Board) -> str:
    header = ["task", "unit", "crystals", "profile, protocol", "models",
              "first tier, MAE", "MAE / dummy", "its fastest to train"]  # fmt: skip
    rows = []
    for contest in board.contests:
        best = first_tier(contest)
        names = [f"{escape(row.label)} {mae(row)}" for row in best[:SHOWN]]
        names += [f"{len(best) - SHOWN} more"] if len(best) > SHOWN else []
        first = contest.first
        rows.append([
            link(first.key.task, page_of(first.key.task)), escape(first.key.unit), crystals(first),
            title(contest, board.contests),
            str(len(contest.tiers.models) if contest.tiers else 0), "; ".join(names),
            relative(best[0], contest) if best else "", cheapest_text(best),
        ])  # fmt: skip
    return table(header, rows, text=("unit", "profile, protocol", "first tier, MAE", "its fastest to train"))


def _over_tasks(league: League) -> list[str]:
    """The models that ran on the same tasks, by their error relative to the dummy's; nothing for a single task."""
    if not league.ranks or league.ranks.n_tasks < 2:
        return []
    ranks, overall = league.ranks, league.overall
    scores = dict(zip(overall.models, zip(overall.scores, overall.intervals, strict=True), strict=True)) if overall else {}
    places = dict(zip(ranks.models, ranks.mean_ranks, strict=True))
    groups = {model: "".join(_letter(n) for n, clique in enumerate(ranks.cliques) if model in clique) for model in ranks.models}
    firsts = Counter(row.label for contest in league.contests if contested(contest) for row in first_tier(contest))
    training = _training(league)
    header = ["model", "MAE / dummy", f"{CONFIDENCE} interval", "mean rank", "first tier"]
    header += [] if ranks.reason else ["groups"]
    header += ["training, a fold of each"] if training else []
    rows = []
    for model in overall.models if overall else ranks.models:
        score = [f"{scores[model][0]:.3f}", interval(*scores[model][1])] if model in scores else ["", ""]
        row = [link(model, f"models/{model}.md"), *score, f"{places[model]:.2f}", f"{firsts[model]} of {ranks.n_tasks}"]
        row += [] if ranks.reason else [groups[model]]
        rows.append(row + ([seconds(training[model])] if training else []))
    heading = f"## Over {count(ranks.n_tasks, 'task')}: {escape(league.title)}"
    return [heading, _over_tasks_note(league), table(header, rows)]


def _over_tasks_note(league: League) -> str:
    assert league.ranks
    lines = ["The mean over tasks of MAE / MAE of the dummy, with an interval of folds and crystals, and the mean rank by MAE."]
    if league.ranks.reason:
        lines.append(f"No two models can be told apart by their ranks: {escape(league.ranks.reason)}.")
    else:
        lines.append("Neighbours in rank that share a letter cannot be told apart by Wilcoxon's test after Holm's correction.")
    if league.overall and league.overall.left_out:
        shown = [f"{escape(task)} ({escape(why)})" for task, why in league.overall.left_out]
        lines.append(f"Not counted in the score: {listed(shown)}.")
    if not league.overall:
        lines.append("There is no score, as no task has the dummy.")
    return " ".join(lines)


def _letter(number: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[number] if number < 26 else f"({number + 1})"


def _training(league: League) -> dict[str, float]:
    """Seconds that a fold of every task takes to train, by model; empty where not all of them ran on one machine."""
    compared = [row for contest in league.contests for row in contest.rows if row.label in league.models and row.costs]
    if len(machines(compared)) > 1:
        return {}
    return {m: sum(row.costs.training_s for row in compared if row.label == m and row.costs) for m in league.models}


def _everything(league: League) -> str:
    """The MAE of every row of every contest of a league; models down, tasks across."""
    rows = [row for contest in league.contests for row in contest.rows]
    labels = {row.label: row.model for row in sorted(rows, key=lambda row: (row.model == BASELINE, row.label))}
    tasks = Counter(contest.first.key.task for contest in league.contests)
    cells = [{row.label: _cell(row, contest) for row in in_order(contest)} for contest in league.contests]
    body = [
        [link(label, f"models/{model}.md"), *(column.get(label, "") for column in cells)] for label, model in labels.items()
    ]
    header = ["model"]
    for contest in league.contests:
        key = contest.first.key
        release = f", data {key.dataset_hash[:8]}" if tasks[key.task] > 1 else ""
        header.append(f"{link(key.task, page_of(key.task))}{escape(release)}, {escape(key.unit)}")
    return table(header, body)


def _cell(row: Row, contest: Contest) -> str:
    text = mae(row) + unranked(row)
    return f"**{text}**" if row.tier == 1 and contested(contest) else text
