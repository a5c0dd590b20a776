"""The inputs an app ends up with: those that something refers to, with a value or a demand for one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from tomo.catalog.importers.reading import NO_FILE, refuse
from tomo.catalog.importers.variables import Asked, Texts, secret
from tomo.catalog.importers.words import languages, line
from tomo.spec.app import Input
from tomo.spec.inputs import NOT_GENERATED, complaint

_MOST: Final = 1000
_REFERENCE: Final = re.compile(r"(?<!\$)\$\{input\.([A-Za-z0-9_]+)\}")


def input_entries(
    texts: Texts, services: dict[str, dict[str, Any]], files: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The `inputs` of a definition."""
    whole, within = _uses(services, files)
    if len(whole | within) > _MOST:
        refuse(NO_FILE, 0, f"it would have more than {_MOST} inputs", "no app has so many")
    entries = []
    for asked in texts.inputs.values():
        if asked.name not in whole | within:
            continue
        if asked.generate and not any(
            row.startswith(f"secret `{asked.name}`") for row in texts.ledger.generated
        ):
            texts.ledger.generating(f"secret `{asked.name}`")
        entries.append(_entry(texts, _with_value(texts, asked, part_of_text=asked.name in within)))
    return entries


def _uses(services: dict[str, dict[str, Any]], files: list[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """Inputs that are whole variables, which may go without a value, and those used in any other way."""
    whole: set[str] = set()
    within: set[str] = set()
    for service in services.values():
        for value in service.get("env", {}).values():
            if isinstance(value, dict):
                whole.add(value["input"])
            else:
                within |= set(_REFERENCE.findall(value))
        within |= {
            mount["host"]["input"]
            for mount in service.get("mounts", [])
            if isinstance(mount.get("host"), dict)
        }
        within |= {each["input"] for each in service.get("secrets", [])}
        within |= {name for text in _texts(service) for name in _REFERENCE.findall(text)}
    within |= {name for file in files for name in _REFERENCE.findall(file["content"])}
    return whole, within


def _texts(service: dict[str, Any]) -> Iterator[str]:
    for key in ("command", "entrypoint"):
        yield from service.get(key, [])
    yield from service.get("healthcheck", {}).get("test", [])
    yield from service.get("labels", {}).values()


def _with_value(texts: Texts, asked: Asked, *, part_of_text: bool) -> Asked:
    if asked.generate and asked.generate.get("kind") in NOT_GENERATED:
        texts.ledger.person(
            f"`{asked.name}` is of a kind that Tomo does not make: set it with `tomo secret set`"
        )
        asked = replace(asked, generate=None, required=True)
    if not (part_of_text and asked.valueless):
        return asked
    if asked.type == "secret":
        texts.ledger.generating(f"secret `{asked.name}`")
        return replace(secret(asked.name), label=asked.label, description=asked.description)
    return replace(asked, default="") if asked.type == "string" else replace(asked, required=True)


def _entry(texts: Texts, asked: Asked) -> dict[str, Any]:
    entry = _as_entry(asked)
    problem = _problem(entry)
    if problem and (asked.validate or asked.options or asked.type not in ("string", "secret")):
        texts.ledger.dropping(
            f"the rules of input `{asked.name}`: its own default breaks them, or they are none"
        )
        entry = _as_entry(replace(asked, type="string", validate=None, options=()))
        problem = _problem(entry)
    if problem and "default" in entry:
        texts.ledger.dropping(f"the default of input `{asked.name}`, which can't be one")
        del entry["default"]
        entry["required"] = True
    return entry


def _as_entry(asked: Asked) -> dict[str, Any]:
    is_secret = asked.type == "secret"
    entry = {
        "name": asked.name,
        "type": asked.type if asked.type != "string" else None,
        "label": languages(asked.label) or line(asked.name.replace("_", " ").capitalize()),
        "description": languages(asked.description),
        "default": None if is_secret or asked.generate else asked.default,
        "required": asked.required or None,
        "generate": dict(asked.generate) if asked.generate else None,
        "validate": dict(asked.validate) if asked.validate else None,
        "options": list(asked.options),
        "placeholder": line(asked.placeholder),
        "hidden": asked.hidden or None,
    }
    return {key: value for key, value in entry.items() if value or (key == "default" and value is not None)}


def _problem(entry: dict[str, Any]) -> str:
    try:
        made = Input.model_validate(entry)
        if made.validate_ and made.validate_.pattern:
            re.compile(made.validate_.pattern)
        return complaint(made, made.default) if made.default is not None else ""
    except (ValidationError, re.error):
        return "no input"
