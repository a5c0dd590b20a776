"""Rules about commands that run and files that are written, on hosts and on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.values import Unknown
from tomo.policy.roads import COPY
from tomo.policy.rule import Case, Options, Violation, texts
from tomo.policy.values import clean_path, field, lies_in, name_of, shown, untold
from tomo.resources.scripts import docker_install_script
from tomo.resources.tokens import FILE, LOCAL_COMMAND, REMOTE_COMMAND

_PATHS: Final[Mapping[str, str]] = {FILE: "path", COPY: "remotePath"}


def commands(case: Case, _options: Options) -> Iterator[Violation]:
    """Commands of a program's own that would run; Tomo's installation of Docker is none of them."""
    for step, entry in case.after(REMOTE_COMMAND, LOCAL_COMMAND):
        yield from _command(step, entry, _runs(step))
    for step in case.removed:
        if step.type in {REMOTE_COMMAND, LOCAL_COMMAND}:
            yield from _command(step, step.entry, ("delete",))


def _runs(step: Step) -> tuple[str, ...]:
    if step.op is Op.CREATE:
        return ("create",)
    if step.op is Op.REPLACE:
        return "delete", "create"
    return ("update",) if step.entry.inputs.get("update") is not None else ("create",)


def _command(step: Step, entry: ResourceState, names: tuple[str, ...]) -> Iterator[Violation]:
    where = "on this machine" if step.type == LOCAL_COMMAND else "on its host"
    for name in names:
        given = (step.old or entry if name == "delete" else entry).inputs.get(name)
        if given in (None, "") or given == docker_install_script():
            continue
        message = f"the command `{name_of(entry)}` runs its `{name}` {where}"
        yield Violation(step.urn, name, message, "read what it runs: `tomo plan --json`")


def host_files(case: Case, options: Options) -> Iterator[Violation]:
    """Files that are written outside of the allowed folders of a host."""
    allowed = texts(options)
    for step, entry in case.after(*_PATHS):
        path = _PATHS[step.type]
        value = field(entry, path)
        if isinstance(value, Unknown):
            yield untold(step, path)
        elif not lies_in(clean_path(str(value)), allowed):
            told = shown(value, entry.inputs.get(path))
            message = f"`{name_of(entry)}` writes {told} on its host"
            yield Violation(step.urn, path, message, "write elsewhere, or allow the folder: `allow`")
