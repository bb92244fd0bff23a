"""The report of the latent-space study: maps of the test crystals, and numbers that say how far to believe them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark.rendering.text import escape, joined
from benchmark.studies.comparison_groups import Contest, by_contest
from benchmark.studies.figures import Cloud, Figure, Page, Panel, csv, numbered, shown, write_study_pages
from benchmark.studies.latent_space.study import NEIGHBORS, RULE, VARIED, Space, spaces
from benchmark.studies.study import Trial
from benchmark.studies.tables import (
    COST_COLUMNS,
    by_task,
    command_of,
    costs,
    mae_cell,
    number,
    opening,
    provenance,
    table,
)

TITLE = "# Latent space: "

MEASURES = {
    "knn_mae": "k-NN error", "mean_mae": "error of the mean", "silhouette": "silhouette",
    "explained": "variance in 2 components",
    "trustworthiness_pca": "trustworthiness, PCA", "trustworthiness_tsne": "trustworthiness, t-SNE",
}  # fmt: skip

CLUSTERED, TRUSTED = 0.25, 0.9
"""Silhouette from which on quarters of the targets are said to be clusters; trustworthiness below which a map is not one."""


def write_pages(found: Iterable[Trial], reports: Path) -> list[Path]:
    """Write `<reports>/latent-space/<task>.md` and its folder for every task; returns the paths.

    Raises:
        InputError: something else stands in the way of a page.
    """

    def page(task: str, group: list[Trial], folder: str) -> Page:
        contests = by_contest(group, spaces, VARIED)
        drawn = [f for place, contest in enumerate(contests) for f in numbered(figures(contest.made), place)]
        return Page(page_text(task, contests, folder), drawn, csv(_csv_rows(contests)))

    return write_study_pages("latent-space", TITLE, found, reports, page)


def page_text(task: str, contests: Sequence[Contest[Space]], folder: str) -> str:
    """The page below its title."""
    parts = opening(contests, [conclusions(task, contest.made) for contest in contests])
    for place, contest in enumerate(contests):
        made = contest.made
        records = [record for space in made for record in space.point.records]
        layers = [int(record.changed["n_layers"]) for record in records if "n_layers" in record.changed]
        again = command_of("latent-space", records[0].key, [space.model for space in made], layers, contest.changes)
        parts += [f"## {escape(contest.title)}", provenance(records, again), _table(made)]
        parts += shown(numbered(figures(made), place), folder, "places")
        reasons = sorted({str(r) for s in made for t in s.point.trials if (r := getattr(t.seen, "reason", None))})
        parts += [f"Not seen in some folds: {escape('; '.join(reasons))}."] if reasons else []
    return "\n\n".join([*parts, "## Rules", RULE])


def conclusions(task: str, made: Sequence[Space]) -> Iterator[str]:
    """Three sentences from the numbers."""
    known = [space for space in made if space.seen and space.point.scored]
    if not known:
        yield f"No network on {task} has a latent space that was seen in every fold."
        yield "Nothing can be said of its clusters."
        yield "No map can be believed."
        return
    best = known[0]
    unit = best.point.records[0].key.unit
    yield escape(
        f"On {task} the {NEIGHBORS} nearest training crystals in the space of {best.label} predict the target with an MAE of "
        f"{number(best.mean('knn_mae'))} {unit}, beside {number(best.point.mae)} of the network itself and "
        f"{number(best.mean('mean_mae'))} of the mean of the training targets."
    )
    clustered = [space.label for space in known if (space.mean("silhouette") or 0) >= CLUSTERED]
    told = (
        f"form clusters (silhouette of {CLUSTERED:g} or more) in {joined(clustered)}"
        if clustered
        else f"form clusters in no space (no silhouette of {CLUSTERED:g} or more)"
    )
    yield escape(f"The quarters of the targets {told}.")
    believed = [space.label for space in known if (space.mean("trustworthiness_tsne") or 0) >= TRUSTED]
    yield escape(
        f"The t-SNE map shows what is there (trustworthiness {TRUSTED:g} or more) for {len(believed)} of {len(known)} networks"
        f"{': ' + joined(believed) if believed else ''}."
    )


def _table(made: Sequence[Space]) -> str:
    rows = [
        [space.label, mae_cell(space.point), *(number(space.mean(name)) for name in MEASURES), *costs(space.point)]
        for space in made
    ]
    return table(["model", "MAE", *MEASURES.values(), *COST_COLUMNS], rows)


def figures(made: Sequence[Space]) -> list[Figure]:
    """Both maps of the first fold of each network, coloured by target (Figure 8 of Omee et al.)."""
    panels = []
    for space in made:
        if space.seen:
            unit, crystals = space.point.records[0].key.unit, space.seen[0].crystals
            targets, names = [crystal.target for crystal in crystals], [crystal.id for crystal in crystals]
            for kind, name in (("pca", "PCA"), ("tsne", "t-SNE")):
                x, y = zip(*(getattr(crystal, kind) for crystal in crystals), strict=True)
                cloud = Cloud(x, y, targets, names, f"target [{unit}]")
                panels.append(Panel(f"{space.label}, {name}", "", "", cloud=cloud))
    caption = "Test crystals of the first fold in the space behind the last layer, coloured by target (Figure 8 of Omee et al.)"
    return [Figure("latent", caption, panels, columns=4)] if panels else []


def _csv_rows(contests: Sequence[Contest[Space]]) -> list[dict[str, Any]]:
    return [
        {"contest": contest.title, "model": space.label, "fold": t.record.key.fold, "id": c.id, "target": c.target,
         "pca_1": c.pca[0], "pca_2": c.pca[1], "tsne_1": c.tsne[0], "tsne_2": c.tsne[1]}
        for contest in contests for space in contest.made for t in space.point.trials for c in getattr(t.seen, "crystals", ())
    ]  # fmt: skip


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row a model."""
    return [
        {
            "task": task, "contest": contest.title, "model": space.model, "layers": space.point.layers,
            "changes": contest.changes,
            "mae": space.point.mae if space.point.maes else None, **{name: space.mean(name) for name in MEASURES},
        }
        for task, group in by_task(found) for contest in by_contest(group, spaces, VARIED) for space in contest.made
    ]  # fmt: skip
