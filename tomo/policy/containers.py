"""Rules about what a container may do to its host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.step import Step
from tomo.model.urn import Urn
from tomo.model.values import Unknown, Value
from tomo.policy.rule import Case, Options, Violation, texts
from tomo.policy.values import (
    clean_path,
    field,
    items,
    lies_in,
    matches,
    member,
    name_of,
    opened,
    shown,
    untold,
)
from tomo.resources.tokens import CONTAINER, FILE, VOLUME

SOCKETS: Final = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
)
"""Whoever may write to one of these owns the host."""
_NAMESPACES: Final = {
    "pidMode": "processes",
    "ipcMode": "shared memory",
    "usernsMode": "user ids",
    "cgroupnsMode": "control groups",
}
_UNCONFINED: Final = {
    "apparmor=unconfined": "AppArmor",
    "apparmor:unconfined": "AppArmor",
    "seccomp=unconfined": "seccomp",
    "seccomp:unconfined": "seccomp",
    "systempaths=unconfined": "the masks over /proc and /sys",
    "label=disable": "SELinux",
    "label:disable": "SELinux",
}


def privileged(case: Case, _options: Options) -> Iterator[Violation]:
    """Containers that run privileged."""
    for step, entry in case.after(CONTAINER):
        value = field(entry, "privileged")
        if isinstance(value, Unknown):
            yield untold(step, "privileged")
        elif value is True:
            yield Violation(
                step.urn,
                "privileged",
                f"`{name_of(entry)}` runs privileged: it owns its host",
                "give it only the `cap_add` and `devices` that it needs",
            )


def host_network(case: Case, _options: Options) -> Iterator[Violation]:
    """Containers in the host's network."""
    for step, entry in case.after(CONTAINER):
        value = field(entry, "networkMode")
        if isinstance(value, Unknown):
            yield untold(step, "networkMode")
        elif value == "host":
            yield Violation(
                step.urn,
                "networkMode",
                f"`{name_of(entry)}` uses its host's network: every port it opens is the host's",
                "leave the mode out and publish its `ports`",
            )


def host_namespaces(case: Case, _options: Options) -> Iterator[Violation]:
    """Containers that share other things of the host."""
    for step, entry in case.after(CONTAINER):
        for name, what in _NAMESPACES.items():
            value = field(entry, name)
            if isinstance(value, Unknown):
                yield untold(step, name)
            elif value == "host":
                message = f"`{name_of(entry)}` shares the {what} of its host"
                yield Violation(step.urn, name, message, f"leave `{name}` out")


def unconfined(case: Case, _options: Options) -> Iterator[Violation]:
    """Containers with a kernel guard turned off."""
    for step, entry in case.after(CONTAINER):
        for path, value in items(entry, "securityOpts"):
            if isinstance(value, Unknown):
                yield untold(step, path)
            elif value in _UNCONFINED:
                message = f"`{name_of(entry)}` runs without {_UNCONFINED[str(value)]}"
                yield Violation(step.urn, path, message, f"leave `{value}` out")


def capabilities(case: Case, options: Options) -> Iterator[Violation]:
    """Containers with capabilities beyond those that are allowed."""
    allowed = {_capability(name) for name in texts(options)}
    for step, entry in case.after(CONTAINER):
        given = opened(member(field(entry, "capabilities"), "adds"))
        if isinstance(given, Unknown):
            yield untold(step, "capabilities.adds")
        for index, item in enumerate(given if isinstance(given, (list, tuple)) else ()):
            path, value = f"capabilities.adds[{index}]", opened(item)
            if isinstance(value, Unknown):
                yield untold(step, path)
            elif _capability(str(value)) not in allowed:
                message = f"`{name_of(entry)}` gets the capability `{_capability(str(value))}`"
                yield Violation(step.urn, path, message, "leave it out, or allow it to this rule: `allow`")


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def devices(case: Case, options: Options) -> Iterator[Violation]:
    """Containers with devices of the host beyond those that are allowed."""
    allowed = texts(options)
    for step, entry in case.after(CONTAINER):
        for path, item in items(entry, "devices"):
            given = member(item, "hostPath")
            value = opened(given)
            if isinstance(value, Unknown):
                yield untold(step, f"{path}.hostPath")
            elif not matches(clean_path(str(value)), allowed):
                message = f"`{name_of(entry)}` gets the device {shown(value, given)} of its host"
                yield Violation(step.urn, f"{path}.hostPath", message, "leave it out, or allow it: `allow`")
        yield from _other_devices(step, entry, allowed)


