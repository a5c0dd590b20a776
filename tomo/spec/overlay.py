"""An app as one fleet wants it: the definition with the fleet's own settings laid over it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tomo.frozen import frozen
from tomo.spec.app import AppDefinition, Expose, Mount, Port, Service, Web
from tomo.spec.base import InputRef
from tomo.spec.fleet import EVERYWHERE, App, Server, ServiceSettings
from tomo.spec.inputs import InputValue, holds, input_values


def overlaid(name: str, definition: AppDefinition, app: App) -> AppDefinition:
    """The definition with a fleet's ports, env, mounts, secrets, resources and labels in it.

    Services, mounts and devices whose `when` does not hold are gone, files of gone services too, and so are
    variables whose input has no value. Ports carry their final host port and exposure. References and
    input values stay as they are.
    """
    values = input_values(name, definition, app)
    kept = {key for key, service in definition.services.items() if holds(service.when, values)}
    services = {
        key: _service(key, service, definition=definition, app=app, values=values, kept=kept)
        for key, service in definition.services.items()
        if key in kept
    }
    files = tuple(file for file in definition.files if file.service in kept)
    return definition.model_copy(update={"services": services, "files": files})


def settings_of(service: str, definition: AppDefinition, app: App) -> ServiceSettings:
    """A fleet's changes to one service; what stands at the app's top is for the main one."""
    own = app.services.get(service, ServiceSettings())
    if service != definition.main_service:
        return own
    return own.model_copy(
        update={
            "env": {**app.env, **own.env},
            "secrets": (*app.secrets, *own.secrets),
            "mounts": (*app.mounts, *own.mounts),
            "resources": own.resources or app.resources,
        }
    )


def _service(
    key: str,
    service: Service,
    *,
    definition: AppDefinition,
    app: App,
    values: Mapping[str, InputValue],
    kept: Collection[str],
) -> Service:
    settings = settings_of(key, definition, app)
    env = {**service.env, **settings.env}
    changes: dict[str, Any] = {
        "env": {
            key: value
            for key, value in env.items()
            if not _has_no_value(value, values) and key not in settings.without_env
        },
        "labels": {**service.labels, **settings.labels},
        "secrets": (*service.secrets, *settings.secrets),
        "resources": settings.resources or service.resources,
        "image": settings.image or service.image,
        "ports": tuple(
            _port(port, app, proxied=bool(app.hostnames) and port is definition.web_port())
            for port in service.ports
        ),
        "mounts": tuple(mount for mount in _mounts(service, settings) if holds(mount.when, values)),
        "devices": tuple(device for device in service.devices if holds(device.when, values)),
        "depends_on": {other: how for other, how in service.depends_on.items() if other in kept},
    }
    return service.model_copy(update=changes)


def _has_no_value(value: object, values: Mapping[str, InputValue]) -> bool:
    return isinstance(value, InputRef) and value.input not in values


def _mounts(service: Service, settings: ServiceSettings) -> list[Mount]:
    added = {mount.path: mount for mount in settings.mounts}
    kept = [added.pop(mount.path, mount) for mount in service.mounts]
    return [*kept, *added.values()]


def _port(port: Port, app: App, *, proxied: bool) -> Port:
    setting = app.ports.get(port.name)
    host = (setting.host if setting else None) or port.host_ports
    usual = "none" if proxied and setting is None else app.exposure or port.expose
    expose = (setting.expose if setting else None) or usual
    return port.model_copy(update={"host": host, "expose": expose})


# --- where it is reached -----------------------------------------------------------------------------


@frozen
class Binding:
    """One published port of one app on one server."""

    service: str
    port: str
    address: str
    host: int
    container: int
    protocol: str
    expose: Expose


def bindings(definition: AppDefinition, server: Server) -> list[Binding]:
    """Every port that an overlaid definition publishes on a server, ranges spread out."""
    return [
        Binding(service, port.name, address, host, container, port.protocol, port.expose)
        for service, port in definition.ports()
        if (address := server.bind_address(port.expose)) is not None
        for host, container in port.pairs()
    ]


def app_url(definition: AppDefinition, app: App, server: Server) -> str:
    """The address people open, without a `/` at its end; `""` where no page is published."""
    if app.url:
        return app.url.rstrip("/")
    web, port = definition.web, definition.web_port()
    if web is None or web.service not in definition.services:
        return ""
    if app.hostnames and server.proxy is not None:
        return f"{server.proxy.address(app.hostnames[0])}{web.path}".rstrip("/")
    if definition.services[web.service].network_mode == "host":
        return _url(web, server.address, web.port)
    bound = server.bind_address(port.expose) if port else None
    if port is None or bound is None:
        return ""
    host_port = next(host for host, container in port.pairs() if container == web.port)
    return _url(web, server.address if bound == EVERYWHERE else bound, host_port)


def _url(web: Web, address: str, port: int) -> str:
    bracketed = f"[{address}]" if ":" in address else address
    return f"{web.scheme}://{bracketed}:{port}{web.path}".rstrip("/")
