"""Small CIF texts, and what is read from them."""

import pytest
from ase.data import chemical_symbols

from datasets.errors import InputError
from datasets.readers.structure_files import parse_structure

SALT = "Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5"
FACES = "_symmetry_space_group_name_H-M 'F m -3 m'"
HEXAGONAL = {"lengths": (3.82, 3.82, 6.26), "angles": (90, 90, 120)}


def cif(
    rows: str,
    group: str = "_space_group_name_H-M_alt 'P 1'",
    columns: str = "label type_symbol fract_x fract_y fract_z",
    lengths=(4.21, 4.21, 4.21),
    angles=(90, 90, 90),
    head: str = "",
) -> str:
    lines = ["data_test", head, *(f"_cell_length_{axis} {length}" for axis, length in zip("abc", lengths, strict=True))]
    lines += [f"_cell_angle_{axis} {angle}" for axis, angle in zip(("alpha", "beta", "gamma"), angles, strict=True)]
    return "\n".join([*lines, group, "loop_", *(f"_atom_site_{column}" for column in columns.split()), rows, ""])


def listed(*operations: str) -> str:
    return "\n".join(["loop_", "_space_group_symop_operation_xyz", *(f"'{operation}'" for operation in operations)])


def read(text: str):
    return parse_structure(text, "CIF", "x.cif")


def formula(text: str) -> str:
    numbers = read(text)[2].tolist()
    return "".join(f"{chemical_symbols[z]}{numbers.count(z)}" for z in sorted(set(numbers)))


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(text)
    said = str(caught.value)
    assert said.startswith("x.cif: ") and "\n" not in said
    return said


INVERSION = listed("x,y,z", "-x,-y,-z")
