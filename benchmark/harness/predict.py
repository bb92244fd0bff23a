"""From fitted models and structure files to predictions; a file that cannot be used never costs the others theirs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from benchmark.harness.predictions import UNKNOWN_ELEMENTS, UNKNOWN_UNIT, FilePredictions, Meaning, Unseen
from benchmark.results.records import TRIAL
from benchmark.schema import one_line
from datasets.crystals import Crystals
from datasets.errors import InputError, several
from datasets.readers.folder import is_structure
from datasets.readers.many_structures import Found, read_every
from datasets.readers.structure_files import SUFFIXES
from models.contract import Model

LONGEST_CLASS = 100


def find_structures(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The structure files that `paths` stand for, each once; a folder stands for those directly in it.

    Returns:
        The files; and a line for each path that is missing, or is a folder without structure files.

    Raises:
        InputError: there is no file at all.
    """
    found: dict[Path, Path] = {}
    lacking = []
    for path in paths:
        try:
            for file in _structures_of(path):
                found.setdefault(file.resolve(), file)
        except InputError as error:
            lacking.append(str(error))
        except OSError as error:
            lacking.append(f"{path}: cannot be read ({error.strerror or error})")
    if not found:
        raise InputError(several(lacking) or "no structure file was given")
    return list(found.values()), lacking


