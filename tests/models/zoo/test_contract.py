"""What every model on the board promises: one suite, run over whatever is registered."""

import copy
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from benchmark.harness.execution import classify
from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.neighbor_search import Radius
from datasets.neighbors import find_neighbors
from models.contract import Epoch, Model, ModelSpec, Settings
from models.graph.batch import GraphBatch
from models.graph.message_passing import backend
from models.graph.table import GraphTable
from models.graph_model import GraphModel
from models.registry import get, registered
from models.training import Recipe
from tests.backends import needs_dgl

TRAIN, VALIDATION, TEST = np.arange(18), np.arange(18, 24), np.arange(24, 30)
GRAPH_MODELS = [name for name, spec in registered().items() if issubclass(spec.model, GraphModel)]
PUBLISHED = [name for name in GRAPH_MODELS if registered()[name].published_parameters]
IN_BATCHES = [name for name, spec in registered().items() if hasattr(spec.model.settings_class, "batch_size")]

each_model = pytest.mark.parametrize("name", registered())
each_graph_model = pytest.mark.parametrize("name", GRAPH_MODELS)


def build(name: str, **changes: str) -> Model:
    spec = get(name)
    return spec.model(spec.settings("smoke", changes))


def fitted(name: str, crystals: Crystals, seed: int = 0, train: np.ndarray = TRAIN, **changes: str) -> Model:
    model = build(name, **changes)
    with told_in_one_line():
        model.fit(model.prepare(crystals), crystals.targets["energy"].to_numpy(), train, VALIDATION, seed)
    return model


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """An error of a model's file fails the test in one line, as in `run`, without the source of the libraries it called."""
    try:
        yield
    except Exception as error:
        reason = classify(error)[1]
        if "(models/zoo/" in reason:
            pytest.fail(reason, pytrace=False)
        raise


def refusal(model: Model, crystals: Crystals) -> str:
    """The one line with which a model refuses crystals; empty where it takes them."""
    try:
        model.prepare(crystals)
    except InputError as error:
        return str(error)
    return ""


def file_of(name: str) -> str:
    """Where a model is defined, for messages."""
    return f"{get(name).model.__module__.replace('.', '/')}.py"


def predict(model: Model, crystals: Crystals) -> np.ndarray:
    return model.predict(model.prepare(crystals), np.arange(len(crystals)))


class Trained(dict[str, Model]):
    """Every model, fitted once, when a test first asks for it: a model that cannot be fitted fails its own tests alone."""

    def __init__(self, crystals: Crystals) -> None:
        super().__init__()
        self.crystals = crystals

    def __missing__(self, name: str) -> Model:
        self[name] = fitted(name, self.crystals)
        return self[name]


@pytest.fixture(scope="module")
def trained(alloys) -> Trained:
    return Trained(alloys)


@pytest.fixture(scope="module")
def spread(alloys) -> float:
    """The standard deviation of the targets: differences are judged against it and the value."""
    return float(alloys.targets["energy"].std())


@pytest.fixture(scope="module")
def strangers(alloys, crystals) -> Crystals:
    """Crystals that were not there when the models were fitted: alloys of the same elements, a slab and a cluster."""
    shapes = [(crystals, 2), (crystals, 3), (alloys, 27), (alloys, 28)]
    numbers = [np.array([13, 13, 13, 22]), np.full(5, 78), None, None]
    cells = [
        (c.lattice[row], c.pbc[row], c.atomic_numbers[c.atoms_of(row)] if z is None else z, c.frac_coords[c.atoms_of(row)])
        for (c, row), z in zip(shapes, numbers, strict=True)
    ]
    return Crystals.from_cells(["slab", "cluster", "alloy", "other"], cells)


# -- fit and predict --------------------------------------------------------------------------------


