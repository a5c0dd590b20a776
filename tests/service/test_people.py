"""People on both kinds of database: who may do what, and how they log in."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from http.server import HTTPServer
from pathlib import Path

import pytest

from tests.db.conftest import address, empty, opened, server  # noqa: F401  # fixtures
from tests.identity.conftest import LEAKED, ranges  # noqa: F401  # fixture
from tomo.db.address import DatabaseAddress
from tomo.db.tables import NEWEST
from tomo.errors import (
    LoginFailed,
    NotAllowed,
    PasswordRefused,
    TooManyAttempts,
    UsageError,
    UserNotFound,
)
from tomo.model.people import Permission, Role
from tomo.model.values import Secret
from tomo.service.audits import Audits, ListAuditRequest
from tomo.service.databases import Databases
from tomo.service.people import (
    AddUserRequest,
    Identities,
    LoginRequest,
    NewTokenRequest,
    PasswordRequest,
)
from tomo.service.recording import Actor, Trail, recorded
from tomo.service.who import person_here
from tomo.service.wiring import Doors
from tomo.settings import Settings

PASSWORD = Secret("violet-harbour-quince")


@dataclass
class Office:
    """Anna's machine, and the clock on her wall."""

    settings: Settings
    now: float = 1_800_000_000.0

    def doors(self, account: str = "anna") -> Doors:
        settings = replace(self.settings, account=account)
        who = lambda: person_here(settings)  # noqa: E731
        return Doors(settings, trail=Trail(settings, Actor(account, "", "cli"), lambda _: None, who))

    def people(self, account: str = "anna") -> Identities:
        return Identities(self.doors(account), lambda: self.now, rounds=4)

    def login(self, name: str, password: Secret = PASSWORD, origin: str = "") -> str:
        return self.people().login(LoginRequest(name, password, origin))


@pytest.fixture
def office(address: DatabaseAddress, tmp_path: Path) -> Office:  # noqa: F811
    """A database without anybody."""
    url = address.url or f"sqlite:///{address.file}"
    return Office(Settings(home=tmp_path / "home", user="anna", database_url=url), time.time())


@pytest.fixture
def staffed(office: Office) -> Office:
    """With Anna, an admin, Bob, a user, and Carl, who only reads."""
    code = office.people().first_code()
    office.people().add(AddUserRequest("anna", Role.ADMIN, "anna", PASSWORD, code))
    office.people().add(AddUserRequest("bob", Role.USER, "bob", PASSWORD))
    office.people().add(AddUserRequest("carl", Role.READONLY, "carl"))
    return office


# --- the first one -----------------------------------------------------------------------------------


def test_a_single_person_may_do_everything_and_is_nobody_in_particular(office: Office) -> None:
    assert person_here(office.doors().settings).role is Role.ADMIN
    with recorded(office.doors(), "apply", "x"):
        pass


@pytest.mark.parametrize("code", ["", "AAAA-AAAA"])
def test_the_first_admin_needs_the_code_of_the_terminal(office: Office, code: str) -> None:
    office.people().first_code()

    with pytest.raises(NotAllowed):
        office.people().add(AddUserRequest("anna", Role.ADMIN, "anna", PASSWORD, code))

    assert office.people().is_empty()


def test_a_wrong_code_is_told_before_anything_else_is_asked_for(office: Office) -> None:
    right = office.people().first_code()
    office.people().require_code(right)

    with pytest.raises(NotAllowed):
        office.people().require_code("WRONG")

    with pytest.raises(NotAllowed):
        office.people().require_code(right)


def test_a_code_counts_once_and_for_ten_minutes(office: Office) -> None:
    wrong, late = office.people().first_code(), office.people()
    with pytest.raises(NotAllowed):
        late.add(AddUserRequest("anna", Role.ADMIN, code="WRONG"))

    with pytest.raises(NotAllowed):
        late.add(AddUserRequest("anna", Role.ADMIN, code=wrong))
    old = office.people().first_code()
    office.now += 601
    with pytest.raises(NotAllowed):
        late.add(AddUserRequest("anna", Role.ADMIN, code=old))


