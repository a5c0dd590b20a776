"""A stack made by one engine is the other's to go on with, and to hand back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import Alias, CustomTimeouts, Output
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from conformance.engines import Engine, Program, PulumiCli, Ran, TomoEngine
from conformance.store import PROJECT, STACK, Store
from conformance.vocabulary import FakeCloud, Group, Res
from tomo.engine.tolerance import ON_HOST
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.urn import STACK_TYPE, Urn
from tomo.model.values import Secret

pytestmark = pytest.mark.pulumi_cli


@dataclass
class Relay:
    """Two engines that take turns on one stack."""

    store: Store
    first: Engine
    second: Engine

    def hand_over(self, program: Program) -> None:
        """The second engine finds nothing to do, goes on with the stack, and hands it back."""
        for engine in (self.second, self.first):
            assert unchanged(engine.plan(self.store, program)), engine.name
            assert unchanged(engine.up(self.store, program)), engine.name

    def hand_back(self, program: Program) -> None:
        """The first engine finds nothing to do after the second one's work."""
        assert unchanged(self.first.plan(self.store, program))


def unchanged(ran: Ran) -> bool:
    assert ran.ok, ran.said
    assert ran.changes == {}
    return True


@pytest.fixture(params=["tomo first", "pulumi first"])
def relay(request: pytest.FixtureRequest, store: Store, tomo: TomoEngine, pulumi_cli: PulumiCli) -> Relay:
    first, second = (tomo, pulumi_cli) if request.param == "tomo first" else (pulumi_cli, tomo)
    return Relay(store, first, second)


