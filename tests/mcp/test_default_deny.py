"""Every role, narrowed in every way, with every tool; and with what is somebody else's."""

from __future__ import annotations

import asyncio
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from tests.mcp.conftest import envelope
from tests.mcp.office import Office, connected, make_office
from tests.worlds import World
from tomo.errors import DatabaseError
from tomo.identity.roles import ALLOWED
from tomo.mcp.callers import Reception
from tomo.mcp.declaration import ToolEffect
from tomo.mcp.discovery import FoundTool, found_tools
from tomo.mcp.server import build
from tomo.model.people import Permission, Person, Role
from tomo.service.propose.desk import ProposalDesk
from tomo.service.read.services import Reading, for_assistants

RANKS = [Role.READONLY, Role.USER, Role.ADMIN]
NEEDED = {
    ToolEffect.READ: Permission.READ,
    ToolEffect.PROPOSE: Permission.PROPOSE,
    ToolEffect.OWN_SESSION: Permission.OWN,
}
SCOPES: list[tuple[Permission, ...] | None] = [None, (), *((scope,) for scope in Permission)]
PEOPLE = [Person("anna", role, scopes, "1") for role, scopes in product([*RANKS, None], SCOPES)]


class Fixed:
    """Says that every call is somebody's."""

    def __init__(self, person: Person) -> None:
        self._person = person

    def person(self) -> tuple[Person, str]:
        return self._person, ""


def may_call(person: Person, tool: FoundTool) -> bool:
    """Said once more, in other words than the product's."""
    if person.role is None or NEEDED[tool.declared.effect] not in ALLOWED[person.role]:
        return False
    narrowed = person.scopes is not None and NEEDED[tool.declared.effect] not in person.scopes
    return not narrowed and RANKS.index(person.role) >= RANKS.index(tool.declared.role)


@pytest.mark.parametrize("person", PEOPLE, ids=lambda one: f"{one.role}-{one.scopes}")
def test_a_person_is_shown_and_answered_by_what_the_role_allows_and_nothing_else(
    bare: World, person: Person
) -> None:
    doors = for_assistants(bare.doors, bare.place)
    reading = Reading.of(doors, bare.place)
    reception = Reception(Fixed(person), "mcp", reading.people, reading.secrets)
    built = build(reception, [*reading.all, ProposalDesk(doors, bare.place)], version="0", profile="all")

    async def work() -> tuple[set[str], dict[str, str]]:
        async with Client(built.server._mcp_server) as client:
            listed = {tool.name for tool in (await client.list_tools()).tools}
            # An argument that no tool has: whoever may call it is told so, before anything is done.
            answers = {tool.name: await envelope(client, tool.name, {"no": "such"}) for tool in built.found}
            return listed, {name: answer["error"]["code"] for name, answer in answers.items()}

    listed, codes = asyncio.run(work())

    allowed = {tool.name for tool in built.found if may_call(person, tool)}
    assert listed == allowed
    assert codes == {
        tool.name: "invalid-arguments" if tool.name in allowed else "not-allowed" for tool in built.found
    }


def test_where_nobody_can_say_who_asks_nothing_is_listed_and_that_is_told(bare: World) -> None:
    class Unknown:
        def person(self) -> tuple[Person, str]:
            raise DatabaseError("the database does not answer", hint="see whether it runs")

    doors = for_assistants(bare.doors, bare.place)
    reading = Reading.of(doors, bare.place)
    reception = Reception(Unknown(), "mcp", reading.people, reading.secrets)
    built = build(reception, [*reading.all, ProposalDesk(doors, bare.place)], version="0")

    async def work() -> dict[str, Any]:
        async with Client(built.server._mcp_server) as client:
            with pytest.raises(MCPError, match="the database does not answer; see whether it runs"):
                await client.list_tools()
            return await envelope(client, "list_servers", {})

    assert asyncio.run(work())["error"]["code"] == "database"


def test_no_role_may_do_more_through_a_tool_than_propose() -> None:
    assert {tool.declared.effect for tool in found_tools()} == set(ToolEffect)
    assert {effect.value for effect in ToolEffect} == {"read", "propose", "own-session"}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Three people: anna is an admin, bob a user, carl reads."""
    return make_office(tmp_path)


@pytest.mark.parametrize(
    ("who", "whose"), [(a, b) for a in ("anna", "bob", "carl") for b in ("anna", "bob", "carl") if a != b]
)
def test_what_is_somebody_elses_is_not_there_for_anybody_else(office: Office, who: str, whose: str) -> None:
    async def work(address: str) -> dict[str, Any]:
        async with connected(address, office.tokens[whose]) as client:
            sessions = await envelope(client, "list_sessions", {})
            tokens = await envelope(client, "list_tokens", {})
        theirs = {each["id"] for each in [*sessions["data"], *tokens["data"]]}
        async with connected(address, office.tokens[who]) as client:
            seen = [await envelope(client, name, {}) for name in ("list_sessions", "list_tokens")]
            ended = [await envelope(client, "end_session", {"id": each["id"]}) for each in sessions["data"]]
            gone = [
                await envelope(client, "revoke_token", {"token_id": each["id"]}) for each in tokens["data"]
            ]
        async with connected(address, office.tokens[whose]) as client:
            after = [await envelope(client, name, {}) for name in ("list_sessions", "list_tokens")]
        return {
            "theirs": theirs,
            "seen": {each["id"] for answer in seen for each in answer["data"]},
            "codes": {answer["error"]["code"] for answer in [*ended, *gone]},
            "after": {each["id"] for answer in after for each in answer["data"]},
        }

    found = office.serving(work)

    assert len(found["theirs"]) == 3
    assert not found["seen"] & found["theirs"]
    assert found["codes"] == {"user-not-found"}
    assert found["after"] == found["theirs"]


def test_an_own_login_and_token_can_be_ended(office: Office) -> None:
    own = office.calls("carl", ("list_sessions", {}), ("list_tokens", {}))
    session, token = own[0]["data"][0]["id"], office.token_ids["carl"]

    ended = office.calls("carl", ("end_session", {"id": session}), ("revoke_token", {"token_id": token}))

    assert [answer["success"] for answer in ended] == [True, True], ended
    after = office.calls("carl", ("list_sessions", {}), ("list_tokens", {}))
    assert [len(answer["data"]) for answer in after] == [0, 1]


OWNED = ("id", "token_id", "replaces")
"""Arguments of tools that name what is one person's alone: a login, a token, a proposal."""
OF_ALL = frozenset(
    """
    account address app apps architecture argv backup become branch category channel code confirm container
    count days disabled docker entries exposure host_key hostnames identity images incremental inputs key lan
    lines live memory_mib name note number password_secret_name ports proposal_id registry_mirrors remove_data
    repository resource role secret_names server servers stars state tag timeout timezone unset url value
    version volumes why words
    """.split()  # noqa: SIM905  # fifty-four texts
)
"""Arguments that name what everybody in a role may see, or nothing at all."""


