"""Symmetry of a CIF, listed or named, is applied, or refused where it is open or contradicts itself."""

import numpy as np
import pytest

from tests.datasets.readers.cif_texts import FACES, HEXAGONAL, SALT, cif, formula, listed, read, refused

UNIAXIAL = {"lengths": (5.1, 6.2, 7.3), "angles": (90, 102, 90)}

NAMED = {
    "HM": (cif(SALT, FACES), "Na4Cl4"),
    "old HM": (cif(SALT, "_symmetry_space_group_name_H-M 'F m 3 m'"), "Na4Cl4"),
    "HM in capitals": (cif(SALT, "_symmetry_space_group_name_H-M 'FM-3M'"), "Na4Cl4"),
    "new HM": (cif(SALT, "_space_group_name_H-M_alt 'F m -3 m'"), "Na4Cl4"),
    "full HM": (cif(SALT, "_space_group_name_H-M_alt 'F 4/m -3 2/m'"), "Na4Cl4"),
    "Hall": (cif(SALT, "_space_group_name_Hall '-F 4 2 3'"), "Na4Cl4"),
    "old Hall": (cif(SALT, "_symmetry_space_group_name_Hall '-F 4 2 3'"), "Na4Cl4"),
    "number": (cif(SALT, "_symmetry_Int_Tables_number 225"), "Na4Cl4"),
    "new number": (cif(SALT, "_space_group_IT_number 225"), "Na4Cl4"),
    "all names": (cif(SALT, f"{FACES}\n_space_group_name_Hall '-F 4 2 3'\n_space_group_IT_number 225"), "Na4Cl4"),
    "P 1": (cif("Cs1 Cs 0 0 0\nCl1 Cl .5 .5 .5", "_symmetry_space_group_name_H-M P1"), "Cl1Cs1"),
    "origin 2": (cif("C1 C 0.125 0.125 0.125", "_symmetry_space_group_name_H-M 'F d -3 m :2'"), "C8"),
    "origin 2 of ICSD": (cif("C1 C 0.125 0.125 0.125", "_symmetry_space_group_name_H-M 'F d -3 m Z'"), "C8"),
    "origin 1": (cif("C1 C 0 0 0", "_symmetry_space_group_name_H-M 'F d -3 m:1'"), "C8"),
    "origin 1 of ICSD": (cif("C1 C 0 0 0", "_symmetry_space_group_name_H-M 'F d -3 m S'"), "C8"),
    "origin by Hall": (cif("C1 C 0 0 0", "_space_group_name_Hall 'F 4d 2 3 -1d'"), "C8"),
    "origin by Z": (
        cif("C1 C 0 0 0", "_space_group_IT_number 227", head="_chemical_formula_sum C\n_cell_formula_units_Z 8"), "C8"),
    "hexagonal": (
        cif("Bi1 Bi 0 0 .2339", "_space_group_name_H-M_alt 'R -3 m'", lengths=(4.55,) * 2 + (11.86,), angles=(90, 90, 120)),
        "Bi6"),
    "rhombohedral": (
        cif("Bi1 Bi .2339 .2339 .2339", "_space_group_name_H-M_alt 'R -3 m'", lengths=(4.75,) * 3, angles=(57.2,) * 3), "Bi2"),
    "rhombohedral by its letter": (
        cif("Bi1 Bi .2339 .2339 .2339", "_space_group_name_H-M_alt 'R -3 m:R'", lengths=(4.75,) * 3, angles=(57.2,) * 3),
        "Bi2"),
    "axis b": (cif("Na1 Na .1 .2 .3", "_space_group_name_H-M_alt 'P 21/c'", **UNIAXIAL), "Na4"),
    "glide n": (cif("Na1 Na .1 .2 .3", "_space_group_name_H-M_alt 'P 1 21/n 1'", **UNIAXIAL), "Na4"),
    "axis c": (cif("Na1 Na .1 .2 .3", "_space_group_name_H-M_alt 'P 21/b'", lengths=(5, 6, 7), angles=(90, 90, 102)), "Na4"),
    "glide e": (cif("Na1 Na 0 0 0", "_space_group_name_H-M_alt 'C m c a'", lengths=(5.1, 6.2, 7.3)), "Na4"),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_named_symmetry_is_applied(case):
    text, expected = NAMED[case]
    assert formula(text) == expected


OPEN = {
    "misspelt": (cif(SALT, "_symmetry_space_group_name_H-M 'F M 3 M (REF)'"), "'F M 3 M (REF)' names no known setting"),
    "unknown Hall": (cif(SALT, "_space_group_name_Hall '-F 4 2 9'"), "names no known setting"),
    "no group": (cif(SALT, ""), "no symmetry"),
    "unknown": (cif(SALT, "_symmetry_space_group_name_H-M ?"), "no symmetry"),
    "two origins": (cif("C1 C 0 0 0", "_symmetry_space_group_name_H-M 'F d -3 m'"), "named but not its origin"),
    "settings of 62": (
        cif("C1 C .1 .2 .3", "_space_group_IT_number 62", lengths=(5, 6, 7)),
        "named but not its origin or setting",
    ),
    "name and number": (cif(SALT, f"{FACES}\n_space_group_IT_number 221"), "disagree: 'F m -3 m' and '221'"),
    "name and Hall": (cif(SALT, f"{FACES}\n_space_group_name_Hall '-P 4 2 3'"), "disagree"),
    "number beyond": (cif(SALT, "_space_group_IT_number 231"), "names no known setting"),
    "cell": (cif(SALT, FACES, lengths=(4.2, 4.2, 5.2)), "do not fit space group 225"),
    "P 1 and 225": (cif(SALT, "_space_group_name_H-M_alt 'P 1'\n_space_group_IT_number 225"), "disagree"),
}


@pytest.mark.parametrize("case", OPEN)
def test_names_that_leave_the_group_or_the_origin_open_are_refused(case):
    text, message = OPEN[case]
    assert message in refused(text)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (f"{listed('x,y,z', '-x,-y,-z')}\n{FACES}", "2 operations of space group 2 are listed, but group 225 is named"),
        (listed("x,y,z", "-x,-y,-z", "-x,y,-z"), "form no group"),
        (listed("-x,-y,-z"), "form no group"),
        (listed("x,y,z", "x,y,z"), "listed twice"),
        (listed("x,y,z", "-x,-y,oops"), "is no symmetry operation"),
        (listed("x,y,z", "-x,-y"), "is no symmetry operation"),
        (listed("x,y,z", "2x,y,z"), "does not keep the cell's volume"),
        (listed("x,y,z", "x+y,y,z"), "form no group"),
    ],
)
def test_listed_operations_that_cannot_be_are_refused(group, message):
    assert message in refused(cif("C1 C 0.1 0.2 0.3\nN1 N 0.4 0.3 0.1", group, lengths=(6, 6, 6)))


