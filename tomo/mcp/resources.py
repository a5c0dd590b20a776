"""What can be read by address: each is the answer of a tool, so the same rules hold for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from fastmcp.resources import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.dependencies import get_context

from tomo.frozen import frozen
from tomo.mcp.answering import Answering
from tomo.mcp.envelope import Envelope

_JSON: Final = "application/json"


@frozen
class Readable:
    """An address, in RFC 6570's form where it has names in it, and the tool whose answer it is."""

    address: str
    name: str
    description: str
    tool: str
    names: tuple[str, ...] = ()
    fixed: tuple[tuple[str, object], ...] = ()


READABLE: Final = (
    Readable("tomo://fleet", "fleet", "The fleet file as it is", "show_fleet_file"),
    Readable("tomo://proposals", "proposals", "Proposals, newest first", "list_proposals"),
    Readable(
        "tomo://proposals/{proposal_id}",
        "proposal",
        "A proposal: its plan, the change of the fleet file, findings",
        "get_plan",
        ("proposal_id",),
    ),
    Readable("tomo://runs", "runs", "Finished runs, newest first", "list_runs"),
    Readable("tomo://runs/{number}", "run", "A finished run; 0 is the newest", "get_run", ("number",)),
    Readable("tomo://catalog/{app}", "app", "An app's page in the catalog", "get_app_details", ("app",)),
    Readable(
        "tomo://logs/{server}/{container}",
        "log",
        "The end of a container's log, now",
        "get_container_logs",
        ("server", "container"),
        (("lines", 200),),
    ),
)


def resources(answering: Mapping[str, Answering]) -> Iterator[Resource | ResourceTemplate]:
    """The resources, answered by their tools."""
    for each in READABLE:
        fn = _reading(each, answering[each.tool])
        if each.names:
            yield ResourceTemplate.from_function(
                fn, each.address, name=each.name, description=each.description, mime_type=_JSON
            )
        else:
            yield Resource.from_function(
                fn, each.address, name=each.name, description=each.description, mime_type=_JSON
            )


def _reading(each: Readable, answering: Answering) -> Callable[..., Any]:
    """A function of the address's names, as FastMCP wants one."""

    async def text(**given: str) -> str:
        answered = await answering.answer(get_context(), {**given, **dict(each.fixed)})
        if not isinstance(answered, Envelope):
            raise TypeError(each.address)
        return answered.model_dump_json()

    match each.names:
        case ():
            # Of `text` itself FastMCP would take `given` for a name in the address.
            return lambda: text()  # noqa: PLW0108
        case ("proposal_id",):
            return lambda proposal_id: text(proposal_id=proposal_id)
        case ("number",):
            return lambda number: text(number=number)
        case ("app",):
            return lambda app: text(app=app)
        case _:
            return lambda server, container: text(server=server, container=container)
