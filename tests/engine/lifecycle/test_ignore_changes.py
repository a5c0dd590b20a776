"""Inputs whose changes are ignored."""

from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle


def test_ignored_changes_keep_the_old_value(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1, "w": {"x": 1, "y": 1}}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 2, "w": {"x": 2, "y": 1}}, ignore_changes=("v", "w.x")) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").inputs["v"] == 1
