"""What people, accounts and tokens may be called, and who must stay; for those who change and who propose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tomo.errors import UsageError
from tomo.model.people import Role, User
from tomo.spec.shown import CONTROL, shown

if TYPE_CHECKING:
    from tomo.db.people import PeopleRead

_NAME: Final = r"[a-z0-9][a-z0-9._@-]{0,63}"
_LONGEST: Final = 64


def require_name(name: str) -> None:
    """Raises UsageError for what can't be a person's name."""
    if not re.fullmatch(_NAME, name):
        raise UsageError(
            f"`{shown(name)}` is not a name", hint="lower-case letters, digits, `.`, `_`, `-`, `@`: `anna`"
        )


def require_account(account: str) -> None:
    """Raises UsageError for what can't be an account's name; `""` is none."""
    if len(account) > _LONGEST or CONTROL.search(account) or account != account.strip():
        raise UsageError(f"`{shown(account)}` is not an account", hint="what `id -un` says there: `anna`")


def require_token_name(name: str) -> None:
    """Raises UsageError for a name that nobody could tell a token by."""
    if not name.strip() or len(name) > _LONGEST or CONTROL.search(name):
        raise UsageError(f"`{shown(name)}` is not a token's name", hint="say what it is for, such as `ci`")


def require_free(people: PeopleRead, name: str, account: str) -> None:
    """Raises UsageError where somebody has the name or the account."""
    if people.user(name=name) is not None:
        raise UsageError(f"there is a `{shown(name)}` already", hint="see `tomo user list`")
    taken = people.user(account=account) if account else None
    if taken is not None:
        raise UsageError(
            f"the account `{shown(account)}` is `{taken.name}`'s", hint="an account is one person's"
        )


def require_nobody(people: PeopleRead) -> None:
    """Raises UsageError where somebody was added."""
    if people.users():
        raise UsageError("there are people already", hint="an admin adds others: `tomo user add NAME`")


def require_other_admin(people: PeopleRead, user: User) -> None:
    """Raises UsageError where nobody could change people any more, which is done at a command line alone."""
    if user.role is Role.ADMIN and not user.disabled and not people.admins_besides(user.id):
        raise UsageError(
            f"`{user.name}` is the last admin with an account at a command line",
            hint="add another one first: `tomo user add NAME --role admin --account ACCOUNT`",
        )
