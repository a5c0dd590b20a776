"""Requests of the SDK turned into goals; what isn't supported is refused here, by name (engine-spec 0.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from tomo.errors import NotSupported, ProgramFailed
from tomo.frozen import frozen
from tomo.model import wire
from tomo.model.goal import Alias, Goal, InvokeGoal, ReadGoal, Timeouts
from tomo.model.hook import HookNames, HookType
from tomo.model.urn import Urn
from tomo.model.values import Value
from tomo.program import durations
from tomo.program.assets import with_hashes

if TYPE_CHECKING:
    from google.protobuf import struct_pb2
    from pulumi.runtime.proto import alias_pb2, resource_pb2, source_pb2

_REFUSED: Final[Mapping[str, str]] = {
    "remote": "remote components",
    "packageRef": "parameterized packages",
    "state_migrations": "state migrations",
    "envVarMappings": "environment variables of providers (env_var_mappings)",
}
_HOOKS: Final = {
    HookType.BEFORE_CREATE: "before_create",
    HookType.AFTER_CREATE: "after_create",
    HookType.BEFORE_UPDATE: "before_update",
    HookType.AFTER_UPDATE: "after_update",
    HookType.BEFORE_DELETE: "before_delete",
    HookType.AFTER_DELETE: "after_delete",
    HookType.ON_ERROR: "on_error",
}


@frozen
class Places:
    """Where source positions start (the project's folder) and where assets do (the program's)."""

    project: Path
    program: Path


def goal_of(request: resource_pb2.RegisterResourceRequest, places: Places) -> Goal:
    """The goal that a RegisterResource request asks for."""
    what = f"{request.type} `{request.name}`"
    _refuse(request, _REFUSED, what)
    return Goal(
        type=request.type,
        name=request.name,
        custom=request.custom,
        inputs=_properties(request.object, places.program),
        parent=_urn(request.parent),
        provider=request.provider,
        providers=dict(request.providers),
        version=request.version,
        plugin_download_url=request.pluginDownloadURL,
        dependencies=_urns(request.dependencies),
        property_dependencies=_property_dependencies(request),
        protect=_optional(request, "protect"),
        retain_on_delete=_optional(request, "retainOnDelete"),
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        aliases=_aliases(request),
        custom_timeouts=_timeouts(request.customTimeouts),
        deleted_with=_urn(request.deletedWith),
        replace_with=_urns(request.replace_with),
        replacement_trigger=_trigger(request),
        hide_diffs=tuple(request.hideDiffs),
        import_id=request.importId,
        source_position=position(request.sourcePosition, places.project),
        hooks=_hooks(request.hooks),
    )


def read_goal_of(request: resource_pb2.ReadResourceRequest, places: Places) -> ReadGoal:
    """The look that a ReadResource request asks for."""
    what = f"{request.type} `{request.name}`"
    _refuse(request, {"packageRef": _REFUSED["packageRef"]}, what)
    if not request.id:
        raise ProgramFailed(f"{what} is to be read without an id", hint="give get() or ResourceOptions an id")
    return ReadGoal(
        type=request.type,
        name=request.name,
        id=request.id,
        inputs=_properties(request.properties, places.program),
        parent=_urn(request.parent),
        provider=request.provider,
        version=request.version,
        plugin_download_url=request.pluginDownloadURL,
        dependencies=_urns(request.dependencies),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
    )


def invoke_goal_of(request: resource_pb2.ResourceInvokeRequest, places: Places) -> InvokeGoal:
    """The function call that an Invoke request asks for."""
    _refuse(request, {"packageRef": _REFUSED["packageRef"]}, f"the function `{request.tok}`")
    return InvokeGoal(
        token=request.tok,
        args=_properties(request.args, places.program),
        provider=request.provider,
        version=request.version,
        plugin_download_url=request.pluginDownloadURL,
    )


def position(source: source_pb2.SourcePosition, root: Path) -> str:
    """The place in the program as the state has it; `""` for one outside of the program's folder.

    The form is the CLI's: `project:///app/web.py#12`. Code elsewhere would put paths of this machine into
    the state.
    """
    if source.line <= 0 or not source.uri:
        return ""
    path = Path(unquote(urlsplit(source.uri).path))
    column = f",{source.column}" if source.column else ""
    if not path.is_relative_to(root) or "site-packages" in path.parts:
        return ""
    return f"project:///{path.relative_to(root).as_posix()}#{source.line}{column}"


def _refuse(message: Any, refused: Mapping[str, str], what: str) -> None:
    # An SDK older than a field has no such attribute, and then can't ask for it either.
    for field, name in refused.items():
        if getattr(message, field, None):
            raise NotSupported(f"{what}: {name} are not supported", hint="see docs/pulumi.md for what is")


def _properties(struct: struct_pb2.Struct, root: Path) -> dict[str, Value]:
    return with_hashes(wire.from_struct(struct), root)


def _property_dependencies(
    request: resource_pb2.RegisterResourceRequest,
) -> Mapping[str, tuple[Urn, ...]] | None:
    if not request.propertyDependencies and request.object.fields:
        return None
    return {key: _urns(item.urns) for key, item in request.propertyDependencies.items()}


def _urns(texts: Iterable[str]) -> tuple[Urn, ...]:
    # The SDK sends them from a set, in an order that changes from run to run.
    return tuple(Urn(text) for text in sorted(set(texts)))


def _urn(text: str) -> Urn | None:
    return Urn(text) if text else None


def _optional(request: resource_pb2.RegisterResourceRequest, field: str) -> bool | None:
    return bool(getattr(request, field)) if request.HasField(field) else None  # type: ignore[arg-type]


def _trigger(request: resource_pb2.RegisterResourceRequest) -> Value:
    return wire.from_value(request.replacement_trigger) if request.HasField("replacement_trigger") else None


def _timeouts(sent: resource_pb2.RegisterResourceRequest.CustomTimeouts) -> Timeouts:
    read: Callable[[str], float | None] = durations.seconds
    # `read` came later than the others.
    return Timeouts(read(sent.create), read(sent.update), read(sent.delete), read(getattr(sent, "read", "")))


def _hooks(binding: resource_pb2.RegisterResourceRequest.ResourceHooksBinding) -> HookNames:
    names = {str(kind): tuple(getattr(binding, field)) for kind, field in _HOOKS.items()}
    return {kind: found for kind, found in names.items() if found}


def _aliases(request: resource_pb2.RegisterResourceRequest) -> tuple[Alias, ...]:
    urns = tuple(Alias(urn=Urn(text)) for text in request.aliasURNs)
    return urns + tuple(_alias(sent) for sent in request.aliases)


def _alias(sent: alias_pb2.Alias) -> Alias:
    if sent.WhichOneof("alias") == "urn":
        return Alias(urn=Urn(sent.urn))
    spec = sent.spec
    return Alias(
        name=spec.name or None,
        type=spec.type or None,
        project=spec.project or None,
        stack=spec.stack or None,
        parent=_urn(spec.parentUrn),
        no_parent=spec.noParent,
    )
