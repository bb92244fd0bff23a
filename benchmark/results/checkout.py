"""The git checkout that the program runs from."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""Above the packages."""

CHANGES = "+changes"
"""Ends the commit in a record whose source differs from the commit."""


def git(root: Path, *arguments: str) -> str:
    """What a command of git prints in a folder. Raises OSError or CalledProcessError."""
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


def committed_files(folder: str, root: Path = ROOT) -> set[str]:
    """Files below a folder of the checkout that its commit has, relative to `root`; empty outside a checkout of our own."""
    try:
        return {*git(root, "ls-tree", "-r", "--name-only", "HEAD", "--", folder).splitlines()}
    except (OSError, subprocess.CalledProcessError):
        return set()
