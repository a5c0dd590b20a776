"""A tool's arguments: a model made of the method's own signature, its schema, and what is missing."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.fields import FieldInfo

from tomo.frozen import frozen

_NOT_ARGUMENTS: Final = ("self", "call")
_ASKED: Final = ("string", "integer", "number", "boolean")
"""What a form of the protocol can ask for."""


@frozen
class Arguments:
    """What a tool takes."""

    model: type[BaseModel]
    schema: Mapping[str, Any]

    @classmethod
    def of(cls, method: Callable[..., object]) -> Arguments:
        """The arguments of a tool's method; those it is given by the server are none."""
        hints = typing.get_type_hints(method, include_extras=True)
        parameters = inspect.signature(method).parameters.values()
        fields: dict[str, Any] = {
            each.name: (hints[each.name], ... if each.default is inspect.Parameter.empty else each.default)
            for each in parameters
            if each.name not in _NOT_ARGUMENTS
        }
        config = ConfigDict(extra="forbid", strict=False)
        model = create_model(f"{method.__name__}_arguments", __config__=config, **fields)
        return cls(model, _slim(model.model_json_schema()))

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.model.model_fields)

    def read(self, given: Mapping[str, object]) -> dict[str, object]:
        """The arguments in their types; raises ValidationError."""
        read = self.model.model_validate(dict(given))
        return {name: getattr(read, name) for name in self.model.model_fields}

    def missing(self, given: Mapping[str, object]) -> Mapping[str, Mapping[str, Any]]:
        """Required arguments that aren't given and that a person can be asked for, with their schemas."""
        lacking = {name for name, field in self._fields() if field.is_required() and name not in given}
        schemas = {name: self.schema["properties"][name] for name in self.names if name in lacking}
        askable = {name: schema for name, schema in schemas.items() if schema.get("type") in _ASKED}
        return askable if len(askable) == len(lacking) else {}

    def _fields(self) -> list[tuple[str, FieldInfo]]:
        return list(self.model.model_fields.items())


def wrong(error: ValidationError) -> str:
    """What is wrong with arguments, by their names; never their values."""
    lines = [
        f"`{'.'.join(map(str, each['loc']))}`: {each['msg']}" for each in error.errors(include_input=False)
    ]
    # JSON has lists, and no tuples.
    return re.sub(r"\b[Tt]uple\b", "list", "; ".join(lines))


def _slim(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without pydantic's titles, since it is paid for in every conversation."""
    found = _slimmed(schema)
    found.setdefault("properties", {})
    return found


def _slimmed(part: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in part.items() if key != "title" or not isinstance(value, str)}
    if isinstance(kept.get("properties"), Mapping):
        kept["properties"] = {name: _slimmed(each) for name, each in kept["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), Mapping):
            kept[key] = _slimmed(kept[key])
    return kept
