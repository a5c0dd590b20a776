"""Addresses in a fleet file: host names, mirrors, and what a server's proxy is called and listens on."""

# Annotations are values here: as texts pydantic would compile each of them at every start.
import re
from typing import Annotated, Final

from pydantic import AfterValidator

from tomo.spec.base import Word, mistake
from tomo.spec.shown import shown

PROXY: Final = "tomo-proxy"
"""What the proxy's container and the network that it shares with the apps are called on a server."""
HTTP_PORT, HTTPS_PORT = 80, 443

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOSTNAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_HOSTNAME: Final = 253


def _hostname(text: str) -> str:
    name = text.lower()
    if "*" in name:
        raise mistake(f"`{shown(text)}` stands for many names", "write each name, such as `wiki.example.org`")
    if "://" in name or "/" in name or ":" in name:
        raise mistake(
            f"`{shown(text)}` is not a host name", "write the name alone, such as `wiki.example.org`"
        )
    numbers = all(part.isdigit() for part in name.split("."))
    if numbers or len(name) > _LONGEST_HOSTNAME or not _HOSTNAME.fullmatch(name):
        raise mistake(f"`{shown(text)}` is not a host name", "such as `wiki.example.org`")
    return name


def _mirror(text: str) -> str:
    if "@" in (text.partition("://")[2] or text).partition("/")[0]:
        # Docker refuses it too, and what stands before `@` may be a password: it is not repeated.
        raise mistake("a mirror's address holds a login, which Docker takes from nobody", "leave it out")
    if not text.startswith(("http://", "https://")):
        raise mistake(f"`{shown(text)}` is not a mirror's address", f"write `https://{shown(text)}`")
    return text


Hostname = Annotated[Word, AfterValidator(_hostname)]
"""A name that people type; in small letters."""
Mirror = Annotated[Word, AfterValidator(_mirror)]
"""A mirror's address, with `http://` or `https://`."""