def test_every_argument_is_known_to_name_what_is_ones_own_or_not() -> None:
    """A new tool's argument stands in one of the two, or the walk below would pass it by."""
    assert {name for tool in found_tools() for name in tool.arguments.names} == {*OWNED, *OF_ALL}


def filled(tool: FoundTool, **given: Any) -> dict[str, Any]:
    """A tool's arguments, of which the required ones are made up where they are not given."""
    texts = {"name": "web" if tool.module == "app" else "nas", "confirm": "nas", "server": "nas"}
    texts |= {"app": "uptime-kuma", "address": "192.0.2.11", "url": "https://192.0.2.9/apps.git"}
    schemas = tool.arguments.schema["properties"]
    kinds = {"string": "because", "integer": 3, "array": ["nas"], "boolean": True}
    required = tool.arguments.schema.get("required", ())
    return {name: texts.get(name) or kinds[schemas[name]["type"]] for name in required} | given


async def theirs(address: str, office: Office, name: str) -> dict[str, list[str]]:
    """What is somebody's alone, by the argument that names it."""
    async with connected(address, office.tokens[name]) as client:
        found = [
            await envelope(client, tool, {}) for tool in ("list_sessions", "list_tokens", "list_proposals")
        ]
    sessions, tokens, proposals = (each["data"] for each in found)
    own = [f"{each['id']} {each['state']}" for each in proposals if each["person"] == name]
    return {
        "id": [each["id"] for each in sessions],
        "token_id": [each["id"] for each in tokens],
        "replaces": own,
    }


@pytest.mark.parametrize("who", ["anna", "bob", "carl"])
def test_no_tool_takes_in_any_role_what_is_somebody_elses(office: Office, who: str) -> None:
    others = [name for name in office.tokens if name != who]
    command = {"server": "nas", "argv": ["uptime"], "why": "because"}

    async def work(address: str) -> list[Any]:
        for name in others:
            async with connected(address, office.tokens[name]) as client:
                await envelope(client, "propose_command", command)
        before = [await theirs(address, office, name) for name in others]
        walked = [
            (tool, {argument: each.split()[0]})
            for tool, each_ones in product(found_tools(), before)
            for argument in OWNED
            if argument in tool.arguments.names
            for each in each_ones[argument]
        ]
        async with connected(address, office.tokens[who]) as client:
            answers = [await envelope(client, tool.name, filled(tool, **given)) for tool, given in walked]
        return [before, answers, [await theirs(address, office, name) for name in others]]

    before, answers, after = office.serving(work)

    assert all(each["id"] and each["token_id"] for each in before)
    assert any(each["replaces"] for each in before)
    codes = {answer["error"]["code"] for answer in answers}
    assert codes == {"user-not-found", "not-allowed" if who == "carl" else "usage"}
    told = "not a proposal of yours|doesn't say where backups go"
    assert all(re.search(told, each["message"]) for each in answers if each["error"]["code"] == "usage")
    assert after == before


@pytest.mark.parametrize("who", ["anna", "bob"])
def test_nobody_puts_a_proposal_in_the_place_of_somebody_elses(office: Office, who: str) -> None:
    whose = "bob" if who == "anna" else "anna"
    change = {"name": "web", "inputs": {"GREETING": "hi"}, "why": "because"}
    first = office.calls(whose, ("update_app", change))[0]["data"]["id"]

    foreign = office.calls(who, ("update_app", {**change, "replaces": first}))[0]
    stands = office.calls(whose, ("get_plan", {"proposal_id": first}))[0]
    own, replaced = office.calls(
        whose, ("update_app", {**change, "replaces": first}), ("get_plan", {"proposal_id": first})
    )

    assert foreign["error"]["code"] == "usage"
    assert "not a proposal of yours" in foreign["message"]
    assert stands["data"]["state"] == "proposed"
    assert own["success"]
    assert replaced["data"]["state"] == "superseded"


def test_that_somebody_tried_to_change_what_the_role_forbids_is_recorded(office: Office) -> None:
    office.calls("carl", ("uninstall_app", {"name": "web", "why": "because"}), ("list_audit_entries", {}))

    entries = office.calls("anna", ("list_audit_entries", {}))[0]["data"]["entries"]["value"]

    refused = [each for each in entries if each["actor"] == "carl" and each["outcome"] == "refused"]
    assert [(each["action"], each["object"]) for each in refused] == [("proposal.propose", "uninstall_app")]
    assert refused[0]["details"]["assistant"] == "test-client 1.2"
