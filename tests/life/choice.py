"""Which apps are put through their life in every run of the tests."""

from __future__ import annotations

REAL = ("caddy", "mosquitto", "nginx", "postgres", "radicale", "redis")
STAND_INS = ("firefly-iii", "netdata", "portainer", "wg-easy")
"""Of every kind: several containers, the host's network and processes, capabilities, the Docker socket."""


def chosen() -> list[str]:
    """Some real software and some stand-ins, as many as a minute or two allows; `make apps` takes all."""
    return sorted((*REAL, *STAND_INS))
