"""Name → study: every folder of `benchmark/studies` is one. Needs no torch.

In a folder, `study.py` defines `STUDY`, what is trained (`planning.study_called` reads it), and `page.py` defines `PAGES`,
what is written of the folds. The folder's name, with hyphens, is the study's.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

from benchmark import studies
from datasets.errors import unknown_name

if TYPE_CHECKING:  # names are asked for where nothing is drawn
    from benchmark.studies.pages import StudyPages


def names() -> list[str]:
    """Every study, in alphabetical order."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(studies.__path__) if module.ispkg)


def folder_of(name: str) -> str:
    """The package of a study. Raises InputError for an unknown name."""
    if name not in names():
        raise unknown_name("study", name, names())
    return f"{studies.__name__}.{name.replace('-', '_')}"


def pages_of(name: str) -> StudyPages:
    """How the folds of a study become pages. Raises InputError for an unknown name."""
    pages: StudyPages = import_module(f"{folder_of(name)}.page").PAGES
    return pages
