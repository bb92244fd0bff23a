"""Whatever a server does, a download ends as the right file or as one line, and what came is not fetched twice."""

import gzip
import hashlib
from contextlib import suppress

import pytest

from datasets.errors import BenchmarkError
from datasets.fetching import download as module
from datasets.fetching import sessions
from datasets.fetching.download import download, get_json
from tests.datasets.fetching.sources import as_json, busy, content, cut, redirect, serving, slow, status

BODY = bytes(range(256)) * 3000
HASH = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def source(monkeypatch):
    monkeypatch.setattr(sessions, "BACK_OFF", 0.01)
    monkeypatch.setattr(module, "TIMEOUT", (2.0, 0.3))
    with serving() as found:
        yield found


def fetch(source, path, known_hash=HASH, news=None):
    return download(f"{source.url}/file", path / "file.bin", known_hash, lambda *told: news is None or news.append(told))


def refused(source, path, known_hash=HASH) -> str:
    with pytest.raises(BenchmarkError) as caught:
        fetch(source, path, known_hash)
    line = str(caught.value)
    assert "\n" not in line and line.startswith(source.url)
    assert not (path / "file.bin").exists()
    return line


@pytest.mark.parametrize("known_hash", [HASH, f"sha256:{HASH}", f"md5:{hashlib.md5(BODY).hexdigest()}", None])
def test_a_file_is_placed_whole_and_alone(source, tmp_path, known_hash):
    source.answers["/file"] = content(BODY, ETag='"one"')
    news = []
    assert fetch(source, tmp_path, known_hash, news).read_bytes() == BODY
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]
    assert news[-1] == (len(BODY), len(BODY), "file.bin")
    fetch(source, tmp_path, known_hash)
    assert source.counts["/file"] == 1, "what is there is not fetched again"


def test_redirects_are_followed(source, tmp_path):
    source.answers |= {"/file": redirect("/elsewhere"), "/elsewhere": content(BODY)}
    assert fetch(source, tmp_path).read_bytes() == BODY


def test_a_cut_connection_goes_on_where_it_broke(source, tmp_path):
    source.answers["/file"] = cut(BODY, 500_000, content(BODY, ETag='"one"'))
    assert fetch(source, tmp_path).read_bytes() == BODY
    first, second = [headers.get("Range") for _, _, headers in source.requests]
    assert first is None and int(second.removeprefix("bytes=").rstrip("-")) > 500_000 - module.CHUNK


def test_a_killed_download_goes_on_in_the_next_process(source, tmp_path):
    source.answers["/file"] = content(BODY, ETag='"one"')
    (tmp_path / "file.bin.part").write_bytes(BODY[:1000])
    (tmp_path / "file.bin.part.json").write_text(f'{{"url": "{source.url}/file", "validator": "\\"one\\""}}')
    assert fetch(source, tmp_path).read_bytes() == BODY
    assert source.requests[0][2]["Range"] == "bytes=1000-"


@pytest.mark.parametrize("note", ['{"url": "another", "validator": "\\"one\\""}', '{"url": 1}', "damaged", None])
def test_bytes_of_another_file_are_not_continued(source, tmp_path, note):
    source.answers["/file"] = content(BODY, ETag='"one"')
    (tmp_path / "file.bin.part").write_bytes(b"foreign")
    if note:
        (tmp_path / "file.bin.part.json").write_text(note)
    assert fetch(source, tmp_path).read_bytes() == BODY


def test_a_file_that_changed_meanwhile_is_fetched_anew(source, tmp_path):
    source.answers["/file"] = cut(b"old" * 200_000, 300_000, content(BODY, ETag='"two"'))
    assert fetch(source, tmp_path).read_bytes() == BODY


