"""The page of measured speeds and memory, its figure, and the table of a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from matplotlib.figure import Figure
from scipy.stats import gmean
from tabulate import tabulate

from benchmark.rendering.images import png
from benchmark.rendering.text import escape, percent, require_own
from benchmark.results.store import write_atomically
from benchmark.speed.comparison import SpeedComparison
from benchmark.speed.measurements import Exponent, Performance, Scaling, SpeedRow
from benchmark.speed.session import Extra, Measurement
from datasets.errors import InputError

TITLE = "# Performance"

QUIET = 0.25
"""Cores that other work may keep busy before a row says so."""

ACRONYMS = {"soap": "SOAP", "svr": "SVR", "gpu": "GPU", "dgl": "DGL"}

COLORS = ("#33658a", "#c8553d", "#6a994e", "#8a5a83", "#b08900", "#444444")
MARKERS = "osD^vP"

READING = (
    "Times are medians over the rounds. A ratio compares two times of the same run. *Floor*: the least time that a call needs "
    "on this machine: the bytes that it must read and write, or the operations that it must do, at the best rate measured here "
    "on data far larger than the caches. If other work kept more than a quarter of a core busy during a measurement, the row "
    "says so."
)
SCALING = (
    "Exponents are fitted by least squares to the logarithms, ± their standard error; 1 is linear. Each size has a process of "
    "its own. Memory is counted beyond the libraries of the process, with the processes that it starts. Some memory does not "
    "grow with the set (a batch, the libraries of a worker): it lowers the exponent below 1."
)


def write_page(performance: Performance, page: Path) -> list[Path]:
    """Write the page and, where sizes were measured, its figure `<page>/scaling.png`, each atomically.

    `<page>_notes.md`, if it lies beside the page, becomes its last part as it stands.

    Raises:
        InputError: the page is not named `*.md`, what is no performance report stands in the way, or the notes cannot be read.
    """
    if page.suffix != ".md" or page.is_dir():
        raise InputError(f"--out {page}: name a page, such as reports/performance.md")
    require_own(page, TITLE, "no performance report", "file with --out")
    notes_page = page.with_name(f"{page.stem}_notes.md")
    try:
        notes = notes_page.read_text(encoding="utf-8").strip() if notes_page.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{notes_page}: cannot be read as text ({error})") from None
    page.parent.mkdir(parents=True, exist_ok=True)
    image = page.with_suffix("") / "scaling.png"
    written = [page]
    if performance.scalings:
        image.parent.mkdir(exist_ok=True)
        write_atomically(image, png(figure(performance.scalings)))
        written.append(image)
    write_atomically(page, page_text(performance, notes, f"{quote(page.stem)}/{image.name}").encode())
    return written


def page_text(performance: Performance, notes: str, image: str) -> str:
    """The markdown page; `image` is the path of the figure from it."""
    parts = [TITLE, "\n".join(f"- {line}" for line in _provenance(performance)), READING, "## The machine's ceilings"]
    parts.append(_table(["what", "median", "rounds", "best rate"], [_ceiling(m) for m in performance.of_role("ceiling")]))
    header = ["what", "ours", "rounds", "baseline", "ratio", "target", "floor", "floor / ours", "more"]
    for topic, groups in performance.topics.items():
        parts.append(f"## {heading(topic)}")
        for group, rows in groups.items():
            parts += [f"### {heading(group)}", _table(header, [_row(row) for row in rows])]
    if performance.scalings:
        parts += ["## Scaling", SCALING, _exponents(performance.scalings), f"![Time and memory against crystals]({image})"]
        parts += [f"### {heading(s.what)}\n\n{_sizes(s)}" for s in performance.scalings]
    return "\n\n".join([*parts, *([notes] if notes else [])]) + "\n"


def heading(name: str) -> str:
    """A topic or a group as a heading."""
    text = " ".join(ACRONYMS.get(word, word) for word in name.split())
    return escape(text[:1].upper() + text[1:])


def _provenance(performance: Performance) -> Iterator[str]:
    environments = [session.machine_info.benchmark for session in performance.sessions]
    used = environments[0].machine
    yield escape(
        f"machine: {used.processor}, {used.cores} cores, {size(used.memory_bytes)} of memory, {used.system}; {used.threads} "
        f"threads of torch unless a row says otherwise; device {used.device}"
    )
    for versions in dict.fromkeys(", ".join(f"{n} {v}" for n, v in e.versions.items()) for e in environments):
        yield escape(f"versions: {versions}")
    for session in performance.sessions:
        commit = session.commit_info.id[:12] + ("+changes" if session.commit_info.dirty else "")
        topics = ", ".join(dict.fromkeys(measurement.topic for measurement in session.benchmarks))
        yield escape(f"measured {session.datetime[:16].replace('T', ' ')} UTC at commit {commit}: {topics}")
    yield "again: `tox -e benchmarks`, then `python -m benchmark performance .benchmarks/performance.json`"


def _table(header: list[str], rows: list[list[str]]) -> str:
    """Without the columns that no row has anything in."""
    used = [column for column in range(len(header)) if any(row[column] for row in rows)]
    cells = [[escape(row[column]) for column in used] for row in rows]
    return tabulate(cells, [header[column] for column in used], tablefmt="github", disable_numparse=True)


def _ceiling(measured: Measurement) -> list[str]:
    extra, best = measured.extra_info, measured.stats.min
    rates = [f"{size(extra.bytes / best)}/s"] if extra.bytes else []
    rates += [f"{extra.flops / best / 1e9:.3g} GFLOP/s"] if extra.flops else []
    what = f"{measured.group}: {measured.what}"
    return [what, duration(measured.stats.median), str(measured.stats.rounds), ", ".join(rates)]


def _row(row: SpeedRow) -> list[str]:
    target, reached = row.ours.extra_info.target, {True: "met", False: "not met", None: "no baseline"}[row.met]
    return [
        row.ours.what,
        duration(row.ours.stats.median),
        str(row.ours.stats.rounds),
        f"{duration(row.baseline.stats.median)} ({row.baseline.what})" if row.baseline else "",
        f"{row.ratio:.3g} ×" if row.ratio else "",
        f"{target:g} ×, {reached}" if target else "",
        duration(row.floor) if row.floor else "",
        percent(row.floor_fraction, 1) if row.floor_fraction else "",
        more(row.ours.extra_info),
    ]


def more(extra: Extra) -> str:
    """What else the test said of its call; `_bytes`, `_s` and `_fraction` at the end of a name are its unit."""
    known: dict[str, Any] = {"crystals": extra.crystals, "peak_bytes": extra.peak_bytes}
    if extra.other_cores is not None and extra.other_cores > QUIET:
        known["measured beside other work on cores"] = extra.other_cores
    found = {name: value for name, value in known.items() if value is not None} | (extra.model_extra or {})
    named = {name.removesuffix("_bytes").removesuffix("_s").replace("_", " "): _value(name, v) for name, v in found.items()}
    return ", ".join(f"{name} {value}" for name, value in named.items())


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if name.endswith("_bytes"):
        return size(value)
    if name.endswith("_fraction"):
        return percent(value, 1)
    if name.endswith("_s"):
        return duration(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


# -- scaling ----------------------------------------------------------------------------------------


def _exponents(scalings: list[Scaling]) -> str:
    rows = [
        [s.what, f"{s.crystals[0]:,.0f} – {s.crystals[-1]:,.0f}", _power(s.time_exponent), _power(s.memory_exponent)]
        for s in scalings
    ]
    return _table(["what", "crystals", "exponent of the time", "exponent of the memory"], rows)


def _power(found: Exponent | None) -> str:
    return f"{found.value:.3f} ± {found.error:.3f}" if found else ""


def _sizes(scaling: Scaling) -> str:
    rows = []
    for m in scaling.measurements:
        extra, crystals = m.extra_info, m.extra_info.crystals or 1
        edges = (extra.model_extra or {}).get("edges")
        rows.append(
            [
                f"{crystals:,}",
                f"{edges:,}" if edges else "",
                duration(m.stats.median),
                str(m.stats.rounds),
                duration(1000 * m.stats.median / crystals),
                size(extra.peak_bytes) if extra.peak_bytes else "",
                size(extra.base_bytes) if extra.base_bytes else "",
            ]
        )
    header = ["crystals", "edges", "time", "rounds", "time / 1,000 crystals", "peak memory", "of it libraries"]
    return _table(header, rows)


def figure(scalings: list[Scaling]) -> Figure:
    """Time and memory against the number of crystals, both axes logarithmic, with the fitted laws."""
    drawn = Figure(figsize=(11.0, 4.8), layout="constrained")
    left, right = drawn.subplots(1, 2)
    for ax, values, power in ((left, "seconds", "time_exponent"), (right, "added_bytes", "memory_exponent")):
        for index, scaling in enumerate(scalings):
            y, fitted = getattr(scaling, values) / (1e9 if ax is right else 1), getattr(scaling, power)
            if fitted is None:
                continue
            label = f"{scaling.what}: {fitted.value:.2f} ± {fitted.error:.2f}"
            color, marker = COLORS[index % len(COLORS)], MARKERS[index % len(MARKERS)]
            ax.loglog(scaling.crystals, y, marker, color=color, label=label)
            # The line of least squares goes through the mean of the logarithms.
            law = gmean(y) * (scaling.crystals / gmean(scaling.crystals)) ** fitted.value
            ax.loglog(scaling.crystals, law, "-", color=color, lw=1)
        ax.set_xlabel("crystals")
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(which="major", color="#dddddd", lw=0.5)
        ax.legend(frameon=False, fontsize=8, title="exponent of", title_fontsize=8)
    left.set_ylabel("time [s]")
    right.set_ylabel("peak memory without libraries [GB]")
    return drawn


# -- a comparison -----------------------------------------------------------------------------------


def comparison_table(comparison: SpeedComparison) -> str:
    """Old, new and change, then what only one of the files has."""
    rows = []
    for change in comparison.changes:
        shown = size if change.statistic.endswith("_bytes") else duration
        cells = [
            change.benchmark,
            change.role,
            change.statistic,
            shown(change.old),
            shown(change.new),
            percent(change.change, 1, signed=True),
        ]
        rows.append([*cells, "too much" if change.crossed else ""])
    table = tabulate(rows, ["benchmark", "role", "statistic", "old", "new", "change", ""], disable_numparse=True)
    lines = [f"only in the old file: {name}" for name in comparison.only_old]
    lines += [f"only in the new file: {name}" for name in comparison.only_new]
    return "\n".join([table, *([""] if lines else []), *lines])


def duration(seconds: float) -> str:
    """Three significant digits, in s, ms or µs."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            break
    return f"{seconds * factor:,.0f} {unit}" if seconds * factor >= 1000 else f"{seconds * factor:.3g} {unit}"


def size(n_bytes: float) -> str:
    """Three significant digits, in kB, MB or GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor or unit == "kB":
            break
    return f"{n_bytes / factor:.3g} {unit}"
