"""Reads JSON files of ASE, pymatgen and JARVIS and YAML files of pymatgen that hold one structure."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from datasets.crystals import Cell
from datasets.errors import InputError
from datasets.readers.ase_images import integers, only_cell, require_one
from datasets.readers.structure_dicts import STRUCTURES, cell_of_dict, is_structure_dict, structure_of_entry


def read_json_structure(text: str, name: str) -> Cell:
    """The structure of a JSON text called `name` in errors.

    Raises:
        InputError: it is not JSON, of another kind, holds several structures, or lacks a part of one.
    """
    from ase import Atoms

    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        early = error.pos >= len(text.rstrip()) - 1 or "Unterminated" in error.msg
        raise InputError(f"{name}: not JSON{'; damaged or truncated?' if early else ''} ({error})") from error
    content = structure_of_entry(content, name)
    if isinstance(content, list) and len(content) > 1 and all(map(_is_structure, content)):
        require_one(len(content), name)
    if _is_structure(content):
        return cell_of_dict(content, name)
    table = _of_ase(text)
    if not isinstance(table, dict) or "ids" not in table:
        raise InputError(f"{name}: JSON, but not of ASE's atoms or of a pymatgen structure{_what_it_is(content)}")
    require_one(len(table["ids"]), name)
    row = table[int(table["ids"][0])]
    lacking = [key for key in ("numbers", "positions", "cell", "pbc") if key not in row]
    if lacking:
        raise InputError(f"{name}: ASE's JSON without {' and '.join(lacking)}")
    return only_cell([Atoms(integers(row["numbers"]), positions=row["positions"], cell=row["cell"], pbc=row["pbc"])], name)


def _of_ase(text: str) -> Any:
    """A JSON text as ASE decodes it, but an array of other numbers than it lists is refused before it is made."""
    from ase.io.jsonio import fix_int_keys_in_dicts, numpyfy, object_hook

    def checked_hook(value: dict[str, Any]) -> Any:
        if "__ndarray__" in value:
            shape, kind, numbers = value["__ndarray__"]
            dtype = np.dtype(kind)
            if dtype.kind not in "biufc" or math.prod(shape) * (1 + (dtype.kind == "c")) != len(numbers):
                raise ValueError(f"{len(numbers)} numbers for an array of shape {str(shape)[:40]} and type {str(kind)[:20]}")
        return object_hook(value)

    return numpyfy(fix_int_keys_in_dicts(json.loads(text, object_hook=checked_hook)))


def _what_it_is(content: Any) -> str:
    """What else a JSON is that people take for a structure's, for an error; empty where it is none of that."""
    if isinstance(content, dict) and isinstance(content.get("@class"), str):
        return f" but of a {content['@class'][:40]}"
    if isinstance(content, dict) and "attributes" in str(content.get("data"))[:1000]:
        return " but an answer of OPTIMADE; write its structures as CIF"
    parts = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    place = next((place for place, part in parts if _is_structure(structure_of_entry(part, str(place)))), None)
    return "" if place is None else f"; that under '{str(place)[:40]}' is one, write it alone"


def _is_structure(content: object) -> bool:
    return is_structure_dict(content) or (isinstance(content, dict) and content.get("@class") in STRUCTURES)


def read_yaml_structure(text: str, name: str) -> Cell:
    """The structure of a YAML text called `name` in errors.

    Raises:
        InputError: it is not YAML, of another kind, or lacks a part of a structure.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    try:
        content = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        early = mark is not None and mark.index >= len(text.rstrip())
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise InputError(f"{name}: not YAML{'; damaged or truncated?' if early else ''} ({where}{error.problem})") from error
    if not _is_structure(content):
        raise InputError(f"{name}: YAML, but not of a pymatgen structure")
    return cell_of_dict(content, name)
