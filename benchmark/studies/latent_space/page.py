"""The report of the latent-space study: maps of the test crystals, and numbers that say how far to believe them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmark.rendering.text import escape, in_unit, joined, with_unit
from benchmark.studies.comparison_groups import ComparisonGroup, comparison_groups
from benchmark.studies.figures import Cloud, Figure, Panel
from benchmark.studies.latent_space.conclusions import NEIGHBORS, RULE, VARIED, LatentReport, LatentSpace, spaces
from benchmark.studies.pages import Page, StudyPages, csv, numbered, shown
from benchmark.studies.tables import (
    COST_COLUMNS,
    command_of,
    costs,
    mae_cell,
    number,
    opening,
    provenance,
    table,
)
from benchmark.studies.trials import Trial, by_task

MEASURES = {
    "knn_mae": "k-NN error", "mean_mae": "error of the mean", "silhouette": "silhouette",
    "explained": "variance in 2 components",
    "trustworthiness_pca": "trustworthiness, PCA", "trustworthiness_tsne": "trustworthiness, t-SNE",
}  # fmt: skip

CLUSTERED, TRUSTED = 0.25, 0.9
"""Silhouette from which on quarters of the targets are said to be clusters; trustworthiness below which a map is not one."""


def page(task: str, found: list[Trial], folder: str) -> Page:
    """The page of a task: its text, figures and table."""
    groups = comparison_groups(found, spaces, VARIED)
    drawn = [f for place, group in enumerate(groups) for f in numbered(figures(group.members), place)]
    return Page(page_text(task, groups, folder), drawn, csv(_csv_rows(groups)))


def page_text(task: str, groups: Sequence[ComparisonGroup[LatentSpace]], folder: str) -> str:
    """The page below its title."""
    parts = opening(groups, [conclusions(task, group.members) for group in groups])
    for place, group in enumerate(groups):
        made = group.members
        records = [record for space in made for record in space.folds.records]
        layers = [int(record.changed["n_layers"]) for record in records if "n_layers" in record.changed]
        again = command_of("latent-space", records[0].key, [space.model for space in made], layers, group.changes)
        parts += [f"## {escape(group.title)}", provenance(records, again), _table(made)]
        parts += shown(numbered(figures(made), place), folder)
        reasons = sorted({str(r) for s in made for t in s.folds.trials if (r := getattr(t.seen, "reason", None))})
        parts += [f"Not seen in some folds: {escape('; '.join(reasons))}."] if reasons else []
    return "\n\n".join([*parts, "## Rules", RULE])


def conclusions(task: str, made: Sequence[LatentSpace]) -> Iterator[str]:
    """Three sentences from the numbers."""
    known = [space for space in made if space.seen and space.folds.scored]
    if not known:
        yield f"No network on {escape(task)} has a latent space that was seen in every fold."
        yield "Nothing can be said of its clusters."
        yield "No map can be believed."
        return
    best = known[0]
    unit = best.folds.records[0].key.unit
    yield escape(
        f"On {task} the {NEIGHBORS} nearest training crystals in the space of {best.label} predict the target with an MAE of "
        f"{in_unit(number(best.mean('knn_mae')), escape(unit))}, beside {number(best.folds.mae)} of the network itself and "
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


def _table(made: Sequence[LatentSpace]) -> str:
    rows = [
        [
            space.label,
            mae_cell(space.folds),
            *(number(space.mean(name)) for name in MEASURES),
            *costs(space.folds),
        ]
        for space in made
    ]
    return table(["model", "MAE", *MEASURES.values(), *COST_COLUMNS], rows)


def figures(made: Sequence[LatentSpace]) -> list[Figure]:
    """Both maps of the first fold of each network, coloured by target (Figure 8 of Omee et al.)."""
    panels = []
    for space in made:
        if space.seen:
            unit, crystals = space.folds.records[0].key.unit, space.seen[0].crystals
            targets, names = [crystal.target for crystal in crystals], [crystal.id for crystal in crystals]
            for kind, name in (("pca", "PCA"), ("tsne", "t-SNE")):
                x, y = zip(*(getattr(crystal, kind) for crystal in crystals), strict=True)
                cloud = Cloud(x, y, targets, names, with_unit("target", unit))
                panels.append(Panel(f"{space.label}, {name}", "", "", cloud=cloud))
    caption = "Test crystals of the first fold in the space behind the last layer, coloured by target (Figure 8 of Omee et al.)"
    return [Figure("latent", caption, panels, columns=4)] if panels else []


def _csv_rows(groups: Sequence[ComparisonGroup[LatentSpace]]) -> list[dict[str, Any]]:
    return [
        {"comparison_group": group.title, "model": space.label, "fold": t.record.key.fold, "id": c.id, "target": c.target,
         "pca_1": c.pca[0], "pca_2": c.pca[1], "tsne_1": c.tsne[0], "tsne_2": c.tsne[1]}
        for group in groups for space in group.members for t in space.folds.trials for c in getattr(t.seen, "crystals", ())
    ]  # fmt: skip


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row a model."""
    return [
        {
            "task": task, "comparison_group": group.title, "model": space.model, "layers": space.folds.layers,
            "changes": group.changes,
            "mae": space.folds.mae if space.folds.maes else None, **{name: space.mean(name) for name in MEASURES},
        }
        for task, trials in by_task(found) for group in comparison_groups(trials, spaces, VARIED) for space in group.members
    ]  # fmt: skip


PAGES = StudyPages("latent-space", "Latent space", page, json_rows, "the place of every crystal in both maps", LatentReport)
