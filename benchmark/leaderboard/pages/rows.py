"""What the pages say of the rows of a contest: names, cells, costs, machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from benchmark.leaderboard.comparison_groups import Contest, Row
from benchmark.rendering.text import count, escape, plus_minus, seconds, significant
from benchmark.results.records import Record

STALE = "†"


def in_order(contest: Contest) -> list[Row]:
    """Ranked rows by tier and mean MAE, then the others."""
    place = {label: number for number, label in enumerate(contest.tiers.models)} if contest.tiers else {}
    return sorted(contest.rows, key=lambda row: place.get(row.label, len(place)))


def first_tier(contest: Contest) -> list[Row]:
    """The rows of the first tier, best first."""
    return [row for row in in_order(contest) if row.tier == 1]


def title(contest: Contest, among: Sequence[Contest]) -> str:
    """Profile, protocol and seed; the data only where they alone tell the contest from another of its task."""
    same = [c for c in among if (c.league, c.first.key.task) == (contest.league, contest.first.key.task)]
    return escape(contest.title if len(same) > 1 else contest.league)


def contested(contest: Contest) -> bool:
    """Whether there are two ranked rows to compare."""
    return contest.tiers is not None and len(contest.tiers.models) > 1


def tier(row: Row, contest: Contest) -> str:
    """The number of a row's tier; empty for one without a rival."""
    return str(row.tier) if row.tier and contested(contest) else ""


def mae(row: Row) -> str:
    """MAE ± std, or the status of a run without a score."""
    found = row.over_folds("mae")
    return plus_minus(*found) if found else row.run.first.status


def spread(row: Row, metric: str) -> str:
    """Mean ± std of another metric; empty without a score."""
    found = row.over_folds(metric)
    return plus_minus(*found) if found else ""


def mean_r2(row: Row) -> str:
    """Mean R²; empty where no fold has one."""
    found = row.over_folds("r2")
    return f"{found[0]:.3f}" if found else ""


def relative(row: Row, contest: Contest) -> str:
    """MAE in units of the baseline's."""
    found, unit = row.over_folds("mae"), contest.baseline_mae
    return significant(found[0] / unit) if found and unit else ""


def parameters(row: Row) -> str:
    """How many, or from … to where the data decide it."""
    return " – ".join(f"{number:,}" for number in dict.fromkeys(row.costs.parameters)) if row.costs else ""


def mark(row: Row, rows: Sequence[Row]) -> str:
    """The dagger of a stale row; where all rows of a table are stale, a sentence says so once."""
    return f" {STALE}" if row.stale and not all(other.stale for other in rows) else ""


def stale_note(rows: Sequence[Row], where: str) -> str:
    """What the daggers mean; empty where there is no stale row."""
    n = sum(bool(row.stale) for row in rows)
    meaning = f"a newer source of the model gives other numbers; these hold for the commit named {where}"
    every = "The row is stale" if n == 1 else "All rows are stale"
    sign = every if n == len(rows) else f"{STALE} Stale"
    return f"{sign}: {meaning}." if n else ""


def unranked(row: Row) -> str:
    """Why a row has no tier, in brackets."""
    return f" ({escape(row.unranked)})" if row.unranked and row.scores else ""


def device(record: Record) -> str:
    """The device and, of a processor, how many threads it had."""
    machine = record.machine
    return f"cpu, {count(machine.threads, 'thread')}" if machine.device == "cpu" else machine.device


def machine(record: Record) -> str:
    """What times depend on: device, processor, and how many folds shared it."""
    where = record.machine
    together = f", {where.workers} folds at a time" if where.workers > 1 else ""
    return f"{device(record)}{together}; {where.processor}, {count(where.cores, 'core')}, {where.system}"


def machines(rows: Iterable[Row]) -> list[str]:
    """The machines of rows, in order of their first appearance; a row's number on a page is its place here, from 1."""
    return list(dict.fromkeys(machine(row.run.first) for row in rows))


def cheapest(rows: Sequence[Row]) -> list[Row]:
    """On each machine, the row that trained fastest: times of different machines are not compared."""
    found: dict[str, tuple[float, Row]] = {}
    for row in rows:
        where = machine(row.run.first)
        if row.costs and row.costs.training_s < found.get(where, (inf, row))[0]:
            found[where] = row.costs.training_s, row
    return [row for _, row in found.values()]


def cheapest_text(rows: Sequence[Row]) -> str:
    """Names and times of the cheapest, with the device where there are several machines."""
    found = cheapest(rows)

    def text(row: Row) -> str:
        where = f" on {device(row.run.first)}; {row.run.first.machine.processor}" if len(found) > 1 else ""
        return f"{escape(row.label)} ({seconds(row.costs.training_s if row.costs else 0)}{escape(where)})"

    return ", ".join(map(text, found))
