"""For whom a call is: the person of the account over stdio, the token's over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from fastmcp.server.auth import AccessToken
from fastmcp.server.context import Context
from fastmcp.server.dependencies import get_access_token
from mcp_types import Implementation

from tomo.errors import LoginFailed
from tomo.mcp.declaration import ToolEffect
from tomo.mcp.untrusted import Mask, clean
from tomo.model.log import Log
from tomo.model.people import Permission, Person, Role
from tomo.service.read.asker import UNNAMED, Asker
from tomo.service.read.people import PeopleReads
from tomo.service.read.secrets import SecretMask

_LONGEST: Final = 80
_ACTIONS: Final[Mapping[ToolEffect, str]] = {
    ToolEffect.PROPOSE: "proposal.propose",
    ToolEffect.OWN_SESSION: "session.end",
}
"""What the audit record calls what a tool was to do."""


class Callers(Protocol):
    """Says for whom a call is."""

    def person(self) -> tuple[Person, str]:
        """The person, and the address that the call comes from; `""` where there is none."""
        ...


class Account:
    """The person of this process's account; asked anew for every call, so that a change counts at once."""

    def __init__(self, people: PeopleReads) -> None:
        self._people = people

    def person(self) -> tuple[Person, str]:
        """The person of the account."""
        return self._people.here(), ""


class Tokens:
    """The person of the request's token, which was checked at the door."""

    def person(self) -> tuple[Person, str]:
        """The person that the token speaks for; raises LoginFailed without one."""
        token = get_access_token()
        if token is None:
            raise LoginFailed("there is no token", hint="send one: `Authorization: Bearer TOKEN`")
        return person_in(token), str(token.claims.get("address", ""))


def token_of(text: str, person: Person, address: str, key: str) -> AccessToken:
    """A person as the transport carries it; `key` tells one token from another."""
    scopes = [scope.value for scope in Permission if person.scopes is None or scope in person.scopes]
    claims = {
        "sub": f"{person.id}:{key}",
        "name": person.name,
        "role": person.role.value if person.role else "",
        "id": person.id,
        "scopes": None if person.scopes is None else [scope.value for scope in person.scopes],
        "address": address,
    }
    return AccessToken(token=text, client_id=person.name, scopes=scopes, claims=claims)


def person_in(token: AccessToken) -> Person:
    """The person that `token_of` put in."""
    claims = token.claims
    scopes = claims["scopes"]
    return Person(
        str(claims["name"]),
        Role(claims["role"]) if claims["role"] else None,
        None if scopes is None else tuple(map(Permission, scopes)),
        str(claims["id"]),
    )


class Reception:
    """What stands around every call of one server; the `Desk` of `answering`."""

    def __init__(
        self, callers: Callers, surface: str, people: PeopleReads, secrets: SecretMask, log: Log | None = None
    ) -> None:
        self._callers, self._surface = callers, surface
        self._people, self._secrets = people, secrets
        self.log = log

    def asker(self, context: Context, correlation: str, client: str = "") -> Asker:
        """For whom a call is, and by which client."""
        person, address = self._callers.person()
        return Asker(person, self._surface, correlation, _name(client) or client_of(context), address)

    def refused(self, by: Asker, effect: ToolEffect, tool: str) -> None:
        """Notes in the audit record that somebody tried to change what the role does not allow."""
        self._people.note_refused(by, _ACTIONS.get(effect, effect.value), tool)

    def mask(self) -> Mask:
        """Takes every secret of the stack out of a text."""
        return self._secrets.mask()


def client_of(context: Context) -> str:
    """The client's name and version as it says them: words from elsewhere, so cleaned and short."""
    info: Implementation | None = None
    if context.request_context is not None and context.session.client_params is not None:
        info = context.session.client_params.client_info
    said = _name(info.name) if info is not None else ""
    return _name(f"{said} {info.version}") if info is not None and said else UNNAMED


def _name(text: str) -> str:
    return " ".join(clean(text).split())[:_LONGEST]
