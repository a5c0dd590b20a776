"""The catalog's entries as a lab can run them, in two releases, under ids of their own.

Nothing of an entry is changed but what a small machine can't give: the memory and disk it asks for, and the
number of open files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tomo.catalog.index import Catalog, bundled_folder
from tomo.spec.app import AppDefinition, Service

CATALOG = Catalog.bundled()
OPEN_FILES = 20_000
"""More than this no container of a test machine may have."""
OTHER_PORTS = {
    "caddy": {"web": 20080, "https": 20443, "http3": 20443},
    "nginx-proxy-manager": {"http": 20081, "https": 20444},
    "adguard-home": {"dns": 20053, "dns-udp": 20053},
}
"""For apps that want a well-known port which another app of the catalog has too."""
SAMPLES = {"email": "a@example.org", "url": "http://192.0.2.1", "path": "/srv"}
SECRET = "not-a-real-token"


def released(text: str, release: int) -> str:
    """A version or tag in its first release, or in the next one."""
    return text if release == 1 else f"{text}-next"


def write_catalog(folder: Path, apps: Sequence[str], release: int) -> None:
    """Writes the entries of these apps as `lab-ID`; release 2 has newer images and a newer version."""
    folder.mkdir(exist_ok=True)
    for app in apps:
        entry = lab_entry(app, release)
        (folder / f"{entry['id']}.yaml").write_text(json.dumps(entry), encoding="utf-8")


def lab_entry(app: str, release: int = 1) -> dict[str, Any]:
    """One entry as the lab's catalog has it."""
    entry = YAML(typ="safe", pure=True).load(bundled_folder() / "apps" / f"{app}.yaml")
    entry |= {"id": f"lab-{app}", "version": released(entry["version"], release)}
    entry.pop("requirements", None)
    for service in entry["services"].values():
        service["image"] = released(service["image"], release)
        for limit in service.get("ulimits", {}).values():
            limit.update(soft=min(limit["soft"], OPEN_FILES), hard=min(limit["hard"], OPEN_FILES))
    return dict(entry)


def fleet_part(name: str, end: str = "") -> str:
    """One app in a fleet file, given only what it must be given; `end` are further lines of it."""
    app = CATALOG.get(name)
    lines = [f"  {name}:", f"    app: lab-{name}", "    server: apps"]
    if inputs := ", ".join(f"{each}: {value}" for each, value in _inputs(app)):
        lines.append(f"    inputs: {{{inputs}}}")
    if name in OTHER_PORTS:
        lines.append(f"    ports: {json.dumps(OTHER_PORTS[name])}")
    return "\n".join([*lines, *end.splitlines(), ""])


def _inputs(app: AppDefinition) -> Iterator[tuple[str, str]]:
    for each in app.inputs:
        if each.required and each.default is None and each.generate is None:
            plain = each.placeholder or SAMPLES.get(each.type, "text")
            yield each.name, f"{{secret: own.{each.name}}}" if each.secret else plain


def containers(name: str) -> Iterator[tuple[str, Service]]:
    """The services of an app by the name of their container."""
    services = CATALOG.get(name).services
    for each, service in services.items():
        yield (f"{name}-{each}" if len(services) > 1 else name), service


def reach_of_the_page(name: str) -> tuple[str, int]:
    """How far an app's page reaches on its server, and at which port."""
    app = CATALOG.get(name)
    port, web = app.web_port(), app.web
    assert web is not None
    if port is None:
        return "local", web.port
    moved = OTHER_PORTS.get(name, {}).get(port.name)
    return port.expose, moved or next(outside for outside, inside in port.pairs() if inside == web.port)
