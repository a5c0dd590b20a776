from __future__ import annotations

import logging
from typing import Any

import pytest
from mcp.client import Client
from mcp_types import ElicitRequestParams, ElicitResult

from tests.mcp.conftest import Assistant, envelope
from tests.worlds import World
from tomo.mcp.discovery import found_tools
from tomo.mcp.envelope import OWN_CODES, Envelope
from tomo.service.read.servers import ServerReads
from tomo.service.read.system import error_codes


def test_an_answer_has_the_same_four_parts_whatever_it_says(assistant: Assistant) -> None:
    answers = assistant.calls(
        ("list_servers", {}), ("get_server_status", {"name": "nobody"}), ("get_server_status", {})
    )

    for answer in answers:
        Envelope.model_validate(answer)
        assert list(answer) == ["success", "data", "message", "error"]


def test_an_error_has_tomos_own_code_and_a_hint(assistant: Assistant) -> None:
    answer = assistant.call("get_server_status", name="nax")

    assert answer["error"] == {"code": "usage", "hint": "did you mean `nas`?"}
    assert answer["message"] == "the fleet has no server `nax`"


def test_wrong_arguments_are_named_and_not_repeated(assistant: Assistant) -> None:
    answer = assistant.call(
        "get_container_logs", server="nas", container="web", lines="hunter22", more="hunter33"
    )

    assert answer["error"]["code"] == "invalid-arguments"
    assert "`lines`" in answer["message"]
    assert "`more`" in answer["message"]
    assert "hunter" not in str(answer)


def test_an_argument_that_is_no_number_or_out_of_its_limits_is_refused(assistant: Assistant) -> None:
    answer = assistant.call("get_container_logs", server="nas", container="web", lines=100_000)

    assert answer["error"]["code"] == "invalid-arguments"


def test_a_defect_is_told_without_its_words_and_can_be_found_again(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_self: ServerReads, _by: object) -> Any:
        raise RuntimeError("the password is hunter22")

    monkeypatch.setattr(ServerReads, "list", broken)

    with caplog.at_level(logging.ERROR):
        answer = assistant.call("list_servers")

    correlation = answer["error"]["hint"].split("correlation id ")[1].split(";")[0]
    assert answer["error"]["code"] == "internal"
    assert answer["message"] == "a defect in Tomo: RuntimeError"
    assert "hunter22" not in str(answer)
    assert correlation in caplog.text
    assert "test_answers.py" in caplog.text
    assert "hunter22" not in caplog.text


def test_a_host_that_does_not_answer_is_an_answer(world: World) -> None:
    world.nas.faults.unreachable = True

    listed, tested, status = Assistant(world).calls(
        ("list_containers", {"server": "nas"}),
        ("test_server_connection", {"name": "nas"}),
        ("get_server_status", {"name": "nas"}),
    )

    assert listed["error"]["code"] == tested["error"]["code"] == "host-unreachable"
    assert listed["data"]["said"]["untrusted"] is True
    assert status["success"]
    assert status["data"]["problem"]["code"] == "host-unreachable"


def test_a_fleet_file_that_breaks_while_the_server_runs_is_told(world: World) -> None:
    async def work(client: Client) -> list[dict[str, Any]]:
        before = await envelope(client, "list_servers", {})
        world.file.write_text("fleet: [\n")
        broken = await envelope(client, "list_servers", {})
        world.file.unlink()
        return [before, broken, await envelope(client, "list_servers", {})]

    before, broken, gone = Assistant(world).using(work)

    assert before["success"]
    assert broken["error"]["code"] == "invalid-spec"
    assert broken["data"]["said"]["untrusted"] is True
    assert gone["error"]["code"] == "usage"
    assert "tomo init" in gone["error"]["hint"]


def test_every_code_can_be_explained(assistant: Assistant) -> None:
    codes = [*error_codes(), *OWN_CODES]

    answers = assistant.calls(*(("explain_error_code", {"code": code}) for code in codes))

    assert len(codes) > 50
    assert all(answer["data"] == {"code": code} for code, answer in zip(codes, answers, strict=True))
    assert all(answer["message"].endswith(".") for answer in answers)


@pytest.mark.parametrize("tool", ["apply_plan", "approve_proposal", "run_command"])
def test_a_tool_that_there_is_not_is_an_error_like_any_other(assistant: Assistant, tool: str) -> None:
    answer = assistant.call(tool, id="p-12345678")

    assert answer["error"]["code"] == "unknown-tool"
    assert "search_tools" in answer["error"]["hint"]


def test_only_reading_tools_say_that_they_read(assistant: Assistant) -> None:
    async def work(client: Client) -> dict[str, bool | None]:
        return {tool.name: tool.annotations.read_only_hint for tool in (await client.list_tools()).tools}  # type: ignore[union-attr]

    hints = assistant.using(work)

    assert hints == {tool.name: tool.declared.effect == "read" for tool in found_tools()}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_that_can_ask_is_asked_for_what_is_missing(assistant: Assistant, mode: str) -> None:
    asked: list[ElicitRequestParams] = []

    async def answering(_context: object, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params)
        return ElicitResult(action="accept", content={"name": "nas"})

    async def work(client: Client) -> dict[str, Any]:
        return await envelope(client, "get_server_status", {"live": False})

    answer = assistant.using(work, mode=mode, elicitation_callback=answering)

    assert answer["success"], answer
    assert answer["data"]["name"] == "nas"
    assert [set(params.requested_schema["properties"]) for params in asked] == [{"name"}]  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_who_declines_to_say_it_is_told_what_is_missing(assistant: Assistant, mode: str, action: str) -> None:
    async def declining(_context: object, _params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action=action)  # type: ignore[arg-type]

    async def work(client: Client) -> dict[str, Any]:
        return await envelope(client, "get_server_status", {})

    answer = assistant.using(work, mode=mode, elicitation_callback=declining)

    assert answer["error"]["code"] == "invalid-arguments"


def test_nobody_is_asked_for_what_is_no_plain_value(assistant: Assistant) -> None:
    async def asked(_context: object, _params: ElicitRequestParams) -> ElicitResult:
        raise AssertionError

    async def work(client: Client) -> dict[str, Any]:
        return await envelope(client, "propose_command", {"server": "nas", "why": "because"})

    answer = assistant.using(work, elicitation_callback=asked)

    assert answer["error"]["code"] == "invalid-arguments"


def test_what_takes_long_tells_how_far_it_is(assistant: Assistant) -> None:
    told: list[str | None] = []

    async def hear(_done: float, _of: float | None, message: str | None) -> None:
        told.append(message)

    async def work(client: Client) -> None:
        await client.call_tool("detect_drift", {}, progress_callback=hear)

    assistant.using(work, mode="legacy")

    assert "looked at nas" in told


def test_an_app_that_comes_into_the_catalog_while_the_server_runs_is_found(world: World) -> None:
    apps = world.folder / "ours" / "apps"
    apps.mkdir(parents=True)
    world.edit("servers:", "catalogs: [ours]\nservers:")
    page = "schema: tomo.app/v1\nid: {id}\ntitle: {id}\ntagline: new\nversion: '1'\nservices: {{a: {{image: x}}}}\n"

    async def work(client: Client) -> list[dict[str, Any]]:
        answers = []
        for name in ("zebra", "zebu"):
            (apps / f"{name}.yaml").write_text(page.format(id=name))
            answers.append(await envelope(client, "search_apps", {"words": name}))
        return answers

    answers = Assistant(world).using(work)

    found = [[app["id"] for app in answer["data"]["apps"]["value"]] for answer in answers]
    assert found == [["zebra"], ["zebu"]]
