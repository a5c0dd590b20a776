"""What the engine asks of a provider, in Pulumi's verbs (engine-spec 2.2).

Values in requests are plain: secrets are opened by the engine's seam just before the call, and
`secret_keys` names the inputs that were secret. A provider with `takes_secrets` gets them closed.
Unknowns are `Unknown` and occur only where `preview` is true or in `diff`. Every call but a preview may
be repeated after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from enum import Enum
from typing import Final, Protocol

from tomo.errors import HostError, NotSupported, TomoError, host_named
from tomo.frozen import frozen
from tomo.model.diff import DiffResult, PropertyDiff
from tomo.model.urn import Urn
from tomo.model.values import Properties

DIGEST: Final = "sha256"
"""The key of what stands for an adopted text that a look may not read: a map with its digest alone."""

Report = Callable[[str], None]
"""Says in a few words what a running step is at: `pulling nginx:1.27 (40 %)`."""


def quiet(_message: str) -> None:
    """A report for those who don't listen."""


@frozen
class CheckFailure:
    """An input the provider refuses; `property` is `""` when it concerns them all."""

    property: str
    reason: str


@frozen
class CheckRequest:
    """Inputs to complete with defaults and to validate; `olds` is empty for a new resource."""

    urn: Urn
    olds: Properties
    news: Properties
    seed: bytes = b""
    secret_keys: frozenset[str] = frozenset()


@frozen
class CheckResult:
    """The checked inputs, or why they are refused."""

    inputs: Properties
    failures: tuple[CheckFailure, ...] = ()


@frozen
class DiffRequest:
    """The recorded (or just observed) inputs and outputs against the new inputs."""

    urn: Urn
    id: str
    old_inputs: Properties
    old_outputs: Properties
    new_inputs: Properties
    ignore_changes: tuple[str, ...] = ()


@frozen
class CreateRequest:
    """Make a resource; with `preview`, only predict its outputs and touch nothing.

    Without `look` a prediction asks nobody either.
    """

    urn: Urn
    inputs: Properties
    preview: bool = False
    timeout: float | None = None
    secret_keys: frozenset[str] = frozenset()
    report: Report = quiet
    look: bool = True


@frozen
class CreateResult:
    """`id` is `""` only in a preview. With `init_errors` the resource exists but isn't as asked.

    `outputs` may hold `Secret` values; in a preview those not yet known are `Unknown`, and `unlooked`
    tells why the host could not be asked for them.
    """

    id: str
    outputs: Properties
    init_errors: tuple[str, ...] = ()
    unlooked: HostError | None = None


@frozen
class UpdateRequest:
    """Change a resource in place; with `preview`, only predict its outputs, without `look` asking nobody."""

    urn: Urn
    id: str
    old_inputs: Properties
    old_outputs: Properties
    new_inputs: Properties
    ignore_changes: tuple[str, ...] = ()
    preview: bool = False
    timeout: float | None = None
    secret_keys: frozenset[str] = frozenset()
    report: Report = quiet
    look: bool = True


@frozen
class UpdateResult:
    """The outputs after the update; with `init_errors` it isn't as asked. `unlooked` is a creation's."""

    outputs: Properties
    init_errors: tuple[str, ...] = ()
    unlooked: HostError | None = None


@frozen
class DeleteRequest:
    """Remove a resource; one that is gone already is a success."""

    urn: Urn
    id: str
    inputs: Properties
    outputs: Properties
    timeout: float | None = None
    report: Report = quiet


@frozen
class SwapRequest:
    """Replace a resource so that the old one serves until the new one is well.

    On failure the provider removes the new one, brings the old one back and raises.
    """

    urn: Urn
    old_id: str
    old_inputs: Properties
    old_outputs: Properties
    new_inputs: Properties
    timeout: float | None = None
    secret_keys: frozenset[str] = frozenset()
    report: Report = quiet


