"""Carries out one call: who asks, whether they may, what is missing, the tool itself, and its answer."""

from __future__ import annotations

import asyncio
import logging
import traceback
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import anyio.to_thread
from fastmcp.exceptions import AuthorizationError
from fastmcp.server.context import Context
from fastmcp.server.dependencies import CurrentContext
from fastmcp.tools.base import InputRequiredToolResult, Tool, ToolResult
from fastmcp.utilities.tasks import TaskConfig
from mcp_types import ToolAnnotations
from pydantic import PrivateAttr, ValidationError

from tomo.errors import NotAllowed, TomoError
from tomo.frozen import frozen
from tomo.mcp.arguments import Arguments, wrong
from tomo.mcp.asking import asked_for
from tomo.mcp.declaration import Answer, Call, Declared, ToolEffect
from tomo.mcp.discovery import FoundTool
from tomo.mcp.envelope import INTERNAL, INVALID, Envelope, failed, output_schema, refused, succeeded
from tomo.mcp.untrusted import Mask
from tomo.model.log import Log, LogLevel, told
from tomo.model.people import Permission, Role
from tomo.service.read.asker import Asker

CLIENT: Final = "tomo.client"
"""An argument that the server itself gives a call that may become a task: who made it."""
_LOG: Final = logging.getLogger(__name__)
_NEEDED: Final[Mapping[ToolEffect, Permission]] = {
    ToolEffect.READ: Permission.READ,
    ToolEffect.PROPOSE: Permission.PROPOSE,
    ToolEffect.OWN_SESSION: Permission.OWN,
}
_RANK: Final[Mapping[Role, int]] = {Role.READONLY: 0, Role.USER: 1, Role.ADMIN: 2}


class Desk(Protocol):
    """What stands around every call: whose it is, and which secrets no text may show."""

    log: Log | None
    """Where calls are told, if anybody asked for that."""

    def asker(self, context: Context, correlation: str, client: str = "") -> Asker:
        """For whom a call is, by a client that may be known already; raises NotAllowed for nobody known."""
        ...

    def refused(self, by: Asker, effect: ToolEffect, tool: str) -> None:
        """Notes that somebody tried to change what the role does not allow."""
        ...

    def mask(self) -> Mask:
        """Takes every secret that this process can know out of a text."""
        ...


def require(declared: Declared, by: Asker, name: str) -> None:
    """Raises NotAllowed where somebody may not call a tool."""
    by.require(_NEEDED[declared.effect])
    role = by.person.role
    if role is None or _RANK[role] < _RANK[declared.role]:
        raise NotAllowed(
            f"`{name}` is for the role `{declared.role}`, and `{by.person.name}` has the role `{role}`",
            hint="ask an admin; `tomo user list` shows who that is",
        )


def allowed(declared: Declared, by: Asker) -> bool:
    """Whether somebody may call a tool."""
    try:
        require(declared, by, "")
    except NotAllowed:
        return False
    return True


