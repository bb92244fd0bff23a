"""Writes the health of a data set: what to look at for the terminal, and all of it on a markdown page with figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from tabulate import tabulate

from benchmark.datasheets.folding_section import folding_findings, folding_section
from benchmark.datasheets.health_figures import figures
from benchmark.datasheets.health_report import DatasetHealth
from benchmark.datasheets.section import Section, Table, count, number, shown_path, shown_source
from benchmark.rendering.commands import code, command, option
from benchmark.rendering.text import escape, in_unit, listed, percent, require_own, unit_shown
from benchmark.results.store import write_atomically
from benchmark.tasks.leakage import Leakage
from datasets.contents import EXAMPLES, OUTLIER_RULE, TargetSummary
from datasets.crystals import Crystals
from datasets.duplicates import RULE
from datasets.graph_health import TOO_CLOSE, Affected, GraphHealth

TITLE = "# Health of "

COMMON_ZEROS = 0.1
"""Share of zeros from which on they are worth a sentence."""


def summary(health: DatasetHealth) -> str:
    """The size of the set and what to look at, for the terminal; the page has all tables."""
    size_line = f"{health.name}: {size(health)}, content sha256 {health.content_hash}"
    odd = [finding.text for finding in findings(health) if finding.is_odd]
    if not odd:
        return f"{size_line}\nNothing wrong found: targets, duplicates, elements and neighbours were checked."
    examples = _graph_examples([graph for graph in health.graphs if _is_odd(graph, health)])
    tables = [tabulate(rows, header, disable_numparse=True) for header, rows in (*_duplicates(health).tables, *examples)]
    return "\n\n".join(["\n".join([size_line, *(f"- {line}" for line in odd)]), *tables])


def write_page(health: DatasetHealth, crystals: Crystals, root: Path, made_by: str) -> list[Path]:
    """Write `root/<name>.md` and its figures `root/<name>/*.png`, each atomically; returns their paths, the page first.

    `made_by` is the command that makes it again.

    Raises:
        InputError: a page that is no health report stands in the way.
    """
    page, folder = root / f"{health.name}.md", root / health.name
    require_own(page, TITLE, "no health report", "directory with --page")
    folder.mkdir(parents=True, exist_ok=True)
    images = {folder / f"{name}.png": image for name, image in figures(health, crystals).items()}
    for path, image in images.items():
        write_atomically(path, image)
    write_atomically(page, page_text(health, made_by).encode())
    return [page, *images]


def page_text(health: DatasetHealth, made_by: str) -> str:
    """The markdown page."""
    parts = [
        f"{TITLE}{escape(health.name)}",
        f"{escape(health.description)}.\n\n{size(health)}; content sha256 `{health.content_hash}`; again: {code(made_by)}",
        "\n".join(["## What was found\n", *(f"- {escape(finding.text)}" for finding in findings(health))]),
    ]
    for section in sections(health):
        parts.append(f"## {section.heading}")
        parts += [escape(section.before)] if section.before else []
        for header, rows in section.tables:
            cells = [[escape(cell) for cell in row] for row in rows]
            parts.append(tabulate(cells, header, tablefmt="github", disable_numparse=True))
        parts += [escape(section.after)] if section.after else []
        if section.figure:
            folder = quote(health.name.split("/")[-1])
            parts.append(f"![{section.heading}]({folder}/{section.figure}.png)")
    return "\n\n".join(parts) + "\n"


def size(health: DatasetHealth) -> str:
    """The numbers of crystals, atoms and elements, as text."""
    parts = ((health.crystals, "crystal"), (health.atoms, "atom"), (len(health.elements), "element"))
    return ", ".join(count(n, what) for n, what in parts)


def again(source: str, health: DatasetHealth, rule: str | None, root: Path) -> str:
    """The command that makes the page, without a path of this machine."""
    name = shown_source(source, health.name)
    return command("datasets", "health", name, *option("--rule", rule), "--page", shown_path(root))


# -- what was found ---------------------------------------------------------------------------------


class Finding(NamedTuple):
    """A sentence about a data set, and whether a user has to look at it."""

    text: str
    is_odd: bool = True


def findings(health: DatasetHealth) -> Iterator[Finding]:
    """One sentence for each thing to know, the gravest first."""
    if health.unreadable:
        bad, verb = count(len(health.unreadable), "crystal"), "is" if len(health.unreadable) == 1 else "are"
        yield Finding(f"{bad} cannot be read, and {verb} left out: {listed([*health.unreadable], EXAMPLES)}.")
    for doubt in health.doubts:
        yield Finding(f"{doubt}.")
    yield from _duplicate_findings(health)
    for target in health.targets:
        yield from map(Finding, _target_findings(target))
    for element in health.elements:
        if not element.has_features:
            yield Finding(f"{element.symbol} ({count(element.crystals, 'crystal')}) is an element without features.")
    for graph in health.graphs:
        odd = {
            "without a neighbour": graph.isolated_atoms,
            "with fewer neighbours than k": graph.atoms_with_fewer_than_k,
            "whose k-th neighbour is tied with the next": graph.truncated_ties,
        }
        found = [f"{count(f.count, 'atom')} {what} (in {count(f.crystals, 'crystal')})" for what, f in odd.items() if f.count]
        text = f"Under {graph.rule}: {'; '.join(found) or 'every atom has its neighbours'}."
        yield Finding(text, _is_odd(graph, health))
    yield from (Finding(line, is_odd=False) for line in folding_findings(health.folding))
    close = max((graph.atoms_too_close for graph in health.graphs), key=lambda finding: finding.crystals)
    if close.crystals:
        yield Finding(
            f"Atoms are nearer than {TOO_CLOSE:g} Å in {count(close.crystals, 'crystal')}: {', '.join(close.examples)}."
        )


def _is_odd(graph: GraphHealth, health: DatasetHealth) -> bool:
    """Whether atoms lack neighbours. Small cells always do under the minimum-image rule: it counts only where it is the one."""
    lacking = graph.isolated_atoms.count or graph.atoms_with_fewer_than_k.count
    return bool(lacking) and (len(health.graphs) == 1 or not graph.rule.startswith("minimum-image"))


def _duplicate_findings(health: DatasetHealth) -> Iterator[Finding]:
    found = health.duplicates
    if found.groups:
        yield Finding(
            f"{found.crystals:,} crystals ({percent(found.crystals / health.crystals, 1)}) have a duplicate: "
            f"{count(found.groups, 'group')} of equal structures, the largest of {found.largest}."
        )
    else:
        yield Finding("No two crystals are duplicates.", is_odd=False)
    for spread in found.spreads:
        yield Finding(f"Equal structures differ by up to {in_unit(number(spread.max), spread.unit)} in {spread.target}.")
    if found.not_compared:
        yield Finding(f"Not compared: {count(found.not_compared, 'crystal')} periodic along one direction.")
    for row in health.leakage:
        if row.folds:
            share = f"{percent(row.share, 1)} of the test crystals have a duplicate in train or validation"
            yield Finding(f"{row.task}, {row.protocol}: {share}.", is_odd=row.share > 0)


def _target_findings(target: TargetSummary) -> Iterator[str]:
    if target.outliers:
        worst = ", ".join(f"{name} ({number(value)})" for name, value in target.outlier_examples[:4])
        more = " …" if target.outliers > 4 else ""
        yield f"{target.target}: {count(target.outliers, 'outlier')}: {worst}{more}."
    if target.missing:
        yield f"{target.target}: no value for {count(target.missing, 'crystal')}."
    if target.zeros >= COMMON_ZEROS:
        yield f"{target.target}: {percent(target.zeros, 1)} of the values are zero."


# -- tables -----------------------------------------------------------------------------------------


def sections(health: DatasetHealth) -> list[Section]:
    """In the order of the page; the elements last."""
    return [
        _targets(health), _outliers(health), _duplicates(health), _leakage(health), _graphs(health),
        folding_section(health.folding), _cells(health), _elements(health),
    ]  # fmt: skip


def _targets(health: DatasetHealth) -> Section:
    header = ["target", "unit", "values", "missing", "mean", "std", "min", "25 %", "median", "75 %", "max", "zeros", "outliers"]
    rows = []
    for t in health.targets:
        spread = [t.min, *(t.quartiles or (None,) * 3), t.max]
        values = [number(value) for value in (t.mean, t.std, *spread)]
        rows.append(
            [t.target, unit_shown(t.unit), f"{t.count:,}", f"{t.missing:,}", *values, percent(t.zeros, 1), f"{t.outliers:,}"]
        )
    return Section("Targets", tables=((header, rows),), figure="targets")


def _outliers(health: DatasetHealth) -> Section:
    rows = [[t.target, name, in_unit(number(value), t.unit)] for t in health.targets for name, value in t.outlier_examples]
    tables = ((("target", "crystal", "value"), rows),) if rows else ()
    before = f"{OUTLIER_RULE} The first {EXAMPLES} of each target, the farthest from the median first."
    return Section("Outliers", before, tables, "" if rows else "There are none.")


def _duplicates(health: DatasetHealth) -> Section:
    found = health.duplicates
    groups = [[str(i + 1), ", ".join(ids)] for i, ids in enumerate(found.examples)]
    spreads = []
    for s in found.spreads:
        widest = ", ".join(f"{name} ({number(value)})" for name, value in s.widest)
        spreads.append([s.target, unit_shown(s.unit), f"{s.groups:,}", number(s.median), number(s.max), widest])
    tables: list[Table] = []
    if groups:
        tables.append((("", f"the {len(groups)} largest of {found.groups:,} groups, at most {EXAMPLES} ids of each"), groups))
    if spreads:
        header = ("target", "unit", "groups", "median spread", "largest spread", "the group that differs most")
        tables.append((header, spreads))
    after = f"{found.compared:,} pairs agreed in formula, size and neighbour distances and were compared in full."
    return Section("Duplicates", RULE, tuple(tables), after)


def _leakage(health: DatasetHealth) -> Section:
    before = (
        "Test crystals whose structure has a duplicate in the training or validation part of the same fold. "
        "The option --group-duplicates of run keeps duplicates in one part."
    )
    header = ("task", "protocol", "seed", "leaked of tested, fold by fold", "share of all tested")
    rows = [[r.task, r.protocol, str(r.seed), _folds(r), percent(r.share, 2) if r.folds else ""] for r in health.leakage]
    return Section("Leakage between folds", before, ((header, rows),) if rows else ())


def _folds(row: Leakage) -> str:
    return row.reason or ", ".join(f"{fold.leaked:,} of {fold.test:,}" for fold in row.folds)


def _graphs(health: DatasetHealth) -> Section:
    header = ("rule", "edges", "shortest, Å", "isolated", "fewer than k", "tied at k", "too close")
    rows = []
    for g in health.graphs:
        cells = [f"{f.count:,} in {f.crystals:,}" if f.count else "0" for f in _affected(g).values()]
        rows.append([g.rule, f"{g.edges:,}", f"{g.shortest_distance:.3f}" if g.shortest_distance else "", *cells])
    before = (
        "Atoms (edges, for those too close) and the crystals that they are in, under the graph rules of the published models. "
        f"Tied: the k-th neighbour is as far as the next; too close: nearer than {TOO_CLOSE:g} Å."
    )
    return Section("Graphs", before, ((header, rows), *_graph_examples(health.graphs)))


def _graph_examples(graphs: Sequence[GraphHealth]) -> Sequence[Table]:
    """A table of the first crystals with each finding; none without a finding."""
    rows = [[g.rule, what, ", ".join(f.examples)] for g in graphs for what, f in _affected(g).items() if f.count]
    return [(("rule", "finding", "the first crystals"), rows)] if rows else []


def _affected(graph: GraphHealth) -> dict[str, Affected]:
    return {
        "isolated": graph.isolated_atoms, "fewer than k": graph.atoms_with_fewer_than_k, "tied at k": graph.truncated_ties,
        f"nearer than {TOO_CLOSE:g} Å": graph.atoms_too_close,
    }  # fmt: skip


def _cells(health: DatasetHealth) -> Section:
    cells = health.cells
    row = [f"{cells.min:,}", f"{cells.median:g}", f"{cells.mean:.1f}", f"{cells.max:,}"]
    kinds = "; ".join(f"{count(n, 'crystal')} {kind}" for kind, n in cells.periodicity.items())
    return Section("Atoms a cell", tables=((("min", "median", "mean", "max"), [row]),), after=f"{kinds}.", figure="atoms")


def _elements(health: DatasetHealth) -> Section:
    rare = sorted(health.elements, key=lambda e: (e.crystals, e.symbol))[:EXAMPLES]
    common = sorted(health.elements, key=lambda e: (-e.crystals, e.symbol))[:EXAMPLES]
    tables = tuple(
        ((what, "crystals", "atoms"), [[e.symbol, f"{e.crystals:,}", f"{e.atoms:,}"] for e in chosen])
        for what, chosen in (("most frequent", common), ("rarest", rare))
    )
    unknown = [e.symbol for e in health.elements if not e.has_features]
    after = f"Without features: {', '.join(unknown)}." if unknown else "Every element has features."
    return Section("Elements", tables=tables if len(health.elements) > EXAMPLES else tables[:1], after=after, figure="elements")
