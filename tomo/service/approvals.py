"""People agree to saved plans, and what they signed counts where a plan is applied."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from tomo.approval.agreement import Agreement, SignedAgreement, expiry
from tomo.approval.keys import Guard, guard_of
from tomo.approval.shelf import Shelf
from tomo.approval.signers import Signers, signer_of
from tomo.approval.signing import signed
from tomo.errors import ApprovalRefused, PlanRefused, UsageError
from tomo.frozen import frozen
from tomo.service.agreed import Asked, Counted, approvers, counted_of, require_countable
from tomo.service.effect import Effect
from tomo.service.plans.basis import require_same_stack
from tomo.service.plans.making import KeptPlans, ShownPlan, ShowPlanRequest
from tomo.service.workspace import Place, Workspace
from tomo.settings import Settings
from tomo.state.files import translated, write_atomically

if TYPE_CHECKING:
    from tomo.service.wiring import Doors

_KEYS: Final = ("id_ed25519_sk", "id_ecdsa_sk", "id_ed25519", "id_ecdsa", "id_rsa")
_NONCE_BYTES: Final = 16
_LONGEST: Final = timedelta(days=90)


@frozen
class ApproveRequest:
    """Have the person at the terminal agree to a saved plan.

    `confirm` is given the plan, the key and what guards it; nothing is signed where it returns False. The
    approval goes to `output`, or else beside the stack's state. `lasts` is how long it counts.
    """

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    plan: Path
    confirm: Callable[[ShownPlan, Path, Guard], bool]
    key: Path | None = None
    lasts: timedelta = timedelta(hours=24)
    output: Path | None = None


@frozen
class Approved:
    """An approval that was made. `person` is `""` where no file of approvers is in force here."""

    agreement: Agreement
    person: str
    place: str


@frozen
class ListApprovalsRequest:
    """Who has agreed to a saved plan, and who may. Needs no passphrase."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    plan: Path
    files: tuple[Path, ...] = ()


@frozen
class ApprovalListing:
    """A plan's approvals; `signers` is None where no file of approvers is in force."""

    digest: str
    signers: Signers | None
    counted: Counted


class ApprovalUseCases:
    """The use cases over approvals."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def approve(self, request: ApproveRequest) -> Approved | None:
        """Shows the plan, and has it signed; None where the person declined."""
        settings = self._doors.settings
        require_lasting(request.lasts)
        plan = KeptPlans(self._doors).show(ShowPlanRequest(request.plan))
        if plan.saved.errors:
            raise PlanRefused(
                f"the plan has errors and can't be applied: {plan.saved.errors[0].message}",
                hint="mend what it names, then make a new one: `tomo plan -o FILE`",
            )
        signers = approvers(settings)
        workspace = self._stack_of(plan, request.place) if request.output is None else None
        key = key_of(request.key, settings)
        if not request.confirm(plan, key, guard_of(key)):
            return None
        made = signed(agreement_to(plan.saved.basis.stack_id, plan.digest, request.lasts), key, settings)
        person = signer_of(made, signers, settings, str(key)) if signers is not None else ""
        require_countable(settings, made, str(key))
        return Approved(made.agreement, person, _put(made, workspace, request.output))

    def list(self, request: ListApprovalsRequest) -> ApprovalListing:
        """Every approval of the plan, those that don't count too."""
        plan = KeptPlans(self._doors).show(ShowPlanRequest(request.plan))
        workspace = self._stack_of(plan, request.place)
        counted = counted_of(workspace, Asked(plan.saved.basis.stack_id, plan.digest), request.files)
        return ApprovalListing(plan.digest, approvers(self._doors.settings), counted)

    def _stack_of(self, plan: ShownPlan, place: Place) -> Workspace:
        workspace, basis = self._doors.open(place), plan.saved.basis
        ledger = workspace.backend.plans(workspace.project, workspace.stack)
        require_same_stack(basis, workspace.project, workspace.stack, ledger.stack_id())
        return workspace


def agreement_to(stack_id: str, digest: str, lasts: timedelta) -> Agreement:
    """What somebody signs who agrees to a plan of a stack for so long."""
    nonce = secrets.token_hex(_NONCE_BYTES)
    return Agreement(stack_id, digest, nonce, expiry(datetime.now(UTC) + lasts))


def _put(made: SignedAgreement, workspace: Workspace | None, output: Path | None) -> str:
    if output is not None:
        with translated(output, "write the approval to"):
            write_atomically(output.absolute(), made.text)
        return str(output)
    if workspace is None:
        raise ValueError("an approval needs a place")
    return Shelf(workspace.backend.storage, workspace.project, workspace.stack).put(made)


def key_of(given: Path | None, settings: Settings) -> Path:
    """The private key to sign with: the one that is named, or the first in `~/.ssh`."""
    if given is not None:
        return given
    found = [settings.home / ".ssh" / name for name in _KEYS]
    key = next((file for file in found if file.is_file()), None)
    if key is None:
        raise ApprovalRefused(
            f"there is no SSH key in `{settings.home / '.ssh'}`",
            hint="name one: `--key FILE`, or make one with a passphrase: `ssh-keygen -t ed25519`",
        )
    return key


def require_lasting(lasts: timedelta) -> None:
    """Raises UsageError for a time that an approval can't count."""
    if not timedelta() < lasts <= _LONGEST:
        raise UsageError(
            f"an approval can't last {lasts}", hint=f"name a time of up to {_LONGEST.days} days: `--lasts 8h`"
        )
