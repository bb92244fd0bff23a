"""What a board says of a row, as text: scores, costs, machine, and what is said of several rows together. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from benchmark.leaderboard.comparison_groups import OLDER, ComparisonGroup
from benchmark.leaderboard.rows import BoardRow, leaks_of
from benchmark.rendering.text import count, escape, interval, joined, listed, percent, plus_minus, seconds, significant
from benchmark.results.records import Record

STALE = "†"


def title(group: ComparisonGroup, among: Sequence[ComparisonGroup]) -> str:
    """Profile, protocol and seed; the data only where they alone tell the comparison group from another of its task."""
    same = [c for c in among if (c.track, c.first.key.task) == (group.track, group.first.key.task)]
    return escape(group.title if len(same) > 1 else group.track)


def loss(row: BoardRow) -> str:
    """MAE or log-loss ± std, or the status of a run without a score."""
    found = row.over_folds("loss")
    return plus_minus(*found) if found else row.run.first.status


def spread(row: BoardRow, metric: str) -> str:
    """Mean ± std of another metric; empty without a score."""
    found = row.over_folds(metric)
    return plus_minus(*found) if found else ""


def share(row: BoardRow, metric: str) -> str:
    """Mean ± std of a score between 0 and 1, with four decimals; empty without a score."""
    mean, std = row.over_folds(metric) or (None, None)
    return "" if mean is None else f"{mean:.4f}" + (f" ± {std:.4f}" if std is not None else "")


def mean_r2(row: BoardRow) -> str:
    """Mean R², three decimals, or three digits where it is far below zero; empty where no fold has one."""
    found = row.over_folds("r2")
    return (f"{found[0]:.3f}" if found[0] > -1000 else f"{found[0]:.3g}") if found else ""


def leaked(group: ComparisonGroup) -> str:
    """What share of the test crystals has a duplicate in training or validation; empty where none has, or no record says."""
    leaks = next((found for row in group.in_order if (found := leaks_of(row.run))), [])
    seen = sum(leak.n_seen for leak in leaks)
    if not seen:
        return ""
    share, loss = seen / sum(leak.n_seen + leak.n_new for leak in leaks), group.kind.loss
    return (
        f"{percent(share, 1)} of the test crystals have a duplicate in train or validation, which a model may remember. "
        f"`{loss}, seen` is the {loss} on these crystals, `{loss}, new` on the others."
    )


def relative(row: BoardRow, group: ComparisonGroup) -> str:
    """The loss in units of the baseline's."""
    found, unit = row.over_folds("loss"), group.baseline_loss
    return significant(found[0] / unit) if found and unit else ""


def verdict(row: BoardRow, group: ComparisonGroup) -> str:
    """What is decided about a row, with the repeats that would decide it if so few do; empty without a rival.

    A model that is not shown to be better than the dummy is not called the best.
    """
    found = row.standing if group.has_rivals else None
    if found is None:
        return ""
    if found.verdict == "best or equal" and row.label in labels_not_below_baseline(group):
        return f"not shown better than {group.kind.baseline}"
    if found.verdict != "undecided" or group.decisions is None or group.decisions.reason:
        return found.verdict
    return f"{found.verdict} ({count(found.more_repeats, 'more repeat')})" if found.more_repeats else found.verdict


def overlooked(group: ComparisonGroup) -> str:
    """The rows that are not compared, though their loss is lower than that of each row that is; empty without."""
    best = min((row.standing.mean_loss for row in group.ranked if row.standing), default=0.0)
    lower = [
        f"{row.label} ({row.unranked})"
        for row in group.rows
        if not row.standing and row.unranked != OLDER and (found := row.over_folds("loss")) and found[0] < best
    ]
    verb, whose = ("is", "its") if len(lower) == 1 else ("are", "their")
    return f"{joined(lower)} {verb} not compared, though {whose} {group.kind.loss} is lower." if lower else ""


def labels_below_baseline(group: ComparisonGroup) -> set[str] | None:
    """The models that are shown to have a lower loss than the dummy; None without it, or where nothing is decided."""
    floor = next((row.label for row in group.ranked if row.is_baseline), None)
    if floor is None or group.decisions is None or group.decisions.reason:
        return None
    return {pair.better for pair in group.decisions.pairs if pair.worse == floor and pair.decided}


def labels_not_below_baseline(group: ComparisonGroup) -> list[str]:
    """The models that are not shown to have a lower loss than the dummy; none without it, or where nothing is decided."""
    below = labels_below_baseline(group)
    return [] if below is None else [row.label for row in group.ranked if row.learns and row.label not in below]


