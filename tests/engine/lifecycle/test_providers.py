"""Default and explicit providers."""

from collections.abc import Callable
from dataclasses import replace

from tomo.model.events import Result
from tomo.model.goal import Goal
from tomo.model.provider import CheckFailure, CheckResult
from tomo.model.step import Op
from tomo.testing.fake_provider import FakeProvider
from tomo.testing.lifecycle import Lifecycle, Program


def test_a_provider_whose_settings_are_refused_fails_with_what_it_serves(lifecycle: Lifecycle) -> None:
    class Refusing(FakeProvider):
        def check_config(self, olds, news):
            return CheckResult(news, (CheckFailure("", "nothing pleases me"),))

    lifecycle.others["fake"] = Refusing(lifecycle.world)

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}, provider=p.provider("web", {"host": "h"})) and None)

    assert str(outcome.failures[0].error).endswith("is not valid: nothing pleases me")
    assert lifecycle.names() == []


def test_two_versions_of_a_package_have_two_default_providers(lifecycle: Lifecycle) -> None:
    lifecycle.config = {"fake:region": "north", "other:region": "south"}

    def program(p: Program) -> None:
        p.res("a", {"v": 1}, version="1.2.3")
        p.res("b", {"v": 1}, version="2.0.0-rc.1", plugin_download_url="https://x.y")

    lifecycle.up(program)

    providers = [e for e in lifecycle.snapshot.resources if e.type == "pulumi:providers:fake"]
    assert [e.urn.name for e in providers] == ["default_1_2_3", "default_2_0_0_rc_1_https_/x.y"]
    assert [e.inputs["region"] for e in providers] == ["north", "north"]
    assert providers[1].inputs["__internal"] == {"pluginDownloadURL": "https://x.y"}
    assert "__internal" not in providers[1].outputs


def test_default_providers_can_be_forbidden(lifecycle: Lifecycle) -> None:
    lifecycle.config = {"pulumi:disable-default-providers": '["fake"]'}

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert "default provider of `fake` is disabled" in str(outcome.program_error)
    assert lifecycle.world.things == {}


def test_an_unreadable_list_of_forbidden_default_providers_is_refused(lifecycle: Lifecycle) -> None:
    lifecycle.config = {"pulumi:disable-default-providers": "fake"}

    outcome = lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    assert "pulumi:disable-default-providers" in str(outcome.program_error)


def test_a_package_that_nobody_serves_is_refused_by_name(lifecycle: Lifecycle) -> None:
    goal = Goal("aws:s3:Bucket", "a", custom=True, inputs={})

    outcome = lifecycle.up(lambda p: p.registrar.register(goal) and None)

    assert "`aws`" in str(outcome.program_error)


def test_a_reference_to_an_unregistered_provider_is_refused_by_name(lifecycle: Lifecycle) -> None:
    outcome = lifecycle.up(
        lambda p: p.res("a", {"v": 1}, provider="urn:pulumi:dev::proj::pulumi:providers:fake::x::1") and None
    )

    assert "names a provider that is not registered" in str(outcome.program_error)


def served(region: str, *names: str, **options: object) -> Callable[[Program], None]:
    def program(p: Program) -> None:
        cloud = p.provider("cloud", {"region": region}, delete_before_replace=True, **options)
        for name in names:
            p.res(name, {"v": 1}, provider=cloud)

    return program


def test_what_a_provider_serves_is_deleted_before_it_where_the_old_one_is_to_go_first(
    lifecycle: Lifecycle,
) -> None:
    lifecycle.up(served("one", "a", "b"))
    planned = lifecycle.plan(served("two", "a", "b"))
    lifecycle.world.calls.clear()

    outcome = lifecycle.up(served("two", "a", "b"))

    assert outcome.result is Result.SUCCEEDED
    assert [call.verb for call in lifecycle.world.calls if call.verb in {"create", "delete"}] == [
        "delete",
        "delete",
        "create",
        "create",
    ]
    for name in ("cloud", "a", "b"):
        assert sorted(op.name for op in lifecycle.ops(name)) == sorted(
            op.name for op in lifecycle.ops(name, planned)
        )
    assert set(lifecycle.ops("cloud")) == {Op.DELETE_REPLACED, Op.REPLACE, Op.CREATE_REPLACEMENT}
    assert lifecycle.names() == ["a", "b"]
    assert {entry.delete or entry.pending_replacement for entry in lifecycle.snapshot.resources} == {False}


def test_a_provider_served_resource_that_is_protected_keeps_its_provider(lifecycle: Lifecycle) -> None:
    def program(region: str) -> Callable[[Program], None]:
        def run(p: Program) -> None:
            cloud = p.provider("cloud", {"region": region}, delete_before_replace=True)
            p.res("a", {"v": 1}, provider=cloud, protect=True)

        return run

    lifecycle.up(program("one"))
    before = lifecycle.entry("cloud")

    outcome = lifecycle.up(program("two"))

    assert "protected" in str(outcome.failures[0].error)
    assert lifecycle.entry("cloud") == before
    assert lifecycle.names() == ["a"]


def test_a_deletion_that_fails_ahead_of_a_provider_keeps_it_and_is_tried_again(lifecycle: Lifecycle) -> None:
    lifecycle.up(served("one", "a", "b"))
    lifecycle.world.faults["delete", "a"] = "fail"
    failed = lifecycle.up(served("two", "a", "b"))
    kept = lifecycle.entry("cloud").inputs["region"]
    lifecycle.world.faults.clear()

    outcome = lifecycle.up(served("two", "a", "b"))

    assert (failed.result, kept) == (Result.FAILED, "one")
    assert outcome.result is Result.SUCCEEDED
    assert lifecycle.entry("cloud").inputs["region"] == "two"
    assert len(lifecycle.world.things) == 2


def test_what_could_not_be_made_again_by_the_new_provider_is_tried_again(lifecycle: Lifecycle) -> None:
    lifecycle.up(served("one", "a"))
    lifecycle.world.faults["create", "a"] = "fail"
    lifecycle.up(served("two", "a"))
    waiting = lifecycle.entry("a").pending_replacement
    lifecycle.world.faults.clear()

    outcome = lifecycle.up(served("two", "a"))

    assert waiting
    assert outcome.result is Result.SUCCEEDED
    assert not lifecycle.entry("a").pending_replacement
    assert len(lifecycle.world.things) == 1


def test_an_interrupted_replacement_of_a_provider_is_finished(lifecycle: Lifecycle) -> None:
    lifecycle.up(served("one", "a"))
    entries = tuple(
        replace(entry, pending_replacement=entry.urn.name in {"cloud", "a"})
        for entry in lifecycle.snapshot.resources
    )
    lifecycle.snapshot = replace(lifecycle.snapshot, resources=entries)
    lifecycle.world.things.clear()

    outcome = lifecycle.up(served("one", "a"))

    assert outcome.result is Result.SUCCEEDED
    assert set(lifecycle.ops("cloud")) == {Op.REPLACE, Op.CREATE_REPLACEMENT}
    assert len(lifecycle.world.things) == 1
    assert {entry.pending_replacement for entry in lifecycle.snapshot.resources} == {False}


def test_a_child_has_its_parents_default_provider(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        a = p.res("a", {"v": 1}, version="1.2.3")
        p.res("b", {"v": 1}, version="2.0.0", under=a)

    lifecycle.up(program)

    assert lifecycle.entry("b").provider == lifecycle.entry("a").provider
    assert "default_1_2_3" in lifecycle.entry("b").provider
