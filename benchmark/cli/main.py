"""The command line. No prompts; every error is one line on stderr, exit 2 for wrong use and 1 for failed work."""

from __future__ import annotations

import logging
import os
import sys

import typer
from typer.exceptions import TyperException

from benchmark import cli
from benchmark.cli.shared.discovery import add_commands
from benchmark.cli.shared.stopping import STOPPED
from datasets.errors import BenchmarkError


def main() -> None:
    """Run the command line and exit."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("datasets").setLevel(logging.INFO)
    try:
        code = all_commands()(standalone_mode=False)
        if code == STOPPED:  # typer turns Ctrl-C into an exit code
            raise KeyboardInterrupt
        print(end="", flush=True)
    except BenchmarkError as error:
        code = _fail(str(error), error.exit_code)
    except TyperException as error:
        code = _fail(f"{error.format_message()} (see --help)", 2)
    except (KeyboardInterrupt, typer.Abort):
        code = _fail("stopped", STOPPED)
    except BrokenPipeError:
        code = 1
    except OSError as error:
        code = _fail(f"{error.filename or 'output'}: {error.strerror or error}", 1)
    try:
        print(end="", flush=True)
    except OSError:  # already told; Python would tell it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def all_commands() -> typer.Typer:
    """The app with the commands of every module in this folder."""
    app = typer.Typer(
        help="Benchmark crystal-property graph neural networks and keep the leaderboard.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    add_commands(app, cli.__name__, cli.__path__)
    return app


def _fail(message: str, code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code