@each_graph_model
def test_a_network_gives_one_number_a_crystal(alloys, name):
    """Before training, where another shape would end in an error of the loss."""
    model = build(name)
    with told_in_one_line():
        found = tuple(model.network(model.prepare(alloys).cut(torch.arange(5))).shape)
    assert found == (5,), (
        f"{file_of(name)}: forward gives {math.prod(found)} numbers for 5 crystals; it must give one a crystal"
    )


def test_an_error_inside_a_network_is_one_line_that_ends_with_its_place(alloys, monkeypatch):
    monkeypatch.setattr("models.zoo.cgcnn.sum_incoming", lambda batch, messages: torch.ones(2) @ torch.ones(3))
    with pytest.raises(pytest.fail.Exception, match=r"^RuntimeError: .* \(models/zoo/cgcnn\.py, line \d+\)$") as caught:
        fitted("cgcnn", alloys)
    assert not caught.value.pytrace and "\n" not in str(caught.value)


@each_model
def test_predictions_are_finite_doubles_one_a_row(trained, alloys, name):
    model = trained[name]
    inputs = model.prepare(alloys)
    for rows in (TEST, np.array([3]), np.arange(30)[::-1]):
        values = model.predict(inputs, rows)
        assert values.shape == (len(rows),) and values.dtype == np.float64 and np.isfinite(values).all()


@each_model
def test_predictions_follow_the_rows_asked_for(trained, alloys, spread, name):
    inputs = trained[name].prepare(alloys)
    rows = np.array([7, 2, 7, 29])
    whole = trained[name].predict(inputs, np.arange(30))
    np.testing.assert_allclose(trained[name].predict(inputs, rows), whole[rows], rtol=1e-6, atol=1e-6 * spread)


@each_model
def test_a_crystal_predicted_alone_has_the_value_it_has_in_a_batch(trained, alloys, spread, name):
    inputs = trained[name].prepare(alloys)
    together = trained[name].predict(inputs, TEST)
    alone = np.concatenate([trained[name].predict(inputs, np.array([row])) for row in TEST])
    np.testing.assert_allclose(alone, together, rtol=1e-6, atol=1e-6 * spread)


@each_model
def test_history_is_in_order_and_reported_as_it_happens(alloys, name):
    seen: list[Epoch] = []
    model = build(name)
    targets = alloys.targets["energy"].to_numpy()
    outcome = model.fit(model.prepare(alloys), targets, TRAIN, VALIDATION, 0, seen.append)
    assert tuple(seen) == outcome.history
    assert [epoch.number for epoch in seen] == list(range(1, len(seen) + 1))
    if seen:
        assert outcome.best_epoch == 1 + int(np.argmin([epoch.validation_error for epoch in seen]))
        error = np.abs(model.predict(model.prepare(alloys), VALIDATION) - targets[VALIDATION]).mean()
        assert math.isclose(error, min(epoch.validation_error for epoch in seen), rel_tol=1e-5)


@each_model
def test_the_same_seed_gives_the_same_predictions(trained, alloys, name):
    again = fitted(name, alloys)
    random = (
        f"{file_of(name)}: trained or asked twice with the same seed, the predictions differ; "
        "draw only from torch's own generator, and only in training"
    )
    assert np.array_equal(predict(trained[name], alloys), predict(trained[name], alloys)), random
    assert np.array_equal(predict(again, alloys), predict(trained[name], alloys)), random


@each_model
def test_fitting_the_same_model_twice_starts_afresh(trained, alloys, name):
    model = fitted(name, alloys, seed=5)
    model.fit(model.prepare(alloys), alloys.targets["energy"].to_numpy(), TRAIN, VALIDATION, 0)
    assert np.array_equal(predict(model, alloys), predict(trained[name], alloys))


@each_graph_model
def test_another_seed_gives_other_weights(trained, alloys, name):
    assert not np.array_equal(predict(fitted(name, alloys, seed=1), alloys), predict(trained[name], alloys))


@each_model
def test_settings_are_not_changed_by_fitting(trained, name):
    assert trained[name].settings == get(name).settings("smoke")


