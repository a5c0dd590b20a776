"""user, token and session: who may do what, and how they log in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.options import Commands, JsonOption, YesOption, add_group

if TYPE_CHECKING:
    from tomo.model.people import Permission, Role, Session, Token, User
    from tomo.model.values import Secret
    from tomo.service.people import Identities

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")]
ExtraArgument = Annotated[list[str] | None, typer.Argument(hidden=True)]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    users: Commands = {
        "add": add,
        "list": list_,
        "role": role,
        "disable": disable,
        "enable": enable,
        "remove": remove,
        "password": password,
    }
    add_group(app, "user", "Say who may do what", users)
    tokens: Commands = {"create": token_create, "list": token_list, "revoke": token_revoke}
    add_group(app, "token", "Keep tokens of programs", tokens)
    sessions: Commands = {"start": session_start, "list": session_list, "end": session_end}
    add_group(app, "session", "Log in, and end logins", sessions)


def _identities() -> Identities:
    from tomo.service.people import Identities
    from tomo_cli.doors import doors

    return Identities(doors(), time.time)


# --- people ------------------------------------------------------------------------------------------


def add(
    name: NameArgument,
    extra: ExtraArgument = None,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="admin, user or readonly.")] = "user",
    account: Annotated[
        str,
        typer.Option(
            "--account", metavar="ACCOUNT", help="The system's account under which the person works."
        ),
    ] = "",
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Somebody who never logs in with one.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a person; the first is an admin."""
    from tomo.service.people import AddUserRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors
    from tomo_cli.pairs import refuse_argument

    refuse_argument(extra)
    service, settings = _identities(), doors().settings
    first = service.is_empty()
    own = account or (settings.account or settings.user if first else "")
    request = AddUserRequest(name, _role(role), own)
    service.require_addable(request)
    code = _typed_code(service) if first else ""
    secret = None if no_password else _new_password(name)
    made = service.add(AddUserRequest(name, request.role, own, secret, code))
    if as_json:
        print_json(_user_json(made))
    else:
        at = f", at the command line as {made.account}" if made.account else ""
        say(f"Added {made.name} as {made.role}{at}.")


def _typed_code(service: Identities) -> str:
    """Whoever adds the first admin must sit at the terminal that shows the code."""
    from tomo.errors import UsageError
    from tomo_cli.console import answer, at_terminal, say

    if not at_terminal():
        raise UsageError("the first admin is added at a terminal", hint="run the command there, by hand")
    say(f"This makes the first admin. The code is {service.first_code()}.")
    code = answer("Type the code: ")
    service.require_code(code)
    return code


def _new_password(name: str) -> Secret:
    from tomo.identity.passwords import SHORTEST
    from tomo.model.values import Secret
    from tomo_cli.pairs import read_secret

    question = f"New password of {name}, {SHORTEST} characters or more"
    return Secret(read_secret(f"the password of {name}", question))


def _role(text: str) -> Role:
    from tomo.errors import UsageError
    from tomo.model.people import Role
    from tomo.spec.near import did_you_mean
    from tomo.spec.shown import shown

    try:
        return Role(text)
    except ValueError:
        hint = did_you_mean(text, list(Role), "roles are admin, user and readonly")
        raise UsageError(f"`{shown(text)}` is no role", hint=hint) from None


def list_(as_json: JsonOption = False) -> None:
    """Show people and their roles."""
    from tomo_cli.console import print_json, say, table

    users = _identities().list()
    if as_json:
        print_json([_user_json(user) for user in users])
    elif not users:
        say("Nobody was added: who works here may do everything. `tomo user add NAME --role admin` begins.")
    else:
        rows = [(u.name, u.role, u.account, "disabled" if u.disabled else "") for u in users]
        table(("NAME", "ROLE", "ACCOUNT", ""), rows)


def role(
    name: NameArgument,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="admin, user or readonly.")],
    as_json: JsonOption = False,
) -> None:
    """Give a person another role."""
    _tell(_identities().change_role(name, _role(role)), f"{name} is {role} now.", as_json=as_json)


def disable(name: NameArgument, as_json: JsonOption = False) -> None:
    """Keep a person out, with all tokens."""
    _tell(_identities().disable(name, disabled=True), f"{name} is kept out.", as_json=as_json)


def enable(name: NameArgument, as_json: JsonOption = False) -> None:
    """Let a person in again."""
    _tell(_identities().disable(name, disabled=False), f"{name} is let in again.", as_json=as_json)


