"""The markdown leaderboard: an index, and one page a task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from tabulate import tabulate

from benchmark.records import Record
from benchmark.scores import Run, ScoredRun
from benchmark.store import write_atomically
from datasets.errors import InputError
from datasets.registry import registered

TITLE = "# Leaderboard"

COLUMNS = (
    "model", "MAE", "RMSE", "R²", "folds", "training time / fold", "inference / 1,000 crystals",
    "parameters", "epochs", "device",
)  # fmt: skip

READING = (
    "± is the standard deviation over folds. Rows are in order of their mean; where the spreads overlap, read no "
    "order into them. Times are comparable on one machine only; peak memory, splits and settings are in the records."
)


def write_pages(runs: Sequence[ScoredRun], root: Path) -> list[Path]:
    """Write `README.md` and `tasks/<task>.md` below `root`, each atomically; returns their paths.

    Raises:
        InputError: a README.md that is no leaderboard stands in the way.
    """
    require_own_page(root)
    pages = {root / "README.md": index_page(runs)}
    for task, group in by_task(runs):
        pages[root / page_of(task)] = task_page(task, group)
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    return list(pages)


def require_own_page(root: Path) -> None:
    """Raise InputError where a person's own README.md would be replaced."""
    page = root / "README.md"
    if page.is_file() and not page.read_text(errors="replace").startswith(TITLE):
        raise InputError(f"{page} is not a leaderboard and would be replaced; choose another directory")


def page_of(task: str) -> str:
    """Path of a task's page, below the root."""
    return f"tasks/{task}.md"


def by_task(runs: Iterable[ScoredRun]) -> list[tuple[str, list[ScoredRun]]]:
    """Runs grouped by task."""
    ordered = sorted(runs, key=lambda r: r.run.first.key.task)
    return [(task, list(group)) for task, group in groupby(ordered, key=lambda r: r.run.first.key.task)]


def contests(runs: Iterable[ScoredRun]) -> list[tuple[str, list[ScoredRun]]]:
    """The runs of one task that may be compared: same data, profile, protocol and seed; best first."""

    def title(scored: ScoredRun) -> str:
        return contest_title(scored.run.first)

    ordered = sorted(runs, key=lambda r: (title(r), r.mae[0]))
    return [(name, list(group)) for name, group in groupby(ordered, key=title)]


def contest_title(record: Record) -> str:
    """What records must share to be compared, besides their task."""
    key = record.key
    return f"{key.profile}, {key.protocol}, seed {key.seed}, data {key.dataset_hash[:8]}"


def index_page(runs: Sequence[ScoredRun]) -> str:
    """Test MAE of every model on every task."""
    models = sorted({r.run.first.key.model for r in runs})
    rows = []
    for task, task_runs in by_task(runs):
        for title, contest in contests(task_runs):
            key = contest[0].run.first.key
            cells = [model_cell([r for r in contest if r.run.first.key.model == model]) for model in models]
            rows.append([f"[{escape(task)}]({quote(page_of(task))})", key.unit, crystals(contest[0].run.first), title, *cells])
    header = ["task", "unit", "crystals", "profile, protocol", *models]
    table = tabulate(rows, header, tablefmt="github", disable_numparse=True)
    return f"{TITLE}\n\nMean absolute error on crystals never seen in training, by task and model.\n\n{table}\n\n{READING}\n"


def task_page(task: str, runs: Sequence[ScoredRun]) -> str:
    """One table for each set of runs that may be compared, with its provenance and its failures."""
    unit = runs[0].run.first.key.unit
    parts = [f"# {task}\n\nErrors in {unit}. {READING}"]
    for title, contest in contests(runs):
        parts.append(f"## {title}\n\n{contest_table(contest, 'github')}")
        parts += failures(contest)
        parts.append(provenance(contest))
    return "\n\n".join(parts) + "\n"


def contest_table(contest: Sequence[ScoredRun], style: str) -> str:
    """The rows of one contest, best first."""
    labels = run_labels([scored.run for scored in contest])
    rows = [[label, *row(scored)] for label, scored in zip(labels, contest, strict=True)]
    return tabulate(rows, COLUMNS, tablefmt=style, disable_numparse=True, colalign=("left", *["right"] * 8, "left"))


def row(scored: ScoredRun) -> list[str]:
    """The cells of a run after its label; a run without any complete fold shows its status."""
    run = scored.run
    device = device_cell(run.first)
    if not scored.scores:
        return [run.first.status, "", "", folds_cell(run), "", "", "", "", device]
    times = [r.times for r in run.complete if r.times]
    inference = [1000 * t.inference.wall_s / r.split.n_test for t, r in zip(times, run.complete, strict=True)]
    r2 = [s.r2 for s in scored.scores if s.r2 is not None]
    parameters = sorted({r.parameters for r in run.complete if r.parameters is not None})
    return [
        plus_minus(*scored.mae),
        plus_minus(*run.mean_and_std(s.rmse for s in scored.scores)),
        f"{run.mean_and_std(r2)[0]:.3f}" if r2 else "",
        folds_cell(run),
        seconds(run.mean_and_std(t.training.wall_s for t in times)[0]),
        seconds(run.mean_and_std(inference)[0]),
        " – ".join(f"{p:,}" for p in dict.fromkeys((parameters[0], parameters[-1]))),
        str(run.complete[0].epochs_run or ""),
        device,
    ]