def below_baseline(group: ComparisonGroup) -> str:
    """The sentence on the models that learn and are shown to have a lower loss than the dummy; empty without one."""
    below = labels_below_baseline(group) or set()
    names = [row.label for row in group.ranked if row.learns and row.label in below]
    return f"Shown to be better than {group.kind.baseline}: {listed(names)}." if names else ""


def not_below_baseline(group: ComparisonGroup) -> str:
    """The sentence on these models; empty without one."""
    names = labels_not_below_baseline(group)
    return f"Not shown to be better than {group.kind.baseline}: {joined(names)}." if names else ""


def ratio(row: BoardRow, group: ComparisonGroup) -> str:
    """The loss over the best's with its interval; empty without a rival."""
    found = row.standing if group.has_rivals else None
    if found is None:
        return ""
    return ratio_text(found.ratio, found.interval)


def ratio_text(ratio: float, limits: tuple[float, float] | None) -> str:
    """A ratio with its interval, if it has one."""
    return significant(ratio) + (f" ({interval(*limits)})" if limits else "")


def from_to(ranks: tuple[int, int]) -> str:
    """An interval of ranks; one number where both ends are the same."""
    return " – ".join(str(rank) for rank in dict.fromkeys(ranks))


def ranks(row: BoardRow, group: ComparisonGroup) -> str:
    """The interval of the rank; empty without a rival."""
    found = row.standing if group.has_rivals else None
    return from_to(found.ranks) if found else ""


def parameters(row: BoardRow) -> str:
    """How many, or from … to where the data decide it."""
    return " – ".join(f"{number:,}" for number in dict.fromkeys(row.costs.parameters)) if row.costs else ""


def mark(row: BoardRow, rows: Sequence[BoardRow]) -> str:
    """The dagger of a stale row; where all rows of a table are stale, a sentence says so once."""
    return f" {STALE}" if row.stale and not all(other.stale for other in rows) else ""


def stale_note(rows: Sequence[BoardRow], where: str) -> str:
    """What the daggers mean; empty where there is no stale row."""
    n = sum(bool(row.stale) for row in rows)
    meaning = f"a newer source of the model gives other numbers; these hold for the commit named {where}"
    every = "The row is stale" if n == 1 else "All rows are stale"
    sign = every if n == len(rows) else f"{STALE} Stale"
    return f"{sign}: {meaning}." if n else ""


def unranked(row: BoardRow) -> str:
    """Why a row is not compared, in brackets."""
    return f" ({escape(row.unranked)})" if row.unranked and row.scores else ""


def device(record: Record) -> str:
    """The device and, of a processor, how many threads it had."""
    machine = record.machine
    return f"cpu, {count(machine.threads, 'thread')}" if machine.device == "cpu" else machine.device


def backends(row: BoardRow) -> str:
    """Whose kernels sent messages along the edges of its graphs; empty of a model without graphs.

    Records older than the field do not say.
    """
    found = {record.backend or "not recorded" for record in row.run.complete if record.graph_health}
    return ", ".join(sorted(found))


def machine(record: Record) -> str:
    """What times depend on: device, processor, and how many folds shared it."""
    where = record.machine
    together = f", {where.workers} folds at a time" if where.workers > 1 else ""
    return f"{device(record)}{together}; {where.processor}, {count(where.cores, 'core')}, {where.system}"


def machines(rows: Iterable[BoardRow]) -> list[str]:
    """The machines of rows, in order of their first appearance; a row's number on a page is its place here, from 1."""
    return list(dict.fromkeys(machine(row.run.first) for row in rows))


def cheapest(rows: Sequence[BoardRow]) -> list[BoardRow]:
    """On each machine, the row that trained fastest: times of different machines are not compared."""
    found: dict[str, tuple[float, BoardRow]] = {}
    for row in rows:
        where = machine(row.run.first)
        if row.costs and row.costs.training_s < found.get(where, (inf, row))[0]:
            found[where] = row.costs.training_s, row
    return [row for _, row in found.values()]


def cheapest_text(rows: Sequence[BoardRow]) -> str:
    """Names and times of the cheapest, with the device where there are several machines."""
    found = cheapest(rows)

    def text(row: BoardRow) -> str:
        where = f" on {device(row.run.first)}; {row.run.first.machine.processor}" if len(found) > 1 else ""
        return f"{escape(row.label)} ({seconds(row.costs.training_s if row.costs else 0)}{escape(where)})"

    return ", ".join(map(text, found))
