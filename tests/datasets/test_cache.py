"""What is cached comes back exactly, or is computed again: a damaged or foreign file is never trusted."""

import json
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from datasets.cache import NotCached, cache_mode, cached
from datasets.paths import cache_dir

KEY = {"structures": "abc", "rule": "Nearest(12)"}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path))
    return tmp_path / "things"


class Builder:
    """Counts how often it is asked to build."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return self.arrays


@pytest.fixture
def builder() -> Builder:
    return Builder({"src": np.arange(6, dtype=np.int32), "distance": np.linspace(0, 1, 6, dtype=np.float32)})


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.endswith(".lock"))


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(
        one[n].dtype == other[n].dtype and one[n].shape == other[n].shape and np.array_equal(one[n], other[n]) for n in one
    )


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "i1", "u1", "?"])
@pytest.mark.parametrize("shape", [(5,), (1,), (0,), (4, 3), (0, 3), (3, 0), (2, 3, 4)])
def test_every_type_and_shape_comes_back_exactly(dtype, shape):
    values = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    build = Builder({"values": values, "empty": np.empty((0, 3), "i1"), "other": np.arange(3.0)})
    first, second = cached("things", KEY, build), cached("things", KEY, build)
    assert build.calls == 1
    assert same(second.arrays, build.arrays) and same(first.arrays, build.arrays)
    assert second.seconds == first.seconds


def test_a_view_that_is_not_contiguous_comes_back_exactly():
    build = Builder({"transposed": np.arange(12.0).reshape(3, 4).T, "strided": np.arange(10)[::3]})
    cached("things", KEY, build)
    assert same(cached("things", KEY, build).arrays, build.arrays) and build.calls == 1


def test_special_values_come_back_bit_by_bit():
    values = np.array([np.nan, -0.0, np.inf, -np.inf, 5e-324])
    cached("things", KEY, lambda: {"values": values})
    assert cached("things", KEY, dict).arrays["values"].tobytes() == values.tobytes()


def test_what_is_loaded_is_memory_mapped_and_cannot_be_changed(builder):
    cached("things", KEY, builder)
    loaded = cached("things", KEY, builder).arrays["src"]
    assert isinstance(loaded.base, np.memmap) or isinstance(loaded, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded[0] = 7


def test_another_key_and_another_kind_are_built_on_their_own(builder):
    for kind, key in [("things", KEY), ("things", {**KEY, "rule": "Radius(4)"}), ("others", KEY)]:
        cached(kind, key, builder)
    assert builder.calls == 3


def test_the_order_of_the_key_does_not_matter(builder):
    cached("things", KEY, builder)
    cached("things", dict(reversed(KEY.items())), builder)
    assert builder.calls == 1


def test_a_single_damaged_byte_anywhere_is_noticed(folder, builder):
    cached("things", KEY, builder)
    (path,) = files(folder)
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        assert same(cached("things", KEY, builder).arrays, builder.arrays), f"byte {position} was trusted"


def test_a_damaged_type_of_an_array_is_noticed(folder, builder):
    cached("things", KEY, builder)
    (path,) = files(folder)
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"I32"'))
    assert same(cached("things", KEY, builder).arrays, builder.arrays)
    assert builder.calls == 2


def test_a_file_cut_short_anywhere_is_built_again_and_then_served(folder, builder):
    cached("things", KEY, builder)
    (path,) = files(folder)
    good = path.read_bytes()
    for length in [0, 1, 7, 8, 9, 100, len(good) // 2, len(good) - 1]:
        path.write_bytes(good[:length])
        before = builder.calls
        assert same(cached("things", KEY, builder).arrays, builder.arrays)
        assert same(cached("things", KEY, builder).arrays, builder.arrays)
        assert builder.calls == before + 1


FOREIGN = {
    "text": b"this is not a cache file, but somebody put it here",
    "numpy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'}",
    "huge header": (1 << 60).to_bytes(8, "little") + b"{}",
    "a list": (2).to_bytes(8, "little") + b"[]",
    "a number": (1).to_bytes(8, "little") + b"5",
    "no metadata": (2).to_bytes(8, "little") + b"{}",
    "metadata is null": (21).to_bytes(8, "little") + b'{"__metadata__":null}',
    "deeply nested": (100_000).to_bytes(8, "little") + b"[" * 100_000,
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_replaced(folder, builder, content):
    cached("things", KEY, builder)
    (path,) = files(folder)
    path.write_bytes(content)
    for _ in range(2):
        assert same(cached("things", KEY, builder).arrays, builder.arrays)
    assert builder.calls == 2


@pytest.mark.parametrize("checksums", [[], None, {"src": "x"}, 3])
@pytest.mark.parametrize("arrays", [{}, {"src": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}])
def test_a_file_whose_checksums_are_of_another_form_is_replaced(folder, builder, checksums, arrays):
    cached("things", KEY, builder)
    (path,) = files(folder)
    metadata = {"key": json.dumps(KEY, sort_keys=True), "seconds": "0", "crc32": json.dumps(checksums)}
    header = json.dumps({"__metadata__": metadata, **arrays}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    assert same(cached("things", KEY, builder).arrays, builder.arrays)


def test_a_file_of_another_key_is_not_served(folder, builder):
    cached("things", KEY, builder)
    (path,) = files(folder)
    other = Builder({"src": np.zeros(2)})
    cached("things", {"rule": "other"}, other)
    (stranger,) = set(files(folder)) - {path}
    path.write_bytes(stranger.read_bytes())
    assert same(cached("things", KEY, builder).arrays, builder.arrays)
    assert builder.calls == 2


def test_an_unusable_cache_directory_still_gives_the_arrays_and_says_so(folder, builder, caplog):
    folder.write_text("a file where the directory should be")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert same(cached("things", KEY, builder).arrays, builder.arrays)
    assert builder.calls == 2 and "not usable" in caplog.text
    assert folder.read_text() == "a file where the directory should be"


def test_a_cache_that_cannot_be_written_still_gives_the_arrays_and_leaves_nothing(folder, builder, monkeypatch, caplog):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("datasets.cache.save_file", full)
    with caplog.at_level(logging.WARNING):
        assert same(cached("things", KEY, builder).arrays, builder.arrays)
    assert "No space left" in caplog.text and files(folder) == []


def test_a_failing_build_leaves_no_file_and_keeps_its_own_error(folder, builder):
    def fail():
        raise RuntimeError("no neighbours today")

    with pytest.raises(RuntimeError, match="no neighbours today"):
        cached("things", KEY, fail)
    assert files(folder) == []
    cached("things", KEY, builder)
    assert builder.calls == 1


def test_a_build_that_fails_to_read_its_own_input_is_not_run_twice():
    calls = []

    def fail():
        calls.append(1)
        raise FileNotFoundError("the input of the build")

    with pytest.raises(FileNotFoundError, match="input of the build"):
        cached("things", KEY, fail)
    assert len(calls) == 1


def test_writing_leaves_only_the_finished_file(folder, builder):
    cached("things", KEY, builder)
    assert [path.suffix for path in files(folder)] == [".safetensors"]


def test_threads_that_want_the_same_key_build_it_once():
    calls, results = [], []
    start = threading.Barrier(4)

    def build():
        calls.append(1)
        time.sleep(0.2)
        return {"values": np.arange(5)}

    def work():
        start.wait()
        results.append(cached("things", KEY, build).arrays["values"].tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [[0, 1, 2, 3, 4]] * 4 and len(calls) == 1


PROCESS = """
import sys, time
import numpy as np
from datasets.cache import NotCached, cache_mode, cached
log, name = sys.argv[1:]
def build():
    open(log, "a").write(name)
    time.sleep(2)
    return {"values": np.arange(5)}
