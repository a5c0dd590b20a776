"""Whether servers have what their apps need, by the facts that a look found."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from tomo.frozen import frozen
from tomo.model.values import Properties
from tomo.resources.compile import definition_of
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet
from tomo.spec.size import size_in_bytes

_MIB = 1 << 20


@frozen
class Shortfall:
    """Something a server lacks. One that `blocks` means that the app can't run there at all."""

    server: str
    app: str
    message: str
    hint: str
    blocks: bool


def check_requirements(
    fleet: Fleet,
    definitions: Mapping[str, AppDefinition],
    facts: Mapping[str, Properties],
    installed: Collection[tuple[str, str]] = (),
) -> list[Shortfall]:
    """Everything that is missing, by server; facts not known yet are not held against anybody.

    `installed` are the (app, server) pairs that are there already: their disk space is taken.
    """
    found: list[Shortfall] = []
    for server, known in facts.items():
        names = [name for name, app in fleet.apps.items() if app.present and server in fleet.servers_of(app)]
        apps = {name: definition_of(fleet, definitions, name) for name in names}
        for name, definition in apps.items():
            found += _of_one(server, name, definition, known)
        new = {name: each for name, each in apps.items() if (name, server) not in installed}
        found += _together(server, apps, new, known)
    return found


def _of_one(server: str, name: str, definition: AppDefinition, facts: Properties) -> Iterator[Shortfall]:
    needs = definition.requirements
    arch = facts.get("arch")
    if isinstance(arch, str) and arch and definition.architectures and arch not in definition.architectures:
        runs_on = ", ".join(definition.architectures)
        message = f"`{name}` runs on {runs_on}, and `{server}` is {arch}"
        yield Shortfall(server, name, message, "put it on another server", blocks=True)
    memory, wanted = _amount(facts, "memory"), _bytes(needs.memory)
    if memory and wanted > memory:
        message = f"`{name}` needs {_shown(wanted)} of memory, and `{server}` has {_shown(memory)}"
        yield Shortfall(server, name, message, "put it on a server with more memory", blocks=True)
    cpus = _amount(facts, "cpus")
    if cpus and needs.cpu and needs.cpu > cpus:
        message = f"`{name}` needs {needs.cpu:g} CPUs, and `{server}` has {cpus}"
        yield Shortfall(server, name, message, "it will be slow", blocks=False)


def _together(
    server: str, apps: Mapping[str, AppDefinition], new: Mapping[str, AppDefinition], facts: Properties
) -> Iterator[Shortfall]:
    memory = _amount(facts, "memory")
    wanted = sum(_bytes(each.requirements.memory) for each in apps.values())
    if memory and wanted > memory and len(apps) > 1:
        message = (
            f"the apps on `{server}` need {_shown(wanted)} of memory together, and it has {_shown(memory)}"
        )
        yield Shortfall(server, "", message, "move some of them to another server", blocks=False)
    free = _amount(facts, "diskFree")
    space = sum(_bytes(each.requirements.disk) for each in new.values())
    if free and space > free:
        names = ", ".join(f"`{name}`" for name in new)
        message = f"{names} need {_shown(space)} of disk space, and `{server}` has {_shown(free)} free"
        yield Shortfall(server, "", message, "free some space on the server first", blocks=True)


def _amount(facts: Properties, key: str) -> int:
    value = facts.get(key)
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def _bytes(size: str | None) -> int:
    return size_in_bytes(size) if size else 0


def _shown(amount: int) -> str:
    if amount >= 1024 * _MIB:
        return f"{amount / (1024 * _MIB):.1f} GiB"
    return f"{amount // _MIB} MiB"
