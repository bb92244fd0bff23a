from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.harness.machine import cores
from benchmark.speed.comparison import compare, parse_thresholds
from benchmark.speed.measurements import Performance, exponent
from benchmark.speed.page import duration, more, size
from benchmark.speed.session import read_session
from datasets.errors import InputError
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import environment

MACHINE = {
    "processor": "p", "cores": 2, "memory_bytes": 8_000_000_000, "system": "s", "device": "cpu", "threads": 2, "workers": 1,
}  # fmt: skip


def measured(file: str, name: str, seconds: float, role: str = "ours", group: str = "g", **extra: Any) -> dict[str, Any]:
    stats = {"min": seconds, "mean": seconds, "median": seconds, "max": seconds, "rounds": 5, "data": [seconds] * 5}
    return {
        "group": group, "name": name, "fullname": f"tests/speed/{file}.py::{name}", "params": None,
        "extra_info": {"role": role, "floor_bytes": 0, "floor_flops": 0, **extra}, "stats": stats,
    }  # fmt: skip


# 10 GB/s and 100 GFLOP/s
CEILINGS = [
    measured("test_machine", "test_copy", 0.2, "ceiling", "copy", bytes=2e9),
    measured("test_machine", "test_product[64]", 0.1, "ceiling", "product", flops=1e10),
]


def session(benchmarks: list[dict[str, Any]], machine: dict[str, Any] | None = None) -> dict[str, Any]:
    environment = {"machine": {**MACHINE, **(machine or {})}, "versions": {"python": "3.11", "torch": "2.5"}}
    return {
        "machine_info": {"node": "n", "benchmark": environment}, "commit_info": {"id": "a" * 40, "dirty": True},
        "benchmarks": benchmarks, "datetime": "2026-01-02T03:04:05+00:00", "version": "5.0.0",
    }  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def call(name: str, benchmarks: list[dict[str, Any]], machine: dict[str, Any] | None = None) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(session(benchmarks, machine)))
        return path

    return call


@pytest.fixture
def graphs(write) -> Path:
    """A baseline of 6 s and two of ours, 0.1 s and 0.2 s, that must move 0.1 GB and do 5 GFLOP."""
    return write(
        "graphs.json",
        [
            *CEILINGS,
            measured("test_graphs", "test_lists", 6.0, "baseline", "graphs of 10"),
            measured("test_graphs", "test_search[1]", 0.2, group="graphs of 10", target=40.0, crystals=10, floor_bytes=1e8),
            measured("test_graphs", "test_search[2]", 0.1, group="graphs of 10", target=40.0, floor_bytes=1e8, floor_flops=5e9),
            measured("test_soap", "test_alone", 0.004, peak_bytes=3_000_000, overhead_fraction=0.031, note="why"),
        ],
    )


def power_law(prefix: str, a: float, exponent: float, memory: float, sizes=(100, 1000, 5000, 10000)) -> list[dict[str, Any]]:
    return [
        measured(
            "test_scaling",
            f"test_{prefix}[{n}]",
            a * n**exponent,
            group=f"scaling of {prefix}",
            crystals=n,
            edges=12 * n,
            base_bytes=10**9,
            peak_bytes=10**9 + int(1e4 * n**memory),
        )
        for n in sizes
    ]


def test_a_ratio_is_baseline_over_ours_and_a_floor_is_the_slower_of_bytes_and_operations(graphs):
    performance = Performance((read_session(graphs),))
    assert (performance.ceilings.bandwidth, performance.ceilings.rate) == pytest.approx((1e10, 1e11))
    one, two = performance.topics["graphs"]["graphs of 10"]
    assert (one.ratio, two.ratio) == pytest.approx((30, 60))
    assert (one.met, two.met) == (False, True)
    assert (one.floor, two.floor) == pytest.approx((0.01, 0.05))
    assert (one.floor_fraction, two.floor_fraction) == pytest.approx((0.05, 0.5))
    (alone,) = performance.topics["soap"]["g"]
    assert (alone.ratio, alone.met, alone.floor, alone.floor_fraction) == (None, None, None, None)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.37, 2.0])
