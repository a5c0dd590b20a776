"""Compose's `${VAR:-default}` as inputs and references of the app format; nothing is run or looked up."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.secrecy import from_outside, holds_secret, shape_of
from tomo.catalog.importers.words import Names, variable_name
from tomo.frozen import frozen
from tomo.spec.shown import CONTROL, shown

_START: Final = re.compile(r"\$(?:(?P<escaped>\$)|(?P<braced>\{)|(?P<name>[A-Za-z_][A-Za-z0-9_]*))")
_INSIDE: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<operator>:?[-?+])?")
_NESTED: Final = 16
_TIMEZONES: Final = frozenset({"TZ", "TIMEZONE", "TIME_ZONE"})
_NUMBERS: Final = {"PUID": "1000", "PGID": "1000", "UID": "1000", "GID": "1000", "UMASK": "022"}


# --- expressions -------------------------------------------------------------------------------------


@frozen
class Variable:
    """`${NAME}`, or with an operator of Compose's and what follows it."""

    name: str
    operator: str = ""
    argument: tuple[Part, ...] = ()


Part: TypeAlias = "str | Variable"


class BadExpression(ValueError):
    """A `$` that Compose would not read either."""


def parse(text: str) -> tuple[Part, ...]:
    """A text's literal parts and variables; raises BadExpression where Compose would refuse it."""
    parts, end = _parts(text, 0, 0)
    if end != len(text):
        raise BadExpression(text)
    return parts


def _parts(text: str, position: int, depth: int) -> tuple[tuple[Part, ...], int]:
    """The parts from a position on, to the end or, inside braces, to the `}` that closes them."""
    found: list[Part] = []
    literal: list[str] = []
    while position < len(text):
        here = text[position]
        if depth and here == "}":
            break
        if here != "$":
            literal.append(here)
            position += 1
            continue
        match = _START.match(text, position)
        if match is None:
            literal.append("$")
            position += 1
        elif match["escaped"]:
            literal.append("$")
            position = match.end()
        else:
            _flush(literal, found)
            variable, position = _variable(text, match, depth)
            found.append(variable)
    _flush(literal, found)
    return tuple(found), position


def _variable(text: str, match: re.Match[str], depth: int) -> tuple[Variable, int]:
    if match["name"]:
        return Variable(match["name"]), match.end()
    inside = _INSIDE.match(text, match.end())
    if inside is None or depth >= _NESTED:
        raise BadExpression(text)
    argument: tuple[Part, ...] = ()
    end = inside.end()
    if inside["operator"]:
        argument, end = _parts(text, end, depth + 1)
    if text[end : end + 1] != "}":
        raise BadExpression(text)
    return Variable(inside["name"], inside["operator"] or "", argument), end + 1


def _flush(literal: list[str], found: list[Part]) -> None:
    if literal:
        found.append("".join(literal))
        literal.clear()


# --- inputs ------------------------------------------------------------------------------------------


@frozen
class Asked:
    """An input that an app is to have, as far as its source says."""

    name: str
    type: str = "string"
    label: Any = ""
    description: Any = ""
    default: str | None = None
    required: bool = False
    generate: Mapping[str, Any] | None = None
    validate: Mapping[str, Any] | None = None
    options: Sequence[Mapping[str, Any]] = ()
    placeholder: str = ""
    hidden: bool = False

    @property
    def valueless(self) -> bool:
        """Whether it may end up without any value."""
        return self.default is None and self.generate is None and not self.required


Meaning: TypeAlias = "str | Asked | None"
"""What a format knows a variable to be: a text with Tomo's references, an input, nothing."""
Scope: TypeAlias = Callable[[str], Meaning]


def no_scope(_name: str) -> Meaning:
    """A format that knows no variables of its own."""
    return None


def secret(name: str, *, kind: str = "password", length: int = 32, **more: Any) -> Asked:
    """A secret that Tomo makes."""
    return Asked(name, "secret", generate={"kind": kind, "length": max(8, min(length, 1024))}, **more)


class Inputs:
    """The inputs of one app, in the order in which they are met."""

    def __init__(self) -> None:
        self._found: dict[str, Asked] = {}
        self._names = Names()

    def ask(self, wanted: Asked) -> str:
        """Declares an input, or adds to the one of that name; returns its name."""
        name = variable_name(wanted.name)
        known = self._found.get(name)
        self._found[name] = replace(wanted, name=name) if known is None else _merged(known, wanted)
        return name

    def get(self, name: str) -> Asked | None:
        """The input of a name."""
        return self._found.get(name)

    def free_name(self, wanted: str) -> str:
        """A name that no input has yet."""
        found = self._names.take(variable_name(wanted), "_", 90)
        while found in self._found:
            found = self._names.take(variable_name(wanted), "_", 90)
        return found

    def values(self) -> list[Asked]:
        """All of them."""
        return list(self._found.values())


def _merged(known: Asked, wanted: Asked) -> Asked:
    if wanted.type == "secret" and known.type != "secret":
        return replace(
            known, type="secret", default=None, generate=wanted.generate, options=(), validate=None
        )
    return replace(
        known,
        default=known.default if known.default is not None or known.generate else wanted.default,
        required=known.required or wanted.required,
        label=known.label or wanted.label,
        description=known.description or wanted.description,
    )


# --- texts -------------------------------------------------------------------------------------------


@frozen
class _Reference:
    """A part of a value that is not literal: an input, or text with Tomo's own references."""

    input: str = ""
    known: str = ""

    @property
    def template(self) -> str:
        return f"${{input.{self.input}}}" if self.input else self.known


