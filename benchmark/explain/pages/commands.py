"""The commands that a page of explanations names, from its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmark.explain.planted.records import PlantedTrial
from benchmark.explain.records import Experiment, Result
from benchmark.explain.seed_groups import SeedGroup
from benchmark.explain.settings import PROFILES, Profile
from benchmark.results.directories import RUNS

COMMAND = "python -m benchmark explain"


@dataclass(frozen=True)
class Directories:
    """Where pages are written, where records are kept while experiments run, and where they are published, if they are."""

    page: Path
    out: Path = RUNS
    published: Path | None = None

    def again(self, found: Sequence[SeedGroup]) -> str:
        """What searches all that a page shows, and writes it: a command for each way of asking."""
        ways: dict[str, list[Result]] = {}
        for result in sorted((one for group in found for one in group.results), key=lambda one: not one.cross_checks):
            ways.setdefault(_way(result), []).append(result)
        commands = [f"{way}{_out(self.out)} {_asked(results)}" for way, results in ways.items()]
        return f"{'; '.join(commands)}{self._ends()}"

    def trials_again(self, found: Sequence[PlantedTrial]) -> str:
        """What tries all planted motifs of a page, and writes it."""
        seeds = f"{1 + max(one.seed for one in found)}{_floor(found[0].floor)}"
        return f"{COMMAND} --ground-truth {seeds}{_out(self.out)}{self._ends()}"

    def figures(self) -> str:
        """What writes the interactive figures of a page that is there."""
        return f"`{COMMAND} --from {shown(self.published)} --page {shown(self.page)}`" if self.published else "the same command"

    def _ends(self) -> str:
        return f"{f' --publish {shown(self.published)}' if self.published else ''} --page {shown(self.page)}"


def _way(result: Result) -> str:
    """All but node types and seeds."""
    experiment = result.experiment
    profiles = [name for name, profile in PROFILES.items() if _is_of(experiment, profile)]
    return (
        f"{COMMAND} --task {experiment.task} --model {experiment.model} --per-class {result.per_class} --min-probability "
        f"{experiment.min_probability:g}{''.join(f' --profile {name}' for name in profiles)}"
        f"{_floor(experiment.search.get('floor', 0.0))}{' --cross-check' if result.cross_checks else ''}"
    )


def _floor(floor: float) -> str:
    return f" --floor {floor:g}" if floor else ""


def _is_of(experiment: Experiment, profile: Profile) -> bool:
    """Whether an experiment was asked for by a profile, but for the floor, which has an option of its own."""
    wanted = asdict(profile.with_floor(experiment.search.get("floor", 0.0)))
    classifier = {"network": experiment.network, **experiment.classifier}
    return (classifier, experiment.limits, experiment.search) == tuple(wanted[k] for k in ("classifier", "limits", "search"))


def _asked(results: Sequence[Result]) -> str:
    """Node types and seeds."""
    kinds = dict.fromkeys(f"--node-types {result.experiment.node_types}" for result in results)
    return " ".join([*kinds, *dict.fromkeys(f"--seed {result.experiment.seed}" for result in results)])


def _out(out: Path) -> str:
    return "" if out == RUNS else f" --out {shown(out)}"


def shown(root: Path) -> str:
    """A directory as a command that anyone may run again names it."""
    return (Path("path/to") / root.name if root.is_absolute() else root).as_posix()
