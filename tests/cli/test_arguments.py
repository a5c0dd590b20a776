"""What is typed means what typer says it means, also where typer isn't asked."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.core import TyperCommand

from tomo.errors import ExitCode
from tomo_cli.command import Command, narrowed
from tomo_cli.main import app, run

_ClickException: type[Exception] = typer.BadParameter.__mro__[2]


class Colour(StrEnum):
    RED = "red"


def parsed(cls: type[TyperCommand], arguments: list[str]) -> object:
    """What a command of this class makes of arguments, or how it refuses them."""
    made, got = typer.Typer(), []

    @made.command(cls=cls)
    def go(
        name: Annotated[str, typer.Argument()],
        words: Annotated[list[str] | None, typer.Argument()] = None,
        path: Annotated[Path, typer.Option("-p")] = Path(),
        maybe: Annotated[Path | None, typer.Option("-m")] = None,
        several: Annotated[list[str] | None, typer.Option("-s")] = None,
        count: Annotated[int, typer.Option("-n", min=1, max=9)] = 3,
        wait: Annotated[float, typer.Option("-w", min=0)] = 0.5,
        colour: Annotated[Colour, typer.Option("-c")] = Colour.RED,
        yes: Annotated[bool, typer.Option("-y")] = False,
    ) -> None:
        got.append((name, words, path, maybe, several, count, wait, colour, yes))

    try:
        typer.main.get_command(made).main(arguments, prog_name="go", standalone_mode=False)
    except (_ClickException, typer.Exit) as error:
        return type(error).__name__, str(error)
    return [(type(value).__name__, value) for value in got[0]]


@pytest.mark.parametrize(
    "arguments",
    [
        ["a"],
        ["a", "b", "c", "-y"],
        ["", "-p", "", "-m", "~/x/../y"],
        ["a", "-p", "/tmp", "-s", "one", "-s", "two"],
        ["a", "-n", "7", "-w", "1", "-c", "red"],
        ["a", "-n", "10"],
        ["a", "-n", "x"],
        ["a", "-w", "-1"],
        ["a", "-c", "blue"],
        ["a", "-p"],
        [],
    ],
)
def test_arguments_are_taken_as_typer_takes_them(arguments: list[str]) -> None:
    assert parsed(Command, arguments) == parsed(TyperCommand, arguments)


@pytest.mark.slow  # in a process of its own
def test_typers_way_through_pydantic_is_not_taken_for_texts_paths_and_defaults(tmp_path: Path) -> None:
    plan = ["plan", "-C", str(tmp_path), "-t", "app", "--no-refresh"]
    code = (
        f"import sys; from tomo_cli.main import run; run({plan!r}); print('typer._adapters' in sys.modules)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == "False\n", said.stderr


def names_in(narrow: typer.Typer) -> list[Any]:
    groups = [info.typer_instance for info in narrow.registered_groups]
    return [
        *(info.name for info in narrow.registered_commands),
        *(group.info.name for group in groups if group is not None),
    ]


@pytest.mark.parametrize("name", ["plan", "state", "server"])
def test_only_the_named_command_is_built(name: str) -> None:
    assert names_in(narrowed(app, ["-h", name, "list"])) == [name]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["no-such-command"]])
def test_all_commands_are_built_where_none_is_named(arguments: list[str]) -> None:
    assert narrowed(app, arguments) is app


@pytest.mark.parametrize(
    "arguments",
    [["state", "delete", "\udcff", "--yes"], ["apply", "\udcff"], ["apply", "--yes", "-m", "a\udcffb"]],
)
def test_what_is_no_text_is_refused_before_anything_is_done(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(arguments)

    assert code == ExitCode.USAGE
    assert (
        f"argument {len(arguments) - (arguments[-1] == '--yes')} is no UTF-8 text" in capsys.readouterr().err
    )
