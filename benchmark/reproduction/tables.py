"""The published tables that `reproduce` runs, each as a list of ordinary runs. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from benchmark.leaderboard.published_results import (
    ALL_CLUSTERS,
    BEST_KNOWN,
    OMEE,
    OMEE_MODELS,
    PUBLISHED_RESULTS,
    THESIS,
    THESIS_ROUNDS,
    TRAINED_CLUSTERS,
    PublishedResult,
)
from benchmark.rendering.text import joined
from benchmark.reproduction.cells import Cell, Table
from benchmark.schema import SettingValue
from benchmark.studies.omee_et_al import (
    ABLATION,
    BEST_SETTINGS,
    BULK_TASK,
    BY_ACTIVATION,
    BY_DEPTH,
    DEEPER_GATGNN,
    SETTINGS_LAYERS,
    SETTINGS_MODEL,
    SETTINGS_TASK,
    published_maes,
)
from benchmark.studies.sensitivity.conclusions import FACTORS
from benchmark.tasks.folds import HOLDOUT_FOLDS

THESIS_TARGETS = (
    "log10_k_vrh", "log10_g_vrh", "poisson_ratio", "formation_energy_per_atom", "band_gap", "efermi", "energy_per_atom",
)  # fmt: skip
"""Of the cgcnn set, in the order of their worth: an error for each hour."""
LACKING = dict.fromkeys(
    ("cgcnn/energy_per_atom", "megnet/log10_k_vrh", "megnet/log10_g_vrh"),
    "the release of the data here has no value of the target",
)
MEGNET_TARGETS = ("formation_energy_per_atom", "band_gap", "band_gap_nonzero", "log10_k_vrh", "log10_g_vrh")
OMEE_SETS = (
    "fung/2d/work_function", "fung/pt/total_energy", BULK_TASK, "fung/bulk/band_gap", "fung/mof/band_gap",
    "fung/surface/adsorption_energy",
)  # fmt: skip
"""From the cheapest to the dearest; the last has to be fetched by hand."""
BESIDE = ("rf-magpie", "soap-mlp", "schnet", "gatgnn", "soap-svr", "deeper-gatgnn")
"""On MEGNet's set, beside the models of the thesis."""
PLAIN, DEEPER = (
    ("schnet", "cgcnn-mdl", "megnet-mdl", "gatgnn-mdl"),
    ("deeper-schnet", "deeper-cgcnn", "deeper-megnet", "deeper-gatgnn"),
)
DEPTHS = (4, 6, 8, 10, 15, 20, 25, 30)
ABLATED: tuple[Mapping[str, SettingValue], ...] = (
    {}, {"norm": "group"}, {"skip": "single"}, {"norm": "group", "skip": "single"},
)  # fmt: skip
"""What Table 4 of Omee et al. adds to GATGNN with 5 layers; its last column is DeeperGATGNN."""

VARIED: tuple[Mapping[str, SettingValue], ...] = (
    {"k": 12}, {"learning_rate": 0.02}, {"batch_size": 128}, {"loss": "l1"}, {"epochs": 60}, {"epochs": 120},
)  # fmt: skip
"""Of CGCNN's recipe in the thesis: the original code's number of neighbours, then how it is trained."""
VARIED_TARGETS = ("log10_k_vrh", "formation_energy_per_atom", "band_gap", "efermi")
VARIED_ROUNDS = 5

FEWEST_ROUNDS = 3
"""Of a cell of the thesis, also where it had 2: with 2 a difference is shown above 12.7 standard errors alone."""
OPEN: Mapping[str, Mapping[str, SettingValue]] = {"cgcnn": {"ties": "padded"}, "soap-svr": {"gamma": "auto"}}
"""Model of the thesis → the other reading of what its recipe leaves open: the original code's graph; scikit-learn's default
before its version 0.22."""

OLD_LABELS = "Structures and labels are those of the Materials Project of about 2020, the paper's of another release."
GAMMA = (
    "The thesis used scikit-learn's defaults for SOAP-SVR. The default of gamma was auto before version 0.22, and is scale "
    "since. The version is not known: each has a row."
)
TIES = (
    "CGCNN's rows keep all neighbours as far as the 8th (`ties=shell`): a crystal has one graph, however its atoms are listed. "
    "The code released with CGCNN cuts after the 8th (`ties=padded`). Which of the two the thesis used is not known: each has "
    "a row."
)
NO_VALIDATION = (
    "As published: 80:20 without a validation part, the last epoch, MatDeepLearn's graph. Its distances are scaled by the "
    "longest of the training crystals, there by that of all."
)


MATDEEPLEARN = {"cgcnn-mdl": "CGCNN", "megnet-mdl": "MEGNet", "gatgnn-mdl": "GATGNN", "schnet": "SchNet", "mpnn": "MPNN"}
"""The networks of MatDeepLearn, which Omee et al. compare with theirs; where one is called -mdl, the original is here too."""