def remove(name: NameArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Remove a person, with all tokens."""
    from tomo_cli.console import confirm, say

    if not confirm(f"Remove {name} for good?", yes=yes):
        say("Nothing was done.")
        raise typer.Exit(1)
    _tell(_identities().remove(name), f"Removed {name}.", as_json=as_json)


def password(name: NameArgument, extra: ExtraArgument = None, as_json: JsonOption = False) -> None:
    """Set a person's password, typed or piped."""
    from tomo.service.people import PasswordRequest
    from tomo_cli.pairs import refuse_argument

    refuse_argument(extra)
    user = _identities().set_password(PasswordRequest(name, _new_password(name)))
    _tell(user, f"Set the password of {name}; every session has ended.", as_json=as_json)


def _tell(user: User, words: str, *, as_json: bool) -> None:
    from tomo_cli.console import print_json, say

    if as_json:
        print_json(_user_json(user))
    else:
        say(words)


def _user_json(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "role": user.role.value,
        "account": user.account,
        "disabled": user.disabled,
        "created": user.created,
    }


# --- tokens ------------------------------------------------------------------------------------------


def token_create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for.")],
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Whose it is; yours by default.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="PERMISSION", help="Only this, such as read; may be repeated."),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=0, max=3650, help="How long it counts; 0: without end.")
    ] = 90,
    as_json: JsonOption = False,
) -> None:
    """Make a token; it is shown once."""
    from tomo.service.people import NewTokenRequest
    from tomo_cli.console import print_json, say

    request = NewTokenRequest(name, user, tuple(_scope(each) for each in scope or ()), days)
    token, text = _identities().create_token(request)
    if as_json:
        print_json({**_token_json(token), "token": text})
        return
    typer.echo(text)
    say(f"It is {token.user}'s, and isn't shown again. `tomo token revoke {token.id}` ends it.")


def _scope(text: str) -> Permission:
    from tomo.errors import UsageError
    from tomo.model.people import Permission
    from tomo.spec.near import did_you_mean
    from tomo.spec.shown import shown

    try:
        return Permission(text)
    except ValueError:
        hint = did_you_mean(text, list(Permission), f"scopes are {', '.join(Permission)}")
        raise UsageError(f"`{shown(text)}` is no scope", hint=hint) from None


def token_list(as_json: JsonOption = False) -> None:
    """Show tokens, without their texts."""
    from tomo_cli.console import print_json, say, table

    tokens = _identities().tokens()
    if as_json:
        print_json([_token_json(token) for token in tokens])
    elif not tokens:
        say("There are no tokens; `tomo token create NAME` makes one.")
    else:
        rows = [(t.id, t.prefix, t.name, t.user, " ".join(t.scopes), _day(t.expires)) for t in tokens]
        table(("ID", "BEGINS", "NAME", "WHOSE", "SCOPES", "EXPIRES"), rows)


def token_revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, or how it begins.")],
    as_json: JsonOption = False,
) -> None:
    """End a token."""
    from tomo_cli.console import print_json, say

    revoked = _identities().revoke_token(token)
    if as_json:
        print_json(_token_json(revoked))
    else:
        say(f"The token {revoked.name} of {revoked.user} counts no more.")


def _token_json(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "user": token.user,
        "prefix": token.prefix,
        "scopes": [scope.value for scope in token.scopes],
        "created": token.created,
        "expires": token.expires,
        "lastUsed": token.last_used,
    }


# --- sessions ----------------------------------------------------------------------------------------


def session_start(name: NameArgument, extra: ExtraArgument = None, as_json: JsonOption = False) -> None:
    """Log in, and print the session's token."""
    from tomo.model.values import Secret
    from tomo.service.people import LoginRequest
    from tomo_cli.console import print_json
    from tomo_cli.pairs import read_password, refuse_argument

    refuse_argument(extra)
    text = _identities().login(LoginRequest(name, Secret(read_password(name))))
    if as_json:
        print_json({"user": name, "session": text})
    else:
        typer.echo(text)


def session_list(as_json: JsonOption = False) -> None:
    """Show the sessions that count."""
    from tomo_cli.console import print_json, say, table

    sessions = _identities().sessions()
    if as_json:
        print_json([_session_json(session) for session in sessions])
    elif not sessions:
        say("Nobody is logged in.")
    else:
        rows = [(s.id[:8], s.user, s.address, _time(s.created), _time(s.expires)) for s in sessions]
        table(("ID", "WHO", "FROM", "SINCE (UTC)", "UNTIL (UTC)"), rows)


def session_end(
    session: Annotated[str, typer.Argument(metavar="ID", help="The session's id, or its beginning.")],
    as_json: JsonOption = False,
) -> None:
    """End a session at once."""
    from tomo_cli.console import print_json, say

    ended = _identities().end_session(session)
    if as_json:
        print_json(_session_json(ended))
    else:
        say(f"Ended a session of {ended.user}.")


def _session_json(session: Session) -> dict[str, object]:
    return {
        "id": session.id,
        "user": session.user,
        "address": session.address,
        "created": session.created,
        "expires": session.expires,
    }


def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds)) if seconds else "never"