@frozen
class Answering:
    """One tool, ready to be called in a thread of its own."""

    desk: Desk
    declared: Declared
    arguments: Arguments
    method: Callable[..., Answer]
    name: str

    async def answer(
        self, context: Context, given: Mapping[str, object], client: str = ""
    ) -> Envelope | InputRequiredToolResult:
        """The envelope of a call; or what the assistant's person is asked for first.

        `client` is the assistant's name where the call itself no longer has it, as in a task.
        """
        correlation = uuid.uuid4().hex
        log = self.desk.log.bind(correlation=correlation) if self.desk.log is not None else None
        mask: Mask = str
        try:
            with told(log, "tool", LogLevel.INFO, tool=self.name) as line:
                by = await anyio.to_thread.run_sync(self.desk.asker, context, correlation, client)
                line |= {"person": by.person.name, "client": by.assistant}
                await self._require(by)
                mask = await anyio.to_thread.run_sync(self.desk.mask)
                filled = await asked_for(context, self.name, self.arguments, given)
                if isinstance(filled, InputRequiredToolResult):
                    return filled
                read = self._read(filled, mask)
                if isinstance(read, Envelope):
                    line["error"] = INVALID
                    return read
                return succeeded(await self._called(context, by, read), mask)
        except TomoError as error:
            return failed(error, mask)
        except AuthorizationError:
            raise
        except Exception as error:  # noqa: BLE001  # no traceback reaches an assistant
            # Its words may hold anything: what is told, also to the log, is where it came from.
            kind, where = type(error).__name__, _where(error)
            _LOG.error("a defect in `%s`: %s at %s, correlation %s", self.name, kind, where, correlation)
            hint = f"report this with the correlation id {correlation}; the server's log has it too"
            return refused(INTERNAL, f"a defect in Tomo: {type(error).__name__}", hint, mask)

    def _read(self, given: Mapping[str, object], mask: Mask) -> Mapping[str, object] | Envelope:
        """The arguments in their types; or the answer that says what is wrong with them."""
        try:
            return self.arguments.read(given)
        except ValidationError as error:
            return refused(INVALID, wrong(error), f"`{self.name}` takes {_listed(self.arguments)}", mask)

    async def _require(self, by: Asker) -> None:
        """Raises NotAllowed; that somebody tried to change something is recorded."""
        try:
            require(self.declared, by, self.name)
        except NotAllowed:
            if self.declared.effect is not ToolEffect.READ:
                await anyio.to_thread.run_sync(self.desk.refused, by, self.declared.effect, self.name)
            raise

    async def _called(self, context: Context, by: Asker, arguments: Mapping[str, object]) -> Answer:
        """Runs the tool in a thread; what it tells meanwhile goes out as progress."""
        progress = _Progress(context)
        call = Call(by, progress.tell)
        task = partial(self.method, call, **arguments)
        return await progress.shown_while(anyio.to_thread.run_sync(task, abandon_on_cancel=True))


def _where(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"


def _listed(arguments: Arguments) -> str:
    return ", ".join(f"`{name}`" for name in arguments.names) or "no arguments"


class _Progress:
    """Takes what a thread tells to the client, in order."""

    def __init__(self, context: Context) -> None:
        self._context, self._loop = context, asyncio.get_running_loop()
        self._told: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(self, text: str) -> None:
        """Called from the tool's thread."""
        self._loop.call_soon_threadsafe(self._told.put_nowait, text)

    async def shown_while(self, work: Any) -> Answer:
        """Waits for the work."""
        teller = asyncio.create_task(self._forward())
        try:
            answer: Answer = await work
            return answer
        finally:
            # Behind what the thread told last, in the loop's own order.
            self._loop.call_soon(self._told.put_nowait, None)
            await teller

    async def _forward(self) -> None:
        count = 0
        while (text := await self._told.get()) is not None:
            count += 1
            await self._context.report_progress(count, None, text)


class TomoTool(Tool):
    """A tool of FastMCP that answers with the envelope, whatever happens."""

    _answering: Answering = PrivateAttr()

    @classmethod
    def made(cls, found: FoundTool, answering: Answering) -> TomoTool:
        """The tool of a method."""
        read = found.declared.effect is ToolEffect.READ
        hints = ToolAnnotations(
            read_only_hint=read,
            destructive_hint=False,
            idempotent_hint=read,
            open_world_hint=found.declared.long,
        )
        made = cls(
            name=found.name,
            description=found.description,
            parameters=dict(found.arguments.schema),
            output_schema=output_schema(),
            annotations=hints,
            task_config=TaskConfig(mode="optional" if found.declared.long else "forbidden"),
        )
        made._answering = answering
        return made

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """Answers a call."""
        given = {name: value for name, value in arguments.items() if name != CLIENT}
        # Also in a task, where a call has no context of its own.
        async with CurrentContext() as context:
            answered = await self._answering.answer(context, given, str(arguments.get(CLIENT, "")))
        if isinstance(answered, InputRequiredToolResult):
            return answered
        return as_result(answered)


def as_result(answer: Envelope) -> ToolResult:
    """An envelope as the protocol carries it: as data, and as a text for clients that take no data."""
    document = answer.model_dump(mode="json")
    return ToolResult(
        content=answer.model_dump_json(), structured_content=document, is_error=not answer.success
    )