def test_the_first_one_is_an_admin_and_later_no_code_makes_another(staffed: Office, office: Office) -> None:
    with pytest.raises(UsageError):
        staffed.people().first_code()

    assert [(user.name, user.role) for user in staffed.people().list()] == [
        ("anna", Role.ADMIN),
        ("bob", Role.USER),
        ("carl", Role.READONLY),
    ]


def test_an_older_form_is_brought_forward_though_it_can_not_say_who_asks(office: Office) -> None:
    databases = Databases(office.doors())
    databases.downgrade("0001")

    moved = databases.upgrade()
    databases.close()

    assert (moved.before, moved.after) == ("0001", NEWEST)
    assert [entry.event.action for entry in Audits(office.doors()).list(ListAuditRequest())] == [
        "db.downgrade",
        "db.upgrade",
    ]


# --- roles at the command line -----------------------------------------------------------------------

MAY = {
    "anna": {"apply", "secret.set", "user.add"},
    "bob": {"apply", "secret.set"},
    "carl": set(),
    "eve": set(),
}


@pytest.mark.parametrize("account", MAY)
def test_who_works_under_an_account_may_what_the_role_says(staffed: Office, account: str) -> None:
    done = set()
    for action in ("apply", "secret.set", "user.add"):
        try:
            with recorded(staffed.doors(account), action, "x"):
                done.add(action)
        except NotAllowed:
            continue

    assert done == MAY[account]


def test_what_was_refused_is_recorded_with_the_role(staffed: Office) -> None:
    with pytest.raises(NotAllowed), recorded(staffed.doors("carl"), "apply", "x"):
        pytest.fail("it was done")

    event = Audits(staffed.doors()).list(ListAuditRequest())[-1].event
    assert (event.actor, event.role, event.action, event.outcome.value) == (
        "carl",
        "readonly",
        "apply",
        "refused",
    )


def test_the_record_is_for_admins(staffed: Office) -> None:
    with pytest.raises(NotAllowed):
        Audits(staffed.doors("bob")).list(ListAuditRequest())


def test_a_disabled_person_is_nobody(staffed: Office) -> None:
    staffed.people().disable("bob", disabled=True)

    with pytest.raises(NotAllowed), recorded(staffed.doors("bob"), "apply", "x"):
        pass
    with pytest.raises(LoginFailed):
        staffed.login("bob")


def test_the_last_admin_stays_one(staffed: Office) -> None:
    people = staffed.people()

    with pytest.raises(UsageError):
        people.change_role("anna", Role.USER)
    with pytest.raises(UsageError):
        people.disable("anna", disabled=True)
    with pytest.raises(UsageError):
        people.remove("anna")


def test_an_admin_whom_no_account_is_is_not_the_one_who_stays(staffed: Office) -> None:
    """People are changed at a command line alone, and who has no account works at none."""
    people = staffed.people()
    people.add(AddUserRequest("dora", Role.ADMIN, password=PASSWORD))

    with pytest.raises(UsageError, match="last admin with an account"):
        people.remove("anna")
    people.add(AddUserRequest("emil", Role.ADMIN, "emil"))
    people.remove("dora")
    people.remove("anna")

    assert {user.name for user in people.list()} == {"bob", "carl", "emil"}


def test_only_admins_change_people_and_everybody_an_own_password(staffed: Office) -> None:
    new = Secret("gnudl frobz wexlip")
    staffed.people("bob").set_password(PasswordRequest("bob", new))

    with pytest.raises(NotAllowed):
        staffed.people("bob").set_password(PasswordRequest("carl", new))
    with pytest.raises(NotAllowed):
        staffed.people("bob").change_role("bob", Role.ADMIN)
    assert staffed.login("bob", new)


