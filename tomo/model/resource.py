"""One entry of the state (engine-spec 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tomo.model.goal import Timeouts
from tomo.model.hook import HookNames
from tomo.model.urn import Urn, split_provider_ref
from tomo.model.values import Properties, Value


@dataclass(frozen=True, slots=True)
class ResourceState:
    """A resource as last recorded. `extra` carries file keys that Tomo does not use, unchanged.

    `created` and `modified` are RFC 3339 texts; `""` means absent.
    """

    urn: Urn
    type: str
    custom: bool
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    parent: Urn | None = None
    provider: str = ""
    dependencies: tuple[Urn, ...] = ()
    property_dependencies: Mapping[str, tuple[Urn, ...]] = field(default_factory=dict)
    protect: bool = False
    external: bool = False
    delete: bool = False
    pending_replacement: bool = False
    retain_on_delete: bool = False
    taint: bool = False
    refresh_before_update: bool = False
    init_errors: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    custom_timeouts: Timeouts = Timeouts()
    import_id: str = ""
    deleted_with: Urn | None = None
    replace_with: tuple[Urn, ...] = ()
    replacement_trigger: Value = None
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    hide_diffs: tuple[str, ...] = ()
    aliases: tuple[Urn, ...] = ()
    created: str = ""
    modified: str = ""
    source_position: str = ""
    hooks: HookNames = field(default_factory=dict)
    extra: Mapping[str, Value] = field(default_factory=dict)

    @property
    def provider_urn(self) -> Urn | None:
        """The URN part of the provider reference; None for components and provider resources."""
        return split_provider_ref(self.provider)[0] if self.provider else None
