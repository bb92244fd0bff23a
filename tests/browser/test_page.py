"""The page as a reader uses it: in Chromium, from disk."""

from __future__ import annotations

import time

import pytest

from benchmark.leaderboard.web.write import write_site
from benchmark.results.beside import StoreBeside
from benchmark.results.store import Store
from tests.benchmark.constructed import failed
from tests.browser.conftest import CRYSTALS, EVIL, FOLDS, MODELS, TASKS, write_fold
from tests.browser.waiting import wait_until

VIEWS = ("overview", "task", "cost", "model", "compare")
XEON, EPYC = (f"cpu, 1 thread; {processor}, 2 cores, s" for processor in ("Xeon", "Epyc"))
PLOTTED = ("cost", "model", "compare")


def names(page) -> list[str]:
    return page.locator("table.runs tbody tr:not(.machine) .head").evaluate_all(
        "cells => cells.map(cell => (cell.querySelector('a') || cell.firstChild).textContent)"
    )


def settled(page, view: str) -> None:
    if view in PLOTTED:
        page.wait_for_selector(".plot .main-svg")
        wait_until(page, "document.querySelectorAll('.plot').length === document.querySelectorAll('.plot .hoverlayer').length")


def test_the_page_opens_at_the_models_over_tasks(open_page, record_property):
    start = time.perf_counter()
    page = open_page()
    record_property("seconds to open", time.perf_counter() - start)
    table = page.get_by_role("region", name="Models over tasks").locator("tbody tr")
    assert table.first.locator(".head").inner_text() == "cgcnn"
    assert table.first.locator(".verdict-mark").count() == 1
    assert page.get_by_role("link", name=TASKS[1]).count() == 1
    picture = page.get_by_role("img", name="MAE [eV] against the processor time of training")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert "Plotly" not in page.evaluate("Object.keys(window)")


def test_a_task_is_sorted_by_any_column_and_says_so(open_page):
    page = open_page("#task")
    assert names(page)[:3] == ["cgcnn", "megnet", "schnet"]
    page.get_by_role("button", name="parameters").click()
    assert page.get_by_role("columnheader", name="parameters").get_attribute("aria-sort") == "ascending"
    page.get_by_role("button", name="parameters").click()
    assert page.get_by_role("columnheader", name="parameters").get_attribute("aria-sort") == "descending"
    assert names(page)[0] == "dummy"
    # What has no value stays last.
    assert names(page)[-1] in ("soap-svr", "cgcnn (name=odd)")
    assert "sort=parameters" in page.url and "order=descending" in page.url


def test_seen_and_new_crystals_have_columns_only_where_a_run_tells_them(open_page, tmp_path):
    store = Store(tmp_path / "runs")
    for task in TASKS:
        for model in ("cgcnn", "megnet", "dummy"):
            for fold in range(FOLDS):
                write_fold(store, task, model, fold, seen=7 if task == TASKS[1] and model != "dummy" else 0)
    write_site(store, tmp_path / "site")
    page = open_page("#task", site=tmp_path / "site")
    assert page.get_by_role("columnheader", name="MAE").count() == 3, "MAE, MAE / best other and MAE / dummy"
    page.get_by_label("task", exact=True).select_option(TASKS[1])
    wait_until(page, "document.querySelector('h1').textContent === 'set/gap'")
    page.get_by_role("button", name="MAE, seen").click()
    assert page.get_by_role("columnheader", name="MAE, seen").get_attribute("aria-sort") == "ascending"
    assert names(page) == ["cgcnn", "megnet", "dummy"]
    assert page.get_by_role("columnheader", name="MAE, new").count() == 1
    assert "17.5 % of the test crystals have a duplicate" in page.locator("main").inner_text()
    page.get_by_role("navigation").get_by_role("link", name="model").click()
    settled(page, "model")
    assert "MAE, seen 0.0" in page.locator(".facts").inner_text()


