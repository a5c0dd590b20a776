"""What a fleet file lets be of what is changed on hosts, as rules for the resources concerned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tomo.model.drift import DriftPolicy, DriftRule
from tomo.resources import tokens
from tomo.resources.apps import AppOnServer
from tomo.resources.containers import KEPT

_EVERY: Final = "*"

_OF_CONTAINER: Final[Mapping[str, tuple[str, ...]]] = {
    **KEPT,
    "env": ("envs",),
    "image": ("image",),
    "labels": ("labels",),
    "mounts": ("volumes", "mounts"),
    "networks": ("networksAdvanced", "networkMode"),
    "ports": ("ports",),
    "resources": ("memory", "memoryReservation", "cpus", "cpuShares", "shmSize"),
    "running": ("mustRun", "start"),
    "security": (
        "privileged", "capabilities", "readOnly", "securityOpts", "pidMode", "ipcMode", "devices",
    ),
}  # fmt: skip
_OF_IMAGE: Final = {"image": ("imageId",)}
_OF_FILE: Final = {"files": ("content", "mode", "owner", "sha256")}


def drift_policies(app: AppOnServer) -> Iterator[tuple[str, str, DriftPolicy]]:
    """Type and name of every resource of an app that has rules of its own, with them."""
    instance = app.instance
    if not instance.app.present:
        return
    for service in instance.definition.services:
        settings = instance.app.services.get(service)
        given = (instance.app.drift, settings.drift if settings else {})
        rules = {str(word): str(rule) for each in given for word, rule in each.items()}
        if not rules:
            continue
        name = f"{app.docker_name(service)}@{instance.server_name}"
        yield tokens.CONTAINER, name, _policy(rules, _OF_CONTAINER)
        # Where a tag points is not the service's: what its container runs stays, and that is adopted.
        let_be = {word: DriftRule.IGNORE if rule == DriftRule.ADOPT else rule for word, rule in rules.items()}
        yield tokens.REMOTE_IMAGE, name, _policy(let_be, _OF_IMAGE)
        for file in app.file_names(service):
            yield tokens.FILE, file, _policy(rules, _OF_FILE)


def _policy(rules: Mapping[str, str], inputs: Mapping[str, tuple[str, ...]]) -> DriftPolicy:
    every = rules.get(_EVERY, DriftRule.REVERT)
    return DriftPolicy(
        {name: DriftRule(rules.get(word, every)) for word, names in inputs.items() for name in names}
    )
