"""The engine as the SDK sees it: the methods of Pulumi's ResourceMonitor and Engine services."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, provider_pb2, resource_pb2

from tomo.errors import NotSupported
from tomo.model import wire
from tomo.model.events import Severity
from tomo.model.goal import Goal
from tomo.model.hook import ErrorHook, Hook
from tomo.model.provider import InvokeResult
from tomo.model.source import ProgramRun, Registered, Registrar
from tomo.model.urn import Urn
from tomo.model.values import Properties, Secret, Value, leaves
from tomo.program import versions
from tomo.program.callbacks import Callbacks
from tomo.program.goals import Places, goal_of, invoke_goal_of, read_goal_of
from tomo.program.hooks import error_hook, resource_hook
from tomo.program.loop import NotYet
from tomo.program.transforms import Transforms
from tomo.secrets.redaction import credentials

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from pulumi.runtime.proto import callback_pb2

_T = TypeVar("_T")
_M = TypeVar("_M", bound="Message")

FEATURES: Final[Mapping[str, str]] = {
    "secrets": "SECRETS",
    "resourceReferences": "RESOURCE_REFERENCES",
    "aliasSpecs": "ALIAS_SPECS",
    "replacementTrigger": "REPLACEMENT_TRIGGER",
    "deletedWith": "DELETED_WITH",
    "replaceWith": "REPLACE_WITH",
    "transforms": "TRANSFORMS",
    "invokeTransforms": "INVOKE_TRANSFORMS",
    "resourceHooks": "RESOURCE_HOOKS",
    "errorHooks": "ERROR_HOOKS",
}
"""What the SDK may use, by its legacy id. The SDK refuses an option whose feature isn't here."""

RESOURCE_MARK: Final = "@isPulumiResource"
_SEVERITIES: Final = (Severity.DEBUG, Severity.INFO, Severity.WARNING, Severity.ERROR)