def test_a_reader_asks_which_model_fits_the_crystals_and_the_time(open_page, tmp_path):
    store = Store(tmp_path / "runs")
    write_fold(store, TASKS[0], "cgcnn", 0)
    texts = ["Train cgcnn.", "Train rf-magpie.", "Error: 0.1 eV.", "python -m benchmark run", "model", "alone within the time",
             "of gaps", "--crystals 10,000: ask for at most 3,000"]  # fmt: skip
    rows = [["cgcnn", "yes"], ["cgcnn", "no"], ["rf-magpie", "yes"]]
    lists = [[2], [4, 5], [0, 2], [1, 2], [6]]
    soon, later = [1, 0, 3, 1, 3, 4], [0, 0, 3, 1, 2, 4]
    of_gaps = [[soon, later], 7]
    alone = [[[0, 0, None, 1, 2, 4]] * 2] * 2
    forecasts = {
        "crystals": [1_000, 10_000],
        "times": [["10min", "10 minutes"], ["1h", "1 hour"]],
        "texts": texts,
        "rows": rows,
        "lists": lists,
        "devices": {"cpu": {"": alone, "set/gap": of_gaps}},
    }
    write_site(store, tmp_path / "site", forecasts=forecasts)
    page = open_page("#which?like=set%2Fgap", site=tmp_path / "site")
    page.get_by_label("labelled crystals").fill("1200")
    page.get_by_label("labelled crystals").press("Tab")
    wait_until(page, "location.hash.includes('crystals=1200')")
    assert page.locator(".answer").inner_text() == "Train cgcnn."
    assert "the answer for 1,000 crystals, the nearest number to your 1,200" in page.locator("main").inner_text()
    wanted = "python -m benchmark recommend --crystals 1200 --time 1h --like set/gap"
    assert page.locator("pre").all_inner_texts() == ["python -m benchmark run", wanted]
    cells = page.locator("tbody tr").evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.innerText))")
    assert cells == [["cgcnn", "yes"], ["rf-magpie", "yes"]]
    assert page.locator("main li").all_inner_texts() == ["Error: 0.1 eV.", "of gaps"]
    page.get_by_label("how long you have").select_option("10 minutes")
    wait_until(page, "document.querySelector('.answer').textContent.startsWith('Train rf-magpie')")
    page.get_by_label("labelled crystals").fill("9000")
    page.get_by_label("labelled crystals").press("Tab")
    wait_until(page, "document.querySelector('main').textContent.includes('ask for at most 3,000')")
    page.get_by_label("a task like mine").select_option("")
    wait_until(page, "document.querySelectorAll('pre').length === 1")
    assert page.locator("pre").inner_text() == "python -m benchmark recommend --crystals 9000 --time 10min"
    assert open_page("#overview").get_by_role("link", name="Which model").count() == 0, "a board without forecasts"


def test_times_of_machines_are_sorted_apart(open_page):
    page = open_page("#task")
    page.get_by_role("button", name="training").click()
    groups = page.locator("tr.machine").all_inner_texts()
    assert groups == [XEON, EPYC, "without a time"]
    assert "cannot be compared" in page.locator("[role=status]").inner_text()
    page.get_by_label("machine").select_option(label=EPYC)
    assert names(page) == ["mpnn"]
    assert page.locator("tr.machine").count() == 0


def test_rows_are_filtered_by_name_and_by_failure(open_page):
    page = open_page("#task")
    page.get_by_label("filter models").fill("NET")
    assert names(page) == ["megnet", "schnet"]
    assert page.locator("[role=status]").inner_text().startswith("2 of 7 runs")
    page.get_by_label("filter models").fill("")
    page.get_by_label("hide failures").check()
    assert set(names(page)) == set(MODELS)
    page.get_by_label("hide runs of an older source").check()
    assert set(names(page)) == set(MODELS) - {"cgcnn"}
    assert "failed=hide" in page.url and "stale=hide" in page.url


def test_an_address_opens_the_same_view(open_page):
    page = open_page("#task")
    page.get_by_label("task", exact=True).select_option(TASKS[1])
    wait_until(page, "document.querySelector('h1').textContent === 'set/gap'")
    page.get_by_label("filter models").fill("mpnn")
    again = open_page(page.evaluate("location.hash"))
    assert again.locator("h1").inner_text() == "set/gap"
    assert names(again) == ["mpnn"]


