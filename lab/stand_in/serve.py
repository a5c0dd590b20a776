#!/usr/bin/python3 -IS
"""Listens on an app's ports in its place: pages that are known answer as they should, all others 404.

What it is for stands in the environment: STAND_IN_TCP and STAND_IN_UDP (ports), STAND_IN_PAGES (`401:/path`)
and STAND_IN_DATA (folders that get a marker at the first start).
"""

import os
import selectors
import signal
import socket
import sys
from pathlib import Path

MARKER = ".stand-in"


def words(name: str) -> list[str]:
    """The words of one variable."""
    return os.environ.get(name, "").split()


def mark(folders: list[str]) -> None:
    """Leaves a marker in each folder that is a mount and has none yet."""
    for folder in map(Path, folders):
        if not folder.is_mount() or (folder / MARKER).exists():
            continue
        try:
            (folder / MARKER).write_text(os.urandom(16).hex() + "\n")
        except OSError as error:
            print(f"no marker in {folder}: {error.strerror}", flush=True)


def listen(kind: int, port: int) -> socket.socket:
    """A socket that is bound to every address of the container."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))
    if kind == socket.SOCK_STREAM:
        sock.listen(64)
    return sock


def page(request: bytes, pages: dict[str, str]) -> bytes:
    """The answer to one request."""
    line = request.split(b"\r\n", 1)[0].split()
    path = line[1].split(b"?")[0].decode("latin-1") if len(line) > 1 else ""
    status, body = pages.get(path, "404"), b"{}\n"
    head = f"HTTP/1.1 {status} Here\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def answer(sock: socket.socket, pages: dict[str, str]) -> None:
    """Greets one visitor; whoever says nothing within a moment is let go."""
    line, _ = sock.accept()
    with line:
        line.settimeout(0.5)
        try:
            request = b""
            while (more := line.recv(4096)) and not (request := request + more).endswith(b"\r\n\r\n"):
                pass
            if request:
                line.sendall(page(request, pages))
        except OSError:
            pass


def echo(sock: socket.socket, _pages: dict[str, str]) -> None:
    """Sends a datagram back."""
    data, sender = sock.recvfrom(2048)
    sock.sendto(data, sender)


def main() -> None:
    """Serves until it is told to end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH):
        signal.signal(number, lambda *_: sys.exit(0))
    mark(words("STAND_IN_DATA"))
    pages = {path: status for status, path in (word.split(":", 1) for word in words("STAND_IN_PAGES"))}
    ready = selectors.DefaultSelector()
    for port in words("STAND_IN_TCP"):
        sock = listen(socket.SOCK_STREAM, int(port))
        ready.register(sock, selectors.EVENT_READ, (sock, answer))
    for port in words("STAND_IN_UDP"):
        sock = listen(socket.SOCK_DGRAM, int(port))
        ready.register(sock, selectors.EVENT_READ, (sock, echo))
    if not ready.get_map():
        while True:
            signal.pause()
    while True:
        for key, _ in ready.select():
            sock, serve = key.data
            serve(sock, pages)


main()
