"""Writers that stop half-way, that write at the same time, and that find a disk full."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmark.results.store import partial_of, write_atomically, write_together
from datasets.errors import BenchmarkError
from tests.benchmark.results.test_store import files, make


def test_what_a_stopped_writer_left_is_removed_by_the_next_one(tmp_path):
    """Killed between the two files of a page: the half-written one would stay for ever."""
    page = tmp_path / "page.md"
    code = "import os; from pathlib import Path; from benchmark.results.store import partial_of as u\n"
    code += f"p = u(Path({str(page)!r})); p.write_text('half'); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.read_text() == "half"
    (tmp_path / "details.md.here.999999999.01234567.partial").write_text("of another page")
    write_atomically(page, b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["details.md.here.999999999.01234567.partial", "page.md"]


def test_what_other_writers_still_write_stays(tmp_path):
    page = tmp_path / "page.md"
    here = partial_of(page).name.split(".")[2]
    of_init, elsewhere = (tmp_path / f"page.md.{name}.01234567.partial" for name in (f"{here}.1", "another.999999999"))
    for path in (of_init, elsewhere):
        path.write_text("half")
    partial_of(page)
    assert of_init.exists() and elsewhere.exists()
    yesterday = time.time() - 100_000
    os.utime(elsewhere, (yesterday, yesterday))
    partial_of(page)
    assert of_init.exists() and not elsewhere.exists()


@contextmanager
def full_from(n_bytes: int) -> Iterator[None]:
    """Inside, no file of this process may grow beyond so many bytes, as on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path, store):
    record, predictions = make()
    with full_from(1000):
        with pytest.raises(OSError, match=r"page\.md") as caught:
            write_atomically(tmp_path / "page.md", bytes(2000))
        with pytest.raises(BenchmarkError, match=r"cannot write .*two\.md \(File too large\)"):
            write_together([(tmp_path / "one.md", b"1"), (tmp_path / "two.md", bytes(2000))])
        with pytest.raises(BenchmarkError, match=r"cannot write .*fold-00\.parquet \(File too large\); finished"):
            store.write(record, predictions)
    assert caught.value.errno == errno.EFBIG
    assert [path.name for path in tmp_path.iterdir()] == ["runs"] and files(store) == []
