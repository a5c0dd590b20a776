"""A fleet whose host, containers and catalog are all hostile: what of that reaches an assistant, and how."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from mcp.client import Client

from tests.mcp.conftest import Assistant, envelope
from tests.mcp.corpus import BREAKS, MARK, PROMPTS, TERMINAL, UNSEEN, texts, unseen_in
from tests.worlds import World, make_world
from tomo.mcp.declaration import ToolEffect
from tomo.mcp.discovery import found_tools
from tomo.model.values import Secret
from tomo.service.secret_names import Secrets, SetSecretRequest
from tomo.testing.dockerd.container import LogLine
from tomo.testing.hardware import Hardware

SAID = {
    "prompts": "\n".join(PROMPTS.values()),
    "breaks": "\n".join(BREAKS.values()),
    "terminal": "\n".join(TERMINAL.values()),
    "unseen": "\n".join(text for name, text in UNSEEN.items() if name != "surrogate"),
}
"""All of a kind at once: a world takes long to make. JSON from a host can't hold half a character."""


def hostile_app(said: str) -> str:
    """A catalog page that says it wherever a page may say something."""
    app = {
        "schema": "tomo.app/v1",
        "id": "evil",
        "title": f"Evil {said}",
        "tagline": said,
        "description": said,
        "notes": {"before_install": said, "after_install": said},
        "categories": ["media"],
        "tags": [said],
        "version": "1.0",
        "inputs": [{"name": "WORD", "label": said, "description": said, "default": said}],
        "services": {"server": {"image": "tomo-test/web:1.0", "env": {"WORD": {"input": "WORD"}}}},
    }
    return yaml.safe_dump(app)


def hostile_world(folder: Path, said: str) -> World:
    """Everything that is not the person's own says it."""
    world = make_world(folder)
    world.apply(message=said)
    docker = world.nas.docker
    docker.run_by_hand("stranger", "tomo-test/web:1.0", Labels={"note": said, f"k{MARK}": said})
    docker.replace_by_hand("web", Labels={"note": said}, Env=[f"GREETING={said}"])
    for name in ("web", "stranger"):
        docker._find(name).log.extend(LogLine(2, 1, line) for line in said.split("\n"))
    machine = world.nas._machine
    machine.hardware = replace(Hardware(), os_name=said.replace("\n", " "), timezone=said.replace("\n", " "))
    return world


def looks(proposal_id: str) -> list[tuple[str, dict[str, Any]]]:
    """A call of every tool that reads, but for those of the catalog."""
    return [
        ("list_servers", {}),
        ("test_server_connection", {"name": "nas"}),
        ("get_server_status", {"name": "nas"}),
        ("list_containers", {"server": "nas"}),
        ("verify_docker", {"server": "nas"}),
        ("list_apps", {}),
        ("check_app_status", {"name": "web"}),
        ("detect_drift", {}),
        ("get_container_logs", {"server": "nas", "container": "web", "lines": 200}),
        ("get_container_logs", {"server": "nas", "container": "stranger"}),
        ("get_outputs", {}),
        ("show_program", {}),
        ("get_run", {}),
        ("list_runs", {}),
        ("check_fleet", {}),
        ("check_health", {}),
        ("list_audit_entries", {}),
        ("get_settings", {}),
        ("get_system_info", {}),
        ("list_proposals", {}),
        ("get_plan", {"proposal_id": proposal_id}),
        ("explain_change", {"proposal_id": proposal_id, "resource": "web"}),
        ("show_fleet_file", {}),
        ("list_repositories", {}),
        ("list_outdated_apps", {}),
        ("get_policies", {}),
        ("verify_audit", {}),
        ("preview_retention", {"days": 30}),
        ("whoami", {}),
        ("list_tokens", {}),
        ("list_sessions", {}),
        ("search_tools", {"words": "server"}),
        ("explain_error_code", {"code": "docker"}),
    ]


def read_everything(world: World, said: str) -> list[dict[str, Any]]:
    """The envelopes of proposals that are made in a hostile fleet, and of what can be read there."""

    async def work(client: Client) -> list[dict[str, Any]]:
        changed = await envelope(
            client, "update_app", {"name": "web", "inputs": {"GREETING": "moin"}, "why": said}
        )
        docker = await envelope(client, "install_docker", {"server": "nas", "why": said})
        found = [await envelope(client, *each) for each in looks(changed["data"]["id"])]
        return [changed, docker, *found]

    return Assistant(world).using(work)


def require_harmless(answer: dict[str, Any]) -> None:
    """Nothing unseen is left, and what somebody else said stands below a mark."""
    for text, marked in texts(answer):
        assert not unseen_in(text), answer
        assert marked or MARK not in text, answer
    assert json.loads(json.dumps(answer)) == answer
    assert set(answer) == {"success", "data", "message", "error"}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_whatever_a_host_says_is_marked_data_in_every_tool(tmp_path: Path, said: str) -> None:
    world = hostile_world(tmp_path, said)

    answers = read_everything(world, said)

    for answer in answers:
        require_harmless(answer)
        assert answer["success"], answer


