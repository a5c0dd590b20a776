"""Changes to the recorded state by hand, through the service."""

from __future__ import annotations

import pytest

from tests.worlds import World
from tomo.errors import StackNotFound, StateError
from tomo.service.state_edits import Edit, ForgetRequest, RenameRequest, StateEdits
from tomo.service.states import StateRequest, States


def yes(_edit: Edit) -> bool:
    return True


def urn_of(world: World, kind: str = "Container") -> str:
    listing = States(world.doors).list(StateRequest(world.place))
    return next(entry.urn for entry in listing.resources if entry.type.endswith(f":{kind}"))


def test_what_is_forgotten_goes_on_running(world: World) -> None:
    world.apply()
    urn = urn_of(world)

    edit = StateEdits(world.doors).forget(ForgetRequest(world.place, urn, yes))

    assert edit.gone == (urn,)
    assert edit.done
    assert any(step.urn == urn for step in world.plan().plan.changes)
    assert world.nas.docker.container_names == ["web"]


def test_nothing_is_written_where_nobody_agrees(world: World) -> None:
    world.apply()
    before = world.state.read_bytes()

    edit = StateEdits(world.doors).forget(ForgetRequest(world.place, urn_of(world), lambda _: False))

    assert not edit.done
    assert world.state.read_bytes() == before


def test_what_others_need_is_not_forgotten(world: World) -> None:
    world.apply()
    before = world.state.read_bytes()

    with pytest.raises(StateError, match="would be left without it"):
        StateEdits(world.doors).forget(ForgetRequest(world.place, urn_of(world, "Volume"), yes))

    assert world.state.read_bytes() == before


def test_a_name_that_goes_and_comes_back_leaves_nothing_to_do(world: World) -> None:
    world.apply()
    edits = StateEdits(world.doors)

    there = edits.rename(RenameRequest(world.place, urn_of(world), "elsewhere", yes))
    planned = {step.urn.name for step in world.plan().plan.changes}
    edits.rename(RenameRequest(world.place, "elsewhere", "web@nas", yes))

    assert there.new is not None
    assert there.new.name == "elsewhere"
    assert "elsewhere" in planned
    assert not world.plan().has_changes


def test_no_passphrase_is_needed_and_sealed_values_stay_as_they_are(world: World) -> None:
    world.apply()
    sealed = [part for part in world.state.read_text().split('"') if part.startswith("v1:")]

    StateEdits(world.with_settings(passphrase="wrong")).rename(
        RenameRequest(world.place, urn_of(world), "elsewhere", yes)
    )

    assert [part for part in world.state.read_text().split('"') if part.startswith("v1:")] == sealed


def test_a_stack_without_a_state_has_nothing_to_forget(world: World) -> None:
    with pytest.raises(StackNotFound):
        StateEdits(world.doors).forget(ForgetRequest(world.place, "web", yes))
