"""An apply whose plan fails: nobody is asked, and the screen says why."""

from tests.cli.conftest import Tomo
from tests.worlds import World


def test_an_apply_of_a_program_that_raises_says_why(nothing: World, tomo: Tomo) -> None:
    (nothing.folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (nothing.folder / "__main__.py").write_text("raise ValueError('its own trouble')\n")

    ran = tomo(nothing, "apply", "--yes", "--stack", "dev")

    assert ran.code == 1
    assert "No plan could be made." in ran.out
    assert "__main__.py:1: ValueError: its own trouble" in ran.err
