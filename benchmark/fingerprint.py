"""The model fingerprint: a hash of the source that defines a model, so that a record knows the code it came from."""

from __future__ import annotations

import ast
import hashlib
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("models", "datasets")

UNRELATED = {
    "models.registry", "models.contract", "datasets.registry", "datasets.errors", "datasets.cache", "datasets.crystals",
}  # fmt: skip
"""Plumbing that a prediction does not depend on; what Crystals hold has a hash of its own in the record."""


def fingerprint(module: str) -> str:
    """sha256 of the code of `module` and of every module of ours that it imports; comments and docstrings do not count."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen or name in UNRELATED:
            continue
        seen.add(name)
        waiting += _code(name)[1]
    digest = hashlib.sha256()
    for name in sorted(seen):
        digest.update(f"{name}\n{_code(name)[0]}\n".encode())
    return digest.hexdigest()


@cache
def _code(module: str) -> tuple[str, tuple[str, ...]]:
    """Source without comments and docstrings, and the modules of ours that it imports."""
    loaded = sys.modules.get(module)
    origin = loaded.__file__ if loaded is not None else getattr(find_spec(module), "origin", None)
    tree = ast.parse(Path(str(origin)).read_text())
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
            imported.append(node.module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree), tuple(name for name in imported if name not in PACKAGES)
