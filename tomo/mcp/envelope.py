"""The one form of every answer: success or not, data, a sentence, and an error's code with its hint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from tomo.errors import (
    HostError,
    NotAllowed,
    PluginMissing,
    ProgramFailed,
    ProviderFailed,
    PulumiFailed,
    ResourceFailed,
    SpecError,
    StateError,
    TomoError,
)
from tomo.mcp.declaration import Answer, Remote
from tomo.mcp.untrusted import Mask, safe, shown

INTERNAL: Final = "internal"
INVALID: Final = "invalid-arguments"
UNKNOWN: Final = "unknown-tool"
OWN_CODES: Final[Mapping[str, str]] = {
    UNKNOWN: "There is no tool of that name.",
    INVALID: "The arguments are not those that the tool takes.",
    INTERNAL: "A defect in Tomo; the hint has the correlation id under which the server's log has it.",
}
"""The codes that only this surface has."""
_FOREIGN: Final = (
    HostError,
    ProviderFailed,
    ProgramFailed,
    PulumiFailed,
    ResourceFailed,
    SpecError,
    StateError,
)
"""Errors whose words may be those of a host, a daemon, a program or a catalog file."""


class ErrorInfo(BaseModel):
    """Which error, by Tomo's own codes, and what to do next."""

    model_config = ConfigDict(extra="forbid")
    code: str
    hint: str


class Envelope(BaseModel):
    """The answer of every tool."""

    model_config = ConfigDict(extra="forbid")
    success: bool
    data: Any
    message: str
    error: ErrorInfo | None


def output_schema() -> dict[str, Any]:
    """The envelope's schema, with what only people read left out: it stands in every tool's definition."""
    return _bare(Envelope.model_json_schema())


def succeeded(answer: Answer, mask: Mask) -> Envelope:
    """A tool's answer."""
    return Envelope(
        success=True, data=shown(answer.data, mask), message=safe(answer.message, mask), error=None
    )


def refused(code: str, message: str, hint: str, mask: Mask, data: object = None) -> Envelope:
    """An answer that says why there is none."""
    info = ErrorInfo(code=code, hint=safe(hint, mask))
    return Envelope(success=False, data=shown(data, mask), message=safe(message, mask), error=info)


def failed(error: TomoError, mask: Mask) -> Envelope:
    """An error; words that may come from elsewhere stand in `data`, marked, and not in the message."""
    if not isinstance(error, _FOREIGN) or isinstance(error, PluginMissing | NotAllowed):
        return refused(error.code, str(error), error.hint, mask)
    source = f"error of {error.host}" if isinstance(error, HostError) and error.host else "error"
    text = "\n".join(part for part in (str(error), error.detail) if part)
    message = f"this failed ({error.code}); `data` has the words, some of which are from elsewhere"
    return refused(error.code, message, _hint(error), mask, {"said": Remote(source, text)})


def _hint(error: TomoError) -> str:
    if isinstance(error, SpecError):
        return next((problem.hint for problem in error.problems if problem.hint), "")
    return error.hint


def _bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without titles and descriptions, its one definition put in where it is used."""
    definitions = schema.get("$defs", {})

    def bare(part: object) -> object:
        if isinstance(part, Mapping):
            if "$ref" in part:
                return bare(definitions[str(part["$ref"]).rpartition("/")[2]])
            return {
                key: _properties(value, bare) if key == "properties" else bare(value)
                for key, value in part.items()
                if key not in {"title", "description", "$defs"}
            }
        return [bare(each) for each in part] if isinstance(part, list) else part

    found = bare(schema)
    return found if isinstance(found, dict) else {}


def _properties(value: object, bare: Any) -> object:
    """Properties by name: one may be called `title`."""
    return {name: bare(each) for name, each in value.items()} if isinstance(value, Mapping) else value
