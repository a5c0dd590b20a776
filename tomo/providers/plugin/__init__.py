"""Serves any Pulumi package by its provider plugin, a program of its own that speaks gRPC."""

from tomo.providers.plugin.host import PluginHost

__all__ = ["PluginHost"]
