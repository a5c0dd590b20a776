"""What a program asks for: one resource, as it should be (engine-spec 0.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from tomo.frozen import frozen
from tomo.model.hook import HookNames
from tomo.model.urn import Urn
from tomo.model.values import Properties, Value


@frozen
class Alias:
    """An earlier identity: a whole URN, or the parts that differed (None: as now)."""

    urn: Urn | None = None
    name: str | None = None
    type: str | None = None
    project: str | None = None
    stack: str | None = None
    parent: Urn | None = None
    no_parent: bool = False


@frozen
class Timeouts:
    """Seconds a step may take; None means the provider's own default."""

    create: float | None = None
    update: float | None = None
    delete: float | None = None
    read: float | None = None


@frozen
class Goal:
    """One registration; None for an option means it was not given and may be inherited.

    `property_dependencies` is None when the program sent none: then every input is taken to depend on
    all `dependencies`. `providers` maps package to provider reference and stands on components.
    """

    type: str
    name: str
    custom: bool
    inputs: Properties
    parent: Urn | None = None
    provider: str = ""
    providers: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    plugin_download_url: str = ""
    dependencies: tuple[Urn, ...] = ()
    property_dependencies: Mapping[str, tuple[Urn, ...]] | None = None
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    custom_timeouts: Timeouts = Timeouts()
    deleted_with: Urn | None = None
    replace_with: tuple[Urn, ...] = ()
    replacement_trigger: Value = None
    hide_diffs: tuple[str, ...] = ()
    import_id: str = ""
    source_position: str = ""
    hooks: HookNames = field(default_factory=dict)


@frozen
class ReadGoal:
    """A resource the program only looks at: `.get()`, `ResourceOptions(id=…)`, a stack reference."""

    type: str
    name: str
    id: str
    inputs: Properties
    parent: Urn | None = None
    provider: str = ""
    version: str = ""
    plugin_download_url: str = ""
    dependencies: tuple[Urn, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()


@frozen
class InvokeGoal:
    """A function call on a provider: `docker.get_network(...)`, `command.local.run(...)`."""

    token: str
    args: Properties
    provider: str = ""
    version: str = ""
    plugin_download_url: str = ""
