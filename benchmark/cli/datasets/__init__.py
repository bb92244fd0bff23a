"""`python -m benchmark datasets …`: what can be predicted, in which state it is, and where it comes from."""

import typer

from benchmark.cli.shared.discovery import add_commands

commands = typer.Typer(name="datasets", help="List, describe and examine datasets.")
add_commands(commands, __name__, __path__)
