"""What an experiment can be set to: classifier, limits of graphs, search, budget, other explainers; and the profiles of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from benchmark.explain.records import Explanation, Round
from datasets.errors import InputError, unknown_name


@dataclass(frozen=True)
class ClassifierSettings:
    """How the classifier is trained: AdamW with one cycle on the cross-entropy, best epoch by validation.

    network: the profile of the boards whose sizes the network has.
    most_graphs: training graphs used; where there are more, these many are drawn. None: all, as on the boards.
    """

    network: str = "standard"
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    most_graphs: int | None = None


MINIATURE = ClassifierSettings(network="mini", epochs=8, most_graphs=10_000)
"""A tenth of the graphs, through a smaller network."""


@dataclass(frozen=True)
class Limits:
    """What a generated graph may be; every one is connected, without self-loops and double edges.

    bonded_only: only pairs of node types that are bonded in the training data may be bonded.
    """

    max_atoms: int = 6
    max_neighbors: int = 4
    max_bonds: int = 8
    bonded_only: bool = True

    def __post_init__(self) -> None:
        if self.max_atoms < 2 or self.max_neighbors < 1 or self.max_bonds < 1:
            raise InputError(f"impossible limits {self}: at least 2 atoms, 1 neighbour and 1 bond")


@dataclass(frozen=True)
class PolicySettings:
    """Sizes of the policy; `stop` lets it end a graph of two atoms and more before the limits do."""

    width: int = 32
    n_layers: int = 2
    stop: bool = True


@dataclass(frozen=True)
class SearchSettings:
    """How graphs are searched for.

    The reward of a step is `step_reward` + (p - ½) + `rollout_weight` × the mean of (p - ½) over `rollouts` completions of
    the graph by the policy, p the classifier's probability, or `floor` where that is higher.

    floor: of probabilities, 0 as published. With ½, how surely a graph is of the other class says nothing of this one, while a
        policy that seeks 0.2 for 0.1 may never meet a rare motif.
    graphs: grown side by side in an update; the mean reward of the others at the same step is the baseline of each.
    undo: whether a step with a negative reward is undone (but still learnt from), as published; with `floor` ½ none is. By
        default it is not: a planted triangle is reached only through graphs that are not yet of its class.
    warm_up: updates before graphs are accepted.
    updates: of a round, at most.
    per_round: graphs accepted in a round, at most: many policies, not the favourites of one.
    """

    graphs: int = 96
    rollouts: int = 4
    rollout_weight: float = 2.0
    step_reward: float = 0.1
    floor: float = 0.0
    undo: bool = False
    warm_up: int = 10
    updates: int = 50
    per_round: int = 10
    learning_rate: float = 0.02
    entropy_weight: float = 0.05
    policy: PolicySettings = field(default_factory=PolicySettings)

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= 0.5:
            raise InputError(f"impossible floor {self.floor:g} of probabilities: 0, as published, to 0.5")
        if self.graphs < 2 or self.rollouts < 1 or self.updates <= self.warm_up or self.warm_up < 0 or self.per_round < 1:
            raise InputError(f"impossible search {self}: 2 graphs, 1 rollout, more updates than those of the warm-up")


@dataclass(frozen=True)
class Budget:
    """How many explanations of a class are wanted, and when the search for them ends without them."""

    per_class: int = 150
    max_rounds: int = 25
    patience: int = 5
    """Rounds in a row that find nothing new."""

    def stopped(self, rounds: Sequence[Round]) -> str | None:
        """Why there will be no more rounds although explanations are missing; None if there will be, or none is missing."""
        found = sum(len(r.explanations) for r in rounds)
        last = rounds[-self.patience :]
        if found >= self.per_class:
            return None
        if len(last) == self.patience and not any(r.explanations for r in last):
            return f"{self.patience} rounds in a row found nothing new; {found} of {self.per_class} were found"
        if len(rounds) >= self.max_rounds:
            return f"{len(rounds)} rounds are over; {found} of {self.per_class} were found"
        return None

    def more(self, rounds: Sequence[Round]) -> bool:
        """Whether another round is due."""
        return sum(len(r.explanations) for r in rounds) < self.per_class and self.stopped(rounds) is None

    def kept(self, rounds: Sequence[Round]) -> list[tuple[Explanation, ...]]:
        """The first `per_class` explanations, round by round; rounds without any are left out."""
        left, kept = self.per_class, []
        for found in rounds:
            kept.append(found.explanations[:left])
            left -= len(kept[-1])
        return [explanations for explanations in kept if explanations]


@dataclass(frozen=True)
class RegressorSettings:
    """A regressor's profile, and how many training and validation crystals it is fitted to where no run has left one."""

    profile: str = "mini"
    training: int = 2000
    validation: int = 400


@dataclass(frozen=True)
class CheckSettings:
    """How many test crystals are predicted, and how many of each class GNNExplainer explains; the attention is of all."""

    scored: int = 400
    per_class: int = 24
    regressor: RegressorSettings = field(default_factory=RegressorSettings)


@dataclass(frozen=True)
class Profile:
    """How much is spent on an experiment."""

    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    limits: Limits = field(default_factory=Limits)
    search: SearchSettings = field(default_factory=SearchSettings)
    check: CheckSettings = field(default_factory=CheckSettings)

    def with_floor(self, floor: float) -> Profile:
        """With another floor of probabilities. Raises InputError for an impossible one."""
        return replace(self, search=replace(self.search, floor=floor))


PROFILES = {
    "standard": Profile(),
    "mini": Profile(MINIATURE),
    "smoke": Profile(
        ClassifierSettings(network="mini", epochs=2, most_graphs=500),
        Limits(max_atoms=4, max_bonds=4),
        SearchSettings(graphs=6, rollouts=1, warm_up=1, updates=3, per_round=3),
        CheckSettings(30, 2, RegressorSettings("smoke", 20, 5)),
    ),
}


def profile_of(name: str) -> Profile:
    """The profile of that name; InputError where there is none."""
    if name not in PROFILES:
        raise unknown_name("profile", name, PROFILES)
    return PROFILES[name]
