"""Connections that ask again while a server is busy, keep a key from other hosts, and take no more bytes than they may."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from datasets.errors import BenchmarkError

ATTEMPTS = 5
"""For an answer, and for the rest of a body that broke off."""
BACK_OFF = 1.0
"""Seconds before the second attempt; doubled each time. A server's own Retry-After comes first."""
LONGEST_WAIT = 120.0
"""Seconds, whatever a server's Retry-After asks for."""
BUSY = (429, 500, 502, 503, 504)
SECRET = "x-api-key"
"""The header that holds a user's key; requests keeps only `Authorization` from other hosts by itself."""
MOST_BYTES = 64 << 20
"""Of an answer that is held in memory, unpacked; 500 crystals take some 5 MB."""
ENCODINGS = ("", "identity", "gzip", "deflate")
"""Of a body; others, and several at once, unpack a few bytes to gigabytes in one step."""

_PASSWORD = re.compile(r"(?<=://)[^/?#\s]*@")


def shown(text: str) -> str:
    """A web address, or a text with some, without the user's name and password."""
    return _PASSWORD.sub("", text)


def session(most_bytes: int | None = None) -> requests.Session:
    """A session that asks again, with growing pauses, while a server is busy or unreachable.

    A body of more than `most_bytes` (default: `MOST_BYTES`), unpacked, is a BenchmarkError. To another host, where a server
    redirects it, it does not send the key.
    """
    retry = _Patient(
        total=ATTEMPTS - 1, backoff_factor=BACK_OFF, status_forcelist=BUSY, respect_retry_after_header=True,
        raise_on_status=True,
    )  # fmt: skip
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # else a line for every attempt
    made = _Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Bounded(most_bytes or MOST_BYTES, max_retries=retry))
    return made


class _Patient(Retry):
    """Waits as a server asks, but not for hours."""

    def get_retry_after(self, response: Any) -> float | None:
        """Seconds; None where the server does not say."""
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, LONGEST_WAIT)


class _Session(requests.Session):
    """Sends the key to no other host than the one that was asked, nor over another scheme."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Also leave out the key where requests leaves out the password."""
        super().rebuild_auth(prepared_request, response)
        if self.should_strip_auth(str(response.request.url), str(prepared_request.url)):
            prepared_request.headers.pop(SECRET, None)


class _Bounded(HTTPAdapter):
    """Gives answers whose bodies have a bound, whoever reads them."""

    def __init__(self, most_bytes: int, **options: Any) -> None:
        super().__init__(**options)
        self.most_bytes = most_bytes

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """The answer of requests with a bound."""
        answer = _Answer(self.most_bytes)
        answer.__dict__.update(super().build_response(req, resp).__dict__)
        return answer


class _Answer(requests.Response):
    def __init__(self, most_bytes: int) -> None:
        super().__init__()
        self.most_bytes = most_bytes

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:
        """The unpacked body in chunks, which are counted before anybody keeps them."""
        encoding, left = self.headers.get("Content-Encoding", "").strip().lower(), self.most_bytes
        if encoding not in ENCODINGS:
            raise BenchmarkError(f"{shown(self.url)}: a body packed as '{encoding[:40]}'; refused")
        for chunk in super().iter_content(chunk_size, decode_unicode):
            left -= len(chunk)
            if left < 0:
                self.close()
                raise BenchmarkError(f"{shown(self.url)}: more than {self.most_bytes:,} bytes; refused")
            yield chunk
