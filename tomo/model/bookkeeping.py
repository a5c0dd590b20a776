"""What the inputs of a provider resource hold for the engine's own use, as Pulumi's state has it."""

from __future__ import annotations

from collections.abc import Mapping

from tomo.model.values import Properties, Value

INTERNAL, PLUGIN_URL = "__internal", "pluginDownloadURL"


def plugin_url(inputs: Properties) -> str:
    """Where a provider's plugin can be had, `""` where nothing says so; older states had it as an input."""
    internal = inputs.get(INTERNAL)
    url = internal.get(PLUGIN_URL) if isinstance(internal, Mapping) else None
    return str(url or inputs.get(PLUGIN_URL) or "")


def bookkeeping(old: Properties, url: str) -> dict[str, Value]:
    """The engine's own entries: those of before, with where the plugin is had from now."""
    kept = {key: value for key, value in old.items() if key.startswith("__")}
    internal = kept.get(INTERNAL)
    before = dict(internal) if isinstance(internal, Mapping) else {}
    before.pop(PLUGIN_URL, None)
    return {**kept, INTERNAL: {**before, PLUGIN_URL: url} if url else before}
