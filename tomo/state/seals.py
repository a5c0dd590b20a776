"""Opens and seals the secrets of a state under one salt."""

from __future__ import annotations

from typing import Final

import orjson

from tomo.errors import NotSupported, PassphraseMissing, StateCorrupt
from tomo.model.values import Value
from tomo.secrets.passphrase import PassphraseManager

PASSPHRASE_PROVIDER: Final = "passphrase"  # noqa: S105  # a name of the format


class Seals:
    """Ciphertexts of a state hold the JSON text of a value; those read under this salt are known.

    A ciphertext of a config file holds a raw text, and one of another salt another key's work: neither
    is known here, so neither is ever written into a state as it stands.
    """

    def __init__(self, manager: PassphraseManager) -> None:
        self.manager = manager
        self._known: set[str] = set()

    @property
    def salt(self) -> str:
        """The salt, as the state's `secrets_providers` records it."""
        return self.manager.salt

    @property
    def in_use(self) -> bool:
        """Whether the state that was read holds a secret at all."""
        return bool(self._known)

    def adopt(self, ciphertext: str) -> None:
        """Remembers a ciphertext as this state's own, to be written back unchanged."""
        self._known.add(ciphertext)

    def knows(self, ciphertext: str) -> bool:
        """Whether the ciphertext was read from a state under this salt."""
        return ciphertext in self._known

    def seal(self, json_text: str) -> str:
        """A new ciphertext of a value's JSON text."""
        return self.manager.encrypt(json_text)

    def open(self, ciphertext: str) -> object:
        """The parsed JSON that a ciphertext holds."""
        return parse_secret(self.manager.decrypt(ciphertext))


def parse_secret(json_text: str) -> object:
    """The parsed JSON text of a secret; a failure never shows the text."""
    try:
        return orjson.loads(json_text)
    except orjson.JSONDecodeError:
        # The decoder's error quotes the document: it must not be chained to ours.
        raise StateCorrupt(
            "a secret of the state is not a JSON text", hint="restore the state from a backup"
        ) from None


def provider_state(seals: Seals | None) -> dict[str, Value] | None:
    """The checkpoint's `secrets_providers`."""
    if seals is None:
        return None
    return {"type": PASSPHRASE_PROVIDER, "state": {"salt": seals.salt}}


def salt_of(provider: object) -> str:
    """The salt in a checkpoint's `secrets_providers`; `""` where it has none."""
    if not isinstance(provider, dict) or not provider.get("type"):
        return ""
    if provider["type"] != PASSPHRASE_PROVIDER:
        raise NotSupported(
            f"secrets of this stack are kept by `{provider['type']}`, which is not supported",
            hint="run `pulumi stack change-secrets-provider passphrase` first",
        )
    state = provider.get("state")
    salt = state.get("salt") if isinstance(state, dict) else None
    if not isinstance(salt, str) or not salt:
        raise StateCorrupt("the state's `secrets_providers` has no salt", hint="restore it from a backup")
    return salt


def no_seals() -> PassphraseMissing:
    """The error of a secret that has no salt to be sealed or opened under."""
    return PassphraseMissing(
        "the stack holds secrets and has no salt", hint="run `tomo secret set` once, it makes one"
    )
