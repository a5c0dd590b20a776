"""The tools of the module `backup`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, Remote, ToolEffect, tool
from tomo.mcp.proposing import Replaces, Why, proposed
from tomo.model.people import Role
from tomo.service.propose.desk import ProposalDesk
from tomo.service.propose.other_changes import CreateBackup, RestoreBackup, VerifyBackup
from tomo.service.read.backups import BackupReads

Backup = Annotated[
    str, Field(description="A backup's name, or an app (`APP` or `APP@SERVER`) for its newest.")
]


class Tools:
    """Backups: what there is, and proposals to make, verify and restore one."""

    def __init__(self, backups: BackupReads, desk: ProposalDesk) -> None:
        self._backups, self._desk = backups, desk

    @tool(role=Role.READONLY, effect=ToolEffect.READ, long=True)
    def list_backups(
        self,
        call: Call,
        app: Annotated[str, Field(description="Only of this app; empty for all.")] = "",
        count: Annotated[int, Field(description="How many, newest first.", ge=1, le=100)] = 20,
    ) -> Answer:
        """List backups: of which app, when, how large. Their content is sealed and never shown."""
        found, total = self._backups.list(call.by, app, count)
        said = Remote("where backups lie", list(found))
        return Answer(f"{total} backups", {"backups": said})

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE)
    def create_backup(
        self,
        call: Call,
        why: Why,
        apps: Annotated[
            tuple[str, ...], Field(description="`APP` or `APP@SERVER`; none for all and the installation.")
        ] = (),
        incremental: Annotated[bool, Field(description="Into the restic repository.")] = False,
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to back up apps. Some apps stop while they are copied."""
        return proposed(self._desk, call, CreateBackup(apps, incremental), why, replaces)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE)
    def verify_backup(self, call: Call, backup: Backup, why: Why, replaces: Replaces = "") -> Answer:
        """Propose to unpack a backup into scratch volumes of its server and compare. Changes no data."""
        name = self._backups.find(call.by, backup)
        return proposed(self._desk, call, VerifyBackup(name), why, replaces)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE)
    def restore_backup(
        self,
        call: Call,
        backup: Backup,
        why: Why,
        volumes: Annotated[tuple[str, ...], Field(description="Only these volumes of the app.")] = (),
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to overwrite an app's data with a backup. What is there is backed up before."""
        name = self._backups.find(call.by, backup)
        return proposed(self._desk, call, RestoreBackup(name, volumes), why, replaces)