@each_model
def test_the_number_of_parameters_is_known_after_fitting(trained, name):
    assert trained[name].n_parameters is None or trained[name].n_parameters > 0


@each_model
def test_preparation_time_is_a_number_of_seconds(trained, alloys, name):
    seconds = [trained[name].preparation_seconds(trained[name].prepare(alloys)) for _ in range(2)]
    assert seconds[0] == seconds[1] >= 0, "read from the cache, the time is the one of the first computation"


@pytest.mark.parametrize("name", IN_BATCHES)
@pytest.mark.parametrize("batch_size", ["4", "8", "16"])
def test_one_crystal_more_than_whole_batches_can_be_fitted(alloys, name, batch_size):
    model = fitted(name, alloys, train=np.arange(17), batch_size=batch_size)
    assert np.isfinite(predict(model, alloys)).all()


@each_model
def test_crystals_that_prepare_refuses_are_known_before(alloys, name):
    cells = [
        (alloys.lattice[row], alloys.pbc[row], alloys.atomic_numbers[a], alloys.frac_coords[a])
        for row, a in ((row, alloys.atoms_of(row)) for row in range(2))
    ]
    lattice, pbc, numbers, coords = cells[0]
    mixed = Crystals.from_cells(["good", "fine", "blurred"], [*cells, (lattice, pbc, numbers, coords + 1e15)])
    spec = get(name)
    known = spec.model.refused(spec.settings("smoke"), mixed)
    said = refusal(build(name), mixed)
    assert bool(known) == bool(said) and set(known) <= {2}
    assert not known or f"crystal 'blurred': {known[2]}; remove the crystal" == said
    assert spec.model.refused(spec.settings("smoke"), alloys) == {}


# -- what must not matter ---------------------------------------------------------------------------


@each_model
def test_targets_of_test_rows_never_influence_the_fit(trained, alloys, name):
    for value in (np.nan, 1e6):
        energy = alloys.targets["energy"].to_numpy().copy()
        energy[TEST] = value
        other = replace(alloys, targets=alloys.targets.assign(energy=energy))
        assert np.array_equal(predict(fitted(name, other), alloys), predict(trained[name], alloys))


JOULES = 1.602176634e-19
"""An electronvolt."""


@each_model
@pytest.mark.parametrize("unit", [JOULES, 1e-12, 1e6])
def test_targets_in_another_unit_give_the_same_predictions_in_it(alloys, name, unit):
    energy = alloys.targets["energy"].to_numpy()
    here, there = (replace(alloys, targets=alloys.targets.assign(energy=energy * one)) for one in (1.0, unit))
    before, after = predict(fitted(name, here), alloys), predict(fitted(name, there), alloys)
    np.testing.assert_allclose(after / unit, before, rtol=1e-6, atol=1e-6 * energy.std())


@each_model
def test_crystals_of_test_rows_never_influence_the_fit(trained, alloys, spread, name):
    known = np.concatenate([TRAIN, VALIDATION])
    alone = alloys.take(known)
    np.testing.assert_allclose(
        predict(fitted(name, alone), alone), predict(trained[name], alloys)[known], rtol=1e-6, atol=1e-6 * spread
    )


@each_model
def test_predictions_do_not_depend_on_how_the_crystal_is_written(trained, strangers, rewritten, spread, name):
    before, after = predict(trained[name], strangers), predict(trained[name], rewritten(strangers))
    message = f"{file_of(name)}: the same crystals written otherwise (the words in brackets above) have other predictions"
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5 * spread, err_msg=message)


@each_model
def test_predictions_do_not_depend_on_the_other_crystals_of_the_set(trained, strangers, spread, name):
    together = predict(trained[name], strangers)
    alone = [predict(trained[name], strangers.take([row]))[0] for row in range(len(strangers))]
    np.testing.assert_allclose(alone, together, rtol=1e-6, atol=1e-6 * spread)


