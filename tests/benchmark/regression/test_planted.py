"""Mistakes planted in models, really trained: `check` finds them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmark.tasks import folds
from models import registry
from models.graph.message_passing import add_parts, sum_incoming
from models.zoo import cgcnn
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.regression.conftest import EVERY, TASK, UPDATE, rows

SETTLED = replace(EVERY["cgcnn"].profiles["mini"], epochs=15, batch_size=8)


@pytest.fixture
def settled(small_set, monkeypatch):
    """CGCNN with enough steps on few crystals, and the mean; one thread, as in a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    spec = replace(EVERY["cgcnn"], profiles={**EVERY["cgcnn"].profiles, "mini": SETTLED})
    monkeypatch.setattr(registry, "registered", lambda: {"cgcnn": spec, "dummy": EVERY["dummy"]})
    yield
    torch.set_num_threads(threads)


really_trained: list[bytes] = []


@pytest.fixture
def trained(benchmark_command, settled, tmp_path):
    """Both, really trained as the baseline, once for all tests."""
    path = tmp_path / "leaderboards" / "baseline.json"
    if not really_trained:
        done = benchmark_command(*UPDATE)
        assert done.returncode == 0, done.stderr
        really_trained.append(path.read_bytes())
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(really_trained[0])
    return benchmark_command


def test_really_trained_unchanged_code_gives_the_same_numbers(trained):
    done = trained("check", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    assert [(row["verdict"], row["change"]) for row in rows(done, "cgcnn")] == [("same", 0.0)]
    assert rows(done, TASK)[0]["baseline"] == "10 splits"


def test_an_off_by_one_fold_is_found_exactly_and_nothing_is_trained(trained, monkeypatch):
    split = folds._split

    def shifted(n, protocol, number, seed):
        train, validation, test = split(n, protocol, number, seed)
        return train, np.append(validation[1:], test[:1]), np.append(test[1:], validation[:1])

    monkeypatch.setattr(folds, "_split", shifted)
    done = trained("check", "--json")
    assert f"{TASK}, folds: folds changed (the first: kfold(5) fold 0 seed 0)" in one_line_error(done, 1)
    assert rows(done, "cgcnn") == []
    assert "no model was trained" in json.loads(done.stdout)["notes"][-1]


def wrong_activation(self, batch, v, e):
    """CrystalConvolution that ends in a softmax where the softplus belongs."""
    receiver, sender, edge = self.fc_full.weight.split([self.width, self.width, e.shape[1]], dim=1)
    z = add_parts(batch, v @ sender.T, F.linear(v, receiver, self.fc_full.bias), e @ edge.T)
    gate, core = self.bn1(batch, z, "edges").chunk(2, dim=1)
    return F.softmax(v + self.bn2(batch, sum_incoming(batch, torch.sigmoid(gate) * F.softplus(core))), dim=1)


def half_of_the_edges(batch, messages):
    """What `sum_incoming` gives where messages pass in one direction only."""
    return sum_incoming(batch, messages * (batch.src < batch.dst)[:, None])


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [(cgcnn.CrystalConvolution, "forward", wrong_activation), (cgcnn, "sum_incoming", half_of_the_edges)],
    ids=["wrong activation", "half of the edges"],
)
def test_a_planted_mistake_is_a_loss(trained, monkeypatch, owner, name, wrong):
    monkeypatch.setattr(owner, name, wrong)
    done = trained("check", "--json")
    assert "cgcnn, MAE / MAE of the mean +" in one_line_error(done, 1)
    assert rows(done, "cgcnn")[0]["verdict"] == "worse"
    assert rows(done, "dummy")[0]["verdict"] == "same"
