"""README.md and docs/ are right: what they state of results is generated, their links lead somewhere, their commands work."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from glob import glob
from pathlib import Path

import pytest
import typer
from ase.cli.main import main as ase

from benchmark import api
from benchmark.cli.main import all_commands
from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.pages.documents import documents, filled_documents
from benchmark.rendering.blocks import outside
from benchmark.results.directories import PUBLISHED
from benchmark.results.store import Store
from tests.benchmark.conftest import ROOT, environment

PAGES = documents(ROOT)
BLOCK = re.compile(r"^```(?:sh|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MEASURED = re.compile(r"\d[\d.,]*\s?(?:%|×|eV\b|meV\b|s\b|min\b|minutes?\b|hours?\b|GB\b|MB\b)")
RULES = (
    "at most 5 %", "more than 5 %", "a loss of\n5 %", "more than 1 %", "95 % interval", "after 60 minutes", "below 1 %",
    "72 % of the crystals", "8 % for", "20 % for the test", "more than 90 % of its edges",
)  # fmt: skip
"""What pages say in per cent, minutes and the like that is no result: shares of folds, margins, levels, thresholds."""


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands(page: Path) -> list[str]:
    """The lines of the blocks that a reader types."""
    blocks = BLOCK.findall(outside(page.read_text(encoding="utf-8")))
    return [line for block in blocks for line in block.replace("\\\n", "").splitlines() if line]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_what_pages_state_of_results_is_what_records_and_reports_give(monkeypatch):
    monkeypatch.chdir(ROOT)
    pages = filled_documents(read_board(Store(PUBLISHED)), Path())
    stale = [str(path) for path, text in pages.items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run `python -m benchmark leaderboard`"
    assert Path("README.md") in pages


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_sentence_outside_of_generated_blocks_states_a_measured_number(page):
    text = re.sub(r"```.*?```|`[^`]*`", "", outside(page.read_text(encoding="utf-8")), flags=re.DOTALL)
    for rule in RULES:
        text = text.replace(rule, "")
    if "Again: " in outside(page.read_text(encoding="utf-8")).split("\n\n")[1]:
        pytest.skip("a whole page that a command makes")
    assert not MEASURED.findall(text)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_pages_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        file, _, heading = target.partition("#")
        if "://" in file:
            continue
        path = page.parent / file if file else page
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings], target


@pytest.mark.parametrize("page", [page for page in PAGES if not name(page).startswith(("docs/folding", "docs/api"))], ids=name)
def test_a_page_of_a_task_begins_with_a_command(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert page.name == "README.md" or {"```sh", "```python"} & set(lines[:5])


# -- every command, in a quick form ----------------------------------------------------------------

SETS = re.compile(r"^(?:emt|cgcnn|fung|megnet)(?:/[a-z0-9_]+)+$")
PARSED_ONLY = ("check", "verify", "datasets fetch", "explain --from", "recommend", "reproduce",
               "leaderboard --from runs --beside", "leaderboard --from submission --beside", "leaderboard --pair")  # fmt: skip
"""They train on the regression sets or on all crystals, need a network, or render all published pages: other tests do."""


@pytest.fixture
def workplace(benchmark_command, small_folder, tmp_path, monkeypatch):
    """What the commands of the pages find: an imported set `quick`, a folder, a table."""
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "cache"))
    shutil.copytree(small_folder, tmp_path / "path" / "to" / "folder")
    lines = (small_folder / "id_prop.csv").read_text().splitlines()
    rows = [f"path/to/folder/{id_}.cif,{value}" for id_, value in (line.split(",") for line in lines)]
    (tmp_path / "crystals.csv").write_text("\n".join(["structure,band_gap", *rows]) + "\n")
    done = benchmark_command("datasets", "import", small_folder, "--name", "quick", "--unit", "eV")
    assert done.returncode == 0, done.stderr
    return tmp_path


def on_the_small_set(word: str) -> str:
    """A data set or task of the program as the imported set, or its task."""
    word = word.replace("emt/alloys/formation_energy_per_atom", "quick/target")
    if not SETS.match(word):
        return word
    return "quick/target" if word.count("/") > 1 or word.startswith("cgcnn/") else "quick"


def quick(words: list[str]) -> list[str]:
    """The same command for the small set and the smallest budget."""
    words = shlex.split(shlex.join(words).replace("--model mine", "--model dummy-median"))  # the reader's own model
    words = [on_the_small_set(word) for word in words]
    if words[0] in ("run", "study"):
        # The same words for the same folds, which are trained once for all pages.
        words = shlex.split(shlex.join(words).replace("--dataset path/to/folder", "--task quick"))
        words = shlex.split(
            shlex.join(words).replace(" --out runs", "").replace(" --out submission", "").replace("quick/target", "quick")
        )
        words = [word for word in words if word != "--all"] + (["--task", "quick"] if "--all" in words else [])
        words += [] if "--profile" in words else ["--profile", "smoke"]
        words += [] if "--model" in words else ["--model", "dummy"]
        words += ["--folds", "2", "--workers", "1"]
        words = ["0.01" if word == "60" else word for word in words]
    words += ["--dry-run"] if words[0] == "study" else []
    if words[0] == "explain":
        words += ["--profile", "smoke", "--per-class", "2", "--min-probability", "0.51", "--workers", "1"]
    # Other pages have trained other runs here, without checkpoints.
    kept = [path for word in words if "*" in word for path in glob(word) if list(Path(path).glob("*.safetensors"))]
    return [path for word in words for path in (kept[:1] if "*" in word else [word])]


def parse(words: list[str]) -> None:
    """Raise where the command or an option does not exist."""
    group = typer.main.get_command(all_commands())
    context = group.make_context("benchmark", list(words), resilient_parsing=False)
    rest = [*context._protected_args, *context.args]
    while hasattr(group, "commands") and rest:
        found, group, rest = group.resolve_command(context, rest)
        if hasattr(group, "commands"):
            context = group.make_context(found, rest, parent=context)
            rest = [*context._protected_args, *context.args]
        else:
            group.make_context(found, rest, parent=context)


def run_command(line: str, benchmark_command, done: set[tuple[str, ...]]) -> None:
    """Do what a line says in its quick form; once for all pages."""
    words = [word for word in shlex.split(line) if not word.startswith("MP_API_KEY=")]
    # Installation and the tests are typed as they stand by the main job.
    words = words[max((n for n, word in enumerate(words) if word == "&&"), default=-1) + 1 :]
    if words[0] == "ase":
        ase(args=words[1:])
        return
    assert words[0].endswith("python") and words[1] == "-m", line
    module, *words = words[2:]
    if module == "pytest":
        assert all((ROOT / word).exists() for word in words if "/" in word), line
        return
    assert module == "benchmark", line
    if " ".join(words).startswith(PARSED_ONLY) or "path/to/sample-regression" in words:
        parse(words)
        return
    wanted = words if "--help" in words else quick(words)
    if tuple(wanted) not in done:
        found = benchmark_command(*wanted)
        assert found.returncode == 0, f"{line}\n{' '.join(wanted)}\n{found.stdout}{found.stderr}"
        done.add(tuple(wanted))


@pytest.mark.slow
def test_every_command_of_every_page_works(workplace, benchmark_command, monkeypatch):
    done: set[tuple[str, ...]] = set()
    monkeypatch.chdir(workplace)
    for page in PAGES:
        for line in commands(page) if page.name != "first-model.md" else ():
            run_command(line, benchmark_command, done)
    assert len(done) > 15


@pytest.mark.slow
def test_the_first_model_is_trained_as_its_page_says(benchmark_command, tmp_path, monkeypatch):
    page = ROOT / "docs" / "first-model.md"
    (block,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, str(page), "exec"), {})
    assert len(list((tmp_path / "my-crystals").glob("*.cif"))) == 250
    plan = "run", "--dataset", "my-crystals", "--model", "cgcnn", "--save-checkpoints", "--dry-run", "--json"
    (advice,) = [line for line in json.loads(benchmark_command(*plan).stdout)["warnings"] if "optimiser steps" in line]
    assert f"--model cgcnn {advice.partition('for example ')[2]}\n" in page.read_text(), "the page follows the plan's advice"
    for line in commands(page):
        run_command(line, benchmark_command, set())
    (kept,) = {path.with_suffix(".json") for path in (tmp_path / "runs").rglob("fold-00.safetensors")}
    assert json.loads(kept.read_text())["changed"]["epochs"] == 22, "step 4 predicts with the longer training"


@pytest.mark.slow
def test_the_reference_lists_every_public_function_with_its_first_arguments():
    listed = dict(re.findall(r"^\| `(\w+)\((.*?)\)` \|", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.MULTILINE))
    public = {n: f for n, f in inspect.getmembers(api, inspect.isfunction) if f.__module__ == api.__name__ and n[0] != "_"}
    assert listed.keys() == public.keys()
    for function, arguments in listed.items():
        assert arguments.split(", ") == list(inspect.signature(public[function]).parameters)[: len(arguments.split(", "))]


def test_every_python_block_works(workplace):
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "python.md").read_text(), re.MULTILINE | re.DOTALL)
    (workplace / "leaderboards").symlink_to(ROOT / "leaderboards")
    for number, block in enumerate(blocks):
        script = workplace / f"block{number}.py"
        script.write_text(block.replace("emt/alloys/log10_bulk_modulus", "quick/target").replace("emt/alloys", "quick"))
        ran = subprocess.run([sys.executable, script], cwd=workplace, env=environment(), capture_output=True, text=True)
        assert ran.returncode == 0, f"{block}\n{ran.stdout}{ran.stderr}"
