"""A refresh that runs the program, on Tomo and on the real CLI: the same state afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pulumi
import pytest

from conformance.vocabulary import FakeCloud, Group, Res
from tests.interchange.conftest import Both

pytestmark = pytest.mark.pulumi_cli


def program(zone: str = "one", *, size: int = 1, new: bool = False, old: bool = True) -> Callable[[], None]:
    def run() -> None:
        cloud = FakeCloud("cloud", {"zone": zone})
        group = Group("group")
        a = Res("a", {"v": size}, provider=cloud, parent=group)
        b = Res("b", {"v": a.out}, protect=not old)
        if old:
            Res("c", {"v": 2}, provider=cloud, depends_on=[b])
        if new:
            later = Res("later", {"v": a.out}, provider=cloud)
            Res("last", {"v": later.out}, parent=Group("house", depends_on=[later]))
        pulumi.export("out", a.out)

    return run


def test_what_the_program_registers_is_read_and_nothing_is_made(both: Both) -> None:
    both.up(program())
    both.edit("a", v=7)
    both.edit("c", v=8)

    both.refresh(program("two", size=3, new=True))

    both.up(program("two", size=3))


def test_what_it_no_longer_registers_is_read_too(both: Both) -> None:
    both.up(program())
    both.edit("b", v=7)
    both.edit("c", v=8)

    both.refresh(program("two", old=False))

    both.up(program("two", old=False))


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_what_is_gone_leaves_the_state(both: Both, name: str) -> None:
    both.up(program())
    both.lose(name)

    both.refresh(program())

    both.up(program())


def test_a_renamed_resource_is_read_under_its_new_name(both: Both) -> None:
    both.up(lambda: Res("a", {"v": 1}))
    both.edit("a", v=7)

    both.refresh(lambda: Res("z", {"v": 1}, aliases=[pulumi.Alias(name="a")]))


def test_a_replaced_provider_reads_what_it_will_serve(both: Both) -> None:
    def run(region: str) -> Callable[[], None]:
        def declare() -> None:
            Res("a", {"v": 1}, provider=FakeCloud("cloud", {"region": region}))

        return declare

    both.up(run("one"))
    both.edit("a", v=7)

    both.refresh(run("two"))

    both.up(run("two"))


def test_a_program_that_fails_ends_the_refresh(both: Both) -> None:
    def run() -> None:
        Res("a", {"v": 1})
        raise ValueError("not today")

    both.up(lambda: Res("a", {"v": 1}))
    both.edit("a", v=7)

    assert not both.refresh(run).ok
