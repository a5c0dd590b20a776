"""The vocabulary of stack programs: `from tomo.resources import App, DockerEngine, File, Server`.

Pulumi's SDK is loaded only when one of them is used, so that a fleet compiles without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomo.resources.components import App, DockerEngine, File, Server

__all__ = ["App", "DockerEngine", "File", "Server"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tomo.resources import components  # noqa: PLC0415  # brings the SDK, which costs 0.3 s

    return getattr(components, name)
