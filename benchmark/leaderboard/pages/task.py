"""The page of a task: its contests in tiers, which differences are real, what it cost, how to run it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabulate import tabulate

from benchmark.leaderboard.comparison_groups import Contest, Row
from benchmark.leaderboard.pages.rows import (
    cheapest_text,
    contested,
    device,
    first_tier,
    in_order,
    machine,
    machines,
    mae,
    mark,
    mean_r2,
    parameters,
    relative,
    spread,
    stale_note,
    tier,
    unranked,
)
from benchmark.leaderboard.published_figures import FIGURES, Figure
from benchmark.rendering.text import (
    chance,
    commits,
    count,
    crystals,
    escape,
    interval,
    link,
    listed,
    seconds,
    significant,
    size,
    table,
)
from benchmark.statistics.comparisons import COLUMNS, CONFIDENCE
from benchmark.tasks.folds import kfolds
from datasets.registry import registered

READING = (
    "± is the standard deviation over folds. A tier holds the models that cannot be told from its best one: read no order "
    "inside it. `MAE / dummy` is the error in units of that of the mean of the training targets. Times are means of a fold "
    "and compare on one machine only (its number is in the last column); memory is the largest peak of the process and, where "
    "there is one, of the device."
)

DIFFERENCES = (
    "Every model against the best of its tier, and the best of every tier against the best of the one before: how much "
    f"larger its MAE is. {COLUMNS}"
)

HEADER = (
    "tier", "model", "MAE", "RMSE", "R²", "MAE / dummy", "training / fold", "inference / 1,000", "parameters", "checkpoint",
    "memory", "epochs", "machine",
)  # fmt: skip

SHORT_HEADER = (
    "tier", "model", "MAE", "RMSE", "R²", "folds", "training / fold", "inference / 1,000", "parameters", "epochs", "device",
)  # fmt: skip


def page_of(task: str) -> str:
    """Path of a task's page, below the root."""
    return f"tasks/{task}.md"


def task_page(contests: Sequence[Contest]) -> str:
    """The page of the task that all the contests are about."""
    key = contests[0].first.key
    up = "../" * (key.task.count("/") + 1)
    where = machines(row for contest in contests for row in in_order(contest))
    parts = [f"# {escape(key.task)}", f"Unit of the errors: {escape(key.unit)}. {READING} [All boards]({up}README.md)."]
    for contest in contests:
        parts += [f"## {escape(contest.title)}", *_contest(contest, where, up)]
    parts += published_beside(contests)
    parts.append("## Machines\n\n" + "\n".join(f"{number}. {escape(name)}" for number, name in enumerate(where, 1)))
    return "\n\n".join(parts) + "\n"


def _contest(contest: Contest, where: Sequence[str], up: str) -> Iterator[str]:
    yield conclusion(contest)
    rows = in_order(contest)
    yield table(HEADER, [_cells(row, contest, where, up) for row in rows], text=("model",))
    for line in (stale_note(rows, "below"), _failures(rows)):
        if line:
            yield line
    if contested(contest):
        yield f"### Which differences are real\n\n{DIFFERENCES}"
        yield _differences(contest)
    yield _provenance(contest)


def conclusion(contest: Contest) -> str:
    """What a reader should take from a contest."""
    best = first_tier(contest)
    if not contested(contest):
        return f"One model in {count(contest.folds, 'fold')}: nothing to compare it with." if best else "No model is ranked."
    assert contest.tiers
    among = f"{count(len(contest.tiers.models), 'model')}, {count(contest.folds, 'fold')}."
    names = listed([escape(row.label) for row in best], most=20)
    if contest.tiers.reason:
        return f"{among} Nothing can be told apart: {contest.tiers.reason}."
    if len(best) == 1:
        return f"{among} {names} is better than every other model, by more than folds and crystals vary."
    return (
        f"{among} {names} cannot be told apart and share the first tier. The fastest of them to train: {cheapest_text(best)}."
    )


def _cells(row: Row, contest: Contest, where: Sequence[str], up: str) -> list[str]:
    name = link(row.label, f"{up}models/{row.model}.md") + mark(row, contest.rows) + unranked(row)
    number = str(where.index(machine(row.run.first)) + 1)
    costs = row.costs
    if not costs:
        return ["", name, mae(row), *[""] * 9, number]
    return [
        tier(row, contest),
        name,
        mae(row),
        spread(row, "rmse"),
        mean_r2(row),
        relative(row, contest),
        seconds(costs.training_s),
        seconds(costs.inference_s),
        parameters(row),
        size(costs.checkpoint_bytes),
        "; ".join(filter(None, (size(costs.host_bytes), size(costs.device_bytes)))),
        str(costs.epochs or ""),
        number,
    ]


