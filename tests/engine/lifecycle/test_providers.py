"""Default and explicit providers."""

from tomo.model.goal import Goal
from tomo.model.provider import CheckFailure, CheckResult
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
    assert [e.urn.name for e in providers] == ["default_1_2_3", "default_2_0_0_rc_1_https___x_y"]
    assert [e.inputs["region"] for e in providers] == ["north", "north"]


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
