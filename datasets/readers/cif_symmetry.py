"""Symmetry operations of a CIF: those it lists, or those of the one setting that its names leave open."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from datasets.errors import InputError
from datasets.readers.cif_blocks import (
    COORDINATES,
    GROUP_NUMBERS,
    HALL_NAMES,
    HM_NAMES,
    OPERATIONS,
    Block,
    number_of_text,
    texts_of,
)
from datasets.readers.cif_groups import (
    MONOCLINIC,
    Operations,
    Setting,
    group_number,
    normal,
    operations_of_setting,
    settings_of_hall,
    settings_of_hm,
    settings_of_number,
)

Attempt = Callable[[Operations], "tuple[int, str | None]"]
"""How many atoms operations make of the sites, and why that cannot be the crystal (None where it can)."""

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:/\d+)?"
_TERM = rf"[+-]?(?:{_NUMBER}\*?[xyz]?|[xyz])"
_OPERATION = re.compile(rf"(?:{_TERM})(?:[+-](?:{_NUMBER}\*?[xyz]?|[xyz]))*")
METRIC_TOLERANCE = 0.02
"""Relative difference of cell lengths that symmetry makes equal, and of angles' cosines."""

SNAPPED = 2e-3
"""A translation of `0.333` is a third; translations are multiples of 1/24 in nearly all settings."""

MOST_OPERATIONS = 1000
"""Listed ones; a group of a conventional cell has at most 192, and twice as many with time reversal."""

MOST_IMAGES = 1_000_000
"""Of all sites by all operations."""

NAME_THE_GROUP = "list the operations (_space_group_symop_operation_xyz), or name the setting by its Hall symbol"


def operations_of(block: Block, metric: np.ndarray, attempt: Attempt) -> Operations:
    """The operations of a data block, respelled.

    Raises:
        InputError: none are listed and none named; a listed one is unreadable, or they form no group, not that of the
            names, or do not fit the cell; the names are misspelt, disagree, or leave the origin or the setting open.
    """
    named = _named(block)
    lists = [tuple(found) for tag in OPERATIONS if (found := texts_of(block, tag))]
    if len({tuple(re.sub(r"\s", "", text).lower() for text in found) for found in lists}) > 1:
        raise InputError("two lists of symmetry operations, which differ; keep the right one")
    texts = lists[0] if lists else None
    if texts is None:
        return _only_fitting(block, named, metric, attempt)
    require_few(len(texts), block)
    listed, number = _listed(texts)
    if not _preserves(listed, metric):
        raise InputError("the listed symmetry operations do not fit the cell's lengths and angles")
    numbers = {setting.number for setting in named or ()}
    if not numbers or number is None or number in numbers:
        return listed
    if len(listed) == 1:
        return _despite_identity(listed, _of_metric(named or (), metric), attempt)
    raise InputError(
        f"{len(listed)} operations of space group {number} are listed, but group {_numbers(numbers)} is named; correct one"
    )


def require_few(n_operations: int, block: Block) -> None:
    """Raise InputError where so many listed operations, or the images that they make of the sites, are of no crystal."""
    images = n_operations * len(block[COORDINATES[0]])
    if n_operations > MOST_OPERATIONS:
        raise InputError(f"{n_operations:,} symmetry operations; at most {MOST_OPERATIONS:,} are read")
    if images > MOST_IMAGES:
        raise InputError(f"symmetry makes {images:,} images of the sites; at most {MOST_IMAGES:,} are made")


@lru_cache(maxsize=1024)
def _listed(texts: tuple[str, ...]) -> tuple[Operations, int | None]:
    """The operations that texts such as `-x, 1/2+y, z` are, and the number of their group."""
    from pymatgen.core.operations import SymmOp

    rotations, translations = [], []
    for text in texts:
        parts = re.sub(r"\s", "", text).lower().strip(";").split(",")
        if len(parts) != 3 or not all(_OPERATION.fullmatch(part) for part in parts):
            raise InputError(f"'{text[:60]}' is no symmetry operation")
        operation = SymmOp.from_xyz_str(",".join(parts).replace("*", ""))
        rotations.append(operation.rotation_matrix)
        translations.append(operation.translation_vector)
    translation = np.array(translations)
    snapped = np.round(translation * 24) / 24
    off = np.abs(translation - snapped)
    translation = np.where((off > 1e-6) & (off < SNAPPED), snapped, translation)
    found = Operations("the listed ones", np.array(rotations), translation)
    _require_group(found)
    return found, group_number(found)


def _require_group(operations: Operations) -> None:
    """Raise InputError unless the products of all operations are among them."""
    rotations, translations, n = operations.rotations, operations.translations, len(operations)
    if not np.allclose(np.abs(np.linalg.det(rotations)), 1) or not np.array_equal(rotations, rotations.round()):
        raise InputError("a listed symmetry operation does not keep the cell's volume")
    keys = _keys(rotations, translations)
    if len(set(keys)) < n:
        raise InputError("a symmetry operation is listed twice")
    products = rotations[:, None] @ rotations[None, :]
    moved = np.einsum("iab,jb->ija", rotations, translations) + translations[:, None]
    if not set(_keys(products.reshape(-1, 3, 3), moved.reshape(-1, 3))) <= set(keys):
        raise InputError(f"the {n} listed symmetry operations form no group; is one missing or damaged?")


