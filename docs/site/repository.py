"""A hook of mkdocs: the site holds the repository's pages under their own paths, so that their links hold in both places."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "leaderboards/**/*.md", "reports/**/*.md")
PICTURES = ("docs/**/*.svg", "docs/**/*.png", "reports/**/*.svg", "reports/**/*.png", "leaderboards/tasks/**/*.svg")
BOARD = ("index.html", "assets/**/*", "details/**/*")
"""What `python -m benchmark leaderboard` writes for the web."""

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the repository's pages and pictures, and the web board where it was rendered."""
    for pattern in PAGES + PICTURES:
        for path in sorted(ROOT.glob(pattern)):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    board = ROOT / "leaderboards"
    for pattern in BOARD:
        for path in sorted(filter(Path.is_file, board.glob(pattern))):
            name = f"board/{path.relative_to(board).as_posix()}"
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """A link to a file that is no page of the site, such as a module or a folder, becomes its name; a dead one stays."""

    def replaced(found: re.Match[str]) -> str:
        here = PurePosixPath(page.file.src_uri).parent
        target = normpath((here / found[3]).as_posix())
        known = files.get_file_from_path(target)
        return found[2] if known is None and (ROOT / target).exists() else found[0]

    return LINK.sub(replaced, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """A table is scrolled with the keyboard too."""
    return html.replace("<table>", '<table tabindex="0">')


def on_post_page(output: str, **_: Any) -> str:
    """The search has a name for a screen reader; the theme gives it none."""
    return output.replace(
        'data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"'
    )
