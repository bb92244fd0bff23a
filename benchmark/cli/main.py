"""The command line. No prompts; an error is one line on stderr, bad rows stand below it; exit 2: wrong use, 1: failed work."""

from __future__ import annotations

import errno
import os
import sys

import typer
from typer.exceptions import TyperException

from benchmark import cli
from benchmark.cli.shared.discovery import add_commands
from benchmark.cli.shared.last_resort import unforeseen
from benchmark.cli.shared.stopping import STOPPED, Stopped
from benchmark.cli.shared.terminal import harmless_streams, tell
from datasets.errors import BenchmarkError, InputError

NO_MEMORY = (errno.ENOMEM, errno.EAGAIN)
"""A process or a thread could not be started."""

ALONE = ("--task", "--dataset", "--model", "--out")
"""Options whose value people write without them."""


def main() -> None:
    """Run the command line and exit."""
    with harmless_streams():
        code = _run()
        try:
            print(end="", flush=True)
        except OSError:  # already told; Python would tell it again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _run() -> int:
    try:
        _require_directory()
        code = all_commands()(standalone_mode=False)
        if code == STOPPED:  # typer turns Ctrl-C into an exit code
            raise KeyboardInterrupt
        print(end="", flush=True)
        return code or 0
    except Stopped as stopped:  # as was wanted: no error
        tell(stopped)
        return stopped.exit_code
    except BenchmarkError as error:
        code = _fail(str(error), error.exit_code)
        for line in error.details:
            tell(f"- {line}")
        return code
    except TyperException as error:
        return _fail(f"{error.format_message()} {_hint(error)}", 2)
    except (KeyboardInterrupt, typer.Abort):
        tell("stopped")
        return STOPPED
    except BrokenPipeError:
        return 1
    except OSError as error:
        return _fail(_of_the_system(error), 1)
    except Exception as error:
        return _fail(unforeseen(error), 1)


def _hint(error: TyperException) -> str:
    """Where to read on; where a value stands alone, the options that may be meant."""
    context = getattr(error, "ctx", None)
    options = [name for param in context.command.params for name in param.opts] if context else []
    meant = [name for name in ALONE if name in options]
    if "extra argument" in error.format_message() and meant:
        return f"(write it behind an option: {' or '.join(meant)}; see --help)"
    return "(see --help)"


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


def _require_directory() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise InputError(f"the working directory is gone ({error.strerror}); change to one that is there") from None


def _of_the_system(error: OSError) -> str:
    if error.filename is None and error.errno in NO_MEMORY:
        return f"a process could not be started ({error.strerror}); memory or a limit ran out, use fewer --workers"
    return f"{error.filename or 'output'}: {error.strerror or error}"


def _fail(message: str, code: int) -> int:
    tell(f"error: {message}")
    return code
