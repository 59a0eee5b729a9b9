"""Receives the bodies of requests in bounded memory, and splits forms into files."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

from digitcnn.web.problems import RequestError
from digitcnn.web.settings import Limits

_MOST_HEADER = 8192  # Largest header of a part in bytes.
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_PARAMETER = re.compile(rb';\s*(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A field or file of a form.

    Attributes
    ----------
    name : str
    filename : str or None
        None for a field. The client chose it, so it is never used as a path.
    content : bytes
    """

    name: str
    filename: str | None
    content: bytes


class Uploads:
    """Receives bodies within the memory limits, however many arrive at the same time.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._n_buffered = 0

    @asynccontextmanager
    async def receive(self, request: Request, most: int) -> AsyncIterator[bytes]:
        """A context in which a body is held in memory.

        Raises
        ------
        RequestError
            If the body is longer than `most` bytes or compressed, or if the memory is used up.
        """
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > most:
            raise _too_long(most)
        encoding = request.headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            raise RequestError(415, f"expected an uncompressed body, got {encoding[:40]!r}")
        parts: list[bytes] = []
        n_bytes = 0
        try:
            async for part in request.stream():
                n_bytes += len(part)
                self._n_buffered += len(part)
                if n_bytes > most:
                    raise _too_long(most)
                if self._n_buffered > self._limits.buffered:
                    raise RequestError(
                        429, "too many uploads at once. Try again later", {"Retry-After": "2"}
                    )
                parts.append(part)
            body = b"".join(parts)
            parts.clear()
            yield body
        finally:
            self._n_buffered -= n_bytes


def _too_long(most: int) -> RequestError:
    size = f"{most >> 20} MiB" if most >= 2**20 else f"{most:,} bytes"
    return RequestError(413, f"expected a body of at most {size}, got a longer one")


def split_form(body: bytes, content_type: str, most: int) -> list[Part]:
    """The parts of a body of the type multipart/form-data [1]_.

    Parameters
    ----------
    body : bytes
    content_type : str
        The header, which names the boundary between the parts.
    most : int
        The maximum number of parts.

    Raises
    ------
    RequestError
        400 if the body is malformed or ends before its last boundary, 413 if it has too many parts.

    References
    ----------
    .. [1] L. Masinter, "Returning Values from Forms: multipart/form-data", RFC 7578, 2015.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise RequestError(400, "expected multipart/form-data with a boundary, got none")
    mark = b"\r\n--" + (found[1] or found[2]).encode("ascii", "replace")
    # The first boundary has no line before it.
    body = b"\r\n" + body
    parts: list[Part] = []
    place = body.find(mark)
    while place >= 0:
        start = place + len(mark)
        if body[start : start + 2] == b"--":
            return parts
        place = body.find(mark, start)
        line = body.find(b"\r\n", start, start + _MOST_HEADER)
        head = body.find(b"\r\n\r\n", line, line + _MOST_HEADER) if line >= 0 else -1
        if place < 0 or head < 0 or head > place or body[start:line].strip(b" \t"):
            break
        if len(parts) == most:
            raise RequestError(413, f"expected at most {most:,} files, got more")
        parts.append(_part_of(body[line:head], body[head + 4 : place]))
    raise RequestError(400, "expected a body of multipart/form-data, got a malformed one")


def _part_of(header: bytes, content: bytes) -> Part:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            if value.partition(b";")[0].strip().lower() != b"form-data":
                break
            given = {key.lower(): _text_of(text) for key, text in _PARAMETER.findall(value)}
            if b"name" in given:
                return Part(given[b"name"], given.get(b"filename"), content)
    raise RequestError(400, "expected a name for each part of the form, got a part without")


def _text_of(quoted: bytes) -> str:
    """A name as browsers encode it: quotes and line breaks are percent-encoded."""
    text = re.sub(rb"\\(.)", rb"\1", quoted).decode("utf-8", "replace")
    for escaped, sign in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        text = text.replace(escaped, sign)
    return text
