from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp_types import Implementation

from tests.mcp.conftest import Assistant
from tests.worlds import World, host_key
from tomo.mcp.declaration import ToolEffect
from tomo.mcp.discovery import found_tools
from tomo.model.people import Role, User
from tomo.service.who import people_of


def proposed(assistant: Assistant, tool: str, /, **arguments: Any) -> dict[str, Any]:
    answer = assistant.call(tool, why="because", **arguments)
    assert answer["success"], answer
    return answer["data"]


def test_what_an_assistant_changes_is_a_proposal_and_nothing_else(world: World) -> None:
    file, state = world.file.read_bytes(), world.state.read_bytes()
    writes = len(world.nas.docker.writes)

    made = proposed(Assistant(world), "update_app", name="web", inputs={"GREETING": "hi"})

    assert made["state"] == "proposed"
    assert made["id"].startswith("p-")
    assert made["steps"]["replace"] >= 1
    assert (world.file.read_bytes(), world.state.read_bytes()) == (file, state)
    assert len(world.nas.docker.writes) == writes


def test_a_proposal_names_the_assistant_and_whom_it_acts_for(world: World) -> None:
    made = proposed(Assistant(world), "uninstall_app", name="web")

    assert made["person"] == "tester"
    assert made["says"]["value"]["assistant"] == "test-client 1.2"
    assert made["says"]["value"]["why"] == "because"


def test_a_proposal_says_what_policies_find_where_and_who_has_to_agree(world: World) -> None:
    (world.folder / "tomo-policy.yaml").write_text(
        "schema: tomo.policy/v1\nrules: {replaces: {level: require_approval, approvals: {role: admin}}}\n"
    )

    made = proposed(Assistant(world), "update_app", name="web", inputs={"GREETING": "hi"})

    [found] = made["says"]["value"]["findings"]
    assert (found["rule"], found["level"], found["resource"]) == ("replaces", "require_approval", "web@nas")
    assert found["field"]
    assert found["hint"]
    assert found["needs"] == "1 approval of the role `admin`"


@pytest.mark.parametrize(
    ("name", "version"), [("\u200b", ""), ("", ""), (" \x1b[0m ", "\u2060"), ("\u115f", "")]
)
def test_an_assistant_whose_name_nobody_sees_does_not_pass_for_its_person(
    world: World, name: str, version: str
) -> None:
    unseen = Assistant(world, client=Implementation(name=name, version=version))

    made = [
        proposed(unseen, "propose_command", server="nas", argv=["uptime"]),
        proposed(unseen, "uninstall_app", name="web"),
    ]

    assert {each["says"]["value"]["assistant"] for each in made} == {"an assistant that gives no name"}


def test_numbers_beyond_all_time_are_refused_by_name(world: World) -> None:
    preview, proposal = Assistant(world).calls(
        ("preview_retention", {"days": 10**12}),
        ("propose_retention", {"days": 1, "entries": 10**30, "why": "because"}),
    )

    assert {preview["error"]["code"], proposal["error"]["code"]} == {"invalid-arguments"}


def test_a_proposal_can_be_listed_read_and_explained(world: World) -> None:
    assistant = Assistant(world)
    made = proposed(assistant, "update_app", name="web", inputs={"GREETING": "hi"})

    listed, page, why = assistant.calls(
        ("list_proposals", {"state": "proposed"}),
        ("get_plan", {"proposal_id": made["id"]}),
        ("explain_change", {"proposal_id": made["id"], "resource": "web"}),
    )

    assert [each["id"] for each in listed["data"]] == [made["id"]]
    assert "GREETING: hi" in page["data"]["diff"]["text"]
    assert page["data"]["plan"]["untrusted"] is True
    assert "GREETING" in json.dumps(why["data"]["steps"]["value"])


def test_an_app_and_a_server_can_be_proposed_together_with_nothing_dialled_that_nobody_accepted(
    bare: World,
) -> None:
    made = proposed(Assistant(bare), "add_server", name="pi", address="root@192.0.2.11")

    assert made["kind"] == "fleet"
    assert any("pi" in each for each in made["says"]["value"]["new_hosts"])
    assert bare.hosts["192.0.2.11"].dialled == 0


PROPOSED: list[tuple[str, str, dict[str, Any]]] = [
    ("add_server", "fleet", {"name": "pi", "address": "192.0.2.11"}),
    ("remove_server", "fleet", {"name": "spare"}),
    ("full_cleanup", "fleet", {"name": "nas", "confirm": "nas", "remove_data": True}),
    ("prepare_server", "fleet", {"name": "nas", "timezone": "Europe/Berlin"}),
    ("install_docker", "fleet", {"server": "nas", "registry_mirrors": ["https://192.0.2.9"]}),
    ("install_app", "fleet", {"app": "uptime-kuma", "servers": ["nas"]}),
    ("update_app", "fleet", {"name": "web", "images": {"": "tomo-test/web:2.0"}}),
    ("roll_back_app", "fleet", {"name": "web", "version": 1}),
    ("uninstall_app", "fleet", {"name": "web", "remove_data": True}),
    ("propose_plan", "fleet", {}),
    ("propose_command", "command", {"server": "nas", "argv": ["uptime"]}),
    ("propose_retention", "settings", {"days": 365}),
    ("propose_user", "people", {"name": "anna", "role": "admin"}),
    ("propose_user_role", "people", {"name": "bob", "role": "admin"}),
    ("propose_user_access", "people", {"name": "bob", "disabled": True}),
]
ELSEWHERE = {
    "propose_setting": "test_given_secrets.py",
    "create_backup": "test_backups.py",
    "verify_backup": "test_backups.py",
    "restore_backup": "test_backups.py",
    "add_repository": "test_marketplace.py",
    "sync_repository": "test_marketplace.py",
    "rate_app": "test_marketplace.py",
}
"""Tools that are proposed with in other tests, for they want more than a fleet."""


