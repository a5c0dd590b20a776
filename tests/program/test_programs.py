"""Ordinary Pulumi programs, run through the SDK as it is installed."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from pulumi import Alias, CustomResource, CustomTimeouts, Output, ResourceOptions
from pulumi.runtime.proto import engine_pb2, resource_pb2

from tomo.errors import NotSupported, ProgramFailed, ProviderFailed
from tomo.model import goal as nouns
from tomo.model.events import Severity
from tomo.model.provider import CheckFailure, InvokeResult
from tomo.model.source import Registered
from tomo.model.values import Asset, ResourceRef, Secret, Unknown
from tomo.program.monitor import EngineService, Monitor, read_response

THING = "test:index:Thing"


class Thing(CustomResource):
    value: Output[Any]

    def __init__(self, name, props=None, opts=None):
        super().__init__(THING, name, {"value": None, **(props or {})}, opts)


class Group(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("test:index:Group", name, None, opts)


def thing_urn(name, parents=""):
    return f"urn:pulumi:dev::proj::{parents}{THING}::{name}"


def test_the_stack_comes_first_and_gets_the_exported_outputs(run_program, stack_urn):
    def main():
        thing = Thing("a", {"value": 3})
        pulumi.export("value", thing.value)
        pulumi.export("id", thing.id)

    recorded = run_program(main)

    assert [goal.name for goal in recorded.goals] == ["proj-dev", "a"]
    assert recorded.goals[0].type == "pulumi:pulumi:Stack"
    assert recorded.goal("a").parent == stack_urn
    assert recorded.stack_outputs == {"value": 3, "id": "a-id"}


def test_a_plan_leaves_open_what_only_a_run_can_tell(run_program, recorder):
    def main():
        first = Thing("a", {"value": "v"})
        second = Thing("b", {"value": Output.concat("id=", first.id), "echo": first.value})
        pulumi.export("id", second.id)

    recorded = run_program(main, recorder(dry_run=True))

    assert isinstance(recorded.goal("b").inputs["value"], Unknown)
    assert recorded.goal("b").inputs["echo"] == "v"
    assert isinstance(recorded.stack_outputs["id"], Unknown)


def test_dependencies_are_told_for_each_input(run_program):
    def main():
        one, two = Thing("one"), Thing("two")
        group = Group("group")
        Thing("kid", opts=ResourceOptions(parent=group))
        Thing(
            "all",
            {"a": one.id, "b": Output.all(one.id, two.id).apply(",".join), "c": 1},
            ResourceOptions(depends_on=[group]),
        )

    goal = run_program(main).goal("all")

    kid = thing_urn("kid", "test:index:Group$")
    assert goal.property_dependencies == {
        "a": (thing_urn("one"),),
        "b": (thing_urn("one"), thing_urn("two")),
        "c": (),
    }
    assert goal.dependencies == tuple(sorted([kid, thing_urn("one"), thing_urn("two")]))


def test_every_option_reaches_the_goal(run_program, stack_urn):
    def main():
        first = Thing("first")
        Thing(
            "all",
            {"value": 1},
            ResourceOptions(
                protect=True,
                retain_on_delete=True,
                delete_before_replace=False,
                ignore_changes=["value", "deep[0].x"],
                replace_on_changes=["other"],
                additional_secret_outputs=["token"],
                hide_diffs=["value"],
                version="1.2.3",
                plugin_download_url="https://example.com/plugins",
                import_="some-id",
                deleted_with=first,
                replace_with=[first],
                replacement_trigger={"turn": 2},
                custom_timeouts=CustomTimeouts(create="5m", update="1h30m", delete="90s"),
                aliases=[
                    Alias(name="old"),
                    Alias(name="root", parent=None),
                    Alias(type_="test:index:Older", parent=first, project="p2", stack="s2"),
                    "urn:pulumi:dev::proj::test:index:Thing::ancient",
                ],
            ),
        )

    goal = run_program(main).goal("all")

    assert (goal.protect, goal.retain_on_delete, goal.delete_before_replace) == (True, True, False)
    assert (goal.ignore_changes, goal.replace_on_changes) == (("value", "deep[0].x"), ("other",))
    assert (goal.additional_secret_outputs, goal.hide_diffs) == (("token",), ("value",))
    assert (goal.version, goal.plugin_download_url) == ("1.2.3", "https://example.com/plugins")
    assert (goal.import_id, goal.replacement_trigger) == ("some-id", {"turn": 2})
    assert (goal.deleted_with, goal.replace_with) == (thing_urn("first"), (thing_urn("first"),))
    assert goal.custom_timeouts == nouns.Timeouts(create=300, update=5400, delete=90)
    assert goal.aliases == (
        nouns.Alias(name="old"),
        nouns.Alias(name="root", no_parent=True),
        nouns.Alias(type="test:index:Older", parent=thing_urn("first"), project="p2", stack="s2"),
        nouns.Alias(urn="urn:pulumi:dev::proj::test:index:Thing::ancient"),
    )


def test_options_that_are_not_given_stay_open(run_program):
    goal = run_program(lambda: Thing("a") and None).goal("a")

    assert (goal.protect, goal.retain_on_delete, goal.delete_before_replace) == (None, None, None)
    assert goal.custom_timeouts == nouns.Timeouts()
    assert goal.inputs == {}
    assert goal.property_dependencies == {}


def test_children_of_a_protected_component_are_protected(run_program):
    def main():
        Thing("kid", opts=ResourceOptions(parent=Group("group", ResourceOptions(protect=True))))

    assert run_program(main).goal("kid").protect is True


def test_a_component_registers_its_outputs(run_program):
    def main():
        group = Group("group")
        kid = Thing("kid", {"value": "v"}, ResourceOptions(parent=group))
        group.register_outputs({"value": kid.value, "nothing": None})

    recorded = run_program(main)

    assert recorded.registered_outputs["group"] == {"value": "v"}
    assert recorded.goal("kid").parent == "urn:pulumi:dev::proj::test:index:Group::group"


def test_secrets_stay_secret_on_the_way_through(run_program):
    def main():
        config = pulumi.Config()
        thing = Thing("a", {"value": config.require_secret("token")})
        pulumi.export("url", Output.concat("https://", thing.value))
        pulumi.export("plain", config.get_int("count"))

    recorded = run_program(
        main, config={"proj:token": "hush", "proj:count": "3"}, secret_config_keys=frozenset({"proj:token"})
    )

    assert recorded.goal("a").inputs == {"value": Secret("hush")}
    assert recorded.stack_outputs == {"url": Secret("https://hush"), "plain": 3}


def test_what_the_engine_calls_secret_is_secret(run_program, recorder):
    def main():
        Thing("b", {"copy": Thing("a").value})

    recorded = run_program(
        main, recorder(outputs={"a": {"value": {"user": "me", "password": Secret("hush")}}})
    )

    assert recorded.goal("b").inputs == {"copy": Secret({"user": "me", "password": "hush"})}


def test_a_resource_and_an_asset_can_be_inputs(run_program):
    def main():
        Thing("b", {"ref": Thing("a"), "file": pulumi.StringAsset("x")})

    inputs = run_program(main).goal("b").inputs

    assert inputs["ref"] == ResourceRef(thing_urn("a"), "a-id")
    assert isinstance(inputs["file"], Asset)
    assert inputs["file"].hash


def test_explicit_and_default_providers_of_typed_resources(run_program):
    import pulumi_docker as docker

    def main():
        host = docker.Provider("host", host="ssh://root@192.0.2.1", ssh_opts=["-p", "2222"])
        group = Group("group", ResourceOptions(providers={"docker": host}))
        docker.Network("explicit", opts=ResourceOptions(provider=host))
        docker.Network("inherited", opts=ResourceOptions(parent=group))
        docker.Network("default")

    recorded = run_program(main)

    host = recorded.goal("host")
    ref = "urn:pulumi:dev::proj::pulumi:providers:docker::host::host-id"
    assert host.type == "pulumi:providers:docker"
    assert host.inputs == {"host": "ssh://root@192.0.2.1", "sshOpts": '["-p", "2222"]'}
    assert recorded.goal("explicit").provider == recorded.goal("inherited").provider == ref
    assert recorded.goal("group").providers == {"docker": ref}
    assert recorded.goal("default").provider == ""
    assert recorded.goal("default").version == host.version != ""


def test_a_provider_that_is_yet_to_be_made_is_referred_to_as_unknown(run_program, recorder):
    import pulumi_docker as docker

    def main():
        docker.Network("net", opts=ResourceOptions(provider=docker.Provider("host")))

    recorded = run_program(main, recorder(dry_run=True))

    assert recorded.goal("net").provider.endswith("docker::host::04da6b54-80e4-46f7-96ec-b56ff0331ba9")


def test_typed_containers_have_pulumis_names_and_whole_numbers(run_program):
    import pulumi_docker as docker

    def main():
        net = docker.Network("net", name="backend")
        docker.Container(
            "web",
            image="nginx:1.27",
            must_run=True,
            memory=64,
            ports=[docker.ContainerPortArgs(internal=80, external=8080)],
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=net.name)],
            opts=ResourceOptions(ignore_changes=["memorySwap"]),
        )

    goal = run_program(main).goal("web")

    assert goal.inputs == {
        "image": "nginx:1.27",
        "mustRun": True,
        "memory": 64,
        "ports": [{"internal": 80, "external": 8080}],
        "networksAdvanced": [{"name": "backend"}],
    }
    assert goal.property_dependencies["networksAdvanced"] == (
        "urn:pulumi:dev::proj::docker:index/network:Network::net",
    )
    assert goal.ignore_changes == ("memorySwap",)


def test_typed_commands_hide_their_connection(run_program):
    from pulumi_command import local, remote

    def main():
        local.Command("here", create="true", environment={"A": Output.secret("hush")})
        connection = remote.ConnectionArgs(host="192.0.2.1", private_key="KEY")
        remote.Command("there", connection=connection, create="uname", triggers=[1])

    recorded = run_program(main)

    assert recorded.goal("here").inputs["environment"] == {"A": Secret("hush")}
    connection = recorded.goal("there").inputs["connection"]
    assert isinstance(connection, Secret)
    assert connection.reveal()["port"] == 22
    assert recorded.goal("there").additional_secret_outputs == ("connection",)
    assert recorded.goal("there").replace_on_changes == ("triggers[*]",)


def test_a_stack_reference_is_read(run_program, recorder):
    def main():
        other = pulumi.StackReference("organization/base/dev")
        pulumi.export("address", other.require_output("address"))
        pulumi.export("password", other.get_output("password"))

    outputs = {"outputs": {"address": "192.0.2.7", "password": "hush"}, "secretOutputNames": ["password"]}
    recorded = run_program(main, recorder(outputs={"organization/base/dev": outputs}))

    assert recorded.reads[0].type == "pulumi:pulumi:StackReference"
    assert recorded.reads[0].id == "organization/base/dev"
    assert recorded.reads[0].inputs == {"name": "organization/base/dev"}
    assert recorded.stack_outputs == {"address": "192.0.2.7", "password": Secret("hush")}


def test_an_existing_resource_is_read_by_its_id(run_program, recorder):
    def main():
        thing = Thing("found", {"hint": 1}, ResourceOptions(id="xyz"))
        pulumi.export("value", thing.value)

    recorded = run_program(main, recorder(outputs={"found": {"value": 4}}))

    assert recorded.reads == [
        nouns.ReadGoal(
            THING, "found", "xyz", {"hint": 1}, parent=recorded.goals[0].parent or recorded.reads[0].parent
        )
    ]
    assert recorded.stack_outputs == {"value": 4}


def test_an_existing_resource_without_an_id_is_refused(run_program):
    with pytest.raises(ProgramFailed, match="is to be read without an id"):
        run_program(lambda: Thing("found", {}, ResourceOptions(id="")) and None)


def test_functions_of_packages_are_called_both_ways(run_program, recorder):
    import pulumi_docker as docker
    from pulumi_command import local

    def main():
        network = docker.get_network(name="bridge")
        assert network.driver == "bridge"
        said = local.run_output(command=Output.secret("date"))
        pulumi.export("said", said.stdout)

    recorded = run_program(
        main,
        recorder(
            invokes={
                "docker:index/getNetwork:getNetwork": InvokeResult({"driver": "bridge", "name": "bridge"}),
                "command:local:run": InvokeResult({"stdout": "now", "command": "date"}),
            }
        ),
    )

    assert [(call.token, call.args) for call in recorded.calls] == [
        ("docker:index/getNetwork:getNetwork", {"name": "bridge"}),
        ("command:local:run", {"command": "date"}),
    ]
    assert recorded.stack_outputs == {"said": Secret("now")}


def test_a_function_is_not_called_while_its_provider_is_unknown(run_program, recorder):
    import pulumi_docker as docker

    def main():
        host = docker.Provider("host")
        plain = docker.get_network(name="bridge", opts=pulumi.InvokeOptions(provider=host))
        assert plain.driver is None
        later = docker.get_network_output(name="bridge", opts=pulumi.InvokeOutputOptions(provider=host))
        pulumi.export("driver", later.driver)

    recorded = run_program(main, recorder(dry_run=True))

    assert recorded.calls == []
    assert isinstance(recorded.stack_outputs["driver"], Unknown)


def test_refused_arguments_of_a_function_stop_the_program(run_program, recorder):
    import pulumi_docker as docker

    refused = InvokeResult({}, (CheckFailure("name", "there is no such network"),))
    registrar = recorder(invokes={"docker:index/getNetwork:getNetwork": refused})

    with pytest.raises(ProgramFailed, match=r"there is no such network \(name\)"):
        run_program(lambda: docker.get_network(name="x") and None, registrar)


def test_dependents_of_a_failed_resource_go_on_with_unknowns(run_program, recorder):
    def main():
        broken = Thing("broken", {"value": "known"})
        Thing("dependent", {"a": broken.id, "b": broken.value})
        Thing("other", {"value": 1})

    recorded = run_program(main, recorder(failing=frozenset({"broken"})))

    dependent = recorded.goal("dependent")
    assert all(isinstance(value, Unknown) for value in dependent.inputs.values())
    assert dependent.dependencies == (thing_urn("broken"),)
    assert recorded.goal("other").inputs == {"value": 1}


def test_an_error_of_the_engine_comes_out_as_itself(run_program, recorder):
    error = ProviderFailed("the disk is full")

    with pytest.raises(ProviderFailed) as raised:
        run_program(lambda: Thing("a") and None, recorder(broken={"a": error}))

    assert raised.value is error


def test_an_error_of_the_engine_from_another_thread_comes_out_as_itself(run_program, recorder, threads):
    error = ProviderFailed("the disk is full")

    with pytest.raises(ProviderFailed) as raised:
        run_program(lambda: Thing("a") and None, recorder(broken={"a": error}, threads=threads))

    assert raised.value is error


def test_answers_may_come_late_from_other_threads_and_in_any_order(run_program, recorder, threads):
    def main():
        things = [Thing(f"t{number}", {"value": number}) for number in range(300)]
        Thing("last", {"value": Output.all(*[thing.id for thing in things]).apply(len)})

    recorded = run_program(main, recorder(threads=threads, hold=300))

    assert recorded.goal("last").inputs == {"value": 300}
    assert recorded.called_on == {threading.get_ident()}


def test_a_function_answered_from_another_thread_is_waited_for(run_program, recorder, threads):
    import pulumi_docker as docker

    token = "docker:index/getNetwork:getNetwork"
    registrar = recorder(threads=threads, invokes={token: InvokeResult({"driver": "bridge"})})

    def main():
        Thing("before")
        assert docker.get_network(name="x").driver == "bridge"
        Thing("after")

    recorded = run_program(main, registrar)

    assert {goal.name for goal in recorded.goals} == {"proj-dev", "before", "after"}
    assert len(recorded.calls) == 1


def test_an_async_program_may_use_threads_of_its_own(run_program):
    async def main():
        value = await asyncio.to_thread(threading.get_ident)
        await asyncio.sleep(0)
        Thing("a", {"value": value != threading.get_ident()})
        return {"x": 1}

    recorded = run_program(lambda: pulumi.run(main))

    assert recorded.goal("a").inputs == {"value": True}
    assert recorded.stack_outputs == {"x": 1}


def test_what_a_program_says_and_prints_is_passed_on(run_program, capsys):
    def main():
        pulumi.warn("careful")
        pulumi.debug("details")
        print("one\ntwo", end="")  # noqa: T201

    recorded = run_program(main)

    assert recorded.logged == [
        (Severity.WARNING, "careful"),
        (Severity.INFO, "one"),
        (Severity.INFO, "two"),
    ]
    assert capsys.readouterr() == ("", "")


def test_what_the_engine_prints_meanwhile_is_not_the_programs(run_program, recorder, capsys):
    class Printing(recorder):
        def register(self, goal):
            print("engine:", goal.name)  # noqa: T201
            return super().register(goal)

        def log(self, severity, message, urn=""):
            print("log:", message)  # noqa: T201

    def main():
        print("mine")  # noqa: T201
        Thing("a")

    run_program(main, Printing())

    assert capsys.readouterr().out.splitlines() == ["log: mine", "engine: proj-dev", "engine: a"]


@pytest.mark.parametrize(
    ("name", "main"),
    [
        ("remote components", lambda: pulumi.ComponentResource("x:y:Z", "z", {}, None, remote=True)),
        ("calling the method `x:y:z`", lambda: pulumi.runtime.call("x:y:z", {})),
    ],
)
def test_what_is_not_supported_is_refused_by_name(run_program, name, main):
    with pytest.raises(NotSupported, match=name) as raised:
        run_program(lambda: main() and None)

    assert raised.value.hint


def test_the_program_may_ask_for_a_version_of_pulumi(run_program):
    run_program(lambda: pulumi.require_pulumi_version(">=3.0.0 <4.0.0"))

    with pytest.raises(NotSupported, match=r"requires Pulumi `>=9\.0\.0`"):
        run_program(lambda: pulumi.require_pulumi_version(">=9.0.0"))


def test_the_program_knows_what_run_it_is(run_program, recorder):
    def main():
        pulumi.export("run", [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()])
        pulumi.export("dry", pulumi.runtime.is_dry_run())

    recorded = run_program(main, recorder(dry_run=True), organization="acme")

    assert recorded.stack_outputs == {"run": ["proj", "dev", "acme"], "dry": True}


def test_an_exported_resource_is_the_same_in_a_plan_and_a_run(run_program, recorder):
    def main():
        pulumi.export("all", [Thing("a", {"value": 1})])

    plan = run_program(main, recorder(dry_run=True))
    real = run_program(main)

    assert (
        plan.stack_outputs["all"][0].keys() == real.stack_outputs["all"][0].keys() == {"urn", "id", "value"}
    )


@pytest.mark.parametrize(
    "method",
    [
        "ExistsResource",
        "Call",
        "RegisterPackage",
    ],
)
def test_methods_that_are_not_supported_refuse(method):
    request = SimpleNamespace(type="a:b:C", id="1", tok="a:b:c", name="x")

    with pytest.raises(NotSupported, match="is not supported"):
        getattr(Monitor(None, None, None, lambda: False, None), method)(request)


def test_the_root_resource_is_kept():
    service = EngineService(None)

    service.SetRootResource(engine_pb2.SetRootResourceRequest(urn="urn:x"))

    assert service.GetRootResource(None).urn == "urn:x"


def test_a_read_that_failed_leaves_everything_open():
    response = read_response(Registered("urn:x", "id", {"a": 1}, failed=True))

    assert (response.urn, response.result, response.id, len(response.properties.fields)) == (
        "urn:x",
        1,
        "",
        0,
    )


def test_a_monitor_without_the_newer_methods_says_what_it_can():
    monitor = Monitor(None, None, None, lambda: False, None)

    answers = {
        name: monitor.SupportsFeature(resource_pb2.SupportsFeatureRequest(id=name)).hasSupport
        for name in ("secrets", "aliasSpecs", "transforms", "resourceHooks", "outputValues")
    }

    assert answers == {
        "secrets": True,
        "aliasSpecs": True,
        "transforms": True,
        "resourceHooks": True,
        "outputValues": False,
    }
