"""Decoding: a body with at most one content encoding, and a limit on its decoded size.

A few kilobytes can be decoded to gigabytes. This module performs no I/O.

https://www.rfc-editor.org/rfc/rfc9110.html#name-content-encoding
"""

from __future__ import annotations

import zlib

from .redactor import shorten

GZIP = frozenset({"gzip", "x-gzip"})
GZIP_FORMAT = 16 + zlib.MAX_WBITS  # zlib's number for it


class Exceeded(ValueError):  # noqa: N818
    """The decoded body exceeds the limit."""


class Decoder:
    """Decodes a body, part by part.

    Args:
        encoding: The value of `Content-Encoding`; empty for none.
        limit: The bytes that the decoded body may have.

    Raises:
        ValueError: The encoding is not gzip.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        encoding = encoding.strip().lower()
        if encoding not in GZIP | {"", "identity"}:
            raise ValueError(f"the encoding {shorten(encoding, 100)!r} was not requested")
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._gzip = zlib.decompressobj(GZIP_FORMAT) if encoding in GZIP else None

    def feed(self, part: bytes) -> None:
        """Decode a part of the body.

        Raises:
            Exceeded: The body exceeds the limit.
            ValueError: The part is not gzip.
        """
        if self._gzip is None:
            self._keep(part)
            return
        while part:
            if self._gzip.eof:  # another member follows
                self._gzip = zlib.decompressobj(GZIP_FORMAT)
            try:
                # One byte more than permitted shows that the limit is exceeded.
                self._keep(self._gzip.decompress(part, self._limit - self._size + 1))
            except zlib.error:
                raise ValueError("the body is not gzip, as Content-Encoding announces") from None
            part = self._gzip.unused_data

    def result(self) -> bytes:
        """Return the decoded body.

        Raises:
            ValueError: The body ends too early.
        """
        if self._gzip is not None and self._parts and not self._gzip.eof:
            raise ValueError("the body ends within gzip")
        return b"".join(self._parts)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            raise Exceeded(f"the body exceeds {self._limit} bytes")
        self._parts.append(part)
