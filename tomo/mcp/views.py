"""What several tools show, in JSON's kinds; what came from elsewhere stands in `Remote`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tomo.mcp.declaration import Remote
from tomo.model.values import masked
from tomo.service.read.apps import AppPage
from tomo.service.read.facts import known_facts
from tomo.service.read.results import (
    AppStatus,
    ContainerStatus,
    Drift,
    ServerStatus,
    ServerView,
    Version,
)

if TYPE_CHECKING:
    from tomo.service.read.apps import App

Shown = Mapping[str, object]


def moment(seconds: int) -> str:
    """A time in seconds since 1970, as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def server_view(view: ServerView) -> Shown:
    """A server as the fleet file has it, and what the last look found there."""
    return {
        "name": view.name,
        "address": view.address,
        "user": view.user or "",
        "host_keys": list(view.fingerprints),
        "become": view.become,
        "docker": view.docker,
        "labels": dict(view.labels),
        "apps": list(view.apps),
        "facts": Remote(f"the last look at {view.name}", masked(known_facts(view.facts))),
    }


def server_status(status: ServerStatus) -> Shown:
    """What runs on a server."""
    shown: dict[str, object] = {
        "name": status.name,
        "address": status.address,
        "apps": [app_status(each, status.name) for each in status.apps],
    }
    if status.problem:
        shown["problem"] = {
            "code": status.code,
            "said": Remote(f"error of {status.name}", status.problem),
            "hint": status.hint,
        }
    return shown


def app_status(app: AppStatus, server: str) -> Shown:
    """An app on a server; `""` as its name stands for containers that belong to none."""
    return {
        "app": app.name,
        "version": app.version,
        "url": app.url,
        "well": all(each.is_well for each in app.containers),
        "containers": Remote(f"docker on {server}", [_container(each) for each in app.containers]),
    }


def _container(container: ContainerStatus) -> Shown:
    return {
        "name": container.name,
        "image": container.image,
        "state": container.word,
        "ports": list(container.ports),
        "detail": container.detail,
    }


def run_view(version: Version) -> Shown:
    """A finished run."""
    entry = version.entry
    return {
        "number": version.number,
        "kind": entry.kind,
        "result": entry.result,
        "begun": moment(entry.start),
        "seconds": entry.end - entry.start,
        "changes": dict(entry.changes),
        "message": Remote(f"the message of run {version.number}", entry.message),
    }


def drift_view(drift: Drift) -> Shown:
    """What was changed outside Tomo, and where nobody could look."""
    found = [
        {
            "resource": each.resource,
            "kind": each.kind,
            "host": each.host,
            "happened": each.happened,
            "differences": [asdict(difference) for difference in each.differences],
        }
        for each in drift.found
    ]
    unlooked = [
        {
            "host": each.host,
            "code": each.code,
            "said": Remote(f"error of {each.host}", each.problem),
            "hint": each.hint,
            "resources": each.resources,
        }
        for each in drift.unlooked
    ]
    return {"drift": Remote("the servers", found), "not_looked_at": unlooked}


def app_view(view: App) -> Shown:
    """An app as the fleet file has it. Secrets are not in it."""
    return {
        "name": view.name,
        "app": view.app,
        "version": view.version,
        "state": view.state,
        "servers": list(view.servers),
        "urls": dict(view.urls),
        "hostnames": list(view.hostnames),
        "inputs": {each.name: {"value": each.value, "source": each.source} for each in view.inputs},
        "ports": {
            server: [
                {
                    "name": each.port,
                    "address": each.address,
                    "port": each.host,
                    "protocol": each.protocol,
                    "reach": each.expose,
                }
                for each in ports
            ]
            for server, ports in view.ports.items()
        },
        "images": Remote("the catalog", dict(view.images)),
        "volumes": list(view.volumes),
    }


def app_page(page: AppPage) -> Shown:
    """An app of the catalog."""
    app, needs = page.definition, page.definition.requirements
    words = {
        "title": page.title,
        "tagline": page.tagline,
        "description": page.description,
        "before": page.before,
        "after": page.after,
        "images": {name: service.image for name, service in app.services.items()},
        "inputs": [
            {
                "name": each.name,
                "type": each.type,
                "required": each.required,
                "default": each.default,
                "generated": each.generate is not None,
                "description": each.description or each.label or "",
            }
            for each in app.inputs
            if not each.hidden
        ],
    }
    return {
        "id": app.id,
        "version": Remote(f"the catalog's page of {app.id}", app.version),
        "status": app.status,
        "risk": app.risk,
        "rights": list(page.grants),
        "architectures": list(app.architectures),
        "needs": {"memory": str(needs.memory or ""), "disk": str(needs.disk or ""), "cpu": needs.cpu},
        "ports": [
            {
                "name": port.name,
                "on_server": port.host_ports,
                "container": port.container,
                "reach": port.expose,
            }
            for _, port in app.ports()
        ],
        "data": list(app.volumes),
        "page": Remote(f"the catalog's page of {app.id}", words),
    }
