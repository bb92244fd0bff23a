"""The Materials Project, played by a server on this machine: a correct set, or one line and nothing placed."""

import hashlib

import pytest

from datasets import registry
from datasets.errors import InputError
from datasets.fetching import materials_project
from datasets.sets import cgcnn
from tests.datasets.fetching.sources import (
    as_json,
    busy,
    content,
    document,
    files_in,
    get,
    redirect,
    refused,
    serving,
    slow,
    status,
)

KEY = "k" * 32
IDS = [f"mp-{number}" for number in range(1, 8)]


@pytest.fixture
def project(source, monkeypatch, tmp_path):
    """The list of seven ids, and a Materials Project that knows six of them."""
    client = pytest.importorskip("mp_api.client.core.client")
    # The client builds the schema of all fields for every request: two seconds that have nothing to do with the network.
    monkeypatch.setattr(client.BaseRester, "available_fields", list(materials_project.FIELDS))
    listed = "\n".join(IDS).encode()
    monkeypatch.setattr(cgcnn, "IDS", f"{source.url}/ids.csv")
    monkeypatch.setattr(cgcnn, "IDS_SHA256", hashlib.sha256(listed).hexdigest())
    monkeypatch.setattr(cgcnn, "N_IDS", len(IDS))
    monkeypatch.setattr(materials_project, "CHUNK", 3)
    monkeypatch.setenv("MP_API_KEY", KEY)
    monkeypatch.setenv("MPRESTER_ENDPOINT", f"{source.url}/")
    known = {name: document(name) for name in IDS[:6]}
    known["mp-2"]["deprecated"] = True
    known["mp-3"] |= {"bulk_modulus": {"vrh": -5.0}, "shear_modulus": None, "homogeneous_poisson": 0.7}

    def summary(handler):
        """Pages of two documents at most: the client has to ask on."""
        if handler.headers.get("x-api-key") != KEY:
            return status(403, b'{"detail": "Invalid authentication credentials"}')(handler)
        found = [known[name] for name in handler.query["material_ids"].split(",") if name in known]
        skip = int(handler.query.get("_skip", 0))
        page = found[skip : skip + min(2, int(handler.query.get("_limit", 2)))]
        as_json({"data": page, "meta": {"total_doc": len(found)}})(handler)

    source.answers |= {
        "/ids.csv": content(listed),
        "/heartbeat": as_json({"db_version": "2026.11.1", "access_controlled_batch_ids": [], "version": "0.87.0"}),
        "/materials/summary/": summary,
    }
    source.known = known
    source.forget = client._Rester._get_heartbeat_info.cache_clear  # as a new process would
    return source


def test_the_materials_project_becomes_a_table_with_a_report(project, data):
    outcome = get("cgcnn")
    assert outcome.crystals.ids.tolist() == ["mp-1", "mp-3", "mp-4", "mp-5", "mp-6"]
    assert list(outcome.crystals.targets) == [target for target in cgcnn.CARD.targets if target not in cgcnn.DERIVED]
    note = outcome.note
    assert note.version == "2026.11.1"
    assert note.report == {
        "ids_asked_for": 7, "vanished_ids": ["mp-7"], "deprecated_ids": ["mp-2"], "unreadable_ids": [],
        "bulk_modulus_not_positive": 1, "shear_modulus_not_positive": 0, "poisson_ratio_outside_0_to_0.5": 1,
    }  # fmt: skip
    targets = outcome.crystals.targets
    assert targets.loc["mp-1", "log10_k_vrh"] == pytest.approx(2.0)
    assert targets.loc["mp-3"].isna().tolist() == [False, False, False, False, True, True, True]
    assert files_in(data) == ["cgcnn/materials.parquet", "cgcnn/materials.parquet.json"]
    registry.load.cache_clear()
    assert registry.load("cgcnn").content_hash == note.content_hash
    assert len(registry.load("fung/bulk")) == 5, "another dataset of the same file"


def test_ids_in_letters_are_those_of_the_list(project):
    project.known["mp-4"]["material_id"], project.known["mp-5"]["material_id"] = "mp-aaaaaaae", "mp-f"
    outcome = get("cgcnn")
    assert outcome.crystals.ids.tolist() == ["mp-1", "mp-3", "mp-4", "mp-5", "mp-6"]
    assert outcome.note.report["vanished_ids"] == ["mp-7"]


def test_a_broken_off_fetch_of_the_project_keeps_its_chunks(project, monkeypatch):
    answer, seen = project.answers["/materials/summary/"], []

    def fails_late(handler):
        seen.append(handler.query["material_ids"])
        (answer if len(seen) < 4 else status(500))(handler)

    project.answers["/materials/summary/"] = fails_late
    assert "run the same command to go on" in refused("cgcnn")
    project.answers["/materials/summary/"] = answer
    before = len(project.requests)
    assert get("cgcnn").new
    asked = [query["material_ids"] for path, query, _ in project.requests[before:] if "summary" in path]
    assert not any(asked_for.startswith("mp-1,") for asked_for in asked), "the first chunk was there"


