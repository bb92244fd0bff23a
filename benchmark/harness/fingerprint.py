"""The model fingerprint: a hash of the source that a model's class reaches, so that a record knows the code it came from."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from datasets.errors import BenchmarkError

PACKAGES = ("models", "datasets")

UNRELATED = {
    "models.registry", "models.contract",
    "datasets.registry", "datasets.cards", "datasets.paths", "datasets.errors", "datasets.cache",
    "datasets.crystals", "datasets.parallel",
}  # fmt: skip
"""Plumbing that a prediction does not depend on; what Crystals hold has a hash of its own in the record."""

RESUMING = "models.resume"
"""Keeps a training and restores it, to the same numbers: statements that only call it are left out of a fingerprint."""

Definition = tuple[str, str]
"""Module and name of a top-level function, class or constant; the name "" is what the module executes on import."""


@dataclass(frozen=True)
class Module:
    """The code of each top-level definition, without comments and docstrings, and the definitions of ours it may use."""

    code: dict[str, str]
    uses: dict[str, set[Definition]]


def fingerprint(model: type) -> str:
    """sha256 of the code of `model` and of every definition of ours that it reaches.

    A comment, a docstring, the layout, or a definition that the model does not reach change nothing.
    """
    seen: set[Definition] = set()
    waiting = {(model.__module__, model.__name__)}
    while waiting:
        module, name = waiting.pop()
        if module in UNRELATED:
            continue
        # A name that the module imports from elsewhere stands for what the module executes.
        name = name if name in _parsed(module).code else ""
        if (module, name) not in seen:
            seen.add((module, name))
            waiting |= _parsed(module).uses[name] | {(module, "")}
    digest = hashlib.sha256()
    for module, name in sorted(seen):
        digest.update(f"{module}.{name}\n{_parsed(module).code[name]}\n".encode())
    return digest.hexdigest()


@cache
def _parsed(module: str) -> Module:
    tree = ast.parse(Path(str(getattr(find_spec(module), "origin", None))).read_text())
    resuming = _resuming(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.For):
            kept = [statement for statement in node.body if not (_is_text(statement) or _only_resumes(statement, resuming))]
            node.body = kept or [ast.Pass()]
    imported = dict(_imports(tree.body))
    statements = [(name, node) for node in tree.body for name in _names(node)]
    code: dict[str, str] = {"": ""}
    uses: dict[str, set[Definition]] = {"": set()}
    for name, node in statements:
        code[name] = code.get(name, "") + ast.unparse(node) + "\n"
        inner = imported | dict(_imports(ast.walk(node)))
        read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        found = {inner.get(other, (module, other)) for other in read} - {(module, name)}
        uses.setdefault(name, set()).update(found)
    return Module(code, uses)


def _resuming(tree: ast.Module) -> set[str]:
    """The names in a module of what is imported to resume a training, and of what it returns."""
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == RESUMING]
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Assign) and _calls(node.value, names)]
    return names | {target.id for node in made for target in node.targets if isinstance(target, ast.Name)}


def _calls(value: ast.expr, names: set[str]) -> bool:
    """Whether it is a call of one of the names, or of a method of one."""
    called = value.func if isinstance(value, ast.Call) else None
    called = called.value if isinstance(called, ast.Attribute) else called
    return isinstance(called, ast.Name) and called.id in names


def _only_resumes(node: ast.stmt, names: set[str]) -> bool:
    """Whether a statement does nothing but keep a training, restore it, or skip what was restored."""
    if isinstance(node, ast.Expr | ast.Assign):
        return _calls(node.value, names)
    skips = isinstance(node, ast.If) and len(node.body) == 1 and isinstance(node.body[0], ast.Continue) and not node.orelse
    return isinstance(node, ast.If) and skips and _calls(node.test, names)


def _is_text(node: ast.stmt) -> bool:
    """Whether it is a docstring, of a module, a class, a function or an attribute."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _names(node: ast.stmt) -> list[str]:
    """The top-level names that a statement defines; "" for one that is executed for its effect."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        stored = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        return stored or [""]
    only_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    return [] if only_types or isinstance(node, ast.Import | ast.ImportFrom | ast.Pass) else [""]


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, Definition]]:
    """Local name → where it is defined, of what is imported from our packages; whole modules cannot be followed."""
    for node in nodes:
        whole = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module in PACKAGES:
            whole = [node.module]
        if any(name.split(".")[0] in PACKAGES for name in whole):
            raise BenchmarkError(f"`{ast.unparse(node)}` hides what a model uses; import names: from module import name")
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
            for alias in node.names:
                yield alias.asname or alias.name, (node.module, alias.name)