def test_names_and_accounts_are_one_persons(staffed: Office) -> None:
    people = staffed.people()

    with pytest.raises(UsageError):
        people.add(AddUserRequest("bob", Role.USER))
    with pytest.raises(UsageError):
        people.add(AddUserRequest("dora", Role.USER, "bob"))
    with pytest.raises(UsageError):
        people.add(AddUserRequest("../dora", Role.USER))
    with pytest.raises(UsageError):
        people.add(AddUserRequest("dora", Role.USER, "do\x1bra"))
    with pytest.raises(UserNotFound):
        people.change_role("nobody", Role.USER)


def test_a_bad_password_adds_nobody(staffed: Office) -> None:
    with pytest.raises(PasswordRefused):
        staffed.people().add(AddUserRequest("dora", Role.USER, password=Secret("doradoradoradora")))

    assert len(staffed.people().list()) == 3


@pytest.fixture
def leaks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine from which nothing leaves; what was asked for is noted."""
    asked: list[str] = []

    def refused(_self: object, host: str, *_more: object, **_options: object) -> None:
        asked.append(host)
        raise OSError

    monkeypatch.setattr("http.client.HTTPConnection.__init__", refused)
    return asked


def test_a_new_password_is_not_looked_up_anywhere_unless_that_is_asked_for(
    staffed: Office, leaks: list[str]
) -> None:
    staffed.people().set_password(PasswordRequest("bob", PASSWORD))
    unasked = list(leaks)

    staffed.settings = replace(staffed.settings, breach_url="https://192.0.2.1/range")
    staffed.people().set_password(PasswordRequest("bob", PASSWORD))

    assert (unasked, leaks) == ([], ["192.0.2.1"])


def test_a_leaked_password_is_refused_where_leaks_are_looked_up(
    staffed: Office,
    ranges: HTTPServer,  # noqa: F811
) -> None:
    leaked = Secret(LEAKED)
    staffed.people().set_password(PasswordRequest("bob", leaked))
    staffed.settings = replace(staffed.settings, breach_url=f"http://127.0.0.1:{ranges.server_port}/range")

    with pytest.raises(PasswordRefused, match="in 42 leaks") as caught:
        staffed.people().set_password(PasswordRequest("bob", leaked))

    assert LEAKED not in f"{caught.value}{caught.value.hint}"
    staffed.people().set_password(PasswordRequest("bob", PASSWORD))


# --- logins ------------------------------------------------------------------------------------------


def test_a_session_is_its_persons_until_it_is_ended(staffed: Office) -> None:
    text = staffed.login("bob", origin="192.0.2.7")
    before = staffed.people().by_session(text)
    (session,) = staffed.people().sessions()

    staffed.people().end_session(session.id[:8])

    assert (before.name, before.role) == ("bob", Role.USER)
    assert (session.user, session.address, session.expires - session.created) == ("bob", "192.0.2.7", 86_400)
    with pytest.raises(LoginFailed):
        staffed.people().by_session(text)


def test_another_role_or_password_ends_every_session(staffed: Office) -> None:
    first = staffed.login("bob")
    staffed.people().change_role("bob", Role.READONLY)
    second = staffed.login("bob")
    staffed.people().set_password(PasswordRequest("bob", PASSWORD))

    for text in (first, second):
        with pytest.raises(LoginFailed):
            staffed.people().by_session(text)


def test_an_unknown_name_a_wrong_password_and_nobodys_password_get_one_answer(staffed: Office) -> None:
    answers = set()
    for name in ("nobody", "bob", "carl"):
        with pytest.raises(LoginFailed) as caught:
            staffed.login(name, Secret("not the one at all"))
        answers.add((caught.value.message, caught.value.hint))

    assert len(answers) == 1


@pytest.mark.parametrize("name", ["bob", "nobody"])
def test_a_name_that_failed_five_times_waits_whether_it_exists_or_not(staffed: Office, name: str) -> None:
    for _ in range(5):
        with pytest.raises(LoginFailed):
            staffed.login(name, Secret("wrong"))

    with pytest.raises(TooManyAttempts):
        staffed.login(name)
    staffed.now += 61
    if name == "bob":
        assert staffed.login(name)


def test_an_address_that_guesses_waits_whatever_name_it_tries(staffed: Office) -> None:
    for number in range(20):
        with pytest.raises(LoginFailed):
            staffed.people().by_token(f"tomo_{number}", "192.0.2.66")

    with pytest.raises(TooManyAttempts):
        staffed.login("bob", origin="192.0.2.66")
    assert staffed.login("bob", origin="192.0.2.7")


def test_who_has_a_token_is_not_kept_out_by_what_guesses_at_the_same_address(staffed: Office) -> None:
    _, text = staffed.people().create_token(NewTokenRequest("ci", "bob"))
    for number in range(20):
        with pytest.raises(LoginFailed):
            staffed.people().by_token(f"tomo_{number}", "127.0.0.1")

    with pytest.raises(TooManyAttempts):
        staffed.people().by_token("tomo_20", "127.0.0.1")
    assert staffed.people().by_token(text, "127.0.0.1").name == "bob"


def test_people_see_their_own_sessions_and_admins_all(staffed: Office) -> None:
    staffed.login("bob")
    staffed.login("anna")

    assert {each.user for each in staffed.people("bob").sessions()} == {"bob"}
    assert {each.user for each in staffed.people("anna").sessions()} == {"anna", "bob"}
    with pytest.raises(NotAllowed):
        staffed.people("eve").sessions()


# --- tokens ------------------------------------------------------------------------------------------


def test_a_token_has_its_scopes_until_it_is_revoked(staffed: Office) -> None:
    request = NewTokenRequest("ci", "bob", (Permission.READ, Permission.PROPOSE))
    token, text = staffed.people().create_token(request)
    person = staffed.people().by_token(text)

    staffed.people().revoke_token(token.prefix)

    assert (person.name, person.role, person.scopes) == ("bob", Role.USER, request.scopes)
    with pytest.raises(LoginFailed):
        staffed.people().by_token(text)


@pytest.mark.parametrize("name", ["", "   ", "a\x1b[31mb", "x" * 65])
def test_a_token_has_a_name_that_it_is_told_by(staffed: Office, name: str) -> None:
    with pytest.raises(UsageError, match="not a token's name"):
        staffed.people().create_token(NewTokenRequest(name, "bob"))

    assert staffed.people().tokens() == []


def test_a_token_of_nobody_says_how_to_begin(office: Office) -> None:
    with pytest.raises(UsageError, match="nobody was added yet") as caught:
        office.people().create_token(NewTokenRequest("ci"))

    assert "tomo user add NAME --role admin" in caught.value.hint


def test_a_token_expires(staffed: Office) -> None:
    _, text = staffed.people().create_token(NewTokenRequest("ci", "bob", days=1))
    staffed.now += 86_401

    with pytest.raises(LoginFailed):
        staffed.people().by_token(text)


def test_a_token_may_no_more_than_its_person(staffed: Office) -> None:
    with pytest.raises(UsageError):
        staffed.people().create_token(NewTokenRequest("ci", "carl", (Permission.EXECUTE,)))
    with pytest.raises(NotAllowed):
        staffed.people("bob").create_token(NewTokenRequest("ci", "anna"))


def test_a_person_revokes_own_tokens_and_cannot_see_others(staffed: Office) -> None:
    token, _ = staffed.people().create_token(NewTokenRequest("ci", "anna"))
    own, _ = staffed.people("bob").create_token(NewTokenRequest("mine"))

    with pytest.raises(UserNotFound):
        staffed.people("bob").revoke_token(token.id)
    assert [each.id for each in staffed.people("bob").tokens()] == [own.id]


def test_nothing_that_lets_anybody_in_stands_in_the_database_or_the_record(staffed: Office) -> None:
    _, token = staffed.people().create_token(NewTokenRequest("ci", "bob"))
    session = staffed.login("bob")
    file = Path((staffed.settings.database_url or "").removeprefix("sqlite:///"))
    kept = "".join(path.read_text("latin-1") for path in file.parent.glob("tomo.db*"))
    record = str(Audits(staffed.doors()).list(ListAuditRequest(100)))

    for secret in (token, session, str(PASSWORD.reveal())):
        assert secret not in kept
        assert secret not in record