def _omee_notes(cells: Iterable[Cell]) -> tuple[str, ...]:
    """What differs in all cells of Omee et al., and which models here are their networks."""
    models = {cell.model for cell in cells}
    there = {model: name for model, name in MATDEEPLEARN.items() if model in models}
    if not there:
        return (NO_VALIDATION,)
    called = joined([f"{name} is {model}" for model, name in there.items()])
    originals = [model.removesuffix("-mdl") for model in there if model.endswith("-mdl")]
    return NO_VALIDATION, (
        f"The plain networks of the paper are those of MatDeepLearn. On this page {called}. "
        f"Not on this page: the original {joined(originals)}."
    )


def _published(task: str, model: str, *sources: str) -> tuple[PublishedResult, ...]:
    """What these sources, or all, reported of a model on a task."""
    found = (result for result in PUBLISHED_RESULTS if (result.task, result.model) == (task, model))
    return tuple(result for result in found if not sources or result.source in sources)


def _thesis_cell(target: str, model: str, *sources: str) -> Cell:
    task = f"cgcnn/{target}"
    published, lacking = _published(task, model, *sources), LACKING.get(task, "")
    rounds = max(THESIS_ROUNDS[model], FEWEST_ROUNDS)
    return Cell(task, model, "thesis", "shuffle", rounds, published=published, lacking=lacking)