def test_failures_stand_with_their_reasons_and_hostile_text_is_text(open_page):
    page = open_page("#task")
    assert page.get_by_role("cell", name="the kernel matrix wants 80 GB").count() == 1
    assert page.locator(".reason").all_inner_texts().count(EVIL) == 1
    assert page.locator("main img, main script").count() == 0


def test_accuracy_against_cost_follows_the_chosen_cost_and_machine(open_page):
    page = open_page("#cost")
    settled(page, "cost")
    assert "against processor (or GPU) time of training" in page.locator("figcaption").inner_text()
    page.get_by_label("cost", exact=True).select_option("parameters")
    wait_until(page, "document.querySelector('figcaption').textContent.includes('parameters of 4 runs')")
    assert page.locator("figcaption").inner_text().endswith("cgcnn.")
    assert page.get_by_label("machine").count() == 0
    page.get_by_label("cost", exact=True).select_option("training")
    wait_until(page, "document.querySelector('figcaption').textContent.includes('of 3 runs')")
    assert "1 run of other machines: choose the machine above." in page.locator("main").inner_text()
    page.get_by_label("machine").focus()
    page.get_by_label("machine").select_option(label=EPYC)
    wait_until(page, "document.querySelector('figcaption').textContent.includes('of 1 run;')")
    assert page.evaluate("document.activeElement.labels[0].textContent") == "machine"


def test_a_point_shows_its_crystal(open_page):
    page = open_page("#model?model=megnet")
    settled(page, "model")
    point = page.locator(".plot .point").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    hover = page.locator(".hoverlayer text").first
    hover.wait_for()
    assert "crystal-" in hover.text_content() and "prediction" in hover.text_content()


def test_the_page_decodes_the_errors_that_were_written(open_page):
    page = open_page("#model?model=schnet")
    settled(page, "model")
    mae = page.evaluate(
        """async () => {
            const group = board.data.comparison_groups[0];
            const own = await board.details.ofModel(group, group.rows.find((row) => row.label === "schnet"));
            return own.error.reduce((sum, error) => sum + Math.abs(error), 0) / own.error.length;
        }"""
    )
    assert mae == pytest.approx(
        page.evaluate("board.data.comparison_groups[0].rows.find((row) => row.label === 'schnet').loss[0]"), rel=1e-3
    )


def test_elements_are_read_with_the_arrow_keys(open_page):
    page = open_page("#model")
    settled(page, "model")
    assert page.get_by_role("gridcell", name="Cu: MAE").count() == 1
    page.locator("td.element[tabindex='0']").focus()
    assert page.locator(".said").inner_text().startswith("O: MAE")
    page.keyboard.press("ArrowDown")
    assert page.locator(".said").inner_text().startswith("Cu: MAE")
    page.keyboard.press("ArrowLeft")
    assert page.locator(".said").inner_text().startswith("Fe: MAE")
    places = page.evaluate("[1, 2, 5, 26, 57, 71, 72, 118].map(board.elements.place)")
    assert places == [[0, 0], [0, 17], [1, 12], [3, 7], [7, 2], [7, 16], [5, 3], [6, 17]]


def test_two_models_are_compared_crystal_by_crystal(open_page):
    page = open_page("#compare?model=megnet&other=mpnn")
    settled(page, "compare")
    text = page.locator(".verdict").inner_text()
    assert "megnet has the lower MAE; " in text and "of 120 predictions of test crystals" in text and "(95 %: " in text
    assert page.get_by_role("region", name="megnet is better").locator("tbody tr").count() == 15
    page.get_by_role("button", name="Swap A and B").click()
    wait_until(page, "document.querySelector('.xtitle').textContent.includes('mpnn')")
    assert page.locator(".verdict").inner_text() == text
    assert "model=mpnn&other=megnet" in page.url