def _structures_of(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    files = sorted(filter(is_structure, path.iterdir())) if path.is_dir() else [path]
    if not files:
        raise InputError(
            f"{path}: no structure files ({', '.join(SUFFIXES)} or POSCAR); name files of other formats one by one"
        )
    return files


def unseen_elements(models: Sequence[Model[Any, Any]], crystals: Crystals) -> tuple[Unseen, ...]:
    """(n,) the elements of each crystal that trainings of the models did not have."""
    said = [model.about.get("elements") for model in models]
    if None in said:
        return (Unseen(UNKNOWN_ELEMENTS, UNKNOWN_ELEMENTS),) * len(crystals)
    known = [set(str(text).split()) for text in said]
    by_any, by_each = set.union(*known), set.intersection(*known)
    found = []
    for row in range(len(crystals)):
        symbols = {chemical_symbols[number] for number in crystals.atomic_numbers[crystals.atoms_of(row)]}
        found.append(Unseen(", ".join(sorted(symbols - by_any)), ", ".join(sorted(symbols & by_any - by_each))))
    return tuple(found)


def without_cell(crystals: Crystals) -> tuple[str, ...]:
    """The ids of the crystals of which nothing is periodic, such as molecules."""
    return tuple(map(str, crystals.ids[~crystals.pbc.any(axis=1)]))


def ids_of(paths: Sequence[Path]) -> list[str]:
    """An id a file, as one printable line: its stem, where several share it the file's name, where they share that the path."""
    choices = [tuple(map(one_line, (path.stem, path.name, str(path), str(path.resolve())))) for path in paths]
    level = [0] * len(paths)
    while True:
        ids = [names[i] for names, i in zip(choices, level, strict=True)]
        count = Counter(ids)
        shared = [count[name] > 1 and i < 3 for name, i in zip(ids, level, strict=True)]
        if not any(shared):
            return _numbered(ids)
        level = [i + again for i, again in zip(level, shared, strict=True)]


def _numbered(ids: Sequence[str]) -> list[str]:
    """The ids, with a number after those that are there already: paths may differ in what cannot be printed."""
    seen = Counter[str]()
    found = []
    for name in ids:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def trial_warning(models: Sequence[Model[Any, Any]]) -> str:
    """One line where a model was trained to try the program; empty where none was."""
    trial = any(model.about.get("profile") == TRIAL for model in models)
    return f"trained in the profile {TRIAL}, a trial of the program: the predictions mean nothing" if trial else ""


def meaning_of(models: Sequence[Model[Any, Any]], names: Sequence[object]) -> Meaning:
    """The unit, or the classes, in which all members of an ensemble predict the same target.

    Raises:
        InputError: two predict different targets, classes, or in different units, or a checkpoint's classes cannot be read.
    """
    _same("numbers of classes", [str(model.n_classes) for model in models], names)
    _same("targets", [model.about.get("target") for model in models], names)
    unit = _same("units", [model.about.get("unit") for model in models], names)
    classes = _same("classes", [model.about.get("classes") for model in models], names)
    n_classes = models[0].n_classes
    if not n_classes:
        return Meaning(unit or UNKNOWN_UNIT)
    return Meaning(classes=_class_names(classes or json.dumps(list(range(n_classes))), n_classes, names[0]))


def _same(what: str, said: Sequence[str | None], names: Sequence[object]) -> str | None:
    """What those say that say something. Raises InputError where two differ."""
    known = {one_line(text): name for text, name in zip(said, names, strict=True) if text}
    if len(known) > 1:
        (one, first), (other, second) = list(known.items())[:2]
        raise InputError(f"checkpoints of different {what} cannot be averaged: '{one}' in {first}, '{other}' in {second}")
    return next(iter(known), None)


def _class_names(text: str, n_classes: int, name: object) -> tuple[str, ...]:
    try:
        classes = json.loads(text)
    except (ValueError, RecursionError):
        classes = None
    named = isinstance(classes, list) and all(isinstance(label, str | int) for label in classes)
    labels = tuple(one_line(str(label), LONGEST_CLASS) for label in classes) if named else ()
    if len(set(labels)) != n_classes:
        raise InputError(f"{name}: it says its classes are {text[:80]}; expected the names of {n_classes}")
    return labels


def predict_files(
    models: Mapping[Path, Model[Any, Any]], meaning: Meaning, paths: Sequence[Path], id_column: str | None = None
) -> FilePredictions:
    """Predict every structure of each file with each model; what cannot be used is left out, with its reason.

    Args:
        models: members of an ensemble, by their files.
        meaning: of what they predict.
        paths: structure files; each frame of an XYZ file and each row of an ASE database is a crystal.
        id_column: of databases and XYZ files, whose values are the ids.
    """
    every = read_every(paths, id_column)
    ids = _ids(every, ids_of(paths))
    left_out = {row: str(one.cell) for row, one in enumerate(every) if isinstance(one.cell, InputError)}
    read = [row for row in range(len(every)) if row not in left_out]
    cells = [one.cell for one in every if not isinstance(one.cell, InputError)]
    crystals = Crystals.from_cells([ids[row] for row in read], cells)
    members = list(models.values())
    values, refused = predict_crystals(members, crystals)
    left_out |= {read[row]: f"{_place(every[read[row]], paths)}: {reason}" for row, reason in refused.items()}
    kept = [row for row in range(len(read)) if row not in refused]
    lines = tuple(left_out[row] for row in sorted(left_out))
    used = crystals.take(kept)
    unseen, names = unseen_elements(members, used), tuple(ids_of(list(models)))
    return FilePredictions(tuple(used.ids), values[:, kept], meaning, unseen, without_cell(used), lines, names)


def _ids(every: Sequence[Found], of_files: Sequence[str]) -> list[str]:
    """The name that a structure has, else that of its file and, where the file has several, its number."""
    numbers = ("" if one.number is None else f":{one.number}" for one in every)
    return _numbered(
        [one_line(one.name) if one.name else of_files[one.file] + number for one, number in zip(every, numbers, strict=True)]
    )


def _place(one: Found, paths: Sequence[Path]) -> str:
    return f"{paths[one.file]}" + ("" if one.number is None else f", structure {one.number}")


def predict_crystals(models: Sequence[Model[Any, Any]], crystals: Crystals) -> tuple[np.ndarray, dict[int, str]]:
    """(members, n, 1) predictions or (members, n, K) probabilities; row → why of crystals that a member cannot predict."""
    shape = len(models), len(crystals), max(1, models[0].n_classes)
    values, refused = np.full(shape, np.nan), dict[int, str]()
    for member, model in enumerate(models):
        rows = np.array([row for row in range(len(crystals)) if row not in refused], dtype=np.int64)
        if len(rows) == 0:
            break
        values[member, rows], new = _predict_rows(model, crystals, rows)
        refused |= new
    return values, refused


def _predict_rows(model: Model[Any, Any], crystals: Crystals, rows: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """In one go; where the model refuses a crystal, by halves until it is known which."""
    try:
        inputs = model.prepare(crystals.take(rows))
    except InputError as error:
        if len(rows) == 1:
            return np.full((1, max(1, model.n_classes)), np.nan), {int(rows[0]): str(error)}
        (first, why), (second, why_not) = (_predict_rows(model, crystals, half) for half in np.array_split(rows, 2))
        return np.concatenate([first, second]), why | why_not
    values = model.predict(inputs, np.arange(len(rows))).reshape(len(rows), -1)
    return values, {int(row): "its prediction is not finite" for row in rows[~np.isfinite(values).all(axis=1)]}