def _both_readings(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells, then those of models whose recipe is open in the other reading."""
    return (*cells, *(replace(cell, changes=OPEN[cell.model], is_reading=True) for cell in cells if cell.model in OPEN))


def _varied(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """CGCNN's cells of a few targets with one setting changed, change by change."""
    chosen = [cell for cell in cells if cell.model == "cgcnn" and cell.task.rpartition("/")[2] in VARIED_TARGETS]
    return tuple(replace(cell, changes=changes, rounds=VARIED_ROUNDS, published=()) for changes in VARIED for cell in chosen)


def thesis_4() -> Table:
    """CGCNN on its set, beside its paper and the error of DFT; what its recipe leaves open, one setting at a time."""
    cells = [_thesis_cell(target, "cgcnn") for target in THESIS_TARGETS]
    title = f"CGCNN on the CGCNN set: Table 4 of {THESIS}"
    return Table("thesis-4", title, _both_readings(cells), (OLD_LABELS, TIES), variations=_varied(cells))


def thesis_5() -> Table:
    """MEGNet's set on its published split."""

    def cell(target: str, model: str) -> Cell:
        task = f"megnet/{target}"
        named = "thesis" if model in THESIS_ROUNDS else "standard"
        return Cell(task, model, named, "published", 10, published=_published(task, model), lacking=LACKING.get(task, ""))

    models = ("megnet", "cgcnn", *BESIDE)
    cells = [cell(target, model) for model in models for target in MEGNET_TARGETS]
    notes = (
        "Of the thesis's Table 5 we have four figures: MEGNet's errors of formation energy, band gap, bulk and shear modulus. "
        "Whether it has more is open. The other figures here are of other publications.",
        "Cells are those of Materials Project releases of 2020 and 2025, labels those of 2018. 44,787 of the 60,000 training "
        "crystals have a structure here.",
        "Models without a preset of the thesis have the profile standard, 30 epochs too.",
        f"Best known on this split: {', '.join(f'{target} {mae} ({model})' for target, (model, mae) in BEST_KNOWN.items())}.",
    )
    return Table("thesis-5", f"MEGNet's set, published split: Table 5 of {THESIS}", tuple(cells), notes)


def thesis_6() -> Table:
    """All models of the thesis on the cgcnn set."""
    order = ("cgcnn", "megnet", "soap-mlp", "soap-svr")
    cells = [_thesis_cell(target, model, THESIS) for target in THESIS_TARGETS for model in order]
    title = f"Four models on the CGCNN set: Table 6 of {THESIS}"
    return Table("thesis-6", title, _both_readings(cells), (OLD_LABELS, TIES, GAMMA), variations=_varied(cells))


def omee_cell(task: str, model: str, changes: Mapping[str, SettingValue], mae: float | None, differs: str = "") -> Cell:
    """A run with the settings of Omee et al., some of them changed."""
    plain = Cell(task, model, "omee", "holdout", HOLDOUT_FOLDS, changes)
    if mae is None:
        return plain
    trained = TRAINED_CLUSTERS if task == SETTINGS_TASK else None
    figure = PublishedResult(task, model, mae, OMEE, differs, epochs=_epochs(task), crystals=trained)
    return replace(plain, published=(figure,))


def _epochs(task: str) -> int:
    """Of the published DeeperGATGNN."""
    return 2_500 if task == "fung/bulk/band_gap" else 500


def omee_2() -> Table:
    """DeeperGATGNN by depth on five sets; the plain networks by depth on the cheapest of them."""
    tasks = [task for task in OMEE_SETS if task in DEEPER_GATGNN]
    cells = [_at_depth(task, "deeper-gatgnn", depth) for task in tasks for depth in DEEPER_GATGNN[task]]
    beside = [_at_depth(OMEE_SETS[0], model, depth) for depth in DEPTHS for model in PLAIN]
    every = [*cells, *beside]
    notes = (*_omee_notes(every), "Depths of the plain networks on fung/2d are not published; they are beside the deep one's.")
    return Table("omee-2", f"Error by depth: Table 2 of {OMEE}", _affordable_first(every), notes, True)


def _at_depth(task: str, model: str, depth: int) -> Cell:
    return omee_cell(task, model, {"n_layers": depth}, published_maes(task, model).get(depth), _vintage(task))


def _vintage(task: str) -> str:
    if task == SETTINGS_TASK:
        return f"all {ALL_CLUSTERS:,} clusters, here 1,000"
    return "labels of another release" if task.startswith("fung/bulk/") else ""


def _affordable_first(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Sets in the order of their cost, and in each the order given."""
    return tuple(sorted(cells, key=lambda cell: OMEE_SETS.index(cell.task)))


def omee_3() -> Table:
    """Six models on six sets, each at the depth that the paper chose."""
    cells = [
        Cell(task, model, "omee", "holdout", HOLDOUT_FOLDS, published=_published(task, model, OMEE))
        for task in OMEE_SETS
        for model in ("deeper-gatgnn", *OMEE_MODELS[:-1])
    ]
    notes = (*_omee_notes(cells), "The depths of the plain networks for the bulk band gap are not published: 4, of GATGNN 5.")
    return Table("omee-3", f"Six models on six sets: Table 3 of {OMEE}", tuple(cells), notes)


def omee_4() -> Table:
    """GATGNN with the parts of DeeperGATGNN."""

    def cells(task: str) -> Iterator[Cell]:
        *shallow, deep = ABLATION[task]
        for changes, mae in zip(ABLATED, shallow, strict=True):
            yield omee_cell(task, "gatgnn-mdl", {"n_layers": 5, **changes}, mae, _vintage(task))
        yield omee_cell(task, "deeper-gatgnn", {}, deep, _vintage(task))

    beside = [omee_cell(OMEE_SETS[0], "gatgnn-mdl", {"n_layers": 5, **changes}, None) for changes in ABLATED]
    every = [*beside, *(cell for task in ABLATION for cell in cells(task))]
    notes = (*_omee_notes(every), "fung/2d is not published; it shows the same parts where they are affordable.")
    return Table("omee-4", f"Ablation of DeeperGATGNN: Table 4 of {OMEE}", _affordable_first(every), notes, True)


def omee_fig2() -> Table:
    """DeeperGATGNN's training to its end, whose curves the figure shows."""
    cells = [omee_cell(task, "deeper-gatgnn", {}, None) for task in OMEE_SETS]
    notes = (
        NO_VALIDATION,
        "The figure shows curves without printed numbers. Ours at the end of training stand here; `study epochs` draws the "
        "curves of any task, with a validation part.",
    )
    return Table("omee-fig2", f"Training of DeeperGATGNN: Figure 2 of {OMEE}", tuple(cells), notes, True)


def omee_fig5() -> Table:
    """DeeperGATGNN's settings, each changed alone."""

    def published(name: str, value: SettingValue) -> float | None:
        best = BY_ACTIVATION["softplus"] if value == BEST_SETTINGS.get(name) else None
        return BY_ACTIVATION.get(str(value), best) if name == "activation" else best

    factors = {name: values for name, values in FACTORS.items() if name in BEST_SETTINGS}
    tried: Iterable[tuple[str, SettingValue]] = ((name, value) for name, values in factors.items() for value in values)
    others = [(name, value) for name, value in tried if value != BEST_SETTINGS[name]]
    layers = {"n_layers": SETTINGS_LAYERS}
    centre = omee_cell(SETTINGS_TASK, SETTINGS_MODEL, layers, BY_ACTIVATION["softplus"], _vintage(SETTINGS_TASK))
    cells = [
        omee_cell(SETTINGS_TASK, SETTINGS_MODEL, {**layers, name: value}, published(name, value), _vintage(SETTINGS_TASK))
        for name, value in others
    ]
    notes = (NO_VALIDATION, "The first row has the published best of every setting; each other row changes one.")
    return Table("omee-fig5", f"Settings of DeeperGATGNN: Figure 5 of {OMEE}", (centre, *cells), notes, True)


def omee_fig6() -> Table:
    """Plain and Deeper networks by depth on the bulk formation energies."""
    assert set(PLAIN + DEEPER) == set(BY_DEPTH)
    cells = [_at_depth(BULK_TASK, model, depth) for depth in DEPTHS for model in (*PLAIN, *DEEPER)]
    notes = (*_omee_notes(cells), "Printed are the last depth at which a network held and the first at which it did not.")
    return Table("omee-fig6", f"Eight networks by depth: Figure 6 of {OMEE}", tuple(cells), notes, True)


TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        thesis_6(), thesis_4(), thesis_5(), omee_3(), omee_2(), omee_4(), omee_fig2(), omee_fig5(), omee_fig6(),
    )
}  # fmt: skip
"""By name, in the order of their worth."""