def test_more_bytes_than_the_server_has_are_thrown_away(source, tmp_path):
    source.answers["/file"] = content(BODY, ETag='"one"')
    (tmp_path / "file.bin.part").write_bytes(BODY + b"more")
    (tmp_path / "file.bin.part.json").write_text(f'{{"url": "{source.url}/file", "validator": "\\"one\\""}}')
    assert fetch(source, tmp_path).read_bytes() == BODY


def test_another_version_is_never_joined_to_what_was_kept(source, tmp_path):
    """A server that ignores If-Range and continues with the bytes of a new file."""

    def continues_anyway(handler):
        start = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        extent = {"Content_Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"} if start else {}
        handler.send(206 if start else 200, BODY[start:], ETag='"two"', **extent)

    source.answers["/file"] = cut(b"old" * 200_000, 300_000, continues_anyway)
    assert fetch(source, tmp_path, None).read_bytes() == BODY


def test_a_part_that_is_shorter_than_asked_for_is_continued(source, tmp_path):
    def in_pieces(handler):
        start = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        end = min(start + 300_000, len(BODY))
        handler.send(206, BODY[start:end], ETag='"one"', Content_Range=f"bytes {start}-{end - 1}/{len(BODY)}")

    source.answers["/file"] = cut(BODY, 100_000, in_pieces)
    assert fetch(source, tmp_path, None).read_bytes() == BODY


def test_no_server_makes_us_wait_for_hours(source, tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "LONGEST_WAIT", 0.05)
    source.answers["/file"] = busy(429, 1, content(BODY), Retry_After="3000000")
    assert fetch(source, tmp_path).read_bytes() == BODY


def test_a_server_that_cannot_continue_starts_again(source, tmp_path):
    source.answers["/file"] = cut(BODY, 400_000, status(200, BODY))
    assert fetch(source, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(source, tmp_path, code):
    source.answers["/file"] = busy(code, 2, content(BODY), Retry_After="0")
    assert fetch(source, tmp_path).read_bytes() == BODY
    assert source.counts["/file"] == 3


def test_a_slow_server_is_asked_again(source, tmp_path):
    source.answers["/file"] = slow(0.6, content(BODY))
    assert fetch(source, tmp_path).read_bytes() == BODY


def test_a_server_that_stays_busy_is_one_line(source, tmp_path):
    source.answers["/file"] = status(503)
    assert f"still busy after {sessions.ATTEMPTS} attempts" in refused(source, tmp_path)
    assert source.counts["/file"] == sessions.ATTEMPTS


def test_a_body_that_always_breaks_off_is_one_line_and_keeps_what_came(source, tmp_path):
    def answer(handler):
        handler.send(200, BODY[:700_000], length=len(BODY), ETag='"one"')
        handler.close_connection = True

    source.answers["/file"] = answer
    assert "run the same command to go on" in refused(source, tmp_path)
    kept = (tmp_path / "file.bin.part").read_bytes()
    assert len(kept) > 700_000 - module.CHUNK and BODY.startswith(kept)
    source.answers["/file"] = content(BODY, ETag='"one"')
    assert fetch(source, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(404), "status 404"),
        (status(410), "status 410"),
        (status(401), "refused (status 401)"),
        (status(403), "refused (status 403)"),
        (status(200, b"<html>log in</html>", Content_Type="text/html; charset=utf-8"), "a web page came"),
        (content(b"not the file"), "not the published one"),
    ],
)
def test_a_wrong_answer_is_one_line_and_nothing_stays(source, tmp_path, answer, reason):
    source.answers["/file"] = answer
    assert reason in refused(source, tmp_path)
    assert not [p for p in tmp_path.iterdir() if p.suffix not in (".json",)]
    assert source.counts["/file"] == 1


def test_no_server_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "BACK_OFF", 0.0)
    with serving() as gone:
        pass
    assert "check the address and the network" in refused(gone, tmp_path)