def test_another_release_in_between_starts_again(project, monkeypatch):
    answer, seen = project.answers["/materials/summary/"], []
    project.answers["/materials/summary/"] = lambda handler: (
        seen.append(1),
        (answer if len(seen) < 4 else status(500))(handler),
    )
    refused("cgcnn")
    project.answers["/materials/summary/"] = answer
    project.answers["/heartbeat"] = as_json({"db_version": "2026.12.1", "access_controlled_batch_ids": []})
    project.forget()
    before = len(project.requests)
    assert get("cgcnn").note.version == "2026.12.1"
    assert any(query["material_ids"].startswith("mp-1,") for path, query, _ in project.requests[before:] if "summary" in path)


def test_the_key_and_the_password_of_an_endpoint_reach_no_other_host_no_note_and_no_line(project, data, monkeypatch):
    monkeypatch.setenv("MPRESTER_ENDPOINT", f"{project.url.replace('://', '://me:s3cret@')}/")
    answer = project.answers["/materials/summary/"]
    with serving() as other:
        project.answers["/materials/summary/"] = redirect(f"{other.url}/materials/summary/")
        lines = refused("cgcnn")
        assert other.requests and "x-api-key" not in {name.lower() for _, _, headers in other.requests for name in headers}
    project.answers["/materials/summary/"] = status(401, f'{{"detail": "no key {KEY}"}}'.encode())
    lines += refused("cgcnn")
    project.answers["/materials/summary/"] = answer
    note = get("cgcnn").note
    assert note.source == f"Materials Project, {project.url}/"
    texts = lines + "".join(path.read_text() for path in data.rglob("*.json"))
    assert "s3cret" not in texts and KEY not in texts


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_a_busy_project_is_asked_again(project, code):
    project.answers["/materials/summary/"] = busy(code, 2, project.answers["/materials/summary/"], Retry_After="0")
    assert len(get("cgcnn").crystals) == 5


def test_a_missing_key_is_one_line_before_anything_is_asked(project, monkeypatch):
    monkeypatch.delenv("MP_API_KEY")
    line = refused("cgcnn", InputError)
    assert line.startswith("MP_API_KEY is not set; get a key")
    assert not project.requests


def test_a_structure_that_cannot_be_read_costs_no_other(project):
    project.known["mp-4"]["structure"] = {"lattice": {}, "sites": []}
    outcome = get("cgcnn")
    assert outcome.note.report["unreadable_ids"] == ["mp-4"]
    assert len(outcome.crystals) == 4


def test_a_release_that_comes_out_meanwhile_is_noticed(project, data):
    def heartbeat(handler):
        served = "2026.12.1" if project.counts["/materials/summary/"] else "2026.11.1"
        as_json({"db_version": served, "access_controlled_batch_ids": [], "version": "0.87.0"})(handler)

    project.answers["/heartbeat"] = heartbeat
    assert "another release came out meanwhile" in refused("cgcnn")
    assert files_in(data) == []


def test_a_busy_and_a_slow_heartbeat_are_asked_again(project):
    project.answers["/heartbeat"] = slow(1.3, busy(503, 1, project.answers["/heartbeat"]))
    assert len(get("cgcnn").crystals) == 5


@pytest.mark.parametrize("key", ["k" * 16 + "\n" + "k" * 15, "€" * 32, "k k"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(project, monkeypatch, key):
    monkeypatch.setenv("MP_API_KEY", key)
    line = refused("cgcnn", InputError)
    assert "MP_API_KEY holds what no key has" in line and "kk" not in line
    assert not project.requests


@pytest.mark.parametrize("key", ["x" * 32, "short"])
def test_a_refused_key_is_one_line(project, monkeypatch, key, data):
    monkeypatch.setenv("MP_API_KEY", key)
    assert "refuses the key in MP_API_KEY" in refused("cgcnn", InputError)
    assert files_in(data) == []


@pytest.mark.parametrize(
    "answer",
    [
        status(404),
        status(503),
        status(200, b"<html>maintenance</html>", Content_Type="text/html"),
        content(b'{"data": [{"material', Content_Type="application/json"),
        as_json({"message": "hello"}),
        as_json({"data": [{"material_id": "mp-1"}], "meta": {"total_doc": 1}}),
        as_json({"data": ["x", None], "meta": {"total_doc": 2}}),
        as_json({"data": [document("mp-1", bulk_modulus=100.0)], "meta": {"total_doc": 1}}),
        as_json({"data": [document("mp-1", band_gap="wide")], "meta": {"total_doc": 1}}),
    ],
)
@pytest.mark.parametrize("path", ["/materials/summary/", "/heartbeat"])
def test_a_project_that_answers_nonsense_is_one_line_and_nothing_is_placed(project, data, answer, path):
    good = project.answers[path]
    project.answers[path] = answer
    refused("cgcnn")
    assert files_in(data) == []
    project.answers[path] = good
    assert len(get("cgcnn").crystals) == 5, "nothing wrong was kept"
