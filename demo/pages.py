"""Fetches a page from a port that only the server itself can reach, through its sshd."""

import html
import re
import subprocess
from dataclasses import dataclass
from urllib.parse import urlsplit

from lab.hosts import Host

REDIRECTS = 3


@dataclass(frozen=True)
class Page:
    """What came back."""

    status: int
    location: str
    body: str

    @property
    def title(self) -> str:
        """The page's title, or its first line."""
        found = re.search(r"<title>(.*?)</title>", self.body, re.IGNORECASE | re.DOTALL)
        text = found.group(1) if found else self.body
        return html.unescape(next((line.strip() for line in text.splitlines() if line.strip()), ""))


def fetch(host: Host, port: int, path: str = "/") -> Page:
    """The page at the end of the redirects."""
    page = _ask(host, port, path)
    for _ in range(REDIRECTS):
        if not page.location:
            break
        page = _ask(host, port, urlsplit(page.location)._replace(scheme="", netloc="").geturl() or "/")
    return page


def _ask(host: Host, port: int, path: str) -> Page:
    request = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\n\r\n"
    argv = host.ssh_argv("-W", f"127.0.0.1:{port}")
    done = subprocess.run(argv, input=request.encode(), capture_output=True, timeout=60, check=False)
    head, _, body = done.stdout.decode(errors="replace").partition("\r\n\r\n")
    lines = head.splitlines()
    status = int(lines[0].split()[1]) if lines and lines[0].startswith("HTTP/") else 0
    location = next(
        (line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("location:")), ""
    )
    return Page(status, location, body)
