"""Logging in: which credentials are offered, in which order, and what is said when none is taken."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from paramiko import (
    AuthenticationException,
    BadAuthenticationType,
    ECDSAKey,
    Ed25519Key,
    PKey,
    RSAKey,
    SSHException,
    Transport,
)
from paramiko.agent import AgentSSH

from tomo.errors import HostError, LoginRefused
from tomo.model.values import Secret
from tomo.ssh.config import Endpoint

AskPassphrase: TypeAlias = Callable[[str], str | None]
"""Asks a person for a key file's passphrase; None means they have none to give."""

_CLASSES: Final = (
    (ed25519.Ed25519PrivateKey, Ed25519Key),
    (ec.EllipticCurvePrivateKey, ECDSAKey),
    (rsa.RSAPrivateKey, RSAKey),
)


class PassphraseNeeded(Exception):
    """The private key is encrypted and no passphrase is at hand."""


class BadPrivateKey(Exception):
    """The text is no private key, or the passphrase does not open it; the message says which."""


@dataclass(slots=True)
class _Login:
    """One login under way: what was tried, and what the server would still take."""

    transport: Transport
    endpoint: Endpoint
    ask: AskPassphrase | None
    tried: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()
    done: bool = False

    def offer(self, what: str, attempt: Callable[[], list[str]], method: str) -> None:
        """Tries one credential; a second factor that the server then asks for is the next one's turn."""
        if self.done or (self.allowed and method not in self.allowed):
            return
        try:
            more = attempt()
        except BadAuthenticationType as error:
            self.allowed = tuple(error.allowed_types)
            self.tried.append(f"{what} (the server takes {', '.join(self.allowed)} only)")
        except (SSHException, OSError) as error:
            self.tried.append(what)
            if not self.transport.is_active():
                raise self.refused("the server ended the connection after that") from error
            if not isinstance(error, AuthenticationException):
                self.tried[-1] = f"{what} ({error})"
        else:
            self.done = not more
            self.allowed = tuple(more)
            if more:
                self.tried.append(f"{what} (accepted, the server also asks for {', '.join(more)})")

    def key(self, what: str, key: PKey) -> None:
        self.offer(what, lambda: list(self.transport.auth_publickey(self.endpoint.user, key)), "publickey")

    def refused(self, because: str = "") -> LoginRefused:
        """The error for a login that got nowhere."""
        tried = "; ".join(self.tried) or "nothing: no key file, agent key or password was found"
        label, user = self.endpoint.spec.label, self.endpoint.user
        return LoginRefused(
            f"`{label}` refused the login of `{user}`; tried {tried}{f'; {because}' if because else ''}",
            host=label,
            hint=f"Try `ssh {self.endpoint.login}`; `ssh-copy-id {self.endpoint.login}` installs a key, "
            "`--identity FILE` names another one",
        )


def log_in(transport: Transport, endpoint: Endpoint, ask: AskPassphrase | None) -> None:
    """Logs in or raises LoginRefused. Credentials that the spec names are the only ones tried then."""
    login = _Login(transport, endpoint, ask)
    agent = _Agent.reach(endpoint.agent_socket)
    try:
        if _names_credentials(endpoint):
            _offer_named(login, agent)
        else:
            _offer_found(login, agent)
    finally:
        agent.close()
    if not login.done:
        raise login.refused()


def load_key(text: bytes, passphrase: str | None) -> PKey:
    """A private key from its file's text: OpenSSH, legacy PEM or PKCS#8, encrypted or not."""
    loaded = _decrypted(text, passphrase)
    plain = loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    for kind, key_class in _CLASSES:
        if isinstance(loaded, kind):
            return key_class.from_private_key(io.StringIO(plain.decode()))
    raise BadPrivateKey("it is of a type that SSH does not take")


def _decrypted(text: bytes, passphrase: str | None) -> Any:
    password = passphrase.encode() if passphrase else None
    openssh = b"BEGIN OPENSSH PRIVATE KEY" in text
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        return load(text, password)
    except TypeError as error:
        if password is None:
            raise PassphraseNeeded from error
        return _decrypted(text, None)
    except (ValueError, UnsupportedAlgorithm) as error:
        wrong = "the passphrase does not open it" if password else "it is no private key"
        raise BadPrivateKey(wrong) from error


def _names_credentials(endpoint: Endpoint) -> bool:
    spec = endpoint.spec
    return bool(spec.private_key or spec.identity or spec.agent_socket) or spec.password is not None


def _offer_named(login: _Login, agent: _Agent) -> None:
    spec = login.endpoint.spec
    if spec.private_key is not None:
        login.key("the private key of the spec", _explicit_key(login, _revealed(spec.private_key).encode()))
    if spec.identity:
        path = login.endpoint.identities[0]
        held = agent.holding(path)
        key = held or _explicit_key(login, _read(login, path), path)
        login.key(f"key `{path}`{' in the agent' if held else ''}", key)
    if spec.agent_socket:
        if agent.problem:
            login.tried.append(agent.problem)
        for what, key in agent.named_keys():
            login.key(what, key)
    if spec.password is not None:
        _offer_password(login, _revealed(spec.password))


