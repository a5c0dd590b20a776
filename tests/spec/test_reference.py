"""The schema for editors and the reference page come from the models, whole."""

from __future__ import annotations

import json

import pytest

from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet
from tomo.spec.problems import models_in
from tomo.spec.reference import app_reference, fleet_reference
from tomo.spec.schema import app_schema, fleet_schema


@pytest.mark.parametrize("model", models_in(Fleet), ids=lambda model: model.__name__)
def test_every_field_is_described(model: type[Fleet]) -> None:
    undescribed = [name for name, field in model.model_fields.items() if not field.description]

    assert undescribed == []
    assert model.__doc__


def test_the_reference_names_every_field() -> None:
    page = fleet_reference()

    for model in models_in(Fleet):
        assert f"## {model.__name__}\n" in page
        for name, field in model.model_fields.items():
            assert f"| `{field.alias or name}` |" in page
    assert "True" not in page


def test_the_apps_own_reference_starts_at_the_app() -> None:
    assert "## AppDefinition" in app_reference()
    assert "## Fleet\n" not in app_reference()


def test_the_schemas_are_json_and_refuse_unknown_keys() -> None:
    for schema in (fleet_schema(), app_schema()):
        assert json.loads(json.dumps(schema)) == schema
        assert schema["additionalProperties"] is False
        assert schema["$schema"].startswith("https://json-schema.org/")


def test_the_schema_lets_numbers_stand_for_texts_and_ports() -> None:
    ports = fleet_schema()["$defs"]["App"]["properties"]["ports"]

    (values,) = ports["patternProperties"].values()
    assert {"type": "integer"} in values["anyOf"]


def test_an_app_needs_no_more_than_its_id_title_version_and_services() -> None:
    app = AppDefinition.model_validate(
        {
            "schema": "tomo.app/v1",
            "id": "a",
            "title": "A",
            "version": "1",
            "services": {"s": {"image": "a:1"}},
        }
    )

    assert app.main_service == "s"
    assert sorted(app_schema()["required"]) == ["id", "services", "title", "version"]
