"""A fleet held against a catalog: apps, inputs, ports and reach, every mistake at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from tomo.errors import Problem
from tomo.frozen import frozen
from tomo.spec.app import HIGHEST_PORT, AppDefinition, Input
from tomo.spec.base import SecretRef
from tomo.spec.consistency import dangling_references, unsupported
from tomo.spec.fleet import EVERYWHERE, App, Fleet, Server, ServiceSettings
from tomo.spec.inputs import complaint, input_values
from tomo.spec.load import LoadedFleet
from tomo.spec.near import did_you_mean
from tomo.spec.overlay import Binding, bindings, overlaid
from tomo.spec.problems import Finding, in_order, located
from tomo.spec.routes import listener_clash, listeners, name_clashes, route_findings
from tomo.spec.shown import shown

Lookup: TypeAlias = Callable[[str], AppDefinition | None]
"""The catalog's app of an id; None where there is none."""

_SECRET_WORDS: Final = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PASS|SECRET|TOKEN|APIKEY|API_KEY|PRIVATE_KEY)(?:$|_)"
)
_NOT_SECRET: Final = re.compile(r"_(?:FILE|PATH|URL|MODE|LENGTH|EXPIRY|TTL|USER|NAME)$")


@frozen
class Subject:
    """One app under check."""

    name: str
    app: App
    definition: AppDefinition
    servers: tuple[tuple[str, Server], ...]
    """The servers it runs on, with their names."""


def check_fleet(loaded: LoadedFleet, lookup: Lookup, known_ids: Sequence[str] = ()) -> list[Problem]:
    """Every mistake that shows only with the catalog; an empty list where there is none.

    Apps with `state: absent` must exist, so that it is known what there is to remove.
    """
    subjects, findings = _subjects(loaded.fleet, lookup, known_ids)
    for subject in subjects:
        if subject.app.present:
            findings += [finding for check in _CHECKS for finding in check(subject)]
    present = [subject for subject in subjects if subject.app.present]
    findings += [*_port_clashes(present), *name_clashes(present), *_dependencies(present)]
    return in_order(located(loaded.document, findings))


def warn_fleet(loaded: LoadedFleet, lookup: Lookup) -> list[Problem]:
    """What is allowed and still worth a word: secrets in the open, apps that are no longer kept up."""
    subjects, _ = _subjects(loaded.fleet, lookup, ())
    findings = [finding for subject in subjects if subject.app.present for finding in _open_secrets(subject)]
    for subject in subjects:
        if subject.app.present and subject.definition.status == "deprecated":
            message = f"`{subject.definition.id}` is deprecated"
            findings.append(
                (("apps", subject.name), message, "look for a successor with `tomo catalog search`")
            )
    return in_order(located(loaded.document, findings))


def _subjects(fleet: Fleet, lookup: Lookup, known_ids: Sequence[str]) -> tuple[list[Subject], list[Finding]]:
    subjects: list[Subject] = []
    findings: list[Finding] = []
    for name, app in fleet.apps.items():
        definition = app.definition or lookup(app.catalog_id)
        if definition is None:
            hint = did_you_mean(app.catalog_id, known_ids, "`tomo catalog list` shows all")
            findings.append(
                (("apps", name, "app"), f"the catalog has no app `{shown(app.catalog_id)}`", hint)
            )
        else:
            servers = tuple((server, fleet.servers[server]) for server in fleet.servers_of(app))
            subjects.append(Subject(name, app, definition, servers))
    return subjects, findings


# --- one app -----------------------------------------------------------------------------------------


def _status(subject: Subject) -> Iterator[Finding]:
    definition, path = subject.definition, ("apps", subject.name)
    wanted = subject.app.version
    if wanted not in {None, definition.version} and subject.app.rolled_back_to is None:
        message = (
            f"the catalog has version {definition.version} of `{definition.id}`, not {shown(str(wanted))}"
        )
        hint = f"`tomo app update {subject.name}` shows what {definition.version} brings; or remove the line"
        yield (*path, "version"), message, hint
    if definition.status == "disabled":
        yield (
            (*path, "app"),
            f"`{definition.id}` is disabled in the catalog",
            "`tomo catalog search` finds others",
        )
    for field, message, _ in unsupported(definition):
        where = ".".join(map(str, field))
        if subject.app.definition:
            yield (*path, "definition", *field), message, "remove it"
        else:
            yield (
                (*path, "app"),
                f"`{definition.id}` needs `{where}`: {message}",
                "use a definition of your own",
            )


