"""The page of a task: what is decided about its models, what they cost, how to run it again."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

from benchmark.leaderboard.again import commands, sources
from benchmark.leaderboard.cells import (
    cheapest_text,
    labels_not_below_baseline,
    leaked,
    loss,
    machine,
    machines,
    mark,
    not_below_baseline,
    overlooked,
    stale_note,
    unranked,
)
from benchmark.leaderboard.columns import PAGE, columns_shown
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.kinds import CLASSES, Kind
from benchmark.leaderboard.parity_figure import READING as READING_OF_PICTURE
from benchmark.leaderboard.parity_figure import alternative
from benchmark.leaderboard.published_results import PUBLISHED_RESULTS, PublishedResult
from benchmark.leaderboard.rows import BoardRow, marks_of
from benchmark.leaderboard.training_notes import NOT_TRAINED_OUT, NOT_TRAINED_OUT_MEANS, not_trained_out
from benchmark.rendering.commands import code
from benchmark.rendering.text import (
    count,
    crystals,
    escape,
    interval,
    link,
    listed,
    percent,
    significant,
    table,
    unit_sentence,
)
from benchmark.statistics.comparisons import CONFIDENCE
from benchmark.statistics.decisions import AS_MEASURED, MARGIN, MORE_CRYSTALS, Standing
from datasets.cards import MOST_CLASSES

GROUP = (
    "A comparison group has the runs of this task with the same data, profile and protocol. Folds of several seeds (repeats) "
    "are pooled.",
    "± is the standard deviation over folds.",
)
COSTS = (
    "Times are means of a fold. Compare them on one machine only; its number is in the last column.",
    "Memory is the largest peak of the process and, where there is one, of the device.",
)

SHOWN = 30
"""Pairs in the table of differences; the web page has all."""

CLASS_SCORES = (
    "Models are compared by their log-loss, the mean of -ln of the probability that they give to the true class; 0 is perfect. "
    "ROC-AUC is 1 where the probability orders every two crystals rightly, and 0.5 by chance. Balanced accuracy is the mean "
    "over classes of the share that is recognised. The calibration error is the mean distance between the probability of the "
    "most probable class and how often that class is right."
)


def relative_to(kind: Kind) -> str:
    """What the column of relative losses means."""
    return f"`{kind.loss} / dummy` is the {kind.error} divided by the {kind.error} of {kind.baseline} of the training targets."


def verdicts(kind: Kind) -> tuple[str, ...]:
    """What the verdicts mean."""
    limit = f"{1 + MARGIN:g}"
    return (
        f"`{kind.loss} / best other` is the {kind.error} divided by that of the best other model, with a {CONFIDENCE} "
        "interval; the intervals of a group hold all together. The verdict follows from the interval.",
        f"*Best or equal*: the interval begins at 1 or below and ends at {limit} or below.",
        f"*Slightly worse*: it begins above 1 and ends at {limit} or below.",
        f"*Worse*: it begins above 1 and ends above {limit}.",
        f"*Undecided*: it begins at 1 or below and ends above {limit}. In brackets: how many more repeats would decide "
        f"whether the model is best or equal, if the {kind.error} stayed as measured. *Compare* and `leaderboard --pair` can "
        "name another number: they ask which of two models is better.",
        "`rank`: the best and the worst place that is still possible.",
    )


def differences(kind: Kind) -> str:
    """What the table of pairs means."""
    return (
        f"Pairs of models whose difference is real: how many times larger the {kind.loss} of the second is, with the "
        f"{CONFIDENCE} interval that holds for all pairs of the group together. The interval of `{kind.loss} / best other` "
        "above can be wider: it also covers the doubt about which other model is the best."
    )


def reading(group: ComparisonGroup, has_baseline: bool) -> str:
    """How to read the tables of a comparison group; what the baseline is only where a table has it."""
    scores = CLASS_SCORES if group.kind is CLASSES else unit_sentence(group.first.key.unit)
    baseline = [relative_to(group.kind)] if has_baseline else []
    lines = (scores, *GROUP, *verdicts(group.kind), *baseline, *COSTS)
    return "\n".join(f"- {line.strip()}" for line in lines if line)


def page_of(task: str) -> str:
    """Path of a task's page, below the root."""
    return f"tasks/{task}.md"


def picture_of(task: str) -> str:
    """Path of the picture on it."""
    return f"tasks/{task}.svg"


