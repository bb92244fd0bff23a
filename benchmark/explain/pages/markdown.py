"""Explanations as text: a summary for the terminal, and a markdown page with figures, from records alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os.path import relpath
from pathlib import Path
from urllib.parse import quote

from tabulate import tabulate

from benchmark.explain.node_types import F_BLOCK
from benchmark.explain.pages import cross_checks
from benchmark.explain.pages.commands import Directories
from benchmark.explain.pages.figures import figures
from benchmark.explain.pages.settings import explained_network, search_differences
from benchmark.explain.pages.tables import SHOWN, beyond, motif_name, tables
from benchmark.explain.pages.web import web_page
from benchmark.explain.records import CLASSES, GOOD_AUC, ClassName, ClassResult
from benchmark.explain.seed_groups import SeedGroup, rank_correlations
from benchmark.explain.statements import Enrichment
from benchmark.rendering.commands import code
from benchmark.rendering.plotly_script import write_plotly
from benchmark.rendering.text import count, escape, interval, origins, require_own
from benchmark.results.store import write_atomically
from benchmark.statistics.comparisons import ALPHA

TITLE = "# What networks have learnt of "

EASY = 0.5
"""Share of random graphs that reach the probability from which on it is worth a sentence."""

GUIDE = "Five questions to ask of such a page, in plain words: `docs/read-explanation.md`."

RULES = f"""A class is explained by graphs that a policy grows bond by bond and that the classifier takes for that class
(XGNN: Yuan et al., KDD 2020). The classifier sees node types and which atoms are neighbours, nothing else: each atom receives
from its 4 nearest other atoms within 5 Å. Low is a target of at most the median of the training crystals.
{F_BLOCK.capitalize()}.

Log-odds are of explanations that hold the motif, against random valid graphs with as many atoms and bonds; or of atoms with
the node type and bonds with the pair, against those of the training crystals. Graphs of one round come from one policy and may
be alike: counts are divided by their design effect (Rao & Scott 1992), and the t-test has as many clusters as there are rounds
with an explanation. p is Holm's, for all motifs of a class against the same, or for all findings on the page's target.

Beyond size and composition: a network prefers a motif only if it is more frequent in the explanations than in two kinds of
random graphs of the same sizes: with node types as frequent as in the training crystals of the class, and as the search draws
them. p is the larger of the two (an intersection-union test). The first says that the composition of the data does
not give it, the second that the start of the search does not. Beside it stands the same motif counted on training crystals,
without a network: the share of the crystals of the class that hold it and of those of the other class (classes also differ in
the size of their crystals). What holds there is known without a network, and an explanation that shows it says nothing about
the network. A published finding is of atoms or bonds of one class against those of the other, and is counted likewise: on
explanations, on training crystals, on random graphs of the same sizes, and beyond size and composition. "High: periods 1–3" and
"low: periods 4–7" are one statement. A test says what this classifier takes for a class, not what nature does."""


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
    title, lines = f"{TITLE.lstrip('# ')}{task}", [list(conclusions(group)) for group in found]
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
    parts = [f"{TITLE}{escape(task)}", f"Again: {code(where.again(found))}"]
    folder = quote(task.split("/")[-1])
    parts += [f"Interactive figures, in `{folder}/figures.html`, are written by {where.figures()}.", "## What was found"]
    for group in found:
        lines = "\n".join(f"- {escape(line)}" for line in conclusions(group))
        parts.append(f"**{escape(group.title)}**\n\n{lines}")
    parts += ["## How to read it", GUIDE, *(escape(paragraph) for paragraph in RULES.split("\n\n"))]
    if any(result.cross_checks for group in found for result in group.results):
        parts.append(escape(cross_checks.RULES))
    for group in found:
        parts += [f"## {escape(group.title)}", escape(f"{explained_network(group)} {search_differences(group)}")]
        if not group.good:
            parts.append(f"**{POOR}**")
        for header, rows in tables(group):
            cells = [[escape(cell) for cell in row] for row in rows]
            parts.append(tabulate(cells, header, tablefmt="github", disable_numparse=True))
        parts += [f"![{title}]({folder}/{quote(figure_name(group))}-{name}.png)" for name, title in FIGURES.items()]
        parts.append(origins(result.classifier for result in group.results))
    return "\n\n".join(parts) + "\n"


FIGURES = {
    "node-types": "Share of the atoms with each node type in the explanations of either class, and in the training crystals",
    "pairs": "Share of the bonds between each two node types in the explanations of either class",
    "graphs": "Explanations with the highest probability",
}

POOR = f"The classifier is poor (AUC below {GOOD_AUC}): these are explanations of a network that has not learnt the classes."


def summary(group: SeedGroup) -> str:
    """Conclusions and tables, for the terminal."""
    parts = [group.title, "\n".join(f"- {line}" for line in conclusions(group))]
    parts += [tabulate(rows, header, disable_numparse=True) for header, rows in tables(group)]
    return "\n\n".join(parts)


# -- what was found ---------------------------------------------------------------------------------


def conclusions(group: SeedGroup) -> Iterator[str]:
    """One sentence for each thing to know, the gravest first."""
    if not group.good:
        yield POOR
    worst = min((result.classifier.quality for result in group.results), key=lambda q: q.auc)
    yield (
        f"The classifier tells test crystals above the median from the others with an AUC of {worst.auc:.3f} "
        f"({interval(*worst.auc_interval)}), accuracy {worst.accuracy:.3f}, calibration error {worst.calibration_error:.3f}"
        f"{' (of the seed with the lowest AUC)' if len(group.results) > 1 else ''}."
    )
    for name in CLASSES:
        yield from _class_conclusions(group, name)
    if len(group.results) > 1:
        values = [
            value for name in CLASSES for value in rank_correlations([a.of(name) for a in group.results]) if value is not None
        ]
        if values:
            yield (
                f"Rank correlation of the enrichments of two seeds, both classes: mean {sum(values) / len(values):.2f}, "
                f"{min(values):.2f} to {max(values):.2f}."
            )
    yield from _finding_conclusions(group)
    yield from cross_checks.conclusions(group)


def _finding_conclusions(group: SeedGroup) -> Iterator[str]:
    """Published findings: what holds without a network, and what is the network's."""
    tests = group.first.finding_tests
    if not tests or all(one.crystals is None for one in tests):
        return
    known = sum(bool(one.crystals and one.crystals.holds) for one in tests)
    seeds = len(group.results)
    every = " with every seed" if seeds > 1 else ""
    sure = [one.finding for number, one in enumerate(tests) if len(beyond(group, number)) == seeds]
    shown = f"the explanations show {', '.join(sure)}{every}" if sure else f"the explanations show none of them{every}"
    if not any(result.finding_tests[number].beyond for result in group.results for number in range(len(tests))):
        shown = "nothing could be tested"
    counted = f"{known or 'none'} hold{'s' * (known < 2)} of the training crystals counted without a network"
    so = " To find such a one again says nothing about a network." if known else ""
    yield f"Of {count(len(tests), 'published finding')} on this target, {counted}.{so} Beyond size and composition, {shown}."