class Counter(ResourceProvider):
    """A dynamic provider as people write them, with no state but what it is given."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("made", {**props, "next": props["count"] + 1, "token": "generated"})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=olds["count"] != news["count"] or olds["note"] != news["note"])

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult({**news, "next": news["count"] + 1, "token": "generated"})


class Count(Resource):
    """Counts by one."""

    next: Output[int]
    token: Output[str]

    def __init__(self, name: str, count: Any, note: Any, opts: pulumi.ResourceOptions | None = None) -> None:
        props = {"count": count, "note": note, "next": None, "token": None}
        super().__init__(Counter(), name, props, opts)


def everything(stage: int = 1) -> Program:
    """One of each kind of thing that a checkpoint holds."""

    def program() -> None:
        config = pulumi.Config()
        cloud = FakeCloud(
            "cloud", {"region": config.require("region"), "key": config.require_secret("token")}
        )
        outer = Group("outer", {"given": config.require_secret_object("nested")}, protect=True)
        inner = Group("inner", parent=outer)
        a = Res(
            "a",
            {"v": stage, "s": config.require_secret("token"), "m": {"k": [Output.secret(1), 2]}},
            parent=inner,
        )
        Res(
            "b",
            {"v": a.out, "none": None, "empty": {}, "n": 1.5},
            provider=cloud,
            depends_on=[outer],
            protect=False,
        )
        Res("ignores", {"v": stage, "l": [{"x": stage}]}, ignore_changes=["v", "l[0].x"])
        Res(
            "slow", {"v": 1}, custom_timeouts=CustomTimeouts(create="5m", delete="30s"), retain_on_delete=True
        )
        Res("renamed", {"v": 1}, aliases=[Alias(name="earlier")], additional_secret_outputs=["rid"])
        Res("owned", {"v": 1}, deleted_with=a, replace_on_changes=["v"], delete_before_replace=True)
        Res("triggered", {"v": 1}, replacement_trigger="once", hide_diffs=["v"])
        dynamic = Count("dynamic", 1, a.out, pulumi.ResourceOptions(additional_secret_outputs=["token"]))
        outer.register_outputs({"a": a.out, "s": a.rid})
        pulumi.export("hidden", config.require_secret("token"))
        pulumi.export("structure", {"list": [dynamic.next, dynamic.token], "number": 1.5, "yes": True})

    return program


CONFIG = {
    "proj:region": "one",
    "proj:token": Secret("sesame"),
    "proj:nested": Secret('{"user":"u","ports":[1,2]}'),
    "fake:note": "for the default provider",
}


def test_a_stack_with_everything_is_taken_over_and_handed_back(relay: Relay) -> None:
    relay.store.prepare(CONFIG)
    made = relay.first.up(relay.store, everything())

    relay.hand_over(everything())

    assert made.ok, made.said
    text = relay.store.backend.raw(PROJECT, STACK).decode()
    stack = next(entry for entry in relay.store.snapshot().resources if entry.type == STACK_TYPE)
    assert "sesame" not in text
    assert stack.outputs["hidden"] == Secret("sesame")


def test_the_successor_changes_what_the_program_changes_and_nothing_else(relay: Relay) -> None:
    relay.store.prepare(CONFIG)
    relay.first.up(relay.store, everything(1))

    changed = relay.second.up(relay.store, everything(2))

    assert changed.ok, changed.said
    names = {urn.rpartition("::")[2]: ops for urn, ops in changed.changes.items()}
    assert names == {"a": ["update"], "b": ["update"], "dynamic": ["update"]}
    relay.hand_back(everything(2))


def versioned(key: str, value: int) -> Callable[[], None]:
    return lambda: Res("a", {key: value}) and None


def test_a_deleted_original_is_the_successors_to_remove(relay: Relay) -> None:
    relay.first.up(relay.store, versioned("r", 1))
    relay.store.world.faults["delete", "a"] = "fail"
    relay.first.up(relay.store, versioned("r", 2))
    relay.store.world.faults.clear()

    done = relay.second.up(relay.store, versioned("r", 2))

    assert done.ok, done.said
    assert len(relay.store.world.things) == 1
    relay.hand_back(versioned("r", 2))


def test_a_replacement_that_failed_half_way_is_the_successors_to_finish(relay: Relay) -> None:
    relay.first.up(relay.store, versioned("d", 1))
    relay.store.world.faults["create", "a"] = "fail"
    relay.first.up(relay.store, versioned("d", 2))
    relay.store.world.faults.clear()

    done = relay.second.up(relay.store, versioned("d", 2))

    assert done.ok, done.said
    assert len(relay.store.world.things) == 1
    relay.hand_back(versioned("d", 2))


def test_a_resource_that_is_not_well_is_the_successors_to_mend(relay: Relay) -> None:
    relay.store.world.faults["create", "a"] = "init"
    relay.first.up(relay.store, versioned("v", 1))
    relay.store.world.faults.clear()

    done = relay.second.up(relay.store, versioned("v", 1))

    assert done.ok, done.said
    relay.hand_back(versioned("v", 1))


def test_a_run_that_failed_leaves_unknown_outputs_that_the_successor_reads(relay: Relay) -> None:
    def program() -> None:
        a = Res("a", {"v": 1})
        pulumi.export("a", a.out)
        pulumi.export("b", "fixed")

    relay.store.world.faults["create", "a"] = "fail"
    relay.first.up(relay.store, program)
    relay.store.world.faults.clear()

    done = relay.second.up(relay.store, program)

    assert done.ok, done.said
    relay.hand_back(program)


def test_the_successor_destroys_everything(relay: Relay) -> None:
    def program() -> None:
        a = Res("a", {"v": 1}, provider=FakeCloud("cloud"))
        Res("b", {"v": a.out}, parent=Group("group"))

    relay.first.up(relay.store, program)

    done = relay.second.destroy(relay.store)

    assert done.ok, done.said
    assert relay.store.world.things == {}
    assert relay.store.snapshot().resources == ()
    assert relay.first.up(relay.store, program).ok


def shared_stack(store: Store) -> None:
    """Another stack of the same project, with a secret among its outputs."""
    outputs = {"open": [1, "x"], "hidden": Secret("sesame")}
    entry = ResourceState(Urn.stack_urn("shared", PROJECT), STACK_TYPE, custom=False, outputs=outputs)
    store.backend.writer(PROJECT, "shared", store.seals).save(Snapshot((entry,)))


def test_references_to_other_stacks_are_taken_over(relay: Relay) -> None:
    def program() -> None:
        shared = pulumi.StackReference("organization/proj/shared")
        a = Res("a", {"v": shared.get_output("open"), "s": shared.require_output("hidden")})
        pulumi.export("hidden", a.s)  # type: ignore[attr-defined]

    shared_stack(relay.store)
    made = relay.first.up(relay.store, program)

    relay.hand_over(program)

    assert made.ok, made.said


def test_a_compressed_checkpoint_is_read_and_replaced(
    store: Store, tomo: TomoEngine, pulumi_cli: PulumiCli
) -> None:
    pulumi_cli.settings["PULUMI_DIY_BACKEND_GZIP"] = "true"
    try:
        pulumi_cli.up(store, versioned("v", 1))
    finally:
        del pulumi_cli.settings["PULUMI_DIY_BACKEND_GZIP"]
    path = Path(store.directory, ".pulumi", "stacks", PROJECT, f"{STACK}.json.gz")

    written = path.exists()
    assert unchanged(tomo.up(store, versioned("v", 1)))

    assert written
    assert unchanged(pulumi_cli.plan(store, versioned("v", 1)))


def test_what_is_let_be_on_a_host_is_no_change_to_the_cli(
    store: Store, tomo: TomoEngine, pulumi_cli: PulumiCli
) -> None:
    def program() -> None:
        Count("dynamic", 1, Output.secret("word"))

    store.prepare(CONFIG)
    tomo.up(store, program)
    snapshot = store.snapshot()
    kept = {ON_HOST: {"count": 9, "note": Secret("by hand")}}
    marked = [
        replace(each, inputs={**each.inputs, **kept}) if each.urn.name == "dynamic" else each
        for each in snapshot.resources
    ]
    store.backend.writer(PROJECT, STACK, store.seals).save(replace(snapshot, resources=tuple(marked)))

    assert unchanged(pulumi_cli.plan(store, program))
    assert unchanged(pulumi_cli.up(store, program))
    assert unchanged(tomo.plan(store, program))