@frozen
class ReadRequest:
    """Look at a resource; inputs and outputs are as recorded, both empty for an import.

    `wanted` is what the program says of a resource to import. A provider takes from it what a look can't
    show (how long to wait, what to leave out), and the form of what means the same. `let_be` is what an
    earlier look found otherwise than the inputs say, by their names, and what is still so where a look can't
    see it again. `adopts` names inputs of which the very value is wanted where the host's is another.
    """

    urn: Urn
    id: str
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    wanted: Properties = field(default_factory=dict)
    let_be: Properties = field(default_factory=dict)
    adopts: frozenset[str] = frozenset()


class ReadStatus(Enum):
    """What a look found."""

    FOUND = "found"
    GONE = "gone"
    UNREACHABLE = "unreachable"
    """The host or its daemon does not answer; the recorded state stands."""
    UNSUPPORTED = "unsupported"
    """The provider cannot look at this type; the recorded state stands."""


@frozen
class ReadResult:
    """What a look found.

    `inputs` are the recorded inputs with each value that means something else in reality replaced by the
    real one; a value that means the same keeps its recorded form, so that nothing false shows as a
    change. `drift` holds what inputs can't express (a moved image tag, a container made anew by hand);
    its kinds say how the next plan repairs it. `problem`, `hint` and `host` explain UNREACHABLE.
    """

    status: ReadStatus
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    drift: tuple[PropertyDiff, ...] = ()
    init_errors: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""
    code: str = ""
    host: str = ""


def unreachable(error: TomoError) -> ReadResult:
    """The look that failed because of an error of the host."""
    return ReadResult(
        ReadStatus.UNREACHABLE,
        problem=error.message,
        hint=error.hint,
        code=error.code,
        host=host_named(error),
    )


@frozen
class Former:
    """The resource that an interrupted replacement was about."""

    id: str
    inputs: Properties
    outputs: Properties


@frozen
class RecoverRequest:
    """Find out what became of a creation that was begun and whose end nobody recorded.

    `inputs` are the intended ones. `former` is what it was to replace and the state still has; `parked` the
    name under which a swap keeps that, `""` where it was no swap or that isn't known. `known_ids` belong to
    other recorded resources of the type. Without `act` nothing may be changed: the answer is a prediction.
    """

    urn: Urn
    inputs: Properties
    former: Former | None = None
    parked: str = ""
    known_ids: frozenset[str] = frozenset()
    act: bool = False
    secret_keys: frozenset[str] = frozenset()
    timeout: float | None = None


class RecoverStatus(Enum):
    """What became of it."""

    MADE = "made"
    """It is there as intended; `id` and `outputs` tell of it, the former one is gone where it was a swap."""
    NOTHING = "nothing"
    """Nothing of it is there, or what there is makes no difference to making it again."""
    UNDONE = "undone"
    """It was there half made and is no more; a former one is as it was."""
    UNKNOWN = "unknown"
    """There is no way to tell: a person has to say."""


@frozen
class RecoverResult:
    """What became of it; `told` completes a sentence for people, as `it was made and is running`."""

    status: RecoverStatus
    id: str = ""
    outputs: Properties = field(default_factory=dict)
    told: str = ""
    former_gone: bool = False


NEVER_MADE = RecoverResult(RecoverStatus.NOTHING, told="nothing was made")
CANNOT_TELL = RecoverResult(RecoverStatus.UNKNOWN, told="nothing tells whether it was made")


@frozen
class InvokeResult:
    """A function's result, or why its arguments are refused; `unknown` in a plan that can't ask yet."""

    outputs: Properties
    failures: tuple[CheckFailure, ...] = ()
    unknown: bool = False


