"""The commands that a page of explanations names, from its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmark.explain.planted.records import PlantedTrial
from benchmark.explain.records import Experiment, Result
from benchmark.explain.seed_groups import SeedGroup
from benchmark.explain.settings import PROFILES, Profile
from benchmark.rendering.commands import code, command, option
from benchmark.results.directories import RUNS

OWN_PAGES = RUNS / "pages"
"""Where a command that a published page prints writes pages."""


@dataclass(frozen=True)
class Directories:
    """Where pages are written, where records are kept while experiments run, and where they are published, if they are."""

    page: Path
    out: Path = RUNS
    published: Path | None = None

    def again(self, found: Sequence[SeedGroup]) -> str:
        """What searches all that a page shows, and writes it: a command for each way of asking."""
        ways: dict[tuple[str, ...], list[Result]] = {}
        for result in sorted((one for group in found for one in group.results), key=lambda one: not one.cross_checks):
            ways.setdefault(_way(result), []).append(result)
        *others, last = [[*way, *_out(self.out), *_asked(results)] for way, results in ways.items()]
        return "; ".join([*(command(*words) for words in others), command(*last, *self._ends())])

    def trials_again(self, found: Sequence[PlantedTrial]) -> str:
        """What tries all planted motifs of a page, and writes it."""
        seeds = ["--ground-truth", str(1 + max(one.seed for one in found)), *_floor(found[0].floor)]
        return command("explain", *seeds, *_out(self.out), *self._ends())

    def figures(self, page: str) -> str:
        """Where the interactive figures of a page are, or which command writes them where the page is published."""
        if not self.published:
            return f"Interactive figures, in `{page}/figures.html`, are written by the same command."
        again = code(command("explain", "--from", shown(self.published), *self._ends()))
        return f"Interactive figures: {again} writes this page, with its `{page}/figures.html`, to `{OWN_PAGES.as_posix()}`."

    def _ends(self) -> list[str]:
        """Who makes a published page again writes it to a folder of their own: never over the published one."""
        return ["--page", shown(OWN_PAGES if self.published else self.page)]


def _way(result: Result) -> tuple[str, ...]:
    """All but node types and seeds."""
    experiment = result.experiment
    name = profile_name(experiment)
    return (
        "explain", "--task", experiment.task, "--model", experiment.model, "--per-class", str(result.per_class),
        "--min-probability", f"{experiment.min_probability:g}",
        *(option("--profile", name) if name else ()),
        *_floor(experiment.search.get("floor", 0.0)), *(["--cross-check"] if result.cross_checks else []),
    )  # fmt: skip


def _floor(floor: float) -> list[str]:
    return option("--floor", f"{floor:g}" if floor else None)


def profile_name(experiment: Experiment) -> str:
    """The profile that an experiment was asked for by; empty where none has these settings."""
    return next((name for name, profile in PROFILES.items() if _is_of(experiment, profile)), "")


def _is_of(experiment: Experiment, profile: Profile) -> bool:
    """Whether an experiment was asked for by a profile, but for the floor, which has an option of its own."""
    wanted = asdict(profile.with_floor(experiment.search.get("floor", 0.0)))
    classifier = {"network": experiment.network, **experiment.classifier}
    return (classifier, experiment.limits, experiment.search) == tuple(wanted[k] for k in ("classifier", "limits", "search"))


def _asked(results: Sequence[Result]) -> list[str]:
    """Node types and seeds."""
    kinds = dict.fromkeys(("--node-types", str(result.experiment.node_types)) for result in results)
    seeds = dict.fromkeys(("--seed", str(result.experiment.seed)) for result in results)
    return [word for pair in (*kinds, *seeds) for word in pair]


def _out(out: Path) -> list[str]:
    return [] if out == RUNS else ["--out", shown(out)]


def shown(root: Path) -> str:
    """A directory as a command that anyone may run again names it."""
    return (Path("path/to") / root.name if root.is_absolute() else root).as_posix()
