"""`dynamic/tomo:Server`: a host's facts, and the word that Docker on it is not as the fleet wants it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from tomo.errors import HostError, PackageLockHeld, TomoError
from tomo.model.connection import Connections, HostSpec
from tomo.model.diff import DiffResult
from tomo.model.provider import (
    NEVER_MADE,
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
    RecoverRequest,
    RecoverResult,
    Report,
    UpdateRequest,
    UpdateResult,
    unreachable,
)
from tomo.model.values import UNKNOWN, Properties, Value, has_unknown
from tomo.providers.differences import differences
from tomo.providers.dynamic.facts import (
    FACTS,
    Facts,
    docker_complaint,
    docker_target,
    pin_of,
    refuse_unfit,
)
from tomo.providers.dynamic.facts import look as look_at
from tomo.providers.dynamic.own import OwnType, PulumiAdapter
from tomo.providers.dynamic.roads import each_host, spec_of, text_of
from tomo.resources import tokens

INPUTS: Final = ("host", "port", "user", "hostKey", "become", "docker")
LOCK_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 3.0
_COUNTED = re.compile(r"(\d+): ")


class Server:
    """Looks at hosts; changes nothing on them. Deleting one only forgets it."""

    def __init__(self, connections: Connections, pause: Callable[[float], bool] | None = None) -> None:
        self._connections = connections
        self._cancelled = threading.Event()
        self._pause = pause or self._cancelled.wait

    def check(self, request: CheckRequest) -> CheckResult:
        """Refuses unknown and missing inputs by name."""
        return CheckResult(request.news, tuple(_failures(request.news)))

    def diff(self, request: DiffRequest) -> DiffResult:
        """Any change is an update: the host is looked at again."""
        found = differences(request.old_inputs, request.new_inputs, request.ignore_changes)
        return DiffResult(bool(found), found)

    def create(self, request: CreateRequest) -> CreateResult:
        """Looks at the host and waits until its package manager is free; a preview only looks."""
        if request.preview:
            outputs, problem = self._foreseen(request.inputs, {}, look=request.look)
            return CreateResult("", outputs, unlooked=problem)
        return CreateResult(request.urn.name, self._outputs(request.inputs, {}, request.report))

    def update(self, request: UpdateRequest) -> UpdateResult:
        """Looks again; what was said of Docker stands, as the engine's own inputs change with these."""
        if request.preview:
            outputs, problem = self._foreseen(request.new_inputs, request.old_outputs, look=request.look)
            return UpdateResult(outputs, unlooked=problem)
        return UpdateResult(self._outputs(request.new_inputs, request.old_outputs, request.report))

    def delete(self, request: DeleteRequest) -> None:
        """Leaves the host as it is."""

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """Looks at all hosts side by side."""
        results: dict[int, ReadResult] = {}

        def look_at(spec: HostSpec, positions: list[int]) -> None:
            for position in positions:
                results[position] = self._read(spec, requests[position])

        each_host([spec_of(request.inputs) for request in requests], look_at)
        return [results[position] for position in range(len(requests))]

    def recover(self, request: RecoverRequest) -> RecoverResult:  # noqa: ARG002
        """A look makes nothing."""
        return NEVER_MADE

    def cancel(self) -> None:
        """Ends waiting for a lock."""
        self._cancelled.set()

    # --- looking ------------------------------------------------------------------------------

    def _read(self, spec: HostSpec, request: ReadRequest) -> ReadResult:
        if not text_of(request.inputs, "host"):
            return ReadResult(ReadStatus.UNSUPPORTED)
        try:
            facts = look_at(self._connections.get(spec), request.inputs.get("docker"))
        except TomoError as error:
            return unreachable(error)
        said = _said(docker_complaint(facts, request.inputs.get("docker")), request.outputs)
        found = {**facts.outputs(), **_judged(said, facts, request.inputs, request.outputs)}
        outputs = {**request.outputs, **request.inputs, **found}
        return ReadResult(ReadStatus.FOUND, request.id, request.inputs, outputs)

    def _outputs(self, inputs: Properties, recorded: Properties, report: Report) -> Properties:
        spec, docker = spec_of(inputs), inputs.get("docker")
        facts = self._when_free(spec, docker, report)
        refuse_unfit(facts, docker, spec.label)
        said = text_of(recorded, "dockerDrift")
        return {**inputs, **facts.outputs(), **_judged(said, facts, inputs, recorded)}

    def _foreseen(
        self, inputs: Properties, recorded: Properties, *, look: bool
    ) -> tuple[Properties, HostError | None]:
        """The outputs as far as a look can tell them now, and what kept it from telling."""
        said, docker = text_of(recorded, "dockerDrift"), inputs.get("docker")
        target = {"dockerTarget": text_of(recorded, "dockerTarget")} if pin_of(docker) else {}
        found = {**target, **_unused(inputs, recorded, "")}
        unknown = {**inputs, **dict.fromkeys(FACTS, UNKNOWN), "dockerDrift": said, **found}
        if not look or has_unknown(inputs):
            return unknown, None
        try:
            facts = look_at(self._connections.get(spec_of(inputs)), docker)
        except HostError as error:
            return unknown, error
        return {**inputs, **facts.outputs(), **_judged(said, facts, inputs, recorded)}, None

    def _when_free(self, spec: HostSpec, docker: Value, report: Report) -> Facts:
        waited = 0.0
        while True:
            facts = look_at(self._connections.get(spec), docker)
            if not facts.package_lock:
                return facts
            if waited >= LOCK_SECONDS or self._pause(_POLL_SECONDS):
                raise PackageLockHeld(
                    f"the package manager is in use by {facts.package_lock}",
                    host=spec.label,
                    hint="wait until it has ended, or end it on the host; then apply again",
                )
            report(f"waiting for {facts.package_lock}, which uses the package manager")
            waited += _POLL_SECONDS


