"""What a terminal gets to see of names that are hostile, of errors that nobody foresaw, and of a system that gives out."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys

import pytest

from benchmark.cli.shared.terminal import harmless_streams, tell
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import ROOT, command, environment

EVIL = "\x1b]0;owned\x07\x1b[2J\u202ereversed\r"


def test_nothing_that_is_printed_moves_a_cursor(capsys):
    with harmless_streams():
        print(f"{EVIL}\tone\ntwo\ud800")
        print(EVIL, file=sys.stderr)
        tell(f"a\nb{EVIL}")
    out, err = capsys.readouterr()
    assert out == "\ufffd]0;owned\ufffd\ufffd[2J\ufffdreversed\ufffd\tone\ntwo\ufffd\n"
    assert len(err.splitlines()) == 2 and not set(out + err) & set("\x1b\x07\r\u202e")


def test_a_warning_is_one_harmless_line():
    code = "import logging\nfrom benchmark.cli.shared.terminal import harmless_streams\n"
    code += "with harmless_streams():\n logging.getLogger('datasets').warning('a %s', 'b\\nc\\x1b')"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stderr == "a b c\ufffd\n"


@pytest.mark.parametrize("name", ["new\nline", "esc\x1b[31m", "=1+1", "tab\t", "\udcff"])
def test_a_file_name_is_shown_on_one_harmless_line(benchmark_command, tmp_path, name):
    from ase.build import bulk
    from ase.io import write

    from tests.benchmark.harness.test_predict import constant

    write(tmp_path / "x.cif", bulk("Cu"))
    checkpoint = constant(tmp_path / "m.safetensors", 2.0, target="a\nb", unit="eV\x1b[31m\nx")
    good, bad = (tmp_path / f"{name}.{end}" for end in ("cif", "vasp"))
    os.rename(tmp_path / "x.cif", good)
    bad.write_text("no structure")
    done = benchmark_command("predict", "--checkpoint", checkpoint, good, bad, "--csv", tmp_path / "out.csv")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3 and len(done.stderr.splitlines()) == 2
    assert not set(done.stdout + done.stderr) & set("\x1b\x07\r\t")
    _, row = (tmp_path / "out.csv").read_text().splitlines()
    assert row.startswith("'=1+1" if name == "=1+1" else name[:3].replace("\udcff", "\ufffd")) and row.isprintable()


def test_an_id_with_a_line_break_is_refused(benchmark_command, tmp_path):
    from tests.benchmark.conftest import write_folder

    folder = write_folder(tmp_path / "mine", 2)
    os.rename(folder / "c0.cif", folder / "c\n0.cif")
    (folder / "id_prop.csv").write_text('"c\n0",1.0\nc1,2.0\n')
    line = one_line_error(benchmark_command("run", "--dataset", folder, "--dry-run"))
    assert "the id has a line break or a control character; rename its file" in line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("a\nb\x1b"), "error: an error that was not foreseen: KeyError: 'a\\nb\\x1b' (test_terminal.py line "),
        (RecursionError("too deep"), "error: an error that was not foreseen: RecursionError: too deep ("),
        (MemoryError(), "error: memory ran out (MemoryError); close other programs, or use fewer --workers; "),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "error: an error that was not foreseen: UnicodeDecodeError: "),
        (OSError(12, "Cannot allocate memory"), "error: a process could not be started (Cannot allocate memory); memory or"),
    ],
)
def test_an_error_that_nobody_foresaw_is_one_line_and_a_log(benchmark_command, tmp_path, monkeypatch, error, said):
    def broken(**options: object) -> None:
        raise error

    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("models.registry.registered", broken)
    line = one_line_error(benchmark_command("models"), 1)
    assert line.startswith(said)
    if isinstance(error, OSError):
        return
    (log,) = (tmp_path / "cache" / "errors").iterdir()
    assert str(log) in line
    assert "Traceback" in log.read_text() and "models" in log.read_text().splitlines()[0]


def test_old_logs_are_removed_and_a_cache_that_cannot_be_written_is_no_second_error(tmp_path, monkeypatch):
    from benchmark.cli.shared.last_resort import KEPT, unforeseen

    folder = tmp_path / "cache" / "errors"
    folder.mkdir(parents=True)
    for number in range(30):
        (folder / f"20200101-0000{number:02d}-1.log").write_text("old")
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "cache"))
    assert str(folder) in unforeseen(ValueError("x"))
    assert len(list(folder.iterdir())) == KEPT
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    assert unforeseen(ValueError("x")).endswith("please report it")


def test_a_deleted_working_directory_is_told(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$0" "$@"'
    arguments = ["bash", "-c", script, *command(["run", "--task", "emt/alloys", "--model", "dummy", "--dry-run"])]
    done = subprocess.run(arguments, env=environment(), capture_output=True, text=True, check=False)
    assert "the working directory is gone (No such file or directory); change to one that is there" in one_line_error(done)


def test_a_full_store_names_the_file_and_prints_the_scores_that_it_has(small_folder, tmp_path):
    """The records fit, the page does not."""
    arguments = command(["run", "--dataset", small_folder, "--profile", "smoke", "--model", "dummy", "--folds", "2"])

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    env = environment(BENCHMARK_CACHE=str(tmp_path / "cache"))
    done = subprocess.run(arguments, cwd=tmp_path, env=env, preexec_fn=full, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: runs/") and last.endswith(": File too large")
    assert "dummy" in done.stdout and "2 of 2" not in done.stdout
    assert not list((tmp_path / "runs").rglob("*.partial"))


def test_a_program_that_cannot_be_loaded_says_so(tmp_path):
    (tmp_path / "typer.py").write_text("raise ImportError('two\\nlines')")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(command(["models"]), env=environment(PYTHONPATH=paths), capture_output=True, text=True, check=False)
    assert one_line_error(done, 1) == "error: the program cannot be loaded (ImportError: two lines)\n"


def test_a_package_that_is_not_installed_hints_at_the_environment(tmp_path):
    (tmp_path / "typer.py").write_text("import nowhere_to_be_found")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(command(["models"]), env=environment(PYTHONPATH=paths), capture_output=True, text=True, check=False)
    assert one_line_error(done, 1).endswith("'nowhere_to_be_found'); is the environment active that it is installed in?\n")


def test_json_is_not_changed(benchmark_command):
    assert json.loads(benchmark_command("models", "--json").stdout)
    assert logging.getLogger("datasets").level == logging.INFO