@pytest.mark.parametrize("width", [390, 1300, 1920])
def test_long_names_fit_beside_the_axes_of_the_comparison(open_page, tmp_path, width):
    store = Store(tmp_path / "runs")
    changed = {"batch_size": 64, "learning_rate": 0.003, "n_layers": 9, "schedule": "one-cycle"}
    for fold in range(FOLDS):
        for model in ("cgcnn", "megnet"):
            write_fold(store, TASKS[0], model, fold, profile="mini", changed=changed)
    write_site(store, tmp_path / "site")
    page = open_page("#compare", site=tmp_path / "site", viewport={"width": width, "height": 900})
    settled(page, "compare")
    figure = page.locator(".plot .main-svg").first.bounding_box()
    for title, model in ((".xtitle", "cgcnn"), (".ytitle", "megnet")):
        label, box = page.locator(title), page.locator(title).bounding_box()
        assert label.text_content().startswith(f"|error| of {model} (mini)") and "one-cycle" in label.text_content()
        for start, length in (("x", "width"), ("y", "height")):
            assert figure[start] <= box[start] and box[start] + box[length] <= figure[start] + figure[length], title


def test_the_keyboard_is_enough(open_page):
    page = open_page("#task")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.sort") == "rmse":
            break
    page.keyboard.press("Enter")
    assert page.get_by_role("columnheader", name="RMSE").get_attribute("aria-sort") == "ascending"
    assert page.evaluate("document.activeElement.dataset.sort") == "rmse"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_phone_is_wide_enough(open_page):
    page = open_page(viewport={"width": 390, "height": 844})
    for view in VIEWS:
        page.get_by_role("navigation").get_by_role("link", name=view).click()
        settled(page, view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, view


def test_colours_follow_the_reader(open_page):
    page = open_page("#cost", color_scheme="dark")
    settled(page, "cost")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
    text = page.locator(".xtitle").evaluate("node => getComputedStyle(node).fill")
    page.emulate_media(color_scheme="light")
    settled(page, "cost")
    wait_until(page, "text => getComputedStyle(document.querySelector('.xtitle')).fill !== text", arg=text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(open_page, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(color_scheme=scheme)
    for view in VIEWS:
        page.get_by_role("navigation").get_by_role("link", name=view).click()
        settled(page, view)
        # A figure is one image with a text; what Plotly draws in it is no content of its own.
        found = axe.run(page, context={"exclude": [[".plot > *"]]}, options={"preload": False}).response["violations"]
        grave = [(v["id"], [n["html"] for n in v["nodes"][:3]]) for v in found if v["impact"] in ("serious", "critical")]
        assert grave == [], view


def test_without_scripts_the_page_points_at_the_markdown(open_page, chromium, site):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    assert "README.md" in page.locator("noscript").inner_text()
    context.close()


@pytest.mark.parametrize("kind", ["no record", "one model, one fold", "all failed"])
def test_little_is_shown_as_little(open_page, tmp_path, kind):
    store = Store(tmp_path / "runs")
    if kind == "one model, one fold":
        write_fold(store, TASKS[0], "cgcnn", 0)
    elif kind == "all failed":
        store.write(failed(0, reason="no memory"), None)
    write_site(store, tmp_path / "site")
    page = open_page(site=tmp_path / "site")
    for view in VIEWS:
        page.get_by_role("navigation").get_by_role("link", name=view).click()
        wait_until(page, "view => document.querySelector('[aria-current]').textContent.toLowerCase() === view", arg=view)
        if kind == "one model, one fold" and view in ("cost", "model"):
            settled(page, view)
        text = page.locator("main").inner_text()
        assert "NaN" not in text and "undefined" not in text and "null" not in text
        assert len(text) > 20


def test_a_miniature_is_named_as_such_in_every_view(open_page, tmp_path):
    store = Store(tmp_path / "runs")
    for model in ("cgcnn", "megnet", "dummy"):
        for fold in range(FOLDS):
            write_fold(store, TASKS[0], model, fold, profile="mini")
    write_site(store, tmp_path / "site")
    page = open_page(site=tmp_path / "site")
    for view in VIEWS:
        page.get_by_role("navigation").get_by_role("link", name=view).click()
        settled(page, view)
        text = page.locator("main").inner_text()
        assert "cgcnn (mini)" in text and text.count("(mini) marks miniatures") == 1, view


def test_a_run_with_fewer_folds_than_published_comes_first_in_every_view(open_page, tmp_path):
    own, published = Store(tmp_path / "runs"), Store(tmp_path / "published")
    for fold in range(FOLDS):
        write_fold(own, TASKS[0], "megnet", fold, changed={"n_layers": 9})
        for model in MODELS:
            for seed in (0, 1):
                write_fold(published, TASKS[0], model, fold, seed=seed)
    write_site(StoreBeside(own.root, published), tmp_path / "site")
    page = open_page(site=tmp_path / "site")
    mine = "megnet (n_layers=9) (yours)"
    first = page.locator(".conclusions li").first.inner_text()
    assert first.startswith(f"Your newest run, megnet (n_layers=9) on {TASKS[0]}: 3 of 6 folds, on which it is ")
    for view in ("task", "model", "compare"):
        page.get_by_role("navigation").get_by_role("link", name=view).click()
        settled(page, view)
        text = page.locator("main").inner_text()
        assert mine in text, view
        if view == "task":
            assert "3 of 6 folds: fewer folds than the ranked runs have: no verdict and no rank." in text
            assert page.locator(".mark", has_text="3 of 6 folds").get_attribute("title").startswith("Fewer folds than")
        if view == "model":
            assert page.get_by_label("model", exact=True).input_value() == mine
    assert page.get_by_label("model A").input_value() == mine and page.get_by_label("model B").input_value() == "megnet"
    said = page.locator(".verdict").inner_text()
    assert f"megnet has 6 folds, {mine} has 3 of them: these 3 are compared." in said
    assert f"{CRYSTALS} predictions of test crystals" in said


def test_a_run_that_repeats_a_published_one_is_named_below_the_table_of_its_group(open_page, tmp_path):
    own, published = Store(tmp_path / "runs"), Store(tmp_path / "published")
    for fold in range(FOLDS):
        write_fold(own, TASKS[0], "megnet", fold)
        write_fold(own, TASKS[0], "schnet", fold, profile="mini")
        for model in MODELS:
            write_fold(published, TASKS[0], model, fold)
    write_site(StoreBeside(own.root, published), tmp_path / "site")
    page = open_page("#task", site=tmp_path / "site")
    line = page.locator("main .note", has_text="have the same settings and source: one model, trained twice.")
    page.get_by_label("comparison group").select_option(label=f"standard, kfold({FOLDS})")
    wait_until(page, "document.querySelector('.facts').textContent.includes('standard')")
    assert line.inner_text().startswith(f"{TASKS[0]}, megnet: your run (3 folds) and the run of --beside (3 folds) have ")
    page.get_by_label("comparison group").select_option(label=f"mini, kfold({FOLDS})")
    wait_until(page, "document.querySelector('.facts').textContent.includes('mini')")
    assert line.count() == 0, "no run of this group is there twice"


def test_compare_begins_with_the_readers_own_run_and_lists_each_crystal_once(open_page, tmp_path):
    own, published = Store(tmp_path / "runs"), Store(tmp_path / "published")
    for fold in range(FOLDS):
        for seed in (0, 1):
            for model in ("megnet", "schnet"):
                write_fold(own, TASKS[0], model, fold, profile="mini", seed=seed)
        for model in MODELS:
            write_fold(published, TASKS[0], model, fold)
    write_site(StoreBeside(own.root, published), tmp_path / "site")
    page = open_page("#compare", site=tmp_path / "site")
    settled(page, "compare")
    assert page.get_by_label("comparison group").evaluate("select => select.selectedOptions[0].text").startswith("mini, ")
    better = page.get_by_role("region", name="megnet (mini) (yours) is better: the largest differences")
    shown = better.locator("tbody th").all_inner_texts()
    assert len(shown) == 15 == len(set(shown))
    assert "has the means over its predictions" in page.locator("main").inner_text()
    assert f"{CRYSTALS} crystals." in page.locator("figcaption").first.inner_text()
    assert "(yours) marks your own runs." in page.locator("main").inner_text()
    page.get_by_role("navigation").get_by_role("link", name="model").click()
    settled(page, "model")
    worst = page.get_by_role("region", name="crystals with the largest errors").locator("tbody th").all_inner_texts()
    assert len(worst) == 20 == len(set(worst))