def short_table(contest: Contest) -> str:
    """The rows of a contest for a terminal."""
    rows = [
        [
            tier(row, contest), row.label + unranked(row), mae(row), spread(row, "rmse"), mean_r2(row), _folds(row),
            *([seconds(c.training_s), seconds(c.inference_s), parameters(row), str(c.epochs or "")] if (c := row.costs)
              else [""] * 4),
            device(row.run.first),
        ]
        for row in in_order(contest)
    ]  # fmt: skip
    return tabulate(rows, SHORT_HEADER, disable_numparse=True, colalign=("left", "left", *["right"] * 8, "left"))


def _folds(row: Row) -> str:
    """Complete folds, of those that the protocol has, or of those tried."""
    wanted = kfolds(row.run.first.key.protocol) or len(row.run.folds)
    return str(wanted) if len(row.run.complete) == wanted else f"{len(row.run.complete)} of {wanted}"


def _differences(contest: Contest) -> str:
    """Every model beside the one that decided on its tier."""
    assert contest.tiers
    found, rows = {(pair.better, pair.worse): pair for pair in contest.tiers.pairs}, []
    best, previous = contest.tiers.models[0], 1
    for model, number in list(zip(contest.tiers.models, contest.tiers.tiers, strict=True))[1:]:
        pair = found[best, model]
        folds = pair.folds
        rows.append([
            str(number), escape(model), escape(best), significant(folds.difference),
            interval(*folds.interval) if folds.interval else "", chance(folds.p) if folds.interval else "",
            chance(pair.p_holm) if folds.interval else "", chance(pair.crystals.p) if pair.crystals.interval else "",
            "yes" if pair.separable else "no",
        ])  # fmt: skip
        if number > previous:
            best, previous = model, number
    larger = ["MAE larger by", f"{CONFIDENCE} interval"]
    header = ["tier", "model", "against", *larger, "p", "p, Holm", "p of crystals", "told apart"]
    return table(header, rows, text=("model", "against"))


def published_beside(contests: Sequence[Contest]) -> list[str]:
    """Figures of others for the task, each beside what the model of that name did here."""
    task = contests[0].first.key.task
    rows = []
    for figure in (figure for figure in FIGURES if figure.task == task):
        ours = [(contest, row) for contest in contests for row in contest.rows if row.label == figure.model and row.scores]
        here = "; ".join(f"{mae(row)} ({escape(contest.first.key.profile)}){unranked(row)}" for contest, row in ours)
        told = f"{figure.training_s:,.0f} s" if figure.training_s else ""
        rows.append([figure.model, as_published(figure), str(figure.epochs or ""), told, here, figure.source, figure.differs])
    header = ["model", "published MAE", "epochs", "training", "here", "source", "what differs there"]
    note = "As others reported it, with other crystals, budgets and machines: no ranking."
    return [f"## Published figures\n\n{note}\n\n{table(header, rows, text=header[4:])}"] if rows else []


def as_published(figure: Figure) -> str:
    """MAE ± std with the digits that were reported."""
    return f"{figure.mae:g}" + (f" ± {figure.std:g}" if figure.std else "")


def _failures(rows: Sequence[Row]) -> str:
    """A list of the folds that failed, each with its reason; empty where there are none."""
    failed = [(row.label, record) for row in rows for record in row.run.folds if record.status != "complete"]
    lines = [f"- {escape(label)}, fold {r.key.fold}: {r.status}: {escape(r.reason or '')}" for label, r in failed]
    return "Folds without a score:\n\n" + "\n".join(lines) if lines else ""


def _provenance(contest: Contest) -> str:
    """Who, where, with what: enough to run it again."""
    first = contest.first
    rows = in_order(contest)
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
            f"- versions: {escape(versions)}; commit {escape(commits(records))}",
            f"- again: `{again(contest)}`",
        ]
    )


def again(contest: Contest) -> str:
    """The command that runs a contest."""
    key = contest.first.key
    protocol = key.protocol.split("(")[0].split()[0]
    n_folds = kfolds(key.protocol) or (max(len(row.run.folds) for row in contest.rows) if protocol == "shuffle" else None)
    folds = f" --folds {n_folds}" if n_folds else ""
    folds += " --group-duplicates" if ", grouped" in key.protocol else ""
    what = f"--task {key.task}" if key.dataset in registered() else f"--dataset path/to/{key.dataset}"
    run = f"run {what} --profile {key.profile} --protocol {protocol}"
    if ", train 1/" in key.protocol:
        run = f"study learning-curve {what} --profile {key.profile}"
    command = f"python -m benchmark {run}{folds} --seed {key.seed}"
    return command.replace("`", "'")
