"""Files of `models/zoo` that cannot be used are named; a name has one model."""

from __future__ import annotations

import pytest

from datasets.errors import InputError
from models import registry, zoo

BUILT_IN = "from models.zoo.dummy import MODELS\n"


@pytest.fixture
def a_file(tmp_path, monkeypatch):
    """Write a file that the program finds beside its own models."""
    monkeypatch.setattr(zoo, "__path__", [*zoo.__path__, str(tmp_path)])
    registry.registered.cache_clear()

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)

    yield write
    registry.registered.cache_clear()


def test_two_models_of_one_name_are_refused_with_both_files(a_file):
    a_file("mine_twice", BUILT_IN)
    with pytest.raises(InputError, match=r"two models are called 'dummy'.*models/zoo/dummy.py and models/zoo/mine_twice.py"):
        registry.registered()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import no_such_module\n", "no_such_module"),
        ("MODELS = (\n", "SyntaxError in line 1: .*never closed"),
        ("x = 1\nMODELS = [Mine]\n", "NameError in line 2: name 'Mine' is not defined; mend the file"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named(a_file, text, told):
    a_file("mine_broken", text)
    with pytest.raises(InputError, match=f"models/zoo/mine_broken.py cannot be imported: .*{told}"):
        registry.registered()


WITHOUT_DATACLASS = """
from dataclasses import replace
from models.zoo import dummy
class MineSettings(dummy.MODELS[0].model.settings_class):
    width: int = 3
class Mine(dummy.MODELS[0].model):
    settings_class = MineSettings
MODELS = [replace(dummy.MODELS[0], name="mine", model=Mine)]
"""


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("mine_plain", WITHOUT_DATACLASS, "the class MineSettings needs @dataclass"),
        ("mine_number", "MODELS = [3]\n", "MODELS is no list of ModelSpec"),
    ],
)
def test_a_file_whose_models_cannot_be_used_is_named(a_file, name, text, told):
    a_file(name, text)
    with pytest.raises(InputError, match=f"models/zoo/{name}.py: {told}"):
        registry.registered()


def test_a_file_without_models_is_named_where_a_model_is_unknown(a_file):
    a_file("mine_forgotten", "models = []\n")
    assert "dummy" in registry.registered()
    with pytest.raises(InputError, match=r"unknown model 'mine'.*; models/zoo/mine_forgotten.py defines no MODELS"):
        registry.get("mine")