def _offer_found(login: _Login, agent: _Agent) -> None:
    """As OpenSSH does it: the agent's keys, those of identity files first, then the files themselves."""
    files = login.endpoint.identities
    held = {path: key for path in files if (key := agent.holding(path))}
    for path, key in held.items():
        login.key(f"key `{path}` in the agent", key)
    if not login.endpoint.identities_only:
        for what, key in agent.named_keys():
            if not any(key is other for other in held.values()):
                login.key(what, key)
    for path in files:
        if path not in held and not login.done and path.exists():
            _offer_file(login, path)


def _offer_file(login: _Login, path: Path) -> None:
    try:
        text = path.read_bytes()
        key = _with_certificate(_unlocked(login, text, path), path)
    except PassphraseNeeded:
        login.tried.append(f"key `{path}` (left out: it needs a passphrase; `ssh-add {path}` gives it)")
    except (OSError, BadPrivateKey) as error:
        login.tried.append(f"key `{path}` (left out: {error})")
    else:
        login.key(f"key `{path}`", key)


def _offer_password(login: _Login, password: str) -> None:
    user, transport = login.endpoint.user, login.transport

    def answer(_title: str, _text: str, prompts: list[tuple[str, bool]]) -> list[str]:
        return [password for _ in prompts]

    login.offer("password", lambda: list(transport.auth_password(user, password, fallback=False)), "password")
    if not login.done:
        login.offer(
            "password (keyboard-interactive)",
            lambda: list(transport.auth_interactive(user, answer)),
            "keyboard-interactive",
        )


def _unlocked(login: _Login, text: bytes, path: Path) -> PKey:
    """The key of a file; its passphrase comes from the spec, then from the person."""
    password = login.endpoint.spec.private_key_password
    try:
        return load_key(text, _revealed(password) if password is not None else None)
    except PassphraseNeeded:
        typed = login.ask(str(path)) if login.ask else None
        if typed is None:
            raise
        return load_key(text, typed)


def _explicit_key(login: _Login, text: bytes, path: Path | None = None) -> PKey:
    """A key that the spec names: one that can't be used ends the login here."""
    what = f"key `{path}`" if path else "the private key of the spec"
    try:
        return _with_certificate(_unlocked(login, text, path or Path("private_key")), path)
    except PassphraseNeeded as error:
        how = f"`ssh-add {path}` gives it to the agent" if path else "Set `private_key_password`"
        raise _unusable(login, f"{what} needs a passphrase", how) from error
    except BadPrivateKey as error:
        how = f"Check it with `ssh-keygen -yf {path}`" if path else "Give the PEM text of a private key"
        raise _unusable(login, f"{what} can't be used: {error}", how) from error


def _read(login: _Login, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        why = f"key `{path}` can't be read: {error.strerror}"
        raise _unusable(login, why, "Name a key file that exists") from error


def _unusable(login: _Login, why: str, hint: str) -> LoginRefused:
    label = login.endpoint.spec.label
    return LoginRefused(f"no login to `{label}`: {why}", host=label, hint=hint)


def _with_certificate(key: PKey, path: Path | None) -> PKey:
    """The key with the certificate that lies beside its file, if one does."""
    beside = Path(f"{path}-cert.pub") if path else None
    if beside and beside.exists():
        try:
            key.load_certificate(str(beside))
        except (SSHException, ValueError, OSError) as error:
            raise BadPrivateKey(f"its certificate `{beside}` is not valid") from error
    return key


def _revealed(secret: Secret) -> str:
    value = secret.reveal()
    if not isinstance(value, str):
        raise HostError("a credential must be text", host="")
    return value


class _Agent(AgentSSH):
    """An ssh-agent at a socket path; without one it holds no keys."""

    problem = ""

    @classmethod
    def reach(cls, path: str | None) -> _Agent:
        agent = cls()
        if path:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.settimeout(30)
                connection.connect(path)
                agent._connect(connection)  # type: ignore[attr-defined]  # not in the stubs
            except (OSError, SSHException) as error:
                connection.close()
                agent.problem = f"agent `{path}` (does not answer: {error})"
        return agent

    def close(self) -> None:
        self._close()  # type: ignore[attr-defined]  # not in the stubs

    def named_keys(self) -> Iterator[tuple[str, PKey]]:
        for key in self.get_keys():
            yield f"agent key `{key.comment or key.fingerprint}`", key

    def holding(self, path: Path) -> PKey | None:
        """The agent's key of a key file, by the public half beside it."""
        try:
            public = Path(f"{path}.pub").read_text("utf-8", "replace").split()
        except OSError:
            return None
        wanted = public[1] if len(public) > 1 else ""
        return next((key for key in self.get_keys() if key.get_base64() == wanted), None)
