"""Explanations as text: a summary for the terminal, and a markdown page with figures, from records alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os.path import relpath
from pathlib import Path
from urllib.parse import quote

from tabulate import tabulate

from benchmark.explain.enrichment.log_odds import FEWEST_COUNTS
from benchmark.explain.node_types import F_BLOCK
from benchmark.explain.pages import cross_checks
from benchmark.explain.pages.commands import Directories
from benchmark.explain.pages.conclusions import POOR, details, in_short
from benchmark.explain.pages.figures import figures
from benchmark.explain.pages.motifs import BY_SEED
from benchmark.explain.pages.settings import explained_network, heading, search_differences
from benchmark.explain.pages.tables import tables
from benchmark.explain.pages.web import web_page
from benchmark.explain.seed_groups import SeedGroup
from benchmark.rendering.commands import code
from benchmark.rendering.plotly_script import write_plotly
from benchmark.rendering.text import escape, origins, require_own
from benchmark.results.store import write_atomically
from benchmark.statistics.comparisons import ALPHA

TITLE = "# What networks have learnt of "

GUIDE = "Six questions to ask of such a page, in plain words: `docs/read-explanation.md`."

RULES = f"""A policy grows graphs, bond by bond, that the classifier takes for the class (XGNN: Yuan et al., KDD 2020). The
classifier sees node types and which atoms are neighbours, nothing else: each atom receives from its 4 nearest other atoms
within 5 Å. Low is a target of at most the median of the training crystals. {F_BLOCK.capitalize()}.

Log-odds compare how often explanations hold a motif with how often random graphs of as many atoms and bonds do. For node types
and bonds there is a second comparison: their shares among the atoms and bonds, against the training crystals. Graphs of one
round come from one policy and are alike, so each counts for less than one in the test (design effect: Rao & Scott 1992), and
the degrees of freedom of the t-test are those of the rounds. p is corrected (Holm) for all motifs of a class with the same
comparison, or for all findings on the target. An interval is of one motif alone: it may lie above 0 where p (Holm) is above
{ALPHA:g}. Only p (Holm) decides what a page calls shown, preferred or significant.

Beyond size and composition: a network prefers a motif only if it is more frequent in the explanations than in two kinds of
random graphs of the same sizes. The first kind has node types as frequent as in the training crystals of the class: so the
composition of the data does not explain the motif. The second kind is drawn by the search before it has learnt anything: so
the way the search begins does not explain the motif. Both must hold, and p is the larger of the two; log-odds and interval are
of the first kind. With several seeds a table gives p of each, for the motifs that are significant with one seed or more: those
with most seeds first, at most {BY_SEED} unless more are significant with every seed.

Without a network: beside it stands the same motif counted in training crystals, as the share of the crystals of the class that
hold it and the share of the others. A count shows a motif where its p, after Holm's correction for all motifs counted,
is below {ALPHA:g}; a motif in fewer than {FEWEST_COUNTS} crystals is not tested. What a count shows is known without a network,
and to find it in explanations says nothing about the network. (Crystals of the classes also differ in size.)

A published finding compares atoms or bonds of one class with those of the other. It is counted likewise: in explanations, in
training crystals, in random graphs of the same sizes, and beyond size and composition. "High: periods 1–3" and "low: periods
4–7" are one statement. A test says what this classifier takes for a class, not what nature does."""


def write_page(task: str, found: Sequence[SeedGroup], where: Directories) -> list[Path]:
    """Write `<task>.md`, its figures `<task>/*.png` and `figures.html`, each atomically; returns the paths, the page first.

    The plotting library of the web page lies beside the pages of all tasks, once.

    Raises:
        InputError: a page that is no such report stands in the way.
    """
    root = where.page
    require_own_page(root, task)
    page, folder = root / f"{task}.md", root / task
    files = {
        folder / f"{figure_name(group)}-{name}.png": image
        for group in found
        for name, image in figures(group.first, group.explanations).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    library = write_plotly(root)
    title, lines = f"{TITLE.lstrip('# ')}{task}", [[*in_short(group), *details(group)] for group in found]
    shown = web_page(title, found, lines, f"../{quote(page.name)}", Path(relpath(library, folder)).as_posix())
    files[folder / "figures.html"] = shown.encode()
    for path, data in files.items():
        write_atomically(path, data)
    write_atomically(page, page_text(task, found, where).encode())
    return [page, *files, library]


def require_own_page(root: Path, task: str) -> None:
    """Raise InputError where a person's own page would be replaced."""
    page = root / f"{task}.md"
    require_own(page, TITLE, "no report of explanations", "directory with --page")


def figure_name(group: SeedGroup) -> str:
    """What the names of a group's figures begin with."""
    return f"{group.first.experiment.model}-{group.first.experiment.group}-{group.first.per_class}"


def page_text(task: str, found: Sequence[SeedGroup], where: Directories) -> str:
    """The markdown page."""
    folder = quote(task.split("/")[-1])
    parts = [f"{TITLE}{escape(task)}", "## In short", *(_listed(group, in_short(group)) for group in found)]
    parts += ["## Details", *(_listed(group, details(group)) for group in found)]
    parts += [f"Again: {code(where.again(found))}"]
    parts += [f"Interactive figures, in `{folder}/figures.html`, are written by {where.figures()}."]
    parts += ["## How to read it", GUIDE, *(escape(paragraph) for paragraph in RULES.split("\n\n"))]
    if any(result.cross_checks for group in found for result in group.results):
        parts += [escape(paragraph) for paragraph in cross_checks.RULES.split("\n\n")]
    for group in found:
        parts += [f"## {escape(heading(group))}", escape(explained_network(group))]
        if not group.good:
            parts.append(f"**{POOR}**")
        for header, rows in tables(group):
            cells = [[escape(cell) for cell in row] for row in rows]
            parts.append(tabulate(cells, header, tablefmt="github", disable_numparse=True))
        parts += [f"![{title}]({folder}/{quote(figure_name(group))}-{name}.png)" for name, title in FIGURES.items()]
        parts.append(escape(search_differences(group)))
        parts.append(origins(result.classifier for result in group.results))
    return "\n\n".join(parts) + "\n"


def _listed(group: SeedGroup, lines: Iterable[str]) -> str:
    return f"**{escape(heading(group))}**\n\n" + "\n".join(f"- {escape(line)}" for line in lines)


FIGURES = {
    "node-types": "Share of the atoms with each node type in the explanations of either class, and in the training crystals",
    "pairs": "Share of the bonds between each two node types in the explanations of either class",
    "graphs": "Explanations with the highest probability",
}


def summary(group: SeedGroup) -> str:
    """What is on the page, for the terminal."""
    parts = [heading(group), "\n".join(f"- {line}" for line in (*in_short(group), *details(group)))]
    parts += [tabulate(rows, header, disable_numparse=True) for header, rows in tables(group)]
    return "\n\n".join(parts)
