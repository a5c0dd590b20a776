"""Who has agreed to a plan, as far as that counts here and now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tomo.approval.agreement import SignedAgreement, read_agreement
from tomo.approval.shelf import Shelf
from tomo.approval.signers import Signers, read_signers, require_in_time, signer_of
from tomo.errors import ApprovalRefused, UsageError
from tomo.frozen import frozen
from tomo.model.approval import Approval
from tomo.model.people import Role
from tomo.service.who import KnownPeople, known_people
from tomo.service.workspace import Workspace
from tomo.settings import Settings


@frozen
class Counted:
    """The approvals of one plan. `expires` says until when each person's counts, `void` why others don't."""

    approvals: tuple[Approval, ...] = ()
    expires: tuple[str, ...] = ()
    void: tuple[str, ...] = ()


@frozen
class Asked:
    """What approvals are counted for: a stack's id, a digest, and the person it is for (`""`: not known)."""

    stack_id: str
    digest: str
    person: str = ""


def approvers(settings: Settings) -> Signers | None:
    """Who may approve; None where approvals are off. Raises ApprovalRefused for a file that names nobody."""
    return read_signers(settings.approvers) if settings.approvers is not None else None


def counted_of(workspace: Workspace, asked: Asked, files: Sequence[Path] = ()) -> Counted:
    """The approvals of a plan that count now: those beside the state, and those in files."""
    if workspace.settings.approvers is None:
        return Counted()
    shelf = Shelf(workspace.backend.storage, workspace.project, workspace.stack)
    return counted(workspace.settings, asked, shelf.of(asked.digest), files)


def counted(
    settings: Settings, asked: Asked, found: Iterable[tuple[str, bytes]], files: Sequence[Path] = ()
) -> Counted:
    """Those of some approvals that count now, each told with where it was found, and of those in files."""
    signers = approvers(settings)
    if signers is None:
        return Counted()
    count = _Count(asked, signers, settings, known_people(settings))
    people: dict[str, tuple[Approval, str]] = {}
    void: list[str] = []
    for where, text in (*found, *_texts(files)):
        try:
            made = read_agreement(text, where)
            approval = count.approval(made, where)
        except ApprovalRefused as error:
            void.append(error.message)
            continue
        # Somebody may stand in the file under two names, and is one person all the same.
        one = count.known.one_name(approval.person)
        known = people.get(one)
        if known is None or made.agreement.expires > known[1]:
            people[one] = approval, made.agreement.expires
    approvals, expires = zip(*people.values(), strict=True) if people else ((), ())
    return Counted(approvals, expires, tuple(void))


def require_countable(settings: Settings, made: SignedAgreement, where: str) -> None:
    """Raises ApprovalRefused for a new approval that won't count: the database keeps its maker from it."""
    asked = Asked(made.agreement.stack_id, made.agreement.plan)
    void = counted(settings, asked, [(where, made.text)]).void
    if void:
        raise ApprovalRefused(void[0], hint="an admin decides who may: `tomo user list` shows who that is")


@frozen
class _Count:
    """What approvals are counted for, and who may approve."""

    asked: Asked
    signers: Signers
    settings: Settings
    known: KnownPeople

    def approval(self, made: SignedAgreement, where: str) -> Approval:
        """Whose approval it is; raises ApprovalRefused where it doesn't count for this plan now."""
        if made.agreement.plan != self.asked.digest or made.agreement.stack_id != self.asked.stack_id:
            raise ApprovalRefused(f"the approval `{where}` is for another plan or stack")
        require_in_time(made, where, datetime.now(UTC))
        person = signer_of(made, self.signers, self.settings, where)
        asked_for_it = bool(self.asked.person) and self.known.are_one(person, self.asked.person)
        return Approval(person, self._role(person), asked_for_it)

    def _role(self, person: str) -> str:
        """The role of an approver; raises ApprovalRefused for somebody whom the database keeps from it."""
        user, role = self.known.user(person), self.signers.role(person)
        if user is None:
            return role
        if user.disabled or user.role is Role.READONLY:
            why = "is disabled" if user.disabled else f"has the role `{user.role}`"
            raise ApprovalRefused(f"the approval of `{person}` doesn't count: `{user.name}` {why}")
        # A file of one's own account is no authority over the file of approvers; a server of all is.
        said_here = self.signers.tells_role(person) or self.settings.database_url is None
        return role if said_here else user.role.value


def _texts(files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        try:
            yield str(file), file.read_bytes()
        except OSError as error:
            raise UsageError(
                f"the approval `{file}` can't be read: {error.strerror}", hint="name the file of an approval"
            ) from error
