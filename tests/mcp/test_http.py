"""The server over real HTTP on loopback, with people and their tokens in a real database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import fastmcp
import httpx2
import pytest

from tests.mcp.conftest import envelope
from tests.mcp.office import HEADERS, LIST, Office, as_account, connected, make_office
from tomo.errors import DatabaseError, UsageError
from tomo.mcp.http import PATH, Guard, require_loopback
from tomo.model.people import Person, Role


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Three people: anna is an admin, bob a user, carl reads."""
    return make_office(tmp_path)


# --- who gets in -------------------------------------------------------------------------------------


def test_a_request_without_a_token_is_asked_for_one(office: Office) -> None:
    answer = office.post()

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", ["tomo_nobodys", "x"])
def test_a_token_that_is_nobodys_is_refused(office: Office, token: str) -> None:
    assert office.post(token).status_code == 401


def test_a_token_that_may_not_read_is_refused(office: Office) -> None:
    answer = office.post(office.tokens_narrow["anna"])

    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["www-authenticate"]


def test_a_login_is_no_token(office: Office) -> None:
    assert office.post(office.sessions["anna"]).status_code == 401


def test_a_revoked_token_is_out_at_once(office: Office) -> None:
    other = office.tokens_narrow["bob"]

    async def work(address: str) -> list[int]:
        headers = {**HEADERS, "Authorization": f"Bearer {other}"}
        async with httpx2.AsyncClient() as http, connected(address, office.tokens["bob"]) as client:
            before = await http.post(address, json=LIST, headers=headers)
            ended = await envelope(client, "revoke_token", {"token_id": office.token_ids["bob"]})
            assert ended["success"], ended
            after = await http.post(address, json=LIST, headers=headers)
        return [before.status_code, after.status_code]

    assert office.serving(work) == [403, 401]


def test_an_address_that_guesses_tokens_has_to_wait_whatever_it_says_of_itself(office: Office) -> None:
    async def work(address: str) -> list[httpx2.Response]:
        async with httpx2.AsyncClient() as http:
            return [
                await http.post(
                    address,
                    json=LIST,
                    headers={
                        **HEADERS,
                        "Authorization": f"Bearer guess{n}",
                        "X-Forwarded-For": f"192.0.2.{n}",
                    },
                )
                for n in range(22)
            ]

    answers = office.serving(work)

    assert {answer.status_code for answer in answers[:20]} == {401}
    assert answers[-1].status_code == 429
    assert answers[-2].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert answers[-1].json()["error"] == "too-many-attempts"


def test_a_token_counts_though_another_program_guesses_beside_it(office: Office) -> None:
    """On loopback all come from one address."""

    async def work(address: str) -> tuple[list[int], bool]:
        async with httpx2.AsyncClient() as http, connected(address, office.tokens["bob"]) as client:
            stale = {**HEADERS, "Authorization": "Bearer tomo_of-last-year"}
            codes = [(await http.post(address, json=LIST, headers=stale)).status_code for _ in range(25)]
            return codes, (await envelope(client, "whoami", {}))["success"]

    codes, let_in = office.serving(work)

    assert codes[-1] == 429
    assert let_in


def test_another_role_counts_from_the_next_request_on(office: Office) -> None:
    command = {"server": "nas", "argv": ["uptime"], "why": "because"}

    async def work(address: str) -> list[Any]:
        async with connected(address, office.tokens["bob"]) as client:
            before = await envelope(client, "propose_command", command)
            with as_account(office.world.doors, "anna") as people:
                people.change_role("bob", Role.READONLY)
            listed = {tool.name for tool in (await client.list_tools()).tools}
            return [before, await envelope(client, "propose_command", command), listed]

    before, after, listed = office.serving(work)

    assert before["success"]
    assert after["error"]["code"] == "not-allowed"
    assert "list_servers" in listed
    assert not listed & {"propose_command", "install_app", "get_container_logs"}


def test_somebody_who_is_kept_out_is_out_with_the_next_request(office: Office) -> None:
    async def work(address: str) -> list[int]:
        headers = {**HEADERS, "Authorization": f"Bearer {office.tokens_narrow['bob']}"}
        async with httpx2.AsyncClient() as http:
            before = await http.post(address, json=LIST, headers=headers)
            with as_account(office.world.doors, "anna") as people:
                people.disable("bob", disabled=True)
            return [before.status_code, (await http.post(address, json=LIST, headers=headers)).status_code]

    assert office.serving(work) == [403, 401]


