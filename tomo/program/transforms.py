"""What transforms make of a registration or a function call (engine-spec 0.7).

Transforms of the resource itself come first, then those of its parents from the inside out, then the stack's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import struct_pb2
from pulumi.runtime.proto import alias_pb2, resource_pb2

from tomo.model.urn import package_of
from tomo.model.values import UNKNOWN_TEXT
from tomo.model.wire import OUTPUT, RESOURCE, SECRET, SIGNATURE
from tomo.program.callbacks import Function, call

if TYPE_CHECKING:
    from pulumi.runtime.proto import callback_pb2

    from tomo.program.callbacks import Callbacks

_Register = resource_pb2.RegisterResourceRequest
_Options = resource_pb2.TransformResourceOptions
_Urns = Mapping[str, Sequence[str]]

# Options as a registration has them → as a transform does.
_LISTS: Final = (
    ("ignoreChanges", "ignore_changes"),
    ("replaceOnChanges", "replace_on_changes"),
    ("additionalSecretOutputs", "additional_secret_outputs"),
    ("replace_with", "replace_with"),
    ("hideDiffs", "hide_diff"),
)
_TEXTS: Final = (
    ("importId", "import"),
    ("version", "version"),
    ("provider", "provider"),
    ("pluginDownloadURL", "plugin_download_url"),
    ("deletedWith", "deleted_with"),
)
_MESSAGES: Final = (
    ("customTimeouts", "custom_timeouts"),
    ("hooks", "hooks"),
    ("replacement_trigger", "replacement_trigger"),
)
_FLAGS: Final = (("protect", "protect"), ("retainOnDelete", "retain_on_delete"))
_MAPS: Final = (("providers", "providers"), ("pluginChecksums", "plugin_checksums"))


class Transforms:
    """The transforms of one program, and what it needs to know of the resources they concern."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._own: dict[str, list[Function]] = {}
        self._parents: dict[str, str] = {}
        self._providers: dict[str, Mapping[str, str]] = {}
        self._stack: list[Function] = []
        self._invokes: list[Function] = []

    def of_stack(self, callback: callback_pb2.Callback) -> None:
        """Takes a transform of every resource."""
        self._stack.append(self._callbacks.function(callback))

    def of_invokes(self, callback: callback_pb2.Callback) -> None:
        """Takes a transform of every function call."""
        self._invokes.append(self._callbacks.function(callback))

    def concerning(self, request: _Register) -> list[Function]:
        """The transforms of one registration, in their order."""
        found = self._functions(request.transforms)
        parent = request.parent if self._own else ""
        while parent:
            found += self._own.get(parent, [])
            parent = self._parents.get(parent, "")
        return found + self._stack

    def concern_invokes(self) -> bool:
        """Whether any transform concerns function calls."""
        return bool(self._invokes)

    def registered(self, urn: str, request: _Register, providers: Mapping[str, str]) -> None:
        """Keeps what the children of a resource get from it."""
        self._parents[urn] = request.parent
        if request.transforms:
            self._own[urn] = self._functions(request.transforms)
        if not request.custom:
            above = self._providers.get(request.parent, {})
            self._providers[urn] = {**above, **providers}

    async def transformed(self, request: _Register, functions: Sequence[Function]) -> _Register:
        """The registration that transforms make of one."""
        sent = _property_dependencies(request)
        properties = with_dependencies(request.object, sent if request.transforms else {})
        options = self._options(request)
        for function in functions:
            asked = resource_pb2.TransformRequest(
                type=request.type,
                name=request.name,
                custom=request.custom,
                parent=request.parent,
                properties=properties,
                options=options,
            )
            answer = await call(function, asked)
            properties = answer.properties if answer.HasField("properties") else properties
            options = answer.options if answer.HasField("options") else options
        return _with_options(_with_properties(request, properties, options, sent), options)

    async def transformed_invoke(
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> resource_pb2.ResourceInvokeRequest:
        """The function call that transforms make of one."""
        result = resource_pb2.ResourceInvokeRequest()
        result.CopyFrom(request)
        for function in self._invokes:
            options = resource_pb2.TransformInvokeOptions(
                provider=result.provider, version=result.version, plugin_download_url=result.pluginDownloadURL
            )
            asked = resource_pb2.TransformInvokeRequest(token=result.tok, args=result.args, options=options)
            answer = await call(function, asked)
            if answer.HasField("args"):
                result.args.CopyFrom(answer.args)
            if answer.HasField("options"):
                result.provider, result.version = answer.options.provider, answer.options.version
                result.pluginDownloadURL = answer.options.plugin_download_url
        return result

    def _functions(self, callbacks: Iterable[callback_pb2.Callback]) -> list[Function]:
        return [self._callbacks.function(callback) for callback in callbacks]

    def _options(self, request: _Register) -> _Options:
        options = _Options()
        _copy(request, options, (0, 1))
        options.depends_on.extend(request.dependencies)
        options.aliases.extend(alias_pb2.Alias(urn=urn) for urn in request.aliasURNs)
        options.aliases.extend(request.aliases)
        if request.deleteBeforeReplaceDefined:
            options.delete_before_replace = request.deleteBeforeReplace
        if request.custom and not request.provider:
            package = package_of(request.type)
            above = self._providers.get(request.parent, {})
            options.provider = request.providers.get(package) or above.get(package, "")
        return options


# --- options -----------------------------------------------------------------------------------------


def _with_options(request: _Register, options: _Options) -> _Register:
    for field in ("aliasURNs", "aliases", "deleteBeforeReplace", "deleteBeforeReplaceDefined", "transforms"):
        request.ClearField(field)
    for fields in (*_LISTS, *_TEXTS, *_MESSAGES, *_FLAGS, *_MAPS):
        request.ClearField(fields[0])
    _copy(options, request, (1, 0))
    request.aliases.extend(options.aliases)
    if options.HasField("delete_before_replace"):
        request.deleteBeforeReplaceDefined = True
        request.deleteBeforeReplace = options.delete_before_replace
    return request


def _copy(source: Any, target: Any, order: tuple[int, int]) -> None:
    """Copies the options that both messages have, under the names that each gives them."""
    here, there = order
    for fields in _LISTS:
        getattr(target, fields[there]).extend(getattr(source, fields[here]))
    for fields in _TEXTS:
        setattr(target, fields[there], getattr(source, fields[here]))
    for fields in _MAPS:
        getattr(target, fields[there]).update(getattr(source, fields[here]))
    for fields in _FLAGS:
        if source.HasField(fields[here]):
            setattr(target, fields[there], getattr(source, fields[here]))
    for fields in _MESSAGES:
        if source.HasField(fields[here]):
            getattr(target, fields[there]).CopyFrom(getattr(source, fields[here]))


# --- properties and what they depend on ------------------------------------------------------------------


def _property_dependencies(request: _Register) -> _Urns:
    if request.propertyDependencies:
        return {key: item.urns for key, item in request.propertyDependencies.items()}
    return dict.fromkeys(request.object.fields, request.dependencies)


def _with_properties(
    request: _Register, properties: struct_pb2.Struct, options: _Options, sent: _Urns
) -> _Register:
    """The registration with other properties, and the dependencies that these and the options tell of.

    As in Pulumi, those that the program sent stand unless the resource has transforms of its own.
    """
    own = bool(request.transforms)
    by_key = {key: set(_dependencies(value)) for key, value in properties.fields.items()}
    every = set(options.depends_on)
    if own:
        every |= {urn for urns in by_key.values() for urn in urns}
    else:
        every |= set(request.dependencies)
        for key, urns in sent.items():
            by_key.setdefault(key, set()).update(urns)
    result = _Register()
    result.CopyFrom(request)
    result.object.CopyFrom(properties)
    result.ClearField("dependencies")
    result.ClearField("propertyDependencies")
    result.dependencies.extend(sorted(every))
    for key, found in by_key.items():
        result.propertyDependencies[key].urns.extend(sorted(found))
    return result


def with_dependencies(properties: struct_pb2.Struct, urns: _Urns) -> struct_pb2.Struct:
    """The properties with secrets, unknowns and whatever depends on resources as output values."""
    result = struct_pb2.Struct()
    for key, value in properties.fields.items():
        target = result.fields[key]
        _upgrade(value, target)
        missing = set(urns.get(key, ())) - set(_dependencies(target))
        if missing:
            _depend(target, missing)
    return result


def _upgrade(value: struct_pb2.Value, target: struct_pb2.Value) -> None:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        target.list_value.SetInParent()
        for item in value.list_value.values:
            _upgrade(item, target.list_value.values.add())
    elif kind == "struct_value":
        _upgrade_struct(value.struct_value, target)
    elif kind == "string_value" and value.string_value == UNKNOWN_TEXT:
        target.struct_value.fields[SIGNATURE].string_value = OUTPUT
    else:
        target.CopyFrom(value)


def _upgrade_struct(struct: struct_pb2.Struct, target: struct_pb2.Value) -> None:
    signature = _signature(struct)
    if signature == SECRET:
        fields = target.struct_value.fields
        fields[SIGNATURE].string_value = OUTPUT
        fields["secret"].bool_value = True
        fields["value"].CopyFrom(struct.fields["value"])
    elif signature:
        target.struct_value.CopyFrom(struct)
    else:
        target.struct_value.SetInParent()
        for key, item in struct.fields.items():
            _upgrade(item, target.struct_value.fields[key])


def _depend(target: struct_pb2.Value, urns: set[str]) -> None:
    """Makes a value an output that depends on resources."""
    if _signature(target.struct_value) != OUTPUT:
        inner = struct_pb2.Value()
        inner.CopyFrom(target)
        target.Clear()
        target.struct_value.fields[SIGNATURE].string_value = OUTPUT
        target.struct_value.fields["value"].CopyFrom(inner)
    dependencies = target.struct_value.fields["dependencies"].list_value
    known = {item.string_value for item in dependencies.values}
    for urn in sorted(urns - known):
        dependencies.values.add().string_value = urn


def _dependencies(value: struct_pb2.Value) -> Iterator[str]:
    """The resources that a value says it depends on, anywhere in it."""
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        for item in value.list_value.values:
            yield from _dependencies(item)
    if kind != "struct_value":
        return
    fields = value.struct_value.fields
    signature = _signature(value.struct_value)
    if signature == OUTPUT and "dependencies" in fields:
        yield from (item.string_value for item in fields["dependencies"].list_value.values)
    followed = {OUTPUT: ("value",), SECRET: ("value",), RESOURCE: ("id",), "": tuple(fields)}
    for key in followed.get(signature, ()):
        if key in fields:
            yield from _dependencies(fields[key])


def _signature(struct: struct_pb2.Struct) -> str:
    return struct.fields[SIGNATURE].string_value if SIGNATURE in struct.fields else ""