def test_json_is_decoded_and_anything_else_is_one_line(source):
    source.answers["/ok"] = busy(429, 1, as_json({"a": [1]}), Retry_After="0")
    assert get_json(f"{source.url}/ok") == {"a": [1]}
    source.answers["/text"] = content(b"{truncated", Content_Type="application/json")
    source.answers["/page"] = content(b"<html>", Content_Type="text/html")
    for path, reason in (("/text", "not JSON"), ("/page", "a web page came"), ("/gone", "status 404")):
        with pytest.raises(BenchmarkError, match=reason):
            get_json(f"{source.url}{path}")


# -- limits, keys and passwords ---------------------------------------------------------------------


def endless(handler):
    """A body without a declared length and without an end."""
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        while True:
            handler.wfile.write(bytes(1 << 16))


@pytest.mark.parametrize("answer", [endless, content(BODY), content(gzip.compress(bytes(10**7)), Content_Encoding="gzip")])
def test_a_file_of_more_bytes_than_are_fetched_is_one_line_and_nothing_stays(source, tmp_path, monkeypatch, answer):
    monkeypatch.setattr(module, "MOST_BYTES", 500_000)
    source.answers["/file"] = answer
    assert "more than 500,000 bytes" in refused(source, tmp_path, None)
    assert not [p for p in tmp_path.iterdir() if p.suffix not in (".json",)]
    assert source.counts["/file"] == 1


@pytest.mark.parametrize("through", ["/file", "/redirect"])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, bytes(3_000_000)),
        ({"Content_Encoding": "gzip"}, gzip.compress(bytes(3_000_000))),
        ({"Content_Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(bytes(3_000_000)))),
        ({"Content_Encoding": "br"}, b"packed"),
    ],
    ids=["plain", "packed", "packed twice", "unknown packing"],
)
def test_an_answer_is_held_in_memory_up_to_a_bound_also_that_of_a_redirect(source, monkeypatch, through, headers, body):
    monkeypatch.setattr(sessions, "MOST_BYTES", 1_000_000)
    source.answers |= {"/file": status(200, body, **headers), "/redirect": status(302, body, Location="/ok", **headers)}
    source.answers["/ok"] = as_json({"a": 1})
    with pytest.raises(BenchmarkError, match=r"more than 1,000,000 bytes; refused|a body packed as '(gzip, gzip|br)'; refused"):
        get_json(f"{source.url}{through}")


def test_a_password_in_an_address_is_sent_and_never_shown_nor_noted(source, tmp_path):
    address = source.url.replace("://", "://reader:s3cr%40t@")
    source.answers |= {"/file": cut(BODY, 400_000, status(404)), "/ok": as_json(1)}
    with pytest.raises(BenchmarkError) as caught:
        download(f"{address}/file", tmp_path / "file.bin", HASH, lambda *_: None)
    with pytest.raises(BenchmarkError) as also:
        get_json(f"{address}/gone")
    notes = "".join(path.read_text() for path in tmp_path.glob("*.json"))
    assert "s3cr" not in f"{caught.value} {also.value} {notes}" and f"{source.url}/file" in str(caught.value)
    assert get_json(f"{address}/ok") == 1
    assert source.requests[-1][2]["Authorization"].startswith("Basic ")


def test_the_key_goes_to_no_other_host_that_a_server_redirects_to(source):
    with serving() as other, sessions.session() as connection:
        connection.headers[sessions.SECRET] = "K" * 32
        source.answers |= {"/away": redirect(f"{other.url}/end"), "/here": redirect("/end"), "/end": as_json(1)}
        other.answers["/end"] = as_json(1)
        for path in ("/away", "/here"):
            assert connection.get(f"{source.url}{path}").json() == 1
    keys = [[headers.get("x-api-key") for _, _, headers in server.requests] for server in (source, other)]
    assert keys == [["K" * 32] * 3, [None]]


def test_a_password_is_left_out_wherever_an_address_stands_in_a_text():
    text = "no answer of https://me:my@word@host:80/a?b and http://host/a@b"
    assert sessions.shown(text) == "no answer of https://host:80/a?b and http://host/a@b"
