"""JSON Schema for editors, from the models themselves."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from tomo.spec.late import Late

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Schema(GenerateJsonSchema):
    """Without the titles that pydantic makes of field names: editors would show them twice."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def function_plain_schema(self, schema: Any) -> JsonSchemaValue:
        function = schema["function"]["function"]
        return (
            self.generate_inner(function.schema())
            if isinstance(function, Late)
            else super().function_plain_schema(schema)
        )

    def generate(self, schema: Any, mode: Any = "validation") -> JsonSchemaValue:
        return {"$schema": _DIALECT, **super().generate(schema, mode)}


def fleet_schema() -> dict[str, Any]:
    """The schema of a fleet file."""
    from tomo.spec.fleet import Fleet  # noqa: PLC0415  # building the models takes longer than most commands

    return _schema(Fleet, "Tomo fleet")


def app_schema() -> dict[str, Any]:
    """The schema of an app file, `tomo.app/v1`."""
    from tomo.spec.app import AppDefinition  # noqa: PLC0415

    return _schema(AppDefinition, "Tomo app")


def policy_schema() -> dict[str, Any]:
    """The schema of a policy file, `tomo.policy/v1`."""
    from tomo.spec.policy import PolicyFile  # noqa: PLC0415

    return _schema(PolicyFile, "Tomo policies")


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    return {**model.model_json_schema(by_alias=True, schema_generator=_Schema), "title": title}
