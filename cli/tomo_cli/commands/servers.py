"""server add, list, show, test, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.options import (
    HERE,
    Commands,
    DirectoryOption,
    FileOption,
    JsonOption,
    StackOption,
    YesOption,
    add_group,
)

if TYPE_CHECKING:
    from tomo.service.addresses import Address
    from tomo.service.servers import LoginTest, LoginTests, Servers, ServerView
    from tomo.service.workspace import Place

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The server's name in the fleet.")]
HostKeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host-key",
        metavar="'TYPE BASE64'",
        help="Pin this key instead of asking the host; may be repeated.",
    ),
]
IdentityOption = Annotated[
    str | None, typer.Option("-i", "--identity", metavar="FILE", help="Private key to log in with.")
]
BecomeOption = Annotated[bool, typer.Option("--become", help="Use sudo, where the login is not root.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands: Commands = {"add": add, "list": list_, "show": show, "test": try_login, "remove": remove}
    add_group(app, "server", "Add, show, test and remove servers", commands)


def add(
    name: NameArgument,
    address: Annotated[
        str | None,
        typer.Argument(metavar="[USER@]HOST[:PORT]", help="Where it is; `local` for this machine."),
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    identity: IdentityOption = None,
    host_key: HostKeyOption = None,
    become: BecomeOption = False,
    replace_key: Annotated[
        bool, typer.Option("--replace-key", help="Pin a new key for a server that is there already.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("-y", "--yes", help="Accept the key the host shows, without asking.")
    ] = False,
    test_login: Annotated[
        bool | None,
        typer.Option("--test/--no-test", help="Log in once it is added; asked at a terminal by default."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a server and pin its host key."""
    from tomo.errors import UsageError
    from tomo.service.addresses import parse_address
    from tomo.service.server_edits import NewServer
    from tomo.service.servers import AddServerRequest, ReplaceKeyRequest, Servers
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place

    where, service = place(directory, file, stack), Servers(doors())
    if replace_key:
        target = service.address_of(where, name)
    elif address is None:
        raise UsageError(f"where is `{name}`?", hint=f"`tomo server add {name} [USER@]HOST[:PORT]`")
    else:
        target = parse_address(address)
        service.require_new(where, name)
    keys = tuple(host_key or ())
    if not keys and not target.is_local:
        keys = accepted_keys(service, target, identity, yes=yes)
    if replace_key:
        changed = service.replace_key(ReplaceKeyRequest(where, name, keys))
    else:
        server = NewServer(name, target, keys, identity, become)
        changed = service.add(AddServerRequest(where, server))
    if as_json:
        print_json({"name": name, "address": str(target), "file": str(changed.file), "hostKeys": list(keys)})
    else:
        say(f"Wrote server {name} into {changed.file}.")
    _offer_test(service, where, name, wanted=test_login, as_json=as_json)


def accepted_keys(service: Servers, address: Address, identity: str | None, *, yes: bool) -> tuple[str, ...]:
    """Shows every key of a host; gives the best one once a person has accepted it."""
    from tomo.errors import HostKeyUnknown, UsageError
    from tomo.service.servers import ScanRequest
    from tomo_cli.console import at_terminal, confirm, say

    shown = service.scan(ScanRequest(address, identity))
    say(f"{address} shows these host keys:")
    for key in shown:
        say(f"  {key.kind:<20} {key.fingerprint}")
    say("Compare one with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host itself.")
    if not yes and not at_terminal():
        raise UsageError(
            "there is no terminal to accept the key at",
            hint=f"compare it, then give it: `--host-key '{shown[0].text}'`; `--yes` accepts what is shown",
        )
    if not confirm("Is this the right host?", yes=yes):
        raise HostKeyUnknown(
            f"the host key of `{address}` was not accepted; nothing was written",
            host=address.host,
            hint="find out which key it has, and pin it with `--host-key 'TYPE BASE64'`",
        )
    return (shown[0].text,)


def _offer_test(service: Servers, where: Place, name: str, *, wanted: bool | None, as_json: bool) -> None:
    from tomo.service.servers import TestServersRequest
    from tomo_cli.console import at_terminal, confirm

    if wanted is None:
        wanted = not as_json and at_terminal() and confirm("Log in to try it?", yes=False)
    if wanted:
        result = service.test(TestServersRequest(where, (name,)))
        if not as_json:
            _show_tests(result)
        raise typer.Exit(int(result.exit_code))