def double_batch(model: GraphModel, crystals: Crystals) -> GraphBatch:
    """All crystals with distances computed in double precision: the edge table stores them rounded to single."""
    found = find_neighbors(crystals, model.rule(model.settings))
    rows = np.repeat(np.arange(len(crystals)), found.n_edges)
    start = crystals.offsets[rows]
    steps = crystals.frac_coords[start + found.src] + found.image - crystals.frac_coords[start + found.dst]
    distance = np.linalg.norm(np.einsum("ei,eij->ej", steps, crystals.lattice[rows]), axis=1)
    np.testing.assert_allclose(distance, found.distance, rtol=1e-6)
    table = GraphTable(crystals, replace(found, distance=distance), model.elements, loops=model.loops)
    return table.cut(torch.arange(len(crystals)), torch.float64)


def in_double(model: Model, path) -> GraphModel:
    """A copy of a fitted graph model in double precision."""
    model.save(path)
    copy = type(model).load(path)
    assert isinstance(copy, GraphModel)
    copy.network.double().eval()
    return copy


@each_graph_model
def test_in_double_precision_the_writing_matters_to_no_eighth_digit(trained, strangers, rewritten, tmp_path, name):
    model = in_double(trained[name], tmp_path / "model.safetensors")
    with torch.inference_mode():
        before, after = (model.network(double_batch(model, c)) for c in (strangers, rewritten(strangers)))
    torch.testing.assert_close(after, before, rtol=1e-8, atol=1e-8)


@each_graph_model
def test_in_double_precision_a_batch_is_the_union_of_its_crystals(trained, strangers, tmp_path, name):
    model = in_double(trained[name], tmp_path / "model.safetensors")
    with torch.inference_mode():
        together = model.network(double_batch(model, strangers))
        alone = [model.network(double_batch(model, strangers.take([row]))) for row in range(len(strangers))]
    torch.testing.assert_close(torch.cat(alone), together, rtol=1e-10, atol=1e-10)


@each_graph_model
@pytest.mark.parametrize("row", [0, 3])
def test_a_batch_of_one_crystal_can_be_trained_on(trained, alloys, isolated, name, row):
    """Batch statistics of one crystal's state, or of a single atom's features, are those of the running average."""
    model = trained[name]
    single = replace(isolated.take([1]), atomic_numbers=alloys.atomic_numbers[:1])
    for crystals in (alloys.take([row]), single):
        if refusal(model, crystals):
            continue
        network = copy.deepcopy(model.network).train()
        loss = network(model.prepare(crystals).cut(torch.tensor([0]))).square().sum()
        loss.backward()
        grads = [weight.grad for weight in network.parameters() if weight.grad is not None]
        assert torch.isfinite(loss) and all(torch.isfinite(grad).all() for grad in grads)
        assert all(torch.isfinite(state).all() for state in network.state_dict().values())


IDLE = {
    "network.embed_state.0.0.weight", "network.state.0.weight", "network.state.1.weight", "network.readout.score.out.bias",
}  # fmt: skip
"""Published weights without effect: on the zeros that a crystal's state starts from, or equal for all atoms of a softmax."""


@each_graph_model
def test_every_weight_gets_a_gradient(trained, alloys, name):
    """A weight that the prediction does not depend on is dead: allocated, counted and never used."""
    network = trained[name].network.train()
    network.zero_grad()
    network(trained[name].prepare(alloys).cut(torch.arange(30))).square().sum().backward()
    dead = {key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()}
    network.zero_grad()
    network.eval()
    unused = sorted(dead - IDLE)
    assert not unused, f"{file_of(name)}: the prediction does not depend on these weights: {', '.join(unused)}"


@each_model
def test_no_rows_have_no_predictions(trained, alloys, name):
    values = trained[name].predict(trained[name].prepare(alloys), np.array([], dtype=np.int64))
    assert values.shape == (0,) and values.dtype == np.float64


# -- save and load ----------------------------------------------------------------------------------