def _inputs(subject: Subject) -> Iterator[Finding]:
    definition, app, path = subject.definition, subject.app, ("apps", subject.name)
    known = [entry.name for entry in definition.inputs if not entry.hidden]
    for name, value in app.inputs.items():
        entry = definition.input(name)
        if entry is None:
            hint = did_you_mean(name, known, f"`{definition.id}` takes no inputs")
            yield (*path, "inputs", name), f"`{definition.id}` has no input `{shown(name)}`", hint
        else:
            yield from (((*path, "inputs", name), *words) for words in _input_value(subject, entry, value))
    values = input_values(subject.name, definition, app)
    for entry in definition.inputs:
        if entry.required and entry.name not in values:
            yield (
                (*path, "inputs"),
                f"input `{entry.name}` of `{definition.id}` is missing",
                _how_to_set(subject, entry),
            )


def _input_value(subject: Subject, entry: Input, value: str | SecretRef) -> Iterator[tuple[str, str]]:
    if isinstance(value, SecretRef):
        return
    if entry.secret:
        yield f"the secret `{entry.name}` stands here in the open", _how_to_set(subject, entry)
    elif entry.required and not value:
        yield f"`{entry.name}` is empty", f"write a value, such as `{entry.placeholder or '…'}`"
    elif (value or entry.required) and (problem := complaint(entry, value)):
        hint = (
            f"such as `{entry.placeholder}`"
            if entry.placeholder
            else f"`tomo catalog show {subject.definition.id}`"
        )
        yield f"`{entry.name}` {problem}, not `{shown(value)}`", hint


def _how_to_set(subject: Subject, entry: Input) -> str:
    if not entry.secret:
        return f"add `{entry.name}: {entry.placeholder or '…'}` under `inputs`"
    name = f"{subject.name}.{entry.name}"
    return f"run `tomo secret set {name}` and write `{entry.name}: {{secret: {name}}}`"


def _settings(subject: Subject) -> Iterator[Finding]:
    definition, app, path = subject.definition, subject.app, ("apps", subject.name)
    ports = [port.name for _, port in definition.ports()]
    for name in app.ports:
        if name not in ports:
            hint = did_you_mean(name, ports, f"`{definition.id}` publishes no port")
            yield (*path, "ports", name), f"`{definition.id}` has no port `{name}`", hint
    for name in app.services:
        if name not in definition.services:
            hint = did_you_mean(name, definition.services)
            yield (*path, "services", name), f"`{definition.id}` has no service `{name}`", hint
    yield from (((*path, "names", *field), *words) for field, words in _names(definition, app))
    own = ServiceSettings(env=app.env, mounts=app.mounts, secrets=app.secrets)
    for at, settings in [((), own), *((("services", name), each) for name, each in app.services.items())]:
        yield from (
            ((*path, *at, *field), *words) for field, words in _setting_references(definition, settings)
        )


def _names(definition: AppDefinition, app: App) -> Iterator[tuple[tuple[str | int, ...], tuple[str, str]]]:
    networks = ("default", *definition.networks, *app.networks)
    known: Mapping[str, tuple[str, Iterable[str], Iterable[str]]] = {
        "containers": ("service", app.names.containers, definition.services),
        "aliases": ("service", app.names.aliases, definition.services),
        "volumes": ("volume", app.names.volumes, definition.volumes),
        "networks": ("network", app.names.networks, networks),
    }
    for field, (noun, given, there) in known.items():
        for name in given:
            if name not in there:
                hint = did_you_mean(name, list(there), f"`{definition.id}` has no {noun}s")
                yield (field, name), (f"`{definition.id}` has no {noun} `{name}`", hint)


def _setting_references(
    definition: AppDefinition, settings: ServiceSettings
) -> Iterator[tuple[tuple[str | int, ...], tuple[str, str]]]:
    inputs = [entry.name for entry in definition.inputs]
    for name, value in settings.env.items():
        yield from ((("env", name), words) for words in dangling_references(value, inputs))
    for index, mount in enumerate(settings.mounts):
        yield from ((("mounts", index), words) for words in dangling_references(mount.host, inputs))
        if mount.volume and mount.volume not in definition.volumes:
            hint = did_you_mean(
                mount.volume, definition.volumes, "write `host: /PATH` for a folder of the server"
            )
            yield ("mounts", index), (f"`{definition.id}` has no volume `{mount.volume}`", hint)
    for index, file in enumerate(settings.secrets):
        if file.input and file.input not in inputs:
            yield (
                ("secrets", index),
                (f"`{definition.id}` has no input `{file.input}`", did_you_mean(file.input, inputs)),
            )


