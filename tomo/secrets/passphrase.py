"""Pulumi's passphrase secrets: PBKDF2 and AES-256-GCM in its text forms (engine-spec 4.3)."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Final

from tomo.errors import PassphraseWrong, SecretsError, TomoError
from tomo.frozen import frozen

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION: Final = "v1"
_SALT_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_ITERATIONS: Final = 1_000_000
_CHECK_WORD: Final = "pulumi"


class PassphraseManager:
    """Seals and opens texts under one salt; the key is derived once, when first needed.

    Its methods may be called from any thread.
    """

    def __init__(self, salt_text: str, passphrase: Callable[[], str]) -> None:
        self.salt = salt_text
        self._salt_bytes, self._check = _split_salt(salt_text)
        self._passphrase = passphrase
        self._lock = threading.Lock()
        self._key: _Key | None = None

    @classmethod
    def create(cls, passphrase: Callable[[], str]) -> PassphraseManager:
        """A manager with a new random salt."""
        salt = secrets.token_bytes(_SALT_BYTES)
        key = _derive(passphrase(), salt)
        check = _encrypt(key, _CHECK_WORD, secrets.token_bytes(_NONCE_BYTES))
        manager = cls(f"{_VERSION}:{_b64(salt)}:{check}", passphrase)
        manager._key = key
        return manager

    def prepare(self) -> None:
        """Begins to derive the key in the background; only where the passphrase needs no prompt.

        A wrong passphrase is reported by the first call that needs the key.
        """
        if self._key is None:
            threading.Thread(target=self._derive_quietly, name="tomo-passphrase", daemon=True).start()

    def verify(self) -> None:
        """Raises PassphraseWrong unless the passphrase belongs to the salt."""
        self._ready_key()

    def encrypt(self, text: str) -> str:
        """The text, sealed: `v1:<nonce>:<ciphertext>`."""
        return _encrypt(self._ready_key(), text, secrets.token_bytes(_NONCE_BYTES))

    def encrypt_for(self, place: str, text: str) -> str:
        """The text, sealed so that the same text in the same place gives the same ciphertext.

        Its nonce is a keyed hash of both: two texts, or two places, never share one.
        """
        mixed = self.keyed_hash("nonce", f"{len(place)}:{place}{text}".encode())
        return _encrypt(self._ready_key(), text, mixed[:_NONCE_BYTES])

    def keyed_hash(self, purpose: str, content: bytes) -> bytes:
        """A hash (HMAC-SHA256) that only the stack's key can make; differs from purpose to purpose."""
        own = hmac.digest(self._ready_key().raw, f"tomo/{purpose}".encode(), "sha256")
        return hmac.digest(own, content, "sha256")

    def decrypt(self, ciphertext: str) -> str:
        """The text that was sealed; raises SecretsError where it is damaged or another stack's."""
        return _decrypt(self._ready_key(), ciphertext)

    def _derive_quietly(self) -> None:
        with contextlib.suppress(TomoError):
            self._ready_key()

    def _ready_key(self) -> _Key:
        with self._lock:
            if self._key is None:
                key = _derive(self._passphrase(), self._salt_bytes)
                _check_word(key, self._check)
                self._key = key
            return self._key


class PassphraseManagers:
    """One manager per salt: a state and its config file may have different ones, under one passphrase."""

    def __init__(self, passphrase: Callable[[], str]) -> None:
        self._passphrase = passphrase
        self._lock = threading.Lock()
        self._by_salt: dict[str, PassphraseManager] = {}

    def for_salt(self, salt_text: str) -> PassphraseManager:
        """The manager of a salt; always the same one, so that its key is derived once."""
        with self._lock:
            manager = self._by_salt.get(salt_text)
            if manager is None:
                manager = self._by_salt[salt_text] = PassphraseManager(salt_text, self._passphrase)
            return manager

    def create(self) -> PassphraseManager:
        """The manager of a new random salt."""
        manager = PassphraseManager.create(self._passphrase)
        with self._lock:
            return self._by_salt.setdefault(manager.salt, manager)


def _split_salt(text: str) -> tuple[bytes, str]:
    version, _, rest = text.partition(":")
    salt, _, check = rest.partition(":")
    if version != _VERSION or not salt or check.count(":") != 2:  # noqa: PLR2004  # three parts
        raise SecretsError(
            "the stack's salt is not in the form that Pulumi writes",
            hint="restore `encryptionsalt` in Pulumi.<stack>.yaml from your git history",
        )
    return _unb64(salt), check


@frozen
class _Key:
    """A derived key and the cipher over it."""

    raw: bytes = field(repr=False)
    cipher: AESGCM = field(repr=False)


def _derive(passphrase: str, salt: bytes) -> _Key:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  # 30 ms, rarely needed

    # Bytes that aren't UTF-8 come out of the environment as surrogates; Pulumi hashes the bytes.
    secret = passphrase.encode("utf-8", "surrogateescape")
    raw = hashlib.pbkdf2_hmac("sha256", secret, salt, _ITERATIONS, _KEY_BYTES)
    return _Key(raw, AESGCM(raw))


def _check_word(key: _Key, check: str) -> None:
    try:
        right = _decrypt(key, check) == _CHECK_WORD
    except SecretsError:
        right = False
    if not right:
        raise PassphraseWrong(
            "the passphrase does not open this stack's secrets",
            hint="set TOMO_PASSPHRASE or TOMO_PASSPHRASE_FILE to the one the stack was made with",
        )


def _encrypt(key: _Key, text: str, nonce: bytes) -> str:
    return f"{_VERSION}:{_b64(nonce)}:{_b64(key.cipher.encrypt(nonce, text.encode(), None))}"


def _decrypt(key: _Key, ciphertext: str) -> str:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # loaded with the cipher

    version, _, rest = ciphertext.partition(":")
    nonce, _, sealed = rest.partition(":")
    if version != _VERSION or not sealed:
        raise SecretsError("a stored secret is not in the form that Pulumi writes")
    try:
        return key.cipher.decrypt(_unb64(nonce), _unb64(sealed), None).decode()
    except (InvalidTag, ValueError) as error:
        raise SecretsError(
            "a stored secret is damaged, or was sealed for another stack",
            hint="one of the config: `tomo secret set NAME` sets it again; one of the state: "
            "`tomo state import FILE` puts a backup in its place",
        ) from error


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise SecretsError("a stored secret or salt is not in the form that Pulumi writes") from error