def test_the_exponent_of_an_exact_power_law_is_found(power):
    n = np.array([1e3, 3e3, 1e4, 3.6e4])
    found = exponent(n, 7.0 * n**power)
    assert (found.value, found.error) == pytest.approx((power, 0.0), abs=1e-7)


def test_the_standard_error_is_that_of_the_slope():
    # ln n = 0, 1, 2 and ln y = 0, 1.5, 2: slope 1, residuals -1/6, 1/3, -1/6, error √(1/6 / (3-2) / 2)
    found = exponent(np.exp([0.0, 1.0, 2.0]), np.exp([0.0, 1.5, 2.0]))
    assert (found.value, found.error) == pytest.approx((1.0, np.sqrt(1 / 12)))


def test_sizes_of_one_thing_become_exponents_of_time_and_of_memory_beyond_the_libraries(write):
    sizes = power_law("training", 1e-3, 1.25, 1.0)
    performance = Performance((read_session(write("a.json", [*CEILINGS, *reversed(sizes)])),))
    (scaling,) = performance.scalings
    assert scaling.crystals.tolist() == [100, 1000, 5000, 10000]
    assert scaling.time_exponent.value == pytest.approx(1.25)
    assert scaling.memory_exponent.value == pytest.approx(1.0)
    assert "scaling" not in performance.topics


def test_two_sizes_give_no_exponent(write):
    performance = Performance((read_session(write("a.json", [*CEILINGS, *power_law("x", 1, 1, 1, (10, 20))])),))
    assert performance.scalings == []
    assert len(performance.topics["scaling"]["scaling of x"]) == 2


def test_what_a_later_file_measured_again_stands_for_the_earlier_and_takes_its_ratio_from_its_own_run(graphs, write):
    again = measured("test_graphs", "test_search[2]", 0.05, group="graphs of 10")
    one, two = Performance((read_session(graphs), read_session(write("a.json", [again])))).topics["graphs"]["graphs of 10"]
    assert (one.ratio, two.ours.stats.median, two.ratio) == (pytest.approx(30), 0.05, None)
    slower = measured("test_graphs", "test_lists", 9.0, "baseline", "graphs of 10")
    later = write("b.json", [again, slower])
    one, two = Performance((read_session(graphs), read_session(later))).topics["graphs"]["graphs of 10"]
    assert (one.ratio, two.ratio) == pytest.approx((30, 180))


# -- the page ---------------------------------------------------------------------------------------


