"""From a spec to a connection whose host is verified and which is logged in, in this order."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import SSHCertificate, SSHCertificateType
from cryptography.hazmat.primitives.serialization.ssh import load_ssh_public_identity
from paramiko import SSHException
from paramiko.ssh_exception import IncompatiblePeer

from tomo.errors import HostError, HostKeyChanged, HostKeyError, HostKeyUnknown, HostUnreachable
from tomo.model.connection import HostSpec
from tomo.settings import Settings
from tomo.ssh.config import Endpoint, resolve
from tomo.ssh.hostkeys import ALGORITHMS, HostKey
from tomo.ssh.known_hosts import CERTIFICATE, Trust, host_name
from tomo.ssh.link import Links
from tomo.ssh.login import AskPassphrase, log_in
from tomo.ssh.transport import SshTransport

_GREETING_PAUSES: Final = (0.1, 0.3, 0.8, 0.0)
"""sshd drops connections beyond MaxStartups before its greeting; such a one is dialled again."""


def connect(spec: HostSpec, settings: Settings, links: Links, ask: AskPassphrase | None) -> SshTransport:
    """Dials, checks the host key, then logs in; raises HostError's family only."""
    endpoint = resolve(spec, settings)
    trusted = endpoint.trusted()
    transport = _negotiated(endpoint, links, trusted)
    try:
        _check_host_key(transport, endpoint, trusted)
        log_in(transport, endpoint, ask)
    except BaseException:
        transport.end()
        raise
    if endpoint.alive_interval:
        transport.set_keepalive(endpoint.alive_interval)
    return transport


def scan_keys(spec: HostSpec, settings: Settings, links: Links | None) -> list[HostKey]:
    """Every host key: one handshake for each type that the host offers, none with a login."""
    endpoint = resolve(spec, settings)
    first = _handshake(endpoint, links, ())
    offered, keys = first.offered, [_shown_key(first)]
    first.end()
    for kind, algorithms in ALGORITHMS.items():
        if kind != keys[0].kind and offered.intersection(algorithms):
            transport = _handshake(endpoint, links, algorithms)
            keys.append(_shown_key(transport))
            transport.end()
    return sorted(keys, key=lambda key: list(ALGORITHMS).index(key.kind))


def _negotiated(endpoint: Endpoint, links: Links, trusted: Trust) -> SshTransport:
    """A handshake for the known key types; a host that has none of them shows what it has instead."""
    try:
        return _handshake(endpoint, links, trusted.algorithms)
    except IncompatiblePeer as error:
        if not trusted.keys:
            raise _unreachable(endpoint, f"has no algorithm in common with Tomo ({error})") from error
    try:
        return _handshake(endpoint, links, ())
    except IncompatiblePeer as error:
        raise _unreachable(endpoint, f"has no algorithm in common with Tomo ({error})") from error


def _handshake(endpoint: Endpoint, links: Links | None, algorithms: tuple[str, ...]) -> SshTransport:
    """Connects and agrees on keys; dials again where sshd hangs up before its greeting."""
    for pause in _GREETING_PAUSES:
        sock = _road(endpoint, links)
        transport = SshTransport(sock, algorithms)
        try:
            transport.negotiate(endpoint.timeout)
        except IncompatiblePeer:
            transport.end()
            raise
        except TimeoutError as error:
            transport.end()
            raise _unreachable(endpoint, f"gave no SSH answer in {endpoint.timeout:g} s") from error
        except (SSHException, OSError, EOFError) as error:
            transport.end()
            greeted = bool(transport.remote_version)
            if greeted or not pause:
                raise _unreachable(endpoint, _broken_handshake(error, greeted=greeted)) from error
            time.sleep(pause)
        else:
            return transport
    raise AssertionError("the last pause is zero")


def _broken_handshake(error: BaseException, *, greeted: bool) -> str:
    if greeted:
        return f"broke off the SSH handshake ({error or type(error).__name__})"
    return "closed the connection before an SSH greeting (is it an SSH port? is sshd's MaxStartups too low?)"


def _road(endpoint: Endpoint, links: Links | None) -> Any:
    """The byte stream to sshd: a socket of our own, or a channel through the jump host."""
    if endpoint.jump is None:
        return _tcp(endpoint)
    if links is None:
        raise HostError(
            f"`{endpoint.spec.label}` is behind a jump host, which needs a login",
            host=endpoint.spec.label,
            hint="Pin the key with `--host-key`",
        )
    through = links.link(endpoint.jump)
    return through.open_tcp(endpoint.address, endpoint.port, timeout=endpoint.timeout)


def _tcp(endpoint: Endpoint) -> socket.socket:
    deadline = time.monotonic() + endpoint.timeout
    last: OSError | None = None
    for family, kind, protocol, _, address in _addresses(endpoint):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(0.1, deadline - time.monotonic()))
            sock.connect(address)
        except OSError as error:
            sock.close()
            last = error
            continue
        _tune(sock, endpoint)
        return sock
    raise _unreachable(endpoint, _why(last, endpoint)) from last


