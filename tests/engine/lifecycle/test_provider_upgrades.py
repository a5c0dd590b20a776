"""Providers that change under what they serve."""

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
