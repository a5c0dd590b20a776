"""A plan that was kept to be applied later, and everything it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from tomo.frozen import frozen
from tomo.model.finding import Judgement
from tomo.model.plan import Plan
from tomo.model.selection import Selection
from tomo.model.update import AppUpdate, BackupFirst


@frozen(order=True)
class HostIdentity:
    """One host of a plan: where it is, as whom, and the fingerprints of the keys that it may show."""

    name: str
    address: str
    port: int = 0
    user: str = ""
    keys: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, as people write it."""
        user = f"{self.user}@" if self.user else ""
        return f"{user}{self.address}" + (f":{self.port}" if self.port else "")


@frozen
class Basis:
    """What a plan rests on. Digests are SHA-256 in hex, `""` where there is no such file.

    `state` is that of the state file, `config` of the stack's config file; `files` are the fleet file or the
    program's files by path, `catalog` the files of catalog entries by id, `packages` versions by name,
    `history` the checkpoints of versions by number, for a plan back to one.
    """

    stack_id: str
    project: str
    stack: str
    state: str
    config: str
    files: Mapping[str, str] = field(default_factory=dict)
    catalog: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[HostIdentity, ...] = ()
    history: Mapping[str, str] = field(default_factory=dict)


@frozen
class PlanError:
    """Why a plan can't be applied; `urn` is `""` where it is about no single resource."""

    urn: str
    code: str
    message: str
    hint: str = ""


@frozen
class SavedPlan:
    """A plan as it was kept. Its steps have no outputs; `new_secrets` are those that apply will make.

    `selection` is what a person named, in their words; `to` the version of the history to go back to.
    """

    basis: Basis
    plan: Plan
    destroys: bool = False
    selection: Selection = Selection()
    new_secrets: tuple[str, ...] = ()
    errors: tuple[PlanError, ...] = ()
    to: int | None = None
    judgement: Judgement = Judgement()
    updates: tuple[AppUpdate, ...] = ()
    backups: tuple[BackupFirst, ...] = ()
