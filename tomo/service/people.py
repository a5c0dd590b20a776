"""People: add, list, change, remove; and how they log in."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias, TypeVar

from tomo.errors import LoginFailed, NotAllowed, PasswordRefused, UsageError, UserNotFound
from tomo.frozen import frozen
from tomo.identity.breach import times_leaked
from tomo.identity.limits import BY_ADDRESS, BY_NAME, Limit, require_not_limited
from tomo.identity.passwords import ROUNDS, hashed, matches, require_good
from tomo.identity.roles import ALLOWED, may, require
from tomo.identity.tokens import (
    SESSION_SECONDS,
    code_digest,
    digest_of,
    new_code,
    new_key,
    new_session,
    new_token,
    read_session,
)
from tomo.model.people import Attempts, Permission, Person, Role, Session, Token, User
from tomo.model.values import Secret
from tomo.service.effect import Effect
from tomo.service.people_rules import (
    require_account,
    require_free,
    require_name,
    require_nobody,
    require_other_admin,
    require_token_name,
)
from tomo.service.recording import recorded
from tomo.service.who import people_of, person_here
from tomo.service.wiring import Doors
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown

if TYPE_CHECKING:
    from tomo.db.people import PeopleChange, PeopleRead

_SIGNING: Final = "sessions"
_FIRST: Final = "first-admin"
_CODE_SECONDS: Final = 600
_REMEMBERED: Final = 7 * 86_400
_DAY: Final = 86_400
T = TypeVar("T")
Keys: TypeAlias = Sequence[tuple[Limit, str]]
"""What failures are counted under, each with its limit."""


@frozen
class AddUserRequest:
    """Add somebody. `code` is the one-time code that the very first one, an admin, needs."""

    effect: ClassVar[Effect] = Effect.WRITE
    name: str
    role: Role
    account: str = ""
    password: Secret | None = None
    code: str = ""


@frozen
class PasswordRequest:
    """Give somebody another password; ends the person's sessions."""

    effect: ClassVar[Effect] = Effect.WRITE
    name: str
    password: Secret


@frozen
class LoginRequest:
    """Begin a session. `address` is where it comes from, which has limits of its own; `""` for none."""

    effect: ClassVar[Effect] = Effect.WRITE
    name: str
    password: Secret
    address: str = ""


@frozen
class NewTokenRequest:
    """Make a token for a program. No scopes: all that its person may; `days` 0: it doesn't expire."""

    effect: ClassVar[Effect] = Effect.WRITE
    name: str
    user: str = ""
    scopes: tuple[Permission, ...] = ()
    days: int = 90


