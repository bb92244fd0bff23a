"""Who made a model, and under which terms: `<root>/models/<model>.json` for a model that is not one of this repository's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from benchmark.results.checkout import committed_files
from benchmark.results.validation import InvalidFile, parse_json
from benchmark.schema import Strict, Text

OWN_LICENCE = "MIT"
OWN_SOURCE = "this repository"


def _lines(text: str) -> str:
    if not all(line.isprintable() for line in text.replace("\t", " ").split("\n")):
        raise ValueError("control characters and invisible signs are not allowed")
    return text


class ModelCard(Strict):
    """Licence and citation of a model; unknown fields are refused."""

    name: Annotated[Text, StringConstraints(min_length=1, max_length=100)]
    """As in the key of its records."""
    licence: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 .+()-]{1,99}$")]
    """As SPDX writes it, for example "MIT" or "Apache-2.0"."""
    citation: Annotated[str, StringConstraints(min_length=10, max_length=5000), AfterValidator(_lines)]
    """BibTeX, or text."""
    source: Annotated[Text, StringConstraints(pattern=r"^https?://[^\s/]+\.[^\s]+$")]
    """Where the code is."""
    authors: Annotated[tuple[Text, ...], Field(max_length=100)] = ()


def card_path(root: Path, model: str) -> Path:
    """Where the card of a model lies."""
    return root / "models" / f"{model}.json"


def read_card(root: Path, model: str) -> ModelCard:
    """Licence and citation of a model: from its file, or from the registry for a model of this repository.

    Raises:
        InvalidFile: there is no file, or anything in it is wrong.
    """
    path = card_path(root, model)
    if not path.exists():
        spec = _registered().get(model)
        if spec is None:
            wanted = "name, licence, citation, source and, optionally, authors"
            raise InvalidFile(path, [f"missing; '{model}' is no model of this repository, so write {wanted} there as JSON"])
        return ModelCard.model_construct(name=model, licence=OWN_LICENCE, citation=spec.paper, source=OWN_SOURCE)
    card = parse_json(path, ModelCard)
    if card.name != model:
        raise InvalidFile(path, [f"name: it is the card of '{card.name}'"])
    return card


def model_files() -> dict[str, str]:
    """Where each model of this repository is defined, relative to it, by the model's name."""
    return {name: f"{spec.model.__module__.replace('.', '/')}.py" for name, spec in _registered().items()}


def uncommitted_models(root: Path, models: Iterable[str]) -> list[str]:
    """Models without a card below `root` whose file is here and in no commit: a reviewer would not have it. One line each."""
    files, committed = model_files(), committed_files("models")
    return [
        f"{files[model]}: not committed; commit it with the records of {model}, or write the card {card_path(root, model)}"
        for model in sorted(models)
        if committed and model in files and files[model] not in committed and not card_path(root, model).exists()
    ]


def _registered() -> Mapping[str, Any]:
    from models.registry import registered  # torch: only where a card is asked for

    return registered()