def _class_conclusions(group: SeedGroup, name: ClassName) -> Iterator[str]:
    classes = [result.of(name) for result in group.results]
    said: dict[str, list[str]] = {}
    for result, of_class in zip(group.results, classes, strict=True):
        lines = [f"the search stopped: {of_class.stopped}."] if of_class.stopped else []
        lines += [f"nothing was tested: {of_class.untested}."] if of_class.untested else []
        for line in lines:
            said.setdefault(line, []).append(str(result.experiment.seed))
    for line, seeds in said.items():
        which = f"{name}, seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}" if len(classes) > 1 else name
        yield f"{which}: {line}"
    easy = [one.random_reached for one in classes if one.random_reached is not None]
    if easy and max(easy) >= EASY:
        span = f"{min(easy):.0%} to {max(easy):.0%}" if len(easy) > 1 else f"{easy[0]:.0%}"
        yield (
            f"{name}: {span} of random graphs of the same sizes reach the probability too: many graphs are taken for {name}, "
            "and an enrichment says little."
        )
    classes = [one for one in classes if one.enrichments]
    every = " with every seed" if len(classes) > 1 else ""
    if 0 < len(classes) < len(group.results):
        every = f" with {'each of the ' * (len(classes) > 1)}{count(len(classes), 'seed')} tested"
    for sign, word in ((1, "more"), (-1, "less")):
        alike = [significant(result.enrichments, sign) for result in classes]
        motifs = [one for one in alike[0] if all(one in other for other in alike[1:])] if alike else []
        if motifs:
            more = f" and {count(len(motifs) - SHOWN, 'other')}" if len(motifs) > SHOWN else ""
            known = in_crystals(classes[0], motifs, sign)
            yield (
                f"{name}: beyond size and composition the network wants {word} of {', '.join(motifs[:SHOWN])}{more}{every}; "
                f"{known} of {len(motifs)} {'hold' if known != 1 else 'holds'} of the training crystals too, without a network."
            )
        elif sign > 0 and classes:
            yield f"{name}: no motif is shown to be preferred beyond size and composition{every}."


def significant(found: Sequence[Enrichment], sign: int) -> list[str]:
    """Names of the motifs that are significantly more (sign 1) or less (-1) frequent than size and composition give, the surest
    first."""
    chosen = [e for e in found if e.against == "size and composition" and e.p_holm < ALPHA and e.log_odds * sign > 0]
    return [motif_name(e) for e in sorted(chosen, key=lambda e: e.p)]


def in_crystals(result: ClassResult, motifs: Sequence[str], sign: int) -> int:
    """How many of these motifs the training crystals of the class hold significantly more (or less) often than the others."""
    own = [e for e in result.enrichments if e.against == "the other class's crystals" and e.p_holm < ALPHA]
    return len({motif_name(e) for e in own if e.log_odds * sign > 0} & set(motifs))
