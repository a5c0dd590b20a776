"""Caddy's configuration for the names of a server's apps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from tomo.frozen import frozen

if TYPE_CHECKING:
    from tomo.spec.proxy import Proxy

FOLDER: Final = "/etc/caddy"
CONFIG: Final = f"{FOLDER}/Caddyfile"
CERTIFICATE, KEY, ROOT = "certificate.pem", "key.pem", "acme-root.pem"

# A request waits so long for a container that is being replaced.
_PATIENCE, _PAUSE, _DIAL = "10s", "100ms", "3s"


@frozen
class Route:
    """One name and the container it leads to."""

    hostname: str
    app: str
    container: str
    port: int
    scheme: str


def caddyfile(proxy: Proxy, routes: Iterable[Route]) -> str:
    """The configuration: the same for the same routes, in the order of their names."""
    ordered = sorted(routes, key=lambda route: route.hostname)
    blocks = [_block("", _global(proxy)), *(_site(proxy, route) for route in ordered)]
    return "# Written by Tomo from the fleet file.\n" + "\n".join(blocks)


def _global(proxy: Proxy) -> Iterator[str]:
    yield f"http_port {proxy.http_port}"
    if proxy.tls == "off":
        yield "auto_https off"
    else:
        yield f"https_port {proxy.https_port}"
    if proxy.email:
        yield f"email {proxy.email}"
    if proxy.acme_directory:
        yield f"acme_ca {proxy.acme_directory}"
    if proxy.acme_root:
        yield f"acme_ca_root {FOLDER}/{ROOT}"
    if proxy.tls == "internal":
        # Its root would otherwise be put into the container's own trust store.
        yield "skip_install_trust"


def _site(proxy: Proxy, route: Route) -> str:
    scheme = "http://" if proxy.tls == "off" else "https://"
    return _block(f"{scheme}{route.hostname}", [*_tls(proxy), *_upstream(route)])


def _tls(proxy: Proxy) -> Iterator[str]:
    if proxy.own_certificate:
        yield f"tls {FOLDER}/{CERTIFICATE} {FOLDER}/{KEY}"
    elif proxy.tls == "internal":
        yield "tls internal"


def _upstream(route: Route) -> Iterator[str]:
    """The name is looked up for each request, so that a replaced container gets the very next one."""
    yield f"reverse_proxy {route.container}:{route.port} {{"
    yield f"\tlb_try_duration {_PATIENCE}"
    yield f"\tlb_try_interval {_PAUSE}"
    yield "\ttransport http {"
    yield "\t\tkeepalive off"
    yield f"\t\tdial_timeout {_DIAL}"
    if route.scheme == "https":
        # Between two containers of one server nobody can vouch for a name.
        yield "\t\ttls_insecure_skip_verify"
    yield "\t}"
    yield "}"


def _block(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"{name} {{".lstrip(), *(f"\t{line}" for line in lines), "}", ""])
