"""Data goes to stdout, talk to stderr; both readable without colour."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any

from tomo.errors import SpecError, TomoError, UsageError
from tomo.settings import Settings
from tomo_cli.signals import handled_by

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_DEFAULT_WIDTH = 80
_UNESCAPED = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@cache
def out() -> Console:
    """Where data goes."""
    return _console(soft_wrap=False, width=None if sys.stdout.isatty() else _DEFAULT_WIDTH)


@cache
def err() -> Console:
    """Where talk goes."""
    return _console(stderr=True, width=None if sys.stderr.isatty() else _DEFAULT_WIDTH)


def err_as_it_is_now() -> Console:
    """The same, bound to the stream of this moment.

    A view on a terminal lives while a program runs, whose prints are taken in by another stream: one
    console must not find the other's stream in its own.
    """
    return _console(file=sys.stderr, width=None if sys.stderr.isatty() else _DEFAULT_WIDTH)


def say(text: str | Text = "") -> None:
    """A line of talk."""
    err().print(_words(clean(text)) if isinstance(text, str) else text, soft_wrap=True)


def takes_plain_lines() -> bool:
    """Whether short lines on stdout need no laying out: it is no terminal, nor to be taken for one."""
    variables = Settings.from_environment().variables
    return not (sys.stdout.isatty() or variables.get("FORCE_COLOR") or variables.get("TTY_COMPATIBLE"))


def print_short(line: str) -> None:
    """A line of data set off by an empty one; what is styled is laid out at a terminal only."""
    if takes_plain_lines() and len(line) < _DEFAULT_WIDTH:
        sys.stdout.write(f"\n{line}\n")
        return
    heading(line)


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


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, whole: Sequence[str] = ()) -> None:
    """A plain table on stdout; in a narrow terminal the columns of `whole` are the ones not broken."""
    from rich.table import Table  # few commands show one

    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for header in headers:
        made.add_column(header, overflow="fold", no_wrap=header in whole)
    for row in rows:
        made.add_row(*(_words(clean(str(cell))) for cell in row))
    out().print(made)


def fields(pairs: Mapping[str, object]) -> None:
    """Names and values, one a line, on stdout."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        line = _words(f"{name.ljust(width)}  ", "dim")
        line.append(clean(str(value)), style="not dim")
        out().print(line, soft_wrap=True)


def heading(title: str) -> None:
    """The title of a part, on stdout."""
    out().print()
    out().print(_words(clean(title), "bold"))


def text(words: str) -> None:
    """Prose on stdout, wrapped at the console's width."""
    out().print(_words(clean(words)))


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
    console.print(_words("error: ", "bold red", clean(str(error))), soft_wrap=True)
    if error.detail and detail:
        for line in clean(error.detail).rstrip().splitlines():
            console.print(_words(f"  {line}", "dim"), soft_wrap=True)
    _print_hint(error.hint)


def _print_problem(message: str, hint: str) -> None:
    err().print(_words("error: ", "bold red", clean(message)), soft_wrap=True)
    _print_hint(hint)


def _print_hint(hint: str) -> None:
    if hint:
        err().print(_words("  hint: ", "cyan", clean(hint)), soft_wrap=True)


def confirm(question: str, *, yes: bool) -> bool:
    """Asks; without a terminal only `--yes` goes on."""
    if yes:
        return True
    if not at_terminal():
        raise UsageError("there is no terminal to ask at", hint="add `--yes` to go on without asking")
    return answer(f"{question} [y/N] ").lower() in {"y", "yes"}


def answer(question: str) -> str:
    """What a person types at the terminal."""
    err().print(_words(question, "bold"), end="")
    with ended_by_ctrl_c():
        return sys.stdin.readline().strip()


def ended_by_ctrl_c() -> AbstractContextManager[None]:
    """While somebody is asked, one Ctrl-C is enough: nothing is under way that could be finished."""
    return handled_by(signal.default_int_handler)


def _console(**options: Any) -> Console:
    from rich.console import Console  # not for JSON, nor for a line in a pipe

    return Console(highlight=False, **options)


def _words(words: str, style: str = "", plain: str = "") -> Text:
    """Words in a style, then others without."""
    from rich.text import Text

    return Text.assemble((words, style), plain) if plain else Text(words, style=style)