def test_where_nobody_can_say_whose_token_it_is_nobody_is_let_in(caplog: pytest.LogCaptureFixture) -> None:
    async def inside(_scope: object, _receive: object, _send: object) -> None:
        raise AssertionError

    def broken(_token: str, _address: str) -> Person:
        raise DatabaseError("the database at `192.0.2.5` does not answer")

    async def work() -> httpx2.Response:
        guard = httpx2.ASGITransport(Guard(inside, 8765, broken))
        async with httpx2.AsyncClient(transport=guard, base_url="http://127.0.0.1:8765") as http:
            return await http.post(PATH, json=LIST, headers={**HEADERS, "Authorization": "Bearer x"})

    answer = asyncio.run(work())

    assert answer.status_code == 503
    assert "192.0.2.5" not in answer.text
    assert "192.0.2.5" in caplog.text


@pytest.mark.parametrize("path", ["", "sse", "messages", "docs", ".well-known/oauth-protected-resource/mcp"])
def test_there_is_one_way_in_and_no_other(office: Office, path: str) -> None:
    async def work(address: str) -> list[int]:
        headers = {**HEADERS, "Authorization": f"Bearer {office.tokens['anna']}"}
        url = address.removesuffix("mcp") + path
        async with httpx2.AsyncClient() as http:
            return [
                (await http.request(method, url, headers=headers)).status_code for method in ("GET", "POST")
            ]

    assert office.serving(work) == [404, 404]


# --- what a browser can't be made to do --------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:80"]
)
def test_a_name_that_was_made_to_point_here_is_not_answered(office: Office, host: str) -> None:
    async def work(address: str) -> httpx2.Response:
        port = str(httpx2.URL(address).port)
        headers = {
            **HEADERS,
            "Authorization": f"Bearer {office.tokens['anna']}",
            "Host": host.format(port=port),
        }
        async with httpx2.AsyncClient() as http:
            return await http.post(address, json=LIST, headers=headers)

    assert office.serving(work).status_code == 421


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://127.0.0.1:8765", "http://localhost:3000", "null", "file://", "http://["],
)
def test_a_page_of_another_origin_is_refused(office: Office, origin: str) -> None:
    answer = office.post(office.tokens["anna"], Origin=origin)

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "example.org", "", "127.0.0.1.evil.example"]
)
def test_the_server_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(UsageError, match="no loopback address"):
        require_loopback(host)


@pytest.mark.parametrize(
    ("host", "bound"), [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "::1")]
)
def test_every_loopback_address_will_do(host: str, bound: str) -> None:
    assert require_loopback(host) == bound


# --- for whom ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_call_is_for_the_person_of_its_token(office: Office, mode: str) -> None:
    found = [office.calls(name, ("whoami", {}), mode=mode)[0]["data"] for name in ("anna", "bob", "carl")]

    assert [(each["person"], each["role"]) for each in found] == [
        ("anna", "admin"),
        ("bob", "user"),
        ("carl", "readonly"),
    ]


def test_a_proposal_over_http_is_the_token_persons(office: Office) -> None:
    made, listed = office.calls(
        "bob",
        ("update_app", {"name": "web", "inputs": {"GREETING": "hi"}, "why": "because"}),
        ("list_proposals", {}),
    )

    assert made["success"], made
    assert made["data"]["person"] == "bob"
    assert [each["id"] for each in listed["data"]] == [made["data"]["id"]]


def test_the_record_says_for_whom_through_what_and_which_call(office: Office) -> None:
    office.calls("bob", ("uninstall_app", {"name": "web", "why": "because"}))

    entries = office.calls("anna", ("list_audit_entries", {}))[0]["data"]["entries"]["value"]

    entry = next(each for each in entries if each["action"] == "proposal.propose")
    assert (entry["actor"], entry["role"], entry["surface"]) == ("bob", "user", "mcp-http")
    assert len(entry["correlation"]) == 32
    assert entry["details"]["assistant"] == "test-client 1.2"


def test_somebody_elses_session_of_the_protocol_is_not_taken_over(office: Office) -> None:
    async def work(address: str) -> tuple[int, int]:
        start = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "x", "version": "1"},
            },
        }
        async with httpx2.AsyncClient() as http:
            own = {**HEADERS, "Authorization": f"Bearer {office.tokens['anna']}"}
            begun = await http.post(address, json=start, headers=own)
            session = begun.headers["mcp-session-id"]
            foreign = {**own, "Authorization": f"Bearer {office.tokens['bob']}", "Mcp-Session-Id": session}
            taken = await http.post(address, json=LIST, headers=foreign)
            return begun.status_code, taken.status_code

    begun, taken = office.serving(work)

    assert begun == 200
    assert taken in {403, 404}


def test_a_setting_from_the_folder_does_not_have_defects_shown(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastmcp.settings, "debug", True)

    async def work(address: str) -> bool:
        async with httpx2.AsyncClient() as http:
            await http.post(address, json=LIST, headers=HEADERS)
        return fastmcp.settings.debug

    assert office.serving(work) is False
