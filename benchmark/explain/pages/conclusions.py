"""What explanations say, in sentences: in short for everybody, and in detail. From records alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmark.explain.pages import cross_checks
from benchmark.explain.pages.elements import legend
from benchmark.explain.pages.motifs import crystal_counts, in_crystals, shared, shown_part, told_by_crystals
from benchmark.explain.pages.tables import SHOWN, beyond, shown_findings
from benchmark.explain.pages.untested import nothing, reason, untested
from benchmark.explain.records import CLASSES, GOOD_AUC, ClassifierRecord, ClassName, ClassResult
from benchmark.explain.seed_groups import SeedGroup, rank_correlations
from benchmark.rendering.synthetic import SYNTHETIC, is_synthetic
from benchmark.rendering.text import count, in_unit, interval, joined, percent

EASY = 0.5
"""Share of random graphs that reach the probability from which on it is worth a sentence."""

CHANCE = 0.5
"""AUC of a guess, and the share that it sorts right."""

FAIR_ACCURACY = 0.6
"""Below, a network sorts hardly more than a guess, whatever its AUC."""

FEW = 3
"""Motifs that are named in short; all of them are in the details and the tables."""


def in_short(group: SeedGroup) -> Iterator[str]:
    """What was found, whether the crystals show it too, how good the network is; of a synthetic set, that it is one."""
    preferred = {name: shared(_tested(group, name), 1) for name in CLASSES}
    tested = any(_tested(group, name) for name in CLASSES)
    yield f"Found: {f'{_found(group, preferred)}{_frequent(group)}{_alone(group)}' if tested else nothing(group)}"
    yield f"True of real crystals? {_true(group, preferred)}"
    yield f"The network: {' '.join(filter(None, (_scores(group), poor(group))))}"
    if is_synthetic(group.first.experiment.task.rpartition("/")[0]):
        yield f"The data: {SYNTHETIC[0].lower()}{SYNTHETIC[1:]} This set is one of them."


def _tested(group: SeedGroup, name: ClassName) -> list[ClassResult]:
    """The results of a class that has tests, one a seed."""
    return [one for result in group.results if (one := result.of(name)).enrichments]


def _found(group: SeedGroup, preferred: Mapping[ClassName, Sequence[str]]) -> str:
    """How many motifs of each class are preferred, and the surest."""
    n = len(group.results)
    whole = all(len(_tested(group, name)) in (0, n) for name in CLASSES)
    who = "the network prefers" if n == 1 else f"all {n} networks prefer" if whole else "all networks that were tested prefer"
    if not any(preferred.values()) and all(len(_tested(group, name)) == n for name in CLASSES):
        return f"nothing beyond size and composition: no motif that {who}, neither for low nor for high."
    told = []
    for name, motifs in preferred.items():
        tested = len(_tested(group, name))
        some = f" (tested in {tested} of {n} networks)" if 0 < tested < n else ""
        what = _names(group, motifs, FEW) if motifs else "none" if tested else f"not tested, as {reason(group, name)}"
        told.append(f"{name.capitalize()}: {what}{some}.")
    return f"beyond size and composition, motifs that {who}. {' '.join(told)}"


def _frequent(group: SeedGroup) -> str:
    """The node types with a larger share of atoms in the explanations than in the crystals, the most frequent first."""
    kind, told = group.first.experiment.node_types, []
    for name in CLASSES:
        atoms: Counter[int] = Counter()
        more: Counter[int] = Counter()
        for result in _tested(group, name):
            found = [e for e in result.enrichments if (e.kind, e.against) == ("node type", "training crystals")]
            atoms.update({e.node_types[0]: e.count for e in found})
            more.update({e.node_types[0]: int(np.sign(e.log_odds)) for e in found})
        most = [str(node_type) for node_type, _ in atoms.most_common() if more[node_type] > 0][:FEW]
        told += [f"{joined(most)} in {name} graphs"] if most else []
    return f" More frequent than in the training crystals, by their share alone: {kind} {'; '.join(told)}." if told else ""


def _alone(group: SeedGroup) -> str:
    """That one network was explained, and how to ask more; "" of several."""
    told = " This is one network: whether others agree is open (--seed 1 --seed 2 asks them)."
    return told if len(group.results) == 1 else ""


def _true(group: SeedGroup, preferred: Mapping[ClassName, Sequence[str]]) -> str:
    """Of how many preferred motifs a count of crystals shows the same; a caution where most random graphs are of the class."""
    if not any(_tested(group, name) for name in CLASSES):
        return "Nothing to compare: no motif was tested."
    if not any(preferred.values()):
        return "No motif to compare. This does not show that the networks have no preference."
    tested = {name: _tested(group, name)[0] for name, motifs in preferred.items() if motifs}
    found = {name: preferred[name] for name, one in tested.items() if crystal_counts(one)}
    if not found:
        return "Not known: the crystals were not counted."
    missing = [
        f"{motif} ({name})"
        for name, motifs in found.items()
        for known in [in_crystals(tested[name], motifs, 1)]
        for motif in motifs
        if motif not in known
    ]
    n = sum(map(len, found.values()))
    told = f"A count of the training crystals, without a network, {shown_part(n - len(missing), n)}."
    told += f" Not shown, or too rare to test: {_names(group, missing, FEW)}." if missing else ""
    for name in found:
        if easy := _easy([result.of(name) for result in group.results]):
            told += (
                f" Caution: the network takes up to {percent(max(easy))} of random graphs for {name}, so the motifs of {name} "
            )
            told += "graphs mean little."
    return told


def _scores(group: SeedGroup) -> str:
    """How many test crystals the network with the lowest AUC sorts right."""
    least, n = lowest_auc(group), len(group.results)
    which = "it" if n == 1 else f"the one with the lowest AUC of {n} (seed {least.experiment.seed})"
    quality = least.quality
    return (
        f"{which} sorts {percent(quality.accuracy)} of the test crystals into the right class (AUC {quality.auc:.3f}); a guess "
        f"sorts {percent(CHANCE)} (AUC {CHANCE:g}).{_uncalibrated(group)}"
    )


def _uncalibrated(group: SeedGroup) -> str:
    """That a network ranks crystals well but sorts them badly, so that its probabilities are wrong; empty where none does."""
    found = [one for result in group.results if (one := result.classifier.quality).good and one.accuracy < FAIR_ACCURACY]
    if not found:
        return ""
    who = "it ranks" if len(group.results) == 1 else f"{len(found)} of {len(group.results)} networks rank"
    least = percent(min(one.accuracy for one in found))
    return (
        f" Caution: {who} crystals well (AUC) but sorted only {least} right: do not trust its probabilities, which "
        "the search uses."
    )


def lowest_auc(group: SeedGroup) -> ClassifierRecord:
    """The classifier of the seed with the lowest AUC: the one that pages warn with."""
    return min((result.classifier for result in group.results), key=lambda one: one.quality.auc)


def poor(group: SeedGroup) -> str:
    """That classifiers have an AUC below `GOOD_AUC`, and what it means; empty where none has."""
    found = [result.classifier for result in group.results if not result.classifier.quality.good]
    if not found:
        return ""
    aucs = sorted(f"{one.quality.auc:.3f}" for one in found)
    span = aucs[0] if aucs[0] == aucs[-1] else f"{aucs[0]} to {aucs[-1]}"
    n = len(group.results)
    who = "" if n == 1 else f" of all {n} networks" if len(found) == n else f" of {len(found)} of {n} networks"
    unsure = [str(one.experiment.seed) for one in found if one.quality.auc_interval[0] <= CHANCE]
    seeds = f"seed{'s' * (len(unsure) > 1)} {', '.join(unsure)} may be"
    means = f"{seeds} no better than chance ({CHANCE:g})" if unsure else f"better than chance ({CHANCE:g})"
    return (
        f"Too weak to explain: AUC {span}{who}, {means}, but below {GOOD_AUC}, which we take as the least for an explanation "
        "to mean something. Do not read the motifs as a property of crystals."
    )


def _class_told(group: SeedGroup, name: ClassName) -> str:
    """The motifs of a class by name, preferred and avoided, and which of them a count of crystals shows."""
    classes, tested = [result.of(name) for result in group.results], _tested(group, name)
    if not tested:
        numbers = sorted({one.found for one in classes})
        span = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
        most = max(classes, key=lambda one: one.found)
        return f"nothing was tested. The search found {span} of {classes[0].asked} graphs: {untested(most)}."
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
        known = len(in_crystals(tested[0], less, -1))
        said += f" Avoided: {_names(group, less)}. A count of the training crystals {shown_part(known, len(less))}."
    return said


def _easy(classes: Sequence[ClassResult]) -> list[float]:
    """Shares of random graphs that reach the probability, one a seed; empty where no seed has enough of them to say so."""
    shares = [one.random_reached for one in classes if one.random_reached is not None]
    return shares if max(shares, default=0.0) >= EASY else []


def _names(group: SeedGroup, motifs: Sequence[str], most: int = SHOWN) -> str:
    """The first motifs in a sentence, and how many more there are."""
    more = f" and {count(len(motifs) - most, 'other')}" if len(motifs) > most else ""
    return _typed(group, ", ".join(motifs[:most])) + more


def _typed(group: SeedGroup, text: str) -> str:
    """`group 17` rather than `node type 17`."""
    return text.replace("node type", group.first.experiment.node_types)


def details(group: SeedGroup) -> Iterator[str]:
    """One sentence for each further thing to know."""
    least = lowest_auc(group)
    quality, seed = least.quality, least.experiment.seed
    which = f"The network with the lowest AUC (seed {seed})" if len(group.results) > 1 else "The network"
    yield (
        f"{which}, on test crystals: AUC {quality.auc:.3f} (95 %: {interval(*quality.auc_interval)}), accuracy "
        f"{quality.accuracy:.3f}, calibration error {quality.calibration_error:.3f}."
    )
    limits = sorted({f"{result.classifier.threshold:.3g}" for result in group.results}, key=float)
    median = in_unit(" to ".join(dict.fromkeys((limits[0], limits[-1]))), group.first.experiment.unit)
    yield f"Low: the target is at most {median}, the median of the training crystals. High: it is above."
    classes = [f"{name.capitalize()}: {_class_told(group, name)}" for name in CLASSES]
    if elements := legend(group.first.experiment.node_types, classes):
        yield elements
    yield from classes
    for name in CLASSES:
        yield from _class_details(group, name)
    if len(group.results) > 1:
        values = [
            value for name in CLASSES for value in rank_correlations([a.of(name) for a in group.results]) if value is not None
        ]
        if values:
            yield (
                "How much do two seeds agree? The rank correlation of their log-odds, over both classes, has a mean of "
                f"{sum(values) / len(values):.2f} ({min(values):.2f} to {max(values):.2f})."
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
    shown = f"the explanations show{every}: {'; '.join(sure)}" if sure else f"the explanations show none of them{every}"
    if not any(result.finding_tests[number].beyond for result in group.results for number in numbers):
        shown = "nothing could be tested"
    so = " A network that shows such a finding too has shown nothing new." if known else ""
    yield (
        f"{count(len(tests), 'finding')} on this target {'was' if len(tests) == 1 else 'were'} published. A count of the "
        f"training crystals, without a network, shows {known or 'none'} of them.{so} Beyond size and composition, {shown}. A "
        "finding counts several groups or periods together, so it may be significant where no single motif is."
    )


def _class_details(group: SeedGroup, name: ClassName) -> Iterator[str]:
    """Why a search or a test ended, how many random graphs pass, and how many seeds were tested."""
    classes = [result.of(name) for result in group.results]
    said: dict[str, list[str]] = {}
    for result, of_class in zip(group.results, classes, strict=True):
        lines = [f"the search stopped: {of_class.stopped}."] if of_class.stopped else []
        lines += [f"nothing was tested: {untested(of_class)}."] if of_class.untested and _tested(group, name) else []
        for line in lines:
            said.setdefault(line, []).append(str(result.experiment.seed))
    for line, seeds in said.items():
        which = f"{name}, seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}" if len(classes) > 1 else name
        yield f"{which}: {line}"
    if easy := _easy(classes):
        span = f"{percent(min(easy))} to {percent(max(easy))}" if len(easy) > 1 else percent(easy[0])
        yield f"{name}: {span} of random graphs of the same sizes reach the probability that is asked of an explanation too."
