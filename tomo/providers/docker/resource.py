"""What every docker resource has: its table of inputs, checking, comparing, and a look in rounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Final, TypeAlias

import orjson

from tomo.errors import Cancelled
from tomo.frozen import frozen
from tomo.model.diff import DiffResult, PropertyDiff
from tomo.model.images import ImageArchive
from tomo.model.provider import (
    CheckFailure,
    CheckRequest,
    CheckResult,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadResult,
    ReadStatus,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import Properties, Value
from tomo.providers.docker.daemon import Daemon
from tomo.providers.docker.http import Response
from tomo.providers.docker.registry_auth import RegistryLogins
from tomo.providers.docker.schema import Fields, Values, check, differences

Look: TypeAlias = Generator[list[str], Mapping[str, Response], ReadResult]
"""A look in rounds: yields the paths it needs next, is sent their answers, returns what it found."""

GONE: Final = ReadResult(ReadStatus.GONE)
RELEASE_TIME: Final = 5.0
"""How long a network or volume may stay in use after its containers went."""
_AUTO_NAME_DIGITS: Final = 7
_MOST_CHECKS: Final = 5000


@frozen
class Pace:
    """Time, so that tests need not wait for it."""

    now: Callable[[], float] = time.monotonic
    settle: float = 0.5
    """How long a started container must have run to count as running."""
    poll: float = 0.15


@frozen
class Host:
    """One configured daemon, the logins for registries, and whether the run was stopped."""

    daemon: Daemon
    logins: RegistryLogins
    pace: Pace = Pace()
    root: Path = Path()
    """Where relative paths of a program start."""
    stopped: threading.Event = field(default_factory=threading.Event)
    archive: ImageArchive | None = None
    """Where images come from instead of a registry."""

    @property
    def name(self) -> str:
        """The host as people know it."""
        return self.daemon.host

    def wait(self, seconds: float) -> None:
        """Waits, and raises Cancelled where a person stopped the run meanwhile."""
        if self.stopped.wait(seconds):
            raise Cancelled(f"stopped while waiting for `{self.name}`")


class Resource:
    """One resource type. Subclasses act; this class decides from the table."""

    type: str = ""
    fields: Fields = ()
    delete_before_replace: bool = False
    named: bool = True
    """Whether a missing `name` is made from the resource's own."""
    checked_by_inputs: bool = True
    """Whether the same inputs, with a name, always check alike; not where files are read."""

    def check(self, request: CheckRequest, root: Path) -> CheckResult:  # noqa: ARG002
        """Inputs with defaults and a name, or what is wrong with them; paths start at `root`."""
        checked = check(self.fields, request.news)
        if request.secret_keys and checked.failures:
            checked = check(self.fields, request.news, hidden=True)
        values = checked.values
        if self.named and "name" not in values:
            values["name"] = auto_name(request)
        failures = (*checked.failures, *self.problems(values, request.secret_keys))
        return CheckResult(values, failures)

    def problems(self, values: Values, hidden: frozenset[str]) -> tuple[CheckFailure, ...]:  # noqa: ARG002
        """What must hold between the inputs."""
        return ()

    def diff(self, request: DiffRequest) -> DiffResult:
        """What differs in meaning between recorded and new inputs."""
        old = self.comparable(request.old_inputs, request)
        return self.result(differences(self.fields, old, request.new_inputs))

    def comparable(self, old: Properties, request: DiffRequest) -> Properties:  # noqa: ARG002
        """The recorded inputs, made comparable with the new ones."""
        return old

    def result(self, found: list[PropertyDiff]) -> DiffResult:
        """A diff's result from its differences."""
        keys = tuple(dict.fromkeys(top_level(diff.path) for diff in found if diff.kind.replaces))
        return DiffResult(
            changed=bool(found),
            properties=tuple(found),
            replace_keys=keys,
            delete_before_replace=self.delete_before_replace,
        )

    def drift(self, recorded: Properties, seen: Properties, host: str) -> tuple[PropertyDiff, ...]:
        """What reality differs in from the recorded inputs, each with its reason for people."""
        return tuple(
            replace(diff, drift=True, why=diff.why or f"changed on {host}")
            for diff in differences(self.fields, seen, recorded)
        )

    def create(self, host: Host, request: CreateRequest) -> CreateResult:
        """Makes the resource."""
        raise NotImplementedError(request.urn)

    def update(self, host: Host, request: UpdateRequest) -> UpdateResult:
        """Changes it in place."""
        raise NotImplementedError(request.urn)

    def delete(self, host: Host, request: DeleteRequest) -> None:
        """Removes it."""
        raise NotImplementedError(request.urn)

    def predict_create(self, request: CreateRequest) -> CreateResult:
        """What `create` will say, as far as it's known."""
        raise NotImplementedError(request.urn)

    def predict_update(self, request: UpdateRequest) -> UpdateResult:
        """What `update` will say, as far as it's known."""
        raise NotImplementedError(request.urn)

    def look(self, host: Host, request: ReadRequest) -> Look:
        """Looks at it."""
        raise NotImplementedError(request.urn)


class Checks:
    """Answers of `check`, for all providers of a run: an app has the same inputs on each of its servers."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], CheckResult] = {}

    def of(self, resource: Resource, request: CheckRequest, root: Path) -> CheckResult:
        """The resource's answer, which nobody changes."""
        key = self._key(resource, request)
        known = self._known.get(key) if key else None
        if known is not None:
            return known
        result = resource.check(request, root)
        if key and not result.failures and len(self._known) < _MOST_CHECKS:
            self._known[key] = result
        return result

    def _key(self, resource: Resource, request: CheckRequest) -> tuple[str, bytes] | None:
        if not resource.checked_by_inputs or not request.news.get("name"):
            return None
        try:
            return resource.type, orjson.dumps(request.news, option=orjson.OPT_PASSTHROUGH_DATACLASS)
        except TypeError:
            # Secrets and unknowns have no text, and are not to be kept.
            return None


def top_level(path: str) -> str:
    """The input that a path leads into."""
    return path.partition("[")[0].partition(".")[0]


def auto_name(request: CheckRequest) -> Value:
    """The name it has already, or one made from the resource's name and the seed."""
    if name := request.olds.get("name"):
        return name
    return f"{request.urn.name}-{request.seed.hex()[:_AUTO_NAME_DIGITS].ljust(_AUTO_NAME_DIGITS, '0')}"
