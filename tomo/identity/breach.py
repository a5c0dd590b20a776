"""Asks a service whether a password is among leaked ones, without telling it the password.

Only the first five digits of its SHA-1 are sent; the service answers with the rest of all leaked ones that
begin so (k-anonymity, the range protocol of Pwned Passwords). Nothing is asked unless an address is set.
"""

from __future__ import annotations

import hashlib
import http.client
from typing import Final
from urllib.parse import urlsplit

from tomo.errors import UsageError
from tomo.identity.passwords import normal

BREACH_VARIABLE: Final = "TOMO_BREACH_URL"
_SECONDS: Final = 5.0
_MOST_BYTES: Final = 1_000_000
_PREFIX: Final = 5
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}


def times_leaked(password: str, url: str) -> int | None:
    """How often a password was found in leaks; None where the service doesn't answer as it should."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UsageError(f"`{BREACH_VARIABLE}` must begin with https://", hint="such as https://HOST/range")
    digest = hashlib.sha1(normal(password).encode(), usedforsecurity=False).hexdigest().upper()
    answer = _asked(parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{digest[:_PREFIX]}")
    if answer is None:
        return None
    for line in answer.splitlines():
        suffix, _, count = line.strip().partition(":")
        if suffix.upper() == digest[_PREFIX:]:
            return int(count) if count.isdecimal() else 1
    return 0


def _asked(scheme: str, host: str, path: str) -> str | None:
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(host, timeout=_SECONDS)
        try:
            # Padding hides from the network how many lines there are.
            connection.request("GET", path, headers={"Add-Padding": "true", "User-Agent": "tomo"})
            answer = connection.getresponse()
            text = answer.read(_MOST_BYTES)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        return None
    return text.decode("ascii", "replace") if answer.status == http.client.OK else None
