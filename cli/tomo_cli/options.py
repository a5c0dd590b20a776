"""Options that many commands share, spelled once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from tomo_cli.command import Command, Group

DirectoryOption = Annotated[
    Path, typer.Option("-C", "--cwd", metavar="DIR", help="Work in this folder instead of the current one.")
]
FileOption = Annotated[
    Path | None, typer.Option("-f", "--file", metavar="FILE", help="The fleet file; `fleet.yaml` by default.")
]
StackOption = Annotated[
    str | None, typer.Option("-s", "--stack", metavar="NAME", help="The stack of a Pulumi project.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON to stdout instead of text.")]
KeptPlanArgument = Annotated[
    str | None,
    typer.Argument(metavar="[PLAN|ID]", help="A plan kept by `tomo plan -o`, or a proposal's id."),
]
ApprovalOption = Annotated[
    list[Path] | None,
    typer.Option("--approval", metavar="FILE", help="An approval of the kept plan, in a file; repeatable."),
]
MessageOption = Annotated[
    str, typer.Option("-m", "--message", metavar="TEXT", help="Kept with the run in the history.")
]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Print Markdown, as for a pull request.")]
StopOnErrorOption = Annotated[
    bool, typer.Option("--stop-on-error", help="Begin nothing new after the first failure.")
]
NoRetryOption = Annotated[
    bool, typer.Option("--no-retry", help="Try no step again, also where its trouble may pass by itself.")
]
IdentityOption = Annotated[
    list[Path] | None,
    typer.Option(
        "-i",
        "--identity",
        metavar="FILE",
        help="The file that `age-keygen` wrote (or `TOMO_BACKUP_IDENTITY`); repeatable.",
    ),
]
BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="FILE", help="An installation that `tomo export` wrote, and no server."),
]
WithoutDatabaseOption = Annotated[
    bool, typer.Option("--without-database", help="With `--bundle`: leave out people and the audit record.")
]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Go on without asking.")]
NoRefreshOption = Annotated[
    bool, typer.Option("--no-refresh", help="Decide from the recorded state, without a look at the hosts.")
]
ParallelOption = Annotated[
    int,
    typer.Option("-p", "--parallel", metavar="N", min=1, max=256, help="Steps at once over all hosts."),
]
LockWaitOption = Annotated[
    float,
    typer.Option(
        "--lock-wait", metavar="SECONDS", min=0, help="Wait so long for another run to end; 0 does not wait."
    ),
]

TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        "-t",
        "--target",
        metavar="NAME",
        help="Only this app, server, resource or URN (`*` and `**` match); repeatable.",
    ),
]
TargetDependentsOption = Annotated[
    bool, typer.Option("--target-dependents", help="With `--target`: also what depends on it.")
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("-x", "--exclude", metavar="NAME", help="All but this; named as for `--target`."),
]
ExcludeDependentsOption = Annotated[
    bool, typer.Option("--exclude-dependents", help="With `--exclude`: nor what depends on it.")
]
ReplaceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--replace", metavar="NAME", help="Replace this though nothing differs; of an app its containers."
    ),
]
TargetReplaceOption = Annotated[
    list[str] | None,
    typer.Option("--target-replace", metavar="NAME", help="`--target` and `--replace` in one."),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        envvar="TOMO_ENGINE",
        show_envvar=True,
        help="What runs the stack: `embedded`, or `pulumi` for the installed Pulumi CLI.",
    ),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="The policy file, instead of `TOMO_POLICY` and of the folder's `tomo-policy.yaml`.",
    ),
]
CanaryOption = Annotated[
    int,
    typer.Option(
        "--canary", metavar="N", min=0, help="First on N servers, on the others once those are well; 0: none."
    ),
]
SerialOption = Annotated[
    int,
    typer.Option(
        "--serial", metavar="N", min=0, help="On N servers at a time, and none after a failure; 0: all."
    ),
]
NoBackupOption = Annotated[
    bool,
    typer.Option("--no-backup", help="Without the backup that comes first where an update risks data."),
]
BackToOption = Annotated[
    int | None,
    typer.Option(
        "--to", metavar="VERSION", min=1, help="Back to this version of `tomo state history` instead."
    ),
]

HERE = Path()

COMPLETE_VARIABLE = "_TOMO_COMPLETE"
"""Set by completion scripts."""
EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 changes (plan --detailed-exitcode), 3 plan refused, "
    "4 approval or policy, 5 host key or login, 7 --expect-no-changes, 64 usage."
)


Commands = Mapping[str, Callable[..., None]]
"""Commands of a group by name."""


def add_command(app: typer.Typer, command: Callable[..., None], name: str = "") -> None:
    """Adds a command under its function's name; its docstring is the help, without the full stop."""
    words = (command.__doc__ or "").strip().removesuffix(".")
    app.command(name or command.__name__.rstrip("_"), cls=Command, help=words, epilog=EXIT_CODES)(command)


def add_group(app: typer.Typer, name: str, words: str, commands: Commands) -> typer.Typer:
    """Adds a group of commands by their names, and gives it for more."""
    group = typer.Typer(name=name, cls=Group, help=words, no_args_is_help=True, rich_markup_mode=None)
    for each, command in commands.items():
        add_command(group, command, each)
    app.add_typer(group)
    return group