class Monitor:
    """Pulumi's ResourceMonitor over a Registrar. Method names are the protocol's.

    `must_not_block` says whether the calling thread is the program's own; elsewhere a call simply waits.
    """

    def __init__(
        self,
        run: ProgramRun,
        registrar: Registrar,
        places: Places,
        must_not_block: Callable[[], bool],
        callbacks: Callbacks,
    ) -> None:
        self._run = run
        self._registrar = registrar
        self._places = places
        self._must_not_block = must_not_block
        self._callbacks = callbacks
        self._transforms = Transforms(callbacks)
        self._transformed: dict[int, tuple[Message, Any]] = {}
        self._has_hooks = False
        self._finished: Future[None] | None = None
        self._waiting: dict[int, tuple[Message, Future[Any]]] = {}
        self._seen: list[Properties] = []

    def secret_texts(self) -> Iterator[str]:
        """The secrets that went to the program or came from it, for hiding them in what it raises."""
        for properties in self._seen:
            yield from _secret_texts(dict(properties))

    # --- about the run -----------------------------------------------------------------------------

    def GetDeploymentInfo(self, _request: object) -> resource_pb2.DeploymentInfo:  # noqa: N802
        """Says what run this is and what the SDK may use."""
        return resource_pb2.DeploymentInfo(
            project=self._run.project,
            stack=self._run.stack,
            organization=self._run.organization,
            dryRun=self._run.dry_run,
            parallel=self._run.parallel,
            supportedFeatures=[_feature(name) for name in FEATURES.values()],
        )

    def SupportsFeature(  # noqa: N802
        self, request: resource_pb2.SupportsFeatureRequest
    ) -> resource_pb2.SupportsFeatureResponse:
        """Says whether one feature, by its legacy id, may be used."""
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in FEATURES)

    def SignalAndWaitForShutdown(self, _request: object) -> empty_pb2.Empty:  # noqa: N802
        """Returns at once: without hooks, deletes don't need the program. With hooks, when all is deleted."""
        if self._has_hooks:
            self._finished = self._finished or self._registrar.finish()
            if not self._finished.done() and self._must_not_block():
                raise NotYet(self._finished)
            self._finished.result()
        return empty_pb2.Empty()

    # --- resources ---------------------------------------------------------------------------------

    def RegisterResource(  # noqa: N802
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Gives the goal to the engine and answers when its step is done."""
        wanted = self._wanted(request)
        registered = self._answer(wanted, lambda: self._register(goal_of(wanted, self._places)))
        self._transformed.pop(id(request), None)
        self._transforms.registered(registered.urn, request, wanted.providers)
        self._seen.append(registered.outputs)
        return register_response(registered, custom=request.custom)

    def RegisterResourceOutputs(  # noqa: N802
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        """Gives the outputs of a component or of the stack to the engine."""
        outputs = wire.from_struct(request.outputs)
        self._registrar.register_outputs(Urn(request.urn), _without_marks(outputs))
        return empty_pb2.Empty()

    def ReadResource(  # noqa: N802
        self, request: resource_pb2.ReadResourceRequest
    ) -> resource_pb2.ReadResourceResponse:
        """Lets the engine look at a resource that the program does not own."""
        registered = self._answer(request, lambda: self._registrar.read(read_goal_of(request, self._places)))
        self._seen.append(registered.outputs)
        return read_response(registered)

    # --- functions ---------------------------------------------------------------------------------

    def Invoke(  # noqa: N802
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> resource_pb2.ResourceInvokeResponse:
        """Calls a provider's function; not while its provider or an argument is unknown."""
        wanted = self._wanted_call(request)
        goal = invoke_goal_of(wanted, self._places)
        result = self._answer(wanted, lambda: self._registrar.invoke(goal))
        self._transformed.pop(id(request), None)
        if self._run.dry_run and result.unknown:
            # A plain call needs an object to take its attributes from; all of them are then None, as
            # with the CLI. The other form has an Output to be unknown.
            return resource_pb2.ResourceInvokeResponse(unknown=not _waits_synchronously())
        self._seen.append(result.outputs)
        return invoke_response(result)

    # --- callbacks -----------------------------------------------------------------------------------

    def RegisterStackTransform(self, request: callback_pb2.Callback) -> empty_pb2.Empty:  # noqa: N802
        """Takes a transform of every resource that is registered from now on."""
        self._transforms.of_stack(request)
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(  # noqa: N802
        self, request: callback_pb2.Callback
    ) -> empty_pb2.Empty:
        """Takes a transform of every function call from now on."""
        self._transforms.of_invokes(request)
        return empty_pb2.Empty()

    def RegisterResourceHook(  # noqa: N802
        self, request: resource_pb2.RegisterResourceHookRequest
    ) -> empty_pb2.Empty:
        """Takes a function to be called before or after steps."""
        self._register_hook(resource_hook(self._callbacks, request))
        return empty_pb2.Empty()

    def RegisterErrorHook(  # noqa: N802
        self, request: resource_pb2.RegisterErrorHookRequest
    ) -> empty_pb2.Empty:
        """Takes a function to be called when a step fails."""
        self._register_hook(error_hook(self._callbacks, request))
        return empty_pb2.Empty()

    def _register_hook(self, hook: Hook | ErrorHook) -> None:
        self._has_hooks = True
        self._registrar.register_hook(hook)

    # --- refused by name ---------------------------------------------------------------------------

    def ExistsResource(self, request: Any) -> NoReturn:  # noqa: N802
        """Refuses."""
        raise _refusal(f"asking whether {request.type} `{request.id}` exists")

    def Call(self, request: Any) -> NoReturn:  # noqa: N802
        """Refuses."""
        raise _refusal(f"calling the method `{request.tok}` of a resource")

    def RegisterPackage(self, request: Any) -> NoReturn:  # noqa: N802
        """Refuses."""
        raise _refusal(f"the parameterized package of `{request.name}`")

    def _register(self, goal: Goal) -> Future[Registered]:
        self._seen.append(goal.inputs)
        return self._registrar.register(goal)

    def _wanted(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceRequest:
        functions = self._transforms.concerning(request)
        if not functions:
            return self._once(request, None)
        return self._once(request, lambda: self._transforms.transformed(request, functions))

    def _wanted_call(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeRequest:
        if not self._transforms.concern_invokes():
            return self._once(request, None)
        return self._once(request, lambda: self._transforms.transformed_invoke(request))

    def _once(self, request: _M, transform: Callable[[], Coroutine[Any, Any, _M]] | None) -> _M:
        """The request after its transforms, which run once, however often the call is made again.

        Which those are is settled at the first time: more may come while the call waits.
        """
        if id(request) not in self._transformed:
            wanted = request
            if transform is not None:
                work = transform
                wanted = self._answer(request, lambda: self._callbacks.start(work, copy_context()))
            self._transformed[id(request)] = (request, wanted)
        kept: _M = self._transformed[id(request)][1]
        return kept

    def _answer(self, request: Message, ask: Callable[[], Future[_T]]) -> _T:
        """The engine's answer. Where it isn't there yet, the SDK makes the same call again (see loop.py).

        The request stands beside its future, so that its identity can't be given to another one.
        """
        _, future = self._waiting.pop(id(request), (None, None))
        if future is None:
            future = ask()
            if not future.done() and self._must_not_block():
                self._waiting[id(request)] = (request, future)
                raise NotYet(future)
        answer: _T = future.result()
        return answer


class EngineService:
    """Pulumi's Engine service: messages and the version of the engine."""

    def __init__(self, log: Callable[[Severity, str, str], None]) -> None:
        self._log = log
        self._root_urn = ""

    def Log(self, request: engine_pb2.LogRequest) -> empty_pb2.Empty:  # noqa: N802
        """Passes a message on; the SDK's own debug lines, some ten per resource, end here."""
        if request.severity != engine_pb2.DEBUG:
            severity = _SEVERITIES[request.severity]
            self._log(severity, request.message.rstrip("\n"), request.urn)
        return empty_pb2.Empty()

    def RequirePulumiVersion(self, request: Any) -> Any:  # noqa: N802
        """Checks the range that the program asks for."""
        versions.require(request.pulumi_version_range)
        return engine_pb2.RequirePulumiVersionResponse()

    def GetRootResource(self, _request: object) -> engine_pb2.GetRootResourceResponse:  # noqa: N802
        """The stack's URN, if it has been set."""
        return engine_pb2.GetRootResourceResponse(urn=self._root_urn)

    def SetRootResource(  # noqa: N802
        self, request: engine_pb2.SetRootResourceRequest
    ) -> engine_pb2.SetRootResourceResponse:
        """Keeps the stack's URN."""
        self._root_urn = request.urn
        return engine_pb2.SetRootResourceResponse()


# --- answers -----------------------------------------------------------------------------------------


def register_response(registered: Registered, *, custom: bool) -> resource_pb2.RegisterResourceResponse:
    """The answer to a registration. One that failed or was skipped has unknown outputs only.

    A component gets none: the SDK's object already has what its class put there.
    """
    if registered.failed or registered.skipped:
        return resource_pb2.RegisterResourceResponse(
            urn=registered.urn, result=resource_pb2.FAIL, unknown=registered.skipped
        )
    outputs = wire.to_struct(registered.outputs if custom else {})
    return resource_pb2.RegisterResourceResponse(urn=registered.urn, id=registered.id, object=outputs)


def read_response(registered: Registered) -> resource_pb2.ReadResourceResponse:
    """The answer to a read."""
    response = resource_pb2.ReadResourceResponse(urn=registered.urn)
    if registered.failed or registered.skipped:
        response.result, response.unknown = resource_pb2.FAIL, registered.skipped
        return response
    response.properties.CopyFrom(wire.to_struct(registered.outputs))
    response.id = registered.id
    return response


def invoke_response(result: InvokeResult) -> resource_pb2.ResourceInvokeResponse:
    """The answer to a function call; refused arguments are an answer too."""
    response = resource_pb2.ResourceInvokeResponse(
        failures=[
            provider_pb2.CheckFailure(property=failure.property, reason=failure.reason)
            for failure in result.failures
        ]
    )
    getattr(response, "return").CopyFrom(wire.to_struct(result.outputs))
    return response


def _without_marks(outputs: Mapping[str, Value]) -> dict[str, Value]:
    """The outputs without what the SDK puts into exported resources in a plan, and only there."""
    return {key: _without_mark(item) for key, item in outputs.items()}


def _without_mark(value: Value) -> Value:
    if isinstance(value, Mapping):
        return {key: _without_mark(item) for key, item in value.items() if key != RESOURCE_MARK}
    return [_without_mark(item) for item in value] if isinstance(value, list) else value


def _secret_texts(value: Value, *, secret: bool = False) -> Iterator[str]:
    for leaf in leaves(value):
        if isinstance(leaf, Secret):
            yield from _secret_texts(credentials(leaf.reveal()), secret=True)
        elif secret and isinstance(leaf, str):
            yield leaf


def _waits_synchronously() -> bool:
    frame = sys._getframe()  # noqa: SLF001  # the only way to see how the program called
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_name == "_sync_await":
            return True
    return False


def _feature(name: str) -> Any:
    return getattr(resource_pb2, f"RESOURCE_MONITOR_FEATURE_{name}")


def _refusal(what: str) -> NotSupported:
    return NotSupported(f"{what} is not supported", hint="see docs/pulumi.md for what is")
