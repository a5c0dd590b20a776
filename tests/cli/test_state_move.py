"""Resources that change from one stack of a program to another, as people type it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Tomo
from tests.worlds import World

PROGRAM = """\
import pulumi
from pulumi import ResourceOptions
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Note(ResourceProvider):
    def create(self, props):
        return CreateResult("note", props)


class Letter(Resource):
    pass


for name in pulumi.Config().require("letters").split(","):
    Letter(Note(), name, {"text": pulumi.Output.secret("open-sesame-please")})
"""


def two_stacks(world: World, tomo: Tomo) -> None:
    (world.folder / "Pulumi.yaml").write_text("name: post\nruntime: python\n")
    (world.folder / "__main__.py").write_text(PROGRAM)
    for stack, letters in (("one", "first,second"), ("two", "third")):
        tomo(world, "config", "set", "letters", letters, "--stack", stack)
        assert tomo(world, "apply", "--yes", "--stack", stack).code == 0


@pytest.mark.shows_secrets("asks for the state in plain")
def test_a_moved_resource_is_the_other_stacks_with_its_secrets_sealed_anew(
    nothing: World, tomo: Tomo
) -> None:
    two_stacks(nothing, tomo)

    ran = tomo(nothing, "state", "move", "second", "--to-stack", "two", "--stack", "one", "--yes")

    assert ran.code == 0, ran.err
    tomo(nothing, "config", "set", "letters", "first", "--stack", "one")
    tomo(nothing, "config", "set", "letters", "third,second", "--stack", "two")
    for stack in ("one", "two"):
        assert tomo(nothing, "plan", "--expect-no-changes", "--stack", stack).code == 0
    state = nothing.folder / ".pulumi" / "stacks" / "post" / "two.json"
    assert "open-sesame-please" not in state.read_text()
    assert "open-sesame-please" in tomo(nothing, "state", "export", "--show-secrets", "--stack", "two").out


def test_a_move_that_nobody_agrees_to_and_one_to_nowhere_change_nothing(nothing: World, tomo: Tomo) -> None:
    two_stacks(nothing, tomo)
    states = {path: path.read_bytes() for path in (nothing.folder / ".pulumi/stacks/post").glob("*.json")}

    unasked = tomo(nothing, "state", "move", "second", "--to-stack", "two", "--stack", "one")
    nowhere = tomo(nothing, "state", "move", "second", "--to-stack", "six", "--stack", "one", "--yes")
    itself = tomo(nothing, "state", "move", "second", "--to-stack", "one", "--stack", "one", "--yes")

    assert unasked.code != 0
    assert "no other stack `six`" in nowhere.err
    assert "no other stack `one`" in itself.err
    assert {path: path.read_bytes() for path in states} == states


def test_a_move_as_json_names_every_urn(nothing: World, tomo: Tomo) -> None:
    two_stacks(nothing, tomo)

    ran = tomo(nothing, "state", "move", "second", "--to-stack", "two", "--stack", "one", "--yes", "--json")

    ((old, new),) = ran.json["moved"].items()
    assert (old.split("::")[0], new.split("::")[0]) == ("urn:pulumi:one", "urn:pulumi:two")
    assert ran.json["done"]
