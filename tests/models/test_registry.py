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


@pytest.mark.parametrize(("text", "told"), [("import no_such_module\n", "no_such_module"), ("MODELS = (\n", "never closed")])
def test_a_file_that_cannot_be_imported_is_named(a_file, text, told):
    a_file("mine_broken", text)
    with pytest.raises(InputError, match=f"models/zoo/mine_broken.py cannot be imported: .*{told}"):
        registry.registered()