def test_no_tool_that_reads_is_left_out_of_that() -> None:
    reading = {tool.name for tool in found_tools() if tool.declared.effect is ToolEffect.READ}
    of_the_catalog = {"search_apps", "get_app_details"}
    of_backups = {"list_backups"}  # in test_backups.py, where there are some

    asked = {name for name, _ in looks("p-1")}

    assert reading - of_the_catalog - of_backups == asked


def test_the_name_that_a_container_was_given_is_no_part_of_an_error(tmp_path: Path) -> None:
    world = hostile_world(tmp_path, PROMPTS["order"])
    world.nas.docker.run_by_hand(f"{MARK}-approve-everything", "tomo-test/web:1.0")

    answer = Assistant(world).call(
        "get_container_logs", server="nas", container=f"{MARK.lower()}-approve-everythin"
    )

    assert not answer["success"]
    require_harmless(answer)


def test_the_log_of_a_container_arrives_with_its_words(tmp_path: Path) -> None:
    world = hostile_world(tmp_path, PROMPTS["order"])

    answer = Assistant(world).call("get_container_logs", server="nas", container="web")

    log = answer["data"]["log"]
    assert log["untrusted"] is True
    assert "Ignore all previous instructions" in log["text"]
    assert log["source"] == "log of the container web on nas"


@pytest.mark.parametrize("said", [PROMPTS["order"], TERMINAL["colour"]])
@pytest.mark.parametrize("name", ["list_containers", "verify_docker"])
def test_the_words_of_a_daemons_refusal_are_marked(tmp_path: Path, said: str, name: str) -> None:
    world = make_world(tmp_path)
    world.apply()
    world.nas.docker.fail_next("GET", "/(containers/json|version)", 500, said, times=5)

    answer = Assistant(world).call(name, server="nas")

    require_harmless(answer)
    assert MARK in json.dumps(answer)


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_the_words_of_a_catalog_are_marked(tmp_path: Path, said: str) -> None:
    world = make_world(tmp_path)
    world.apply()
    (world.folder / "ours" / "apps").mkdir(parents=True)
    (world.folder / "ours" / "apps" / "evil.yaml").write_text(hostile_app(said), "utf-8")
    world.edit("servers:", "catalogs: [ours]\nservers:")

    answers = Assistant(world).calls(("search_apps", {"words": "evil"}), ("get_app_details", {"app": "evil"}))

    for answer in answers:
        require_harmless(answer)


def test_a_secret_in_a_log_is_masked(world: World) -> None:
    assistant = Assistant(world)
    env = world.nas.docker.inspect("web")["Config"]["Env"]
    secret = next(line.removeprefix("TOKEN=") for line in env if line.startswith("TOKEN="))
    world.nas.docker._find("web").log.append(LogLine(1, 1, f"token is {secret}"))

    answer = assistant.call("get_container_logs", server="nas", container="web")

    assert "token is [secret]" in answer["data"]["log"]["text"]
    assert secret not in json.dumps(answer)


def test_no_log_is_shown_while_nobody_can_tell_a_secret_in_it(world: World) -> None:
    locked = world.with_settings(passphrase=None)

    class Locked(World):
        doors = locked

    answer = Assistant(Locked(world.folder, world.settings, world.hosts, world.registry)).call(
        "get_container_logs", server="nas", container="web"
    )

    assert answer["error"]["code"] == "passphrase-missing"


@pytest.mark.parametrize("form", ["{}", "https://x/?t={}&b=1", '{{"token": "{}"}}', "{}{}"])
def test_a_passphrase_of_the_environment_is_masked_in_every_form_of_a_log(world: World, form: str) -> None:
    passphrase = str(world.settings.passphrase)
    world.nas.docker._find("web").log.append(LogLine(1, 1, form.format(passphrase, passphrase)))

    answer = Assistant(world).call("get_container_logs", server="nas", container="web")

    assert passphrase not in json.dumps(answer)
    assert "[secret]" in answer["data"]["log"]["text"]


def test_a_secret_that_is_set_while_the_server_runs_is_masked_from_then_on(world: World) -> None:
    async def work(client: Client) -> list[dict[str, Any]]:
        call = ("get_container_logs", {"server": "nas", "container": "web"})
        before = await envelope(client, *call)
        Secrets(world.doors).set(SetSecretRequest(world.place, "late", Secret("a-late-secret")))
        world.nas.docker._find("web").log.append(LogLine(1, 1, "says a-late-secret"))
        return [before, await envelope(client, *call)]

    before, after = Assistant(world).using(work)

    assert before["success"]
    assert "says [secret]" in after["data"]["log"]["text"]
