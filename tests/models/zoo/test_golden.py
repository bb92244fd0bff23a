"""MatDeepLearn's networks with upstream's weights on upstream's graphs: our numbers are theirs, in double precision."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.crystals import Crystals
from datasets.neighbor_search import MinimumImage
from datasets.neighbors import find_neighbors
from datasets.readers.structure_files import read_each
from models.contract import Settings
from models.graph.batch import GraphBatch
from models.graph.columns import GraphColumns, different_lengths
from models.graph.folding import fold
from models.graph.message_passing import backend
from models.graph.table import GraphTable
from models.registry import get
from tests.backends import each_backend
from tests.models.upstream_weights import ours_from_upstream

NETWORKS = {
    "CGCNN": "cgcnn-mdl", "SchNet": "schnet", "MPNN": "mpnn", "MEGNet": "megnet-mdl", "GATGNN": "gatgnn-mdl",
    "SUPER_CGCNN": "deeper-cgcnn", "SUPER_SchNet": "deeper-schnet", "SUPER_MPNN": "deeper-mpnn",
    "SUPER_MEGNet": "deeper-megnet", "DEEP_GATGNN": "deeper-gatgnn",
}  # fmt: skip
GOLDEN = Path(os.environ.get("BENCHMARK_DATA") or Path(__file__).parents[4] / "shared" / "data").parent / "reference" / "golden"
SETS = sorted(file.stem.removeprefix("graphs_") for file in GOLDEN.glob("graphs_*.npz")) or ["cif"]
"""Every set of graphs that lies there, not only the one that is in use here."""

each_network = pytest.mark.parametrize("upstream", NETWORKS)
each_set = pytest.mark.parametrize("graphs_of", SETS)


@pytest.fixture
def golden(shared_data):
    """Loads an archive of arrays out of the golden files."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(shared_data("..") / "reference" / "golden" / f"{name}.npz", allow_pickle=False) as archive:
            return dict(archive)

    return load


def depth(arrays: dict[str, np.ndarray]) -> int:
    return 1 + max(int(name.split(".")[1]) for name in arrays if name.startswith("conv_list."))


def upstream_batch(graphs: dict[str, np.ndarray], receiver: str) -> tuple[GraphBatch, torch.Tensor, torch.Tensor]:
    """Upstream's graphs as a batch, and its atom and edge features, with the edges in the order of their receiver."""
    owner, neighbor = graphs["edge_index"]
    src, dst = (neighbor, owner) if receiver == "owner" else (owner, neighbor)
    order = np.argsort(dst, kind="stable")
    column = torch.from_numpy
    batch = GraphBatch(
        atomic_numbers=column(graphs["z"]),
        crystal=column(graphs["batch"]),
        n_atoms=torch.bincount(column(graphs["batch"])),
        src=column(src[order]),
        dst=column(dst[order]),
        distance=column(graphs["edge_weight"][order]).double(),
        sent_by_owner=receiver == "neighbor",
    )
    return batch, column(graphs["x"]).double(), column(graphs["edge_attr"][order]).double()