@each_model
def test_a_saved_model_predicts_the_same_after_loading(trained, alloys, strangers, tmp_path, name):
    path = tmp_path / "model.safetensors"
    trained[name].save(path)
    loaded = type(trained[name]).load(path)
    assert loaded.settings == trained[name].settings and loaded.n_parameters == trained[name].n_parameters
    for crystals in (alloys, strangers):
        assert np.array_equal(predict(loaded, crystals), predict(trained[name], crystals))


@each_model
def test_saving_what_was_loaded_changes_nothing(trained, tmp_path, name):
    trained[name].save(tmp_path / "one.safetensors")
    type(trained[name]).load(tmp_path / "one.safetensors").save(tmp_path / "two.safetensors")
    one, two = (load_file(tmp_path / file) for file in ("one.safetensors", "two.safetensors"))
    assert one.keys() == two.keys() and all(one[key].tobytes() == two[key].tobytes() for key in one)


@each_model
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(trained, tmp_path, name):
    path = tmp_path / "model.safetensors"
    trained[name].save(path)
    good = path.read_bytes()
    for content in (b"", b"not a checkpoint", good[:20], good[: len(good) - 3]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"model\.safetensors: not a readable checkpoint") as caught:
            type(trained[name]).load(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="not a readable checkpoint"):
        type(trained[name]).load(tmp_path / "missing.safetensors")


@each_model
def test_a_checkpoint_of_another_kind_of_model_is_refused(trained, tmp_path, name):
    path = tmp_path / "model.safetensors"
    kind = type(trained[name])
    save_file({"mean": np.zeros(1)}, path, {"header": '{"model": "SomethingElse", "settings": {}}'})
    with pytest.raises(InputError, match=f"not a readable checkpoint of a {kind.__name__} .it holds a SomethingElse"):
        kind.load(path)
    headers = (None, {"header": "{"}, {"header": f'{{"model": "{kind.__name__}"}}'},
               {"header": f'{{"model": "{kind.__name__}", "settings": {{"surprise": 1}}}}'},
               {"header": f'{{"model": "{kind.__name__}", "settings": {{}}}}'})  # fmt: skip
    settings = trained[name].settings.as_dict()
    headers += tuple(
        {"header": json.dumps({"model": kind.__name__, "settings": changed, "about": about})}
        for changed, about in (({**settings, "epochs": 2.5}, {}), ({**settings, "n_layers": 0}, {}), (settings, ["unit"]))
    )
    for header in headers:
        save_file({"foreign": np.zeros(1)}, path, header)
        with pytest.raises(InputError, match="not a readable checkpoint") as caught:
            kind.load(path)
        assert "\n" not in str(caught.value)


@each_model
def test_the_same_model_is_saved_as_the_same_bytes(trained, tmp_path, name):
    for file in "ab":
        trained[name].save(tmp_path / file)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# -- crystals at the edge ---------------------------------------------------------------------------


@each_model
def test_an_isolated_atom_has_a_prediction_or_is_refused_by_name(trained, alloys, isolated, name):
    model = trained[name]
    lonely = replace(isolated.take([1]), atomic_numbers=alloys.atomic_numbers[:1])
    reason = refusal(model, lonely)
    if reason:
        assert reason.startswith("crystal 'lonely'") and "\n" not in reason
        assert not isinstance(model, GraphModel) or isinstance(model.rule(model.settings), Radius)
    else:
        assert np.isfinite(predict(model, lonely)).all()


@each_model
def test_an_isolated_atom_can_be_learnt_from(alloys, isolated, name):
    cells = [
        (c.lattice[row], c.pbc[row], c.atomic_numbers[c.atoms_of(row)], c.frac_coords[c.atoms_of(row)])
        for c, row in [*((alloys, row) for row in range(24)), (isolated, 1)]
    ]
    both = Crystals.from_cells([*alloys.ids[:24], "lonely"], cells)
    model = build(name)
    if not refusal(model, both):
        inputs = model.prepare(both)
        model.fit(inputs, np.linspace(0, 1, 25), np.array([24, *range(16)]), VALIDATION, 0)
        assert np.isfinite(model.predict(inputs, np.arange(25))).all()


