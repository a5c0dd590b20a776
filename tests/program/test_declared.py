"""Declared stacks: straight to goals, and the very goals that the SDK sends for the same stack."""

from dataclasses import replace
from typing import Any

import pytest

from tomo.errors import ProgramFailed, ProviderFailed
from tomo.model.declaration import Concat, Declaration, Declarations, OutputRef
from tomo.model.goal import Timeouts
from tomo.model.urn import Urn
from tomo.model.values import Asset, Secret, Unknown, transform
from tomo.program.declared import DeclaredSource

THING = "test:index:Thing"


def declared(*resources, **outputs):
    return DeclaredSource(Declarations(resources, outputs))


def thing(key, **options):
    return Declaration(key, THING, key, **options)


def thing_urn(name, parents=""):
    return Urn(f"urn:pulumi:dev::proj::{parents}{THING}::{name}")


# --- the same goals as through the SDK -----------------------------------------------------------------


def small_stack():
    """A provider, components in one another, links of every kind, options, secrets."""
    return Declarations(
        resources=(
            Declaration(
                "host", "pulumi:providers:test", "host", inputs={"address": "192.0.2.1", "none": None}
            ),
            Declaration("app", "tomo:index:App", "app", custom=False, provider="host", protect=True),
            Declaration(
                "inner",
                "tomo:index:Part",
                "inner",
                custom=False,
                parent="app",
                outputs={"n": OutputRef("net", "name")},
            ),
            Declaration("net", THING, "net", parent="inner", inputs={"name": "backend", "size": 2.0}),
            Declaration("vol", THING, "vol", parent="app", protect=False, inputs={"name": "data"}),
            Declaration(
                "web",
                THING,
                "web",
                parent="app",
                inputs={
                    "network": OutputRef("net", "name"),
                    "via": OutputRef("inner", "n"),
                    "mounts": [{"volume": OutputRef("vol"), "deep": {"x": OutputRef("net")}}, None],
                    "url": Concat(
                        ("https://", OutputRef("net", "name"), ":", Secret("pass"), "@", OutputRef("vol"))
                    ),
                    "password": Secret("hush"),
                    "file": Asset(text="content"),
                    "missing": OutputRef("net", "absent"),
                    "token": OutputRef("net", "token"),
                    "place": OutputRef("inner", "urn"),
                    "count": 3.0,
                    "flag": True,
                    "nothing": None,
                },
                ignore_changes=("flag",),
                replace_on_changes=("file",),
                additional_secret_outputs=("token",),
                delete_before_replace=True,
                retain_on_delete=False,
                deleted_with="vol",
                custom_timeouts=Timeouts(create=90, delete=300),
                version="1.2.3",
            ),
            Declaration("below", THING, "below", parent="web"),
            Declaration("after", "other:index:Thing", "after", depends_on=("app",), provider="host"),
            Declaration("group", "tomo:index:Group", "group", custom=False, outputs={"x": None, "y": 1}),
        ),
        outputs={
            "url": OutputRef("web", "url"),
            "id": OutputRef("web"),
            "fixed": [1, OutputRef("net", "name")],
        },
    )


