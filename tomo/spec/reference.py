"""The field reference in Markdown, from the models themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from tomo.spec import template
from tomo.spec.problems import models_in
from tomo.spec.schema import app_schema, fleet_schema, policy_schema

_PLAIN: Final = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "true/false",
    "null": "",
}


def fleet_reference() -> str:
    """`docs/fleet-reference.md`: every field of a fleet file, and of apps defined in one."""
    from tomo.spec.fleet import Fleet  # noqa: PLC0415  # building the models takes longer than most commands

    intro = (
        "Every field of a fleet file. It is YAML 1.2: `yes` and `on` are texts, `true` and `false` are not. "
        "An unknown key is a mistake, never ignored."
    )
    return _page("Fleet reference", intro, Fleet, fleet_schema())


def app_reference() -> str:
    """The reference of app files, `tomo.app/v1`."""
    from tomo.spec.app import AppDefinition  # noqa: PLC0415

    intro = "Every field of an app file, `apps/ID.yaml`. An unknown key is a mistake, never ignored."
    return _page("App reference", intro, AppDefinition, app_schema())


def policy_reference() -> str:
    """The reference of policy files, `tomo.policy/v1`."""
    from tomo.spec.policy import PolicyFile  # noqa: PLC0415

    intro = (
        "Every field of a policy file, `tomo-policy.yaml`. An unknown key is a mistake, never ignored. "
        "A level alone may stand for a rule: `privileged: deny`."
    )
    return _page("Policy reference", intro, PolicyFile, policy_schema(), templates=False)


def _page(
    title: str, intro: str, top: type[BaseModel], schema: dict[str, Any], *, templates: bool = True
) -> str:
    parts = [f"# {title}", intro]
    for model in models_in(top):
        parts += [f"## {model.__name__}", (model.__doc__ or "").strip(), _table(model, schema)]
    if templates:
        parts += ["## References in texts", "\n".join(_references())]
    return "\n\n".join(parts) + "\n"


def _references() -> Iterator[str]:
    yield "Variables, commands, labels, hosts of mounts and inline files may hold references."
    yield ""
    yield from (f"- `${{{name}}}`: {meaning}" for name, meaning in template.KNOWN.items())
    yield "- `${input.NAME}`: the value of the app's input"
    yield "- `$${`: a `${` of the app's own"


def _table(model: type[BaseModel], schema: dict[str, Any]) -> str:
    definitions = schema.get("$defs", {})
    own = definitions.get(model.__name__, schema)
    rows = ["| field | value | default | meaning |", "|---|---|---|---|"]
    descriptions = {field.alias or name: field.description for name, field in model.model_fields.items()}
    for name, field in own.get("properties", {}).items():
        required = name in own.get("required", ())
        default = "**required**" if required else _default(field.get("default"))
        rows.append(f"| `{name}` | {_value(field)} | {default} | {_cell(descriptions[name] or '')} |")
    return "\n".join(rows)


def _default(value: object) -> str:
    if value in (None, "", [], {}) or isinstance(value, dict):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _value(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "enum" in field:
        return ", ".join(f"`{_literal(item)}`" for item in field["enum"])
    if "const" in field:
        return f"`{_literal(field['const'])}`"
    for union in ("anyOf", "oneOf"):
        if union in field:
            return _joined(field[union])
    return _plain(field)


def _joined(members: list[dict[str, Any]]) -> str:
    """The members of a union; text that may be written without quotes is simply text."""
    kinds = {str(member.get("type")) for member in members if set(member) == {"type"}}
    if {"string", "number", "boolean"} <= kinds:
        members = [member for member in members if set(member) != {"type"} or member["type"] == "string"]
    return " or ".join(dict.fromkeys(filter(None, map(_value, members))))


def _plain(field: dict[str, Any]) -> str:
    kind = field.get("type")
    if kind == "array":
        return f"list of {_value(field.get('items', {})) or 'values'}"
    if kind == "object":
        return f"mapping to {_value(_entries(field)) or 'values'}"
    return _PLAIN.get(str(kind), "")


def _entries(field: dict[str, Any]) -> dict[str, Any]:
    """The schema of a mapping's values; it stands under a pattern where the keys have one."""
    patterns = list(field.get("patternProperties", {}).values())
    values = patterns[0] if patterns else field.get("additionalProperties")
    return values if isinstance(values, dict) else {}


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
