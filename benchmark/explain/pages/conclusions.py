"""What explanations say, in sentences: in short for everybody, and in detail. From records alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from benchmark.explain.pages import cross_checks
from benchmark.explain.pages.motifs import in_crystals, shared, shown_part, told_by_crystals
from benchmark.explain.pages.tables import SHOWN, beyond, shown_findings
from benchmark.explain.records import CLASSES, GOOD_AUC, ClassName, ClassResult
from benchmark.explain.seed_groups import SeedGroup, rank_correlations
from benchmark.rendering.text import count, in_unit, interval

EASY = 0.5
"""Share of random graphs that reach the probability from which on it is worth a sentence."""

TOO_FEW_ROUNDS = re.compile(r"graphs of one round may be alike, and they are of (\d+) rounds, where (\d+) are needed")
"""What records say where too few rounds found something."""

POOR = f"The classifier is poor (AUC below {GOOD_AUC}): these are explanations of a network that has not learnt the classes."


def in_short(group: SeedGroup) -> Iterator[str]:
    """A line on the network and one on each class, in plain words."""
    seeds = [result.classifier for result in group.results]
    worst, poor = min(seeds, key=lambda one: one.quality.accuracy), sum(not one.quality.good for one in seeds)
    which = f"The worst of {len(seeds)} networks (seed {worst.experiment.seed})" if len(seeds) > 1 else "The network"
    so = f" {_unlearnt(poor, len(seeds))} the classes, so what follows is not about crystals." if poor else ""
    limits = sorted({f"{one.threshold:.3g}" for one in seeds}, key=float)
    median = in_unit(" to ".join(dict.fromkeys((limits[0], limits[-1]))), group.first.experiment.unit)
    yield (
        f"{which} sorts {worst.quality.accuracy:.0%} of the test crystals into the right class; a guess sorts 50%. Low is up "
        f"to {median}, the median of the training crystals; high is above.{so}"
    )
    for name in CLASSES:
        yield f"{name.capitalize()}: {_class_in_short(group, name)}"


def _unlearnt(poor: int, n: int) -> str:
    if poor == n:
        return "It has not learnt" if n == 1 else "None of them has learnt"
    return f"{poor} of them {'has' if poor == 1 else 'have'} not learnt"


def _class_in_short(group: SeedGroup, name: ClassName) -> str:
    classes = [result.of(name) for result in group.results]
    tested = [one for one in classes if one.enrichments]
    if not tested:
        numbers = sorted({one.found for one in classes})
        span = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
        most = max(classes, key=lambda one: one.found)
        return f"nothing could be tested. The search found {span} of {classes[0].asked} graphs; {_untested(most)}."
    more, less = (shared(tested, sign) for sign in (1, -1))
    who = "the network" if len(classes) == 1 else f"all {len(tested)} networks"
    if len(tested) < len(classes):
        who = f"the {count(len(tested), 'network')} of {len(classes)} that could be tested"
    own = "prefers" if len(tested) == 1 else "prefer"
    if more:
        said = f"{who} {own} {_names(group, more)}, more than the size and the composition of the graphs explain."
        if counted := told_by_crystals(tested[0], more):
            said += f" {_typed(group, counted)}"
    else:
        said = f"no motif is shown to be preferred by {who} beyond what the size and the composition of the graphs explain."
    if less:
        said += f" Avoided: {_names(group, less)}."
    if easy := _easy(classes):
        said += f" Caution: most random graphs (up to {max(easy):.0%}) count as {name} too."
    return said


def _easy(classes: Sequence[ClassResult]) -> list[float]:
    """Shares of random graphs that reach the probability, one a seed; empty where no seed has enough of them to say so."""
    shares = [one.random_reached for one in classes if one.random_reached is not None]
    return shares if max(shares, default=0.0) >= EASY else []


def _untested(one: ClassResult) -> str:
    """Why nothing of a class was tested."""

    def told(found: re.Match[str]) -> str:
        if found[1] == "0":
            return "no graph was found"
        rounds = count(int(found[1]), "round")
        return f"the graphs come from {rounds}, and a test needs {found[2]}, as graphs of one round are alike"

    return TOO_FEW_ROUNDS.sub(told, one.untested or "too few graphs were found")


def _names(group: SeedGroup, motifs: Sequence[str]) -> str:
    """The first motifs in a sentence, and how many more there are."""
    more = f" and {count(len(motifs) - SHOWN, 'other')}" if len(motifs) > SHOWN else ""
    return _typed(group, ", ".join(motifs[:SHOWN])) + more


def _typed(group: SeedGroup, text: str) -> str:
    """`group 17` rather than `node type 17`."""
    return text.replace("node type", group.first.experiment.node_types)


def details(group: SeedGroup) -> Iterator[str]:
    """One sentence for each further thing to know, the gravest first."""
    if not group.good:
        yield POOR
    least = min((result.classifier for result in group.results), key=lambda one: one.quality.auc)
    worst, seed = least.quality, least.experiment.seed
    yield (
        f"The classifier tells test crystals above the median from the others with an AUC of {worst.auc:.3f} "
        f"({interval(*worst.auc_interval)}), accuracy {worst.accuracy:.3f}, calibration error {worst.calibration_error:.3f}"
        f"{f' (seed {seed}, the lowest AUC of {len(group.results)} networks)' if len(group.results) > 1 else ''}."
    )
    for name in CLASSES:
        yield from _class_details(group, name)
    if len(group.results) > 1:
        values = [
            value for name in CLASSES for value in rank_correlations([a.of(name) for a in group.results]) if value is not None
        ]
        if values:
            yield (
                f"Rank correlation of the log-odds of two seeds, both classes: mean {sum(values) / len(values):.2f}, "
                f"{min(values):.2f} to {max(values):.2f}."
            )
    yield from _finding_details(group)
    yield from cross_checks.conclusions(group)


def _finding_details(group: SeedGroup) -> Iterator[str]:
    """Published findings: what holds without a network, and what is the network's."""
    numbers = shown_findings(group)
    tests = [group.first.finding_tests[number] for number in numbers]
    if not tests or all(one.crystals is None for one in tests):
        return
    known = sum(bool(one.crystals and one.crystals.holds) for one in tests)
    seeds = len(group.results)
    every = " with every seed" if seeds > 1 else ""
    sure = [group.first.finding_tests[number].finding for number in numbers if len(beyond(group, number)) == seeds]
    shown = f"the explanations show {', '.join(sure)}{every}" if sure else f"the explanations show none of them{every}"
    if not any(result.finding_tests[number].beyond for result in group.results for number in numbers):
        shown = "nothing could be tested"
    counted = f"{known or 'none'} hold{'s' * (known < 2)} of the training crystals counted without a network"
    so = " To find such a one again says nothing about a network." if known else ""
    yield (
        f"Of {count(len(tests), 'published finding')} on this target, {counted}.{so} Beyond size and composition, {shown}. "
        "A finding pools several groups or periods: it may hold where no single motif does."
    )


