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
from benchmark.explain.pages.conclusions import details, in_short, poor
from benchmark.explain.pages.elements import all_elements
from benchmark.explain.pages.figures import figure
from benchmark.explain.pages.motifs import BY_SEED
from benchmark.explain.pages.settings import explained_network, heading, search_differences
from benchmark.explain.pages.tables import tables
from benchmark.explain.pages.web import web_page
from benchmark.explain.seed_groups import SeedGroup
from benchmark.rendering.commands import code
from benchmark.rendering.plotly_script import write_plotly
from benchmark.rendering.text import MARKED, escape, origins, require_own
from benchmark.results.store import write_atomically
from benchmark.statistics.comparisons import ALPHA

TITLE = "# What networks have learnt of "

WORDS = (
    "Low and high: the target is below or above the median of the training crystals. A motif is a {kinds} of the periodic "
    "table, a bond between two of them, or a triangle of bonded atoms. Found: more frequent in the explanations than the size "
    "and the composition of the graphs explain.{floor} Six questions help to judge a finding: `docs/read-explanation.md`."
)
"""What the lines in short take for granted."""

FLOOR = " Floor {0}: the search counts every probability below {0} as {0} (published: no floor)."
"""What the headings take for granted."""

RULES = f"""XGNN (Yuan et al., KDD 2020) trains a policy that grows graphs, bond by bond, which the classifier puts into the
class. The classifier sees only node types and which atoms are neighbours: each atom receives messages from its 4 nearest other
atoms within 5 Å. Low: the target is at most the median of the training crystals. {F_BLOCK.capitalize()}.

Log-odds compare two shares: of the explanations with a motif, and of random graphs with it. The random graphs have as many
atoms and bonds as the explanations. Node types and bonds are also compared with the training crystals, as shares of all atoms
and of all bonds. Graphs of one round are alike, as one policy grew them. So each counts for less than one graph in the test
(design effect: Rao & Scott 1992), and the t-test has the degrees of freedom of the rounds. p is corrected (Holm) for all
motifs of a class with the same comparison, or for all findings on the target. An interval is of one motif alone, without the
correction: it may lie above 0 where p (Holm) is above {ALPHA:g}. Only p (Holm) decides what a page calls shown, preferred or
significant.

Beyond size and composition: a network prefers a motif only if the motif is more frequent in the explanations than in two kinds
of random graphs of the same sizes. The first kind has node types as frequent as in the training crystals of the class: then
the composition of the data does not explain the motif. The second kind is drawn by the search before it has learnt anything:
then the start of the search does not explain the motif. Both must be shown: p is the larger of the two. Log-odds and interval
are of the first kind. With several seeds a table gives the p of each seed, for motifs that are significant with at least one
seed. It has the motifs that are significant with every seed, and at least {BY_SEED} rows if there are so many motifs.

Without a network: the same motif is counted in the training crystals. The table has the share of the crystals of the class
with the motif, and the same share of the other class. The count shows a motif if its p is below {ALPHA:g} after Holm's
correction for all motifs counted. A motif in fewer than {FEWEST_COUNTS} crystals is not tested. If the count shows a motif, it
is known without a network: then the explanations say nothing new. (Crystals of the two classes also differ in size.)

A published finding compares atoms or bonds of one class with those of the other class. It is tested in four ways: in the
explanations; in the training crystals; in random graphs of the same sizes; and in the explanations again, after the part that
size and composition explain is taken out. "High: periods 1–3" and "low: periods 4–7" are one statement. A test is about this
classifier, not about nature."""


def write_page(task: str, found: Sequence[SeedGroup], where: Directories) -> list[Path]:
    """Write `<task>.md`, its figures `<task>/*.png` and `figures.html`, each atomically; returns the paths, the page first.

    The plotting library of the web page lies beside the pages of all tasks, once.

    Raises:
        InputError: a page that is no such report stands in the way.
    """
    root = where.page
    require_own_page(root, task)
    page, folder = root / f"{task}.md", root / task
    found = board_size_first(found)
    files = {folder / f"{figure_name(group)}.png": figure(group.first, group.explanations) for group in found}
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


def board_size_first(found: Sequence[SeedGroup]) -> list[SeedGroup]:
    """The groups as a page shows them: networks of the size of the boards, then smaller ones."""
    return sorted(found, key=lambda group: group.first.experiment.network in MARKED)


def figure_name(group: SeedGroup) -> str:
    """Of a group's figure, without its ending."""
    return f"{group.first.experiment.model}-{group.first.experiment.group}-{group.first.per_class}"


def page_text(task: str, found: Sequence[SeedGroup], where: Directories) -> str:
    """The markdown page."""
    folder, found = quote(task.split("/")[-1]), board_size_first(found)
    parts = [f"{TITLE}{escape(task)}", "## In short", *(_listed(group, in_short(group)) for group in found)]
    kinds = dict.fromkeys(group.first.experiment.node_types for group in found)
    floors = dict.fromkeys(floor for group in found if (floor := group.first.experiment.search.get("floor")))
    words = WORDS.format(kinds=" or ".join(kinds), floor="".join(FLOOR.format(f"{floor:g}") for floor in floors))
    parts += [words, "## Details", *(_listed(group, details(group)) for group in found)]
    parts += [f"Again: {code(where.again(found))}", where.figures(folder)]
    parts += ["## How to read it", *(escape(paragraph) for paragraph in RULES.split("\n\n")), *map(all_elements, kinds)]
    if any(result.cross_checks for group in found for result in group.results):
        parts += [escape(paragraph) for paragraph in cross_checks.RULES.split("\n\n")]
    for group in found:
        parts += [f"## {escape(heading(group))}", escape(explained_network(group))]
        if weak := poor(group):
            parts.append(f"**{escape(weak)}**")
        for header, rows in tables(group):
            cells = [[escape(cell) for cell in row] for row in rows]
            parts.append(tabulate(cells, header, tablefmt="github", disable_numparse=True))
        parts += [f"![{CAPTION}]({folder}/{quote(figure_name(group))}.png)", f"{CAPTION}."]
        parts.append(escape(search_differences(group)))
        parts.append(origins(result.classifier for result in group.results))
    return "\n\n".join(parts) + "\n"


def _listed(group: SeedGroup, lines: Iterable[str]) -> str:
    weak = poor(group)
    told = (f"**{escape(line)}**" if weak and weak in line else escape(line) for line in lines)
    return f"**{escape(heading(group))}**\n\n" + "\n".join(f"- {line}" for line in told)


CAPTION = (
    "Top: share of the atoms with each node type, in the explanations of either class and in the training crystals; middle: "
    "share of the bonds between each two node types, in the explanations; bottom: the explanations with the highest probability"
)


def all_tables(group: SeedGroup) -> str:
    """The tables of the page, for the terminal."""
    return "\n\n".join([heading(group), *(tabulate(rows, header, disable_numparse=True) for header, rows in tables(group))])


def summary(group: SeedGroup) -> str:
    """What the page says in short and in detail, for the terminal: what matters most comes last."""
    lines = [*details(group), "", "In short:", *in_short(group)]
    return "\n".join([heading(group), "", *(f"- {line}" if line and line != "In short:" else line for line in lines)])
