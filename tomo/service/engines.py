"""The engines a stack can run on: Tomo's own, embedded one, and the installed Pulumi CLI."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from tomo.errors import UsageError
from tomo.settings import Settings

if TYPE_CHECKING:
    from tomo.service.runs import (
        ApplyRequest,
        DriftRequest,
        PlanRequest,
        PlanResult,
        RefreshRequest,
        RunResult,
    )

ENGINE_VARIABLE: Final = "TOMO_ENGINE"
ENGINE_KEY: Final = "tomo:engine"
"""The key of a program's config that names the engine; a fleet's file has a field for it."""


class EngineName(StrEnum):
    """Which engine runs a stack."""

    EMBEDDED = "embedded"
    PULUMI = "pulumi"


class Engine(Protocol):
    """What plans and runs stacks."""

    def plan(self, request: PlanRequest) -> PlanResult:
        """What an apply, or a destroy, would do."""
        ...

    def apply(self, request: ApplyRequest) -> RunResult:
        """Plans, asks, and does what was shown."""
        ...

    def refresh(self, request: RefreshRequest) -> RunResult:
        """Takes what is there into the state, after asking."""
        ...

    def drift(self, request: DriftRequest) -> PlanResult:
        """What is there against what is recorded."""
        ...


def asked_engine(given: str | None, settings: Settings) -> EngineName | None:
    """The engine that an option or else `TOMO_ENGINE` asks for; None where neither does."""
    named = given or settings.variables.get(ENGINE_VARIABLE)
    return engine_name(named) if named else None


def engine_name(named: str, where: str = "") -> EngineName:
    """The engine of a name; raises UsageError where there is none, about the file that names it."""
    try:
        return EngineName(named)
    except ValueError:
        known = " and ".join(f"`{name}`" for name in EngineName)
        raise UsageError(f"there is no engine `{named}`", hint=f"engines are {known}", where=where) from None
