"""The connections of a process in which Pulumi's CLI serves Tomo's dynamic types."""

from __future__ import annotations

from functools import cache

from tomo.model.connection import Connections
from tomo.settings import Settings


@cache
def plugin_connections() -> Connections:
    """One pool for the process, which ends with Pulumi's run; hosts are found by the user's SSH setup."""
    from tomo.ssh.pool import ConnectionPool  # noqa: PLC0415  # Tomo itself brings a pool of its own

    return ConnectionPool(Settings.from_environment())
