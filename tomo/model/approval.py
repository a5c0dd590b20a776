"""A person's agreement to one plan, as policies count it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from tomo.frozen import frozen


@frozen
class Approval:
    """One person's agreement. `asked_for_it` says that the plan is for that very person."""

    person: str
    role: str = ""
    asked_for_it: bool = False


Approvals: TypeAlias = Callable[[str], Sequence[Approval]]
"""Gives the valid approvals of a saved plan by its digest, `sha256:…`."""


def no_approvals(_digest: str) -> Sequence[Approval]:
    """Where nobody has agreed to anything."""
    return ()