assert cached("things", {"shared": 1}, build).arrays["values"].tolist() == [0, 1, 2, 3, 4]
"""


def test_processes_that_want_the_same_key_build_it_once(tmp_path):
    log = tmp_path / "log"
    workers = [subprocess.Popen([sys.executable, "-c", PROCESS, str(log), name]) for name in "ab"]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert len(log.read_text()) == 1


def test_the_cache_directory_is_the_one_asked_for(monkeypatch, tmp_path):
    assert cache_dir() == tmp_path
    monkeypatch.delenv("BENCHMARK_CACHE")
    assert cache_dir().name == "crystal-benchmark"


@pytest.mark.parametrize("seconds", ["-1.0", "nan", "inf", "1e999"])
def test_a_time_that_cannot_be_is_not_believed(builder, folder, seconds):
    cached("things", KEY, builder)
    (entry,) = files(folder)
    size = int.from_bytes(entry.read_bytes()[:8], "little")
    header = json.loads(entry.read_bytes()[8 : 8 + size])
    header["__metadata__"]["seconds"] = seconds
    changed = json.dumps(header).encode()
    entry.write_bytes(len(changed).to_bytes(8, "little") + changed + entry.read_bytes()[8 + size :])
    assert 0 <= cached("things", KEY, builder).seconds < 60
    assert builder.calls == 2


def test_the_cache_can_be_looked_at_or_left_alone(folder, builder):
    with pytest.raises(NotCached) as missing, cache_mode("look"):
        cached("things", KEY, builder)
    with cache_mode("leave"):
        assert same(cached("things", KEY, builder).arrays, builder.arrays)
    assert builder.calls == 1 and not folder.exists()
    cached("things", KEY, builder)
    with cache_mode("look"):
        assert same(cached("things", KEY, builder).arrays, builder.arrays)
    assert builder.calls == 2 and files(folder) == [missing.value.path]
