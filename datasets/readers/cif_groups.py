"""Settings of the 230 space groups by the names that CIF files give them: Hermann-Mauguin, Hall, number."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core.operations import SymmOp

MONOCLINIC, CUBIC = range(3, 16), range(195, 231)
E_GLIDES = (39, 41, 64, 67, 68)
"""Groups whose symbols had a, b or c where they now have e."""


@dataclass(frozen=True, eq=False)
class Operations:
    """Symmetry operations of a group in one setting: x → rotation x + translation."""

    name: str
    rotations: np.ndarray
    translations: np.ndarray

    def __len__(self) -> int:
        return len(self.rotations)

    @cached_property
    def as_pymatgen(self) -> list[SymmOp]:
        """The same for pymatgen."""
        from pymatgen.core.operations import SymmOp

        pairs = zip(self.rotations, self.translations, strict=True)
        return [SymmOp.from_rotation_and_translation(*pair) for pair in pairs]


@dataclass(frozen=True)
class Setting:
    """One of the 530 settings of the International Tables' groups, by its number in Hall's list."""

    hall_number: int
    number: int
    hall_symbol: str
    choice: str
    full: str
    names: frozenset[str]

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"'{self.hall_symbol}'" + (f" (choice {self.choice})" if self.choice else "")


def normal(symbol: str) -> str:
    """A symbol without spaces, underscores and letter case."""
    return re.sub(r"[\s_]", "", symbol).lower()


@lru_cache(maxsize=1)
def settings() -> tuple[Setting, ...]:
    """All 530, as spglib has them."""
    import spglib

    found = []
    for hall_number in range(1, 531):
        kind = spglib.get_spacegroup_type(hall_number)
        assert kind is not None
        full = kind.international_full
        names = {full, *kind.international.split("=")[1 if kind.number in MONOCLINIC else 0 :]}
        if kind.number in MONOCLINIC:
            names.add("".join(part for part in full.split() if part != "1"))  # P 1 21/n 1 is P 21/n
        else:
            names.add(kind.international_short)
        found.append(
            Setting(hall_number, kind.number, kind.hall_symbol, kind.choice, normal(full), frozenset(map(normal, names)))
        )
    return tuple(found)


@lru_cache(maxsize=1)
def _by_name() -> dict[str, tuple[Setting, ...]]:
    found: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings():
        for name in setting.names:
            found[name].append(setting)
    older: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings():
        for name in setting.names:
            for old in _older(name, setting.number):
                if old not in found and setting not in older[old]:
                    older[old].append(setting)
    return {name: tuple(group) for name, group in {**found, **older}.items()}


def _older(name: str, number: int) -> list[str]:
    """Symbols of earlier editions: m3m for m-3m, and a glide letter for e."""
    if number in CUBIC:
        return [name.replace("-3", "3")] if "/" not in name else []
    return [name.replace("e", glide) for glide in "abc" if glide != name[0]] if number in E_GLIDES else []


@lru_cache(maxsize=1024)
def settings_of_hm(symbol: str) -> tuple[Setting, ...]:
    """The settings that a Hermann-Mauguin symbol can mean; none where it is no symbol.

    `:1`, `:2`, `:H`, `:R` and ICSD's S, Z, H, R at the end name the choice.
    """
    name, _, choice = normal(symbol).partition(":")
    found = _by_name().get(name, ())
    if not found and not choice and name[-1:] in ("s", "z", "h", "r"):
        bare = name[:-2] if name.endswith("hr") else name[:-1]
        found, choice = _by_name().get(bare, ()), {"s": "1", "z": "2"}.get(name[-1], name[-1])
    if choice:
        return tuple(s for s in found if s.choice.lower() == choice or (choice in "12" and s.choice.startswith(choice)))
    return found


@lru_cache(maxsize=1024)
def settings_of_hall(symbol: str) -> tuple[Setting, ...]:
    """The setting that a Hall symbol names, or none."""
    return tuple(setting for setting in settings() if normal(setting.hall_symbol) == normal(symbol))


@lru_cache(maxsize=1024)
def settings_of_number(number: int) -> tuple[Setting, ...]:
    """Every setting of a group."""
    return tuple(setting for setting in settings() if setting.number == number)


@lru_cache(maxsize=64)
def operations_of_setting(setting: Setting) -> Operations:
    """The operations of one setting."""
    import spglib

    found = spglib.get_symmetry_from_database(setting.hall_number)
    assert found is not None
    return Operations(setting.label, found["rotations"].astype(float), found["translations"])


def group_number(operations: Operations) -> int | None:
    """The number of the group that operations form, in any cell; None where spglib does not know it."""
    import spglib

    kind = spglib.get_spacegroup_type_from_symmetry(operations.rotations.astype(np.int32), operations.translations)
    return None if kind is None else int(kind.number)
