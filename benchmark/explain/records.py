"""An experiment on disk: what is asked, the classifier, the graphs round by round, and the tests. Needs no torch."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from benchmark.explain.node_types import N_NODE_TYPES, NodeTypeKind
from benchmark.explain.statements import Enrichment, FindingTest, NodeType
from benchmark.schema import Machine, Settings, Sha256, Strict, Text
from benchmark.tasks.folds import PROTOCOL
from datasets.allowed_names import is_path_part

ClassName = Literal["low", "high"]
CLASSES: tuple[ClassName, ClassName] = ("low", "high")

Explainer = Literal["GNNExplainer", "global attention"]

GOOD_AUC = 0.7
"""From here on discrimination is acceptable; Hosmer & Lemeshow, Applied Logistic Regression (2000), section 5.2.4."""

MOST_ATOMS = 100
"""Of a graph in a record: to check that it is connected takes time with the square."""


class Experiment(Strict):
    """What decides the graphs that are found: the same experiment and the same source give the same."""

    task: str
    unit: Text
    dataset_hash: Sha256
    model: str
    model_settings: Settings
    model_fingerprint: Sha256
    node_types: NodeTypeKind
    protocol: Annotated[str, StringConstraints(pattern=PROTOCOL)]
    seed: int = Field(ge=0, lt=2**31)
    min_probability: float = Field(gt=0.5, lt=1)
    classifier: dict[str, Any]
    limits: dict[str, Any]
    search: dict[str, Any]

    @model_validator(mode="after")
    def _names_are_paths(self) -> Experiment:
        for part in (*self.task.split("/"), self.model):
            if not is_path_part(part):
                raise ValueError(f"'{part[:40]}' cannot be part of a name")
        return self

    @property
    def network(self) -> str:
        """The profile of the boards whose sizes the network has; records older than that setting have miniatures."""
        return str(self.classifier.get("network", "mini"))

    @property
    def group(self) -> str:
        """Short name of all that but the seed: experiments that differ in their seeds alone may be compared."""
        settings = self.model_dump(exclude={"seed"})
        return f"{self.node_types}_{hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]}"


class Quality(Strict):
    """Of the classifier on test crystals that it never saw."""

    n: int
    high_share: float
    accuracy: float
    auc: float
    auc_interval: tuple[float, float]
    """95 %, Hanley & McNeil 1982."""
    calibration_error: float
    """Expected calibration error, ten bins."""

    @property
    def good(self) -> bool:
        """Whether an explanation of it is worth reading: its AUC is at least `GOOD_AUC`."""
        return self.auc >= GOOD_AUC


class RegressorAgreement(Strict):
    """With a full regressor on the same test crystals, its predictions split at the same threshold."""

    n: int
    share: float
    kappa: float | None
    regressor: Text
    """Which."""
    regressor_sha256: Sha256


class ClassifierRecord(Strict):
    """The classifier that is explained, and the training graphs that it learnt from."""

    experiment: Experiment
    threshold: float
    """The median of the training crystals' targets; at most it is low."""
    n_train: int
    n_fitted: int
    """Training graphs that the network was fitted to."""
    train_sha256: Sha256
    test_sha256: Sha256
    quality: Quality
    agreement: RegressorAgreement | None
    graphs_s: float
    """Seconds to find the neighbours, when they were searched."""
    fit_s: float
    weights_sha256: Sha256
    machine: Machine
    versions: Annotated[dict[Text, Text], Field(max_length=100)]
    git_commit: Text | None


class Explanation(Strict):
    """A graph that the classifier takes for a class."""

    node_types: tuple[NodeType, ...] = Field(min_length=1, max_length=MOST_ATOMS)
    """Of the atoms: group 1 … 18 or period 1 … 7."""
    bonds: tuple[tuple[int, int], ...]
    """Between atoms, counted from 0, the smaller first."""
    probability: float = Field(ge=0, le=1)
    """Of the class that is explained."""
    update: int
    """After how many updates of the policy it was grown."""
    hash: Text
    """Weisfeiler-Lehman, of graph and node types."""

    @model_validator(mode="after")
    def _connected_and_simple(self) -> Explanation:
        n = len(self.node_types)
        if len(set(self.bonds)) != len(self.bonds) or not all(0 <= i < j < n for i, j in self.bonds):
            raise ValueError("bonds must join different atoms of the graph, each pair once")
        reached, waiting = {0}, [0]
        while waiting:
            atom = waiting.pop()
            near = {i + j - atom for i, j in self.bonds if atom in (i, j)} - reached
            reached |= near
            waiting += near
        if len(reached) != n:
            raise ValueError("a graph must be connected")
        return self