def _class_details(group: SeedGroup, name: ClassName) -> Iterator[str]:
    """Why a search or a test ended, how many random graphs pass, and how many seeds were tested."""
    classes = [result.of(name) for result in group.results]
    said: dict[str, list[str]] = {}
    for result, of_class in zip(group.results, classes, strict=True):
        lines = [f"the search stopped: {of_class.stopped}."] if of_class.stopped else []
        lines += [f"nothing was tested: {_untested(of_class)}."] if of_class.untested else []
        for line in lines:
            said.setdefault(line, []).append(str(result.experiment.seed))
    for line, seeds in said.items():
        which = f"{name}, seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}" if len(classes) > 1 else name
        yield f"{which}: {line}"
    if easy := _easy(classes):
        span = f"{min(easy):.0%} to {max(easy):.0%}" if len(easy) > 1 else f"{easy[0]:.0%}"
        yield f"{name}: {span} of random graphs of the same sizes reach the probability too."
    tested = [one for one in classes if one.enrichments]
    if 0 < len(tested) < len(classes):
        yield f"{name}: tested with {count(len(tested), 'seed')} of {len(classes)}."
    for sign, word in ((1, "more"), (-1, "less")):
        if motifs := shared(tested, sign):
            known = len(in_crystals(tested[0], motifs, sign))
            yield (
                f"{name}: {count(len(motifs), 'motif')} {word} frequent than size and composition explain. A count of the "
                f"training crystals {shown_part(known, len(motifs))}."
            )