def task_page(groups: Sequence[ComparisonGroup], same_runs: Callable[[ComparisonGroup], Sequence[str]] = lambda _: ()) -> str:
    """The page of the task that all the comparison groups are about; `same_runs` are lines on runs that are there twice."""
    key = groups[0].first.key
    up = "../" * (key.task.count("/") + 1)
    where = machines(row for group in groups for row in group.in_order)
    note = marks_of([row for group in groups for row in group.in_order])
    has_baseline = any(group.baseline_loss is not None for group in groups)
    parts = [f"# {escape(key.task)}", f"*How to read this page* stands at its end. [All boards]({up}README.md)."]
    for group in groups:
        parts += [f"## {escape(group.title)}", *_comparison_group(group, same_runs(group), where, up)]
    if any(group.parity for group in groups):
        picture = posixpath.basename(picture_of(key.task))
        shown = f"![{escape(alternative(groups))}]({quote(picture)})"
        parts += ["## Predicted against true", READING_OF_PICTURE, shown]
    parts += published_beside(groups)
    how = "\n\n".join([*dict.fromkeys(reading(group, has_baseline) for group in groups), *([escape(note)] if note else [])])
    parts.append(f"## How to read this page\n\n{how}")
    parts.append("## Machines\n\n" + "\n".join(f"{number}. {escape(name)}" for number, name in enumerate(where, 1)))
    return "\n\n".join(parts) + "\n"


def _comparison_group(group: ComparisonGroup, same_runs: Sequence[str], where: Sequence[str], up: str) -> Iterator[str]:
    yield conclusion(group)
    if group.kind is CLASSES:
        yield classes_line(group)
    rows = group.in_order
    columns = columns_shown(PAGE, group)
    body = [_cells(row, group, where, up) for row in rows]
    yield table([column.heading for column in columns], body, text=[column.heading for column in columns if column.is_text])
    for line in (
        escape(not_below_baseline(group)),
        leaked(group),
        stale_note(rows, "below"),
        trained_note(rows),
        _failures(rows),
        "\n".join(f"- {escape(line)}" for line in same_runs),
    ):
        if line:
            yield line
    if group.has_rivals:
        yield f"### Which differences are real\n\n{differences(group.kind)}"
        yield _differences(group)
    yield _provenance(group)


def conclusion(group: ComparisonGroup) -> str:
    """What a reader should take from a comparison group."""
    if not group.has_rivals:
        alone = f"One model in {count(group.folds, 'fold')}: nothing to compare it with."
        return alone if group.ranked else "No model is ranked."
    assert group.decisions
    alone = "" if group.compares_models else ", one of which is more than a number"
    among = f"{count(len(group.ranked), 'model')}{alone}, {count(group.folds, 'fold')}."
    if group.decisions.reason:
        return f"{among} Nothing can be decided: {group.decisions.reason}."
    return " ".join(filter(None, (among, advice(group), escape(overlooked(group)))))


def advice(group: ComparisonGroup) -> str:
    """Which model to take, at which cost, and what is undecided."""
    doubtful, open_ = labels_not_below_baseline(group), group.with_verdict("undecided")
    best = [row for row in group.with_verdict("best or equal") if row.label not in doubtful]
    names = listed([escape(row.label) for row in best], most=20)
    undecided = listed([escape(row.label) for row in open_], most=20)
    said = f"Undecided: {undecided}. {_repeats([row.standing for row in open_ if row.standing])}" if open_ else ""
    if not best:
        worse = [escape(row.label) for row in (*group.with_verdict("slightly worse"), *group.with_verdict("worse"))]
        shown = f" Shown to be worse: {listed(worse)}." if worse else ""
        return f"None is shown to be the best, so there is no advice on cost. {said}{shown}"
    within = f"{names} {'is' if len(best) == 1 else 'are'} best or equal, within {percent(MARGIN)}."
    cost = f"The fastest of them to train: {cheapest_text(best)}." if len(best) > 1 else ""
    return " ".join(filter(None, (within, cost, said)))


def _repeats(standings: Sequence[Standing]) -> str:
    """How many more repeats would decide these undecided models, if their losses stayed as measured."""
    known = [standing.more_repeats for standing in standings if standing.more_repeats]
    if not known:
        return MORE_CRYSTALS
    which = "" if len(known) == len(standings) else f" for {len(known)} of the {len(standings)}"
    asked = f"whether {'it is' if len(known) == 1 else 'they are'} best or equal"
    return f"About {count(max(known), 'more repeat')} would decide{which} {asked}, {AS_MEASURED}."


def classes_line(group: ComparisonGroup) -> str:
    """The names of the classes, their shares of the test crystals where these are known, and what F1 is of."""
    names = [escape(name) for name in group.first.key.classes or ()]
    counts = group.class_counts
    shown = names
    if counts:
        shown = [f"{name} {percent(n / sum(counts), 1)}" for name, n in zip(names, counts, strict=True)]
    where = " of the test crystals" if counts else ""
    f1 = f"F1 is of the second, {names[1]}" if len(names) == 2 else "ROC-AUC and F1 are means over the classes"
    return f"{len(names)} classes{where}: {listed(shown, most=MOST_CLASSES)}. {f1}."


