"""Which apps are put through their life in every run of the tests."""

from __future__ import annotations

REAL = ("caddy", "mosquitto", "nginx", "node-exporter", "postgres", "radicale", "redis")
STAND_INS = ("firefly-iii", "portainer", "wg-easy")
"""With `REAL` of every kind: several containers, the host's network and processes, capabilities, the Docker socket."""


def chosen() -> list[str]:
    """Some real software and some stand-ins, as many as a minute or two allows; `make apps` takes all."""
    return sorted((*REAL, *STAND_INS))
