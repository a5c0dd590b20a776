"""One table: what each role may do. What isn't in it is denied."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tomo.errors import NotAllowed
from tomo.model.people import Permission, Person, Role

ALLOWED: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.ADMIN: frozenset(Permission),
        Role.USER: frozenset(
            {Permission.READ, Permission.PROPOSE, Permission.WRITE, Permission.EXECUTE, Permission.OWN}
        ),
        Role.READONLY: frozenset({Permission.READ, Permission.OWN}),
    }
)
_NEEDED: Final[Mapping[str, Permission]] = MappingProxyType(
    {
        "apply": Permission.EXECUTE,
        "destroy": Permission.EXECUTE,
        "refresh": Permission.EXECUTE,
        "import": Permission.EXECUTE,
        "app": Permission.WRITE,
        "bundle": Permission.WRITE,
        "catalog": Permission.WRITE,
        "config": Permission.WRITE,
        "secret": Permission.WRITE,
        "server": Permission.WRITE,
        "backup": Permission.EXECUTE,
        "state": Permission.WRITE,
    }
)


def may(person: Person, permission: Permission) -> bool:
    """Whether somebody's role, narrowed by the token's scopes, has a permission."""
    if person.role is None or permission not in ALLOWED.get(person.role, frozenset()):
        return False
    return person.scopes is None or permission in person.scopes


def needed_for(action: str) -> Permission:
    """The permission that an act of the audit record needs; for an unknown one the highest."""
    return _NEEDED.get(action.partition(".")[0], Permission.MANAGE)


def require(person: Person, permission: Permission) -> None:
    """Raises NotAllowed where somebody lacks a permission."""
    if may(person, permission):
        return
    if person.role is None:
        raise NotAllowed(
            f"`{person.name}` is nobody whom this installation knows",
            hint="an admin adds you with `tomo user add NAME --account ACCOUNT`",
        )
    narrowed = "" if person.scopes is None else " and a token of fewer scopes"
    raise NotAllowed(
        f"`{person.name}` has the role `{person.role}`{narrowed}, which may not {_WORDS[permission]}",
        hint="ask an admin; `tomo user list` shows who that is",
    )


_WORDS: Final[Mapping[Permission, str]] = MappingProxyType(
    {
        Permission.READ: "look at this",
        Permission.PROPOSE: "propose changes",
        Permission.WRITE: "change a fleet's files, settings or state",
        Permission.EXECUTE: "change hosts",
        Permission.AUDIT: "read the audit record",
        Permission.MANAGE: "change people, the database or the record",
        Permission.OWN: "change an own password, session or token",
    }
)
