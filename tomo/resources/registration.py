"""Registers declarations through Pulumi's SDK. Imports it, so it is itself imported by programs only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pulumi

from tomo.errors import ConfigMissing
from tomo.model.declaration import Concat, Declaration, Declarations, Json, Key, OutputRef, references
from tomo.model.goal import Timeouts
from tomo.model.urn import PROVIDER_TYPE_PREFIX
from tomo.model.values import Archive, Asset, Properties, Secret, Unknown, Value


class Registration:
    """Declarations become raw resources, whose goals are the very ones that the engine is given directly."""

    def __init__(
        self, declarations: Declarations, known: Mapping[Key, pulumi.Resource] | None = None
    ) -> None:
        self._components: dict[Key, Properties] = {}
        self.resources: dict[Key, pulumi.Resource] = dict(known or {})
        wanted = _wanted_outputs(declarations)
        for declaration in declarations.resources:
            self.resources[declaration.key] = self._register(declaration, wanted.get(declaration.key, set()))
        for key, outputs in self._components.items():
            component = self.resources[key]
            if isinstance(component, pulumi.ComponentResource):
                component.register_outputs({name: self.value(value) for name, value in outputs.items()})

    def value(self, value: Value) -> Any:
        """A declared value as the SDK takes it."""
        match value:
            case OutputRef():
                return self._output(value)
            case Concat():
                return pulumi.Output.concat(*(self.value(part) for part in value.parts))
            case Json():
                return pulumi.Output.json_dumps(self.value(value.value))
            case Secret():
                return pulumi.Output.secret(self.value(value.reveal()))
            case Unknown():
                raise ConfigMissing(
                    "a generated secret does not exist yet", hint="run `tomo apply`, which makes it, first"
                )
            case Asset() | Archive():
                return _asset(value)
            case Mapping():
                return {str(key): self.value(item) for key, item in value.items()}
            case list() | tuple():
                return [self.value(item) for item in value]
        return value

    def _output(self, ref: OutputRef) -> Any:
        resource = self.resources[ref.key]
        if ref.output == "urn":
            return resource.urn
        if ref.key in self._components:
            return self.value(self._components[ref.key][ref.output])
        return vars(resource)[ref.output] if ref.output != "id" else getattr(resource, "id")  # noqa: B009

    def _register(self, declaration: Declaration, wanted: set[str]) -> pulumi.Resource:
        options = self._options(declaration)
        if not declaration.custom:
            if declaration.outputs is not None:
                self._components[declaration.key] = declaration.outputs
            return pulumi.ComponentResource(declaration.type, declaration.name, {}, options)
        inputs = {name: self.value(value) for name, value in declaration.inputs.items()}
        # The SDK hands out the outputs that are named among the inputs; None is not sent.
        named = {**dict.fromkeys(sorted(wanted - inputs.keys())), **inputs}
        if declaration.type.startswith(PROVIDER_TYPE_PREFIX):
            package = declaration.type.removeprefix(PROVIDER_TYPE_PREFIX)
            return pulumi.ProviderResource(package, declaration.name, named, options)
        return pulumi.CustomResource(declaration.type, declaration.name, named, options)

    def _options(self, declaration: Declaration) -> pulumi.ResourceOptions:
        provider = self.resources[declaration.provider] if declaration.provider else None
        return pulumi.ResourceOptions(
            parent=self.resources[declaration.parent] if declaration.parent else None,
            provider=provider if isinstance(provider, pulumi.ProviderResource) else None,
            version=declaration.version or None,
            depends_on=[self.resources[key] for key in declaration.depends_on],
            protect=declaration.protect,
            retain_on_delete=declaration.retain_on_delete,
            delete_before_replace=declaration.delete_before_replace,
            ignore_changes=list(declaration.ignore_changes) or None,
            replace_on_changes=list(declaration.replace_on_changes) or None,
            additional_secret_outputs=list(declaration.additional_secret_outputs) or None,
            deleted_with=self.resources[declaration.deleted_with] if declaration.deleted_with else None,
            custom_timeouts=_timeouts(declaration.custom_timeouts),
            import_=declaration.import_id or None,
        )


def register(declarations: Declarations) -> Mapping[Key, pulumi.Resource]:
    """Registers a whole stack: its resources, and its outputs as the program's exports."""
    registration = Registration(declarations)
    for name, value in declarations.outputs.items():
        pulumi.export(name, registration.value(value))
    return registration.resources


def _wanted_outputs(declarations: Declarations) -> dict[Key, set[str]]:
    wanted: dict[Key, set[str]] = {}
    sources = [declarations.outputs]
    for declaration in declarations.resources:
        sources += [declaration.inputs, declaration.outputs or {}]
    for source in sources:
        for ref in references(source):
            if ref.output not in {"id", "urn"}:
                wanted.setdefault(ref.key, set()).add(ref.output)
    return wanted


def _timeouts(timeouts: Timeouts) -> pulumi.CustomTimeouts | None:
    given = {
        name: f"{seconds:g}s"
        for name in ("create", "update", "delete")
        if (seconds := getattr(timeouts, name)) is not None
    }
    return pulumi.CustomTimeouts(**given) if given else None


def _asset(value: Asset | Archive) -> pulumi.Asset | pulumi.Archive:
    if isinstance(value, Asset):
        if value.text is not None:
            return pulumi.StringAsset(value.text)
        return pulumi.FileAsset(value.path) if value.path else pulumi.RemoteAsset(value.uri or "")
    if value.assets is not None:
        return pulumi.AssetArchive({name: _asset(item) for name, item in value.assets.items()})
    return pulumi.FileArchive(value.path) if value.path else pulumi.RemoteArchive(value.uri or "")


class ConfigSecrets(Mapping[str, Any]):
    """The secrets of the running stack's config, each asked for when a fleet refers to it."""

    def __init__(self, config: pulumi.Config) -> None:
        self._config = config

    def __getitem__(self, name: str) -> pulumi.Output[str]:
        value = self._config.get_secret(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
