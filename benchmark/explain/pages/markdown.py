"""Explanations as text: a summary for the terminal, and a markdown page with figures, from records alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os.path import relpath
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from tabulate import tabulate

from benchmark.explain.experiments import Contest, contests
from benchmark.explain.node_types import F_BLOCK
from benchmark.explain.pages import cross_checks
from benchmark.explain.pages.cross_checks import Table
from benchmark.explain.pages.figures import figures
from benchmark.explain.pages.web import web_page
from benchmark.explain.records import CLASSES, GOOD_AUC, Against, ClassName, Enrichment, Explained, MotifKind, Verdict
from benchmark.explain.stability import rank_correlations
from benchmark.explain.store import ExplanationStore
from benchmark.rendering.plotly_script import write_plotly
from benchmark.rendering.text import chance, count, escape, interval, origins, require_own
from benchmark.results.store import write_atomically
from benchmark.statistics.comparisons import ALPHA
from datasets.errors import InputError

TITLE = "# What networks have learnt of "

SHOWN = 8
"""Motifs of a kind in a table."""

EASY = 0.5
"""Share of random graphs that reach the probability from which on it is worth a sentence."""

AGAINST: tuple[Against, ...] = ("random graphs", "training crystals")

RULES = f"""A class is explained by graphs that a policy grows bond by bond and that the classifier takes for that class
(XGNN: Yuan et al., KDD 2020). The classifier sees labels and which atoms are neighbours, nothing else: each atom receives
from its 4 nearest other atoms within 5 Å. Low is a target of at most the median of the training crystals.
{F_BLOCK.capitalize()}.

Log-odds are of explanations that hold the motif, against random valid graphs with as many atoms and bonds; or of atoms with
the label and bonds with the pair, against those of the training crystals. Graphs of one round come from one policy and may be
alike: counts are divided by their design effect (Rao & Scott 1992), and the t-test has as many clusters as there are rounds
with an explanation. p is Holm's, for all motifs of a class against the same. A published finding is tested likewise, on the
atoms or bonds of the explanations of its class against those of the other class: it is reproduced where, with every seed, the
95 % interval of the log-odds lies above 0. "High: periods 1–3" and "low: periods 4–7" are then one statement. A test says
what this classifier takes for a class, given a search that begins with labels as frequent as in the training crystals; not
what nature does."""


def write_page(store: ExplanationStore, task: str, root: Path, command: str) -> list[Path]:
    """Write `root/<task>.md`, its figures `root/<task>/*.png` and `figures.html`, each atomically; returns the paths.

    The plotting library of the web page lies in `root`, once. The page is the first of the paths.

    Raises:
        InputError: there is no answer for the task, or a page that is no such report stands in the way.
    """
    require_own_page(root, task)
    found, page, folder = contests(store, task), root / f"{task}.md", root / task
    if not found:
        raise InputError(f"{store.root} has no explanations of {task}; run `python -m benchmark explain --task {task}` first")
    files = {
        folder / f"{figure_name(contest)}-{name}.png": image
        for contest in found
        for name, image in figures(contest.first, contest.explanations).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    library = write_plotly(root)
    title, lines = f"{TITLE.lstrip('# ')}{task}", [list(conclusions(contest)) for contest in found]
    shown = web_page(title, found, lines, f"../{quote(page.name)}", Path(relpath(library, folder)).as_posix())
    files[folder / "figures.html"] = shown.encode()
    for path, data in files.items():
        write_atomically(path, data)
    write_atomically(page, page_text(task, found, command).encode())
    return [page, *files, library]


def require_own_page(root: Path, task: str) -> None:
    """Raise InputError where a person's own page would be replaced."""
    page = root / f"{task}.md"
    require_own(page, TITLE, "no report of explanations", "directory with --page")


def figure_name(contest: Contest) -> str:
    """What the names of a contest's figures begin with."""
    return f"{contest.first.question.model}-{contest.first.question.contest}-{contest.first.per_class}"


def page_text(task: str, found: Sequence[Contest], command: str) -> str:
    """The markdown page."""
    parts = [f"{TITLE}{escape(task)}", f"Again: `{command}`"]
    folder = quote(task.split("/")[-1])
    parts += [f"The figures to point at, and more of them: [figures.html]({folder}/figures.html).", "## What was found"]
    for contest in found:
        lines = "\n".join(f"- {escape(line)}" for line in conclusions(contest))
        parts.append(f"**{escape(contest.title)}**\n\n{lines}")
    parts += ["## How to read it", escape(RULES)]
    if any(answer.cross_checks for contest in found for answer in contest.answers):
        parts.append(escape(cross_checks.RULES))
    for contest in found:
        parts.append(f"## {escape(contest.title)}")
        if not contest.good:
            parts.append(f"**{POOR}**")
        for header, rows in tables(contest):
            cells = [[escape(cell) for cell in row] for row in rows]
            parts.append(tabulate(cells, header, tablefmt="github", disable_numparse=True))
        parts += [f"![{title}]({folder}/{quote(figure_name(contest))}-{name}.png)" for name, title in FIGURES.items()]
        parts.append(origins(answer.classifier for answer in contest.answers))
    return "\n\n".join(parts) + "\n"


