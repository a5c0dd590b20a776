"""Health checks of Compose services."""

from __future__ import annotations

import re
from typing import Any, Final

from tomo.catalog.importers.limits import duration
from tomo.catalog.importers.reading import At
from tomo.catalog.importers.variables import Texts

_WORDS: Final = ("CMD", "CMD-SHELL", "NONE")
_INPUT: Final = re.compile(r"(?<!\$)\$\{input\.([A-Za-z0-9_]+)\}")


def healthcheck(texts: Texts, at: At) -> dict[str, Any] | None:
    """The check as the app format has it; None where there is none to speak of."""
    if at.get("disable").flag():
        return {"test": ["NONE"]}
    test = _test(texts, at.get("test"))
    if not test:
        if at.get("test").value is None and at.mapping():
            texts.ledger.dropping("times of a health check that has no `test` of its own")
        return None
    times = {
        name: found
        for name, key in (("interval", "interval"), ("timeout", "timeout"), ("start", "start_period"))
        if (found := duration(texts.constant(at.get(key).text())))
    }
    retries = texts.constant(at.get("retries").text()) or ""
    return {"test": test, **times, **({"retries": int(retries)} if retries.isdigit() else {})}


def _test(texts: Texts, at: At) -> list[str]:
    if at.value is None:
        return []
    if not isinstance(at.value, list):
        text = at.text().strip()
        return ["CMD-SHELL", texts.template(text)] if text else []
    parts = [texts.template(item.text()) for item in at.items()]
    if not parts or parts[0] not in _WORDS:
        # Docker refuses this list; what the author meant is the command.
        return ["CMD", *parts] if parts else []
    return parts if len(parts) > 1 or parts[0] == "NONE" else []


def without_references(check: dict[str, Any], env: dict[str, Any]) -> dict[str, Any]:
    """A shell's check with references replaced by variables of the container, which are added where missing.

    A reference would be run as shell text; a variable is only read.
    """
    test = check["test"]
    if test[0] != "CMD-SHELL":
        return check
    return {**check, "test": [_with_variables(text, env) for text in test]}


def _with_variables(text: str, env: dict[str, Any]) -> str:
    def variable(match: re.Match[str]) -> str:
        wanted = {"input": match[1]}
        name = next((key for key, value in env.items() if value == wanted and key.isidentifier()), match[1])
        env.setdefault(name, wanted)
        return f"$${{{name}}}"

    return _INPUT.sub(variable, text)