def _addresses(endpoint: Endpoint) -> list[Any]:
    try:
        return socket.getaddrinfo(endpoint.address, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _unreachable(endpoint, "is no host name that can be looked up") from error


def _tune(sock: socket.socket, endpoint: Endpoint) -> None:
    """Without TCP_NODELAY every command waits 40 ms; with keepalive a dead peer is noticed in a minute."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    interval = endpoint.alive_interval or 15
    for option, value in (
        ("TCP_KEEPIDLE", interval), ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000),
    ):  # fmt: skip
        if hasattr(socket, option):
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _why(error: OSError | None, endpoint: Endpoint) -> str:
    if isinstance(error, TimeoutError):
        return f"did not answer in {endpoint.timeout:g} s"
    match error.errno if error else None:
        case errno.ECONNREFUSED:
            return "refused the connection"
        case errno.EHOSTUNREACH | errno.ENETUNREACH:
            return "can't be reached: no route"
        case _:
            return f"can't be reached: {error.strerror if error else 'it has no address'}"


def _unreachable(endpoint: Endpoint, why: str) -> HostUnreachable:
    label = endpoint.spec.label
    place = f"{endpoint.address}:{endpoint.port}"
    shown = f"`{label}`" if label == endpoint.address else f"`{label}` ({place})"
    port = "" if label != endpoint.address else f" at port {endpoint.port}"
    return HostUnreachable(
        f"{shown} {why}{port if why.startswith('refused') else ''}",
        host=label,
        hint=f"Is the machine up, and are address and port right? Try `ssh {endpoint.login}`",
    )


def _shown_key(transport: SshTransport) -> HostKey:
    key = transport.get_remote_server_key()
    return HostKey(key.get_name().removesuffix(CERTIFICATE), key.asbytes())


def _check_host_key(transport: SshTransport, endpoint: Endpoint, trusted: Trust) -> None:
    shown = _shown_key(transport)
    for revoked in trusted.revoked:
        if revoked.key == shown:
            raise _revoked(endpoint, shown, revoked.source)
    if any(known.key == shown for known in trusted.keys):
        return
    if _has_valid_certificate(transport, endpoint, trusted):
        return
    if not trusted.keys or trusted.without_port:
        raise _unknown(endpoint, shown, trusted)
    raise _changed(endpoint, shown, trusted)


def _has_valid_certificate(transport: SshTransport, endpoint: Endpoint, trusted: Trust) -> bool:
    public = getattr(transport.get_remote_server_key(), "public_blob", None)
    if public is None or not trusted.authorities:
        return False
    body = HostKey(public.key_type, public.key_blob)
    certificate = load_ssh_public_identity(body.text.encode())
    if not isinstance(certificate, SSHCertificate):
        return False
    authority = certificate.signature_key().public_bytes(*_openssh_format()).decode()
    for revoked in trusted.revoked:
        if revoked.key.text == authority:
            raise _revoked(endpoint, revoked.key, revoked.source)
    if authority not in {known.key.text for known in trusted.authorities}:
        return False
    try:
        certificate.verify_cert_signature()
    except InvalidSignature:
        return False
    problem = _certificate_problem(certificate, endpoint)
    if problem:
        raise HostKeyError(
            f"`{endpoint.spec.label}` shows a host certificate that does not count: {problem}; "
            "no credential was sent",
            host=endpoint.spec.label,
            hint="Have the host's certificate issued anew, or pin its key with `--host-key`",
        )
    return True


def _openssh_format() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    return Encoding.OpenSSH, PublicFormat.OpenSSH


def _certificate_problem(certificate: SSHCertificate, endpoint: Endpoint) -> str:
    name = endpoint.host_key_alias or endpoint.address.lower()
    if certificate.type is not SSHCertificateType.HOST:
        return "it is a user's certificate"
    if name.encode() not in certificate.valid_principals:
        return f"it is not for `{name}`"
    if not certificate.valid_after <= time.time() < certificate.valid_before:
        return "it is not valid at this time"
    return "it has critical options" if certificate.critical_options else ""


def _unknown(endpoint: Endpoint, shown: HostKey, trusted: Trust) -> HostKeyUnknown:
    label, place = endpoint.spec.label, host_name(endpoint.address, endpoint.port)
    return HostKeyUnknown(
        f"the host key of `{label}` is not known: {place} shows {shown.kind} {shown.fingerprint}; "
        "no credential was sent",
        host=label,
        hint=f"Compare it with `ssh-keygen -lf /etc/ssh/{_key_file(shown)}` on the host itself, "
        f"then run `tomo server add {_name(endpoint)} {_address(endpoint)}` or pin it with `--host-key`",
        detail=f"Looked for `{trusted.name}` in {', '.join(trusted.sources)}",
    )


def _changed(endpoint: Endpoint, shown: HostKey, trusted: Trust) -> HostKeyChanged:
    label = endpoint.spec.label
    pinned = "; ".join(
        f"{known.key.kind} {known.key.fingerprint} from {known.source}" for known in trusted.keys
    )
    return HostKeyChanged(
        f"`{label}` shows another host key than the known one: {shown.kind} {shown.fingerprint} "
        f"instead of {pinned}; no credential was sent",
        host=label,
        hint="Someone may be in between. If the machine was reinstalled, check the new fingerprint on its "
        f"console, then run `tomo server add {_name(endpoint)} {_address(endpoint)} --replace-key "
        f"--host-key '{shown.kind} …'`",
    )


def _revoked(endpoint: Endpoint, key: HostKey, source: str) -> HostKeyError:
    return HostKeyError(
        f"`{endpoint.spec.label}` shows a revoked host key: {key.kind} {key.fingerprint}, "
        f"revoked in {source}; no credential was sent",
        host=endpoint.spec.label,
        hint="Give the host new keys: `ssh-keygen -A` after removing /etc/ssh/ssh_host_*",
    )


def _key_file(key: HostKey) -> str:
    kind = {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa"}.get(key.kind, "ecdsa")
    return f"ssh_host_{kind}_key.pub"


def _name(endpoint: Endpoint) -> str:
    return endpoint.spec.name or "NAME"


def _address(endpoint: Endpoint) -> str:
    return f"{endpoint.user}@{host_name(endpoint.address, endpoint.port).replace('[', '').replace(']', '')}"
