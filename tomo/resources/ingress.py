"""A server's reverse proxy: its container, its configuration, and what tells it of a new one."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tomo.frozen import frozen
from tomo.model.declaration import Declaration, Key, OutputRef
from tomo.model.values import Properties, Value
from tomo.resources import tokens
from tomo.resources.apps import AppOnServer
from tomo.resources.caddyfile import CERTIFICATE, CONFIG, FOLDER, KEY, ROOT, Route, caddyfile
from tomo.resources.hosts import road, script_run, server_key
from tomo.resources.scripts import proxy_reload_script
from tomo.resources.texts import FleetValues, Instance, is_secret
from tomo.spec.addresses import PROXY
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import App, Fleet

if TYPE_CHECKING:
    from tomo.spec.proxy import Proxy

_SERVICE = "caddy"
_OPEN, _CLOSED = "0644", "0600"


@frozen(slots=False)
class ProxyOnServer(AppOnServer):
    """The proxy is an app like others, with a folder of files that it reads anew while it runs."""

    routes: Sequence[Route] = ()

    def declarations(self) -> Iterator[Declaration]:
        """What every app has, the files before its container, and the order to read them after it."""
        *before, container = super().declarations()
        files = list(self._config())
        yield from before
        yield from files
        keys = tuple(file.key for file in files)
        yield replace(container, depends_on=(*container.depends_on, *keys))
        yield self._reload(container.key, keys)

    @cached_property
    def _proxy(self) -> Proxy:
        from tomo.spec.proxy import Proxy  # noqa: PLC0415  # made where a server has one

        return self.instance.server.proxy or Proxy()

    def _config(self) -> Iterator[Declaration]:
        proxy, secret = self._proxy, self.instance.values.secret
        yield self._config_file("Caddyfile", caddyfile(proxy, self.routes), _OPEN)
        if proxy.acme_root:
            yield self._config_file(ROOT, proxy.acme_root, _OPEN)
        if own := proxy.own_certificate:
            yield self._config_file(CERTIFICATE, secret(own.certificate.secret), _OPEN)
            yield self._config_file(KEY, secret(own.key.secret), _CLOSED)

    def _config_file(self, name: str, content: Value, mode: str) -> Declaration:
        return Declaration(
            key=f"{self.key}/file/{name}",
            type=tokens.FILE,
            name=f"{PROXY}:{FOLDER}/{name}@{self.instance.server_name}",
            parent=self.key,
            depends_on=(server_key(self.instance.server_name),),
            inputs={
                **road(self.instance.server),
                "path": posixpath.join(_folder(self.instance.fleet), name),
                "content": content,
                "mode": mode,
                tokens.PROVIDER_KEY: tokens.FILE_PROVIDER,
            },
            additional_secret_outputs=("sha256",) if is_secret(content) else (),
        )

    def _reload(self, container: Key, files: Iterable[Key]) -> Declaration:
        environment: Properties = {
            "TOMO_PROXY_NAME": PROXY,
            "TOMO_PROXY_CONFIG": CONFIG,
            tokens.ROUTES_VARIABLE: json.dumps(list(self._told()), sort_keys=True, separators=(",", ":")),
            **{f"TOMO_PROXY_FILE_{index}": OutputRef(key, "sha256") for index, key in enumerate(files)},
        }
        name = f"{PROXY}-reload@{self.instance.server_name}"
        made = script_run(
            f"{self.key}/reload", name, self.instance.server, proxy_reload_script(), environment
        )
        return replace(made, parent=self.key, depends_on=(container,))

    def _told(self) -> Iterator[dict[str, str]]:
        """What a plan says about each name."""
        for route in sorted(self.routes, key=lambda route: route.hostname):
            yield {
                "name": route.hostname,
                "app": route.app,
                "container": route.container,
                "url": self._proxy.address(route.hostname),
                "reach": self.instance.server.bind_address(self._proxy.expose) or "",
            }


def proxy_on(
    fleet: Fleet, server_name: str, definition: AppDefinition, values: FleetValues, routes: Sequence[Route]
) -> ProxyOnServer:
    """The proxy of a server that has one, with the routes that it serves."""
    server = fleet.servers[server_name]
    app = App(definition=definition, server=server_name)
    instance = Instance(fleet.fleet, PROXY, app, definition, server_name, server, values)
    return ProxyOnServer(instance, (), {PROXY: shared_network(server_name)}, routes)


def shared_network(server_name: str) -> Key:
    """Names the network that a server's proxy shares with the apps behind it."""
    return f"network/{PROXY}@{server_name}"


def routes_by_server(apps: Iterable[AppOnServer]) -> Mapping[str, list[Route]]:
    """The names of the apps and the containers they lead to, by server."""
    found: dict[str, list[Route]] = {}
    for app in apps:
        web = app.proxied_web
        if web is None:
            continue
        for hostname in app.instance.app.hostnames:
            container = app.docker_name(web.service)
            route = Route(hostname, app.instance.name, container, web.port, web.scheme)
            found.setdefault(app.instance.server_name, []).append(route)
    return found


def _folder(fleet: str) -> str:
    return posixpath.join(tokens.HOST_FOLDER, fleet, PROXY, _SERVICE)


def proxy_definition(fleet: str, proxy: Proxy) -> AppDefinition:
    """What a proxy runs, in the words of an app."""
    ports: list[dict[str, Any]] = [_port("http", proxy.http_port, proxy)]
    if proxy.tls != "off":
        ports.append(_port("https", proxy.https_port, proxy))
        ports.append({**_port("http3", proxy.https_port, proxy), "protocol": "udp"})
    service = {
        "image": proxy.image,
        "command": ["caddy", "run", "--adapter", "caddyfile", "--config", CONFIG],
        "ports": ports,
        "mounts": [
            {"volume": "data", "path": "/data"},
            {"volume": "config", "path": "/config"},
            {"host": _folder(fleet), "path": FOLDER, "read_only": True},
        ],
        # The administration interface listens inside the container only.
        "healthcheck": {
            "test": ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:2019/config/"],
            "interval": "5s",
            "start": "10s",
        },
        "env": {"XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "/config"},
    }
    return AppDefinition.model_validate(
        {
            "id": PROXY,
            "title": "Proxy",
            "version": proxy.image.rpartition(":")[2] or "1",
            "services": {_SERVICE: service},
            "volumes": {"data": {}, "config": {"backup": False}},
        }
    )


def _port(name: str, port: int, proxy: Proxy) -> dict[str, Any]:
    return {"name": name, "container": str(port), "expose": proxy.expose}
