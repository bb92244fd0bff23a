"""The figures of the depth study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.rendering.text import with_unit
from benchmark.studies.curves import Curve
from benchmark.studies.depth.conclusions import DEPTHS
from benchmark.studies.depth.parameters import PUBLISHED
from benchmark.studies.figures import Figure, Line, Panel
from benchmark.studies.layers import Moment, mean_states
from benchmark.studies.omee_et_al import BULK_TASK, BY_DEPTH, published_maes

MEASURES = {
    "within_crystals": "variance within crystals", "norm": "mean norm", "relative_energy": "relative Dirichlet energy",
    "distance": "MAD of all atoms", "effective_rank": "effective rank", "gradient": "gradient norm of the layer",
}  # fmt: skip

OF_MEAN = 3
"""Times the error of a prediction of the mean: networks above are all useless, and would hide the others."""

CUT = f"; ▲: above the top of the axis, which is {OF_MEAN} times the MAE of a prediction of the mean"


def figures(task: str, made: Sequence[Curve]) -> list[Figure]:
    """MAE by depth; parameters by depth and MAE by parameters, as Figures 4 and 7 of Omee et al.; features by layer."""
    unit = made[0].first.key.unit
    return [_errors(task, made, unit), _parameters(made), _mae_of_parameters(task, made, unit), _layers(made)]


def _errors(task: str, made: Sequence[Curve], unit: str) -> Figure:
    test, training, time = [], [], []
    for curve in made:
        scored = [point for point in curve.points if point.maes]
        depths = [point.layers for point in scored]
        test.append(Line(curve.label, depths, [p.mae for p in scored], [p.mae_std or 0.0 for p in scored]))
        training.append(Line(curve.label, depths, [p.training_mae for p in scored]))
        time.append(Line(curve.label, depths, [point.seconds for point in scored]))
    published = [_published(task, name, label) for name, label in _first_labels(made).items()]
    top = useless_error(made)
    panels = [
        Panel("test", "layers", with_unit("MAE", unit), [*test, *(line for line in published if line.x)], log_y=True, top=top),
        Panel("training", "layers", with_unit("MAE", unit), training, log_y=True, top=top),
        Panel("time", "layers", "training time a fold [s]", time, log_y=True),
    ]
    caption = "Error and time against depth; bars are the standard deviation over folds"
    return Figure("mae", f"{caption}{CUT * any(panel.cut for panel in panels)}", panels, 3)


def useless_error(made: Sequence[Curve]) -> float | None:
    """`OF_MEAN` times the MAE of a prediction of the mean, on the test crystals of the first network; None without any."""
    tested = [trial.tested.targets for point in made[0].points for trial in point.trials if trial.tested is not None]
    errors = [float(np.mean(np.abs(targets - targets.mean()))) for targets in tested if len(targets)]
    return OF_MEAN * float(np.mean(errors)) if errors and any(errors) else None


def _first_labels(made: Sequence[Curve]) -> dict[str, str]:
    """Model → label of its first curve, the colour of which its published line takes."""
    labels: dict[str, str] = {}
    for curve in made:
        labels.setdefault(curve.model, curve.label)
    return labels


def _published(task: str, model: str, label: str) -> Line:
    found = published_maes(task, model)
    return Line(model, list(found), list(found.values()), published=True, color_of=label)


def _parameters(made: Sequence[Curve]) -> Figure:
    ours = [
        Line(
            curve.label,
            [p.layers for p in curve.points if p.complete],
            [p.complete[0].parameters for p in curve.points if p.complete],
        )
        for curve in made
    ]
    published = [
        Line(name, DEPTHS, [PUBLISHED[name].at(depth) for depth in DEPTHS], published=True, color_of=label)
        for name, label in _first_labels(made).items()
        if name in PUBLISHED
    ]
    panels = [
        Panel("trained here", "layers", "parameters", ours, log_y=True),
        Panel("published, at the published sizes", "layers", "parameters", published, log_y=True),
    ]
    return Figure(
        "parameters", "Parameters against layers (Figure 4 of Omee et al.)", [panel for panel in panels if panel.lines]
    )


def _mae_of_parameters(task: str, made: Sequence[Curve], unit: str) -> Figure:
    ours = []
    for curve in made:
        scored = [point for point in curve.points if point.maes]
        sizes = [float(point.complete[0].parameters or 0) for point in scored]
        ours.append(Line(curve.label, sizes, [p.mae for p in scored], [p.mae_std or 0.0 for p in scored]))
    published = [_published_sizes(name, label) for name, label in _first_labels(made).items() if name in BY_DEPTH]
    top = useless_error(made)
    panels = [
        Panel(f"here: {task}", "parameters", with_unit("MAE", unit), ours, log_x=True, log_y=True, top=top),
        Panel("published: bulk formation energy", "parameters", "MAE [eV/atom]", published, log_x=True, log_y=True),
    ]
    caption = f"Error against parameters (Figure 7 of Omee et al.){CUT * any(panel.cut for panel in panels)}"
    return Figure("mae_parameters", caption, [panel for panel in panels if panel.lines])


def _published_sizes(model: str, label: str) -> Line:
    found = dict(sorted(published_maes(BULK_TASK, model).items()))
    sizes = [PUBLISHED[model].at(depth) for depth in found]
    return Line(model, sizes, list(found.values()), published=True, color_of=label)


def _layers(made: Sequence[Curve]) -> Figure:
    """Each curve at its deepest depth that was looked at; fresh on the left, trained on the right."""
    moments: tuple[Moment, ...] = ("initial", "trained")
    panels = []
    for measure, name in MEASURES.items():
        for when in moments:
            lines = []
            for curve in made:
                seen = [states for point in curve.points if (states := mean_states(point, when))]
                values = [state[measure] for state in seen[-1]] if seen else []
                lines += [Line(curve.label, list(range(len(values))), values)] if any(v is not None for v in values) else []
            if not lines:  # records older than the measure
                continue
            log = measure in ("norm", "gradient", "relative_energy", "distance")
            panels.append(Panel(f"{name}, {'fresh' if when == 'initial' else 'trained'}", "layer", name, lines, log_y=log))
    caption = "Features of the atoms by layer, each network at its deepest depth, before and after training"
    return Figure("layers", caption, panels)