def small_stack_through_the_sdk():
    import pulumi
    from pulumi import ComponentResource, CustomResource, Output, ResourceOptions

    class Raw(CustomResource):
        """A resource whose outputs are those named."""

        address: Output[Any]
        name: Output[Any]
        absent: Output[Any]
        token: Output[Any]
        url: Output[Any]

    class Component(ComponentResource):
        pass

    host = pulumi.ProviderResource("test", "host", {"address": "192.0.2.1", "none": None})
    app = Component("tomo:index:App", "app", {}, ResourceOptions(provider=host, protect=True))
    inner = Component("tomo:index:Part", "inner", {}, ResourceOptions(parent=app))
    net = Raw(
        THING,
        "net",
        {"name": "backend", "size": 2.0, "absent": None, "token": None},
        ResourceOptions(parent=inner),
    )
    inner.register_outputs({"n": net.name})
    vol = Raw(THING, "vol", {"name": "data"}, ResourceOptions(parent=app, protect=False))
    web = Raw(
        THING,
        "web",
        {
            "network": net.name,
            "via": net.name,
            "mounts": [{"volume": vol.id, "deep": {"x": net.id}}, None],
            "url": Output.concat("https://", net.name, ":", Output.secret("pass"), "@", vol.id),
            "password": Output.secret("hush"),
            "file": pulumi.StringAsset("content"),
            "missing": net.absent,
            "token": net.token,
            "place": inner.urn,
            "count": 3.0,
            "flag": True,
            "nothing": None,
        },
        ResourceOptions(
            parent=app,
            ignore_changes=["flag"],
            replace_on_changes=["file"],
            additional_secret_outputs=["token"],
            delete_before_replace=True,
            retain_on_delete=False,
            deleted_with=vol,
            custom_timeouts=pulumi.CustomTimeouts(create="90s", delete="5m"),
            version="1.2.3",
        ),
    )
    Raw(THING, "below", {}, ResourceOptions(parent=web))
    Raw("other:index:Thing", "after", {}, ResourceOptions(depends_on=[app], provider=host))
    group = Component("tomo:index:Group", "group")
    group.register_outputs({"x": None, "y": 1})
    pulumi.export("url", web.url)
    pulumi.export("id", web.id)
    pulumi.export("fixed", [1, net.name])


def comparable(goal):
    """The goal without what only one of the two ways can know."""
    return replace(goal, inputs=without_sources(goal.inputs), source_position="")


def without_sources(value):
    def without_source(leaf):
        if isinstance(leaf, Secret):
            return Secret(without_sources(leaf.reveal()))
        return "[unknown]" if isinstance(leaf, Unknown) else leaf

    return transform(value, without_source)


NET_OUTPUTS = {"net": {"token": {"user": "me", "password": Secret("hush")}}}


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("failing", [(), ("net",), ("host",), ("vol", "app")], ids=str)
def test_a_declared_stack_asks_for_the_very_goals_that_a_program_does(
    run, run_program, recorder, dry_run, failing
):
    def engine():
        return recorder(dry_run=dry_run, failing=frozenset(failing), outputs=NET_OUTPUTS)

    straight = run(DeclaredSource(small_stack()), engine())
    through_sdk = run_program(small_stack_through_the_sdk, engine())

    assert {goal.name for goal in straight.goals} == {goal.name for goal in through_sdk.goals}
    for goal in through_sdk.goals:
        assert comparable(straight.goal(goal.name)) == comparable(goal)
    assert without_sources(straight.registered_outputs) == without_sources(through_sdk.registered_outputs)


# --- what declarations mean ------------------------------------------------------------------------------


def test_outputs_of_a_real_run_stand_in_the_inputs(run):
    recorded = run(
        declared(
            thing("a", inputs={"port": 80}),
            thing("b", inputs={"port": OutputRef("a", "port"), "id": OutputRef("a")}),
            out=OutputRef("b"),
        )
    )

    assert recorded.goal("b").inputs == {"port": 80, "id": "a-id"}
    assert recorded.goal("b").property_dependencies == {"port": (thing_urn("a"),), "id": (thing_urn("a"),)}
    assert recorded.stack_outputs == {"out": "b-id"}


def test_an_unknown_says_where_it_will_come_from(run, recorder):
    recorded = run(
        declared(
            thing("a"),
            thing("b", inputs={"id": OutputRef("a"), "text": Concat(("x-", OutputRef("a", "ip")))}),
            out=OutputRef("b", "state"),
        ),
        recorder(dry_run=True),
    )

    assert recorded.goal("b").inputs == {
        "id": Unknown(f"{thing_urn('a')}.id"),
        "text": Unknown(parts=("x-", Unknown(f"{thing_urn('a')}.ip"))),
    }
    assert recorded.stack_outputs == {"out": Unknown(f"{thing_urn('b')}.state")}


def test_a_text_with_a_secret_part_is_secret_even_while_unknown(run, recorder):
    parts = Concat((Secret("user:"), OutputRef("a")))

    plan = run(declared(thing("a"), thing("b", inputs={"auth": parts})), recorder(dry_run=True))
    real = run(declared(thing("a"), thing("b", inputs={"auth": parts})))

    assert isinstance(plan.goal("b").inputs["auth"], Secret)
    assert plan.goal("b").inputs["auth"].reveal() == Unknown(
        parts=(Secret("user:"), Unknown(f"{thing_urn('a')}.id"))
    )
    assert real.goal("b").inputs == {"auth": Secret("user:a-id")}