def _keys(rotations: np.ndarray, translations: np.ndarray) -> list[bytes]:
    """One key an operation; translations count modulo the lattice, to 1/240."""
    whole = np.round(translations * 240).astype(np.int64) % 240
    columns = np.concatenate([rotations.reshape(-1, 9).round().astype(np.int64), whole], axis=1)
    return [row.tobytes() for row in columns]


def _named(block: Block) -> tuple[Setting, ...] | None:
    """The settings that every name in the block can mean, None where the block names none.

    A Hermann-Mauguin symbol that nobody knows says nothing where operations are listed.
    """
    found: tuple[Setting, ...] | None = None
    said: list[str] = []
    listed = bool(texts_of(block, *OPERATIONS))
    for tags, look_up in ((HALL_NAMES, settings_of_hall), (HM_NAMES, settings_of_hm), (GROUP_NUMBERS, _of_number)):
        for text in dict.fromkeys(texts_of(block, *tags)):
            settings = look_up(text)
            if not settings:
                if listed:
                    continue
                raise InputError(f"'{text}' names no known setting of a space group; {NAME_THE_GROUP}")
            if listed:  # in which setting is said by the operations
                settings = tuple(other for number in {s.number for s in settings} for other in settings_of_number(number))
            said.append(text)
            both = settings if found is None else tuple(s for s in found if s in settings)
            if not both:
                raise InputError(f"the names of the space group disagree: '{said[0]}' and '{text}'; correct one")
            found = both
    return found


def _of_number(text: str) -> tuple[Setting, ...]:
    number = number_of_text(text)
    return settings_of_number(int(number)) if number and number.is_integer() else ()


def _preserves(operations: Operations, metric: np.ndarray) -> bool:
    """Whether rotations keep the lengths and angles of the cell."""
    rotated = np.swapaxes(operations.rotations, 1, 2) @ metric @ operations.rotations
    scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
    return bool((np.abs(rotated - metric) <= METRIC_TOLERANCE * scale).all())


def _of_metric(settings: tuple[Setting, ...], metric: np.ndarray) -> list[Operations]:
    return [found for setting in settings if _preserves(found := operations_of_setting(setting), metric)]


def _only_fitting(block: Block, named: tuple[Setting, ...] | None, metric: np.ndarray, attempt: Attempt) -> Operations:
    """The operations of the one named setting that cell and sites leave open."""
    if named is None:
        raise InputError(f"no symmetry: neither operations nor a space group ('P 1' if every atom is listed); {NAME_THE_GROUP}")
    possible = [setting for setting in named if _preserves(operations_of_setting(setting), metric)]
    if not possible:
        raise InputError(f"the lengths and angles of the cell do not fit space group {named[0].number}; correct one")
    if len(possible) > 1 and named[0].number in MONOCLINIC and _names_no_axis(block, possible):
        possible = [setting for setting in possible if "b" in setting.choice] or possible
    found = [operations_of_setting(setting) for setting in possible]
    fitting = [operations for operations in found if len(found) == 1 or attempt(operations)[1] is None]
    if len(fitting) != 1:
        known = ", ".join(operations.name for operations in (fitting or found)[:4])
        raise InputError(
            f"group {_numbers({s.number for s in possible})} is named but not its origin or setting: {known} "
            f"{'all' if fitting else 'none of them'} fit; {NAME_THE_GROUP}"
        )
    return fitting[0]


def _names_no_axis(block: Block, settings: list[Setting]) -> bool:
    """Whether a monoclinic symbol is short, `P 21/c` for `P 1 21/c 1`: by convention its axis is b."""
    return any(normal(text) not in {setting.full for setting in settings} for text in texts_of(block, *HM_NAMES))


def _despite_identity(identity: Operations, named: list[Operations], attempt: Attempt) -> Operations:
    """What is meant where only the identity is listed but a larger group is named: all atoms, or some to be repeated."""
    listed, why_not = attempt(identity)
    made = [attempt(operations) for operations in named]
    if any(n_atoms == listed for n_atoms, _ in made):  # the group repeats no atom: the list is whole
        return identity
    fitting = [operations for operations, (_, reason) in zip(named, made, strict=True) if reason is None]
    if why_not is None and not fitting:
        return identity
    if why_not is not None and len(fitting) == 1:
        return fitting[0]
    raise InputError(
        f"only the identity is listed as symmetry but a larger group is named; whether every atom is listed cannot be told; "
        f"{NAME_THE_GROUP}"
    )


def _numbers(numbers: set[int]) -> str:
    return " or ".join(str(number) for number in sorted(numbers))