def list_(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the fleet's servers."""
    from tomo.service.servers import ListServersRequest, Servers
    from tomo_cli.console import print_json, say, table
    from tomo_cli.doors import doors, place

    views = Servers(doors()).list(ListServersRequest(place(directory, file, stack)))
    if as_json:
        print_json([_view_json(view) for view in views])
    elif not views:
        say("The fleet has no servers yet; add one with `tomo server add NAME USER@HOST`.")
    else:
        rows = [
            (v.name, v.address, v.user or "", v.facts.get("osName") or "", ", ".join(v.apps)) for v in views
        ]
        table(("NAME", "ADDRESS", "USER", "SYSTEM", "APPS"), rows)


def show(
    name: NameArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one server and what was found there."""
    from tomo.service.servers import ListServersRequest, Servers
    from tomo_cli.console import fields, print_json
    from tomo_cli.doors import doors, place

    view = Servers(doors()).show(ListServersRequest(place(directory, file, stack)), name)
    if as_json:
        print_json(_view_json(view))
        return
    fields(
        {
            "name": view.name,
            "address": view.address,
            "user": view.user or "(~/.ssh/config, or your own name)",
            "identity": view.identity or "(ssh agent or default keys)",
            "host key": ", ".join(view.fingerprints) or "(known_hosts decides)",
            "become": "sudo" if view.become else "no",
            "docker": "installed by Tomo" if view.docker else "left alone",
            "lan address": view.lan or "(none)",
            "labels": ", ".join(f"{key}: {text}" for key, text in view.labels.items()) or "(none)",
            "apps": ", ".join(view.apps) or "(none)",
            **facts_lines(view.facts),
        }
    )


def facts_lines(facts: object) -> dict[str, str]:
    """A host's facts as people read them."""
    known = facts if isinstance(facts, dict) else {}
    if not known.get("osName"):
        return {"facts": "(not looked at yet)"}
    return {
        "system": f"{known['osName']}, {known.get('arch', '')}, kernel {known.get('kernel', '')}",
        "cpus": f"{known.get('cpus', '')}",
        "memory": _amount(known.get("memory")),
        "disk free": f"{_amount(known.get('diskFree'))} of {_amount(known.get('disk'))}",
        "docker engine": str(known.get("dockerVersion") or "(none at the last look)"),
    }


def _amount(value: object) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "?"
    return f"{value / (1 << 30):.1f} GiB"


def try_login(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Servers to test; all by default.")
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Log in to servers and say what they are."""
    from tomo.service.servers import Servers, TestServersRequest
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors, place

    result = Servers(doors()).test(TestServersRequest(place(directory, file, stack), tuple(names or ())))
    if as_json:
        print_json([_test_json(each) for each in result.tests])
    else:
        _show_tests(result)
    raise typer.Exit(int(result.exit_code))


def _show_tests(result: LoginTests) -> None:
    from tomo_cli.console import say, show_error, table

    rows = [
        (
            each.name,
            "failed" if each.error else "ok",
            each.facts.get("osName") or "",
            each.facts.get("root") or "",
            each.facts.get("dockerVersion") or ("" if each.error else "none yet"),
            f"{each.seconds:.2f} s",
        )
        for each in result.tests
    ]
    table(("NAME", "LOGIN", "SYSTEM", "ROOT", "DOCKER", "TOOK"), rows)
    for each in result.tests:
        if each.error is not None:
            show_error(each.error)
        elif each.warning:
            say(f"warning: {each.name}: {each.warning}")


def remove(
    name: NameArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take a server out of the fleet."""
    from tomo.service.servers import ListServersRequest, RemoveServerRequest, Servers
    from tomo_cli.console import confirm, print_json, say
    from tomo_cli.doors import doors, place

    where, service = place(directory, file, stack), Servers(doors())
    service.show(ListServersRequest(where), name)
    if not confirm(f"Take server {name} out of the fleet? The machine itself is left alone.", yes=yes):
        say("Nothing was done.")
        raise typer.Exit(1)
    changed = service.remove(RemoveServerRequest(where, name))
    if as_json:
        print_json({"name": name, "file": str(changed.file)})
    else:
        say(f"Took server {name} out of {changed.file}.")


def _view_json(view: ServerView) -> dict[str, object]:
    from tomo.model.values import masked

    return {
        "name": view.name,
        "address": view.address,
        "user": view.user,
        "identity": view.identity,
        "hostKeys": list(view.fingerprints),
        "become": view.become,
        "docker": view.docker,
        "lan": view.lan,
        "labels": dict(view.labels),
        "apps": list(view.apps),
        "facts": masked(dict(view.facts)),
    }


def _test_json(test: LoginTest) -> dict[str, object]:
    error = test.error
    return {
        "name": test.name,
        "ok": error is None,
        "seconds": round(test.seconds, 3),
        "facts": dict(test.facts),
        "warning": test.warning,
        "error": {"code": error.code, "message": str(error), "hint": error.hint} if error else None,
    }
