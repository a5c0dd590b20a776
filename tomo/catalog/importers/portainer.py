"""Portainer's templates, versions 1 to 3: one JSON file with a list of them.

Source of the format: https://docs.portainer.io/advanced/app-templates/format
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from tomo.catalog.importers.compose import about
from tomo.catalog.importers.found import Candidate, FoundApp
from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import At, Folder
from tomo.catalog.importers.secrecy import holds_secret, shape_of
from tomo.catalog.importers.variables import Asked
from tomo.catalog.importers.variables import secret as made_secret
from tomo.catalog.importers.words import categories, first_sentence, line, link, prose, slug, variable_name
from tomo.spec.shown import shown

_CONTAINER: Final = frozenset({"1", "container"})
_REMOTE: Final = {"2": "a Swarm stack", "3": "a Compose stack", "stack": "a stack", "4": "an Edge stack"}
_ROOTS: Final = (
    "/portainer/Files/AppData/Config", "/portainer/Files/AppData", "/volume1/docker", "/volume1/Docker",
    "/srv/lsio", "/opt/appdata", "/docker/appdata",
)  # fmt: skip
_PORT: Final = re.compile(r"(?:([0-9]*(?:-[0-9]+)?):)?([0-9]+(?:-[0-9]+)?)(?:/([a-z]+))?")


def candidates(folder: Folder, file: str = "") -> Iterator[Candidate]:
    """The templates of a file; of `templates.json` where none is named."""
    name = file or "templates.json"
    top = At.top(folder.json(name))
    entries = top if isinstance(top.value, list) else top.get("templates")
    if entries.value is None:
        top.refuse("the file holds no templates", 'a list of them, or `{"version": …, "templates": […]}`')
    for index, entry in enumerate(entries.items(), start=1):
        title = line(entry.value.get("title")) if isinstance(entry.value, dict) else ""
        yield Candidate(title or f"template {index}", folder.shown(name), lambda entry=entry: read(entry))  # type: ignore[misc]


def read(entry: At) -> FoundApp:
    """One template as an app of one service; raises SpecError for one that is a stack elsewhere."""
    kind = entry.get("type").text() or "1"
    title = line(entry.get("title").text())
    if kind not in _CONTAINER:
        _refuse_stack(entry, kind)
    if not title:
        entry.refuse("the template has no `title`", "add one")
    ledger = Ledger()
    name = slug(line(entry.get("name").value)) or slug(title) or "app"
    inputs, environment = _inputs(entry, ledger)
    service = _service(entry, environment, ledger)
    found = FoundApp(
        format="portainer",
        id=name,
        compose=entry.with_value({"services": {name: service}}),
        about=_about(entry, title),
        scope=inputs.get,
        roots=_roots(entry),
        ledger=ledger,
    )
    if entry.get("platform").text() == "windows":
        entry.refuse("the template is for Windows", "Tomo's servers run Linux")
    return found


def _refuse_stack(entry: At, kind: str) -> None:
    if kind not in _REMOTE:
        entry.get("type").refuse(f"`{shown(kind)}` is no type of template", "1 to 4, `container` or `stack`")
    repository = entry.get("repository")
    where = entry.get("stackfile").text() or "/".join(
        text for key in ("url", "stackfile") if (text := repository.get(key).text())
    )
    entry.refuse(
        f"it is {_REMOTE[kind]} that lies elsewhere: `{shown(where)}`",
        "fetch that file yourself, read it, and import it as a Compose file",
    )


def _about(entry: At, title: str) -> dict[str, Any]:
    note = prose(entry.get("note").value)
    description = prose(entry.get("description").value)
    return about(
        title=title,
        tagline=first_sentence(description),
        description=description,
        notes=about(after_install=note),
        categories=categories(*(item.value for item in entry.get("categories").items())),
        icon=link(entry.get("logo").value),
        developer=line(entry.get("maintainer").value) or None,
        links=about(website=link(entry.get("repository").get("url").value)),
        provenance={"source": "portainer"},
    )


# --- variables ---------------------------------------------------------------------------------------


def _inputs(entry: At, ledger: Ledger) -> tuple[Mapping[str, Asked], dict[str, Any]]:
    """The inputs of a template's `env`, and the container's variables that refer to them."""
    inputs: dict[str, Asked] = {}
    environment: dict[str, Any] = {}
    for item in entry.get("env").items():
        name = item.get("name").text().strip()
        if not name:
            item.refuse("a variable has no `name`", "add one")
        if name == "TZ" and not item.get("default").value:
            environment[name] = "${TZ}"
            continue
        asked = _asked(item, name, ledger)
        if isinstance(asked, str):
            environment[name] = asked.replace("$", "$$")
        else:
            key = variable_name(name)
            key = key if not key[0].isdigit() else f"V_{key}"
            inputs[key] = asked if asked.name == key else replace(asked, name=key)
            environment[name] = f"${{{key}}}"
    return inputs, environment


def _asked(item: At, name: str, ledger: Ledger) -> Asked | str:
    """An input, or the text of a variable that nobody is asked for."""
    given = item.get("default") if item.get("default").value is not None else item.get("set")
    default = given.text() if given.value is not None and not isinstance(given.value, dict | list) else None
    preset = item.get("preset").flag() or item.get("set").value is not None
    label = line(item.get("label").value)
    description = prose(item.get("description").value)
    options = list(item.get("select").items())
    if holds_secret(name, default) and not options:
        ledger.generating(f"secret `{name}`" + (", in place of a known default" if default else ""))
        return made_secret(name, label=label, description=description, **shape_of(default or ""))
    if options:
        return _choice(name, options, label, description)
    if preset and default is not None:
        return default
    fallback = {"PUID": "1000", "PGID": "1000"}.get(name)
    return Asked(
        name, default=default if default is not None else fallback, label=label, description=description
    )


def _choice(name: str, options: list[At], label: str, description: str) -> Asked:
    choices = [
        {"value": option.get("value").text(), "label": line(option.get("text").value)} for option in options
    ]
    chosen = next((option.get("value").text() for option in options if option.get("default").flag()), None)
    default = chosen if chosen is not None else choices[0]["value"]
    entries = [{key: value for key, value in choice.items() if value or key == "value"} for choice in choices]
    return Asked(name, "enum", label=label, description=description, default=default, options=entries)


# --- the container -----------------------------------------------------------------------------------


def _service(entry: At, environment: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    interactive = entry.get("interactive").flag()
    network = entry.get("network").text()
    if network and network not in ("bridge", "host", "none"):
        ledger.dropping(f"network `{shown(network)}`, which is the source's own")
    service = {
        "image": _literal(entry.get("image").text()),
        "environment": environment,
        "command": _command(entry.get("command")),
        "ports": [_port(item) for item in entry.get("ports").items()],
        "volumes": [_volume(item) for item in entry.get("volumes").items()],
        "privileged": entry.get("privileged").flag(),
        "restart": entry.get("restart_policy").text() or None,
        "network_mode": network if network in ("host", "none") else None,
        "hostname": _literal(entry.get("hostname").text()) or None,
        "labels": {
            item.get("name").text(): _literal(item.get("value").text())
            for item in entry.get("labels").items()
        },
        "tty": interactive,
        "stdin_open": interactive,
    }
    for key in ("access_control", "administrator_only", "devices"):
        if entry.get(key).value:
            ledger.person(
                f"`{key}` is for a person: {shown(str(entry.get(key).value))}"
                if key == "devices"
                else f"`{key}`: Tomo's roles say who may do what"
            )
    return {key: value for key, value in service.items() if value not in (None, [], {}, False, "")}


def _literal(text: str) -> str:
    """Text as Compose would have to write it: Portainer fills nothing in."""
    return text.replace("$", "$$")


def _command(at: At) -> list[str]:
    text = at.text()
    try:
        return [_literal(part) for part in shlex.split(text)]
    except ValueError:
        at.refuse(f"the quotes of `{shown(text)}` do not match", "correct the command")


def _port(item: At) -> str:
    """A port as Compose writes it; `":80/tcp"` names no port of the server, as `"80/tcp"` does."""
    text = item.text().strip().lower()
    match = _PORT.fullmatch(text)
    if match is None:
        item.refuse(f"`{shown(text)}` is not a port", "such as `8080:80/tcp` or `80/tcp`")
    host = f"{match[1]}:" if match[1] else ""
    return f"{host}{match[2]}/{match[3] or 'tcp'}"


def _volume(item: At) -> dict[str, Any] | str:
    if isinstance(item.value, str):
        return _literal(item.value)
    container = item.get("container").text()
    bind = item.get("bind").text()
    read_only = item.get("readonly").flag()
    if not container:
        item.refuse("a volume has no `container` path", "add one")
    if not bind:
        return _literal(container)
    kind = "bind" if bind.startswith(("/", ".", "~")) else "volume"
    return {"type": kind, "source": _literal(bind), "target": _literal(container), "read_only": read_only}


def _roots(entry: At) -> tuple[tuple[str, str], ...]:
    """Folders of the source's host that are the app's own: those that templates put data into."""
    paths = [
        posixpath.normpath(item.get("bind").text())
        for item in entry.get("volumes").items()
        if isinstance(item.value, dict)
    ]
    return tuple((root, ".") for root in _ROOTS if any(path.startswith(f"{root}/") for path in paths))
