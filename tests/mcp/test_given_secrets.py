"""An assistant that gives a secret's value in spite of all is refused, and the value stands nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.databases import put_database
from tests.mcp.conftest import Assistant
from tests.worlds import World, salt
from tomo.model.values import Secret
from tomo.service.configs import ConfigRequest, Configs, SetConfigRequest
from tomo.service.propose.proposing import ListProposalsRequest, Proposing

VALUE = "canary-given-by-an-assistant"
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{VALUE}\n-----END OPENSSH PRIVATE KEY-----"


def refused(world: World, tool: str, **given: Any) -> str:
    """The code of the refusal; no proposal was kept."""
    put_database(world.settings.data_folder)
    answer = Assistant(world).call(tool, why="because", **given)

    assert not answer["success"], answer
    assert VALUE not in str(answer)
    assert Proposing(world.doors).list(ListProposalsRequest()) == []
    return str(answer["error"]["code"])


@pytest.mark.parametrize(
    ("tool", "given", "code"),
    [
        ("update_app", {"name": "web", "inputs": {"TOKEN": VALUE}}, "usage"),
        ("install_app", {"app": "nextcloud", "servers": ["nas"], "inputs": {"DB_PASSWORD": VALUE}}, "usage"),
        ("add_server", {"name": "pi", "address": f"root:{VALUE}@192.0.2.11"}, "usage"),
        ("add_server", {"name": "pi", "address": "192.0.2.11", "identity": KEY}, "usage"),
        (
            "install_docker",
            {"server": "nas", "registry_mirrors": [f"https://me:{VALUE}@m.lan"]},
            "invalid-spec",
        ),
        ("add_repository", {"url": f"https://me:{VALUE}@192.0.2.9/apps.git"}, "usage"),
    ],
)
def test_a_secrets_value_is_refused_and_not_repeated(
    world: World, tool: str, given: dict[str, Any], code: str
) -> None:
    assert refused(world, tool, **given) == code


@pytest.fixture
def program(nothing: World) -> World:
    """A hand-written program whose stack has a setting and a secret."""
    (nothing.folder / "Pulumi.yaml").write_text("name: own\nruntime: python\n")
    (nothing.folder / "Pulumi.dev.yaml").write_text(f"encryptionsalt: {salt()}\nconfig: {{own:size: '3'}}\n")
    Configs(nothing.doors).set(SetConfigRequest(nothing.place, "db:uri", Secret("canary-sealed-before")))
    return nothing


@pytest.mark.parametrize("given", [{"value": VALUE}, {}])
def test_a_sealed_setting_is_no_assistants_to_change(program: World, given: dict[str, Any]) -> None:
    assert refused(program, "propose_setting", key="db:uri", **given) == "usage"


@pytest.mark.parametrize("key", ["password", "own:api_token", "smtp:clientSecret", "own:API-KEY", "dbPwd"])
def test_a_setting_that_is_called_like_a_secret_is_not_proposed(program: World, key: str) -> None:
    assert refused(program, "propose_setting", key=key, value=VALUE) == "usage"


def test_a_setting_that_is_not_there_is_not_proposed_to_go(program: World) -> None:
    assert refused(program, "propose_setting", key="own:sise") == "config-missing"


def test_a_plain_setting_is_proposed_and_stays_as_it_is_meanwhile(program: World) -> None:
    put_database(program.settings.data_folder)

    made = Assistant(program).call("propose_setting", key="own:size", value="5", why="because")

    assert made["success"], made
    assert made["data"]["kind"] == "settings"
    entry = Configs(program.doors).get(ConfigRequest(program.place), "own:size")
    assert entry.value == "3"


def test_a_setting_that_was_sealed_since_is_another_than_was_proposed(program: World) -> None:
    put_database(program.settings.data_folder)
    Assistant(program).call("propose_setting", key="own:size", value="5", why="because")

    Configs(program.doors).set(SetConfigRequest(program.place, "own:size", Secret("canary-sealed-since")))

    [found] = Proposing(program.doors).list(ListProposalsRequest())
    assert found.state.value == "stale"
