"""Which name leads to which app on a server, and what of that can't be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from tomo.frozen import frozen
from tomo.spec.addresses import PROXY
from tomo.spec.fleet import EVERYWHERE, Fleet, Server
from tomo.spec.overlay import Binding
from tomo.spec.problems import Finding

if TYPE_CHECKING:
    from tomo.spec.check import Subject
    from tomo.spec.proxy import Proxy

_WIDTH: Final = {"none": 0, "local": 1, "lan": 2, "public": 3}


@frozen
class Listener:
    """One port on which a server's proxy is reached."""

    server: str
    port: int
    protocol: str
    address: str


def listeners(name: str, server: Server) -> Iterator[Listener]:
    """Where a server's proxy listens; HTTPS by UDP too, for HTTP/3."""
    proxy = server.proxy
    if proxy is None:
        return
    address = server.bind_address(proxy.expose) or EVERYWHERE
    for port in proxy.ports:
        yield Listener(name, port, "tcp", address)
    if proxy.tls != "off":
        yield Listener(name, proxy.https_port, "udp", address)


def proxy_findings(fleet: Fleet) -> Iterator[Finding]:
    """What is wrong with the proxies themselves, without a catalog."""
    for name, server in fleet.servers.items():
        if server.proxy is not None and server.proxy.expose == "lan" and server.lan_address is None:
            message = f"`lan` needs an address of server `{name}` in the local network"
            yield ("servers", name, "proxy"), message, "write `lan: 192.168.1.10`, with its own address"
    if PROXY in fleet.apps and any(server.proxy for server in fleet.servers.values()):
        message = f"`{PROXY}` is what a server's proxy is called"
        yield ("apps", PROXY), message, "give the app another name"


def name_clashes(subjects: Iterable[Subject]) -> Iterator[Finding]:
    """Names that two apps want, or that an app wants twice."""
    owners: dict[str, str] = {}
    for subject in subjects:
        for index, hostname in enumerate(subject.app.hostnames):
            path = ("apps", subject.name, "hostnames", index)
            owner = owners.get(hostname)
            if owner == subject.name:
                yield path, f"`{hostname}` stands here twice", "keep one of them"
            elif owner is not None:
                yield path, f"`{hostname}` is a name of app `{owner}` already", "write another name"
            owners.setdefault(hostname, subject.name)


def route_findings(subject: Subject) -> Iterator[Finding]:
    """Why an app can't be reached by its names as the fleet wants it."""
    app, definition, path = subject.app, subject.definition, ("apps", subject.name, "hostnames")
    if not app.hostnames:
        return
    web = definition.web
    if web is None:
        yield path, f"`{definition.id}` has no page that a name could lead to", "remove `hostnames`"
        return
    service = definition.services.get(web.service)
    if service is not None and service.network_mode:
        message = f"`{web.service}` uses the network `{service.network_mode}`, where no proxy reaches it"
        yield path, message, "remove `hostnames`"
    for name, server in subject.servers:
        if server.proxy is None:
            yield path, f"server `{name}` has no proxy", f"write `proxy: {{}}` under `servers.{name}`"
        else:
            yield from _reach(subject, name, server.proxy)


def _reach(subject: Subject, server: str, proxy: Proxy) -> Iterator[Finding]:
    """A name is reached from wherever the proxy is: an app that must not be is refused."""
    app, path = subject.app, ("apps", subject.name)
    if proxy.expose == "public" and not subject.definition.exposure.allowed:
        message = (
            f"`{subject.definition.id}` must not be reached from everywhere, as the proxy of `{server}` is"
        )
        yield (*path, "hostnames"), message, f"write `expose: lan` under `servers.{server}.proxy`"
    elif app.exposure is not None and _WIDTH[app.exposure] < _WIDTH[proxy.expose]:
        message = f"`{app.exposure}` is less than the reach of the proxy of `{server}`: `{proxy.expose}`"
        hint = f"write `exposure: {proxy.expose}`, or `expose: {app.exposure}` for the proxy"
        yield (*path, "exposure"), message, "remove `hostnames`" if app.exposure == "none" else hint


def listener_clash(taken: Iterable[Listener], server: str, binding: Binding) -> Listener | None:
    """The proxy's port that an app's port collides with."""
    for each in taken:
        same = (each.server, each.port, each.protocol) == (server, binding.host, binding.protocol)
        if same and (each.address == binding.address or EVERYWHERE in (each.address, binding.address)):
            return each
    return None
