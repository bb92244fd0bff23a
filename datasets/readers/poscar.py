"""Reads POSCAR files of VASP 4, 5 and 6; one that does not say its elements without a doubt is refused."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any

import numpy as np

from datasets.crystals import Cell, cell_of_atoms
from datasets.errors import InputError
from datasets.readers.symbols import number_of, numbers_of
from datasets.readers.texts import finite, is_integer, lines_of, number

MODES = {"d": "Direct", "f": "Direct", "r": "Direct", "c": "Cartesian", "k": "Cartesian"}
"""First letter of the line above the sites (Direct, Fractional, Reduced, Cartesian, Karthesisch) → what VASP calls it."""

HEAD = 30
"""Lines in which the head of a further structure is looked for."""

FLAGS = frozenset(("t", "f", ".true.", ".false.", "true", "false"))

_PARTS = re.compile(r"([A-Z][a-z]?)(\d*)")


@dataclass(frozen=True)
class _Head:
    """What stands above the sites."""

    comment: str
    scale: list[float]
    lattice: list[list[float]]
    symbols: list[str]
    """Empty in VASP 4."""
    counts: list[int]
    selective: bool
    mode: str
    n_lines: int


def read_poscar(text: str, name: str) -> Cell:
    """The structure of a POSCAR called `name` in errors.

    The line of symbols says the elements. Without one (VASP 4) it is the symbols behind the coordinates, else the comment
    where it is nothing but a list of symbols or a formula that fits the counts. Velocities after the sites are ignored.

    Raises:
        InputError: one line that names the line or atom: no symbols, a contradiction, no numbers, or an early end.
    """
    lines = lines_of(text)
    try:
        head = _head(lines)
        sites = [line.split() for line in lines[head.n_lines : head.n_lines + sum(head.counts)]]
        coords = _coordinates(sites, head)
        _require_one(lines[head.n_lines + len(sites) :], head)
    except EOFError as error:
        raise InputError(f"{name}: {error}; damaged or truncated?") from error
    except ValueError as error:
        raise InputError(f"{name}: not a readable POSCAR file: {error}") from error
    return _by_ase(head, _elements(sites, head, name), coords, name)


def _by_ase(head: _Head, numbers: np.ndarray, coords: list[list[float]], name: str) -> Cell:
    """ASE reads a POSCAR without doubts: one line of symbols, elements by their symbols, a scale that is no volume."""
    from ase.data import chemical_symbols
    from ase.io.vasp import read_vasp

    scale = head.scale
    volume = abs(np.linalg.det(head.lattice))
    if scale[0] < 0 and volume:  # a volume; ASE would turn a left-handed lattice over
        scale = [float(np.cbrt(-scale[0] / volume))]
    groups = [(chemical_symbols[z], len(list(atoms))) for z, atoms in groupby(numbers)]
    rows: list[Any] = [["-"], scale, *head.lattice, *zip(*groups, strict=True), [head.mode], *coords]
    text = "".join(" ".join(map(str, row)) + "\n" for row in rows)
    return cell_of_atoms(read_vasp(io.StringIO(text)), name)


def _head(lines: Sequence[str]) -> _Head:
    """Comment, scale, lattice, symbols, counts and mode. Raises ValueError or, at the end of the file, EOFError."""
    at = 5
    if len(lines) < at + 2:
        raise EOFError(f"the file ends after line {len(lines)}, above the sites")
    scale = _scale(lines[1])
    lattice = [_vector(_words(lines[i]), f"line {i + 1}", finite) for i in (2, 3, 4)]
    longer = next((i for i in (2, 3, 4) if len(_words(lines[i])) > 3), None)
    if longer:
        raise ValueError(f"line {longer + 1} '{lines[longer].strip()[:40]}' is no lattice vector: more than three numbers")
    words: list[str] = []
    while at < len(lines) and not _counts(lines[at]):
        words += _words(lines[at])
        if not all(word[0].isalpha() for word in words):
            raise ValueError(f"line {at + 1} '{lines[at].strip()[:40]}' holds neither symbols nor counts")
        at += 1
    counts: list[int] = []
    while at < len(lines) and _counts(lines[at]) and (not words or len(counts) < len(words)):
        counts += _counts(lines[at])  # long lists go on in the next line
        at += 1
    if words and len(words) != len(counts):
        raise ValueError(f"{len(words)} symbols ({' '.join(words)[:40]}) but {len(counts)} counts")
    if not counts or at >= len(lines):
        raise EOFError(f"the file ends after line {len(lines)}, above the sites")
    selective = lines[at].strip()[:1].lower() == "s"
    at += selective
    mode = lines[at].strip() if at < len(lines) else ""
    if mode[:1].lower() not in MODES:
        raise ValueError(f"line {at + 1} '{mode[:40]}' is neither Direct nor Cartesian")
    return _Head(lines[0].strip(), scale, lattice, words, counts, selective, MODES[mode[0].lower()], at + 1)


def _words(line: str) -> list[str]:
    """The words of a line in front of a comment."""
    return re.split("[!#]", line)[0].split()


def _counts(line: str) -> list[int]:
    """The counts of a line; empty where it is no line of counts."""
    words = _words(line)
    return [int(word) for word in words] if all(is_integer(word) for word in words) else []


def _scale(line: str) -> list[float]:
    """One factor, a volume with a minus sign, or three factors; words after them are a comment."""
    values = []
    for word in line.split():
        try:
            values.append(finite(word))
        except ValueError:
            break
    if len(values) not in (1, 3) or not all(values) or (len(values) == 3 and min(values) < 0):
        raise ValueError(f"line 2 '{line.strip()[:40]}' is not a scale: one number, or three above zero")
    return values


def _vector(words: Sequence[str], where: str, read: Callable[[str], float] = number) -> list[float]:
    if len(words) < 3:
        raise ValueError(f"{where}: {len(words)} numbers; expected 3")
    try:
        return [read(word) for word in words[:3]]
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _is_vector(line: str) -> bool:
    try:
        return bool(_vector(line.split(), ""))
    except ValueError:
        return False


def _coordinates(sites: Sequence[Sequence[str]], head: _Head) -> list[list[float]]:
    wanted = sum(head.counts)
    if not wanted:
        raise ValueError("no atoms")
    if len(sites) < wanted:
        raise EOFError(f"the file ends after {len(sites)} of {wanted} atoms")
    return [_vector(words, f"line {head.n_lines + i + 1} (atom {i})") for i, words in enumerate(sites)]


def _require_one(rest: Sequence[str], head: _Head) -> None:
    """ValueError where more atoms or another structure follow the sites; velocities may."""
    following = rest[0].strip() if rest else ""
    if following.lower().startswith("direct configuration"):
        raise ValueError("several structures in one file; expected one")
    if following and _is_vector(following):
        raise ValueError(f"more sites than the {sum(head.counts)} that the counts name; correct the counts")
    for start in range(len(rest)):
        try:
            _head(rest[start : start + HEAD])
        except (ValueError, EOFError):
            continue
        raise ValueError("several structures in one file; expected one")


def _elements(sites: Sequence[Sequence[str]], head: _Head, name: str) -> np.ndarray:
    """(n,) atomic numbers by the line of symbols, else by the symbols at the sites, else by the comment."""
    labels = [_label(words[3:], head.selective) for words in sites]
    labelled = all(labels)
    groups = head.symbols
    if not groups and labelled:
        return numbers_of(labels, name)
    groups = groups or _of_comment(head)
    if not groups:
        counts = " ".join(map(str, head.counts))[:40]
        raise InputError(
            f"{name}: no symbols of the elements: neither a line above the counts, nor one behind every site, and the comment "
            f"'{head.comment[:40]}' is no formula that fits the counts {counts}; write the symbols on a line above the counts"
        )
    numbers = np.repeat(_numbers(groups, name), head.counts)
    _require_same(labels, numbers, name)
    return numbers


def _numbers(symbols: Sequence[str], name: str) -> np.ndarray:
    try:
        return np.array([number_of(symbol) for symbol in symbols], dtype=np.int64)
    except ValueError as error:
        raise InputError(f"{name}: the line of symbols: {error}") from error


def _label(words: Sequence[str], selective: bool) -> str:
    """The symbol behind the coordinates and flags of a site, empty where there is none; a T is a flag or tritium."""
    if len(words) >= 3 and all(word.lower() in FLAGS for word in words[:3]):
        words = words[3:] if selective else []
    return words[0] if words and words[0][0].isalpha() else ""


def _require_same(labels: Sequence[str], numbers: np.ndarray, name: str) -> None:
    """InputError where every label that is there is an element's and one is of another element; other words are comments."""
    try:
        found = [number_of(label) if label else z for label, z in zip(labels, numbers, strict=True)]
    except ValueError:
        return
    wrong = np.flatnonzero(found != numbers)
    if len(wrong):
        raise InputError(
            f"{name}: atom {wrong[0]} is '{labels[wrong[0]]}' behind its coordinates, but not by the line of symbols"
        )


def _of_comment(head: _Head) -> list[str]:
    """The symbols of a comment that is nothing but a list of symbols or a formula in the proportions of the counts."""
    words = head.comment.split()
    parts = [part for word in words for part in _PARTS.findall(word)]
    symbols = [symbol for symbol, _ in parts]
    if len(parts) != len(head.counts) or "".join(map("".join, parts)) != "".join(words):
        return []
    try:
        [number_of(symbol) for symbol in symbols]
        proportions = {Fraction(count, int(amount or 1)) for count, (_, amount) in zip(head.counts, parts, strict=True)}
    except (ValueError, ZeroDivisionError):
        return []
    return symbols if words == symbols or len(proportions) == 1 else []
