"""The keys of a saved plan: sealed secrets, their keyed hashes, and the code that proves who made it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from tomo.errors import PlanRefused, SecretsError
from tomo.model.values import Secret
from tomo.secrets.passphrase import PassphraseManager

MARK_LENGTH: Final = 8
"""How many hex digits of a secret's keyed hash people see."""


class PlanSeals:
    """What one stack's key does for plans. The same text in the same place gives the same bytes."""

    def __init__(self, manager: PassphraseManager, state_digest: str = "") -> None:
        self._manager, self._state = manager, state_digest

    def seal(self, place: str, text: str) -> Mapping[str, str]:
        """A secret's JSON text as it stands in a plan: its ciphertext and its keyed hash."""
        ciphertext = self._manager.encrypt_for(f"{self._state}\n{place}", text)
        return {"ciphertext": ciphertext, "hash": self.hash(text)}

    def hash(self, text: str) -> str:
        """The keyed hash of a secret's JSON text, in hex: the same text has the same in all plans."""
        return self._manager.keyed_hash("plan secret", text.encode()).hex()

    def open(self, ciphertext: str) -> str:
        """The JSON text that was sealed."""
        return self._manager.decrypt(ciphertext)

    def mac(self, digest: str) -> str:
        """The code that authenticates a plan's digest."""
        return self._manager.keyed_hash("plan", digest.encode()).hex()

    def require_authentic(self, digest: str, mac: str) -> None:
        """Raises PlanRefused unless the code was made with this stack's key."""
        if not hmac.compare_digest(self.mac(digest).encode(), mac.encode()):
            raise PlanRefused(
                "the plan is not authenticated by this stack's secrets key: it was made under another one, "
                "or not by Tomo",
                hint="make a plan where the stack's config file is: `tomo plan -o FILE`",
            )


class SecretMarks:
    """Tells secrets apart for people: the first digits of their keyed hashes; `""` where that can't be."""

    def __init__(self, seals: PlanSeals | None = None, known: Mapping[str, str] | None = None) -> None:
        self._seals, self._known = seals, known or {}

    def __call__(self, secret: Secret) -> str:
        """The mark of a secret."""
        from tomo.service.plans.values import secret_text  # noqa: PLC0415  # the two need each other

        known = self._known.get(secret.ciphertext or "")
        if known is not None:
            return known[:MARK_LENGTH]
        if self._seals is None:
            return ""
        try:
            return self._seals.hash(secret_text(secret))[:MARK_LENGTH]
        except SecretsError:
            return ""
