"""Config keys and values as Pulumi spells them."""

from __future__ import annotations

import json
from typing import Final, TypeAlias

from tomo.errors import UsageError

Plain: TypeAlias = object
"""None, bool, int, float, str, list or dict."""

_GO_EXPONENT: Final = 1e21


def full_key(key: str, project: str) -> str:
    """`name` → `project:name`; Pulumi's old `ns:config:name` → `ns:name`."""
    parts = key.split(":")
    if len(parts) == 3 and parts[1] == "config":  # noqa: PLR2004  # namespace, the word, name
        parts = [parts[0], parts[2]]
    if not all(parts) or len(parts) > 2:  # noqa: PLR2004  # namespace and name
        raise UsageError(f"`{key}` is not a config key", hint="write `name` or `namespace:name`")
    return ":".join(parts) if len(parts) > 1 else f"{project}:{key}"


def config_text(value: Plain) -> str:
    """A value as Pulumi hands it to programs: nested ones as JSON, booleans as `true`."""
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return plain_text(value)


def plain_text(value: Plain) -> str:
    """A scalar of a YAML file as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _GO_EXPONENT:
        return str(int(value))
    return str(value)
