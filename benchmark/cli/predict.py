"""`python -m benchmark predict …`: what fitted models say about new crystals."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text, tell
from datasets.errors import BenchmarkError

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark predict --checkpoint fold-00.safetensors crystal.cif")
def predict(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Structure files of any format, and folders of them; no CSV needed.")
    ],
    checkpoint: Annotated[
        list[Path],
        typer.Option(
            help="A fitted model: *.safetensors of `run --save-checkpoints`, *.pth.tar of the original CGCNN, *.npz or *.hdf5 "
            "of MEGNet; or a directory that holds one run, whose folds predict together. May be repeated: "
            "the mean is given, and how far the models disagree."
        ),
    ],
    id_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Where the ids are: a column of an ASE database, or a key in an XYZ file."),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Also write the table into a new file.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="With --csv: replace a file of that name.")] = False,
    members: Annotated[
        bool, typer.Option("--members", help="A column for each of several models: its own prediction. JSON always has them.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Predict new crystals with trained models, all frames of an XYZ file and all rows of an ASE database.

    Several models predict together: their mean, and their standard deviation as `disagreement`, which is no error bar. A
    classifier gives the most probable class and the probability of each. `unseen_elements` are those that no
    model was trained on, `unseen_by_some` those that some of the models were not trained on.
    """
    from tabulate import tabulate

    from benchmark.harness.machine import choose_device
    from benchmark.harness.predict import find_structures, meaning_of, predict_files, trial_warning
    from benchmark.harness.predictions import in_columns, require_file, write_csv
    from benchmark.leaderboard.checkpoint_error import error_on_test
    from datasets.readers.folder import unread_folders
    from datasets.registry import is_folder
    from models.checkpoints import find_checkpoints, load_checkpoint

    if csv:
        require_file(csv, replace)
    device = choose_device(device)
    files, (structures, lacking) = find_checkpoints(checkpoint), find_structures(paths)
    for line in filter(None, (unread_folders(path) for path in paths if is_folder(str(path)))):
        tell(f"warning: {line}")
    models = [load_checkpoint(file, device) for file in files]
    found = predict_files(dict(zip(files, models, strict=True)), meaning_of(models, files), structures, id_column)
    rows, left_out = found.rows(), [*lacking, *found.left_out]
    if not rows:
        raise BenchmarkError("no structure can be predicted:", left_out)
    for line in filter(None, [trial_warning(models), *found.warnings]):
        tell(f"warning: {line}")
    flat = [in_columns(row, members) for row in rows]
    if csv:
        write_csv(csv, flat)
    if as_json:
        print(json_text(rows))
    else:
        table = [[f"{v:.6g}" if isinstance(v, float) else v for v in row.values()] for row in flat]
        align = ["right" if isinstance(v, float) else "left" for v in flat[0].values()]
        print(tabulate(table, list(flat[0]), disable_numparse=True, colalign=align))
    if error := error_on_test(files):
        print(f"\n{error}", file=sys.stderr if as_json else sys.stdout)
    if left_out:
        tell(f"{len(rows)} predicted; {len(left_out)} left out:")
        for line in left_out:
            tell(f"- {line}")
        raise typer.Exit(1)
