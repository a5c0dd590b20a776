"""A provider over a world in memory, whose every answer a test can decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from tomo.errors import HostUnreachable, NotSupported, ProviderFailed
from tomo.frozen import frozen
from tomo.model.diff import DiffKind, DiffResult, PropertyDiff
from tomo.model.provider import (
    NEVER_MADE,
    CheckFailure,
    CheckRequest,
    CheckResult,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    InvokeResult,
    Provider,
    ProviderBase,
    ReadRequest,
    ReadResult,
    ReadStatus,
    RecoverRequest,
    RecoverResult,
    RecoverStatus,
    SwapRequest,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import UNKNOWN, Properties, Value, same_value

PACKAGE = "fake"
TYPE = "fake:index:Res"


@frozen
class Call:
    """One call of a mutating or reading verb, by resource name."""

    verb: str
    name: str


@dataclass(slots=True)
class FakeWorld:
    """What exists, what was called, and what shall go wrong.

    `faults` maps (verb, resource name) to what happens: `fail` raises, `init` makes the resource but
    reports it as not well. `silent` hosts don't answer reads.
    """

    things: dict[str, dict[str, Value]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    faults: dict[tuple[str, str], str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    swaps: bool = False
    drift: dict[str, tuple[PropertyDiff, ...]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    made: int = 0

    def called(self, verb: str, name: str) -> str | None:
        """Notes a call; gives the fault to act out, raising where it is a plain failure."""
        with self.lock:
            self.calls.append(Call(verb, name))
        fault = self.faults.get((verb, name))
        if fault == "fail":
            raise ProviderFailed(f"{verb} of `{name}` fails as asked")
        return fault

    def verbs(self, name: str) -> list[str]:
        """The verbs called for a resource, in order."""
        return [call.verb for call in self.calls if call.name == name]


class FakeProvider(ProviderBase):
    """Serves `fake:` resources: keys starting with `r` replace, with `d` replace delete-first.

    `auto` is made from the seed where absent; the outputs are the inputs and `rid` and `out`. A thing
    whose `within` is the id of another does not outlive that.
    """

    def __init__(self, world: FakeWorld) -> None:
        self._world = world
        self.host = ""
        self.parallel = 0

    def configure(self, inputs: Properties) -> None:
        """Takes the host it is to act on."""
        self.host = str(inputs.get("host") or "")

    def diff_config(self, olds: Properties, news: Properties) -> DiffResult:
        """A changed `region` replaces, as in clouds; anything else does not."""
        changed = dict(olds) != dict(news)
        keys = ("region",) if olds.get("region") != news.get("region") else ()
        return DiffResult(changed=changed, replace_keys=keys)

    def check(self, request: CheckRequest) -> CheckResult:
        """Refuses `bad`, and names what has no name."""
        if "bad" in request.news:
            return CheckResult(
                request.news, (CheckFailure("bad", f"`{request.news['bad']}` is not allowed"),)
            )
        auto = request.olds.get("auto") or f"{request.urn.name}-{request.seed.hex()[:7]}"
        return CheckResult({**request.news, "auto": request.news.get("auto", auto)})

    def diff(self, request: DiffRequest) -> DiffResult:
        """Compares inputs by key."""
        self._world.called("diff", request.urn.name)
        keys = sorted(request.old_inputs.keys() | request.new_inputs.keys())
        changed = [k for k in keys if not same_value(request.old_inputs.get(k), request.new_inputs.get(k))]
        replacing = tuple(key for key in changed if key[0] in "rd")
        properties = tuple(
            PropertyDiff(
                key,
                DiffKind.UPDATE_REPLACE if key in replacing else DiffKind.UPDATE,
                request.old_inputs.get(key),
                request.new_inputs.get(key),
            )
            for key in changed
        )
        first = any(key.startswith("d") for key in replacing)
        return DiffResult(bool(changed), properties, replacing, delete_before_replace=first)

    def create(self, request: CreateRequest) -> CreateResult:
        """Makes a thing in the world."""
        if request.preview:
            return CreateResult("", {**request.inputs, "rid": UNKNOWN, "out": UNKNOWN})
        fault = self._world.called("create", request.urn.name)
        with self._world.lock:
            self._world.made += 1
            id_ = f"{request.urn.name}-{self._world.made}"
            self._world.things[id_] = dict(request.inputs)
        return CreateResult(id_, _outputs(id_, request.inputs), ("not well",) if fault == "init" else ())

    def update(self, request: UpdateRequest) -> UpdateResult:
        """Changes a thing in the world."""
        if request.preview:
            return UpdateResult({**_outputs(request.id, request.new_inputs), "out": UNKNOWN})
        fault = self._world.called("update", request.urn.name)
        self._world.things[request.id] = dict(request.new_inputs)
        outputs = _outputs(request.id, request.new_inputs)
        return UpdateResult(outputs, ("not well",) if fault == "init" else ())

    def delete(self, request: DeleteRequest) -> None:
        """Takes a thing out of the world."""
        self._world.called("delete", request.urn.name)
        self._end(request.id)

    def can_swap(self, type_: str) -> bool:
        """As the world says."""
        return self._world.swaps and type_ == TYPE

    def swap(self, request: SwapRequest) -> CreateResult:
        """Makes the new thing, then takes the old one away."""
        self._world.called("swap", request.urn.name)
        asked = CreateRequest(request.urn, request.new_inputs)
        result = self.create(asked)
        self._end(request.old_id)
        return result

    def recover(self, request: RecoverRequest) -> RecoverResult:
        """Finds the thing by its automatic name, as providers do whose names are determined."""
        if self.host in self._world.silent:
            raise HostUnreachable(f"{self.host} does not answer", host=self.host)
        wanted = request.inputs.get("auto")
        for id_, thing in list(self._world.things.items()):
            if thing.get("auto") == wanted and id_ not in request.known_ids:
                former = request.former
                if former is not None and self._world.swaps and request.act:
                    self._end(former.id)
                outputs = _outputs(id_, thing)
                gone = former is not None and self._world.swaps
                return RecoverResult(RecoverStatus.MADE, id_, outputs, "it was made", former_gone=gone)
        return NEVER_MADE

    def _end(self, id_: str) -> None:
        with self._world.lock:
            ended = [id_]
            while ended:
                this = ended.pop()
                self._world.things.pop(this, None)
                ended += [other for other, thing in self._world.things.items() if thing.get("within") == this]

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """What the world holds; UNREACHABLE where the host is silent."""
        if self.host in self._world.silent:
            return [
                ReadResult(ReadStatus.UNREACHABLE, problem=f"{self.host} does not answer") for _ in requests
            ]
        return [self._read(request) for request in requests]

    def _read(self, request: ReadRequest) -> ReadResult:
        thing = self._world.things.get(request.id)
        if thing is None:
            return ReadResult(ReadStatus.GONE)
        drift = self._world.drift.get(request.urn.name, ())
        return ReadResult(ReadStatus.FOUND, request.id, thing, _outputs(request.id, thing), drift)

    def invoke(self, token: str, args: Properties, *, preview: bool) -> InvokeResult:  # noqa: ARG002
        """Gives its arguments back."""
        return InvokeResult({"token": token, **args})


def _outputs(id_: str, inputs: Mapping[str, Value]) -> dict[str, Value]:
    return {**inputs, "rid": id_, "out": f"{id_}/{inputs.get('v', '')}"}


class FakeProviders:
    """A source of fake providers for the package `fake`, and of others a test gives."""

    def __init__(self, world: FakeWorld, others: Mapping[str, Provider] | None = None) -> None:
        self._world, self._others = world, dict(others or {})

    def load(self, package: str, version: str) -> Provider:  # noqa: ARG002
        """A new provider of the package; raises NotSupported for one that nobody gave."""
        if package in self._others:
            return self._others[package]
        if package != PACKAGE:
            raise NotSupported(f"no provider `{package}`", hint="the fake one serves `fake`")
        return FakeProvider(self._world)
