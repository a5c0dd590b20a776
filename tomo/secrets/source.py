"""Where the stack's passphrase comes from. There is no built-in one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from tomo.errors import PassphraseMissing
from tomo.settings import Settings

KEYRING_SERVICE: Final = "tomo"

KeyringLookup: TypeAlias = Callable[[str, str], str | None]
"""The password of a service and user; None where there is none."""


def find_passphrase(
    settings: Settings,
    *,
    stack: str,
    ask: Callable[[str], str] | None = None,
    keyring: KeyringLookup | None = None,
) -> Callable[[], str]:
    """A function that gives the passphrase, looking for it once, when first called.

    Order: environment, file, the system's keyring (service `tomo`, user = stack), `ask` with a prompt's
    text. `ask` None means that nobody can be asked. `keyring` None means the system's.
    """
    lookup = keyring or system_keyring

    def find() -> str:
        if settings.passphrase is not None:
            return settings.passphrase
        if settings.passphrase_file is not None:
            return _read_passphrase(settings.passphrase_file)
        stored = lookup(KEYRING_SERVICE, stack)
        if stored is not None:
            return stored
        if ask is not None:
            return ask(f"Passphrase of stack `{stack}`")
        raise _missing(f"the secrets of stack `{stack}` need a passphrase and none is set")

    return _once(find)


def needs_a_person(settings: Settings, *, stack: str, keyring: KeyringLookup | None = None) -> bool:
    """Whether the passphrase can only come from a prompt."""
    if settings.passphrase is not None or settings.passphrase_file is not None:
        return False
    return (keyring or system_keyring)(KEYRING_SERVICE, stack) is None


def system_keyring(service: str, user: str) -> str | None:
    """The desktop's or server's keyring; one that is missing, locked or broken holds nothing."""
    try:
        import keyring  # noqa: PLC0415  # slow, and only the third place to look

        return keyring.get_password(service, user)
    except Exception:  # noqa: BLE001  # backends raise errors of their own kinds; none is ours to report
        return None


def _read_passphrase(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError as error:
        raise _missing(f"the passphrase file `{path}` can't be read: {error.strerror}") from error


def _missing(message: str) -> PassphraseMissing:
    return PassphraseMissing(
        message,
        hint=(
            "set TOMO_PASSPHRASE or TOMO_PASSPHRASE_FILE (PULUMI_CONFIG_PASSPHRASE works too), "
            "or store it with `keyring set tomo STACK`"
        ),
    )


def _once(find: Callable[[], str]) -> Callable[[], str]:
    lock = threading.Lock()
    found: list[str] = []

    def get() -> str:
        with lock:
            if not found:
                found.append(find())
            return found[0]

    return get
