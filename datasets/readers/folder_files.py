"""Finds the structure file that an id of a folder's CSV means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from datasets.errors import InputError, listed_reasons
from datasets.mp_ids import canonical_mp_id
from datasets.readers.structure_files import SUFFIXES
from datasets.readers.unicode_text import normalised


def files_by_id(structures: Sequence[Path]) -> dict[str, list[Path]]:
    """Id → the structure files that it can mean: their names, with or without suffix, and other spellings of these."""
    known: dict[str, list[Path]] = {}
    for structure in structures:
        for key in {normalised(structure.stem), normalised(structure.name)}:
            known.setdefault(key, []).append(structure)
    spelled: dict[str, list[Path]] = {}
    for key, files in known.items():
        if (other := _spelled(key)) not in known:
            spelled.setdefault(other, []).extend(files)
    return known | spelled


def _spelled(name: str) -> str:
    """The spelling that is equal for ids of one meaning: a suffix in small letters, a Materials Project id in digits."""
    stem, _, ending = name.rpartition(".")
    small = f".{ending.lower()}"
    return stem + small if small in SUFFIXES else canonical_mp_id(name)


def files_of(
    ids: Sequence[str],
    known: Mapping[str, Sequence[Path]],
    places: Sequence[str],
    folder: Path,
    refused: Sequence[str] = (),
) -> list[Path | InputError]:
    """The structure file of every row, another one each, or the error of a row without a file; `known` as of `files_by_id`.

    `refused` says what else is wrong with the table, and stands below what is raised.

    Raises:
        InputError: ids that are empty, appear twice or have several files, all at once; each begins with the row's place,
            which ends with `line N`.
    """
    seen: dict[Path | str, str] = {}
    files: list[Path | InputError] = []
    wrong: list[str] = []
    for crystal, place in zip(ids, places, strict=True):
        try:
            file = _file_of(crystal, known, place)
        except InputError as error:
            wrong.append(str(error))
            continue
        key = crystal if isinstance(file, InputError) else file
        if key in seen:
            wrong.append(f"{place}: id '{crystal}' appears more than once (first in {seen[key]}); remove one")
        seen.setdefault(key, " ".join(place.split()[-2:]))
        files.append(file)
    if wrong:
        raise one_of_all([*wrong, *refused], folder)
    return files


def one_of_all(reasons: Sequence[str], folder: Path) -> InputError:
    """The error of a table that has to be corrected: the first reason and how many more there are, which are listed below."""
    first, *others = reasons
    told = f"; and {len(others)} more problem{'s' * (len(others) > 1)}:" if others else ""
    return InputError(f"{first}{told}", listed_reasons(others, folder))


def _file_of(crystal: str, known: Mapping[str, Sequence[Path]], place: str) -> Path | InputError:
    if not crystal:
        raise InputError(f"{place}: the id is empty; give the name of a structure file")
    if not crystal.isprintable():
        raise InputError(f"{place}: the id has a line break or a control character; rename its file")
    files = known.get(crystal) or known.get(_spelled(crystal), ())
    if not files:
        like = next((f"; {key} differs in letter case" for key in known if key.casefold() == crystal.casefold()), "")
        return InputError(f"{place}: id '{crystal}' has no structure file{like}; add e.g. {crystal}.cif or remove the row")
    if len(files) > 1:
        names = " and ".join(file.name for file in files)
        same = len({normalised(file.name) for file in files}) == 1
        hint = "the names are equal, rename one" if same else "give the id its suffix"
        raise InputError(f"{place}: id '{crystal}' has several structure files ({names}); {hint}")
    return files[0]