class ServerProvider(PulumiAdapter):
    """What a state names, so that Pulumi's CLI can serve a Server."""

    type_ = tokens.SERVER
    inputs = INPUTS

    def make(self, connections: Connections) -> OwnType:
        """A Server over these connections."""
        return Server(connections)


def _judged(said: str, facts: Facts, inputs: Properties, recorded: Properties) -> Properties:
    """What Docker's installation goes by."""
    target = docker_target(facts, inputs.get("docker"), text_of(recorded, "dockerTarget"))
    pinned = {"dockerTarget": target} if pin_of(inputs.get("docker")) else {}
    return {"dockerDrift": said, **pinned, **_unused(inputs, recorded, facts.prunable)}


def _unused(inputs: Properties, recorded: Properties, found: str) -> Properties:
    """The images that may go; the recorded ones stand while none may, so that nothing is done again."""
    docker = inputs.get("docker")
    if not isinstance(docker, Mapping) or "prune" not in docker:
        return {}
    return {"dockerPrunable": found or text_of(recorded, "dockerPrunable")}


def _said(complaint: str, recorded: Properties) -> str:
    """The recorded text while all is well, else a new one, counted so that it differs from any before."""
    before = text_of(recorded, "dockerDrift")
    if not complaint:
        return before
    counted = _COUNTED.match(before)
    return f"{int(counted.group(1)) + 1 if counted else 1}: {complaint}"


def _failures(inputs: Properties) -> Iterator[CheckFailure]:
    for key in sorted(inputs.keys() - {*INPUTS, tokens.PROVIDER_KEY}):
        yield CheckFailure(key, f"a Server has no input `{key}`")
    if not inputs.get("host"):
        yield CheckFailure("host", "`host` is required")
    docker = inputs.get("docker")
    if (
        docker is not None
        and docker is not False
        and not isinstance(docker, Mapping)
        and not has_unknown(docker)
    ):
        yield CheckFailure("docker", "`docker` is false or an object with `version` or `pin`, and `daemon`")
