"""Changes that replace because an option says so."""

from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle


def test_replace_on_changes_turns_an_update_into_a_replacement(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}, replace_on_changes=("v",)) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 2}, replace_on_changes=("v",)) and None)

    assert Op.REPLACE in lifecycle.ops("a")


def test_replace_on_changes_below_what_the_provider_tells_replaces_nothing(lifecycle: Lifecycle) -> None:
    def program(value: int):
        return lambda p: p.res("a", {"m": {"k": value}}, replace_on_changes=("m.k",)) and None

    lifecycle.up(program(1))

    lifecycle.up(program(2))

    assert lifecycle.ops("a") == [Op.UPDATE]


def test_every_change_replaces_where_a_star_says_so(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 2}, replace_on_changes=("*",)) and None)

    assert Op.REPLACE in lifecycle.ops("a")


def test_a_change_elsewhere_only_updates(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1, "w": 1}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 1, "w": 2}, replace_on_changes=("v",)) and None)

    assert lifecycle.ops("a") == [Op.UPDATE]


def test_the_option_alone_replaces_nothing(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: p.res("a", {"v": 1}) and None)

    lifecycle.up(lambda p: p.res("a", {"v": 1}, replace_on_changes=("*",)) and None)

    assert lifecycle.ops("a") == [Op.SAME]
    assert lifecycle.entry("a").replace_on_changes == ("*",)
