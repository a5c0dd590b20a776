"""Hostile texts: whatever is written, there is a fleet or a list of mistakes, and never a raw control character."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tomo.errors import Problem, SpecError
from tomo.spec import yaml
from tomo.spec.edit import add_app, new_fleet
from tomo.spec.load import fleet_from_text

PLACES = (
    "fleet",
    "server",
    "host",
    "user",
    "identity",
    "app",
    "image",
    "env name",
    "env",
    "path",
    "label",
    "url",
)
RELAXED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def fleet_with(place: str, text: str) -> str:
    """A fleet with a text in one place, written as JSON, which YAML reads as it stands."""
    import json

    at = {name: text if name == place else usual for name, usual in zip(PLACES, USUAL, strict=True)}
    service = {"image": at["image"], "env": {at["env name"]: at["env"]}, "labels": {"a": at["label"]}}
    service["mounts"] = [{"host": at["path"], "path": "/data"}]
    definition = {
        "schema": "tomo.app/v1",
        "id": "a",
        "title": "A",
        "version": "1",
        "services": {"s": service},
    }
    app = {"definition": definition, "server": at["server"], "url": at["url"]}
    server = {"host": at["host"], "user": at["user"], "identity": at["identity"]}
    fleet = {"fleet": at["fleet"], "servers": {at["server"]: server}, "apps": {at["app"]: app}}
    return json.dumps(fleet)


USUAL = (
    "home",
    "nas",
    "192.168.1.10",
    "root",
    "~/.ssh/id",
    "notes",
    "a:1",
    "A",
    "b",
    "/srv",
    "c",
    "http://x",
)


def problems_of(text: str) -> list[Problem] | None:
    """The mistakes of a fleet; None where there is none."""
    try:
        fleet_from_text(text, Path("fleet.yaml"))
    except SpecError as error:
        return list(error.problems)
    return None


def yaml_problems(text: str | bytes) -> list[str]:
    """What is wrong with a YAML text, in words."""
    try:
        yaml.parse(text, "f")
    except SpecError as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize("place", PLACES)
@RELAXED
@given(text=st.text(max_size=40))
@example(text="$(reboot)")
@example(text="a\nb")
@example(text="a\x00b")
@example(text="\x1b[31m")
@example(text="\u202eevil")
@example(text="'\"`\\;|&")
@example(text="${")
@example(text="-oProxyCommand=x")
def test_hostile_texts_give_a_fleet_or_mistakes(place: str, text: str) -> None:
    found = problems_of(fleet_with(place, text))

    for problem in found or []:
        assert problem.message.isprintable() or "…" in problem.message or not text.isprintable()
        assert not any(char in f"{problem.message}{problem.hint}" for char in "\n\r\x00\x1b\u202e")


@pytest.mark.parametrize("place", [place for place in PLACES if place not in ("env", "label")])
@pytest.mark.parametrize("text", ["a\nb", "a\x00b", "\x1b[31m", "\u202ex"])
def test_control_characters_are_refused_where_one_line_belongs(place: str, text: str) -> None:
    assert problems_of(fleet_with(place, text))


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a;b", "a b", "$(x)", "a/b", "`x`"])
def test_hosts_that_could_be_options_or_shell_text_are_refused(host: str) -> None:
    assert problems_of(fleet_with("host", host))


def test_the_usual_texts_are_fine() -> None:
    assert problems_of(fleet_with("", "")) is None


@RELAXED
@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_a_mistake(data: bytes) -> None:
    assert yaml_problems(data) is not None


@RELAXED
@given(st.text(alphabet="-?:,[]{}#&*!|>'\"%@` \n\tab0.~<=", max_size=80))
def test_any_punctuation_is_a_document_or_a_mistake(text: str) -> None:
    assert yaml_problems(text) is not None


@RELAXED
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=4))
def test_what_is_written_into_a_fleet_is_read_back_as_it_was(inputs: dict[str, str]) -> None:
    text = add_app(new_fleet("home"), "a", {"app": "notes", "server": "nas", "inputs": inputs})

    assert yaml.parse(text, "f").value["apps"]["a"]["inputs"] == inputs