def test_the_page_has_rows_scaling_provenance_and_the_notes_as_they_stand(benchmark_command, graphs, write, tmp_path):
    sizes = write("sizes.json", [*power_law("graphs", 1e-3, 1.0, 1.0), *power_law("prediction", 1e-4, 1.1, 0.9)])
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/performance_notes.md").write_text("## Tried\n\nA | pipe <stays>.\n")
    done = benchmark_command("performance", graphs, sizes)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["reports/performance.md", "reports/performance/scaling.png"]
    page = (tmp_path / "reports/performance.md").read_text()
    squeezed = " ".join(page.split())
    assert "| search, 2 | 100 ms | 5 | 6 s (lists) | 60 × | 40 ×, met | 50 ms | 50.0 % |" in squeezed
    assert "| 30 × | 40 ×, not met | 10 ms | 5.0 % | crystals 10 |" in squeezed
    assert "## SOAP" in page
    assert "peak 3 MB, overhead fraction 3.1 %, note why" in page
    assert "scaling of graphs" not in page.split("## Scaling")[0]
    assert "| 100 – 10,000 | 1.000 ± 0.000 | 1.000 ± 0.000 |" in squeezed
    assert "10 GB/s" in page and "100 GFLOP/s" in page
    assert "at commit aaaaaaaaaaaa+changes: machine, graphs, soap" in page
    assert "torch 2.5" in page and "2 cores" in page and "2026-01-02 03:04 UTC" in page
    assert page.endswith("## Tried\n\nA | pipe <stays>.\n")
    assert (tmp_path / "reports/performance/scaling.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.rglob("*.partial"))


def test_the_numbers_of_the_page_are_there_for_scripts(benchmark_command, graphs, write):
    sizes = write("sizes.json", power_law("graphs", 1e-3, 1.0, 1.0))
    done = benchmark_command("performance", graphs, sizes, "--out", "p.md", "--json")
    found = json.loads(done.stdout)
    assert [row["ratio"] for row in found["speeds"]] == pytest.approx([30, 60, None])
    assert found["exponents"][0]["time"]["value"] == pytest.approx(1.0)


def test_a_page_of_somebody_else_is_not_replaced(benchmark_command, graphs, tmp_path):
    (tmp_path / "mine.md").write_text("# Diary\n")
    assert "is no performance report" in one_line_error(benchmark_command("performance", graphs, "--out", "mine.md"))
    assert (tmp_path / "mine.md").read_text() == "# Diary\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("not json", "bad.json: not what `tox -e benchmarks` writes with pytest-benchmark: file: Invalid JSON"),
        ("[1]", "bad.json: not what `tox -e benchmarks` writes"),
        ('{"benchmarks": []}', "machine_info: Field required"),
        (json.dumps(session([])), "benchmarks: Tuple should have at least 1 item"),
        (json.dumps(session([measured("test_a", "test_a", 0.0)])), "benchmarks.0.stats.min"),
        (json.dumps(session([measured("test_a", "test_a", 1.0, "hers")])), "benchmarks.0.extra_info.role"),
        (json.dumps(session([measured("test_a", "test_a", 1.0)])), "no ceiling of the machine in bytes"),
        (json.dumps(session([CEILINGS[0], measured("test_a", "test_a", 1.0)])), "no ceiling of the machine in flops"),
        (
            json.dumps(session([*CEILINGS, *(measured("test_a", f"test_{x}", 1.0, "baseline") for x in "ab")])),
            "a group has two baselines",
        ),
    ],
)
def test_what_is_no_measurement_is_refused_with_one_line(benchmark_command, tmp_path, content, expected):
    (tmp_path / "bad.json").write_text(content)
    assert expected in one_line_error(benchmark_command("performance", "bad.json"))
    assert not (tmp_path / "reports").exists()


def test_files_of_different_machines_are_not_mixed(benchmark_command, graphs, write):
    other = write("other.json", CEILINGS, {"cores": 4})
    for arguments in (("performance", graphs, other), ("check", "--benchmarks", graphs, other)):
        error = one_line_error(benchmark_command(*arguments))
        assert "different machines: p, s, 2 cores, 2 threads, cpu; p, s, 4 cores, 2 threads, cpu" in error


MEASURED_HERE = """
def test_fast(measure):
    assert measure("ours", lambda: sum(range(1000)), rounds=3, floor_bytes=8, crystals=7, what="sum") == 499500
"""


