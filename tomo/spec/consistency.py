"""Whether an app definition holds together: every name it uses is one it declares."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from tomo.spec import template
from tomo.spec.app import AppDefinition, Input, Service, When
from tomo.spec.base import InputRef
from tomo.spec.inputs import NOT_GENERATED, complaint
from tomo.spec.near import did_you_mean
from tomo.spec.problems import Finding
from tomo.spec.shown import shown


def inconsistencies(app: AppDefinition) -> list[Finding]:
    """Every mistake that the definition shows by itself."""
    return [finding for check in _CHECKS for finding in check(app)]


def unsupported(app: AppDefinition) -> list[Finding]:
    """Every field in use that this version understands but does not act on; refused by name."""
    found = [(path, shown_as) for path, shown_as, used in _unsupported_uses(app) if used]
    return [(path, f"this version does not support `{name}`", "remove it") for path, name in found]


def dangling_references(value: object, inputs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Messages and hints for each input that a value refers to and the app does not have."""
    known = list(inputs)
    for name in referred_inputs(value):
        if name not in known:
            yield (
                f"the app has no input `{shown(name)}`",
                did_you_mean(name, known, "declare it under `inputs`"),
            )


def referred_inputs(value: object) -> list[str]:
    """The inputs that a text or `{input: NAME}` refers to."""
    if isinstance(value, InputRef):
        return [value.input]
    if isinstance(value, str):
        return [reference.input for reference in template.references(value) if reference.input]
    return []


