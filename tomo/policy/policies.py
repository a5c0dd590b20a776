"""The policies in force: which rules, how strict each is, what it allows, whom it leaves out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from typing import Final

from tomo.frozen import frozen
from tomo.model.finding import Level, Quorum
from tomo.policy import acts, containers, images, ports, removals, roads
from tomo.policy.rule import Case, Options, Rule, Violation
from tomo.resources.tokens import HOST_FOLDER


@frozen
class BuiltIn:
    """A rule that comes with Tomo."""

    name: str
    summary: str
    look: Callable[[Case, Options], Iterable[Violation]]

    def check(self, case: Case, options: Options) -> Iterable[Violation]:
        """Everything in the plan that is against it."""
        return self.look(case, options)


BUILT_IN: Final[Mapping[str, BuiltIn]] = {
    name: BuiltIn(name, summary, look)
    for name, summary, look in (
        ("privileged", "containers that run privileged", containers.privileged),
        ("docker-socket", "containers that reach the host's Docker", containers.docker_socket),
        ("host-network", "containers in the host's network", containers.host_network),
        (
            "host-namespaces",
            "containers that share the host's processes or memory",
            containers.host_namespaces,
        ),
        ("unconfined", "containers without a kernel guard", containers.unconfined),
        ("capabilities", "capabilities beyond the allowed ones", containers.capabilities),
        ("devices", "devices beyond the allowed ones", containers.devices),
        ("bind-mount", "folders of the host outside the allowed ones", containers.bind_mounts),
        ("host-file", "files written outside the allowed folders", acts.host_files),
        ("public-port", "ports opened to every network", ports.public_ports),
        ("image-source", "images from elsewhere than allowed", images.image_sources),
        ("image-digest", "images not pinned to a digest", images.image_digests),
        ("image-build", "images built from a folder", images.image_builds),
        ("data-removal", "volumes whose data is lost", removals.data_removals),
        ("deletes", "resources that are removed", removals.deletes),
        ("replaces", "resources that are replaced", removals.replaces),
        ("new-host", "hosts that were not there before", roads.new_hosts),
        ("changed-host", "hosts with another address, key or login", roads.changed_hosts),
        ("commands", "commands of a program's own", acts.commands),
    )
}
"""Every rule of Tomo's own by its name, in the order in which people see them."""


@frozen
class Setting:
    """A rule as it is in force. `origin` says who set it: a built-in set, a file, a distribution.

    `exempt` are names of resources and apps that it does not look at; `version` is that of the
    distribution which brought the rule.
    """

    rule: Rule
    level: Level
    options: Options = field(default_factory=dict)
    quorum: Quorum = Quorum()
    exempt: tuple[str, ...] = ()
    origin: str = ""
    version: str = ""


@frozen
class Policies:
    """All rules with their settings. `everything` has rules look at what stays as it is, too.

    `auto_approve` names classes of harmless changes that need no approval.
    """

    settings: tuple[Setting, ...]
    everything: bool = False
    auto_approve: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 in hex of what the policies say, wherever they are written."""
        said = [
            [
                each.rule.name,
                each.level.value,
                dict(each.options),
                [each.quorum.approvers, each.quorum.role, each.quorum.distinct_person],
                list(each.exempt),
                each.version,
            ]
            for each in self.settings
        ]
        text = json.dumps([said, self.everything, list(self.auto_approve)], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def with_settings(self, changed: Iterable[Setting]) -> Policies:
        """The same with some rules set otherwise, or added."""
        by_name = {each.rule.name: each for each in self.settings}
        by_name.update({each.rule.name: each for each in changed})
        return replace(self, settings=tuple(by_name.values()))


# --- the sets that come with Tomo --------------------------------------------------------------------

_DOCKERS_CAPABILITIES: Final = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
)  # fmt: skip
"""What Docker gives every container by itself."""
_DATA_FOLDERS: Final = ("/srv", "/mnt", "/media", "/data", "/opt", "/home", HOST_FOLDER)
_CLOCK: Final = ("/etc/localtime", "/etc/timezone")
_WARN, _ASK, _DENY, _OFF = Level.WARN, Level.REQUIRE_APPROVAL, Level.DENY, Level.OFF

_ALLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    "capabilities": _DOCKERS_CAPABILITIES,
    "devices": ("/dev/dri", "/dev/dri/**"),
    "bind-mount": (*_DATA_FOLDERS, *_CLOCK),
    "host-file": (HOST_FOLDER,),
    "public-port": (),
    "image-source": (),
}
"""What rules with a list allow where no file says otherwise."""
_SETS: Final[Mapping[str, Mapping[str, Level]]] = {
    "none": {},
    "default": {
        "privileged": _WARN,
        "docker-socket": _WARN,
        "host-network": _WARN,
        "host-namespaces": _WARN,
        "unconfined": _WARN,
        "capabilities": _WARN,
        "devices": _WARN,
        "bind-mount": _WARN,
        "public-port": _WARN,
        "data-removal": _WARN,
        "changed-host": _WARN,
    },
    "strict": {
        "privileged": _DENY,
        "docker-socket": _DENY,
        "host-network": _ASK,
        "host-namespaces": _DENY,
        "unconfined": _DENY,
        "capabilities": _DENY,
        "devices": _ASK,
        "bind-mount": _DENY,
        "host-file": _DENY,
        "public-port": _ASK,
        "image-source": _ASK,
        "image-digest": _WARN,
        "image-build": _ASK,
        "data-removal": _ASK,
        "deletes": _ASK,
        "replaces": _WARN,
        "new-host": _ASK,
        "changed-host": _ASK,
        "commands": _ASK,
    },
}
SETS: Final = tuple(_SETS)
"""Names of the sets that a policy file can start from."""
DEFAULT: Final = "default"


def built_in(name: str = DEFAULT) -> Policies:
    """One of the sets that come with Tomo; raises KeyError for an unknown name."""
    levels = _SETS[name]
    return Policies(
        tuple(
            Setting(rule, levels.get(each, _OFF), _options(each), origin=name)
            for each, rule in BUILT_IN.items()
        )
    )


def _options(rule: str) -> Options:
    return {"allow": list(_ALLOWED[rule])} if rule in _ALLOWED else {}