FIGURES = {
    "labels": "Share of the atoms with each label in the explanations of either class, and in the training crystals",
    "pairs": "Share of the bonds between each two labels in the explanations of either class",
    "graphs": "Explanations with the highest probability",
}

POOR = f"The classifier is poor (AUC below {GOOD_AUC}): these are explanations of a network that has not learnt the classes."


def summary(contest: Contest) -> str:
    """Conclusions and tables, for the terminal."""
    parts = [contest.title, "\n".join(f"- {line}" for line in conclusions(contest))]
    parts += [tabulate(rows, header, disable_numparse=True) for header, rows in tables(contest)]
    return "\n\n".join(parts)


# -- what was found ---------------------------------------------------------------------------------


def conclusions(contest: Contest) -> Iterator[str]:
    """One sentence for each thing to know, the gravest first."""
    if not contest.good:
        yield POOR
    worst = min((answer.classifier.quality for answer in contest.answers), key=lambda q: q.auc)
    yield (
        f"The classifier tells test crystals above the median from the others with an AUC of {worst.auc:.3f} "
        f"({interval(*worst.auc_interval)}), accuracy {worst.accuracy:.3f}, calibration error {worst.calibration_error:.3f}"
        f"{' (the worst of the seeds)' if len(contest.answers) > 1 else ''}."
    )
    for name in CLASSES:
        yield from _class_conclusions(contest, name)
    if len(contest.answers) > 1:
        values = [
            value for name in CLASSES for value in rank_correlations([a.of(name) for a in contest.answers]) if value is not None
        ]
        if values:
            yield (
                f"Rank correlation of the enrichments of two seeds, both classes: mean {sum(values) / len(values):.2f}, "
                f"{min(values):.2f} to {max(values):.2f}."
            )
    numbers = range(len(contest.first.verdicts))
    every = " with every seed" if len(contest.answers) > 1 else ""
    if numbers:
        tested = sum(all(answer.verdicts[number].interval is not None for answer in contest.answers) for number in numbers)
        held = sum(reproduced(contest, number) for number in numbers)
        yield (
            f"Of {count(len(numbers), 'published finding')} on this target, {tested} could be tested{every}, and {held} "
            f"{'is' if held == 1 else 'are'} reproduced{every}, each as one class against the other."
        )
    yield from cross_checks.conclusions(contest)


def _class_conclusions(contest: Contest, name: ClassName) -> Iterator[str]:
    results = [answer.of(name) for answer in contest.answers]
    said: dict[str, list[str]] = {}
    for answer, result in zip(contest.answers, results, strict=True):
        lines = [f"the search stopped: {result.stopped}."] if result.stopped else []
        lines += [f"nothing was tested: {result.untested}."] if result.untested else []
        for line in lines:
            said.setdefault(line, []).append(str(answer.question.seed))
    for line, seeds in said.items():
        which = f"{name}, seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}" if len(results) > 1 else name
        yield f"{which}: {line}"
    easy = [result.random_reached for result in results if result.random_reached is not None]
    if easy and max(easy) >= EASY:
        span = f"{min(easy):.0%} to {max(easy):.0%}" if len(easy) > 1 else f"{easy[0]:.0%}"
        yield (
            f"{name}: {span} of random graphs of the same sizes reach the probability too: many graphs are taken for {name}, "
            "and an enrichment says little."
        )
    results = [result for result in results if result.enrichments]
    every = " with every seed" if len(results) > 1 else ""
    if 0 < len(results) < len(contest.answers):
        every = f" with {'each of the ' * (len(results) > 1)}{count(len(results), 'seed')} tested"
    for sign, word in ((1, "more"), (-1, "less")):
        alike = [significant(result.enrichments, sign) for result in results]
        motifs = [one for one in alike[0] if all(one in other for other in alike[1:])] if alike else []
        if motifs:
            more = f" and {count(len(motifs) - SHOWN, 'other')}" if len(motifs) > SHOWN else ""
            yield f"{name} has {word} of {', '.join(motifs[:SHOWN])}{more} than random graphs{every}."
        elif sign > 0 and results:
            yield f"{name}: no motif is significantly more frequent than in random graphs{every}."


