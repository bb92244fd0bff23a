"""Reads structure files of other programs (CIF, POSCAR, XYZ, JSON, …) as cells; an error is one line with the file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from datasets.crystals import Cell, cell_of_structure
from datasets.errors import InputError
from datasets.parallel import on_every_core
from datasets.readers.archives import unpacked
from datasets.readers.ase_database import is_database, read_only_row
from datasets.readers.ase_images import only_cell
from datasets.readers.budget import MOST_BYTES, budget, size_of
from datasets.readers.checks import checked
from datasets.readers.cif import read_cif
from datasets.readers.poscar import read_poscar
from datasets.readers.structure_dicts import cell_of_dict
from datasets.readers.structure_json import read_json_structure, read_yaml_structure
from datasets.readers.texts import require_no_page, text_of_bytes
from datasets.readers.xyz import read_xyz

SUFFIXES = {
    ".cif": "CIF", ".vasp": "POSCAR", ".poscar": "POSCAR", ".contcar": "POSCAR",
    ".xyz": "XYZ", ".extxyz": "XYZ", ".json": "ASE JSON",
}  # fmt: skip
"""What is looked for in a folder."""

TEXTS = {
    ".cif": "CIF", ".mcif": "CIF", ".json": "ASE JSON", ".mson": "ASE JSON", ".yaml": "pymatgen YAML", ".yml": "pymatgen YAML",
    "POSCAR": "POSCAR", "CONTCAR": "POSCAR",
}  # fmt: skip
"""Anywhere in a name: what pymatgen would read without counting the structures of a file."""

STUMBLED = (ArithmeticError, LookupError, TypeError, AttributeError, NameError, AssertionError, RecursionError)
"""Errors whose messages are about a parser's code: integer modulo by zero, list index out of range."""
NOT_FOUND = "no atoms with positions could be read"

PACKED = (".gz", ".bz2", ".xz")
POOL_ABOVE = 500
CHUNK = 16


def format_of(path: Path) -> str | None:
    """The format a file's name promises (`mp-1.cif`, `POSCAR`, `CONTCAR_2`), None where it is no structure file."""
    if path.name.startswith(("POSCAR", "CONTCAR")):
        return SUFFIXES.get(path.suffix.lower(), "POSCAR")
    return SUFFIXES.get(path.suffix.lower())


def read_structure(path: str | Path, name: str | None = None) -> Cell:
    """Read the one structure of a file, of any format that pymatgen or ASE reads.

    CIF and POSCAR are periodic, extended XYZ and ASE JSON as the file says; a plain XYZ has no cell: not periodic. Of a
    VASP run (`vasprun.xml`) it is the last structure.

    Args:
        path: the file, packed (`.gz`, `.bz2`, `.xz`) or not; its name, else its content decides the format.
        name: what errors call it (default: the path).

    Returns:
        (lattice (3, 3) in Å, pbc (3,), atomic numbers (n,), fractional coordinates (n, 3)).

    Raises:
        InputError: one line that names the file: unreadable, truncated, of no known format, empty, more than one
            structure, a partially occupied site, an unknown element, no atoms, a coordinate that is not finite or
            lattice vectors that span no volume; or reading it takes more time or memory than `budget` allows.
    """
    path = Path(path)
    name = name or str(path)
    packed = path.suffix.lower() in PACKED
    plain = path.with_suffix("") if packed else path
    kind = format_of(plain) or next(
        (kind for part, kind in TEXTS.items() if part in plain.name or part in plain.name.lower()), None
    )
    try:
        with budget(name, size_of(path, name), strict=kind is None):
            raw = unpacked(path, MOST_BYTES, name, must=True) if packed else None
            if kind is None:
                return _by_other_readers(path, name, raw)
            return parse_structure(text_of_bytes(path.read_bytes() if raw is None else raw, name), kind, name)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error})") from error


def parse_structure(text: str, kind: str, name: str) -> Cell:
    """The one structure of a file's text; `kind` is a value of `SUFFIXES` or `TEXTS`.

    Raises:
        InputError: as `read_structure`.
    """
    if not text.strip():
        raise InputError(f"{name}: the file is empty")
    with budget(name, len(text), strict=kind == "pymatgen YAML"):  # whose aliases multiply
        return _guarded(lambda: _PARSERS[kind](text, name), f"{kind} file", name)