def _cells(row: BoardRow, group: ComparisonGroup, where: Sequence[str], up: str) -> list[str]:
    """The cells of a row: the name is a link, the machine its number in the list at the end of the page."""
    special = {
        "model": link(row.label, f"{up}models/{row.model}.md") + mark(row, group.rows) + unranked(row),
        "machine": str(where.index(machine(row.run.first)) + 1),
    }
    return [special.get(column.key) or escape(column.cell(row, group)) for column in columns_shown(PAGE, group)]


def _differences(group: ComparisonGroup) -> str:
    """The pairs that are told apart, those of the best models first."""
    assert group.decisions
    told = [pair for pair in group.decisions.pairs if pair.decided]
    rows = [
        [escape(pair.better), escape(pair.worse), significant(pair.ratio), interval(*pair.interval) if pair.interval else ""]
        for pair in told[:SHOWN]
    ]
    where = "*Compare* of `index.html`, which `python -m benchmark leaderboard` writes"
    shown = f", {SHOWN} of them below (all pairs: {where})" if len(told) > SHOWN else ""
    pairs = len(group.decisions.pairs)
    verb = "is" if 1 in (len(told), pairs) else "are"
    said = f"{len(told)} of {count(pairs, 'pair')} {verb} told apart{shown}."
    said += "" if told else f" What would decide each: {where}."
    header = ["lower", "higher", f"ratio of the {group.kind.loss}", f"{CONFIDENCE} interval"]
    return "\n\n".join([said, *([table(header, rows, text=header[:2])] if rows else [])])


def published_beside(groups: Sequence[ComparisonGroup]) -> list[str]:
    """Results of others for the task, each beside what the model of that name did here."""
    task = groups[0].first.key.task
    rows = []
    for other in (other for other in PUBLISHED_RESULTS if other.task == task):
        ran = [(group, row) for group in groups for row in group.rows if row.model == other.model and row.unchanged]
        here = "; ".join(f"{loss(row)} ({escape(group.first.key.profile)}){unranked(row)}" for group, row in ran if row.scores)
        told = f"{other.training_s:,.0f} s" if other.training_s else ""
        rows.append([other.model, as_published(other), str(other.epochs or ""), told, here, other.source, other.differs_here])
    header = ["model", "published MAE", "epochs", "training", "here", "source", "what differs there"]
    note = (
        "As others reported it, with other crystals, budgets and machines: no ranking. Runs that repeat a published recipe are "
        "not here: `python -m benchmark reproduce` trains them, and the published ones are in `reports/reproduction`."
    )
    return [f"## Published results\n\n{note}\n\n{table(header, rows, text=header[4:])}"] if rows else []


def as_published(other: PublishedResult) -> str:
    """MAE ± std with the digits that were reported."""
    return f"{other.mae:g}" + (f" ± {other.std:g}" if other.std else "")


def trained_note(rows: Sequence[BoardRow]) -> str:
    """What the marks of runs mean that were not trained out, and what a chosen learning rate is; empty without either."""
    lines = [f"*{NOT_TRAINED_OUT}*: {NOT_TRAINED_OUT_MEANS}."] if any(not_trained_out(row.run) for row in rows) else []
    grids = {str(row.run.first.key.rates) for row in rows if row.run.first.key.rates}
    lines += [f"Learning rates are chosen on validation, fold by fold: {grid}." for grid in sorted(grids)]
    return " ".join(lines + ["The training time includes the choice."] * bool(grids))


def _failures(rows: Sequence[BoardRow]) -> str:
    """A list of the folds that failed, each with its reason; empty where there are none."""
    failed = [(row.label, record) for row in rows for record in row.run.folds if record.status != "complete"]
    lines = [
        f"- {escape(label)}, seed {r.key.seed}, fold {r.key.fold + 1}: {r.status}: {escape(r.reason or '')}"
        for label, r in failed
    ]
    return "Folds without a score:\n\n" + "\n".join(lines) if lines else ""


def _provenance(group: ComparisonGroup) -> str:
    """Who, where, with what: enough to run it again."""
    first = group.first
    rows = group.in_order
    records = [record for row in rows for record in row.run.folds]
    versions = "; ".join(sorted({", ".join(f"{name} {v}" for name, v in r.versions.items()) for r in records}))
    rules: dict[str, list[str]] = {}
    for row in rows:
        rules.setdefault(row.run.first.graph_rule, []).append(row.label)
    graphs = "; ".join(f"{rule}: {', '.join(labels)}" for rule, labels in rules.items())
    return "\n".join(
        [
            f"- {crystals(first)} crystals; dataset sha256 `{escape(first.key.dataset_hash)}`",
            f"- graphs: {escape(graphs)}",
            f"- versions: {escape(versions)}",
            f"- {sources(group)}",
            *(f"- again: {code(text)}" for text in commands(group)),
        ]
    )
