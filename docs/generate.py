"""Writes the pages that come from the code itself: the references, the command line, the schemas.

usage: python docs/generate.py [--check]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"
_GENERATED: Final = "<!-- Made by `make docs`; edit the code it comes from, not this page. -->\n\n"
_EXIT_CODES: Final = {
    0: "done",
    1: "failed; what succeeded before is kept and recorded",
    2: "there are changes (`plan --detailed-exitcode`, `drift --detailed-exitcode`)",
    3: "the plan was refused and nothing was done, or steps that differ from it were refused and not done",
    4: "a policy stands against it, or wants an approval that is not there; nothing was done",
    5: "the host key is unknown or changed, or the login was refused; also where a plan can't look at a host "
    "for that reason",
    7: "there are changes and `--expect-no-changes` was given",
    64: "the command line is wrong, or there is nothing here to work on",
}


def pages() -> Mapping[Path, str]:
    """Every generated file with its content."""
    sys.path[:0] = [str(ROOT), str(ROOT / "cli")]
    from tomo.mcp.reference import tools_page  # noqa: PLC0415
    from tomo.spec.reference import app_reference, fleet_reference, policy_reference  # noqa: PLC0415  # after the path is set
    from tomo.spec.schema import app_schema, fleet_schema, policy_schema  # noqa: PLC0415

    return {
        DOCS / "cli.md": _GENERATED + cli_reference(),
        DOCS / "fleet-reference.md": _GENERATED + fleet_reference(),
        DOCS / "app-reference.md": _GENERATED + app_reference(),
        DOCS / "policy-reference.md": _GENERATED + policy_reference(),
        DOCS / "mcp-tools.md": _GENERATED + tools_page(),
        DOCS / "schema" / "fleet.json": _json(fleet_schema()),
        DOCS / "schema" / "app.json": _json(app_schema()),
        DOCS / "schema" / "policy.json": _json(policy_schema()),
    }


def stale() -> list[Path]:
    """Generated files that are missing or differ from what the code says."""
    return [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    """Writes the pages; with `--check` only names those that are stale."""
    old = stale()
    if "--check" in arguments:
        for path in old:
            sys.stderr.write(f"stale: {path.relative_to(ROOT)}; run `make docs`\n")
        return 1 if old else 0
    new = pages()
    for path in old:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(new[path], "utf-8")
        sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    return 0


def _json(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


# --- the command line --------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its whole name, groups left out, in the order of `tomo --help`."""
    import typer  # noqa: PLC0415  # only where the page is made

    from tomo_cli.main import app  # noqa: PLC0415

    def below(prefix: str, command: Any) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", None)
        if children is None:
            yield prefix, command
            return
        for name, child in children.items():
            yield from below(f"{prefix} {name}", child)

    yield from below("tomo", typer.main.get_command(app))


def cli_reference() -> str:
    """`docs/cli.md`: every command with its arguments, options and defaults, and the exit codes."""
    found = list(commands())
    parts = [
        "# Commands",
        (
            "Data goes to stdout, talk to stderr. Without a terminal there is no colour, and nothing is "
            "asked: where a question would come, the command stops and names the option that answers it. "
            "`tomo COMMAND --help` says the same as this page."
        ),
        (
            "All commands work in the current folder, or in the one that `-C DIR` names. That folder holds "
            "a fleet file (`fleet.yaml`, or the one of `-f FILE`) or a Pulumi project. `--stack NAME` "
            "chooses a stack of a Pulumi project; a fleet is one stack, named in its file. Commands that "
            "edit a fleet file (`init`, `server`, `app`) refuse to work in a Pulumi project."
        ),
        "\n".join(_table_of(found)),
        *(_section(name, command) for name, command in found),
        "## Exit codes",
        "\n".join(
            [
                "| code | meaning |",
                "|---|---|",
                *(f"| {code} | {text} |" for code, text in _EXIT_CODES.items()),
            ]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _table_of(found: list[tuple[str, Any]]) -> Iterator[str]:
    yield "| command | what it does |"
    yield "|---|---|"
    for name, command in found:
        yield f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(command.help or '')} |"


def _section(name: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument" and not each.hidden]
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    usage = " ".join(
        [name, *(_shown_argument(each) for each in arguments), *(["[OPTIONS]"] if options else [])]
    )
    parts = [f"## {name}", f"{command.help}.", f"Usage: `{usage}`"]
    if arguments:
        rows = [f"| `{each.metavar or each.name.upper()}` | {_cell(each.help or '')} |" for each in arguments]
        parts.append("\n".join(["| argument | meaning |", "|---|---|", *rows]))
    if options:
        rows = [f"| {_spelling(each)} | {_default(each)} | {_cell(each.help or '')} |" for each in options]
        parts.append("\n".join(["| option | default | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def _shown_argument(argument: Any) -> str:
    shown = str(argument.metavar or argument.name.upper())
    return shown if argument.required or shown.startswith("[") else f"[{shown}]"


def _spelling(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    return f"{names} `{option.metavar}`" if option.metavar else names


def _default(option: Any) -> str:
    if option.required:
        return "**required**"
    value = option.default
    if value is None or value == "" or isinstance(value, bool):
        return "off" if value is False else ""
    return "this folder" if str(value) == "." else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
