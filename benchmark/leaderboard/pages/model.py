"""The page of a model: where it stands on every task and what it costs, with which settings, and from which source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from benchmark.leaderboard.board import Board
from benchmark.leaderboard.cells import (
    loss,
    machine,
    machines,
    mark,
    parameters,
    ranks,
    relative,
    share,
    stale_note,
    title,
    unranked,
    verdict,
)
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.kinds import CLASSES, KINDS, Kind
from benchmark.leaderboard.pages.task import as_published, page_of
from benchmark.leaderboard.published_results import PUBLISHED_RESULTS
from benchmark.leaderboard.rows import BoardRow, marks_of
from benchmark.leaderboard.training_notes import NOT_TRAINED_OUT, NOT_TRAINED_OUT_MEANS, not_trained_out, settings_text
from benchmark.rendering.text import changes, count, escape, fenced, link, seconds, table, unit_shown
from benchmark.results.model_cards import ModelCard

Standing = tuple[ComparisonGroup, BoardRow]


def model_pages(board: Board, cards: Mapping[str, ModelCard]) -> dict[str, str]:
    """Path below the root → page, of every model with a record; `cards` of those that are not of this repository."""
    found: dict[str, list[Standing]] = {}
    for group in board.comparison_groups:
        for row in group.in_order:
            found.setdefault(row.model, []).append((group, row))
    return {f"models/{name}.md": model_page(name, found[name], cards.get(name)) for name in sorted(found)}


def model_page(name: str, standings: Sequence[Standing], card: ModelCard | None = None) -> str:
    """All that the board has of one model."""
    rows = [row for _, row in standings]
    where = machines(rows)
    several = any(row.label != name for row in rows)
    parts = [
        f"# {escape(name)}",
        f"{escape(rows[0].run.first.paper)}. [All boards](../README.md).",
        _about(card) if card else "",
        "Verdict and rank are those in the comparison group: the runs of the task with the same data, profile and protocol. "
        "The page of the task says what they mean. Times compare on one machine only.",
        escape(marks_of(rows)),
        *(_standings(kind, standings, where, several) for kind in KINDS),
        stale_note(rows, "on the page of the task"),
        f"*{NOT_TRAINED_OUT}*: {NOT_TRAINED_OUT_MEANS}." if any(not_trained_out(row.run) for row in rows) else "",
        *_published(name, standings),
        f"## Settings\n\n{_settings(rows)}",
        f"## Source\n\n{_sources(rows)}",
        "## Machines\n\n" + "\n".join(f"{number}. {escape(text)}" for number, text in enumerate(where, 1)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _about(card: ModelCard) -> str:
    """Who made a model from elsewhere, and under which terms."""
    authors = f"By {escape(', '.join(card.authors))}. " if card.authors else ""
    return f"{authors}Source: {escape(card.source)}; licence: {escape(card.licence)}.\n\n{fenced(card.citation)}"


def _standings(kind: Kind, standings: Sequence[Standing], where: Sequence[str], several: bool) -> str:
    """A row for each run on tasks of a kind; empty where there is none."""
    header = ["task", *(["run"] if several else []), "track", "verdict", "rank", kind.loss,
              "ROC-AUC" if kind is CLASSES else "unit", f"{kind.loss} / dummy",
              "training / fold", "inference / 1,000", "parameters", "machine"]  # fmt: skip
    body = [_cells(standing, standings, where, several) for standing in standings if standing[0].kind is kind]
    return table(header, body, text=("run", "track", "verdict", "unit")) if body else ""


def _cells(standing: Standing, standings: Sequence[Standing], where: Sequence[str], several: bool) -> list[str]:
    (group, row), rows = standing, [row for _, row in standings]
    key = row.run.first.key
    rank = ranks(row, group)
    place = [verdict(row, group), f"{rank} of {len(group.ranked)}" if rank else ""]
    return [
        link(key.task, f"../{page_of(key.task)}") + mark(row, rows) + f" ({NOT_TRAINED_OUT})" * not_trained_out(row.run),
        *([escape(row.label)] if several else []),
        title(group, [group for group, _ in standings]),
        *place,
        loss(row) + unranked(row),
        share(row, "roc_auc") if group.kind is CLASSES else escape(unit_shown(key.unit)),
        relative(row, group),
        seconds(row.costs.training_s) if row.costs else "",
        seconds(row.costs.inference_s) if row.costs else "",
        parameters(row),
        str(where.index(machine(row.run.first)) + 1),
    ]


def _settings(rows: Sequence[BoardRow]) -> str:
    """A column for each set of settings that the model was run with: profile, what was changed, on how many tasks."""
    runs: dict[str, list[BoardRow]] = {}
    for row in rows:
        runs.setdefault(json.dumps([row.run.first.key.profile, settings_text(row.run.first)]), []).append(row)
    columns = [(_run_name(same), settings_text(same[0].run.first)) for same in runs.values()]
    names = list(dict.fromkeys(name for _, settings in columns for name in settings))
    body = [[escape(name), *(escape(settings.get(name, "")) for _, settings in columns)] for name in names]
    return table(["setting", *(escape(title) for title, _ in columns)], body) if names else "The model has none."


def _run_name(rows: Sequence[BoardRow]) -> str:
    first = rows[0].run.first
    tasks = sorted({row.run.first.key.task for row in rows})
    recipe = ", ".join([first.key.profile, *changes(first.changed)])
    return f"{recipe}: {tasks[0] if len(tasks) == 1 else count(len(tasks), 'task')}"


def _sources(rows: Sequence[BoardRow]) -> str:
    """Fingerprints of the source that ran, whether newer source gives the same numbers, and the graphs that it was given."""
    state = {
        True: "a newer source gives other numbers",
        False: "the newest source that was tried gives the same numbers",
        None: "not compared with a newer source",
    }
    sources: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        first = row.run.first
        about = f"sha256 {first.key.source}: {state[row.stale]}"
        sources.setdefault((about, first.graph_rule), set()).add(first.key.task)
    lines = [(source, f"graphs: {rule}", f"on {count(len(tasks), 'task')}") for (source, rule), tasks in sources.items()]
    return "\n".join(f"- {escape('; '.join(line))}" for line in lines)


def _published(name: str, standings: Sequence[Standing]) -> list[str]:
    """What others reported of the model, on the tasks of this page."""
    tasks = {row.run.first.key.task for _, row in standings}
    rows = [
        [link(other.task, f"../{page_of(other.task)}"), as_published(other), other.source, other.differs_here]
        for other in PUBLISHED_RESULTS
        if other.model == name and other.task in tasks
    ]
    header = ["task", "MAE", "source", "what differs there"]
    return [f"## Published results\n\n{table(header, rows, text=header[2:])}"] if rows else []
