"""Providers that change under what they serve."""

from tomo.model.selection import Selection
from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle, Program


def test_a_changed_provider_region_replaces_what_uses_it(lifecycle: Lifecycle) -> None:
    def program(region: str):
        def run(p: Program) -> None:
            ref = p.provider("prov", {"region": region})
            p.res("a", {"v": 1}, provider=ref)

        return run

    lifecycle.up(program("one"))

    lifecycle.up(program("two"))

    assert Op.REPLACE in lifecycle.ops("a")
    assert len(lifecycle.world.things) == 1
    assert [e.urn.name for e in lifecycle.snapshot.resources] == ["proj-dev", "prov", "a"]


def test_a_changed_provider_setting_alone_leaves_its_resources(lifecycle: Lifecycle) -> None:
    def program(host: str):
        def run(p: Program) -> None:
            ref = p.provider("prov", {"host": host})
            p.res("a", {"v": 1}, provider=ref)

        return run

    lifecycle.up(program("one"))

    lifecycle.up(program("two"))

    assert lifecycle.ops("prov") == [Op.UPDATE]
    assert lifecycle.ops("a") == [Op.SAME]


def test_a_replaced_provider_is_told_of_as_any_replaced_resource(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.provider("prov", {"region": "one"}) and None)

    lifecycle.up(lambda p: p.provider("prov", {"region": "two"}) and None)

    assert lifecycle.ops("prov") == [Op.CREATE_REPLACEMENT, Op.REPLACE, Op.DELETE_REPLACED]


def versioned(version: str, **more: object):
    """A resource of another release of its package: the name of its default provider has the release."""

    def run(p: Program) -> None:
        p.res("a", {"v": 1}, version=version)
        p.res("b", {"v": 1, **more}, version=version)

    return run


def test_another_release_moves_resources_to_its_provider_and_deletes_the_old_one(
    lifecycle: Lifecycle,
) -> None:
    lifecycle.up(versioned("1.0.0"))

    lifecycle.up(versioned("1.1.0"))

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").provider.startswith(
        "urn:pulumi:dev::proj::pulumi:providers:fake::default_1_1_0::"
    )
    providers = [e.urn.name for e in lifecycle.snapshot.resources if e.type == "pulumi:providers:fake"]
    assert providers == ["default_1_1_0"]


def test_another_release_beside_a_target_is_refused(lifecycle: Lifecycle) -> None:
    """What stays would need a provider that the program no longer has (engine-spec, trap 17)."""
    lifecycle.up(versioned("1.0.0"))

    outcome = lifecycle.up(versioned("1.1.0", w=2), selection=Selection(("**::b",)))

    assert [failure.urn.rpartition("::")[2] for failure in outcome.failures] == ["a"]
    assert "default_1_0_0" in outcome.failures[0].error.message


def test_from_the_default_to_an_equal_explicit_provider_nothing_changes(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 1}, provider=p.provider("own")) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert "::own::" in lifecycle.entry("a").provider


def test_a_replaced_provider_whose_user_failed_is_still_known_for_what_it_was(lifecycle: Lifecycle) -> None:
    def program(region: str):
        return lambda p: p.res("a", {"v": 1}, provider=p.provider("cloud", {"region": region})) and None

    lifecycle.up(program("one"))
    lifecycle.world.faults["create", "a"] = "fail"
    lifecycle.up(program("two"))
    lifecycle.world.faults.clear()

    lifecycle.up(program("two"))

    assert Op.REPLACE in lifecycle.ops("a")
    assert lifecycle.entry("a").provider.endswith(lifecycle.entry("cloud").id)


def test_a_provider_says_which_of_its_settings_replace_it(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.provider("cloud", {"region": "one", "note": "x"}) and None)

    planned = lifecycle.plan(lambda p: p.provider("cloud", {"region": "two", "note": "y"}) and None)

    assert [s.keys for s in planned.plan.steps if s.op is Op.REPLACE] == [("region",)]
