"""One entry of the state (engine-spec 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace

from tomo.frozen import frozen
from tomo.model.goal import Timeouts
from tomo.model.hook import HookNames
from tomo.model.urn import Urn, provider_ref, split_provider_ref
from tomo.model.values import Properties, Value


@frozen
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


def needs(entry: ResourceState) -> Iterator[Urn]:
    """URNs an entry depends on: provider, dependencies, property dependencies, deletedWith, replaceWith.

    The parent is not among them (engine-spec 2.4); one URN may come several times.
    """
    provider = entry.provider_urn
    if provider is not None:
        yield provider
    yield from entry.dependencies
    for urns in entry.property_dependencies.values():
        yield from urns
    if entry.deleted_with:
        yield entry.deleted_with
    yield from entry.replace_with


def mentions(entry: ResourceState) -> Iterator[Urn]:
    """URNs of other entries that an entry names: its parent and what it needs."""
    if entry.parent:
        yield entry.parent
    yield from needs(entry)


def with_urns(entry: ResourceState, now: Callable[[Urn], Urn]) -> ResourceState:
    """The entry with its own URN and all it names as `now` tells them; itself where nothing changes."""
    if all(now(urn) == urn for urn in (entry.urn, *mentions(entry))):
        return entry
    provider = entry.provider
    if provider:
        urn, id_ = split_provider_ref(provider)
        provider = provider_ref(now(urn), id_)
    return replace(
        entry,
        urn=now(entry.urn),
        parent=now(entry.parent) if entry.parent else None,
        provider=provider,
        dependencies=tuple(map(now, entry.dependencies)),
        property_dependencies={
            key: tuple(map(now, urns)) for key, urns in entry.property_dependencies.items()
        },
        deleted_with=now(entry.deleted_with) if entry.deleted_with else None,
        replace_with=tuple(map(now, entry.replace_with)),
    )