@each_model
def test_an_unknown_element_is_refused_by_the_name_of_the_crystal_or_does_not_matter(trained, alloys, name):
    numbers = alloys.atomic_numbers.copy()
    numbers[alloys.offsets[4]] = 118
    strange = replace(alloys, atomic_numbers=numbers)
    reason = refusal(trained[name], strange)
    if reason:
        assert f"crystal '{alloys.ids[4]}'" in reason and "\n" not in reason
    else:
        assert not isinstance(trained[name], GraphModel), "a graph network has no features for element 118"
        assert np.isfinite(predict(trained[name], strange)).all()


# -- specifications and settings --------------------------------------------------------------------


@each_model
def test_a_specification_has_all_profiles_and_says_what_it_is(name):
    spec = get(name)
    assert isinstance(spec, ModelSpec) and spec.name == name == name.lower() and spec.paper
    assert set(spec.profiles) == {"smoke", "mini", "standard", "paper"} and not set(spec.presets) & set(spec.profiles)
    for settings in spec.named_settings.values():
        assert type(settings) is spec.model.settings_class
        assert spec.graph_rule(settings)
        assert settings.changed({}) == settings


@each_model
def test_settings_survive_the_way_through_json(name):
    for settings in get(name).named_settings.values():
        assert type(settings)(**json.loads(json.dumps(settings.as_dict()))) == settings


@each_model
def test_every_setting_can_be_given_as_text(name):
    settings = get(name).settings("smoke")
    text = {field: str(value) for field, value in settings.as_dict().items()}
    assert settings.changed(text) == settings
    assert get(name).settings("paper", text) == settings


@each_model
def test_unknown_settings_and_profiles_are_refused_in_one_line(name):
    for ask in (lambda: get(name).settings("smoke", {"nonsense": "1"}), lambda: get(name).settings("smokey")):
        with pytest.raises(InputError, match=r"unknown (setting|profile)") as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_the_nearest_setting_is_suggested():
    with pytest.raises(InputError, match=r"unknown setting 'learning-rate'; did you mean learning_rate"):
        Recipe().changed({"learning-rate": "1"})


@pytest.mark.parametrize(
    ("setting", "text", "message"),
    [
        ("epochs", "many", r"setting epochs='many': it must be a whole number"),
        ("epochs", "1.5", r"setting epochs='1\.5': it must be a whole number"),
        ("epochs", "", r"setting epochs='': it must be a whole number"),
        ("learning_rate", "fast", r"setting learning_rate='fast': it must be a number"),
        ("optimizer", "adamm", r"setting optimizer='adamm': choose one of adamw, adam, sgd"),
        ("epochs", "0", "setting epochs=0: it must be at least 1"),
        ("learning_rate", "nan", "setting learning_rate=nan: it must be positive"),
    ],
)
def test_a_setting_of_the_wrong_type_is_refused_in_one_line(setting, text, message):
    with pytest.raises(InputError, match=message) as caught:
        Recipe().changed({setting: text})
    assert "\n" not in str(caught.value)


def test_a_setting_given_as_text_gets_the_type_of_its_field():
    changed = Recipe().changed({"epochs": "7", "learning_rate": "1e-4", "loss": "mse"})
    assert changed == Recipe(epochs=7, learning_rate=1e-4, loss="mse") and isinstance(changed, Recipe)
    assert Settings().changed({}) == Settings()


def test_an_unknown_model_suggests_the_nearest():
    with pytest.raises(InputError, match="unknown model 'cgnn'; did you mean cgcnn"):
        get("cgnn")


# -- sizes, presets, ties ---------------------------------------------------------------------------

