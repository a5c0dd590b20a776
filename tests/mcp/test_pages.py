"""The page about assistants agrees with the server."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tomo.mcp.envelope import OWN_CODES, Envelope
from tomo.mcp.profiles import NAMES
from tomo.mcp.prompts import prompts
from tomo.mcp.resources import READABLE
from tomo.mcp.untrusted import MOST_BYTES, MOST_LINES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "mcp.md").read_text("utf-8")


def test_the_page_names_every_code_profile_resource_and_prompt() -> None:
    shapes = {re.sub(r"\{proposal_id\}", "{id}", each.address) for each in READABLE}
    words = [*OWN_CODES, *NAMES, *shapes, *(prompt.name for prompt in prompts())]

    assert [word for word in words if f"`{word}`" not in PAGE] == []


def test_the_answers_on_the_page_are_of_the_form_that_answers_have() -> None:
    shown = [json.loads(text) for text in re.findall(r"```json\n(\{.success.*?)\n```", PAGE)]

    assert shown
    for answer in shown:
        Envelope.model_validate(answer)


def test_the_page_says_where_text_is_cut() -> None:
    assert f"{MOST_LINES} lines and {MOST_BYTES // 1024} KiB" in PAGE
