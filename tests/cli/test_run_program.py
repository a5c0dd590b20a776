"""A program whose resources have hooks for their deletion, from the first apply to the destroy."""

from tests.cli.conftest import Tomo
from tests.worlds import NAS, PI, World

PROGRAM = """\
import pulumi
from pulumi import ResourceHook, ResourceHookArgs, ResourceHookBinding, ResourceOptions
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Note(ResourceProvider):
    def create(self, props):
        return CreateResult("note", props)


class Letter(Resource):
    pass


def farewell(args: ResourceHookArgs) -> None:
    pulumi.info(f"farewell, {args.name}")


hooks = ResourceHookBinding(before_delete=[ResourceHook("farewell", farewell)])
Letter(Note(), "letter", {"text": "hello"}, ResourceOptions(hooks=hooks))
"""


def test_a_destroy_of_what_has_hooks_names_the_option_it_needs(nothing: World, tomo: Tomo) -> None:
    (nothing.folder / "Pulumi.yaml").write_text("name: post\nruntime: python\n")
    (nothing.folder / "__main__.py").write_text(PROGRAM)
    assert tomo(nothing, "apply", "--yes", "--stack", "dev").code == 0

    refused = tomo(nothing, "destroy", "--yes")
    done = tomo(nothing, "destroy", "--yes", "--run-program")

    assert refused.code == 1
    assert "hooks that run at their deletion" in refused.err
    assert "letter`: farewell" in refused.err
    assert "tomo destroy --run-program" in refused.err
    assert "farewell, letter" in done.out + done.err
    assert done.code == 0


def test_a_refresh_reads_by_the_providers_of_the_present_file(world: World, tomo: Tomo) -> None:
    tomo(world, "apply", "--yes")
    world.hosts = {PI: world.hosts[NAS]}  # The machine answers at another address from now on.
    world.edit("host: 192.0.2.10", "host: 192.0.2.11")
    world.hosts[PI].docker.stop_by_hand("web")

    without = tomo(world, "refresh", "--yes")
    refreshed = tomo(world, "refresh", "--yes", "--run-program")

    assert "container" not in without.out
    assert "container web" in refreshed.out
    assert '"ssh://root@192.0.2.11"' in refreshed.out
    assert world.hosts[PI].docker.container_names == ["web"]
