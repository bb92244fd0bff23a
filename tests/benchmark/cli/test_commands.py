from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer

from benchmark import cli
from benchmark.cli.main import all_commands
from benchmark.cli.shared.discovery import add_commands
from tests.benchmark.conftest import environment

ADDED = '''
import typer

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark greet")
def greet() -> None:
    """Say hello."""
    print("hello")
'''


def names(group, before: str = "") -> Iterator[str]:
    """The full name of every command, as a person types it."""
    for name, command in group.commands.items():
        if not hasattr(command, "commands") or command.invoke_without_command:
            yield before + name
        if hasattr(command, "commands"):
            yield from names(command, f"{before}{name} ")


COMMANDS = list(names(typer.main.get_command(all_commands())))


def test_commands_are_in_alphabetical_order():
    assert sorted(COMMANDS) == COMMANDS
    assert {"run", "leaderboard", "leaderboard submit", "datasets import"} <= {*COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(benchmark_command, command):
    assert "Example: python -m benchmark " + command in benchmark_command(*command.split(), "--help").stdout


def test_a_module_in_the_folder_is_a_command(tmp_path, monkeypatch):
    (tmp_path / "greet.py").write_text(ADDED)
    monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(tmp_path)])
    app = all_commands()
    monkeypatch.delitem(sys.modules, "benchmark.cli.greet")
    assert "greet" in list(names(typer.main.get_command(app)))


def test_a_module_without_commands_adds_none(tmp_path, monkeypatch):
    (tmp_path / "shared_parts.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path.parent))
    app = typer.Typer()
    add_commands(app, tmp_path.name, [str(tmp_path)])
    assert app.registered_groups == []


def test_the_help_needs_nothing_heavy():
    code = (
        "import sys, typer; from benchmark.cli.main import all_commands; typer.main.get_command(all_commands()); "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "torch", "models", "rich", "tabulate"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "interrupted", "kept"),
    [
        (
            ("run", "--task", "emt/alloys"),
            "benchmark.harness.plan.make_plan",
            "finished folds, and the last checkpoints of the others, are kept, ",
        ),
        (
            ("study", "depth", "--task", "emt/alloys"),
            "benchmark.studies.planning.plan_study",
            "finished folds, and the last checkpoints of the others, are kept, ",
        ),
        (("explain", "--task", "emt/alloys"), "benchmark.tasks.tasks.find_tasks", "what was found is kept, "),
        (("datasets", "fetch", "--all"), "datasets.fetch.fetch", "what came is kept, "),
        (("models",), "models.registry.registered", None),
    ],
)
def test_ctrl_c_says_what_is_kept(benchmark_command, monkeypatch, arguments, interrupted, kept):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(interrupted, stop)
    expected = f"stopped; {kept}run the same command again to go on\n" if kept else "stopped\n"
    done = benchmark_command(*arguments)
    assert (done.returncode, done.stderr) == (130, expected)


def test_the_settings_of_a_model_are_listed_and_named_where_one_is_unknown(benchmark_command):
    listed = benchmark_command("models", "cgcnn", "--settings")
    assert listed.returncode == 0 and "learning_rate" in listed.stdout and "number of nearest neighbours" in listed.stdout
    assert benchmark_command("models", "dummy", "--settings").stdout == "dummy has no settings\n"
    rows = json.loads(benchmark_command("models", "cgcnn", "--settings", "--json").stdout)
    (width,) = [row for row in rows if row["setting"] == "width"]
    assert (width["smoke"], width["mini"], width["standard"]) == ("16", "32", "64")
    assert "models NAME --settings" in benchmark_command("models", "--settings").stderr
    wrong = benchmark_command("run", "--task", "emt/alloys", "--model", "cgcnn", "--set", "lr=1")
    assert wrong.returncode == 2 and "unknown setting 'lr'; settings of the model (" in wrong.stderr
    assert "learning_rate" in wrong.stderr
    searched = benchmark_command("models", "cgcnn", "--settings").stdout.splitlines()[-1]
    assert searched.startswith("standard: the learning rate is searched: 0.333, 1, 3 times the setting")