def run_labels(runs: Sequence[Run]) -> list[str]:
    """The model's name and the settings changed from the profile's; and its source, where a model stands there in two."""
    labels = []
    for run in runs:
        first = run.first
        notes = [f"{name}={value}" for name, value in first.changed.items()]
        same = [r for r in runs if (r.first.key.model, r.first.changed) == (first.key.model, first.changed)]
        if len({r.first.model_fingerprint for r in same}) > 1:
            notes.append(f"source {first.model_fingerprint[:8]}")
        labels.append(escape(f"{first.key.model} ({', '.join(notes)})" if notes else first.key.model))
    return labels


def model_cell(runs: Sequence[ScoredRun]) -> str:
    """MAE of a model's run, the one with the profile's own settings if there is one; its status; empty where it was not run.

    Not the best of several: that would choose settings by the test crystals.
    """
    if not runs:
        return ""
    chosen = min(runs, key=lambda scored: len(scored.run.first.changed))
    return plus_minus(*chosen.mae) if chosen.scores else chosen.run.first.status


def failures(contest: Sequence[ScoredRun]) -> list[str]:
    """A list of the folds that failed, each with its reason; empty where there are none."""
    failed = [record for scored in contest for record in scored.run.folds if record.status != "complete"]
    lines = [f"- {r.key.model}, fold {r.key.fold}: {r.status}: {escape(r.reason or '')}" for r in failed]
    return ["Folds without a score:\n\n" + "\n".join(lines)] if lines else []


def provenance(contest: Sequence[ScoredRun]) -> str:
    """Who, where, with what: enough to run it again."""
    first = contest[0].run.first
    records = [record for scored in contest for record in scored.run.folds]
    commits = sorted({(r.git_commit or "unknown")[:12] + ("+changes" if "+" in (r.git_commit or "") else "") for r in records})
    versions = "; ".join(sorted({", ".join(f"{name} {v}" for name, v in r.versions.items()) for r in records}))
    machines = sorted(
        {f"{r.machine.processor}, {r.machine.cores} core{'s' * (r.machine.cores > 1)}, {r.machine.system}" for r in records}
    )
    key = first.key
    protocol = key.protocol.split("(")[0].split()[0]
    n_folds = kfolds(key.protocol) or (max(len(s.run.folds) for s in contest) if protocol == "shuffle" else None)
    folds = f" --folds {n_folds}" if n_folds else ""
    folds += " --group-duplicates" if key.protocol.endswith(", grouped)") else ""
    what = f"--task {key.task}" if key.dataset in registered() else f"--dataset path/to/{key.dataset}"
    command = f"python -m benchmark run {what} --profile {key.profile} --protocol {protocol}{folds} --seed {key.seed}"
    rules = "; ".join(dict.fromkeys(f"{s.run.first.key.model}: {s.run.first.graph_rule}" for s in contest))
    return "\n".join(
        [
            f"- {crystals(first)} crystals; dataset sha256 `{key.dataset_hash}`",
            f"- graph rules: {escape(rules)}",
            f"- machine: {escape('; '.join(machines))}",
            f"- versions: {escape(versions)}; commit {', '.join(commits)}",
            f"- again: `{command}`",
        ]
    )


def crystals(record: Record) -> str:
    """Crystals with a value, all parts together."""
    return f"{record.split.n_train + record.split.n_validation + record.split.n_test:,}"


def folds_cell(run: Run) -> str:
    """Complete folds, of those that the protocol has, or of those tried."""
    wanted = kfolds(run.first.key.protocol) or len(run.folds)
    return str(wanted) if len(run.complete) == wanted else f"{len(run.complete)} of {wanted}"


def kfolds(protocol: str) -> int | None:
    """How many folds a record's k-fold protocol has, `kfold(5)` or `kfold(5, grouped)`; None of another protocol."""
    name, _, rest = protocol.partition("(")
    return int(rest.rstrip(")").partition(",")[0]) if name == "kfold" else None


def device_cell(record: Record) -> str:
    """The device and how many threads it had."""
    threads = record.machine.threads
    return escape(record.machine.device) + (
        f", {threads} thread{'s' * (threads > 1)}" if record.machine.device == "cpu" else ""
    )


def plus_minus(mean: float, std: float | None) -> str:
    """Four significant digits, the spread to the same decimals."""
    decimals = max(0, 3 - math.floor(math.log10(abs(mean)))) if mean else 4
    return f"{mean:.{decimals}f}" + (f" ± {std:.{decimals}f}" if std is not None else "")


def seconds(value: float) -> str:
    """A duration with three significant digits, to the millisecond."""
    if value < 0.001:
        return "< 0.001 s"
    return f"{value:.3g} s" if value < 1000 else f"{value:,.0f} s"


def escape(text: str) -> str:
    """Text from a record, harmless inside a markdown table."""
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;"), ("\n", " ")):
        text = text.replace(sign, entity)
    return text