DEAD: dict[str, Callable[[int], int]] = {
    "gatgnn": lambda layers: 11_277 + layers,
    "gatgnn-mdl": lambda layers: 384,
    "deeper-gatgnn": lambda layers: 5_760,
    "cgcnn-mdl": lambda layers: 200 * layers,
    "deeper-cgcnn": lambda layers: 200 * layers,
}
"""Parameters that the published codes allocate and never use; ours do not have them."""


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("layers", [4, 5, 10, 20, 50])
def test_parameters_are_the_published_ones_less_the_dead(name, layers):
    row = get(name).describe(layers)
    assert row["n_layers"] == layers
    assert row["parameters"] == row["published_parameters"] - DEAD.get(name, lambda layers: 0)(layers)


def test_the_published_sizes_of_the_original_networks():
    published = {name: get(name).describe()["published_parameters"] for name in ("cgcnn", "megnet", "gatgnn")}
    assert published == {"cgcnn": 80_833, "megnet": 167_761, "gatgnn": 134_154}


def test_presets_are_the_published_recipes():
    omee = {name: get(name).presets["omee"] for name in GRAPH_MODELS if "omee" in get(name).presets}
    assert len(omee) == 10
    for settings in omee.values():
        published = (settings.epochs, settings.batch_size, settings.graph, settings.edge_scale)
        assert published == (500, 100, "minimum-image", "dataset")
    rates = {name: settings.learning_rate for name, settings in omee.items() if not name.startswith("deeper")}
    assert rates == {"cgcnn-mdl": 0.002, "gatgnn-mdl": 0.005, "mpnn": 0.001, "schnet": 0.0005, "megnet-mdl": 0.0005}
    assert {settings.epochs for name in ("cgcnn", "megnet", "soap-mlp") for settings in [get(name).presets["thesis"]]} == {30}


@pytest.mark.parametrize("name", ["cgcnn", "cgcnn-mdl", "schnet"])
def test_cutting_inside_a_shell_costs_invariance_and_keeping_the_shell_does_not(crystals, name):
    """Rock salt has 6 + 12 + 8 neighbours: k = 12 cuts the second shell, and which six stay depends on the order."""
    spec = get(name)
    salt = crystals.take([0])
    numbers = np.array([11, 11, 19, 19, 17, 17, 35, 35])
    salt = replace(salt, atomic_numbers=numbers)
    order = np.array([3, 6, 1, 4, 7, 0, 5, 2])
    other = replace(salt, atomic_numbers=numbers[order], frac_coords=salt.frac_coords[order])
    changes = {}
    for ties in ("shell", "cut"):
        torch.manual_seed(0)
        model = spec.model(spec.settings("smoke", {"ties": ties}))
        before, after = predict(model, salt), predict(model, other)
        changes[ties] = abs(after - before).item() / abs(before).item()
    assert changes["shell"] < 1e-6 < 1e-5 < changes["cut"]


@pytest.mark.parametrize("name", ["cgcnn", "gatgnn", "gatgnn-mdl"])
def test_elements_up_to_118_can_be_used_where_the_user_brings_their_features(alloys, name):
    table = np.zeros((119, 2), dtype=np.float32)
    table[np.union1d(alloys.elements, [118])] = [[1, z] for z in np.union1d(alloys.elements, [118])]
    numbers = alloys.atomic_numbers.copy()
    numbers[0] = 118
    model = build(name, atom_features="cgcnn")
    inputs = model.prepare(replace(alloys, atomic_numbers=numbers, element_features=table))
    model.fit(inputs, np.linspace(0, 1, 30), TRAIN, VALIDATION, 0)
    assert np.isfinite(model.predict(inputs, np.arange(30))).all()


@needs_dgl
@each_graph_model
def test_a_whole_network_computes_the_same_with_dgl_and_with_torch(trained, strangers, tmp_path, name):
    network = in_double(trained[name], tmp_path / "model.safetensors").network.train()
    found = []
    for chosen in ("dgl", "torch"):
        again = copy.deepcopy(network)
        with backend(chosen):
            out = again(double_batch(trained[name], strangers))
            found.append([out, *torch.autograd.grad(out.square().sum(), list(again.parameters()))])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)
