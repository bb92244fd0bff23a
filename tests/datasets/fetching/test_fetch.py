"""An archive at a plain address, played by a server on this machine: a correct set, or one line and nothing placed."""

import io
import tarfile
import threading

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from datasets import registry
from datasets.cards import Fetched, FileDataset
from datasets.errors import DatasetMissing, InputError
from datasets.fetch import fetch
from datasets.fetching import download, sessions
from datasets.sets import fung
from tests.datasets.fetching.sources import content, cut, files_in, get, refused


def archive(n=6, targets=True, seed=0):
    """Clusters as MatDeepLearn packs them."""
    rng = np.random.default_rng(seed)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        rows = []
        for number in range(n):
            text = io.StringIO()
            write(text, Atoms("Pt3", positions=rng.uniform(5, 15, (3, 3)), cell=[20] * 3), format="json")
            rows.append(f"{number},{-10.0 - number}")
            add(tar, f"data/{number}.json", text.getvalue())
        if targets:
            add(tar, "data/targets.csv", "\n".join(rows))
    return packed.getvalue()


def add(tar, name, text):
    member = tarfile.TarInfo(name)
    member.size = len(text)
    tar.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture
def clusters(source, monkeypatch):
    """`toy/pt`: six clusters whose card is right."""
    card = fung.CLUSTERS.model_copy(update={"name": "toy/pt", "rows": 6, "content_hash": None, "file": "toy/pt.tar.gz"})
    made = FileDataset(card, fung.read_clusters, fung.fetch_from(f"{source.url}/pt.tar.gz", card.version))
    known = {**registry.registered(), "toy/pt": made}
    monkeypatch.setattr(registry, "registered", lambda: known)
    source.answers["/pt.tar.gz"] = content(archive(), ETag='"one"')
    return made


def test_an_archive_is_placed_with_a_note_and_found_there_afterwards(source, clusters, data):
    outcome = get("toy/pt")
    assert outcome.new and len(outcome.crystals) == 6
    assert files_in(data) == ["toy/pt.tar.gz", "toy/pt.tar.gz.json"]
    assert [p.name for p in (data / "toy" / ".fetching").iterdir()] == ["pt.tar.gz.lock"]
    note = Fetched.model_validate_json((data / "toy/pt.tar.gz.json").read_bytes())
    assert (note.rows, note.source, note.content_hash) == (6, f"{source.url}/pt.tar.gz", outcome.crystals.content_hash)
    again = get("toy/pt")
    assert not again.new and again.note == note
    assert source.counts["/pt.tar.gz"] == 1
    assert registry.load("toy/pt").content_hash == note.content_hash


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (archive(5), "has 5 crystals, the card says 6; not placed"),
        (archive(targets=False), "has 0 crystals, the card says 6; not placed"),
        (archive()[:-400], "not a readable archive"),
        (b"no archive at all", "not a readable archive"),
    ],
)
def test_an_archive_with_another_content_is_not_placed_and_not_kept(source, clusters, data, body, reason):
    source.answers["/pt.tar.gz"] = content(body, ETag='"one"')
    assert reason in refused("toy/pt", InputError)
    assert not data.exists() or files_in(data) == []
    source.answers["/pt.tar.gz"] = content(archive(), ETag='"two"')
    assert get("toy/pt").new


def test_an_interrupted_fetch_goes_on(source, clusters, data, monkeypatch):
    body = archive()
    monkeypatch.setattr(sessions, "ATTEMPTS", 1)
    monkeypatch.setattr(download, "CHUNK", 64)
    source.answers["/pt.tar.gz"] = cut(body, len(body) // 2, content(body, ETag='"one"'))
    assert "go on" in refused("toy/pt")
    assert files_in(data) == []
    assert get("toy/pt").new
    assert source.requests[1][2]["Range"].startswith("bytes=")


def test_what_is_there_and_wrong_is_said_and_left_alone(source, clusters, data):
    (data / "toy").mkdir(parents=True)
    (data / "toy/pt.tar.gz").write_bytes(b"the user's")
    assert "pt.tar.gz: not a readable archive" in refused("toy/pt", InputError)
    assert (data / "toy/pt.tar.gz").read_bytes() == b"the user's"
    assert not source.requests


def test_a_file_that_was_changed_after_the_fetch_is_found_out(clusters, data):
    get("toy/pt")
    (data / "toy/pt.tar.gz").write_bytes(archive(seed=1))
    with pytest.raises(InputError, match="is another release or was changed"):
        registry.load("toy/pt")


def test_offline_never_touches_the_network(source, clusters):
    with pytest.raises(DatasetMissing, match="--offline forbids fetching it; run `python -m benchmark datasets fetch"):
        fetch("toy/pt", lambda *_: None, offline=True)
    assert not source.requests


@pytest.mark.parametrize("name", ["fung/2d", "fung/mof", "fung/surface"])
def test_what_no_machine_can_fetch_says_where_to_get_it_and_where_to_put_it(source, data, name):
    line = refused(name, DatasetMissing)
    assert line.startswith(f"{name}: {data}") and "place the file there" in line


def test_a_second_fetch_leaves_the_first_one_alone(source, clusters, data):
    first_asked, answer = threading.Event(), source.answers["/pt.tar.gz"]

    def waits(handler):
        first_asked.set()
        second_refused.wait(10)
        answer(handler)

    second_refused = threading.Event()
    source.answers["/pt.tar.gz"] = waits
    outcomes = []
    first = threading.Thread(target=lambda: outcomes.append(get("toy/pt")))
    first.start()
    assert first_asked.wait(10)
    assert "another process is fetching it" in refused("toy/pt", InputError)
    second_refused.set()
    first.join()
    assert outcomes[0].new and files_in(data) == ["toy/pt.tar.gz", "toy/pt.tar.gz.json"]
    assert source.counts["/pt.tar.gz"] == 1


def test_a_folder_where_the_file_belongs_is_refused_before_anything_is_asked(source, clusters, data):
    (data / "toy/pt.tar.gz").mkdir(parents=True)
    assert "is a folder where the dataset's file belongs" in refused("toy/pt", InputError)
    assert not source.requests


def test_the_release_of_the_card_placed_over_a_fetched_one_says_which_note_to_delete(clusters, data):
    get("toy/pt")
    (data / "toy/pt.tar.gz").write_bytes(archive(4))
    with pytest.raises(InputError, match=r"4 crystals, the note of .* says 6; .* delete .*pt\.tar\.gz\.json if you placed it"):
        registry.load("toy/pt")
    (data / "toy/pt.tar.gz.json").write_text("{")
    with pytest.raises(InputError, match=r"not the note of a fetched file; delete it and pt\.tar\.gz, then fetch toy/pt again"):
        registry.load("toy/pt")


def test_the_database_of_c2db_is_read_in_place_of_the_list(data, monkeypatch):
    from ase.db import connect

    monkeypatch.setenv("BENCHMARK_DATA", str(data))
    (data / "fung").mkdir(parents=True)
    with connect(data / "fung/c2db.db") as database:
        for number in range(4):
            sheet = Atoms(
                "BN", scaled_positions=[[0, 0, 0.5], [1 / 3, 2 / 3, 0.5]], cell=[2.5, 2.5, 15, 90, 90, 120], pbc=(1, 1, 0)
            )
            database.write(sheet, **({"workfunction": 4.0 + number} if number != 1 else {"gap": 1.0}))
    registry.load.cache_clear()
    crystals = registry.load("fung/2d")
    assert crystals.targets["work_function"].tolist() == [4.0, 6.0, 7.0]
    assert crystals.pbc.tolist() == [[True, True, False]] * 3
