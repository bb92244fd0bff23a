"""Structures and properties of Materials Project ids through `mp-api`, in chunks that are kept until all are there."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, TypeAdapter

from datasets.cards import Origin, Progress
from datasets.crystals import Crystals
from datasets.errors import BenchmarkError, InputError
from datasets.fetching.download import get_json
from datasets.fetching.sessions import SECRET, session, shown
from datasets.mp_ids import canonical_mp_id
from datasets.readers.structure_files import cells_of, parse_dict

CHUNK = 500
"""Ids a request: the web address stays short, and little is lost when a run is killed."""

PLAIN = ("formation_energy_per_atom", "energy_per_atom", "band_gap", "efermi", "total_magnetization")
MODULI = {"log10_k_vrh": "bulk_modulus", "log10_g_vrh": "shear_modulus"}
KEY_PAGE = "https://next-gen.materialsproject.org/api"


class Modulus(BaseModel):
    """GPa, the Voigt–Reuss–Hill average."""

    vrh: float | None = None


class Material(BaseModel):
    """What is asked of the summary of a material."""

    material_id: Annotated[str, AfterValidator(canonical_mp_id)]
    """As in the published lists, which have numbers."""
    structure: dict[str, Any]
    deprecated: bool = False
    formation_energy_per_atom: float | None = None
    energy_per_atom: float | None = None
    band_gap: float | None = None
    efermi: float | None = None
    total_magnetization: float | None = None
    bulk_modulus: Modulus | None = None
    shear_modulus: Modulus | None = None
    homogeneous_poisson: float | None = None


FIELDS = tuple(Material.model_fields)
_KEPT = TypeAdapter(tuple[list[str], list[Material]])
"""A chunk as it is kept: the ids asked for, and what was found."""


def fetch_materials(ids: Sequence[str], path: Path, on_progress: Progress) -> Origin:
    """Write the Parquet table of the materials that the Materials Project has today.

    Columns as `Crystals.to_parquet`, targets: formation energy and energy (eV/atom), band gap and Fermi energy (eV),
    magnetisation (µB/cell), log10 of the Voigt–Reuss–Hill moduli (GPa), Poisson ratio. A modulus that is not positive
    has no logarithm: it is dropped and counted. Ids that the database does not know, or calls deprecated, are listed.

    Args:
        ids: Materials Project ids, each once.
        path: of the table; finished chunks lie beside it until then, so that a killed fetch goes on.
        on_progress: told the number of ids.

    Returns:
        The database's version and the report.

    Raises:
        InputError: `MP_API_KEY` is missing or refused, or `mp-api` is not installed.
        BenchmarkError: the service cannot be reached or answers what cannot be read; run again to go on.
    """
    version = _version()
    client = _client()
    materials: list[Material] = []
    for number, start in enumerate(range(0, len(ids), CHUNK)):
        on_progress(start, len(ids), "materials")
        kept = path.parent / f"{re.sub(r'[^0-9A-Za-z]', '-', version)}-{number:04d}.json"
        materials += _chunk(client, ids[start : start + CHUNK], kept)
    if _version() != version:
        raise BenchmarkError(f"{shown(_endpoint())}: another release came out meanwhile; run the same command again")
    on_progress(len(ids), len(ids), "materials")
    crystals, report = table(ids, materials)
    crystals.to_parquet(path)
    return Origin(f"Materials Project, {shown(_endpoint())}", version, report)


def table(ids: Iterable[str], materials: Iterable[Material]) -> tuple[Crystals, dict[str, int | str | list[str]]]:
    """The crystals, in the order of `ids`, and what is missing: ids of four kinds, and values dropped."""
    found = {material.material_id: material for material in materials}
    wanted = list(ids)
    current = [name for name in wanted if name in found and not found[name].deprecated]
    cells = cells_of(parse_dict, [found[name].structure for name in current], current)
    kept = {name: cell for name, cell in zip(current, cells, strict=True) if not isinstance(cell, InputError)}
    targets = pd.DataFrame({column: [getattr(found[name], column) for name in kept] for column in PLAIN}, dtype=float)
    report: dict[str, int | str | list[str]] = {
        "ids_asked_for": len(wanted),
        "vanished_ids": [name for name in wanted if name not in found],
        "deprecated_ids": [name for name in wanted if name in found and found[name].deprecated],
        "unreadable_ids": [name for name in current if name not in kept],
    }
    for column, source in MODULI.items():
        moduli = (getattr(found[name], source) for name in kept)
        values = np.array([modulus and modulus.vrh for modulus in moduli], dtype=float)
        report[f"{source}_not_positive"] = int((values <= 0).sum())
        targets[column] = np.log10(values, where=values > 0, out=np.full(len(values), np.nan))
    targets["poisson_ratio"] = np.array([found[name].homogeneous_poisson for name in kept], dtype=float)
    return Crystals.from_cells(list(kept), list(kept.values()), targets), report


def _chunk(client: Any, ids: Sequence[str], kept: Path) -> list[Material]:
    """The materials of some ids: what an earlier run kept, else what the service answers."""
    with suppress(OSError, ValueError):
        asked_for, materials = _KEPT.validate_json(kept.read_bytes())
        if asked_for == list(ids):
            return materials
    found: dict[str, Material] = {}
    while missing := [name for name in ids if name not in found]:  # a page that came short is no proof that an id is gone
        known = len(found)
        found |= {material.material_id: material for material in _ask(client, missing)}
        if len(found) == known:
            break
    partial = kept.with_suffix(".partial")
    partial.write_bytes(_KEPT.dump_json((list(ids), list(found.values()))))
    os.replace(partial, kept)
    return list(found.values())


def _ask(client: Any, ids: Sequence[str]) -> list[Material]:
    from mp_api.client.core.exceptions import MPRestError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            documents = client.materials.summary.search(material_ids=list(ids), fields=list(FIELDS), chunk_size=CHUNK)
        return [Material.model_validate(document) for document in documents]
    except MPRestError as error:
        raise _explained(error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # what the client does not expect, it does not catch
        raise BenchmarkError(
            f"{shown(_endpoint())}: the answer is not what is expected ({_brief(error)}); run the same command to go on"
        ) from error


def require_key() -> str:
    """The key in `MP_API_KEY`. Raises InputError where there is none, or what is there cannot be one."""
    key = os.environ.get("MP_API_KEY", "").strip()
    if not key:
        raise InputError(f"MP_API_KEY is not set; get a key of the Materials Project at {KEY_PAGE} and export it as MP_API_KEY")
    if not re.fullmatch(r"[0-9A-Za-z]+", key):
        raise InputError(f"MP_API_KEY holds what no key has; copy it again from {KEY_PAGE}")
    return key


def _client() -> Any:
    """mp-api's client with our session, which asks again on every status that means "busy"."""
    key = require_key()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mp_api.client import MPRester
            from mp_api.client.core.exceptions import MPRestError
    except ImportError as error:
        how = "install it with: pip install 'mp-api>=0.46' (Python 3.11 or newer)"
        raise InputError(f"mp-api is not installed, or too old; {how}") from error
    connection = session()
    connection.headers[SECRET] = key
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return MPRester(
                key, endpoint=_endpoint(), session=connection, use_document_model=False, mute_progress_bars=True,
                notify_db_version=False,
            )  # fmt: skip
    except MPRestError as error:
        raise _explained(error) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(f"{shown(_endpoint())}: no usable answer ({_brief(error)}); try again later") from error


def _version() -> str:
    """The release that the service has now; asked by ourselves, as the client would wait for ever and ask only once."""
    answer = get_json(f"{_endpoint()}heartbeat")
    version = answer.get("db_version") if isinstance(answer, dict) else None
    if not version:
        raise BenchmarkError(f"{shown(_endpoint())}: the service does not say which release it serves; try again later")
    return str(version)


def _endpoint() -> str:
    return (os.environ.get("MPRESTER_ENDPOINT") or "https://api.materialsproject.org").rstrip("/") + "/"


def _explained(error: Exception) -> BenchmarkError:
    text = _line(error)
    if re.search(r"status code (401|403)|32 characters", text):
        return InputError(f"the Materials Project refuses the key in MP_API_KEY; see {KEY_PAGE} ({text[:120]})")
    return BenchmarkError(f"{shown(_endpoint())}: {text[:200]}; what came is kept, run the same command to go on")


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {_line(error)}"[:200]


def _line(error: Exception) -> str:
    """An error's text on one line, without the key and the password of the endpoint."""
    return shown(" ".join(str(error).split())).replace(require_key(), "(the key)")
