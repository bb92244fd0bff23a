"""Downloads that go on where they broke off: pooch checks and places the file, requests and urllib3 carry the bytes.

Ours, not pooch's downloader: it begins each attempt with an empty file, and does not see whether a server continues the same.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pooch
import requests
from requests.exceptions import ChunkedEncodingError, ConnectionError, RetryError, Timeout

from datasets.cards import Progress
from datasets.errors import BenchmarkError
from datasets.fetching import sessions
from datasets.fetching.sessions import session, shown

TIMEOUT = (15.0, 60.0)
"""Seconds to connect, and to wait for the next bytes."""
CHUNK = 1 << 16
MOST_BYTES = 2 << 30
"""Of a file, as it comes; the largest that is published has some 200 MB."""


def download(url: str, path: Path, known_hash: str | None, on_progress: Progress) -> Path:
    """Fetch `url` to `path`, placed only when it is whole and has the hash.

    Bytes that came before a connection broke are kept as `<path>.part` and not fetched again, in this call or the next.

    Args:
        url: http or https; redirects are followed.
        path: where to place it; a file that is there and has the hash is not fetched again.
        known_hash: `algorithm:hex` (or sha256 hex); None where none is published.
        on_progress: told the bytes so far and in all, where the server says so.

    Raises:
        BenchmarkError: one line with the url: no answer, refused, gone, a web page instead of the file, cut off again
            and again, more than `MOST_BYTES`, or another content than the hash says (then nothing is placed and nothing kept).
    """
    pooch.get_logger().setLevel("ERROR")
    part = Path(f"{path}.part")

    def carry(url: str, output: Any, _: object) -> None:
        _whole(url, part, on_progress)
        os.replace(part, output)
        _note(part).unlink(missing_ok=True)

    try:
        pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, downloader=carry)
    except requests.RequestException as error:
        raise BenchmarkError(f"{shown(url)}: {_reason(error)}; check the address and the network, then try again") from error
    except ValueError as error:  # pooch's word for a wrong hash
        raise BenchmarkError(
            f"{shown(url)}: the file is not the published one ({' '.join(str(error).split())}); nothing was kept"
        ) from error
    return path


def get_json(url: str) -> Any:
    """The JSON that a server answers with.

    Raises:
        BenchmarkError: as `download`, or the answer is not JSON.
    """
    try:
        with session() as connection, connection.get(url, timeout=TIMEOUT) as answer:
            _require_ok(answer, url)
            content = answer.content
    except requests.RequestException as error:
        raise BenchmarkError(f"{shown(url)}: {_reason(error)}; try again later") from error
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BenchmarkError(f"{shown(url)}: the answer is not JSON; the service may have changed or be down") from error


def _whole(url: str, part: Path, on_progress: Progress) -> None:
    """Bring `part` to its full length, however often the connection breaks."""
    part.parent.mkdir(parents=True, exist_ok=True)
    with session(MOST_BYTES) as connection:
        for attempt in range(1, sessions.ATTEMPTS + 1):
            size, headers = _resume(url, part)
            headers = {"Accept-Encoding": "identity", **headers}
            with connection.get(url, stream=True, timeout=TIMEOUT, headers=headers) as answer:
                try:
                    return _append(answer, url, part, size, on_progress)
                except (ChunkedEncodingError, ConnectionError, Timeout) as error:
                    if attempt == sessions.ATTEMPTS:
                        hint = "what came is kept, run the same command to go on"
                        broke = f"broke off {attempt} times ({_reason(error)})"
                        raise BenchmarkError(f"{shown(url)}: {broke}; {hint}") from error
            time.sleep(sessions.BACK_OFF * 2 ** (attempt - 1))


def _append(answer: requests.Response, url: str, part: Path, size: int, on_progress: Progress) -> None:
    """Append what is missing, or start again where the server cannot continue or has another file by now."""
    if answer.status_code == 416:
        part.unlink(missing_ok=True)
        raise ChunkedEncodingError("the server has fewer bytes than were kept")
    _require_ok(answer, url)
    validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    first, total = _extent(answer)
    continues = answer.status_code == 206 and first == size and validator in (None, _validator(url, part))
    if answer.status_code == 206 and not continues:
        part.unlink(missing_ok=True)
        raise ChunkedEncodingError("the server continued another file")
    if not continues:
        size = 0
        part.unlink(missing_ok=True)  # before the note of the new file: its bytes are never joined to old ones
        _note(part).write_text(json.dumps({"url": shown(url), "validator": validator}))
    try:
        _require_size(total or 0, url)
        with part.open("ab") as file:
            for chunk in answer.iter_content(CHUNK):
                size += file.write(chunk)
                _require_size(size, url)
                on_progress(size, total, part.stem)
    except BenchmarkError:
        part.unlink(missing_ok=True)
        raise
    if total is not None and size != total:
        raise ChunkedEncodingError(f"{size:,} of {total:,} bytes")


def _require_size(size: int, url: str) -> None:
    if size > MOST_BYTES:
        raise BenchmarkError(f"{shown(url)}: more than {MOST_BYTES:,} bytes; refused, nothing was kept")


def _extent(answer: requests.Response) -> tuple[int, int | None]:
    """The first byte of an answer, and the length of the whole file where the server says it."""
    if match := re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "")):
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _resume(url: str, part: Path) -> tuple[int, Mapping[str, str]]:
    """How much is there, and the headers that ask for the rest of the very same file."""
    validator = _validator(url, part)
    size = part.stat().st_size if validator and part.is_file() else 0
    return (size, {"Range": f"bytes={size}-", "If-Range": str(validator)}) if size else (0, {})


def _validator(url: str, part: Path) -> str | None:
    """What the server called the version that the kept bytes are of."""
    try:
        note = json.loads(_note(part).read_bytes())
        return str(note["validator"]) if note["url"] == shown(url) and note["validator"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _require_ok(answer: requests.Response, url: str) -> None:
    if answer.status_code in (401, 403):
        raise BenchmarkError(f"{shown(url)}: refused (status {answer.status_code}); it may ask for a registration")
    if not answer.ok:
        raise BenchmarkError(f"{shown(url)}: status {answer.status_code} {answer.reason}; the file may have moved")
    if "text/html" in answer.headers.get("Content-Type", ""):
        raise BenchmarkError(
            f"{shown(url)}: a web page came instead of the file; open the address in a browser to see what it asks"
        )


def _reason(error: Exception) -> str:
    """The innermost cause, in a line."""
    if isinstance(error, RetryError):
        return f"still busy after {sessions.ATTEMPTS} attempts"
    if isinstance(error, Timeout):
        return "no answer in time"
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return shown(" ".join(f"{type(error).__name__}: {error}".split()))[:200]