def test_a_number_may_be_part_of_a_text(run):
    port = Concat(("host:", OutputRef("a", "port")))

    recorded = run(declared(thing("a", inputs={"port": 8080.0}), thing("b", inputs={"at": port})))

    assert recorded.goal("b").inputs == {"at": "host:8080"}


def test_a_list_can_not_be_part_of_a_text(run):
    broken = Concat(("x", OutputRef("a", "ports")))

    with pytest.raises(ProgramFailed, match="can't be made of a list"):
        run(declared(thing("a", inputs={"ports": [1]}), thing("b", inputs={"at": broken})))


def test_resources_are_registered_as_soon_as_their_own_needs_are_answered(run, recorder, threads):
    names = [f"t{number}" for number in range(50)]
    last = thing("last", inputs={"all": [OutputRef(name) for name in names]})

    recorded = run(declared(*map(thing, names), last), recorder(threads=threads, hold=50))

    assert recorded.goals[-1].name == "last"
    assert len(recorded.goal("last").dependencies) == 50


def test_a_component_stands_for_its_later_children_too(run):
    recorded = run(
        declared(
            Declaration("group", "test:index:Group", "group", custom=False),
            thing("user", depends_on=("group",)),
            thing("kid", parent="group"),
        )
    )

    assert [goal.name for goal in recorded.goals] == ["proj-dev", "group", "kid", "user"]
    assert recorded.goal("user").dependencies == (thing_urn("kid", "test:index:Group$"),)


def test_dependents_of_a_failed_resource_are_registered_with_unknowns(run, recorder):
    recorded = run(
        declared(thing("a", inputs={"v": 1}), thing("b", inputs={"v": OutputRef("a", "v")})),
        recorder(failing=frozenset({"a"})),
    )

    assert recorded.goal("b").inputs == {"v": Unknown(f"{thing_urn('a')}.v")}


def test_an_error_of_the_engine_stops_and_comes_out_as_itself(run, recorder, threads):
    error = ProviderFailed("no space left")

    with pytest.raises(ProviderFailed) as raised:
        run(
            declared(thing("a"), thing("b", depends_on=("a",))),
            recorder(broken={"a": error}, threads=threads),
        )

    assert raised.value is error


def test_resources_that_wait_for_one_another_are_named(run):
    with pytest.raises(ProgramFailed, match="wait for one another: `a`, `b`"):
        run(declared(thing("a", depends_on=("b",)), thing("b", depends_on=("a",)), thing("c")))


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ([thing("a"), thing("a")], "`a` is declared twice"),
        ([thing("a", parent="b")], "`a` refers to `b`, which is not declared"),
        ([thing("a", inputs={"x": OutputRef("b")})], "`a` refers to `b`, which is not declared"),
        ([thing("a"), thing("b", provider="a")], "`a`, the provider of `b`, is none"),
        (
            [
                Declaration("g", "x:y:G", "g", custom=False, outputs={}),
                thing("b", inputs={"x": OutputRef("g", "url")}),
            ],
            "the component `g` has no output `url`",
        ),
    ],
    ids=str,
)
def test_wrong_references_are_named(run, resources, message):
    with pytest.raises(ProgramFailed, match=message):
        run(declared(*resources))


def test_a_stack_output_that_is_not_declared_is_named(run):
    with pytest.raises(ProgramFailed, match="the stack's outputs refer to `gone`"):
        run(declared(thing("a"), out=OutputRef("gone")))


def test_thousands_of_resources_in_a_chain_and_in_a_fan_are_registered(run):
    chain = [thing("t0")]
    chain += [thing(f"t{number}", inputs={"last": OutputRef(f"t{number - 1}")}) for number in range(1, 1000)]
    fan = [thing(f"f{number}", inputs={"first": OutputRef("t0")}) for number in range(1000)]

    recorded = run(declared(*chain, *fan))

    assert len(recorded.goals) == 2001


def test_it_runs_without_the_sdk():
    import subprocess
    import sys

    code = (
        "import sys; import tomo.program.declared; "
        "print([name for name in ('pulumi', 'grpc', 'google.protobuf', 'asyncio') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
