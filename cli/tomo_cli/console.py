"""Data goes to stdout, talk to stderr; both readable without colour."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache

from rich.console import Console
from rich.text import Text

from tomo.errors import SpecError, TomoError, UsageError
from tomo_cli.signals import handled_by

_DEFAULT_WIDTH = 80
_UNESCAPED = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@cache
def out() -> Console:
    """Where data goes."""
    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else _DEFAULT_WIDTH)


@cache
def err() -> Console:
    """Where talk goes."""
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _DEFAULT_WIDTH)


def err_as_it_is_now() -> Console:
    """The same, bound to the stream of this moment.

    A view on a terminal lives while a program runs, whose prints are taken in by another stream: one
    console must not find the other's stream in its own.
    """
    return Console(file=sys.stderr, highlight=False, width=None if sys.stderr.isatty() else _DEFAULT_WIDTH)


def say(text: str | Text = "") -> None:
    """A line of talk."""
    err().print(text if isinstance(text, Text) else Text(clean(text)), soft_wrap=True)


def print_json(document: object) -> None:
    """A JSON document on stdout."""
    sys.stdout.write(_escaped(json.dumps(document, indent=2, ensure_ascii=False, default=str)) + "\n")


def print_markdown(text: str) -> None:
    """A Markdown page on stdout: laid out on a terminal, as it is elsewhere."""
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    from rich.markdown import Markdown

    out().print(Markdown(text))


def as_json_text(value: object) -> str:
    """A value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False, default=str)


def print_json_line(document: object) -> None:
    """One JSON object on one line of stdout, at once."""
    sys.stdout.write(_escaped(json.dumps(document, ensure_ascii=False, default=str)) + "\n")
    sys.stdout.flush()


def _escaped(text: str) -> str:
    """JSON leaves some control characters as they are; as escapes they mean the same and do nothing."""
    return _UNESCAPED.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def clean(text: str) -> str:
    """Text from elsewhere without control characters, so that it can't drive the terminal."""
    return "".join(char if char in "\n\t" or char.isprintable() else "�" for char in text)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A plain table on stdout."""
    from rich.table import Table  # few commands show one

    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for header in headers:
        made.add_column(header, overflow="fold")
    for row in rows:
        made.add_row(*(Text(clean(str(cell))) for cell in row))
    out().print(made)


def fields(pairs: Mapping[str, object]) -> None:
    """Names and values, one a line, on stdout."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        line = Text(f"{name.ljust(width)}  ", style="dim")
        line.append(clean(str(value)), style="not dim")
        out().print(line, soft_wrap=True)


def heading(title: str) -> None:
    """The title of a part, on stdout."""
    out().print()
    out().print(Text(clean(title), style="bold"))


def text(words: str) -> None:
    """Prose on stdout, wrapped at the console's width."""
    out().print(Text(clean(words)))


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def show_error(error: TomoError, *, detail: bool = True) -> None:
    """What happened, where, and what to type next; without its details where they are on the screen."""
    console = err()
    if isinstance(error, SpecError):
        for problem in error.problems:
            _print_problem(str(problem), problem.hint)
        return
    console.print(Text.assemble(("error: ", "bold red"), clean(str(error))), soft_wrap=True)
    if error.detail and detail:
        for line in clean(error.detail).rstrip().splitlines():
            console.print(Text(f"  {line}", style="dim"), soft_wrap=True)
    _print_hint(error.hint)


def _print_problem(message: str, hint: str) -> None:
    err().print(Text.assemble(("error: ", "bold red"), clean(message)), soft_wrap=True)
    _print_hint(hint)


def _print_hint(hint: str) -> None:
    if hint:
        err().print(Text.assemble(("  hint: ", "cyan"), clean(hint)), soft_wrap=True)


def confirm(question: str, *, yes: bool) -> bool:
    """Asks; without a terminal only `--yes` goes on."""
    if yes:
        return True
    if not at_terminal():
        raise UsageError("there is no terminal to ask at", hint="add `--yes` to go on without asking")
    return answer(f"{question} [y/N] ").lower() in {"y", "yes"}


def answer(question: str) -> str:
    """What a person types at the terminal."""
    err().print(Text(question, style="bold"), end="")
    with ended_by_ctrl_c():
        return sys.stdin.readline().strip()


def ended_by_ctrl_c() -> AbstractContextManager[None]:
    """While somebody is asked, one Ctrl-C is enough: nothing is under way that could be finished."""
    return handled_by(signal.default_int_handler)