def _other_devices(step: Step, entry: ResourceState, allowed: tuple[str, ...]) -> Iterator[Violation]:
    for name, word in (("gpus", "gpus"), ("deviceRequests", "gpus")):
        if entry.inputs.get(name) not in (None, "", [], ()) and word not in allowed:
            message = f"`{name_of(entry)}` gets graphics processors of its host"
            yield Violation(step.urn, name, message, "leave it out, or allow it: `allow: [gpus]`")


# --- folders of the host -----------------------------------------------------------------------------


@frozen
class Bind:
    """A path of the host that a container sees: as it stands in the inputs, and opened."""

    step: Step
    field: str
    given: Value

    @property
    def path(self) -> Value:
        """The clean path, or an unknown."""
        value = opened(self.given)
        return value if isinstance(value, Unknown) else clean_path(str(value))

    @property
    def is_own_file(self) -> bool:
        """Whether it is the path of a file resource, which is a rule's affair of its own."""
        value = opened(self.given)
        source = value.source if isinstance(value, Unknown) else ""
        return bool(source) and Urn(source.rpartition(".")[0]).type == FILE

    @property
    def told(self) -> str:
        """The path in a message."""
        return shown(opened(self.given), self.given)


def binds(case: Case) -> Iterator[Bind]:
    """Every path of a host that the plan gives to a container, or to a volume that stands for it."""
    for step, entry in case.after(CONTAINER):
        for path, item in items(entry, "volumes"):
            given = member(item, "hostPath")
            if given not in (None, ""):
                yield Bind(step, f"{path}.hostPath", given)
        for path, item in items(entry, "mounts"):
            kind = opened(member(item, "type"))
            if kind == "bind" or isinstance(kind, Unknown):
                yield Bind(step, f"{path}.source", member(item, "source"))
            yield from _driven(step, f"{path}.volumeOptions.driverOptions", _driver_options(item))
    for step, entry in case.after(VOLUME):
        yield from _driven(step, "driverOpts", field(entry, "driverOpts"))


def _driver_options(mount: Value) -> Value:
    return opened(member(opened(member(mount, "volumeOptions")), "driverOptions"))


def _driven(step: Step, path: str, options: Value) -> Iterator[Bind]:
    """A volume of the local driver may be a folder of the host: `{type: none, o: bind, device: /etc}`."""
    if isinstance(options, Unknown):
        yield Bind(step, path, options)
        return
    kind, how = opened(member(options, "type")), opened(member(options, "o"))
    bound = isinstance(how, Unknown) or "bind" in str(how or "").split(",")
    if bound or kind == "bind":
        yield Bind(step, f"{path}.device", member(options, "device"))


def docker_socket(case: Case, _options: Options) -> Iterator[Violation]:
    """Containers that reach the host's Docker."""
    for bind in binds(case):
        if isinstance(bind.path, Unknown):
            if not bind.is_own_file:
                yield untold(bind.step, bind.field)
        elif any(lies_in(socket, [str(bind.path)]) for socket in SOCKETS):
            yield Violation(
                bind.step.urn,
                bind.field,
                f"`{name_of(bind.step.entry)}` reaches its host's Docker by {bind.told}: it owns the host",
                "put a proxy between that lets through what it needs",
            )


def bind_mounts(case: Case, options: Options) -> Iterator[Violation]:
    """Containers that see folders of the host outside of those that are allowed."""
    allowed = texts(options)
    for bind in binds(case):
        if isinstance(bind.path, Unknown):
            if not bind.is_own_file:
                yield untold(bind.step, bind.field)
        elif not lies_in(str(bind.path), allowed):
            yield Violation(
                bind.step.urn,
                bind.field,
                f"`{name_of(bind.step.entry)}` sees {bind.told} of its host",
                "keep its data in a volume, or allow the folder to this rule: `allow`",
            )
