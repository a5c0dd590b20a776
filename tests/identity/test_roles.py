"""Every role against every permission and every action; what the table doesn't have is denied."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from tomo.errors import NotAllowed
from tomo.identity.roles import ALLOWED, may, needed_for, require
from tomo.model.people import Permission, Person, Role

ROOT = Path(__file__).resolve().parents[2]
TABLE = {
    Role.ADMIN: {"read", "propose", "write", "execute", "audit", "manage", "own"},
    Role.USER: {"read", "propose", "write", "execute", "own"},
    Role.READONLY: {"read", "own"},
    None: set(),
}


@pytest.mark.parametrize(("role", "permission"), list(product(TABLE, Permission)))
def test_a_role_may_what_the_table_says_and_nothing_else(role: Role | None, permission: Permission) -> None:
    person = Person("anna", role)

    allowed = may(person, permission)

    assert allowed == (permission.value in TABLE[role])


@pytest.mark.parametrize(("role", "permission"), list(product(Role, Permission)))
def test_a_tokens_scopes_only_ever_narrow(role: Role, permission: Permission) -> None:
    for scopes in ((), (permission,), tuple(Permission)):
        narrowed = Person("anna", role, scopes)

        assert may(narrowed, permission) == (permission in scopes and permission in ALLOWED[role])


def test_a_role_has_a_row_each() -> None:
    assert set(ALLOWED) == set(Role)


def test_an_unknown_action_needs_the_highest_permission() -> None:
    assert needed_for("something.new") is Permission.MANAGE
    assert needed_for("user.add") is Permission.MANAGE
    assert needed_for("apply") is Permission.EXECUTE
    assert needed_for("state.delete") is Permission.WRITE


def test_every_action_that_is_recorded_is_for_admins_or_in_the_table() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "tomo" / "service").rglob("*.py"))
    actions = set(re.findall(r'audited\("([\w.]+)"\)', sources))

    assert len(actions) > 10
    assert {needed_for(action) for action in actions} == {Permission.WRITE, Permission.EXECUTE}


def test_who_is_refused_learns_the_role_and_whom_to_ask() -> None:
    with pytest.raises(NotAllowed) as known:
        require(Person("bob", Role.READONLY), Permission.EXECUTE)
    with pytest.raises(NotAllowed) as unknown:
        require(Person("eve", None), Permission.READ)

    assert "`bob` has the role `readonly`" in known.value.message
    assert "tomo user list" in known.value.hint
    assert "tomo user add" in unknown.value.hint