class Provider(Protocol):
    """One configured instance serves one provider resource. Calls come from several threads.

    All methods raise TomoError and nothing else.
    """

    host: str
    """The machine it acts on, as shown to people; `""` where there is none. Set by `configure`."""
    parallel: int
    """How many of its steps may run at once; 0 means no limit of its own."""
    judges_by_inputs: bool
    """Whether equal inputs are never a change to it, so that `diff` needn't be asked about them."""
    takes_secrets: bool
    """Whether it is handed `Secret` values as they are, and opens them itself."""
    urn: str
    """The provider resource it serves; the engine sets it before the first call."""
    invokes_early: bool
    """Whether a plan calls its functions although its provider resource is yet to be made."""

    def check_config(self, olds: Properties, news: Properties) -> CheckResult:
        """The provider's own configuration, completed and validated."""
        ...

    def diff_config(self, olds: Properties, news: Properties) -> DiffResult:
        """What a change of the configuration means for the resources."""
        ...

    def configure(self, inputs: Properties) -> None:
        """Takes the configuration; must not dial. May hold unknowns in a plan."""
        ...

    def check(self, request: CheckRequest) -> CheckResult:
        """The inputs, completed and validated; must not dial."""
        ...

    def diff(self, request: DiffRequest) -> DiffResult:
        """What changed and whether that replaces; must not dial."""
        ...

    def create(self, request: CreateRequest) -> CreateResult:
        """Makes the resource."""
        ...

    def update(self, request: UpdateRequest) -> UpdateResult:
        """Changes the resource in place."""
        ...

    def delete(self, request: DeleteRequest) -> None:
        """Removes the resource."""
        ...

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """Looks at several resources at once, in the order asked. Never raises for a host's sake."""
        ...

    def can_swap(self, type_: str) -> bool:
        """Whether `swap` serves this type."""
        ...

    def swap(self, request: SwapRequest) -> CreateResult:
        """Replaces the resource, keeping the old one until the new one is well."""
        ...

    def parked_as(self, request: SwapRequest) -> str:
        """The name under which `swap` will keep the old resource."""
        ...

    def recover(self, request: RecoverRequest) -> RecoverResult:
        """Finds out what became of a creation that was cut off; with `act`, ends or undoes what is half done.

        Raises HostError where the host can't be asked. May be repeated.
        """
        ...

    def invoke(self, token: str, args: Properties, *, preview: bool) -> InvokeResult:
        """Calls a function of the package."""
        ...

    def cancel(self) -> None:
        """Asks running calls to end soon."""
        ...


class ProviderSource(Protocol):
    """Where the engine gets providers: a new, unconfigured one for each provider resource."""

    def load(self, package: str, version: str) -> Provider:
        """Raises NotSupported, naming the package, where no provider serves it."""
        ...


class ProviderBase:
    """What most providers answer; subclasses override what they do differently."""

    host: str = ""
    parallel: int = 0
    judges_by_inputs: bool = False
    takes_secrets: bool = False
    urn: str = ""
    invokes_early: bool = False

    def check_config(self, olds: Properties, news: Properties) -> CheckResult:  # noqa: ARG002
        """Accepts any configuration as it is."""
        return CheckResult(news)

    def diff_config(self, olds: Properties, news: Properties) -> DiffResult:
        """Any change is an update of the provider resource alone."""
        return DiffResult(changed=dict(olds) != dict(news))

    def configure(self, inputs: Properties) -> None:
        """Needs no configuration."""

    def check(self, request: CheckRequest) -> CheckResult:
        """Accepts the inputs as they are."""
        return CheckResult(request.news)

    def diff(self, request: DiffRequest) -> DiffResult:  # noqa: ARG002
        """Leaves the comparison to the engine."""
        return DiffResult(changed=None)

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """Can't look."""
        return [ReadResult(ReadStatus.UNSUPPORTED) for _ in requests]

    def can_swap(self, type_: str) -> bool:  # noqa: ARG002
        """Swaps nothing."""
        return False

    def swap(self, request: SwapRequest) -> CreateResult:
        """Swaps nothing."""
        raise NotImplementedError(request.urn)

    def parked_as(self, request: SwapRequest) -> str:  # noqa: ARG002
        """Parks nothing."""
        return ""

    def recover(self, request: RecoverRequest) -> RecoverResult:  # noqa: ARG002
        """Can't tell."""
        return CANNOT_TELL

    def invoke(self, token: str, args: Properties, *, preview: bool) -> InvokeResult:  # noqa: ARG002
        """Has no functions."""
        raise NotSupported(f"the function `{token}` is not supported", hint="see docs/pulumi.md for what is")

    def cancel(self) -> None:
        """Has nothing to stop."""