def test_every_tool_that_proposes_is_tried() -> None:
    proposing = {tool.name for tool in found_tools() if tool.declared.effect is ToolEffect.PROPOSE}

    assert {tool for tool, *_ in PROPOSED} | ELSEWHERE.keys() == proposing
    for tool, file in ELSEWHERE.items():
        assert f'"{tool}"' in (Path(__file__).parent / file).read_text()


def test_every_proposing_tool_makes_a_proposal_of_its_kind_and_changes_nothing(world: World) -> None:
    with people_of(world.settings) as store, store.changing() as people:
        people.add_user(User("t", "tester", Role.ADMIN, world.settings.account or world.settings.user), "")
        people.add_user(User("b", "bob", Role.USER), "")
    spare = f"  spare:\n    host: 192.0.2.12\n    host_key: {host_key(2)}\n    docker: false\n"
    world.edit("apps:\n", f"{spare}apps:\n")
    file, state, writes = world.file.read_bytes(), world.state.read_bytes(), len(world.nas.docker.writes)

    answers = Assistant(world).calls(*((tool, {"why": "because", **given}) for tool, _, given in PROPOSED))

    assert [answer["success"] for answer in answers] == [True] * len(PROPOSED), answers
    assert [answer["data"]["kind"] for answer in answers] == [kind for _, kind, _ in PROPOSED]
    assert {answer["data"]["state"] for answer in answers} == {"proposed"}
    assert (world.file.read_bytes(), world.state.read_bytes()) == (file, state)
    assert len(world.nas.docker.writes) == writes
    with people_of(world.settings) as store, store.reading() as found:
        assert [(user.name, user.role, user.disabled) for user in found.users()] == [
            ("bob", Role.USER, False),
            ("tester", Role.ADMIN, False),
        ]


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        ("propose_user", {"name": "Eve Root", "role": "user"}, "not a name"),
        ("propose_user", {"name": "tester", "role": "user"}, "already"),
        ("propose_user", {"name": "eve", "role": "user", "account": "tester"}, "`tester`'s"),
        ("propose_user", {"name": "eve", "role": "user", "account": "e\x1b[2Jve"}, "not an account"),
        ("propose_user_role", {"name": "tester", "role": "user"}, "last admin"),
        ("propose_user_access", {"name": "tester", "disabled": True}, "last admin"),
        ("propose_user_access", {"name": "nobody", "disabled": True}, "nobody called"),
    ],
)
def test_what_could_not_be_done_with_people_is_not_proposed(
    world: World, tool: str, given: dict[str, Any], said: str
) -> None:
    with people_of(world.settings) as store, store.changing() as people:
        people.add_user(User("t", "tester", Role.ADMIN, world.settings.account or world.settings.user), "")

    answer = Assistant(world).call(tool, why="because", **given)

    assert not answer["success"], answer
    assert said in answer["message"]


def test_a_server_is_cleaned_only_where_its_name_is_written_twice(world: World) -> None:
    answer = Assistant(world).call("full_cleanup", name="nas", confirm="yes", why="because")

    assert answer["error"]["code"] == "usage"
    assert "both arguments" in answer["error"]["hint"]


def test_a_secret_input_is_not_taken_as_a_value(world: World) -> None:
    answer = Assistant(world).call("update_app", name="web", inputs={"TOKEN": "hunter22"}, why="because")

    assert answer["error"]["code"] == "usage"
    assert "hunter22" not in json.dumps(answer)


def test_a_proposal_that_brings_nothing_is_refused_by_name(world: World) -> None:
    answer = Assistant(world).call("propose_plan", why="because")

    assert answer["error"]["code"] == "usage"
    assert "nothing to propose" in answer["message"]


def test_a_hand_written_program_is_never_run_for_an_assistant(nothing: World) -> None:
    ran = nothing.folder / "ran"
    (nothing.folder / "Pulumi.yaml").write_text("name: own\nruntime: python\n")
    (nothing.folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    (nothing.folder / "__main__.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    assistant = Assistant(nothing)

    answers = assistant.calls(
        ("propose_plan", {"why": "because"}),
        ("detect_drift", {}),
        ("show_program", {}),
        ("get_system_info", {}),
    )

    assert [each["error"] and each["error"]["code"] for each in answers] == [*["not-supported"] * 3, None]
    assert answers[0]["error"]["hint"] == "a person plans it: `tomo plan`"
    assert not ran.exists()
