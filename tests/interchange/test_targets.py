"""Targets, excludes and ordered replacements: every run here is Tomo's and the real CLI's alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from conformance.vocabulary import FakeCloud, Group, Res
from tests.interchange.conftest import Both

pytestmark = pytest.mark.pulumi_cli


def urn(name: str, type_: str = "fake:index:Res") -> str:
    return f"urn:pulumi:dev::proj::{type_}::{name}"


def ops(ran: Any, name: str, type_: str = "fake:index:Res") -> list[str]:
    found: list[str] = ran.ops.get(urn(name, type_), [])
    return found


def chain(value: int, *names: str) -> Callable[[], None]:
    """Resources each of which depends on the one before."""

    def run() -> None:
        before: list[Res] = []
        for name in names:
            before = [Res(name, {"v": value}, depends_on=before)]

    return run


def test_a_target_alone_changes(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))

    planned = both.plan(chain(2, "a", "b", "c"), targets=(urn("b"),))
    done = both.up(chain(2, "a", "b", "c"), targets=(urn("b"),))

    assert (ops(done, "a"), ops(done, "b"), ops(done, "c")) == (["same"], ["update"], ["same"])
    assert planned.ops == done.ops


def test_targets_with_their_dependents(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))

    done = both.up(chain(2, "a", "b", "c"), targets=(urn("b"),), dependents=True)

    assert (ops(done, "a"), ops(done, "b"), ops(done, "c")) == (["same"], ["update"], ["update"])


def test_a_pattern_of_targets(both: Both) -> None:
    both.up(chain(1, "a", "bee", "beetle"))

    done = both.up(chain(2, "a", "bee", "beetle"), targets=("**::bee*",))

    assert (ops(done, "a"), ops(done, "bee"), ops(done, "beetle")) == (["same"], ["update"], ["update"])


def test_an_excluded_resource_stays(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))

    done = both.up(chain(2, "a", "b", "c"), excludes=(urn("b"),))

    assert (ops(done, "a"), ops(done, "b"), ops(done, "c")) == (["update"], ["same"], ["update"])


def test_excludes_with_their_dependents(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))

    done = both.up(chain(2, "a", "b", "c"), excludes=(urn("b"),), dependents=True)

    assert (ops(done, "a"), ops(done, "b"), ops(done, "c")) == (["update"], ["same"], ["same"])


def test_a_new_resource_that_is_not_a_target_is_not_made(both: Both) -> None:
    def program() -> None:
        a = Res("a", {"v": 1})
        b = Res("b", {"v": 1})
        Res("c", {"v": b.out})
        Group("group").register_outputs({"b": b.out})
        pulumi.export("a", a.out)
        pulumi.export("b", b.out)

    planned = both.plan(program, targets=(urn("a"),))
    done = both.up(program, targets=(urn("a"),))

    assert planned.ok
    assert done.ok
    assert both.up(program).ok


def test_a_target_that_needs_a_new_resource_beside_the_targets_is_refused(both: Both) -> None:
    def program(*, more: bool) -> Callable[[], None]:
        def run() -> None:
            needs = [Res("new", {"v": 1})] if more else []
            Res("a", {"v": 2 if more else 1}, depends_on=needs)

        return run

    both.up(program(more=False))

    planned = both.plan(program(more=True), targets=(urn("a"),), steps=False)
    done = both.up(program(more=True), targets=(urn("a"),), steps=False)

    assert not planned.ok
    assert not done.ok


def test_a_child_of_a_new_component_beside_the_targets_is_refused(both: Both) -> None:
    def program() -> None:
        Res("a", {"v": 1}, parent=Group("group"))

    assert not both.up(program, targets=("**::a",), steps=False).ok


def test_what_is_no_longer_declared_stays_unless_it_is_a_target(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))

    kept = both.up(chain(2, "a"), targets=(urn("a"),), steps=False)
    gone = both.up(chain(2, "a"), targets=(urn("c"),), steps=False)

    assert not kept.ok
    assert gone.ok


def test_what_needs_a_target_and_is_no_longer_declared_goes_with_target_dependents(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))

    assert both.up(chain(2, "a"), targets=(urn("a"),), dependents=True).ok


def test_what_is_left_out_keeps_what_it_needed(both: Both) -> None:
    def before() -> None:
        old = Res("old", {"v": 1})
        older = Res("older", {"v": 1}, depends_on=[old])
        Res("a", {"v": 1})
        Res("user", {"v": older.out}, depends_on=[old])

    def after() -> None:
        Res("user", {"v": 1})
        Res("a", {"v": 2})

    both.up(before)

    done = both.up(after, targets=(urn("a"),))
    assert ops(done, "older") == ["same"]

    assert ops(both.up(after), "older") == ["delete"]


def test_a_target_that_what_is_left_out_still_needs_stays(both: Both) -> None:
    def before() -> None:
        Res("user", {"v": Res("old", {"v": 1}).out})

    def after() -> None:
        Res("user", {"v": 1})

    both.up(before)

    done = both.up(after, targets=(urn("old"),))

    assert ops(done, "old") == ["same"]


def test_an_unknown_target_is_refused(both: Both) -> None:
    both.up(chain(1, "a", "b"))

    assert not both.up(chain(2, "a", "b"), targets=(urn("nobody"),), steps=False).ok
    assert not both.destroy(targets=(urn("nobody"),), steps=False).ok
    assert not both.refresh(targets=(urn("nobody"),)).ok
    assert not both.up(chain(1, "a", "b"), replaces=(urn("nobody"),), steps=False).ok


def test_a_replacement_that_was_asked_for(both: Both) -> None:
    both.up(chain(1, "a", "b"))

    planned = both.plan(chain(1, "a", "b"), replaces=(urn("a"),))
    done = both.up(chain(1, "a", "b"), replaces=(urn("a"),))

    assert ops(done, "a") == ["create-replacement", "replace", "delete-replaced"]
    assert ops(done, "b") == ["same"]
    assert planned.ok


def test_a_replacement_that_was_asked_for_takes_dependents_along_by_their_own_diff(both: Both) -> None:
    def program() -> None:
        a = Res("a", {"v": 1}, delete_before_replace=True)
        Res("b", {"rx": a.rid})
        Res("c", {"v": a.rid})

    both.up(program)

    done = both.up(program, replaces=(urn("a"),))

    assert ops(done, "b") == ["delete-replaced", "replace", "create-replacement"]
    assert ops(done, "c") == ["update"]


def test_target_replace(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))

    done = both.up(chain(2, "a", "b", "c"), targets=(urn("b"),), replaces=(urn("b"),))

    assert ops(done, "b") == ["create-replacement", "replace", "delete-replaced"]
    assert ops(done, "c") == ["same"]


def test_a_replacement_beside_the_targets_does_not_happen(both: Both) -> None:
    both.up(chain(1, "a", "b"))

    done = both.up(chain(1, "a", "b"), targets=(urn("a"),), replaces=(urn("b"),))

    assert ops(done, "b") == ["same"]


def test_destroying_a_target_needs_its_dependents_named(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))

    assert not both.destroy(targets=(urn("b"),), steps=False).ok
    done = both.destroy(targets=(urn("b"), urn("c")))
    assert (ops(done, "b"), ops(done, "c")) == (["delete"], ["delete"])


def test_destroying_a_target_with_its_dependents(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))

    done = both.destroy(targets=(urn("b"),), dependents=True)

    assert (ops(done, "b"), ops(done, "c")) == (["delete"], ["delete"])


def test_destroying_a_component_takes_its_children(both: Both) -> None:
    def program() -> None:
        group = Group("group")
        child = Res("child", {"v": 1}, parent=group)
        Res("user", {"v": child.out})
        Res("other", {"v": 1})

    both.up(program)

    assert not both.destroy(targets=(urn("group", "my:mod:Group"),), steps=False).ok
    both.destroy(targets=(urn("group", "my:mod:Group"),), dependents=True)
    assert both.up(program).ok


def test_destroying_all_but_some(both: Both) -> None:
    def program() -> None:
        cloud = FakeCloud("cloud", {"region": "one"})
        a = Res("a", {"v": 1}, provider=cloud, parent=Group("group"))
        b = Res("b", {"v": a.out})
        Res("c", {"v": b.out})
        Res("d", {"v": 1})

    both.up(program)

    done = both.destroy(excludes=("**::b",))

    assert (ops(done, "c"), ops(done, "d")) == (["delete"], ["delete"])
    assert both.destroy().ok


def test_destroying_a_provider_takes_what_it_serves(both: Both) -> None:
    def program() -> None:
        cloud = FakeCloud("cloud", {"region": "one"})
        Res("a", {"v": 1}, provider=cloud)
        Res("b", {"v": 1})

    both.up(program)

    done = both.destroy(targets=(urn("cloud", "pulumi:providers:fake"),), dependents=True)

    assert ops(done, "a") == ["delete"]


def test_refreshing_targets_only(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))
    both.edit("a", v=7)
    both.edit("b", v=8)
    both.edit("c", v=9)

    both.refresh(targets=(urn("b"),))
    both.refresh(targets=(urn("b"),), dependents=True)


def test_refreshing_all_but_excludes(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))
    both.edit("a", v=7)
    both.edit("b", v=8)
    both.edit("c", v=9)

    both.refresh(excludes=(urn("b"),), dependents=True)
    both.refresh(excludes=(urn("b"),))


def test_refreshing_finds_a_target_gone(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))
    both.lose("b")
    both.lose("c")

    both.refresh(targets=(urn("b"),))


def test_providers_take_part_always(both: Both) -> None:
    def program(tag: str) -> Callable[[], None]:
        def run() -> None:
            cloud = FakeCloud("cloud", {"region": "one", "tag": tag})
            Res("a", {"v": 1}, provider=cloud)
            Res("b", {"v": 1})

        return run

    both.up(program("x"))

    done = both.up(program("y"), targets=(urn("b"),))

    assert ops(done, "cloud", "pulumi:providers:fake") == ["update"]


def test_a_replaced_provider_of_what_is_left_out(both: Both) -> None:
    def program(region: str) -> Callable[[], None]:
        def run() -> None:
            cloud = FakeCloud("cloud", {"region": region})
            Res("a", {"v": 1}, provider=cloud)
            Res("b", {"v": 1})

        return run

    both.up(program("one"))

    assert not both.up(program("two"), targets=(urn("b"),), steps=False).ok


def test_a_provider_that_is_gone_from_what_is_left_out(both: Both) -> None:
    def program(name: str) -> Callable[[], None]:
        def run() -> None:
            cloud = FakeCloud(name, {"region": "one"})
            Res("a", {"v": 1}, provider=cloud)
            Res("b", {"v": 1})

        return run

    both.up(program("cloud"))

    assert not both.up(program("sky"), targets=(urn("b"),), steps=False).ok


def test_a_replaced_target_that_others_keep_needing(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"r": value})
            Res("b", {"v": a.rid}, parent=a)
            Res("c", {"rx": a.rid})

        return run

    both.up(program(1))

    both.up(program(2), targets=(urn("a"),))
    assert both.up(program(2)).ok


def test_a_component_that_is_left_out_keeps_its_outputs(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            group = Group("group", {"v": value})
            a = Res("a", {"v": value}, parent=group)
            group.register_outputs({"a": a.out, "v": value})
            Res("b", {"v": value})

        return run

    both.up(program(1))

    both.up(program(2), targets=(urn("b"),))


def test_pending_deletes_beside_the_targets_stay(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            Res("a", {"r": value})
            Res("b", {"v": value})

        return run

    both.up(program(1))
    both.fail("delete", "a")
    both.up(program(2))
    both.heal()

    both.up(program(3), targets=(urn("b"),))
    assert ops(both.up(program(3), targets=(urn("a"),)), "a")[-1] == "delete-replaced"


def test_what_is_no_longer_declared_goes_beside_the_excluded(both: Both) -> None:
    def program(*names: str) -> Callable[[], None]:
        def run() -> None:
            for name in names:
                Res(name, {"v": 1})

        return run

    both.up(program("a", "b", "c"))

    done = both.up(program("a"), excludes=(urn("a"), urn("b")))

    assert (ops(done, "b"), ops(done, "c")) == (["same"], ["delete"])


def test_unregistered_and_excluded_with_dependents(both: Both) -> None:
    both.up(chain(1, "a", "b", "c"))

    both.up(chain(1, "a"), excludes=(urn("b"),), dependents=True)


def test_a_component_is_replaced_where_that_is_asked_for(both: Both) -> None:
    def program() -> None:
        group = Group("group", {"v": 1})
        Res("a", {"v": 1}, parent=group)
        group.register_outputs({"v": 1})

    both.up(program)

    done = both.up(program, replaces=(urn("group", "my:mod:Group"),))

    assert ops(done, "a", "my:mod:Group$fake:index:Res") == ["same"]


def test_a_provider_is_replaced_where_that_is_asked_for(both: Both) -> None:
    def program() -> None:
        cloud = FakeCloud("cloud", {"region": "one"})
        Res("a", {"v": 1}, provider=cloud)

    both.up(program)

    done = both.up(program, replaces=(urn("cloud", "pulumi:providers:fake"),))

    assert ops(done, "a") == ["same"]