def _reach(subject: Subject) -> Iterator[Finding]:
    path = ("apps", subject.name)
    if (length := _uneven_ports(subject)) is not None:
        yield (
            (*path, "ports", length),
            f"port `{length}` is a range of another length",
            "give as many ports as it has",
        )
        return
    definition = overlaid(subject.name, subject.definition, subject.app)
    reaches = {port.expose for _, port in definition.ports()}
    if "public" in reaches and not definition.exposure.allowed:
        message = f"`{definition.id}` must not be reached from everywhere"
        yield (*path, "exposure"), message, "write `exposure: lan`, or `local` behind a proxy"
    for name, server in subject.servers:
        if "lan" in reaches and server.lan_address is None:
            message = f"`lan` needs an address of server `{name}` in the local network"
            yield path, message, f"write `lan: 192.168.1.10`, with its own address, under `servers.{name}`"


def _uneven_ports(subject: Subject) -> str | None:
    for _, port in subject.definition.ports():
        setting = subject.app.ports.get(port.name)
        if setting and setting.host and ("-" in setting.host) != ("-" in port.container):
            return port.name
        if setting and setting.host and "-" in setting.host:
            first, last = map(int, setting.host.split("-"))
            if last - first + 1 != len(port.pairs()):
                return port.name
    return None


_CHECKS: Final[tuple[Callable[[Subject], Iterable[Finding]], ...]] = (
    _status,
    _inputs,
    _settings,
    _reach,
    route_findings,
)


# --- apps together -----------------------------------------------------------------------------------


def _port_clashes(subjects: Iterable[Subject]) -> Iterator[Finding]:
    taken: dict[tuple[str, int, str], list[tuple[Subject, Binding]]] = {}
    for subject in subjects:
        if _uneven_ports(subject) is not None:
            continue
        definition = overlaid(subject.name, subject.definition, subject.app)
        for server_name, server in subject.servers:
            for binding in bindings(definition, server):
                key = (server_name, binding.host, binding.protocol)
                others = taken.setdefault(key, [])
                clash = next((other for other in others if _overlap(other[1].address, binding.address)), None)
                if clash is not None:
                    yield _clash(subject, binding, clash, server_name)
                elif listener_clash(listeners(server_name, server), server_name, binding):
                    yield _clash(subject, binding, None, server_name)
                others.append((subject, binding))


def _overlap(one: str, other: str) -> bool:
    return one == other or EVERYWHERE in (one, other)


def _clash(subject: Subject, binding: Binding, other: tuple[Subject, Binding] | None, server: str) -> Finding:
    """Two that want one port; `other` is the first of them, None for the server's proxy."""
    owner = f"app `{other[0].name}` (port `{other[1].port}`)" if other else "the server's `proxy`"
    message = f"port {binding.host}/{binding.protocol} of server `{server}` is taken by {owner}"
    written = subject.app.ports.get(binding.port)
    path = ("ports", binding.port) if written else ()
    free = binding.host % HIGHEST_PORT + 1
    return ("apps", subject.name, *path), message, f"write another one: `ports: {{{binding.port}: {free}}}`"


def _dependencies(subjects: Sequence[Subject]) -> Iterator[Finding]:
    placed: dict[str, set[str]] = {}
    for subject in subjects:
        for server, _ in subject.servers:
            here = placed.setdefault(server, set())
            here |= {subject.definition.id, subject.definition.short_id}
    for subject in subjects:
        needed = [each.app for each in subject.definition.dependencies if not each.optional]
        for server, _ in subject.servers if needed else ():
            for app in needed:
                if app not in placed[server]:
                    message = f"`{subject.definition.id}` needs the app `{app}` on server `{server}`"
                    yield (
                        ("apps", subject.name),
                        message,
                        f"add it with `tomo app add {app} --server {server}`",
                    )


# --- warnings ----------------------------------------------------------------------------------------


def _open_secrets(subject: Subject) -> Iterator[Finding]:
    path = ("apps", subject.name)
    groups: list[tuple[tuple[str, ...], Mapping[str, object]]] = [((*path, "env"), subject.app.env)]
    groups += [((*path, "services", name, "env"), each.env) for name, each in subject.app.services.items()]
    for at, env in groups:
        for name, value in env.items():
            if isinstance(value, str) and value and "${" not in value and looks_secret(name):
                secret = f"{subject.name}.{name}"
                hint = f"run `tomo secret set {secret}` and write `{{secret: {secret}}}`"
                yield (*at, name), f"`{shown(name)}` looks like a secret and stands here in the open", hint


def looks_secret(variable: str) -> bool:
    """Whether a variable's name says that its value is a secret."""
    upper = variable.upper()
    return bool(_SECRET_WORDS.search(upper)) and not _NOT_SECRET.search(upper)
