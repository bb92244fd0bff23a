"""The tables hold the published figures and runs that exist here."""

from __future__ import annotations

import pytest

from benchmark.leaderboard.published_results import OMEE, PUBLISHED_RESULTS, THESIS
from benchmark.reproduction.planning import configured
from benchmark.reproduction.tables import TABLES
from benchmark.results.learning_rate import GRIDS
from benchmark.studies.omee_et_al import ABLATION, BY_ACTIVATION, BY_DEPTH, DEEPER_GATGNN
from benchmark.tasks.tasks import find_tasks
from models.registry import get

EVERY = [cell for table in TABLES.values() for cell in table.cells]


def maes(name: str) -> list[float]:
    """The published figures of a table, in order of size."""
    return sorted(one.mae for cell in TABLES[name].cells for one in cell.published)


def test_every_published_table_is_there():
    assert set(TABLES) == {
        "thesis-4", "thesis-5", "thesis-6", "omee-2", "omee-3", "omee-4", "omee-fig2", "omee-fig5", "omee-fig6",
    }  # fmt: skip


def test_every_cell_is_an_ordinary_run_of_a_known_task_model_and_preset():
    for cell in EVERY:
        assert [task.name for task in find_tasks(cell.task)] == [cell.task]
        settings = configured(cell).settings
        assert cell.named in get(cell.model).named_settings
        assert all(getattr(settings, name) == value for name, value in cell.changes.items())
        assert not (cell.protocol == "holdout" and settings.needs_validation), cell


@pytest.mark.parametrize("name", TABLES)
def test_no_cell_is_there_twice(name):
    cells = TABLES[name].cells
    assert len({(cell.task, cell.label) for cell in cells}) == len(cells)


def test_the_thesis_has_its_protocol_budget_and_all_its_figures():
    printed = [one for one in PUBLISHED_RESULTS if one.source == THESIS and "cgcnn/" in one.task]
    in_both_readings = [one.mae for one in printed if one.model in ("cgcnn", "soap-svr")]
    assert maes("thesis-6") == sorted([one.mae for one in printed] + in_both_readings)
    for cell in TABLES["thesis-6"].cells:
        rounds = 3 if cell.model.startswith("soap") else 10
        assert (cell.named, cell.protocol_text, cell.rounds) == ("thesis", "shuffle(80:10:10)", rounds)
    cgcnn = configured(TABLES["thesis-4"].cells[0]).settings
    assert (cgcnn.epochs, cgcnn.k, cgcnn.batch_size) == (30, 8, 256)
    split = {cell.protocol_text for cell in TABLES["thesis-5"].cells}
    assert split == {"published split"} and {0.122, 0.028, 0.0637} - set(maes("thesis-5")) == {0.0637}
    beside = next(cell for cell in TABLES["thesis-5"].cells if cell.model == "schnet")
    assert (beside.named, configured(beside).rates) == ("standard", GRIDS["standard"])


def test_pages_of_omee_say_which_models_are_the_networks_of_the_paper():
    """GATGNN of Omee et al. is MatDeepLearn's, `gatgnn-mdl`, not the original one, `gatgnn`."""
    notes = {name: " ".join(table.notes) for name, table in TABLES.items()}
    for name in ("omee-2", "omee-3", "omee-fig6"):
        assert "On this page CGCNN is cgcnn-mdl, MEGNet is megnet-mdl, GATGNN is gatgnn-mdl" in notes[name]
        assert "Not on this page: the original cgcnn, megnet and gatgnn." in notes[name]
    assert "MPNN is mpnn." in notes["omee-3"] and "MPNN" not in notes["omee-2"]
    assert "On this page GATGNN is gatgnn-mdl. Not on this page: the original gatgnn." in notes["omee-4"]
    assert not any("original" in notes[name] or "-mdl" in notes[name] for name in ("omee-fig2", "omee-fig5"))


def test_omee_has_its_depths_budget_and_all_printed_figures():
    figures = {one.mae for one in PUBLISHED_RESULTS if one.source == OMEE}
    assert set(maes("omee-3")) == figures
    deep = next(cell for cell in TABLES["omee-3"].cells if cell.model == "deeper-gatgnn" and "work_function" in cell.task)
    settings = configured(deep).settings
    assert (settings.n_layers, settings.epochs, settings.keep, deep.protocol_text) == (25, 500, "last", "holdout(80:20)")
    assert set(maes("omee-2")) == {mae for depths in DEEPER_GATGNN.values() for mae in depths.values()}
    assert set(maes("omee-4")) == {mae for row in ABLATION.values() for mae in row}
    printed = {mae for one in BY_DEPTH.values() for _, mae in filter(None, (one.held, one.broke))}
    assert printed <= set(maes("omee-fig6"))
    assert set(maes("omee-fig5")) == set(BY_ACTIVATION.values())
    assert TABLES["omee-fig5"].cells[0].published[0].mae == 0.1298


def test_an_ablation_turns_one_part_after_the_other_on():
    cells = [configured(cell).settings for cell in TABLES["omee-4"].cells if "formation_energy" in cell.task]
    assert [(one.norm, one.skip, one.n_layers) for one in cells] == [
        ("batch", "none", 5), ("group", "none", 5), ("batch", "single", 5), ("group", "single", 5), ("group", "single", 15),
    ]  # fmt: skip
