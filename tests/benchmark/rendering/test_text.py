from __future__ import annotations

import re

from benchmark.rendering.text import MINIATURES, mini_note, model_name
from models.registry import get


def test_a_miniature_is_named_as_one_and_the_note_tells_its_true_size():
    assert model_name("cgcnn", "mini") == "cgcnn (mini)"
    assert model_name("cgcnn", "standard") == "cgcnn"
    assert mini_note(["standard", "mini"]) == MINIATURES
    assert mini_note(["standard"]) == ""
    spec = get("deeper-gatgnn")
    mini, paper = (spec.settings(profile) for profile in ("mini", "paper"))
    said = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", MINIATURES)]
    assert said == [mini.n_layers, spec.model(mini).n_parameters, paper.n_layers, spec.model(paper).n_parameters]