class Round(Strict):
    """What one policy found."""

    class_name: ClassName
    number: int = Field(ge=0)
    seed: int
    """Of the policy."""
    min_probability: float
    threshold: float
    weights_sha256: Sha256
    """Of the classifier."""
    attempts: int
    """Graphs grown after the warm-up, until the round had enough."""
    reached: int
    """Of these, with at least the probability asked for."""
    explanations: tuple[Explanation, ...]
    """Of these, unlike every one before."""
    updates: int
    seconds: float

    @model_validator(mode="after")
    def _reached(self) -> Round:
        if any(e.probability < self.min_probability for e in self.explanations):
            raise ValueError(f"an explanation has a probability below {self.min_probability}")
        if not self.attempts >= self.reached >= len(self.explanations):
            raise ValueError("more were accepted than reached the probability, or than were tried")
        return self


class ClassResult(Strict):
    """One class: its explanations, all rounds together."""

    class_name: ClassName
    asked: int
    found: int
    rounds: int
    attempts: int
    reached: int
    seconds: float
    stopped: Text | None
    """Why fewer were found than asked for."""
    mean_probability: float | None
    random_probability: float | None
    """Mean probability of random valid graphs of the same sizes: what size and rules alone bring."""
    random_reached: float | None
    """Share of these with at least the probability asked for."""
    composition_reached: float | None = None
    """The same of random graphs with the composition of the class; None in records older than this field."""
    enrichments: tuple[Enrichment, ...]
    untested: Text | None = None
    """Why nothing was tested."""


class NodeTypeImportance(Strict):
    """What an explainer gives the atoms of a node type."""

    node_type: NodeType
    value: float
    """Mean over the crystals that hold it; 1 is what the mean atom of a crystal gets."""
    crystals: int


class Importance(Strict):
    """What an explainer says of crystals that a regressor puts into one class."""

    crystals: int
    node_types: tuple[NodeTypeImportance, ...]
    halves: float | None
    """Rank correlation of the values between two halves of the crystals."""


class OtherExplanation(Strict):
    """What another explainer says of a full regressor, which sees elements and distances; its MAE is on test crystals."""

    explainer: Explainer
    model: Text
    source: Text = ""
    settings: dict[str, Any]
    regressor_sha256: Sha256
    mae: float
    n_scored: int
    seconds: float
    low: Importance
    high: Importance


class RankAgreement(Strict):
    """Spearman's correlation, over node types, of importance with enrichment against random graphs; p by permutation."""

    class_name: ClassName
    enrichment: Literal["log-odds", "|log-odds|"]
    node_types: int
    correlation: float
    p: float
    p_holm: float


class CrossCheck(Strict):
    """Another explainer, held against XGNN."""

    other: OtherExplanation
    agreements: tuple[RankAgreement, ...]


class Result(Strict):
    """What an experiment found."""

    schema_version: Literal[1] = 1
    classifier: ClassifierRecord
    per_class: int
    low: ClassResult
    high: ClassResult
    training_atoms: tuple[int, ...]
    """Atoms of each node type in the training crystals."""
    finding_tests: tuple[FindingTest, ...]
    analysis_s: float
    cross_checks: tuple[CrossCheck, ...] = ()

    @property
    def experiment(self) -> Experiment:
        """What was asked."""
        return self.classifier.experiment

    @property
    def n_node_types(self) -> int:
        """T, of the kind."""
        return N_NODE_TYPES[self.experiment.node_types]

    def of(self, class_name: ClassName) -> ClassResult:
        """The result of a class."""
        return self.low if class_name == "low" else self.high
