"""Values of an app's inputs: what a fleet sets, what the app supplies, and whether a value will do."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from tomo.spec.app import HIGHEST_PORT, AppDefinition, Generate, Input, When
from tomo.spec.base import TIMEZONE, SecretRef
from tomo.spec.fleet import App, generated_secret
from tomo.spec.shown import shown

InputValue: TypeAlias = str | SecretRef
_HOSTNAME: Final = re.compile(r"(?=.{1,253}$)[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9_])?\.?")
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?")
NOT_GENERATED: Final = ("vapid",)
"""Kinds of generated values that importers meet and this version cannot make."""


def input_values(name: str, definition: AppDefinition, app: App) -> dict[str, InputValue]:
    """The value of each of the app's inputs that has one, for the app called `name` in its fleet.

    One that is generated stands as the secret `NAME.INPUT` of the stack's config.
    """
    values: dict[str, InputValue] = {}
    for entry in definition.inputs:
        value = app.inputs.get(entry.name)
        if value is not None:
            values[entry.name] = value
        elif entry.generate is not None:
            values[entry.name] = SecretRef(secret=generated_secret(name, entry.name))
        elif entry.default is not None:
            values[entry.name] = entry.default
    return values


def generated_inputs(name: str, definition: AppDefinition, app: App) -> dict[str, Generate]:
    """Which secrets must exist in the stack's config, by their name there, and how they are made."""
    return {
        generated_secret(name, entry.name): entry.generate
        for entry in definition.inputs
        if entry.generate is not None and entry.name not in app.inputs
    }


def holds(when: When | None, values: Mapping[str, InputValue]) -> bool:
    """Whether a service, mount or device stays in."""
    return when is None or values.get(when.input, "") == when.equals


# --- whether a value will do -------------------------------------------------------------------------


def complaint(entry: Input, value: str) -> str:
    """What is wrong with a value, `""` where nothing is. Never holds the value of a secret."""
    if entry.type == "enum":
        choices = ", ".join(f"`{option.value}`" for option in entry.options)
        return "" if value in {option.value for option in entry.options} else f"must be one of {choices}"
    well_formed, wanted = _TYPES.get(entry.type, _ANY)
    if not well_formed(value):
        return wanted
    return _out_of_range(entry, value) or _unlike_pattern(entry, value)


def _out_of_range(entry: Input, value: str) -> str:
    rules = entry.validate_
    if rules is None:
        return ""
    numeric = entry.type in ("integer", "number", "port")
    amount, noun = (float(value), "") if numeric else (float(len(value)), " characters")
    if rules.min is not None and amount < rules.min:
        return f"must be at least {rules.min:g}{noun}"
    if rules.max is not None and amount > rules.max:
        return f"must be at most {rules.max:g}{noun}"
    return ""


def _unlike_pattern(entry: Input, value: str) -> str:
    rules = entry.validate_
    if rules is None or rules.pattern is None or re.fullmatch(rules.pattern, value):
        return ""
    return rules.message or f"must match `{shown(rules.pattern)}`"


def _is_port(value: str) -> bool:
    return bool(_INTEGER.fullmatch(value)) and 0 < int(value) <= HIGHEST_PORT


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s\x00-\x1f]", value)
    )


def _is_path(value: str) -> bool:
    return value.startswith("/") and ".." not in value.split("/") and not re.search(r"[:\x00-\x1f]", value)


def _is_line(value: str) -> bool:
    return not re.search(r"[\x00-\x1f\x7f]", value)


_ANY: Final[tuple[Callable[[str], object], str]] = (_is_line, "must be one line without control characters")
_TYPES: Final[Mapping[str, tuple[Callable[[str], object], str]]] = {
    "integer": (_INTEGER.fullmatch, "must be a whole number"),
    "number": (_NUMBER.fullmatch, "must be a number"),
    "boolean": (("true", "false").__contains__, "must be `true` or `false`"),
    "email": (_EMAIL.fullmatch, "must be an e-mail address"),
    "url": (_is_url, "must be an address such as `https://example.org`"),
    "ip": (_is_ip, "must be an IP address"),
    "hostname": (_HOSTNAME.fullmatch, "must be a host name"),
    "path": (_is_path, "must be an absolute path, such as `/srv/media`"),
    "port": (_is_port, "must be a port from 1 to 65535"),
    "timezone": (TIMEZONE.fullmatch, "must be a time zone, such as `Europe/Berlin`"),
}
