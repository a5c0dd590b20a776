"""The `pulumi-python` package: dynamic resources, people's own and Tomo's `Server` and `File`."""

from tomo.providers.dynamic.provider import DynamicProvider

__all__ = ["DynamicProvider"]
