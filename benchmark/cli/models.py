"""`python -m benchmark models`: what can be trained."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text
from datasets.errors import InputError

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark models cgcnn --settings")
def models(
    name: Annotated[str | None, typer.Argument(help="Only this model. Default: all.")] = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="List the settings of the model NAME, by profile, and what each does.")
    ] = False,
    layers: Annotated[
        int | None, typer.Option(min=1, help="Count parameters at this depth. Default: each model's own.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the models with their papers, graph rules and trainable parameters, or the settings of one."""
    from models.registry import get, registered

    if settings and name is None:
        raise InputError("--settings lists the settings of one model: models NAME --settings")
    specs = list(registered().values()) if name is None else [get(name)]
    rows = _settings(specs[0]) if settings else [spec.describe(layers) for spec in specs]
    if as_json:
        print(json_text(rows))
    elif rows:
        _print(rows)
        for line in _searched(specs[0]) if settings else ():
            print(f"\n{line}")
    else:
        print(f"{name} has no settings")


def _settings(spec: Any) -> list[dict[str, Any]]:
    """A row for each setting: its value in every profile, what may be written for it, and what it does."""
    from models.settings_help import explained

    profiles = {profile: values.as_dict() for profile, values in spec.profiles.items()}
    return [
        {"setting": one.name, **{profile: str(values[one.name]) for profile, values in profiles.items()},
         "values": one.values, "what it does": one.about}
        for one in explained(spec.model.settings_class)
    ]  # fmt: skip


def _searched(spec: Any) -> list[str]:
    """A line for each profile that searches the model's learning rate."""
    from benchmark.harness.learning_rate import grid_of

    grids = {profile: grid_of(profile, values) for profile, values in spec.profiles.items()}
    return [
        f"{profile}: the learning rate is searched: {grid}. With --set learning_rate=… no rate is searched."
        for profile, grid in grids.items()
        if grid
    ]


def _print(rows: list[dict[str, Any]]) -> None:
    from tabulate import tabulate

    table = [["" if v is None else f"{v:,}" if isinstance(v, int) else v for v in row.values()] for row in rows]
    widths = [60 if name == "what it does" else 20 if name == "values" else None for name in rows[0]]
    print(tabulate(table, [name.replace("_", " ") for name in rows[0]], disable_numparse=True, maxcolwidths=widths))
