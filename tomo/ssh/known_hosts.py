"""Which host keys are trusted: the pinned ones, else those in known_hosts files. Files are only read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final

from tomo.errors import HostError, UsageError
from tomo.frozen import frozen
from tomo.ssh.hostkeys import ALGORITHMS, HostKey, parse_host_key

SYSTEM_FILES: Final = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))
CERTIFICATE: Final = "-cert-v01@openssh.com"
_SSH_PORT = 22
_HASHED_PARTS = 4


@frozen
class KnownKey:
    """A key that stands for a host, and where that is written."""

    key: HostKey
    source: str


@frozen
class Trust:
    """What may identify one host: keys, authorities that sign its certificates, and what never may."""

    name: str
    keys: tuple[KnownKey, ...] = ()
    authorities: tuple[KnownKey, ...] = ()
    revoked: tuple[KnownKey, ...] = ()
    sources: tuple[str, ...] = ()
    without_port: bool = False
    """The keys are the same host's at port 22; one that differs is unknown then, not changed."""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What to offer, so that a host with several keys shows the one that is known."""
        plain = [name for kind in self._kinds() for name in ALGORITHMS[kind]]
        every = [name for names in ALGORITHMS.values() for name in names]
        return (*([name + CERTIFICATE for name in every] if self.authorities else ()), *plain)

    def _kinds(self) -> list[str]:
        known = {known.key.kind for known in self.keys}
        return [kind for kind in ALGORITHMS if kind in known]


@frozen
class _Line:
    marker: str
    patterns: tuple[str, ...]
    key: HostKey
    source: str
    names: frozenset[str] = field(default_factory=frozenset)

    def matches(self, name: str) -> bool:
        if name in self.names:
            return True
        return _matches(self.patterns, name)


def trust(name: str, port: int, *, alias: str, pinned: Sequence[str], files: Sequence[Path]) -> Trust:
    """The keys for a host: the pinned ones alone where there are any; revoked lines count always."""
    looked_up = alias or host_name(name, port)
    lines = [line for file in files for line in _lines(file)]
    found = [line for line in lines if line.matches(looked_up)]
    revoked = tuple(_known(line) for line in found if line.marker == "@revoked")
    if pinned:
        keys = tuple(KnownKey(parse_host_key(text), "the spec's `host_key`") for text in pinned)
        return Trust(looked_up, keys, revoked=revoked, sources=("the spec",))
    without_port = False
    if not any(line.marker == "" for line in found) and not alias and port != _SSH_PORT:
        bare = [line for line in lines if line.matches(name.lower()) and line.marker != "@cert-authority"]
        found += [line for line in bare if line not in found]
        without_port = any(line.marker == "" for line in bare)
        revoked = tuple(_known(line) for line in found if line.marker == "@revoked")
    return Trust(
        looked_up,
        keys=tuple(_known(line) for line in found if not line.marker),
        authorities=tuple(_known(line) for line in found if line.marker == "@cert-authority"),
        revoked=revoked,
        sources=tuple(map(str, files)),
        without_port=without_port,
    )


def host_name(host: str, port: int) -> str:
    """A host as known_hosts writes it."""
    return host.lower() if port == _SSH_PORT else f"[{host.lower()}]:{port}"


def _known(line: _Line) -> KnownKey:
    return KnownKey(line.key, line.source)


def _lines(file: Path) -> Iterator[_Line]:
    try:
        text = file.read_text("utf-8", "replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise HostError(f"known hosts file `{file}` can't be read: {error.strerror}", host="") from error
    for number, line in enumerate(text.splitlines(), 1):
        parsed = _parsed(line.strip(), f"{file}:{number}")
        if parsed:
            yield parsed


def _parsed(line: str, source: str) -> _Line | None:
    """One line; None for a comment and for keys of types that are never negotiated."""
    if not line or line.startswith("#"):
        return None
    marker, rest = "", line
    if line.startswith("@"):
        marker, _, rest = line.partition(" ")
    patterns, _, key = rest.strip().partition(" ")
    try:
        host_key = parse_host_key(re.sub(r"\s+", " ", key.strip()))
    except UsageError:
        return None
    names = patterns.split(",")
    plain = frozenset(name.lower() for name in names if not re.match(r"[!|]|.*[*?]", name))
    return _Line(marker, tuple(names), host_key, source, frozenset() if _negated(names) else plain)


def _negated(patterns: Sequence[str]) -> bool:
    return any(pattern.startswith("!") for pattern in patterns)


def _matches(patterns: Sequence[str], name: str) -> bool:
    positive = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if _glob(pattern[1:], name):
                return False
        elif pattern.startswith("|"):
            positive = positive or _hash_matches(pattern, name)
        else:
            positive = positive or _glob(pattern, name)
    return positive


def _glob(pattern: str, name: str) -> bool:
    """OpenSSH's patterns know only `*` and `?`; brackets are part of `[host]:port`."""
    expression = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, name, re.DOTALL) is not None


def _hash_matches(pattern: str, name: str) -> bool:
    parts = pattern.split("|")
    if len(parts) != _HASHED_PARTS or parts[1] != "1":
        return False
    try:
        salt, wanted = base64.b64decode(parts[2]), base64.b64decode(parts[3])
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), wanted)