def significant(found: Sequence[Enrichment], sign: int) -> list[str]:
    """Names of the motifs that random graphs hold significantly less (sign 1) or more (-1), the surest first."""
    chosen = [e for e in found if e.against == "random graphs" and e.p_holm < ALPHA and e.log_odds * sign > 0]
    return [motif_name(e) for e in sorted(chosen, key=lambda e: e.p)]


def motif_name(found: Enrichment) -> str:
    """`16`, `1–16`, `triangle 1–8–16`."""
    name = "–".join(map(str, found.labels))
    return f"triangle {name}" if found.kind == "triangle" else f"bond {name}" if found.kind == "pair" else f"label {name}"


def reproduced(contest: Contest, number: int) -> bool:
    """Whether, with every seed, the interval of a published finding lies above 0."""
    return all(_holds(answer.verdicts[number]) for answer in contest.answers)


def _holds(verdict: Verdict) -> bool:
    return verdict.interval is not None and verdict.interval[0] > 0


# -- tables -----------------------------------------------------------------------------------------


def tables(contest: Contest) -> Iterator[Table]:
    """In the order of the page."""
    yield _classifiers(contest)
    yield _searches(contest)
    for name in CLASSES:
        for against in AGAINST:
            rows = _enrichments(contest.first, name, against)
            if rows:
                seed = contest.first.question.seed
                header = (f"{name}, against {against} (seed {seed})", "has it", "others", "log-odds", "95 %", "p (Holm)")
                yield header, rows
    if contest.first.verdicts:
        yield _verdicts(contest)
    yield from cross_checks.tables(contest)


def _classifiers(contest: Contest) -> Table:
    header = (
        "seed", "median", "fitted to", "tested on", "accuracy", "AUC", "95 %", "calibration error",
        "agrees with the regressor", "training",
    )  # fmt: skip
    rows = []
    for answer in contest.answers:
        record = answer.classifier
        q, agrees = record.quality, record.agreement
        kappa = f" (κ {agrees.kappa:.2f})" if agrees and agrees.kappa is not None else ""
        rows.append([
            str(record.question.seed), f"{record.threshold:.4g} {record.question.unit}", f"{record.n_fitted:,}", f"{q.n:,}",
            f"{q.accuracy:.3f}", f"{q.auc:.3f}", interval(*q.auc_interval), f"{q.calibration_error:.3f}",
            f"{agrees.share:.3f}{kappa}, {agrees.regressor}" if agrees else "", f"{record.fit_s:.0f} s",
        ])  # fmt: skip
    return header, rows


def _searches(contest: Contest) -> Table:
    header = (
        "seed", "class", "explanations", "tried", "reached", "rounds", "mean probability", "of random graphs",
        "random graphs that reach it", "search",
    )  # fmt: skip
    rows = []
    for answer in contest.answers:
        for result in (answer.low, answer.high):
            share = result.reached / result.attempts if result.attempts else 0.0
            rows.append([
                str(answer.question.seed), result.class_name, f"{result.found} of {result.asked}", f"{result.attempts:,}",
                f"{result.reached:,} ({share:.1%})", str(result.rounds), _number(result.mean_probability),
                _number(result.random_probability), _percent(result.random_reached), f"{result.seconds:.0f} s",
            ])  # fmt: skip
    return header, rows


def _enrichments(answer: Explained, name: ClassName, against: Against) -> list[list[str]]:
    rows = []
    for kind in get_args(MotifKind):
        chosen = [e for e in answer.of(name).enrichments if (e.kind, e.against) == (kind, against)]
        for e in sorted(chosen, key=lambda e: e.p)[:SHOWN]:
            rows.append([
                motif_name(e), f"{e.count:,} of {e.total:,}", f"{e.other_count:,} of {e.other_total:,}", f"{e.log_odds:+.2f}",
                interval(*e.interval), chance(e.p_holm),
            ])  # fmt: skip
    return rows


def _verdicts(contest: Contest) -> Table:
    header = ("published finding", *(f"seed {answer.question.seed}" for answer in contest.answers), "reproduced")
    rows = []
    for number, verdict in enumerate(contest.first.verdicts):
        cells = [_verdict_cell(answer.verdicts[number]) for answer in contest.answers]
        rows.append([verdict.finding, *cells, _reproduced(contest, number)])
    return header, rows


def _reproduced(contest: Contest, number: int) -> str:
    tested = [answer.verdicts[number] for answer in contest.answers if answer.verdicts[number].interval is not None]
    if not tested:
        return "not tested"
    if reproduced(contest, number):
        return "yes"
    return f"with {sum(map(_holds, tested))} of {count(len(tested), 'seed')} tested"


def _verdict_cell(verdict: Verdict) -> str:
    if verdict.log_odds is None or verdict.interval is None:
        return "not tested"
    return f"{verdict.log_odds:+.2f} ({interval(*verdict.interval)})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