def folded_batch(graphs: dict[str, np.ndarray], receiver: str) -> tuple[GraphBatch, torch.Tensor]:
    """Upstream's graphs folded, and its edge features by length; lengths are one where they are equal to the last bit."""
    batch, x, e = upstream_batch(graphs, receiver)
    n_atoms = batch.n_atoms.numpy()
    atom_offsets, edge_offsets = (np.concatenate([[0], np.cumsum(n)]) for n in (n_atoms, batch.n_edges.numpy()))
    first, distance = atom_offsets[batch.edge_crystal.numpy()], batch.distance.numpy()
    length_offsets, lengths, length_of = different_lengths(edge_offsets, distance)
    made = fold(GraphColumns(
        atom_offsets=atom_offsets, atomic_numbers=graphs["z"], list_length=graphs["x"][:, 100:].argmax(axis=1),
        edge_offsets=edge_offsets, src=batch.src.numpy() - first, dst=batch.dst.numpy() - first,
        length_offsets=length_offsets, lengths=lengths, length_of=length_of,
    ))  # fmt: skip
    places, of_length = np.repeat(length_offsets[:-1], np.diff(edge_offsets)) + length_of, torch.empty(len(lengths), e.shape[1])
    of_length = of_length.double().index_copy(0, torch.from_numpy(places), e)
    crystal, edge_crystal = (
        np.repeat(np.arange(len(n_atoms)), np.diff(offsets)) for offsets in (made.atom_offsets, made.edge_offsets)
    )
    column, shift = torch.from_numpy, made.atom_offsets[edge_crystal]
    places = length_offsets[edge_crystal] + made.length_of
    folded = GraphBatch(
        atomic_numbers=column(made.atomic_numbers), crystal=column(crystal), n_atoms=column(np.diff(made.atom_offsets)),
        src=column(made.src + shift), dst=column(made.dst + shift), distance=column(lengths[places]),
        sent_by_owner=batch.sent_by_owner, length_of=column(places), n_lengths=len(lengths), lists=column(made.list_length),
        copies=column(made.copies).double(), merged=column(made.merged).double(), totals=(len(x), len(e)),
    )  # fmt: skip
    return folded, of_length


def ours(upstream: str, arrays: dict[str, np.ndarray], dtype: torch.dtype = torch.float64):
    """Our network with upstream's weights; every one of them is used and none is missing."""
    spec = get(NETWORKS[upstream])
    weights = {name.removeprefix("param/"): a for name, a in arrays.items() if name.startswith("param/")}
    settings: Settings = replace(spec.profiles["paper"], n_layers=depth(weights))
    model = spec.model(settings)
    network = model.network.network.to(dtype)
    found = network.load_state_dict({k: torch.tensor(v) for k, v in ours_from_upstream(weights).items()}, strict=False)
    assert set(found.missing_keys) == {"longest"} and found.unexpected_keys == []
    return model, network


@each_set
@each_network
@each_backend
def test_outputs_in_eval_and_training_mode_are_upstreams(golden, upstream, graphs_of, chosen):
    graphs, arrays = golden(f"graphs_{graphs_of}"), golden(f"{upstream}_{graphs_of}")
    model, network = ours(upstream, arrays)
    batch, x, e = upstream_batch(graphs, model.receiver)
    with backend(chosen), torch.no_grad():
        evaluated = network.eval().core(batch, x, e)
        trained = network.train().core(batch, x, e)
    assert np.abs(evaluated.numpy() - arrays["eval_f64"]).max() <= 1e-9
    assert np.abs(trained.numpy() - arrays["train_f64"]).max() <= 1e-9


@each_set
@each_network
@each_backend
def test_outputs_on_folded_graphs_are_upstreams(golden, upstream, graphs_of, chosen):
    graphs, arrays = golden(f"graphs_{graphs_of}"), golden(f"{upstream}_{graphs_of}")
    model, network = ours(upstream, arrays)
    batch, e = folded_batch(graphs, model.receiver)
    x = network.atom_features(batch).double()
    assert len(x) < len(graphs["z"]) and len(batch.src) < len(graphs["edge_weight"])
    with backend(chosen), torch.no_grad():
        evaluated = network.eval().core(batch, x, e)
        trained = network.train().core(batch, x, e)
    assert np.abs(evaluated.numpy() - arrays["eval_f64"]).max() <= 1e-9
    assert np.abs(trained.numpy() - arrays["train_f64"]).max() <= 1e-9


@each_set
@each_network
def test_single_precision_comes_as_close_as_upstreams(golden, upstream, graphs_of):
    graphs, arrays = golden(f"graphs_{graphs_of}"), golden(f"{upstream}_{graphs_of}")
    model, network = ours(upstream, arrays, torch.float32)
    batch, x, e = upstream_batch(graphs, model.receiver)
    with torch.no_grad():
        evaluated = network.eval().core(replace(batch, distance=batch.distance.float()), x.float(), e.float())
    np.testing.assert_allclose(evaluated.numpy(), arrays["eval_f64"], rtol=1e-4, atol=1e-5)


