"""Who has agreed to a plan, as far as that counts here and now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tomo.approval.agreement import SignedAgreement, read_agreement
from tomo.approval.shelf import Shelf
from tomo.approval.signers import Signers, read_signers, require_in_time, signer_of
from tomo.errors import ApprovalRefused, UsageError
from tomo.frozen import frozen
from tomo.model.approval import Approval
from tomo.service.workspace import Workspace
from tomo.settings import Settings


@frozen
class Counted:
    """The approvals of one plan. `expires` says until when each person's counts, `void` why others don't."""

    approvals: tuple[Approval, ...] = ()
    expires: tuple[str, ...] = ()
    void: tuple[str, ...] = ()


def approvers(settings: Settings) -> Signers | None:
    """Who may approve; None where approvals are off. Raises ApprovalRefused for a file that names nobody."""
    return read_signers(settings.approvers) if settings.approvers is not None else None


def counted_of(workspace: Workspace, stack_id: str, digest: str, files: Sequence[Path] = ()) -> Counted:
    """The approvals of a plan that count now: those beside the state, and those in files."""
    signers = approvers(workspace.settings)
    if signers is None:
        return Counted()
    shelf = Shelf(workspace.backend.storage, workspace.project, workspace.stack)
    asked = _Asked(stack_id, digest, signers, workspace.settings)
    people: dict[str, tuple[Approval, str]] = {}
    void: list[str] = []
    for where, text in (*shelf.of(digest), *_texts(files)):
        try:
            made = read_agreement(text, where)
            person = asked.person_of(made, where)
        except ApprovalRefused as error:
            void.append(error.message)
            continue
        known = people.get(person)
        if known is None or made.agreement.expires > known[1]:
            people[person] = Approval(person, signers.role(person)), made.agreement.expires
    approvals, expires = zip(*people.values(), strict=True) if people else ((), ())
    return Counted(approvals, expires, tuple(void))


@frozen
class _Asked:
    """The plan that approvals are counted for, and who may approve."""

    stack_id: str
    digest: str
    signers: Signers
    settings: Settings

    def person_of(self, made: SignedAgreement, where: str) -> str:
        """Whose approval it is; raises ApprovalRefused where it doesn't count for this plan now."""
        if made.agreement.plan != self.digest or made.agreement.stack_id != self.stack_id:
            raise ApprovalRefused(f"the approval `{where}` is for another plan or stack")
        require_in_time(made, where, datetime.now(UTC))
        return signer_of(made, self.signers, self.settings, where)


def _texts(files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        try:
            yield str(file), file.read_bytes()
        except OSError as error:
            raise UsageError(
                f"the approval `{file}` can't be read: {error.strerror}", hint="name the file of an approval"
            ) from error
