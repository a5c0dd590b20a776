"""The `command` package: shell commands and file copies, on this machine and over SSH."""

from tomo.providers.command.provider import CommandProvider

__all__ = ["CommandProvider"]
