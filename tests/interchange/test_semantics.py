"""Every program here runs on Tomo and on the real CLI; `Both` compares steps, calls and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi import Alias, CustomTimeouts, Output

from conformance.vocabulary import FakeCloud, Group, Res
from tests.interchange.conftest import Both

pytestmark = pytest.mark.pulumi_cli


def urn(qualified_type: str, name: str) -> str:
    return f"urn:pulumi:dev::proj::{qualified_type}::{name}"


def ops(ran: Any, name: str, type_: str = "fake:index:Res") -> list[str]:
    found: list[str] = ran.ops.get(urn(type_, name), [])
    return found


def test_create_update_and_delete(both: Both) -> None:
    def program(size: int, *, with_b: bool) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"v": size, "list": [1, {"k": "x", "none": None}], "map": {"a.b": True}, "text": ""})
            if with_b:
                Res("b", {"v": a.out}, depends_on=[a])
            pulumi.export("out", a.out)
            pulumi.export("size", size)

        return run

    both.up(program(1, with_b=True))

    planned = both.plan(program(2, with_b=False))
    done = both.up(program(2, with_b=False))

    assert (ops(done, "a"), ops(done, "b")) == (["update"], ["delete"])
    assert planned.ops == done.ops


def test_a_second_run_changes_nothing(both: Both) -> None:
    def program() -> None:
        Res("b", {"v": Res("a", {"v": 1}).out})

    both.up(program)

    assert both.up(program).changes == {}


def test_a_replacement_comes_first_and_its_dependents_follow(both: Both) -> None:
    def program(region: str) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"r": region})
            Res("b", {"rfrom": a.rid})
            Res("c", {"v": a.rid})
            Res("d", {"v": 1}, depends_on=[a])

        return run

    both.up(program("one"))

    done = both.up(program("two"))

    assert sorted(ops(done, "b")) == ["create-replacement", "delete-replaced", "replace"]
    assert ops(done, "c") == ["update"]


def test_delete_before_replace_cascades_to_what_must_be_replaced_too(both: Both) -> None:
    """The example of engine-spec 2.4."""

    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"dx": value})
            b = Res("b", {"rx": a.out, "v": a.rid})
            Res("c", {"v": 1}, depends_on=[a])
            d = Res("d", {"v": b.rid})
            Res("e", {"rv": d.out})

        return run

    both.up(program(1))

    planned = both.plan(program(2))
    done = both.up(program(2))

    assert ops(done, "b") == ["delete-replaced", "replace", "create-replacement"]
    assert (ops(done, "c"), ops(done, "d")) == (["same"], ["update"])
    assert planned.ok


def test_the_program_orders_delete_before_replace(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        return lambda: Res("a", {"r": value}, delete_before_replace=True) and None

    both.up(program(1))

    assert ops(both.up(program(2)), "a") == ["delete-replaced", "replace", "create-replacement"]


def test_a_failed_create_after_delete_first_is_retried(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        return lambda: Res("a", {"d": value}) and None

    both.up(program(1))
    both.fail("create", "a")
    both.up(program(2))
    both.heal()

    both.up(program(2))

    assert both.up(program(2)).changes == {}


def test_destroy_forgets_what_waits_for_its_replacement(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        return lambda: Res("a", {"d": value}) and None

    both.up(program(1))
    both.fail("create", "a")
    both.up(program(2))

    assert ops(both.destroy(), "a") == ["remove-pending-replace"]


def test_a_replaced_original_that_could_not_go_is_deleted_next_time(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        return lambda: Res("a", {"r": value}) and None

    both.up(program(1))
    both.fail("delete", "a")
    both.up(program(2))
    both.heal()

    assert ops(both.up(program(2)), "a") == ["same", "delete-replaced"]


def test_resources_that_are_not_well_after_creation_are_tried_again(both: Both) -> None:
    def program() -> None:
        Res("a", {"v": 1})

    both.fail("create", "a", "init")
    both.up(program)
    both.heal()

    assert ops(both.up(program), "a") == ["update"]


def test_an_update_that_leaves_a_resource_unwell_keeps_the_new_inputs(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        return lambda: Res("a", {"v": value}) and None

    both.up(program(1))
    both.fail("update", "a", "init")
    both.up(program(2))
    both.heal()

    assert ops(both.up(program(2)), "a") == ["update"]


def test_a_plain_failure_of_an_update_keeps_the_old_inputs(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        return lambda: Res("a", {"v": value}) and None

    both.up(program(1))
    both.fail("update", "a")

    assert not both.up(program(2)).ok


def test_options_that_change_what_a_difference_means(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            Res("ignores", {"v": value, "w": value}, ignore_changes=["v"])
            deep = {"kept": value, "new": value, "list": [{"x": value, "y": value}]}
            Res(
                "ignores_deep", {"m": deep, "a.b": value}, ignore_changes=["m.kept", "m.list[*].x", '["a.b"]']
            )
            Res("ignores_all", {"m": {"k": value}, "l": [value]}, ignore_changes=["*"])
            Res("replaces", {"v": value, "w": 1}, replace_on_changes=["v"])
            Res("replaces_deep", {"m": {"k": [value]}, "w": 1}, replace_on_changes=["m.k[*]"])
            Res("triggered", {"v": 1}, replacement_trigger=value)
            Res("first_trigger", {"v": 1}, replacement_trigger=value if value > 1 else None)

        return run

    both.up(program(1))

    done = both.up(program(2))

    assert [ops(done, name)[0] for name in ("ignores", "ignores_all", "first_trigger")] == [
        "update",
        "same",
        "same",
    ]
    assert all("replace" in ops(done, name) for name in ("replaces", "triggered"))


def test_options_that_decide_what_a_deletion_means(both: Both) -> None:
    def program(stage: int) -> Callable[[], None]:
        def run() -> None:
            if stage == 1:
                owner = Res("owner", {"v": 1})
                Res("owned", {"v": 1}, deleted_with=owner)
                Res("retained", {"v": 1}, retain_on_delete=True)
                group = Group("group", retain_on_delete=True)
                Res("inherits", {"v": 1}, parent=group)
            Res("replaced", {"r": stage}, retain_on_delete=True)

        return run

    both.up(program(1))

    done = both.up(program(2))

    assert ops(done, "owned") == ["delete"]
    assert ops(done, "retained") == ["delete"]


def test_protection_keeps_resources(both: Both) -> None:
    def program(stage: int) -> Callable[[], None]:
        def run() -> None:
            if stage < 3:
                Res("a", {"v": stage}, protect=True)
                group = Group("group", protect=True)
                Res("inherits", {"v": 1}, parent=group)
            if stage == 3:
                Res("a", {"v": 1}, protect=False)
                Res("replaced", {"r": 2}, protect=False)
            if stage < 3:
                Res("replaced", {"r": 1}, protect=True)

        return run

    both.up(program(1))
    both.up(program(2))

    done = both.up(program(3))

    assert not done.ok


def test_aliases_rename_components_with_their_children(both: Both) -> None:
    def program(stage: int) -> Callable[[], None]:
        def run() -> None:
            name = "old" if stage == 1 else "new"
            group = Group(name, aliases=[Alias(name="old")])
            child = Res(f"{name}-child", {"v": 1}, parent=group)
            inner = Group(f"{name}-inner", parent=group)
            Res(f"{name}-inner-leaf", {"v": child.out}, parent=inner, depends_on=[child])
            moved = (
                {"parent": group, "aliases": [Alias(parent=pulumi.ROOT_STACK_RESOURCE)]} if stage == 2 else {}
            )
            Res("moved", {"v": child.out}, **moved)

        return run

    both.up(program(1))

    done = both.up(program(2))

    assert done.changes == {}


def test_a_changed_provider_replaces_what_uses_it(both: Both) -> None:
    def program(region: str, note: str) -> Callable[[], None]:
        def run() -> None:
            cloud = FakeCloud("cloud", {"region": region, "note": note})
            a = Res("a", {"v": 1}, provider=cloud)
            Res("b", {"v": a.out}, provider=cloud)

        return run

    both.up(program("one", "x"))
    noted = both.up(program("one", "y"))

    done = both.up(program("two", "y"))

    assert ops(noted, "a") == ["same"]
    assert "replace" in ops(done, "a")


def test_moving_to_an_explicit_provider_with_the_same_settings_replaces_nothing(both: Both) -> None:
    def program(*, explicit: bool) -> Callable[[], None]:
        def run() -> None:
            options = {"provider": FakeCloud("cloud")} if explicit else {}
            Res("a", {"v": 1}, **options)

        return run

    both.up(program(explicit=False))

    done = both.up(program(explicit=True))

    assert ops(done, "a") == ["same"]


def test_components_pass_their_providers_on(both: Both) -> None:
    def program() -> None:
        cloud = FakeCloud("cloud", {"region": "one"})
        group = Group("group", providers=[cloud])
        Res("a", {"v": 1}, parent=group)
        Res("b", {"v": 1}, parent=Group("inner", parent=group))

    both.up(program)

    assert both.up(program).changes == {}


def test_components_keep_their_inputs_and_outputs(both: Both) -> None:
    class Outs(Group):
        def __init__(self, name: str, value: int, *, register: bool) -> None:
            super().__init__(name, {"given": value})
            child = Res(f"{name}-child", {"v": value}, parent=self)
            if register:
                self.register_outputs({"out": child.out, "secret": Output.secret("s")})

    def program(value: int, *, register: bool) -> Callable[[], None]:
        def run() -> None:
            Outs("first", 1, register=register)
            Outs("second", value, register=register)

        return run

    both.up(program(1, register=True))
    both.up(program(2, register=True))

    done = both.up(program(3, register=False))

    assert done.ok


def test_refresh_takes_in_what_changed_and_drops_what_is_gone(both: Both) -> None:
    def program() -> None:
        gone = Res("gone", {"v": 1})
        Res("edited", {"v": 1})
        Res("user", {"v": gone.out}, depends_on=[gone])
        Res("untouched", {"v": Output.secret("s")}, additional_secret_outputs=["out"])

    both.up(program)
    both.lose("gone")
    both.edit("edited", v=5)

    both.refresh()
    done = both.up(program)

    assert (ops(done, "gone"), ops(done, "edited")) == (["create"], ["update"])


def test_destroy_deletes_dependents_first(both: Both) -> None:
    def program() -> None:
        cloud = FakeCloud("cloud")
        a = Res("a", {"v": 1}, provider=cloud)
        group = Group("group")
        b = Res("b", {"v": a.out}, parent=group, provider=cloud)
        Res("c", {"v": 1}, depends_on=[group])
        Res("d", {"v": 1}, depends_on=[b])
        pulumi.export("a", a.out)

    both.up(program)

    done = both.destroy()

    assert done.ok


def test_destroy_goes_on_beside_what_cannot_go(both: Both) -> None:
    def program() -> None:
        a = Res("a", {"v": 1})
        Res("b", {"v": a.out})
        kept = Res("kept", {"v": 1})
        Res("stays", {"v": kept.out}, protect=True)
        Res("free", {"v": 1})

    both.up(program)
    both.fail("delete", "b")

    done = both.destroy()

    assert not done.ok


def test_a_program_that_raises_deletes_nothing(both: Both) -> None:
    def program(stage: int) -> Callable[[], None]:
        def run() -> None:
            Res("a", {"v": stage})
            pulumi.export("stage", stage)
            if stage == 1:
                Res("b", {"v": 1})
            else:
                raise ValueError("no")

        return run

    both.up(program(1))

    done = both.up(program(2))

    assert not done.ok


def test_a_failure_stops_its_dependents_only(both: Both) -> None:
    def program(stage: int) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"v": stage})
            Res("needs_a", {"v": a.out})
            Res("child", {"v": 1}, parent=a)
            free = Res("free", {"v": stage})
            Res("needs_free", {"v": free.out})
            pulumi.export("a", a.out)
            pulumi.export("free", free.out)

        return run

    both.up(program(1))
    both.fail("update", "a")

    done = both.up(program(2))

    assert not done.ok
    assert ops(done, "needs_free") == ["update"]


def test_the_first_failure_stops_the_run_where_that_is_asked_for(both: Both) -> None:
    def program(stage: int) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"v": stage})
            Res("needs_a", {"v": a.out})
            if stage == 1:
                Res("b", {"v": 1})

        return run

    both.up(program(1))
    both.fail("update", "a")

    done = both.up(program(2), stop_on_error=True)

    assert ops(done, "b") == []


def test_secrets_and_timeouts_are_recorded_alike(both: Both) -> None:
    def program() -> None:
        hidden = Output.secret({"user": "u", "list": [1, 2]})
        a = Res("a", {"s": hidden, "plain": 1, "nested": {"k": Output.secret("x"), "p": 1}})
        Res(
            "b",
            {"v": a.out, "s": a.out.apply(lambda each: f"{each}!")},
            additional_secret_outputs=["out", "rid"],
        )
        Res("t", {"v": 1}, custom_timeouts=CustomTimeouts(create="5m", update="90s", delete="1h"))
        pulumi.export("hidden", hidden)
        pulumi.export("nested", {"s": a.s, "list": [Output.secret(1)]})  # type: ignore[attr-defined]

    both.up(program)

    assert both.up(program).changes == {}


def test_a_resource_that_is_only_read(both: Both) -> None:
    def program(*, reads: bool) -> Callable[[], None]:
        def run() -> None:
            made = Res("made", {"v": 1})
            if reads:
                found = Res("found", {}, id=made.id)
                Res("user", {"v": found.out})

        return run

    both.up(program(reads=True))
    both.up(program(reads=True))

    done = both.up(program(reads=False))

    assert ops(done, "found") == ["discard"]


def test_inputs_that_the_provider_refuses(both: Both) -> None:
    def program(*, bad: bool) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"v": 1, **({"bad": 1} if bad else {})})
            Res("b", {"v": a.out})

        return run

    both.up(program(bad=False))

    # Tomo tells of the step that it refuses.
    done = both.up(program(bad=True), steps=False)

    assert not done.ok


def test_a_cascade_whose_replacement_fails_is_finished_by_the_next_run(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"d": value})
            Res("b", {"rx": a.rid})

        return run

    both.up(program(1))
    both.fail("create", "a")
    both.up(program(2))
    both.heal()

    # Pulumi deletes the condemned dependent a second time.
    done = both.up(program(2), steps=False, calls=False)

    assert done.ok
    assert both.up(program(2)).changes == {}


def test_a_protected_dependent_stops_a_cascade(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"d": value})
            Res("b", {"rx": a.rid}, protect=True)

        return run

    both.up(program(1))

    done = both.up(program(2), steps=False)

    assert not done.ok


def test_a_protected_resource_is_not_replaced(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        return lambda: Res("a", {"r": value}, protect=True) and None

    both.up(program(1))

    done = both.up(program(2), steps=False)

    assert not done.ok


def test_a_resource_is_replaced_with_another(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"r": value})
            Res("b", {"v": 1}, replace_with=[a])

        return run

    both.up(program(1))

    done = both.up(program(2))

    assert "replace" in ops(done, "b")


def test_a_moved_dependency_changes_the_order_of_deletion(both: Both) -> None:
    def program(stage: int) -> Callable[[], None]:
        def run() -> None:
            if stage == 1:
                a = Res("a", {"v": 1})
                Res("b", {"v": 1}, depends_on=[a])
            elif stage == 2:
                b = Res("b", {"v": 1})
                Res("a", {"v": 1}, depends_on=[b])

        return run

    both.up(program(1))
    both.up(program(2))

    done = both.up(program(3))

    assert (ops(done, "a"), ops(done, "b")) == (["delete"], ["delete"])


def test_an_alias_by_type_and_urn(both: Both) -> None:
    def program(stage: int) -> Callable[[], None]:
        def run() -> None:
            if stage == 1:
                Res("first", {"v": 1})
                Group("group")
            else:
                Res("second", {"v": 1}, aliases=[urn("fake:index:Res", "first")])
                Res("child", {"v": 1}, parent=Group("renamed", aliases=[Alias(name="group")]))

        return run

    both.up(program(1))

    done = both.up(program(2))

    assert list(done.changes) == [urn("my:mod:Group$fake:index:Res", "child")]


def test_unregistered_leftovers_below_a_renamed_component_are_deleted(both: Both) -> None:
    def program(stage: int) -> Callable[[], None]:
        def run() -> None:
            name = "old" if stage == 1 else "new"
            group = Group(name, aliases=[Alias(name="old")])
            if stage == 1:
                Res("gone", {"v": 1}, parent=group)
            Res("kept", {"v": 1}, parent=group)

        return run

    both.up(program(1))

    done = both.up(program(2))

    assert len(done.changes) == 1


def test_a_resource_made_again_after_its_removal_behind_our_back(both: Both) -> None:
    def program() -> None:
        a = Res("a", {"v": 1})
        Res("b", {"rx": a.rid})

    both.up(program)
    both.lose("a")
    both.refresh()

    done = both.up(program)

    assert (ops(done, "a"), "replace" in ops(done, "b")) == (["create"], True)


def test_texts_of_every_kind_survive(both: Both) -> None:
    def program() -> None:
        odd = {
            "": "empty key",
            "a.b": 1,
            'q"': "\u2028 \x00 \n",
            "emoji": "🐋",
            "big": 2**53,
            "float": 0.1,
            "neg": -0.5,
        }
        a = Res("späce näme", {"m": odd, "l": [[], {}, [None], ""], "yes": True, "zero": 0, "html": "<&>"})
        pulumi.export("odd", a.m)  # type: ignore[attr-defined]

    both.up(program)

    assert both.up(program).changes == {}


def test_changed_options_alone_are_recorded(both: Both) -> None:
    def program(stage: int) -> Callable[[], None]:
        late = stage > 1

        def run() -> None:
            base = Res("base", {"v": 1})
            Res("protected", {"v": 1}, protect=late)
            Res(
                "hidden",
                {"v": Output.secret("s") if late else "s"},
                additional_secret_outputs=["out"] if late else [],
            )
            Res("shown", {"v": "s" if late else Output.secret("s")})
            Res("needs", {"v": 1}, depends_on=[base] if late else [])
            Res("slow", {"v": 1}, custom_timeouts=CustomTimeouts(create="5m") if late else None)
            Res("ignores", {"v": 1}, ignore_changes=["v"] if late else [], retain_on_delete=late)
            Res("comes", {"v": 1}, deleted_with=base if late else None)
            Res(
                "moves",
                {"v": 1},
                parent=base if late else None,
                aliases=[Alias(parent=pulumi.ROOT_STACK_RESOURCE)],
            )

        return run

    both.up(program(1))

    assert both.up(program(2)).changes == {}
    both.up(program(1))


def test_ignored_secrets_keep_their_old_values(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            Res("whole", {"v": Output.secret(value), "w": value}, ignore_changes=["v"])
            Res("inner", {"m": {"k": Output.secret(value), "p": value}}, ignore_changes=["m.k"])
            Res(
                "absent",
                {"w": value, **({"new": value} if value > 1 else {})},
                ignore_changes=["new", "never"],
            )

        return run

    both.up(program(1))

    assert both.up(program(2)).ok


def test_a_retained_resource_is_replaced_without_being_deleted(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"d": value}, retain_on_delete=True)
            Res("b", {"rx": a.rid}, retain_on_delete=True)

        return run

    both.up(program(1))

    assert both.up(program(2)).ok


def test_a_first_run_that_fails_half_way_is_finished_by_the_next(both: Both) -> None:
    def program() -> None:
        group = Group("group")
        a = Res("a", {"v": 1}, parent=group)
        b = Res("b", {"v": a.out}, parent=group)
        Res("c", {"v": b.out})
        Res("free", {"v": 1})
        group.register_outputs({"a": a.out})
        pulumi.export("free", "yes")

    both.fail("create", "b")
    both.up(program)
    both.heal()

    done = both.up(program)

    assert (ops(done, "c"), ops(done, "free")) == (["create"], ["same"])


def test_a_first_plan_says_what_the_first_run_does(both: Both) -> None:
    def program() -> None:
        cloud = FakeCloud("cloud", {"region": Res("region", {"v": 1}).rid})
        a = Res("a", {"v": 1}, provider=cloud)
        Res("b", {"v": a.out.apply(lambda out: f"{out}!"), "s": Output.secret(a.rid)}, parent=Group("group"))
        pulumi.export("b", a.out)

    planned = both.plan(program)

    assert planned.ops == both.up(program).ops


def test_a_replaced_original_goes_after_its_dependents_have_moved(both: Both) -> None:
    def program(value: int) -> Callable[[], None]:
        def run() -> None:
            a = Res("a", {"r": value})
            b = Res("b", {"rx": a.rid})
            Res("c", {"v": b.rid}, parent=b)
            if value == 1:
                Res("gone", {"v": a.rid})

        return run

    both.up(program(1))
    both.fail("delete", "b")
    both.up(program(2))
    both.heal()

    assert both.up(program(2)).ok
