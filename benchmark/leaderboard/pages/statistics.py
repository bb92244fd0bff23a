"""The page that says how models are compared and how often that is wrong. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.leaderboard.pages.rejudged import rejudged_section
from benchmark.leaderboard.rejudged import Rejudged
from benchmark.rendering.text import escape, percent, table
from benchmark.schema import Machine
from benchmark.statistics.contrasts import SHARE
from benchmark.statistics.decisions import LARGE_RATIO, MARGIN
from benchmark.statistics.grid import CORRELATION, MODELS, RATIOS, REPEATS, STRESSES, Cell, Simulated
from benchmark.statistics.planted import FOLDS, TEST_TO_TRAIN, Structure
from benchmark.statistics.sharing import COVERAGE, LARGEST, Sharing
from benchmark.statistics.sharing import REPEATS as SETS_REPEATS
from benchmark.statistics.simulated_tracks import RATIO, SPREAD, TrackCell
from benchmark.statistics.simulation import CHOSEN, METHODS, Rates

TITLE = "# How models are compared, and how often that is wrong"
POWERS = [f"power at {ratio:g}" for ratio in RATIOS[1:]]


@dataclass(frozen=True)
class Origin:
    """Where, how and with what the numbers were made."""

    command: str
    seed: int
    groups: int
    seconds: float
    machine: Machine
    versions: Mapping[str, str]
    git_commit: str | None


@dataclass(frozen=True, eq=False)
class Results:
    """Everything on the page."""

    origin: Origin
    structures: Sequence[Structure]
    sharing: Sharing
    simulated: Simulated
    tracks: Mapping[TrackCell, Rates]
    rejudged: Sequence[Rejudged]


def statistics_page(results: Results) -> str:
    """The page as markdown."""
    parts = [
        TITLE,
        _made(results.origin),
        _summary(results),
        "## How real errors vary",
        _structures(results.structures),
        _sharing(results.sharing),
        "## The chosen way, simulated",
        _chosen(results.simulated),
        "## All ways, simulated",
        _all_ways(results.simulated),
        "## Where the truth is worse than measured",
        _stressed(results.simulated),
        "## Over tasks, simulated",
        _tracks(results.tracks),
        "## Published boards, before and now",
        rejudged_section(results.rejudged),
    ]
    return "\n\n".join(parts) + "\n"


def _made(origin: Origin) -> str:
    versions = ", ".join(f"{name} {origin.versions[name]}" for name in sorted(origin.versions))
    return "\n".join(
        [
            f"- command: `{origin.command}`, {origin.seconds / 60:.0f} minutes; seed {origin.seed}",
            f"- {origin.groups:,} simulated groups a cell of the chosen way",
            f"- machine: {origin.machine.processor}, {origin.machine.cores} cores, {origin.machine.system}",
            f"- versions: {versions}; commit {origin.git_commit or 'unknown'}",
        ]
    )


def _summary(results: Results) -> str:
    found = results.simulated.chosen
    false, wrong = max(rate.false for rate in found), max(rate.wrong_words or 0 for rate in found)
    coverage = min(rate.coverage or 0 for rate in found)
    return (
        f"The boards use: {CHOSEN}. How often is it wrong? In every simulated case with a planted correlation of "
        f"{CORRELATION:g}, at most {_percent(false)} of the groups have a false claim, and at most {_percent(wrong)} have a "
        f"wrong verdict. 95 % intervals contain the true ratio in at least {_percent(coverage)} of cases. Trainings share "
        f"luck, because they share crystals: the boards take {SHARE:g} of the share that Nadeau & Bengio assume."
    )


def _structures(structures: Sequence[Structure]) -> str:
    rows = [
        [escape(s.task), str(len(s.losses)), str(len(s.luck)), percent(s.fold_deviation, 1),
         percent(s.crystal_share), " / ".join(f"{100 * value:.1f}" for value in _quartiles(s.luck.tolist()))]
        for s in structures
    ]  # fmt: skip
    header = ["task", "predictions", "models", "fold difference (SD)", "by crystals", "luck of training (SD, %): quartiles"]
    return (
        "From the records of the boards with most models. *Fold difference*: how much the relative difference of two models "
        "varies from fold to fold (median over pairs). *By crystals*: the share of this variance that the crystals explain. "
        "The rest is luck of training: the same model, trained again, has another error.\n\n" + table(header, rows)
    )


def _quartiles(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered[round(share * (len(ordered) - 1))] for share in (0.25, 0.5, 0.75)]


def _sharing(sharing: Sharing) -> str:
    low, high = sharing.interval
    told = (
        "How much of this luck do trainings share because they share crystals? One data set cannot show it. So "
        f"{len(sharing.models)} models ({', '.join(sharing.models)}) were trained on {sharing.sets} disjoint sets of "
        f"{sharing.crystals:,} crystals of cgcnn/formation_energy_per_atom, of at most {LARGEST} atoms, by {SETS_REPEATS} "
        f"repeats of {FOLDS} folds. The log ratios of two models vary from set to set. If trainings shared no luck, crystals "
        f"and luck would explain this variance. The measured variance is {sharing.unshared[0]:.2f} times that (one repeat) and "
        f"{sharing.unshared[1]:.2f} times ({SETS_REPEATS} repeats). From this, the shared variance is {sharing.shared:.2f} of "
        f"the luck of one fold (95 % interval {low:.2f} to {high:.2f}; from sums over pairs, mostly of miniatures). Nadeau & "
        f"Bengio assume {TEST_TO_TRAIN:.2f}.\n\n"
        f"Which share of {TEST_TO_TRAIN:.2f} should the boards take? For each set, the mean over the other sets is close to "
        "the truth. So the table checks, share by share, how often intervals and claims are right. We choose the least share "
        "that passes two tests. It is not below the interval above. Single 95 % intervals are shown to contain the truth in at "
        f"least {percent(COVERAGE)} of cases, for all pairs and for pairs with a model of published size. This share is "
        f"{sharing.least_share:g}; the boards take {SHARE:g}. The simulations plant a correlation of {CORRELATION:g} (a shared "
        f"variance of {CORRELATION / (1 - CORRELATION):.2f}), whatever share is taken."
    )
    header = ["share taken", "variance from set to set / taken", "largest of a pair", "coverage (lower limit)",
              "with a model of published size", "sets with a false claim",
              f"decided of ratios above {LARGE_RATIO:g}"]  # fmt: skip
    rows = [
        [f"{t.share:g}", f"{t.variance:.2f}", f"{t.largest:.2f}", *map(_covered, (t.coverage, t.published)),
         f"{t.false} of {sharing.sets}", _percent(t.power)]
        for t in sharing.taken
    ]  # fmt: skip
    return told + "\n\n" + table(header, rows)


def _covered(found: tuple[float, float]) -> str:
    return f"{_percent(found[0])} ({_percent(found[1])})"


def _chosen(simulated: Simulated) -> str:
    header = [
        "models",
        "repeats",
        "false, all equal",
        "false, one best",
        "coverage",
        *(f"power {r:g}" for r in RATIOS[1:]),
        "wrong verdicts",
    ]
    rows = []
    for models in MODELS:
        for repeats in REPEATS:
            found = [simulated.cells[Cell(models, repeats, ratio)][CHOSEN] for ratio in RATIOS]
            rows.append(
                [str(models), str(repeats), _percent(found[0].false), _percent(max(rate.false for rate in found[1:])),
                 _percent(min(rate.coverage or 0 for rate in found)), *(_percent(rate.power) for rate in found[1:]),
                 _percent(max(rate.wrong_words or 0 for rate in found))]
            )  # fmt: skip
    return (
        "*False*: groups in which at least one pair is decided against the truth. *Coverage*: how often a pair's own 95 % "
        "interval contains the true ratio. *Power*: how many of the models whose loss is 1.05, 1.10 or 1.20 times the lowest "
        "loss are shown to be worse. *Wrong verdicts*: groups in which at least one model has a verdict that is not true "
        f"(margin {percent(MARGIN)}). Where several true ratios were simulated, the table has the worst result.\n\n"
        + table(header, rows)
    )


def _all_ways(simulated: Simulated) -> str:
    header = [
        "way",
        "models",
        "repeats",
        "false, all equal",
        "false, one best",
        "coverage",
        *(f"power {r:g}" for r in RATIOS[1:]),
    ]
    rows = []
    for method in METHODS:
        for models in MODELS:
            for repeats in REPEATS:
                found = [simulated.cells[Cell(models, repeats, ratio)][method] for ratio in RATIOS]
                rows.append(
                    [escape(method), str(models), str(repeats), _percent(found[0].false),
                     _percent(max(rate.false for rate in found[1:])), _percent(_least(found)),
                     *(_percent(rate.power) for rate in found[1:])]
                )  # fmt: skip
    return (
        "A way is allowed if at most 5 % of the groups have a false claim (plus two standard errors of the simulation) and the "
        "coverage is at least 93 %, in every simulated case.\n\n" + _verdicts(simulated) + "\n\n" + table(header, rows)
    )


def _verdicts(simulated: Simulated) -> str:
    header = ["way", "most false", "least coverage", *(f"mean {power}" for power in POWERS), "allowed"]
    rows = []
    for method in METHODS:
        found = {cell: by_method[method] for cell, by_method in simulated.cells.items()}
        false, coverage = max(rate.false for rate in found.values()), _least(list(found.values()))
        # Of few simulated groups a rate is uncertain by two standard errors.
        groups = next(iter(found.values())).groups
        allowed = false <= 0.05 + 2 * (0.05 * 0.95 / groups) ** 0.5 and (coverage is None or coverage >= 0.93)
        means = [_mean([rate.power or 0 for cell, rate in found.items() if cell.ratio == ratio]) for ratio in RATIOS[1:]]
        rows.append([escape(method), _percent(false), _percent(coverage), *map(_percent, means), "yes" if allowed else "no"])
    return table(header, rows)


def _least(found: Sequence[Rates]) -> float | None:
    return None if found[0].coverage is None else min(rate.coverage or 0 for rate in found)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _stressed(simulated: Simulated) -> str:
    rows = []
    for stress in STRESSES:
        for repeats in REPEATS:
            found = [rate for (s, cell), rate in simulated.stressed.items() if s == stress and cell.repeats == repeats]
            rows.append([stress.name, str(repeats), _percent(max(r.false for r in found)), _percent(_least(found))])
    told = (
        "The chosen way. Each row has the worst result over all numbers of models, with equal models and with one best by 10 %."
    )
    return f"{told}\n\n" + table(["truth", "repeats", "most false", "least coverage"], rows)


def _tracks(tracks: Mapping[TrackCell, Rates]) -> str:
    header = [
        "crystal sets",
        "targets of each",
        "models",
        "correlation",
        "tracks",
        "false",
        "wrong verdicts",
        "coverage",
        "power",
    ]
    kinds = dict.fromkeys((cell.sets, cell.targets, cell.models, cell.correlation) for cell in tracks)
    rows = []
    for kind in kinds:
        found = [rate for cell, rate in tracks.items() if (cell.sets, cell.targets, cell.models, cell.correlation) == kind]
        shares = [[rate.false for rate in found], [rate.wrong_words or 0 for rate in found],
                  [rate.coverage or 0 for rate in found], [rate.power or 0 for rate in found]]  # fmt: skip
        counted = [*map(str, kind), str(sum(rate.groups for rate in found))]
        rows.append([*counted, *(_percent(_mean(share)) for share in shares)])
    repeats = ", ".join(map(str, sorted({cell.repeats for cell in tracks})))
    return (
        f"Tracks of several crystal sets; tracks with {repeats} repeats of five folds are taken together. Half of them have "
        f"equal models; in the other half one model is best by {RATIO:g}. From task to task the log of a model's relative loss "
        f"varies by {SPREAD:g} (SD). Targets of one set have the same crystals and the same luck: the worst case. "
        "*Correlation*: of the luck of trainings on one set. *Coverage*: how often a pair's own 95 % interval contains the "
        "true ratio, averaged over sets.\n\n" + table(header, rows)
    )


def _percent(share: float | None) -> str:
    return percent(share, 1)
