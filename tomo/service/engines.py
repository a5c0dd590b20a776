"""The engines a stack can run on: Tomo's own, embedded one, and the installed Pulumi CLI."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from tomo.errors import UsageError
from tomo.settings import Settings

if TYPE_CHECKING:
    from tomo.service.deployments import (
        ApplyRequest,
        DriftRequest,
        PlanRequest,
        PlanResult,
        RefreshRequest,
        RunResult,
    )

ENGINE_VARIABLE: Final = "TOMO_ENGINE"


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


def engine_name(given: str | None, settings: Settings) -> EngineName:
    """The engine that is asked for, by an option or by `TOMO_ENGINE`; raises UsageError for another."""
    named = given or settings.variables.get(ENGINE_VARIABLE) or EngineName.EMBEDDED
    try:
        return EngineName(named)
    except ValueError:
        known = " and ".join(f"`{name}`" for name in EngineName)
        raise UsageError(f"there is no engine `{named}`", hint=f"engines are {known}") from None