@dataclass
class Texts:
    """Turns one app's texts into templates, and asks for what their variables stand for."""

    scope: Scope = no_scope
    inputs: Inputs = field(default_factory=Inputs)
    ledger: Ledger = field(default_factory=Ledger)

    def value(self, text: str, key: str = "") -> str | dict[str, str]:
        """A variable's value: `{input: NAME}` where it is nothing else, or a template.

        `key` is the variable's own name, which may say that a secret stands there.
        """
        pieces = self._pieces(self._parsed(text), key)
        if len(pieces) == 1 and isinstance(pieces[0], _Reference) and pieces[0].input:
            return {"input": pieces[0].input}
        return self._joined(pieces)

    def template(self, text: str) -> str:
        """Text with Tomo's references in place of variables."""
        return self._joined(self._pieces(self._parsed(text), ""))

    def constant(self, text: str) -> str | None:
        """The text where no reference may stand: defaults filled in; None where one has none."""
        return self._constant(self._parsed(text))

    def variables(self, text: str) -> list[str]:
        """The names of the variables of a text."""
        return [part.name for part in self._parsed(text) if isinstance(part, Variable)]

    def _joined(self, pieces: Sequence[str | _Reference]) -> str:
        found: list[str] = []
        literal = ""
        for piece in pieces:
            if isinstance(piece, str):
                literal += piece
                continue
            if literal.endswith("$"):
                # A `$` right before a reference would read as an escape: no text of the format can say that.
                literal = literal.rstrip("$")
                self.ledger.person(f"a `$` right before `{piece.template}` was left out")
            found += [escaped(literal), piece.template]
            literal = ""
        return "".join([*found, escaped(literal)])

    def _parsed(self, text: str) -> tuple[Part, ...]:
        try:
            return parse(text)
        except BadExpression:
            self.ledger.person("a text holds a `$` that Compose does not read; it is taken as it stands")
            return (text,)

    def _constant(self, parts: Sequence[Part]) -> str | None:
        found = [part if isinstance(part, str) else self._fixed(part) for part in parts]
        return None if None in found else "".join(each for each in found if each is not None)

    def _fixed(self, variable: Variable) -> str | None:
        meaning = self.scope(variable.name)
        known = self.inputs.get(variable.name)
        default = meaning.default if isinstance(meaning, Asked) else meaning
        if default is None and known is not None:
            default = known.default
        if default is not None and "${" in default:
            return None
        if variable.operator.endswith("+"):
            return self._constant(variable.argument) if default else ""
        if default is None or (default == "" and variable.operator == ":-"):
            default = self._constant(variable.argument) if variable.operator.endswith("-") else default
        if default is None:
            default = _NUMBERS.get(variable.name)
        if default is not None and not isinstance(meaning, str) and not holds_secret(variable.name):
            self.ledger.mapping(f"variable `{variable.name}` is fixed to `{shown(default)}`")
        return default

    def _pieces(self, parts: Sequence[Part], key: str) -> list[str | _Reference]:
        found: list[str | _Reference] = []
        whole = len(parts) == 1
        for part in parts:
            found += [part] if isinstance(part, str) else self._resolved(part, key if whole else "")
        return found

    def _resolved(self, variable: Variable, key: str) -> list[str | _Reference]:
        meaning = self.scope(variable.name)
        if variable.operator.endswith("+"):
            set_ = isinstance(meaning, str) and bool(meaning)
            return self._pieces(variable.argument, key) if set_ else []
        if isinstance(meaning, str):
            if meaning or variable.operator != ":-":
                return [_Reference(known=meaning)]
            return self._pieces(variable.argument, key)
        if meaning is not None:
            return [_Reference(input=self.inputs.ask(self._with_key(meaning, key)))]
        return self._unknown(variable, key)

    def _with_key(self, asked: Asked, key: str) -> Asked:
        """The input that a format asks for; secret also where its name or the variable that takes it says so.

        One that a form asks a person for stays theirs to give.
        """
        if asked.type != "string" or asked.hidden or asked.options or asked.generate:
            return asked
        if not (holds_secret(key, asked.default) or holds_secret(asked.name, asked.default)):
            return asked
        if not asked.default and (asked.required or asked.label):
            return replace(asked, type="secret", default=None)
        return self._secret(asked.name, key, asked.default)

    def _unknown(self, variable: Variable, key: str) -> list[str | _Reference]:
        name, default = variable.name, None
        if name in _TIMEZONES:
            return [_Reference(known="${host.timezone}")]
        if variable.operator.endswith("-"):
            default = self._literal(variable.argument)
            if default is None:
                return self._pieces(variable.argument, key)
            if CONTROL.search(default) or "\n" in default or "\t" in default:
                return [default]
        if holds_secret(name, default) or holds_secret(key, default):
            return [_Reference(input=self.inputs.ask(self._secret(name, key, default)))]
        if default is None:
            default = _NUMBERS.get(name)
        required = variable.operator.endswith("?")
        return [_Reference(input=self.inputs.ask(Asked(name, default=default, required=required)))]

    def _literal(self, parts: Sequence[Part]) -> str | None:
        """A default that holds no variable; one with a default of its own counts as that."""
        found: list[str] = []
        for part in parts:
            if isinstance(part, str):
                found.append(part)
                continue
            return None
        return "".join(found)

    def _secret(self, name: str, key: str, default: str | None) -> Asked:
        if default == "" or (default is None and from_outside(name, key)):
            if default is None:
                self.ledger.person(f"secret `{name}` comes from another service: set it where it is needed")
            return Asked(name, "secret")
        asked = secret(name, **shape_of(default or ""))
        self.ledger.generating(f"secret `{name}`" + (", in place of a known default" if default else ""))
        return asked


def escaped(text: str) -> str:
    """Literal text as a template of Tomo's."""
    return text.replace("${", "$${")
