"""How a plan or a run ends for whoever called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tomo.errors import ExitCode, TomoError
from tomo.model.plan import Plan

if TYPE_CHECKING:
    from tomo.engine.run import Failure
    from tomo.resources.requirements import Shortfall


def exit_code(
    failures: Sequence[Failure],
    program_error: TomoError | None,
    plan: Plan,
    shortfalls: Sequence[Shortfall],
) -> ExitCode:
    """OK, or what went wrong: first a login, then a plan that does not hold, then anything else."""
    errors = [*(failure.error for failure in failures), *([program_error] if program_error else [])]
    silent = [u for u in plan.unlooked if u.code not in _NO_FAILURE]
    if any(error.exit_code is ExitCode.LOGIN for error in errors) or any(u.code in _LOGIN for u in silent):
        return ExitCode.LOGIN
    if any(error.exit_code is ExitCode.PLAN_REFUSED for error in errors):
        return ExitCode.PLAN_REFUSED
    if errors or silent or any(shortfall.blocks for shortfall in shortfalls):
        return ExitCode.FAILED
    return ExitCode.OK


_LOGIN = {"host-key", "host-key-unknown", "host-key-changed", "login-refused"}
_NO_FAILURE = {"docker-unavailable", "host-not-accepted"}
"""What a plan need not look at to hold: Docker that it installs, and hosts that its reader is to accept."""
