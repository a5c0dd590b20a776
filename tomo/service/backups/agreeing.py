"""Whether what overwrites or removes data may be done: policies and approvals hold for it, too."""

from __future__ import annotations

from tomo.errors import ApprovalMissing
from tomo.policy.gate import refusal
from tomo.service.policies import PolicyTerms
from tomo.service.propose.commands import judged_data
from tomo.service.propose.other_changes import DataChange
from tomo.service.workspace import Workspace

_PROPOSE = "have it proposed, and approved by a person: add `--propose WHY`"


def require_agreed(workspace: Workspace, change: DataChange, proposal: str) -> None:
    """Raises PolicyDenied or ApprovalMissing where something stands against it.

    What is done as a proposal was held to both before.
    """
    if proposal:
        return
    refused = refusal(judged_data(PolicyTerms().of(workspace), workspace, change))
    if refused is None and workspace.settings.approvers is not None:
        refused = ApprovalMissing("here only what somebody has approved is done; nothing was done")
    if refused is not None:
        if isinstance(refused, ApprovalMissing):
            refused.hint = _PROPOSE
        raise refused