class Identities:
    """The use cases over people. `clock` gives seconds since 1970, `rounds` are bcrypt's.

    `who` says who asks; without it the person of this process's account does.
    """

    def __init__(
        self,
        doors: Doors,
        clock: Callable[[], float],
        *,
        rounds: int = ROUNDS,
        who: Callable[[], Person] | None = None,
    ) -> None:
        self._settings, self._doors = doors.settings, doors
        self._clock, self._rounds = clock, rounds
        self._who = who or partial(person_here, doors.settings)

    # --- people ---------------------------------------------------------------------------------------

    def is_empty(self) -> bool:
        """Whether nobody was added yet."""
        return not self._read(lambda people: people.users())

    def first_code(self) -> str:
        """A code that makes the first admin within ten minutes; a new one replaces it."""
        made = new_code()
        with self._changing() as people:
            require_nobody(people)
            people.put_key(_FIRST, made.digest, self._now())
        return made.text

    def require_code(self, code: str) -> None:
        """Raises NotAllowed for a wrong code of the first admin, which is used up by that."""
        with self._reading() as people:
            kept = people.key(_FIRST)
        if not self._is_code(kept, code):
            self._redeem(code)

    def require_addable(self, request: AddUserRequest) -> None:
        """Raises UsageError for a name that can't be, before a password is asked for."""
        require_name(request.name)
        require_account(request.account)
        with self._reading() as people:
            require_free(people, request.name, request.account)
            if not people.users() and request.role is not Role.ADMIN:
                raise UsageError(
                    "the first person must be an admin", hint=f"`tomo user add {request.name} --role admin`"
                )

    def add(self, request: AddUserRequest) -> User:
        """Adds somebody; raises NotAllowed where the first one's code is wrong, used or too old."""
        self.require_addable(request)
        password = self._new_password(request.password, request.name)
        now = self._now()
        made = User(uuid.uuid4().hex, request.name, request.role, request.account, False, bool(password), now)  # noqa: FBT003
        details = {"role": request.role.value, "account": request.account}
        with recorded(self._doors, "user.add", request.name, needs=self._to_add(), details=details):
            if self.is_empty():
                self._redeem(request.code)
            with self._changing() as people:
                require_free(people, request.name, request.account)
                people.add_user(made, password)
        return made

    def list(self) -> Sequence[User]:
        """Everybody, by name."""
        return self._read(lambda people: people.users())

    def change_role(self, name: str, role: Role) -> User:
        """Gives somebody another role; the last admin stays one."""
        with self._changed("user.role", name, role=role.value) as (people, user):
            if user.role is Role.ADMIN and role is not Role.ADMIN:
                require_other_admin(people, user)
            people.change_user(user.id, role=role.value)
            people.end_sessions(user=user.id)
        return replace(user, role=role)

    def disable(self, name: str, *, disabled: bool) -> User:
        """Keeps somebody out, or lets in again; ends the sessions, and stops the tokens meanwhile."""
        with self._changed("user.disable" if disabled else "user.enable", name) as (people, user):
            if disabled:
                require_other_admin(people, user)
            people.change_user(user.id, disabled=disabled)
            people.end_sessions(user=user.id)
        return replace(user, disabled=disabled)

    def remove(self, name: str) -> User:
        """Removes somebody with all sessions and tokens; the audit record keeps the name."""
        with self._changed("user.remove", name) as (people, user):
            require_other_admin(people, user)
            people.remove_user(user.id)
        return user

    def set_password(self, request: PasswordRequest) -> User:
        """Sets a password: one's own, or as an admin anybody's."""
        user = self._read(lambda people: _found(people, request.name))
        password = self._new_password(request.password, request.name)
        needs = self._own_or_manage(user)
        with recorded(self._doors, "user.password", request.name, needs=needs), self._changing() as people:
            people.change_user(user.id, password=password)
            people.end_sessions(user=user.id)
        return user

    # --- sessions -------------------------------------------------------------------------------------

    def login(self, request: LoginRequest) -> str:
        """The text of a new session of 24 hours. Every refusal has the same words and takes as long."""
        with recorded(self._doors, "session.start", request.name, anybody=True):
            return self._logged_in(
                request, [(BY_NAME, f"name:{request.name}"), *self._address(request.address)]
            )

    def _logged_in(self, request: LoginRequest, keys: Keys) -> str:
        self._require_free_to_try(keys)
        with self._reading() as people:
            user = people.user(name=request.name)
            kept = people.password(user.id) if user is not None else ""
        right = matches(str(request.password.reveal()), kept)
        if user is None or user.disabled or not right:
            self._failed(keys)
            raise LoginFailed("no such name and password", hint="after five failures a name has to wait")
        now = self._now()
        with self._changing() as people:
            people.note_attempts(digest_of(keys[0][1]), Attempts())
            made = new_session(people.ensure_key(_SIGNING, new_key, now), user.id, now)
            people.add_session(Session(made.digest, user.id, now, now + SESSION_SECONDS, request.address))
        return made.text

    def by_session(self, text: str) -> Person:
        """Whose session a text is; raises LoginFailed for one that was ended, or is none."""
        with self._reading() as people:
            key = people.key(_SIGNING)
            claims = read_session(text, key[0] if key else new_key())
            user = people.session_user(claims.digest, self._now())
        if user is None or user.disabled or user.id != claims.user:
            raise LoginFailed("the session has ended", hint="log in again")
        return Person(user.name, user.role, id=user.id)

    def sessions(self) -> Sequence[Session]:
        """The sessions that count: all for who manages people, else one's own."""
        mine = self._own_name()
        found = self._read(lambda people: people.sessions(self._now()))
        return [each for each in found if mine is None or each.user == mine]

    def end_session(self, begin: str) -> Session:
        """Ends the session whose id begins so."""
        found = _one(
            [each for each in self.sessions() if begin and each.id.startswith(begin)], "session", begin
        )
        act = recorded(self._doors, "session.end", f"{found.user}#{found.id[:8]}", needs=Permission.OWN)
        with act, self._changing() as people:
            people.end_sessions(id_=found.id)
        return found

    # --- tokens ---------------------------------------------------------------------------------------

    def create_token(self, request: NewTokenRequest) -> tuple[Token, str]:
        """A new token and its text, which nobody can read again."""
        user = self._read(lambda people: _found(people, request.user or self._own(people)))
        require_token_name(request.name)
        excess = [scope for scope in request.scopes if scope not in ALLOWED[user.role]]
        if excess:
            raise UsageError(
                f"`{user.name}` has the role `{user.role}`, which may not `{excess[0]}`",
                hint=f"scopes can be {', '.join(sorted(ALLOWED[user.role]))}",
            )
        now, made = self._now(), new_token()
        scopes = request.scopes or tuple(scope for scope in Permission if scope in ALLOWED[user.role])
        expires = now + request.days * _DAY if request.days else 0
        token = Token(uuid.uuid4().hex[:12], user.id, request.name, made.prefix, scopes, now, expires)
        details = {"scopes": " ".join(scopes), "prefix": made.prefix}
        object_ = f"{user.name}#{token.id}"
        needs = self._own_or_manage(user)
        act = recorded(self._doors, "token.create", object_, needs=needs, details=details)
        with act, self._changing() as people:
            people.add_token(token, made.digest)
        return replace(token, user=user.name), made.text

    def by_token(self, text: str, address: str = "") -> Person:
        """Whose token a text is, with its scopes; raises LoginFailed, and limits an address that guesses.

        Who has a token is let in whatever else guessed at that address: on loopback all programs share one.
        """
        keys = self._address(address)
        digest = digest_of(text)
        with self._reading() as people:
            found = people.token(digest)
        now = self._now()
        if found is None or found[0].disabled or (found[1].expires and found[1].expires <= now):
            self._require_free_to_try(keys)
            self._failed(keys)
            raise LoginFailed(
                "the token is not one of this installation", hint="an own one: `tomo token create`"
            )
        user, token = found
        if now - token.last_used >= 60:  # noqa: PLR2004  # once a minute is enough to know that it's in use
            with self._changing() as change:
                change.use_token(token.id, now)
        return Person(user.name, user.role, token.scopes, user.id)

    def tokens(self) -> Sequence[Token]:
        """All tokens for who manages people, else one's own."""
        mine = self._own_name()
        found = self._read(lambda people: people.tokens())
        return [each for each in found if mine is None or each.user == mine]

    def revoke_token(self, id_: str) -> Token:
        """Removes the token of an id or prefix."""
        among = [each for each in self.tokens() if id_ in {each.id, each.prefix}]
        found = _one(among, "token", id_)
        act = recorded(self._doors, "token.revoke", f"{found.user}#{found.id}", needs=Permission.OWN)
        with act, self._changing() as people:
            people.remove_token(found.id)
        return found

    # --- parts ----------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock())

    @contextmanager
    def _reading(self) -> Iterator[PeopleRead]:
        with people_of(self._settings) as store, store.reading() as people:
            yield people

    @contextmanager
    def _changing(self) -> Iterator[PeopleChange]:
        with people_of(self._settings) as store, store.changing() as people:
            yield people

    def _read(self, read: Callable[[PeopleRead], T]) -> T:
        with self._reading() as people:
            return read(people)

    @contextmanager
    def _changed(self, action: str, name: str, **details: str) -> Iterator[tuple[PeopleChange, User]]:
        self._read(lambda people: _found(people, name))
        with recorded(self._doors, action, name, details=details), self._changing() as people:
            yield people, _found(people, name)

    def _to_add(self) -> Permission:
        """The first one needs the code instead of a role."""
        return Permission.OWN if self.is_empty() else Permission.MANAGE

    def _own_name(self) -> str | None:
        """The name that a person without rights over others is limited to; None for who has them."""
        person = self._who()
        if may(person, Permission.MANAGE):
            return None
        require(person, Permission.OWN)
        return person.name

    def _own(self, people: PeopleRead) -> str:
        user = people.user(account=self._settings.account or self._settings.user)
        if user is None and not people.users():
            raise UsageError(
                "a token is a person's, and nobody was added yet",
                hint="begin with `tomo user add NAME --role admin`",
            )
        if user is None:
            raise UsageError("whose token is it to be?", hint="name somebody: `--user NAME`")
        return user.name

    def _own_or_manage(self, user: User) -> Permission:
        here = self._who()
        return Permission.OWN if here.id == user.id else Permission.MANAGE

    def _new_password(self, password: Secret | None, name: str) -> str:
        if password is None:
            return ""
        text = str(password.reveal())
        require_good(text, (name,))
        if self._settings.breach_url and (count := times_leaked(text, self._settings.breach_url)):
            raise PasswordRefused(f"the password is in {count} leaks", hint="choose another")
        return hashed(text, rounds=self._rounds)

    def _redeem(self, code: str) -> None:
        """Uses up the first admin's code, whether it is right or not."""
        with self._changing() as people:
            require_nobody(people)
            kept = people.key(_FIRST)
            people.put_key(_FIRST, "", self._now())
        if not self._is_code(kept, code):
            raise NotAllowed(
                "that is not the code of the first admin", hint="run the command again for a new one"
            )

    def _is_code(self, kept: tuple[str, int] | None, code: str) -> bool:
        fresh = kept is not None and self._now() - kept[1] < _CODE_SECONDS
        return kept is not None and fresh and hmac.compare_digest(kept[0], code_digest(code))

    def _address(self, address: str) -> Keys:
        return [(BY_ADDRESS, f"address:{address}")] if address else []

    def _require_free_to_try(self, keys: Keys) -> None:
        with self._reading() as people:
            for limit, key in keys:
                require_not_limited(limit, people.attempts(digest_of(key)), self._now())

    def _failed(self, keys: Keys) -> None:
        now = self._now()
        with self._changing() as people:
            people.forget_attempts(now - _REMEMBERED)
            for limit, key in keys:
                people.note_attempts(digest_of(key), limit.failed(people.attempts(digest_of(key)), now))


def _found(people: PeopleRead, name: str) -> User:
    user = people.user(name=name)
    if user is None:
        known = [each.name for each in people.users()]
        raise UserNotFound(
            f"there is nobody called `{shown(name)}`", hint=did_you_mean(name, known, "see `tomo user list`")
        )
    return user


def _one(found: Sequence[T], kind: str, name: str) -> T:
    if len(found) != 1:
        many = f"{len(found)} {kind}s begin with" if found else f"there is no {kind}"
        raise UserNotFound(f"{many} `{shown(name)}`", hint=f"see `tomo {kind} list`")
    return found[0]