def test_what_pytest_benchmark_writes_is_what_is_read(tmp_path):
    (tmp_path / "test_sums.py").write_text(MEASURED_HERE)
    command = [sys.executable, "-m", "pytest", "-p", "tests.speed.conftest", "--rootdir", tmp_path, tmp_path]
    measuring = ("--benchmark-only", "--benchmark-json", tmp_path / "out.json")
    done = subprocess.run([*command, *measuring], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    session = read_session(tmp_path / "out.json")
    (found,) = session.benchmarks
    assert (found.topic, found.what, found.extra_info.role, found.stats.rounds) == ("sums", "fast", "ours", 3)
    assert (found.extra_info.floor_bytes, found.extra_info.crystals, found.extra_info.model_extra["what"]) == (8, 7, "sum")
    assert session.machine_info.benchmark.machine.cores == cores()
    assert "torch" in session.machine_info.benchmark.versions


# -- check ------------------------------------------------------------------------------------------


def test_thresholds_are_read():
    first, second = parse_thresholds("median:10%, peak_bytes:2.5%")
    assert (first.statistic, first.share) == ("median", 0.1)
    assert (second.statistic, second.share) == ("peak_bytes", 0.025)


@pytest.mark.parametrize(
    "text", ["", "median", "median:10", "median:ten%", "max:10%", "median:-1%", "median:10%,", "median=10%"]
)
def test_what_is_no_threshold_is_refused(text):
    with pytest.raises(InputError, match="such as median:10%"):
        parse_thresholds(text)


@pytest.fixture
def old(write) -> Path:
    return write(
        "old.json",
        [
            measured("test_a", "test_speed", 1.0, peak_bytes=1000),
            measured("test_a", "test_theirs", 1.0, "baseline"),
            measured("test_a", "test_gone", 1.0),
        ],
    )


def changed(write, seconds: float, peak: int = 1000) -> Path:
    return write(
        "new.json",
        [
            measured("test_a", "test_speed", seconds, peak_bytes=peak),
            measured("test_a", "test_theirs", 9.0, "baseline"),
            measured("test_a", "test_fresh", 1.0),
        ],
    )


def test_what_did_not_grow_passes_and_what_one_file_lacks_is_listed(benchmark_command, write, old):
    done = benchmark_command("check", "--benchmarks", old, changed(write, 1.09), "--fail-if", "median:10%")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["test_a.py::test_speed", "ours", "median", "1", "s", "1.09", "s", "+9.0", "%"] in rows
    assert "only in the old file: tests/speed/test_a.py::test_gone" in done.stdout
    assert "only in the new file: tests/speed/test_a.py::test_fresh" in done.stdout


@pytest.mark.parametrize(
    ("seconds", "peak", "fail_if", "expected"),
    [
        (1.11, 1000, "median:10%", "1 of 2 grew too much, the first: test_a.py::test_speed, median +11.0 %"),
        (1.11, 1000, "min:20%,mean:10%", "mean +11.0 %"),
        (0.5, 1051, "median:10%,peak_bytes:5%", "peak_bytes +5.1 %"),
    ],
)
def test_a_crossed_threshold_is_exit_code_1(benchmark_command, write, old, seconds, peak, fail_if, expected):
    done = benchmark_command("check", "--benchmarks", old, changed(write, seconds, peak), "--fail-if", fail_if)
    assert expected in one_line_error(done, 1)
    assert "too much" in done.stdout


def test_a_slower_baseline_or_a_faster_program_is_no_failure(write, old):
    found = compare(read_session(old), read_session(changed(write, 0.1)), parse_thresholds("median:0%"))
    assert [(c.role, c.crossed) for c in found.changes] == [("ours", False), ("baseline", False)]


def test_the_comparison_is_there_for_scripts(benchmark_command, write, old):
    done = benchmark_command("check", "--benchmarks", old, changed(write, 1.2), "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["changes"][0]["change"] == pytest.approx(0.2)
    assert found["changes"][0]["crossed"] is True
    assert found["only_new"] == ["tests/speed/test_a.py::test_fresh"]


def test_a_check_that_compares_nothing_does_not_pass(benchmark_command, write, old):
    other = write("other.json", [measured("test_b", "test_b", 1.0)])
    assert "no benchmark of ours has median" in one_line_error(benchmark_command("check", "--benchmarks", old, other))
    missing = benchmark_command("check", "--benchmarks", old, "nowhere.json")
    assert "nowhere.json: cannot be read" in one_line_error(missing)
    malformed = benchmark_command("check", "--benchmarks", old, old, "--fail-if", "median:slow")
    assert "threshold 'median:slow'" in one_line_error(malformed)


# -- units ------------------------------------------------------------------------------------------


def test_numbers_have_units_of_their_size():
    assert [duration(s) for s in (12345.6, 1.0, 0.0123, 2e-5, 2e-9)] == ["12,346 s", "1 s", "12.3 ms", "20 µs", "0.002 µs"]
    assert [size(b) for b in (2.5e10, 1e9, 3.21e6, 12)] == ["25 GB", "1 GB", "3.21 MB", "0.012 kB"]


def test_what_a_test_said_is_shown_by_the_end_of_its_name(graphs):
    extra = read_session(graphs).benchmarks[-1].extra_info
    assert more(extra) == "peak 3 MB, overhead fraction 3.1 %, note why"
