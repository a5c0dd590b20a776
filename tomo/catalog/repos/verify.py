"""Holds the app files of a repository to the schema and the catalog's rules before any of them is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tomo.catalog.lint import lint
from tomo.catalog.repos.content import SUFFIX, Content
from tomo.errors import RepositoryError, SpecError
from tomo.frozen import frozen
from tomo.spec.shown import shown
from tomo.spec.yaml import Document, parse

_FEW: Final = 3


@frozen
class Verified:
    """The documents of the apps that may be used, by id, and of each other one why not."""

    content: Content
    apps: Mapping[str, Document]
    refused: tuple[str, ...]


def verified(content: Content) -> Verified:
    """Each app file held to the rules; raises RepositoryError where none keeps them."""
    apps: dict[str, Document] = {}
    refused: list[str] = []
    for app, raw in sorted(content.files.items()):
        file = f"{app}{SUFFIX}"
        try:
            document = parse(raw, file)
            problems = [str(problem) for problem in lint(document, app)]
        except SpecError as error:
            problems = [str(problem) for problem in error.problems]
        if problems:
            refused.append(_reason(problems))
        else:
            apps[app] = document
    if not apps:
        raise RepositoryError(
            f"none of the {len(content.files)} app files keeps the catalog's rules",
            hint="see all of them in a copy: `tomo catalog lint PATH`",
            detail="\n".join(refused[:_FEW]),
        )
    return Verified(content, apps, tuple(refused))


def _reason(problems: list[str]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{shown(problems[0])}{more}"
