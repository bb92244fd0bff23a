"""What the layers of a fold's network look like, what that is a symptom of, and how pages show it. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from benchmark.rendering.text import escape
from benchmark.schema import Strict
from benchmark.studies.configurations import Configuration
from benchmark.studies.tables import number, table
from benchmark.studies.trials import Observation

CRYSTALS = 64
"""How many crystals of the validation part, the first ones, are looked at: of training they have decided the epoch alone."""

MEASURED = (
    f"Measured on the first {CRYSTALS} validation crystals of each fold; means over folds. *Within crystals*: the share of the "
    "variance of the features among the atoms of one crystal, Σ_c Σ_i∈c ‖x_i − x̄_c‖² / Σ_i ‖x_i − x̄‖², before the first "
    "layer and behind the last layer of the trained network. At 0 the atoms of a crystal cannot be told apart "
    "(over-smoothing). Older records do not have this column. The other columns are of all atoms of all crystals, not centred: "
    "they do not show over-smoothing within a crystal. *E*: Dirichlet energy over the mean squared norm (Cai & Wang 2020, "
    "plain Laplacian). *MAD*: mean average cosine distance of all pairs of atoms (Chen et al. 2020). *Rank*: effective rank "
    "(Roy & Vetterli 2007). *Growth*: mean norm behind the last layer over the mean norm before the first layer. *Gradients*: "
    "each layer has the norm of the gradient of its parameters; the smallest of them over the largest. The fresh network has "
    "the initial weights of the fold's seed and normalises by the statistics of the batch; the trained network works as it "
    "predicts. The table (CSV) also has the energy itself, the MAD to neighbours and the norms."
)

COLUMNS = (
    "within crystals, first", "within crystals, last", "growth, fresh", "growth, trained", "E, last", "MAD, last", "rank, last",
    "gradients, fresh",
)  # fmt: skip

Moment = Literal["initial", "trained"]


class LayerState(Strict):
    """Features that layer `layer` receives (counted from 0), or that come out of the last one; None: not finite."""

    layer: int = Field(ge=0)
    norm: float | None
    energy: float | None
    relative_energy: float | None
    neighbor_distance: float | None
    distance: float | None
    effective_rank: float | None
    within_crystals: float | None = None
    """Share of the features' variance that lies within crystals; None also in records older than this field."""
    gradient: float | None
    """Norm of the loss's gradient with respect to the layer's parameters; None also after the last layer."""


MEASURES = tuple(name for name in LayerState.model_fields if name != "layer")


class LayerReport(Observation):
    """Layers of a freshly drawn network, with the statistics of the batch, and of the trained one as it predicts."""

    kind: ClassVar[str] = "layers"
    crystals: int
    atoms: int
    initial: tuple[LayerState, ...] = ()
    trained: tuple[LayerState, ...] = ()
    """Empty where the fold did not end well."""
    reason: str | None = None
    """Why nothing could be seen."""


def layer_reports(configuration: Configuration) -> tuple[LayerReport, ...]:
    """What was seen in the layers, of the folds that have it."""
    return tuple(t.seen for t in configuration.trials if isinstance(t.seen, LayerReport) and t.seen.initial)


def mean_states(configuration: Configuration, when: Moment) -> list[dict[str, float | None]]:
    """By layer, the mean over folds of each measure; None where a fold has a value that is not finite. Empty: not seen."""
    seen = [getattr(report, when) for report in layer_reports(configuration)]
    return [
        {name: _mean([getattr(state, name) for state in states]) for name in MEASURES}
        for states in zip(*(found for found in seen if found), strict=True)
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(np.mean(np.array(values, dtype=float)))


@dataclass(frozen=True)
class Symptoms:
    """What the layers of a configuration show; None: not seen, infinite: not finite."""

    within_first: float | None
    within_last: float | None
    growth_initial: float | None
    growth_trained: float | None
    relative_energy: float | None
    distance: float | None
    effective_rank: float | None
    gradient_ratio: float | None


def symptoms(configuration: Configuration) -> Symptoms:
    """Growth of the norm, what the trained network's last features are like, and how even the fresh one's gradients."""
    initial, trained = mean_states(configuration, "initial"), mean_states(configuration, "trained")
    first, last = (trained[0], trained[-1]) if trained else (dict.fromkeys(MEASURES), dict.fromkeys(MEASURES))
    gradients = [state["gradient"] for state in initial[:-1]]
    ratio = None
    if gradients and None not in gradients and (largest := max(g for g in gradients if g is not None)):
        ratio = min(g for g in gradients if g is not None) / largest
    return Symptoms(
        first["within_crystals"], last["within_crystals"], _growth(initial), _growth(trained), last["relative_energy"],
        last["distance"], last["effective_rank"], ratio,
    )  # fmt: skip


def _growth(states: Sequence[dict[str, float | None]]) -> float | None:
    if not states:
        return None
    first, last = states[0]["norm"], states[-1]["norm"]
    return last / first if first and last is not None else float("inf")


def layers_table(named: Sequence[tuple[Sequence[str], Configuration]], header: Sequence[str]) -> str:
    """What the layers of each configuration show, after its name's cells, with the reasons where they could not be seen."""
    seen = [(names, symptoms(one)) for names, one in named if layer_reports(one)]
    rows = [[*names, *map(number, astuple(s))] for names, s in seen]
    missed = sorted({str(t.seen.reason) for _, one in named for t in one.trials if getattr(t.seen, "reason", None)})  # type: ignore[union-attr]
    # Records may all be older than a measure.
    kept = [place for place in range(len(header) + len(COLUMNS)) if any(row[place] for row in rows)]
    names = [*header, *COLUMNS]
    shown = table([names[place] for place in kept], [[row[place] for place in kept] for row in rows])
    parts = [shown] if rows else ["No layers were looked at."]
    return "\n\n".join([*parts, *([f"Not seen in some folds: {escape('; '.join(missed))}."] if missed else [])])


def state_rows(label: str, configuration: Configuration) -> list[dict[str, Any]]:
    """One row for each fold, moment and layer of a configuration, with every measure."""
    return [
        {
            "model": label,
            "layers": configuration.layers,
            "seed": trial.record.key.seed,
            "fold": trial.record.key.fold,
            "when": when,
            **state.model_dump(),
        }
        for trial in configuration.trials
        if isinstance(trial.seen, LayerReport)
        for when in ("initial", "trained")
        for state in getattr(trial.seen, when)
    ]


def configuration_row(one: Configuration) -> dict[str, Any]:
    """A configuration and its layers as plain JSON values."""
    return {
        "layers": one.layers, "mae": one.mae if one.maes else None, "mae_std": one.mae_std, "folds": one.fold_rows,
        "parameters": sorted({r.parameters for r in one.complete if r.parameters}),
        "training_s": one.seconds,
        "status": [record.status for record in one.records],
        "layer_states": {"initial": mean_states(one, "initial"), "trained": mean_states(one, "trained")},
    }  # fmt: skip
