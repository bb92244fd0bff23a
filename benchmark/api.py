"""What a script or a notebook needs: load crystals, run a task, predict structures or files, read a board, compare two models.

These six functions stay as they are; everything else may move.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmark.leaderboard.as_table import rows_as_table
from benchmark.rendering.text import count
from benchmark.results.directories import PUBLISHED, RUNS
from benchmark.schema import one_line
from datasets.crystals import Crystals
from datasets.errors import BenchmarkError, InputError, several

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

Paths = str | Path | Sequence[str | Path]
"""One, or several."""


def load(dataset: str | Path, skip_bad: bool = False) -> Crystals:
    """Load a data set.

    Args:
        dataset: a name that `python -m benchmark datasets list` prints, or a folder of structures with a CSV of ids and
            targets.
        skip_bad: leaves out the crystals of a folder whose files cannot be read; a UserWarning names each.

    Returns:
        The crystals as columns; `targets` is a DataFrame with one row a crystal.

    Raises:
        InputError: no data set has that name, or it cannot be read; without `skip_bad` also where files of a folder cannot.
        DatasetMissing: its files are not on this machine.
    """
    from datasets import registry

    name = str(dataset)
    with _details_in_message():
        try:
            return registry.get(name).load()
        except InputError:
            bad = registry.unreadable(name) if skip_bad and registry.is_folder(name) else {}
            if not bad:
                raise
        crystals = registry.get(name, tuple(bad)).load()
        if len(crystals) == 0:
            raise InputError(f"{name}: no crystal can be used: {several(list(bad.values()))}")
    for line in bad.values():
        warnings.warn(f"left out: {line}", stacklevel=2)
    return crystals


@contextmanager
def _details_in_message() -> Iterator[None]:
    """Inside, the lines that the command line prints below an error are in its message."""
    try:
        yield
    except BenchmarkError as error:
        if not error.details:
            raise
        raise type(error)("\n".join([str(error), *(f"- {line}" for line in error.details)])) from error


def run(
    task: str | Path,
    models: Sequence[str] = (),
    *,
    profile: str = "mini",
    settings: Mapping[str, object] | None = None,
    folds: int | None = None,
    repeats: int = 1,
    seed: int = 0,
    workers: int = 1,
    device: str = "cpu",
    save_checkpoints: bool = False,
    skip_bad: bool = False,
    out: str | Path = RUNS,
) -> pd.DataFrame:
    """Train and score models on a task, fold by fold, and return its board. Finished folds in `out` are not run again.

    The folds run in processes of their own: a script must call this below `if __name__ == "__main__":`.

    Args:
        task: dataset/target, a data set's name, or a folder of structures with a CSV.
        models: their names; all where empty.
        profile: the budget: smoke, mini, standard or paper.
        settings: changes to the settings of the one model named.
        folds: of the k-fold division, 5 where None.
        repeats: how often the folds are divided anew and new weights are trained.
        seed: of the first division and of its weights; repeats count on from it.
        workers: processes that share the cores.
        device: cpu or cuda.
        save_checkpoints: whether each fold's model is kept, for `predict`.
        skip_bad: leaves out crystals that cannot be read, or that one of the models cannot take; a UserWarning names them.
        out: where records go.

    Returns:
        The rows of these runs, as `board` gives them.

    Raises:
        InputError: an unknown name or setting, or data that cannot be used.
        BenchmarkError: a record cannot be written.
    """
    from benchmark.harness.machine import choose_device, threads_of
    from benchmark.harness.plan import RunOptions, make_plan
    from benchmark.harness.run import run_jobs
    from benchmark.results.store import Store

    folder = Path(task)
    options = RunOptions(
        tasks=[str(folder.resolve()) if folder.is_dir() else str(task)],
        models=models,
        settings={name: str(value) for name, value in (settings or {}).items()},
        profile=profile,
        folds=folds,
        group_duplicates=None,
        repeats=repeats,
        seed=seed,
        device=choose_device(device),
        workers=workers,
        threads=threads_of(workers),
        save_checkpoints=save_checkpoints,
        skip_bad=skip_bad,
    )
    store = Store(Path(out))
    with _details_in_message():
        plan = make_plan(options, store)
    for warning in plan.warnings:
        warnings.warn(warning, stacklevel=2)
    store.require_writable()
    run_jobs(plan.todo, store, lambda progress: None, lambda job, record: None)
    asked = [(job.task.name, job.model, job.profile, str(job.protocol), job.settings.as_dict()) for job in plan.jobs]
    return rows_as_table(Path(out), asked)


def predict(
    checkpoints: Paths, structures: Structure | Atoms | Sequence[Structure | Atoms], ids: Sequence[str] | None = None
) -> pd.DataFrame:
    """Predict pymatgen structures and ASE atoms with fitted models, on the CPU.

    Args:
        checkpoints: a file or folder that `--checkpoint` of `python -m benchmark predict` takes, or several: they are averaged.
        structures: a crystal or several, all sites fully occupied.
        ids: their names; "0", "1" … where None.

    Returns:
        One row a crystal, in the order given: id, prediction, unit (of a classifier: the most probable class and the
        probability of each), and unseen_elements, which no model was trained on. With several models also their standard
        deviation as disagreement, and unseen_by_some, which some of them were not trained on. `attrs["members"]` has the
        predictions of each (of a classifier its probability of that class) in the order of the rows, by the name of its file.
        A UserWarning tells of such elements, of a crystal without a cell, and of a model of the profile smoke.
        `attrs["test_error"]` is a text: the error of the models on test crystals; empty where no record is beside them.

    Raises:
        InputError: a checkpoint or a crystal cannot be used, the message names it; or there are not as many ids as crystals.
    """
    from benchmark.harness.predict import ids_of, predict_crystals, unseen_elements, without_cell
    from benchmark.harness.predictions import FilePredictions

    alone = isinstance(structures, str | Path) or hasattr(structures, "sites") or hasattr(structures, "get_pbc")
    given: list[Any] = [structures] if alone else list(structures)
    names = [str(row) for row in range(len(given))] if ids is None else [str(name) for name in ids]
    if len(names) != len(given):
        raise InputError(f"ids: {count(len(names), 'name')} for {count(len(given), 'crystal')}")
    cells = [_cell(structure, name) for structure, name in zip(given, names, strict=True)]
    models, meaning, files = _loaded(checkpoints)
    if not given:
        raise InputError("no crystal was given")
    crystals = Crystals.from_cells(names, cells)
    values, refused = predict_crystals(models, crystals)
    left_out = tuple(f"{names[row]}: {reason}" for row, reason in refused.items())
    unseen = unseen_elements(models, crystals)
    found = FilePredictions(tuple(names), values, meaning, unseen, without_cell(crystals), left_out, tuple(ids_of(files)))
    return _predicted(found, models, files)


def _cell(structure: Any, name: str) -> Any:
    from datasets.crystals import cell_of_atoms, cell_of_structure

    if hasattr(structure, "sites"):
        return cell_of_structure(structure, name)
    if hasattr(structure, "get_pbc"):
        return cell_of_atoms(structure, name)
    raise InputError(f"{one_line(repr(structure), 100)} is no structure; predict_files takes files")


def predict_files(checkpoints: Paths, paths: Paths, id_column: str | None = None, skip_bad: bool = False) -> pd.DataFrame:
    """Predict the crystals of structure files with fitted models, on the CPU.

    Args:
        checkpoints: as for `predict`.
        paths: structure files and folders of them; every frame of an XYZ file and every row of an ASE database is a crystal.
        id_column: the column of a database, or key of the comment lines of an XYZ file, whose values are the ids.
        skip_bad: leaves out files and crystals that cannot be used; a UserWarning names each.

    Returns:
        One row a crystal, as `predict` gives them; an id is the name of the file, with the number of the frame or row behind
        it where the file holds several (`relaxation:3`).

    Raises:
        InputError: a checkpoint cannot be used, or without `skip_bad` a file or a crystal; the message names it.
    """
    from benchmark.harness.predict import find_structures
    from benchmark.harness.predict import predict_files as predicted

    models, meaning, files = _loaded(checkpoints)
    structures, lacking = find_structures(_paths(paths))
    found = predicted(dict(zip(files, models, strict=True)), meaning, structures, id_column)
    left_out = (*lacking, *found.left_out)
    for line in left_out if skip_bad else ():
        warnings.warn(f"left out: {line}", stacklevel=2)
    return _predicted(replace(found, left_out=() if skip_bad else left_out), models, files)


def _paths(given: Paths) -> list[Path]:
    return [Path(path) for path in ([given] if isinstance(given, str | Path) else given)]


def _loaded(checkpoints: Paths) -> tuple[list[Any], Any, list[Path]]:
    """The models of the files, what they predict, and the files."""
    from benchmark.harness.predict import meaning_of
    from models.checkpoints import find_checkpoints, load_checkpoint

    with _details_in_message():
        files = find_checkpoints(_paths(checkpoints))
    if not files:
        raise InputError("no checkpoint was given")
    models = [load_checkpoint(file, "cpu") for file in files]
    return models, meaning_of(models, files), files


def _predicted(found: Any, models: list[Any], files: list[Path]) -> pd.DataFrame:
    """Predictions as a table; InputError where a crystal could not be used."""
    from benchmark.harness.predict import trial_warning
    from benchmark.harness.predictions import MEMBERS
    from benchmark.leaderboard.checkpoint_error import error_on_test

    if found.left_out:
        raise InputError(several(found.left_out))
    for line in filter(None, [trial_warning(models), *found.warnings]):
        warnings.warn(line, stacklevel=3)
    rows = found.rows()
    table = pd.DataFrame(rows).drop(columns=MEMBERS, errors="ignore")
    # A table of its own would not do: pandas compares attributes where it joins tables.
    table.attrs["members"] = {name: [row[MEMBERS][name] for row in rows] for name in rows[0].get(MEMBERS, ())}
    table.attrs["test_error"] = error_on_test(files)
    return table


def board(folder: str | Path = PUBLISHED) -> pd.DataFrame:
    """Read a board: one row a model and comparison group, the best first.

    Args:
        folder: a directory of records: `leaderboards`, or the `--out` of a run.

    Returns:
        task, row (the model as the board names it), unit (None of classes), model, profile, protocol; loss (MAE, or log loss of
        classes) and its standard deviation over folds; ratio to the best other model, with its 95 % interval; verdict; number
        of folds; seconds of a training on the clock, and of the processor or GPU; parameters. A row that is compared with no
        other has neither ratio nor verdict.

    Raises:
        InputError: there is no such directory, or a record is damaged; the message names the file.
    """
    return rows_as_table(_existing(folder))


def _existing(folder: str | Path, name: str = "folder") -> Path:
    if not isinstance(folder, str | Path):
        raise InputError(f"{name} is the path of a directory of records, not {folder!r}")
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such directory; run a task first, or name a directory of records")
    return Path(folder)


def compare(
    first: str, second: str, task: str, folder: str | Path = PUBLISHED, beside: str | Path | None = None
) -> pd.DataFrame:
    """Is the difference between two models of a task real?

    Args:
        first: a model's name, which stands for all its rows, or one row as the board names it.
        second: another one.
        task: dataset/target.
        folder: a directory of records, as for `board`.
        beside: another one, whose rows on that task are compared too: `leaderboards`, beside your own runs.

    Returns:
        One row for each comparison group (profile, protocol, data), row of the first and row of the second; those of `folder`
        first. lower and higher, the rows by their mean loss; the ratio of their losses with its 95 % interval; verdict: real,
        equal (within 5 %) or undecided; folds and repeats that both have. more_repeats would decide an undecided pair, if the
        errors stayed as measured. It is None where the pair is decided, where over 50 would be needed, and where reason is not
        None. command trains them, or more epochs where no repeats would decide. reason says why nothing can be decided, for
        example that there is one fold only. alone_low, alone_high, alone_verdict and alone_more_repeats: the same of this
        pair alone, for who planned no other comparison. common_folds: which row has further folds that the other lacks
        (missing_repeats); None where all folds of both are compared. A UserWarning names rows of the two that are not
        compared, and what to run so that they are.

    Raises:
        InputError: there is no such directory, task or model, or no group that compares both; or an argument of another type.
    """
    from dataclasses import asdict, fields

    from benchmark.leaderboard.pair import compare_pair
    from benchmark.leaderboard.pair_answers import PairAnswer
    from benchmark.results.beside import StoreBeside
    from benchmark.results.store import Store

    for name, value in (("first", first), ("second", second), ("task", task)):
        if not isinstance(value, str):
            raise InputError(f"{name} is a name, not {value!r}")
    root = _existing(folder)
    store = Store(root) if beside is None else StoreBeside(root, Store(_existing(beside, "beside")))
    found = compare_pair(store, task, first, second)
    for line in (*found.not_compared, *found.same_runs):
        warnings.warn(line, stacklevel=2)
    return pd.DataFrame([asdict(answer) for answer in found.answers], columns=[each.name for each in fields(PairAnswer)])