def parse_dict(content: dict[str, Any], name: str) -> Cell:
    """The structure of a dict that pymatgen or JARVIS wrote.

    Raises:
        InputError: as `read_structure`.
    """
    return _guarded(lambda: cell_of_dict(content, name), "structure's dict", name)


def _guarded(read: Callable[[], Cell], what: str, name: str) -> Cell:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return checked(read(), name)
    except InputError:
        raise
    except Exception as error:  # parsers of other people raise anything on a bad file
        ends = "; damaged or truncated?" if what == "CIF file" or isinstance(error, EOFError) else ""
        raise InputError(f"{name}: not a readable {what}{ends} ({reason_of(error)})") from error


def reason_of(error: Exception, stumbled: str = NOT_FOUND) -> str:
    """What another library says of a file, on one line; where it stumbled in its own code, what that means of the file."""
    said = " ".join(str(error).split())[:200]
    return stumbled if isinstance(error, STUMBLED) or not said else said


def read_each(paths: Sequence[str | Path], names: Sequence[str] | None = None) -> list[Cell | InputError]:
    """Read many structure files, in order; above `POOL_ABOVE` of them on every core.

    Args:
        paths: the files.
        names: what errors call each (default: its path).

    Returns:
        A cell a file; in its place the error of a file that cannot be read.
    """
    return cells_of(read_structure, paths, [str(path) for path in paths] if names is None else names)


def cells_of(
    read: Callable[[Any, str], Cell], sources: Sequence[Any], names: Sequence[str], pool_above: float = POOL_ABOVE
) -> list[Cell | InputError]:
    """`read(source, name)` of each, in order, or its InputError; above `pool_above` of them on every core."""
    pairs = list(zip(sources, names, strict=True))
    work = partial(_cells_or_errors, read)
    if len(pairs) <= pool_above:
        return work(pairs)
    chunks = [pairs[i : i + CHUNK] for i in range(0, len(pairs), CHUNK)]
    return list(chain.from_iterable(on_every_core(work, chunks)))


def _cells_or_errors(read: Callable[[Any, str], Cell], pairs: Sequence[tuple[Any, str]]) -> list[Cell | InputError]:
    cells: list[Cell | InputError] = []
    for source, name in pairs:
        try:
            cells.append(read(source, name))
        except InputError as error:
            cells.append(error)
    return cells


def _by_other_readers(path: Path, name: str, raw: bytes | None) -> Cell:
    """What pymatgen knows by its name, else what ASE knows by name or content; of a packed file `raw` is what it holds."""
    from ase.io.formats import UnknownFileTypeError

    with path.open("rb") as file:
        start = file.read(1000) if raw is None else raw[:1000]
    if not start:
        raise InputError(f"{name}: the file is empty")
    require_no_page(start, name)
    if is_database(start):
        return checked(read_only_row(path, name), name)
    reasons = []
    for read in (_by_pymatgen, _by_ase):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.filterwarnings("error", message="Elements in POSCAR cannot be determined")  # H, He, … in their place
                return checked(read(path, name), name)
        except InputError:
            raise
        except UnknownFileTypeError:
            continue
        except Exception as error:  # also where the name only looks like one of pymatgen's, whose patterns are wide
            if "Unrecognized extension" not in str(error):
                reasons.append(reason_of(error))
    if reasons:
        raise InputError(f"{name}: not a readable structure file; damaged or truncated? ({reasons[-1]})")
    expected = f"{', '.join(SUFFIXES)}, POSCAR or what else pymatgen or ASE reads"
    raise InputError(f"{name}: not a structure file; expected {expected}")


def _by_pymatgen(path: Path, name: str) -> Cell:
    from pymatgen.core import Structure

    return cell_of_structure(Structure.from_file(str(path)), name)


def _by_ase(path: Path, name: str) -> Cell:
    from ase.io import read

    # Absolute, as ASE takes a name that begins with "postgres" for a server's address.
    return only_cell(read(str(path.absolute()), index=":", do_not_split_by_at_sign=True), name)


_PARSERS: dict[str, Callable[[str, str], Cell]] = {
    "CIF": read_cif, "POSCAR": read_poscar, "XYZ": read_xyz, "ASE JSON": read_json_structure,
    "pymatgen YAML": read_yaml_structure,
}  # fmt: skip
