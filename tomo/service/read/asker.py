"""For whom something is looked up or proposed, and through what."""

from __future__ import annotations

from typing import Final

from tomo.frozen import frozen
from tomo.identity.roles import may, require
from tomo.model.people import Permission, Person

UNNAMED: Final = "an assistant that gives no name"
"""Who asks where a client says nothing of itself that can be seen; `""` would be a person."""


@frozen
class Asker:
    """A person, and the assistant that asks for them; `correlation` joins all that one call does.

    `address` is where the call comes from over HTTP, `""` otherwise.
    """

    person: Person
    surface: str
    correlation: str
    assistant: str = ""
    address: str = ""

    def may(self, permission: Permission) -> bool:
        """Whether the person's role, narrowed by the token's scopes, allows it."""
        return may(self.person, permission)

    def require(self, permission: Permission) -> None:
        """Raises NotAllowed where it does not."""
        require(self.person, permission)