@pytest.fixture
def sample(golden, shared_data) -> Crystals:
    """The crystals that the graphs were made of, read from their CIF files."""
    names = golden("graphs_cif")["structure_id"]
    return Crystals.from_cells(names, read_each([shared_data(f"cgcnn/sample-regression/{name}.cif") for name in names]))


@pytest.mark.parametrize("receiver", ["owner", "neighbor"])
def test_the_minimum_image_rule_gives_upstreams_edges(golden, sample, receiver):
    graphs = golden("graphs_cif")
    rule = MinimumImage(12, 8.0, receiver)
    neighbors = find_neighbors(sample, rule)
    table = GraphTable(sample, neighbors, np.zeros((1, 1)), loops=True)
    batch = table.cut(torch.arange(len(sample)), torch.float64)
    owner, other = (batch.dst, batch.src) if receiver == "owner" else (batch.src, batch.dst)
    mine = np.lexsort((other, owner))
    theirs = np.lexsort((graphs["edge_index"][1], graphs["edge_index"][0]))
    assert np.array_equal(np.stack([owner[mine], other[mine]]), graphs["edge_index"][:, theirs])
    # Upstream's reader of CIF files keeps coordinates such as 0.3333 as they stand.
    np.testing.assert_allclose(batch.distance[mine], graphs["edge_weight"][theirs], atol=5e-4)
    assert np.array_equal(batch.list_length, graphs["x"][:, 100:].argmax(axis=1))


@each_network
def test_our_features_of_upstreams_graphs_are_upstreams(golden, upstream):
    graphs = golden("graphs_cif")
    model, network = ours(upstream, golden(f"{upstream}_cif"))
    network.longest.fill_(float(graphs["edge_weight"].max()))
    batch, x, e = upstream_batch(graphs, model.receiver)
    assert torch.equal(network.atom_features(batch), x)
    torch.testing.assert_close(network.expansion(batch.distance / network.longest), e, rtol=0, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(batch), network.core(batch, x, e), rtol=1e-5, atol=1e-5)


def test_the_edge_scale_of_the_published_runs_is_the_longest_edge_of_the_training_crystals(sample):
    spec = get("schnet")
    settings = spec.preset("fung", {"epochs": "1", "n_layers": "1", "width": "8", "hidden": "8", "filters": "8"})
    model = spec.model(settings)
    inputs = model.prepare(sample)
    neighbors = find_neighbors(sample, model.rule(settings))
    ends = np.cumsum(neighbors.n_edges)
    longest = np.array([part.max() for part in np.split(neighbors.distance, ends[:-1])])
    train = np.argsort(longest)[:8]  # the longest edge of the set is not among theirs
    model.fit(inputs, np.arange(10.0), train, np.setdiff1d(np.arange(10), train), 0)
    assert model.network.network.longest.item() == pytest.approx(longest[train].max(), abs=1e-4)
    assert longest[train].max() < longest.max() < 8.0


@pytest.mark.parametrize("name", ["mpnn", "gatgnn-mdl", "schnet"])
def test_cells_of_one_atom_have_no_minimum_images_and_can_be_trained_on(name):
    cells = [(np.eye(3) * (2 + i / 10), (True, True, True), np.array([13 + i]), np.zeros((1, 3))) for i in range(8)]
    crystals = Crystals.from_cells([str(i) for i in range(8)], cells)
    spec = get(name)
    small = {"epochs": "1", "n_layers": "2", "width": "8"}
    model = spec.model(spec.preset("fung", small))
    inputs = model.prepare(crystals)
    model.fit(inputs, np.arange(8.0), np.arange(6), np.arange(6, 8), 0)
    assert len(np.unique(model.predict(inputs, np.arange(8)))) == 8 and model.network.network.longest == 8.0
