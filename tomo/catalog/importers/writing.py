"""A definition as the file that is written: checked, in our order, told apart from what a person wrote."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import yaml

from tomo.catalog.lint import lint
from tomo.errors import Problem, SpecError
from tomo.frozen import frozen
from tomo.spec.app import AppDefinition
from tomo.spec.consistency import inconsistencies, unsupported
from tomo.spec.problems import build, in_order, located
from tomo.spec.risk import grants_of, risk_of
from tomo.spec.yaml import Document, is_plain_text, parse

_MARK: Final = "# imported by `tomo catalog import`; sha256 of the rest: "


@frozen
class Written:
    """A file as it is to be, the app in it, and what of the catalog's rules it breaks."""

    text: str
    app: AppDefinition
    lint: tuple[Problem, ...]
    unsupported: tuple[str, ...]


def written(definition: dict[str, Any], file: str) -> Written:
    """The file of a definition; raises SpecError where the app format does not take it."""
    first = _read(definition, file)
    rights = {"grants": list(grants_of(first[1])), "risk": risk_of(first[1])}
    whole = {**definition, **{key: value for key, value in rights.items() if value not in ([], "low")}}
    document, app = _read(whole, file)
    problems = in_order(located(document, inconsistencies(app)))
    if problems:
        raise SpecError(problems)
    missing = tuple(dict.fromkeys(message for _, message, _ in unsupported(app)))
    return Written(marked(document.text), app, tuple(lint(document, app.id)), missing)


def _read(definition: dict[str, Any], file: str) -> tuple[Document, AppDefinition]:
    document = parse(dumped(definition), file)
    return document, build(AppDefinition, document)


# --- whose file it is --------------------------------------------------------------------------------


def marked(text: str) -> str:
    """The text under a line that tells later whether somebody changed it."""
    return f"{_MARK}{_digest(text)}\n{text}"


def untouched(text: str) -> bool:
    """Whether a file is as an import left it."""
    first, _, rest = text.partition("\n")
    return first.startswith(_MARK) and first.removeprefix(_MARK).strip() == _digest(rest)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- YAML --------------------------------------------------------------------------------------------


class _Dumper(yaml.CSafeDumper):
    """Texts in the style that reads best and comes back as the same text under YAML 1.2."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # every value stands where it is used
        return True


def _text_node(dumper: Any, text: str) -> yaml.ScalarNode:
    style = None if is_plain_text(text) and text else '"'
    if "\n" in text and all(row == row.rstrip() for row in text.split("\n")) and "\t" not in text:
        style = "|"
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


_Dumper.add_representer(str, _text_node)


def dumped(value: dict[str, Any]) -> str:
    """A definition as YAML."""
    return str(
        yaml.dump(
            value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False
        )
    )
