#!/usr/bin/python3 -IS
"""Plays any program of a health check: asks the page or port in its arguments, else the app's first port."""

import os
import re
import socket
import sys
from pathlib import Path

FINE = range(200, 400)


def fetch(host: str, port: int, path: str) -> int:
    """The status of one page."""
    with socket.create_connection((host, port), timeout=4) as line:
        line.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        head = line.recv(64).split()
    return int(head[1]) if len(head) > 1 else 0


def asked(arguments: list[str]) -> int:
    """The exit code."""
    text = " ".join(arguments)
    if url := re.search(r"http://([\w.-]+)(?::(\d+))?(/[^\s'\"?)]*)?", text):
        status = fetch(url[1], int(url[2] or 80), url[3] or "/")
        if "%{http_code}" in text:
            print(status)
        return 0 if status in FINE else 22
    own = os.environ.get("STAND_IN_TCP", "").split()
    named = re.search(r"(?:localhost|127\.0\.0\.1)[ :](\d+)", text)
    for port in [named[1]] if named else own[:1]:
        socket.create_connection(("127.0.0.1", int(port)), timeout=4).close()
    if Path(sys.argv[0]).name == "wg":
        print("interface: wg0")
    return 0


try:
    sys.exit(asked(sys.argv[1:]))
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