def test_operations_that_do_not_fit_the_cell_are_refused():
    four = listed("x,y,z", "-y,x,z", "-x,-y,z", "y,-x,z")
    assert "do not fit the cell" in refused(cif("C1 C .1 .2 .3", four, lengths=(6, 7, 6)))
    assert formula(cif("C1 C .1 .2 .3", four, lengths=(6, 6, 7))) == "C4"


def test_operations_in_an_unnamed_setting_or_with_decimal_translations_are_read():
    odd = listed("x, y, z", "-x, 0.5+y, 1/2-z") + "\n_space_group_name_H-M_alt 'P 1 21 1 (origin moved)'"
    assert formula(cif("C1 C .1 .2 .3", odd, lengths=(6, 7, 8))) == "C2"
    assert formula(cif("Cs1 Cs 0 0 0\nCl1 Cl .5 .5 .5", "_symmetry_equiv_pos_as_xyz x,y,z")) == "Cl1Cs1"
    thirds = listed("x,y,z", "-y,x-y,z+0.333", "y-x,-x,z+0.667")
    assert np.allclose(sorted(read(cif("Se1 Se .22 0 0", thirds, **HEXAGONAL))[3][:, 2]), [0, 1 / 3, 2 / 3], atol=1e-9)


def test_the_identity_alone_beside_a_larger_group_is_a_whole_list_or_refused():
    identity = f"{FACES}\n{listed('x,y,z')}"
    whole = "\n".join(
        f"{symbol}{i} {symbol} {x} {y} {z}"
        for symbol, shift in (("Na", 0), ("Cl", 0.5))
        for i, (x, y, z) in enumerate(
            np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]) + np.array([shift, 0, 0])
        )
    )
    assert formula(cif(whole, identity)) == "Na4Cl4"
    assert "whether every atom is listed cannot be told" in refused(cif(SALT, identity))
    four = "_chemical_formula_sum 'Cl Na'\n_cell_formula_units_Z 4"
    assert formula(cif(SALT, identity, head=four)) == "Na4Cl4"
    assert formula(cif(SALT, identity, head=four.replace("4", "1"))) == "Na1Cl1"