def used_values(app: AppDefinition) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Every value that may hold references, with its path."""
    for name, service in app.services.items():
        at = ("services", name)
        yield from (((*at, "env", key), value) for key, value in service.env.items())
        yield from (((*at, "labels", key), value) for key, value in service.labels.items())
        yield from (((*at, "command", index), value) for index, value in enumerate(service.command or ()))
        yield from (
            ((*at, "entrypoint", index), value) for index, value in enumerate(service.entrypoint or ())
        )
        yield from (
            ((*at, "mounts", index, "host"), mount.host) for index, mount in enumerate(service.mounts)
        )
        if service.healthcheck:
            tests = enumerate(service.healthcheck.test)
            yield from (((*at, "healthcheck", "test", index), value) for index, value in tests)
    yield from ((("files", index, "content"), file.content) for index, file in enumerate(app.files))
    if app.login:
        yield ("login", "username"), app.login.username
        yield ("login", "password"), app.login.password


# --- checks ------------------------------------------------------------------------------------------


def _references(app: AppDefinition) -> Iterator[Finding]:
    names = [entry.name for entry in app.inputs]
    for path, value in used_values(app):
        yield from ((path, *words) for words in dangling_references(value, names))


def _secret_files(app: AppDefinition) -> Iterator[Finding]:
    names = [entry.name for entry in app.inputs]
    for key, service in app.services.items():
        for index, file in enumerate(service.secrets):
            path = ("services", key, "secrets", index)
            if file.input and file.input not in names:
                hint = did_you_mean(file.input, names, "declare it under `inputs`")
                yield path, f"the app has no input `{shown(file.input)}`", hint


def _conditions(app: AppDefinition) -> Iterator[Finding]:
    for path, when in _whens(app):
        entry = app.input(when.input)
        if entry is None:
            known = [known.name for known in app.inputs]
            yield path, f"the app has no input `{shown(when.input)}`", did_you_mean(when.input, known)
        elif entry.secret or entry.generate:
            yield (
                path,
                f"`when` depends on the secret `{when.input}`",
                "let it depend on an input that is no secret",
            )
        elif problem := complaint(entry, when.equals):
            yield path, f"`equals` {problem}", "write a value the input can have"


def _whens(app: AppDefinition) -> Iterator[tuple[tuple[str | int, ...], When]]:
    for key, service in app.services.items():
        at = ("services", key)
        if service.when:
            yield (*at, "when"), service.when
        for index, mount in enumerate(service.mounts):
            if mount.when:
                yield (*at, "mounts", index, "when"), mount.when
        for index, device in enumerate(service.devices):
            if device.when:
                yield (*at, "devices", index, "when"), device.when


def _inputs(app: AppDefinition) -> Iterator[Finding]:
    for index, entry in enumerate(app.inputs):
        path = ("inputs", index)
        yield from ((path, *words) for words in _input(entry))
        if not (entry.required or entry.default is not None or entry.generate) and not _may_be_left_out(
            app, entry
        ):
            message = f"input `{entry.name}` may have no value, and is part of a text"
            yield path, message, 'write `required: true` or `default: ""`'
    for name, count in Counter(entry.name for entry in app.inputs).items():
        if count > 1:
            yield ("inputs",), f"input `{shown(name)}` is declared {count} times", "keep one of them"


def _may_be_left_out(app: AppDefinition, entry: Input) -> bool:
    """Whether every use is a whole variable, which is left out where its input has no value."""
    return all(
        isinstance(value, InputRef) and path[2:3] == ("env",)
        for path, value in used_values(app)
        if entry.name in referred_inputs(value)
    )


def _input(entry: Input) -> Iterator[tuple[str, str]]:
    rules = entry.validate_
    if rules and rules.pattern:
        try:
            re.compile(rules.pattern)
        except re.error as error:
            yield f"the pattern of `{entry.name}` is no regular expression: {shown(str(error))}", "correct it"
            return
    if entry.default is not None and (problem := complaint(entry, entry.default)):
        yield f"the default of `{entry.name}` {problem}", "correct the default or the rule"


def _names(app: AppDefinition) -> Iterator[Finding]:
    for key, service in app.services.items():
        found = _service_names(app, key, service)
        yield from ((("services", key, *path), message, hint) for path, message, hint in found)
    ports = Counter(port.name for _, port in app.ports())
    for name, count in ports.items():
        if count > 1:
            yield ("services",), f"{count} ports are called `{name}`", "give each port a name of its own"


def _service_names(app: AppDefinition, key: str, service: Service) -> Iterator[Finding]:
    networks = {"default", *app.networks}
    for index, mount in enumerate(service.mounts):
        if mount.volume and mount.volume not in app.volumes:
            hint = did_you_mean(mount.volume, app.volumes, f"add `{mount.volume}: {{}}` under `volumes`")
            yield ("mounts", index), f"the app has no volume `{mount.volume}`", hint
    for path, count in Counter(_container_paths(app, key, service)).items():
        if count > 1:
            yield ("mounts",), f"`{path}` is mounted {count} times", "keep one of them"
    for index, network in enumerate(service.networks):
        if network not in networks:
            hint = did_you_mean(network, networks, "declare it under `networks`")
            yield ("networks", index), f"the app has no network `{network}`", hint
    for other, condition in service.depends_on.items():
        yield from ((("depends_on", other), *words) for words in _dependency(app, other, condition))


def _container_paths(app: AppDefinition, key: str, service: Service) -> Iterator[str]:
    yield from (mount.path for mount in service.mounts if mount.when is None)
    yield from (secret.path for secret in service.secrets)
    yield from (file.path for file in app.files if file.service == key)


def _dependency(app: AppDefinition, other: str, condition: str) -> Iterator[tuple[str, str]]:
    needed = app.services.get(other)
    if needed is None:
        yield f"the app has no service `{other}`", did_you_mean(other, app.services)
    elif condition == "healthy" and needed.healthcheck is None:
        yield (
            f"`{other}` has no `healthcheck` to become healthy by",
            f"add one to `{other}`, or write `started`",
        )
    elif condition == "completed" and not needed.oneshot:
        yield f"`{other}` does not end by itself", f"write `oneshot: true` at `{other}`, or `started` here"


def _cycles(app: AppDefinition) -> Iterator[Finding]:
    graph = {
        key: [other for other in each.depends_on if other in app.services]
        for key, each in app.services.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        yield ("services",), f"services wait for one another: {circle}", "remove one `depends_on`"


def _web(app: AppDefinition) -> Iterator[Finding]:
    for index, file in enumerate(app.files):
        if file.service not in app.services:
            hint = did_you_mean(file.service, app.services)
            yield ("files", index, "service"), f"the app has no service `{file.service}`", hint
    if app.web is None:
        return
    service = app.services.get(app.web.service)
    if service is None:
        hint = did_you_mean(app.web.service, app.services)
        yield ("web", "service"), f"the app has no service `{app.web.service}`", hint
    elif app.web_port() is None and service.network_mode != "host":
        message = f"`{app.web.service}` has no port {app.web.port} under `ports`"
        yield ("web", "port"), message, f"add `{{name: web, container: {app.web.port}}}` there"


def _backup(app: AppDefinition) -> Iterator[Finding]:
    block = app.backup
    if block is None:
        return
    if block.stop and (block.pre or block.post):
        message = "`pre` and `post` run in a service, which `stop` stops"
        yield ("backup", "stop"), message, "write either the commands or `stop`"
    for when, commands in (("pre", block.pre), ("post", block.post)):
        for index, argv in enumerate(commands):
            if not argv or not argv[0]:
                hint = 'such as `["pg_dumpall", "-f", "/data/dump"]`'
                yield ("backup", when, index), "a command has at least its name", hint


def _updates(app: AppDefinition) -> Iterator[Finding]:
    """Two of one container at once: both answer requests, and neither writes what the other has."""
    for key, service in app.services.items():
        if service.update_order != "start-first":
            continue
        path = ("services", key, "update_order")
        if app.web is None or app.web.service != key:
            yield path, f"`{key}` serves no page, and so nothing waits for a second one of it", "remove it"
        elif service.healthcheck is None:
            message = f"nobody knows when a second `{key}` may take requests"
            yield path, message, f"add a `healthcheck` to `{key}`"
        for mount in service.mounts:
            if mount.source_kind != "tmpfs" and not mount.read_only:
                message = f"two of `{key}` would write to `{mount.path}` at once"
                yield path, message, "remove it, or mount that `read_only: true`"


_CHECKS: Final[tuple[Callable[[AppDefinition], Iterable[Finding]], ...]] = (
    _references,
    _secret_files,
    _conditions,
    _inputs,
    _names,
    _cycles,
    _web,
    _backup,
    _updates,
)


# --- not supported yet -------------------------------------------------------------------------------


def _unsupported_uses(app: AppDefinition) -> Iterator[tuple[tuple[str | int, ...], str, Any]]:
    yield ("run_as",), "run_as", app.run_as
    yield ("requirements", "kernel"), "kernel", app.requirements.kernel
    yield ("requirements", "gpu"), "gpu: required", app.requirements.gpu == "required"
    yield ("exposure", "proxy_auth"), "proxy_auth", app.exposure.proxy_auth
    yield ("web", "host"), "web.host", app.web and app.web.host
    for index, entry in enumerate(app.inputs):
        kind = entry.generate.kind if entry.generate else ""
        yield ("inputs", index, "generate"), f"generate: {kind}", kind in NOT_GENERATED
    for key, service in app.services.items():
        yield from (
            (("services", key, *path), name, used) for path, name, used in _unsupported_service(service)
        )


def _unsupported_service(service: Service) -> Iterator[tuple[tuple[str | int, ...], str, Any]]:
    yield ("images",), "images", service.images
    yield ("overrides",), "overrides", service.overrides
    yield ("env_files",), "env_files", service.env_files
    yield ("pull",), f"pull: {service.pull}", service.pull != "missing"
    yield ("replicas",), "replicas", service.replicas > 1
    yield ("resources", "pids"), "pids", service.resources and service.resources.pids
    rules = service.security.device_cgroup_rules
    yield ("security", "device_cgroup_rules"), "device_cgroup_rules", rules
    for index, device in enumerate(service.devices):
        yield ("devices", index), "devices.optional", device.optional
