"""Asks the assistant's person for missing arguments, where the client offers that. Never for more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastmcp.server.context import Context
from fastmcp.tools.base import InputRequiredToolResult
from mcp_types import (
    ClientCapabilities,
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from tomo.mcp.arguments import Arguments

_KEY: Final = "missing"


async def asked_for(
    context: Context, name: str, arguments: Arguments, given: Mapping[str, object]
) -> Mapping[str, object] | InputRequiredToolResult:
    """The arguments with what a person added; or, by the protocol of 2026, the request to add it.

    Where nothing is missing, or nobody can be asked, those given. An argument is never a secret's value or an
    approval: no tool has such a one.
    """
    missing = arguments.missing(given)
    if not missing or not _can_ask(context):
        return given
    words = f"`{name}` needs {', '.join(missing)}"
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {key: dict(each) for key, each in missing.items()},
        "required": list(missing),
    }
    request = context.request_context
    if request is not None and request.protocol_version in MODERN_PROTOCOL_VERSIONS:
        answered = (context.input_responses or {}).get(_KEY)
        if answered is None:
            params = ElicitRequestFormParams(message=words, requested_schema=schema)
            return InputRequiredToolResult(
                InputRequiredResult(input_requests={_KEY: ElicitRequest(params=params)})
            )
    else:
        answered = await context.session.elicit(words, schema, related_request_id=context.request_id)
    if isinstance(answered, ElicitResult) and answered.action == "accept" and answered.content:
        return {**given, **{key: answered.content[key] for key in missing if key in answered.content}}
    return given


def _can_ask(context: Context) -> bool:
    if context.request_context is None:
        return False
    wanted = ClientCapabilities(elicitation=ElicitationCapability())
    return context.session.check_client_capability(wanted)
