"""What leaves the state and stays in the world."""

from tomo.testing.lifecycle import Lifecycle


def test_swapping_is_not_for_what_is_to_be_retained(lifecycle: Lifecycle) -> None:
    lifecycle.world.swaps = True
    lifecycle.up(lambda p: p.res("a", {"d": 1}, retain_on_delete=True) and None)

    lifecycle.up(lambda p: p.res("a", {"d": 2}, retain_on_delete=True) and None)

    assert set(lifecycle.world.things) == {"a-1", "a-2"}


def test_a_retained_resource_leaves_the_state_and_stays_in_the_world(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, retain_on_delete=True) and None)

    lifecycle.up(lambda p: p.export())

    assert lifecycle.names() == []
    assert len(lifecycle.world.things) == 1


def test_data_removal_overrides_retention(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, retain_on_delete=True) and None)
    urn = lifecycle.entry("a").urn

    lifecycle.up(lambda p: p.export(), remove_data=frozenset({urn}))

    assert lifecycle.world.things == {}
