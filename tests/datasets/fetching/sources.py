"""A server on this machine that stands in for the public sources, and misbehaves as they do."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from pymatgen.core import Lattice, Structure

from datasets.errors import BenchmarkError
from datasets.fetch import fetch
from tests.conftest import FCC

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers a path by the function that the test put there, or with 404."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        source: Source = self.server.source  # type: ignore[attr-defined]
        source.requests.append((parts.path, self.query, dict(self.headers)))
        source.counts[parts.path] += 1
        source.answers.get(parts.path, status(404))(self)

    def send(self, code: int, content: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Source:
    """The answers by path, and what was asked."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.counts: dict[str, int] = defaultdict(int)


@contextmanager
def serving() -> Iterator[Source]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.source = Source(server)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.source  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def status(code: int, content: bytes = b"no", **headers: str) -> Answer:
    return lambda handler: handler.send(code, content, **headers)


def content(body: bytes, **headers: str) -> Answer:
    """The body, or the rest of it where a range is asked for."""

    def answer(handler: Handler) -> None:
        asked = handler.headers.get("Range")
        if asked and handler.headers.get("If-Range") == headers.get("ETag"):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                handler.send(416, b"")
            else:
                handler.send(206, body[start:], Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}", **headers)
        else:
            handler.send(200, body, **headers)

    return answer


def cut(body: bytes, after: int, then: Answer) -> Answer:
    """Breaks off `after` so many bytes the first time; `then` answers the others."""
    seen = []

    def answer(handler: Handler) -> None:
        seen.append(None)
        if len(seen) > 1:
            return then(handler)
        handler.send(200, body[:after], length=len(body), ETag='"one"')
        handler.close_connection = True

    return answer


def busy(code: int, times: int, then: Answer, **headers: str) -> Answer:
    """Answers `code` so many times, then as `then`."""
    left = [times]

    def answer(handler: Handler) -> None:
        left[0] -= 1
        (status(code, b"wait", **headers) if left[0] >= 0 else then)(handler)

    return answer


def slow(seconds: float, then: Answer, times: int = 1) -> Answer:
    """Makes the first `times` requests wait."""
    left = [times]

    def answer(handler: Handler) -> None:
        left[0] -= 1
        if left[0] >= 0:
            time.sleep(seconds)
        with suppress(BrokenPipeError, ConnectionResetError):
            then(handler)

    return answer


def as_json(value: object) -> Answer:
    return content(json.dumps(value).encode(), Content_Type="application/json")


def redirect(to: str) -> Answer:
    return status(302, b"", Location=to)


def files_in(data):
    """What lies in the data directory, without what is kept to go on from."""
    return sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file() and ".fetching" not in p.parts)


def get(name):
    """What `datasets fetch NAME` makes."""
    return fetch(name, lambda *_: None)


def refused(name, error=BenchmarkError):
    """The one line that a fetch ends with."""
    with pytest.raises(error) as caught:
        get(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def document(name, **values):
    """What the Materials Project says of a crystal."""
    number = int(name.removeprefix("mp-"))
    structure = Structure(Lattice.cubic(3.5 + 0.1 * number), ["Cu"] * 4, FCC)
    return {
        "material_id": name, "deprecated": False, "structure": structure.as_dict(), "formation_energy_per_atom": -0.1 * number,
        "energy_per_atom": -4.0, "band_gap": 0.0, "efermi": 5.0, "total_magnetization": 0.0, "bulk_modulus": {"vrh": 100.0},
        "shear_modulus": {"vrh": 10.0}, "homogeneous_poisson": 0.3, **values,
    }  # fmt: skip
