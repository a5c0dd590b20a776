"""The package `pulumi`, which is the engine's own: references to other stacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from tomo.errors import NotSupported, StackNotFound, TomoError
from tomo.model.provider import (
    NEVER_MADE,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    ProviderBase,
    ReadRequest,
    ReadResult,
    ReadStatus,
    RecoverRequest,
    RecoverResult,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import Properties, has_secret

STACK_REFERENCE: Final = "pulumi:pulumi:StackReference"
StackOutputs: TypeAlias = Callable[[str], Properties | None]
"""The outputs of a stack by its name (`STACK` or `ORGANIZATION/PROJECT/STACK`); None where there is none."""


class BuiltinProvider(ProviderBase):
    """Reads the outputs of other stacks of the same backend."""

    def __init__(self, stack_outputs: StackOutputs) -> None:
        self._stack_outputs = stack_outputs

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """The referenced stacks' outputs; a stack that does not exist stops the program."""
        return [self._read(request) for request in requests]

    def create(self, request: CreateRequest) -> CreateResult:
        """A stack reference is only ever read."""
        raise _unsupported(request.urn.type)

    def update(self, request: UpdateRequest) -> UpdateResult:
        """A stack reference is only ever read."""
        raise _unsupported(request.urn.type)

    def delete(self, request: DeleteRequest) -> None:
        """Forgets the reference."""

    def recover(self, request: RecoverRequest) -> RecoverResult:  # noqa: ARG002
        """Reading makes nothing."""
        return NEVER_MADE

    def _read(self, request: ReadRequest) -> ReadResult:
        if request.urn.type != STACK_REFERENCE:
            raise _unsupported(request.urn.type)
        name = str(request.inputs.get("name") or request.id)
        outputs = self._stack_outputs(name)
        if outputs is None:
            raise StackNotFound(
                f"the referenced stack `{name}` does not exist",
                hint="`tomo stack list` shows what there is",
            )
        secrets = sorted(key for key, value in outputs.items() if has_secret(value))
        found: Properties = {"name": name, "outputs": dict(outputs), "secretOutputNames": secrets}
        return ReadResult(ReadStatus.FOUND, request.id or name, {"name": name}, found)


def _unsupported(type_: str) -> TomoError:
    return NotSupported(f"the resource type `{type_}` is not supported", hint=f"`{STACK_REFERENCE}` is")
