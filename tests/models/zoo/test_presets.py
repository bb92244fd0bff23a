"""Every field of every preset beside what the study printed: a value that is not the paper's has its reason here.

Sources: E. Abenza Severá, UPM (2021), Table 3, "thesis"; Fung et al., npj Comput. Mater. 7, 84 (2021), and Omee et al.,
Patterns 3, 100491 (2022), whose Table 3 has the depths, with MatDeepLearn's code where the paper is silent.
"""

import re
from dataclasses import fields

import pytest

from benchmark.leaderboard.published_results import OMEE, PUBLISHED_RESULTS
from datasets.errors import InputError
from models.contract import Settings
from models.registry import get, registered
from models.zoo.soap import SoapSVRSettings

PRESETS = [(name, preset) for name, spec in registered().items() for preset in spec.presets]

OURS = {
    "fold": "how graphs are kept; the same numbers",
    "length_tolerance": "how graphs are kept; lengths equal to 1e-5 Å are one",
    "ties": "the published codes cut or pad a shell in the order of the file; here it is kept whole",
}
"""Fields that no paper has, and the one in which ours differs."""

THESIS_CGCNN = {
    "epochs": 30, "batch_size": 256, "optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.0,
    "schedule": "step", "step_epoch": 100, "width": 64, "n_layers": 3, "hidden": 128, "n_hidden": 1, "k": 8, "cutoff": 8.0,
    # Of the original code, which the thesis used: MSE, a tenth of the rate at the milestone, the best epoch on validation.
    "loss": "mse", "step_factor": 0.1, "keep": "best", "atom_features": "cgcnn", "clip_norm": 0.0,
}  # fmt: skip
THESIS_MEGNET = {
    "epochs": 30,
    # The package's defaults; its graph has every neighbour up to the cutoff, so that Table 3's k does not concern it.
    "batch_size": 128, "optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 0.0, "loss": "mse", "clip_norm": 3.0,
    "schedule": "constant", "cutoff": 4.0, "width": 32, "hidden": 64, "pooled": 16, "gaussians": 100, "margin": 1.0,
    "gaussian_width": 0.5, "atom_features": "embedding", "n_layers": 3,
    # The package keeps a checkpoint of each better epoch.
    "keep": "best",
}  # fmt: skip
THESIS_SOAP = {"r_cut": 5.0, "n_max": 1, "l_max": 2, "pairs": "all"}
THESIS_SVR = {**THESIS_SOAP, "penalty": 1.0, "epsilon": 0.1, "gamma": "scale", "target_unit": "target", "grid": False}
THESIS_MLP = {
    **THESIS_SOAP, "standardise": "none",
    # The training and the head of its CGCNN.
    **{name: THESIS_CGCNN[name] for name in (
        "epochs", "batch_size", "optimizer", "learning_rate", "momentum", "weight_decay", "schedule", "step_epoch", "hidden",
        "loss", "step_factor", "keep", "clip_norm",
    )},
}  # fmt: skip

FAMILY = {
    "batch_size": 100, "optimizer": "adamw", "weight_decay": 0.01, "loss": "l1", "schedule": "plateau", "clip_norm": 0.0,
    "keep": "last",  # five folds without a validation part; the scheduler follows the training error
    "k": 12, "cutoff": 8.0, "graph": "minimum-image", "edge_scale": "dataset", "atom_features": "one-hot",
}  # fmt: skip
GATGNN = {"learning_rate": 0.005, "n_layers": 5, "width": 64, "heads": 4, "activation": "softplus", "dropout": 0.0}
NETWORKS = {
    "cgcnn-mdl": {"learning_rate": 0.002, "n_layers": 4, "width": 100, "hidden": 150, "norm": "batch", "skip": "single"},
    "schnet": {"learning_rate": 0.0005, "n_layers": 4, "width": 100, "hidden": 100, "filters": 150, "norm": "batch",
               "skip": "single"},
    "mpnn": {"learning_rate": 0.001, "n_layers": 4, "width": 100, "hidden": 100, "norm": "batch", "skip": "none"},
    "megnet-mdl": {"learning_rate": 0.0005, "n_layers": 4, "width": 100, "hidden": 100, "norm": "batch", "skip": "single"},
    "gatgnn-mdl": {**GATGNN, "norm": "batch", "skip": "none"},
    "deeper-gatgnn": {**GATGNN, "n_layers": 20, "norm": "group", "skip": "single"},
}  # fmt: skip
for plain, skip in (("cgcnn-mdl", "double"), ("schnet", "double"), ("mpnn", "single"), ("megnet-mdl", "double")):
    NETWORKS["deeper-" + plain.removesuffix("-mdl")] = {**NETWORKS[plain], "norm": "group", "skip": skip}

PAPERS: dict[tuple[str, str], dict[str, object]] = {
    ("cgcnn", "thesis"): THESIS_CGCNN,
    ("megnet", "thesis"): THESIS_MEGNET,
    ("soap-svr", "thesis"): THESIS_SVR,
    ("soap-mlp", "thesis"): THESIS_MLP,
    **{(name, "omee"): {**FAMILY, **found, "epochs": 500} for name, found in NETWORKS.items()},
    **{(name, "fung"): {**FAMILY, **found, "epochs": 250} for name, found in NETWORKS.items() if "deeper" not in name},
}


def idle(settings: Settings) -> set[str]:
    """Fields of the recipe that the others make idle."""
    momentum = {"momentum"} if getattr(settings, "optimizer", "sgd") != "sgd" else set()
    step = {"step_epoch", "step_factor"} if getattr(settings, "schedule", "step") != "step" else set()
    return momentum | step


def test_every_preset_has_its_paper():
    assert set(PRESETS) == PAPERS.keys()


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_every_field_is_the_papers_or_has_a_reason(name, preset):
    settings, paper = get(name).presets[preset], PAPERS[name, preset]
    stated = {field.name for field in fields(settings)} - OURS.keys() - idle(settings)
    assert stated == paper.keys()
    assert {field: getattr(settings, field) for field in stated} == paper


def test_the_depths_of_omee_are_those_of_their_table_3():
    """`published_results` holds layers and epochs as printed beside each error."""
    printed = {(one.task, one.model): one for one in PUBLISHED_RESULTS if one.source == OMEE}
    assert len(printed) == 42
    for (task, model), one in printed.items():
        settings = get(model).preset("omee", task=task)
        layers = re.match(r"(\d+) convolution layers", one.protocol)
        assert settings.n_layers == (int(layers[1]) if layers else get(model).presets["omee"].n_layers), (task, model)
        assert settings.epochs == one.epochs, (task, model)


def test_a_preset_is_the_same_on_other_tasks_and_changes_have_the_last_word():
    spec = get("deeper-gatgnn")
    assert spec.preset("omee", task="emt/alloys/formation_energy_per_atom") == spec.presets["omee"]
    assert spec.preset("omee", {"n_layers": "3"}, "fung/2d/work_function").n_layers == 3
    assert spec.preset("paper", task="fung/2d/work_function") == spec.profiles["paper"]
    with pytest.raises(InputError, match="unknown preset of deeper-gatgnn 'omea'"):
        spec.preset("omea", task="fung/2d/work_function")


def test_the_thesis_svr_is_scikit_learns_default():
    assert get("soap-svr").presets["thesis"] == SoapSVRSettings(target_unit="target")
