"""Which requests go over a stream to Docker: method and path, read from the bytes that are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_LINE: Final = re.compile(rb"(GET|HEAD|POST|PUT|DELETE) (/[^ \r\n]*) HTTP/1\.1\r\n")
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_END: Final = b"\r\n\r\n"
_LONGEST_HEAD: Final = 64 << 10


@dataclass(slots=True)
class Requests:
    """Follows the requests of one stream. Bodies are passed over, lest something in one look like a request.

    After a body of unknown length, or bytes that are no request, it follows no further.
    """

    _head: bytes = b""
    _body: int = 0
    _lost: bool = field(default=False)

    def sent(self, data: bytes) -> Iterator[tuple[str, str]]:
        """The requests that begin in what is sent, as method and path without its query."""
        while data and not self._lost:
            if self._body:
                passed = min(self._body, len(data))
                self._body -= passed
                data = data[passed:]
                continue
            self._head += data
            head, end, data = self._head.partition(_END)
            if not end:
                self._lost = len(self._head) > _LONGEST_HEAD
                return
            self._head = b""
            yield from self._begun(head + _END)

    def _begun(self, head: bytes) -> Iterator[tuple[str, str]]:
        line = _LINE.match(head)
        if line is None:
            self._lost = True
            return
        length = _LENGTH.search(head)
        self._body = int(length[1]) if length else 0
        self._lost = _CHUNKED.search(head) is not None
        yield line[1].decode(), line[2].decode("ascii", "replace").partition("?")[0]
