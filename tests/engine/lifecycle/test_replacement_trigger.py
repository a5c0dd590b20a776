"""A value whose change replaces."""

from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle


def test_a_changed_trigger_replaces_and_a_first_one_does_not(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)
    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=1) and None)
    first = lifecycle.ops("a")

    lifecycle.up(lambda p: p.res("a", {"v": 1}, replacement_trigger=2) and None)

    assert first == [Op.SAME]
    assert Op.REPLACE in lifecycle.ops("a")
