"""The `tomo` command: finds the command, turns errors into messages and exit codes."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tomo import __version__
from tomo.errors import ExitCode, TomoError, UsageError
from tomo.settings import Settings
from tomo_cli.command import Group, narrowed
from tomo_cli.commands import (
    approvals,
    apps,
    audit,
    backup,
    bundle,
    catalog,
    ci,
    db,
    deploy,
    extra,
    mcp,
    people,
    policy,
    proposals,
    servers,
    stack,
)
from tomo_cli.endings import one_command
from tomo_cli.options import COMPLETE_VARIABLE, EXIT_CODES

_INTERRUPTED = 130
# Click's own base class, wherever this typer has it from: newer ones bring their own copy of click.
_ClickException: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="tomo",
    cls=Group,
    help="Keep your servers and their apps as one file declares them",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"tomo {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[  # its callback does it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keep your servers and their apps as one file declares them."""


deploy.register(app)
servers.register(app)
apps.register(app)
catalog.register(app)
bundle.register(app)
stack.register(app)
policy.register(app)
approvals.register(app)
proposals.register(app)
ci.register(app)
extra.register(app)
audit.register(app)
backup.register(app)
db.register(app)
people.register(app)
mcp.register(app)


def main() -> None:
    """Runs the command line and ends the process with the documented exit code."""
    # One command, one process: nearly all it makes stays to its end, and walking that costs a third of a
    # large plan. Frozen, it isn't walked by the interpreter's last collection either.
    gc.disable()
    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Runs one command; gives its exit code."""
    wanted = narrowed(app, arguments)
    if COMPLETE_VARIABLE in Settings.from_environment().variables:
        from typer.completion import completion_init  # type: ignore[attr-defined]  # its own, re-exported

        completion_init()
        wanted = app
    try:
        _refuse_bytes(arguments)
        with one_command():
            command = typer.main.get_command(wanted)
            result = command.main(args=arguments, prog_name="tomo", standalone_mode=False)
    except _ClickException as error:
        return _usage(error)
    except (typer.Abort, KeyboardInterrupt):
        return _stopped()
    except TomoError as error:
        from tomo_cli.console import show_error

        show_error(error)
        return int(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away; what it didn't read is of no use to anybody.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001  # no traceback reaches a user
        return _defect(error)
    if result == _INTERRUPTED:
        return _stopped()
    return result if isinstance(result, int) else int(ExitCode.OK)


def _refuse_bytes(arguments: list[str]) -> None:
    """Raises UsageError for what is no text: neither state, plan nor record could hold it."""
    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"argument {number} is no UTF-8 text", hint="type it anew, or give the file another name"
            ) from None


def _stopped() -> int:
    sys.stderr.write("stopped\n")
    return int(ExitCode.FAILED)


def _usage(error: Exception) -> int:
    """What is wrong with the command line; what was typed may hold anything, so it is cleaned."""
    from tomo_cli.console import clean

    context, formatted = getattr(error, "ctx", None), getattr(error, "format_message", error.__str__)
    message = clean(formatted())
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{message}\n")
        return int(ExitCode.USAGE)
    command = context.command_path if context is not None else "tomo"
    sys.stderr.write(f"error: {message[:1].lower()}{message[1:]}\n  hint: see `{command} --help`\n")
    return int(ExitCode.USAGE)


def _defect(error: Exception) -> int:
    """Says that Tomo itself is at fault, and where."""
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
    sys.stderr.write(
        f"error: a defect in Tomo: {type(error).__name__} at {where}\n"
        "  hint: what was done is in the state; please report this line and the command you ran\n"
    )
    return int(ExitCode.FAILED)
