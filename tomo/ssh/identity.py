"""Who a host is, as far as this machine can tell without dialling it."""

from __future__ import annotations

from collections.abc import Iterator

from tomo.model.connection import LOCAL, HostSpec
from tomo.model.saved_plan import HostIdentity
from tomo.settings import Settings
from tomo.ssh.config import resolve
from tomo.ssh.known_hosts import Trust


def identities(spec: HostSpec, settings: Settings) -> Iterator[HostIdentity]:
    """The host of a spec and the jump hosts before it, with the keys that are trusted for each."""
    if spec.host == LOCAL.host:
        yield HostIdentity(spec.label, LOCAL.host)
        return
    endpoint = resolve(spec, settings)
    trusted = endpoint.trusted()
    yield HostIdentity(spec.label, endpoint.address, endpoint.port, endpoint.user, _keys(trusted))
    if endpoint.jump is not None:
        yield from identities(endpoint.jump, settings)


def _keys(trusted: Trust) -> tuple[str, ...]:
    plain = {known.key.fingerprint for known in trusted.keys}
    authorities = {f"@cert-authority {known.key.fingerprint}" for known in trusted.authorities}
    revoked = {f"@revoked {known.key.fingerprint}" for known in trusted.revoked}
    return tuple(sorted(plain | authorities | revoked))
