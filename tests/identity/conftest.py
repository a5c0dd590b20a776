"""A service of leaked passwords on loopback."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from hashlib import sha1
from threading import Thread

import pytest

LEAKED = "brindle marmot quay 58"


class _Ranges(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Add-Padding"]))  # type: ignore[attr-defined]
        if self.server.broken:  # type: ignore[attr-defined]
            self.send_error(503)
            return
        rest = sha1(LEAKED.encode()).hexdigest().upper()[5:]
        body = f"{'0' * 35}:0\r\n{rest}:42\r\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def ranges() -> Iterator[http.server.HTTPServer]:
    """A service of leaked passwords on loopback."""
    server = http.server.HTTPServer(("127.0.0.1", 0), _Ranges)
    server.asked, server.broken = [], False  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
