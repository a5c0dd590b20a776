"""Options that many commands share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Go on without asking.")]
NoRefreshOption = Annotated[
    bool, typer.Option("--no-refresh", help="Decide from the recorded state, without a look at the hosts.")
]
ParallelOption = Annotated[
    int,
    typer.Option("-p", "--parallel", metavar="N", min=1, max=256, help="Steps at once over all hosts."),
]

HERE = Path()
