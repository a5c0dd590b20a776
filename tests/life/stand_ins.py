"""What the images of catalog apps have to answer for, read from the entries themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from lab.stand_ins import StandIn
from tests.life.entries import released
from tomo.spec.app import AppDefinition, Service, span

T = TypeVar("T")
ON_PATH_OF_DEBIAN = {"/bin/sh", "sh", "bash", "grep", "exit"}
PORTS_OF_PROGRAMS = {
    "pg_isready": 5432,
    "mysqladmin": 3306,
    "mariadb-admin": 3306,
    "redis-cli": 6379,
    "mongosh": 27017,
}
HOST_AND_PORT = re.compile(r"(?:localhost|127\.0\.0\.1)[:/](\d+)")
PAGE = re.compile(r"(?:http://(?:localhost|127\.0\.0\.1)(?::\d+)?|GET )(/[^\s'\"?)]*)")
WORD_OF_A_SHELL = re.compile(r"(?:^|[|;&]\s*|do )([a-z]+)")


def stand_ins(apps: Iterable[AppDefinition], release: int = 1) -> list[StandIn]:
    """One stand-in for each image that these apps name, with all that any of them asks of it."""
    made: dict[str, StandIn] = {}
    for app in apps:
        for name, service in app.services.items():
            one = _stand_in(app, name, service, release)
            known = made.get(one.reference)
            made[one.reference] = one if known is None else _both(known, one)
    return [made[reference] for reference in sorted(made)]


def _stand_in(app: AppDefinition, name: str, service: Service, release: int) -> StandIn:
    tests = service.healthcheck.tests() if service.healthcheck else ()
    text = " ".join(tests)
    programs = tuple(_programs(tests))
    declared = [(number, port.protocol) for port in service.ports for number in span(port.container)]
    asked = [int(port) for port in HOST_AND_PORT.findall(text)]
    if "http://localhost/" in text or "http://127.0.0.1/" in text:
        asked.append(80)
    asked += [PORTS_OF_PROGRAMS[each] for each in programs if each in PORTS_OF_PROGRAMS]
    web = app.web if app.web and app.web.service == name else None
    starters = service.entrypoint[:1] if service.entrypoint else ()
    return StandIn(
        released(service.image, release),
        tcp=_once(
            [*asked, *(number for number, kind in declared if kind == "tcp"), *([web.port] if web else [])]
        ),
        udp=_once(number for number, kind in declared if kind == "udp"),
        pages={"/": 200}
        | dict.fromkeys(PAGE.findall(text), 200)
        | ({web.path: 200} | {t.http.path.split("?")[0]: t.http.status for t in app.tests} if web else {}),
        data=_once(
            mount.path for mount in service.mounts if mount.source_kind == "volume" and not mount.read_only
        ),
        programs=_once(programs),
        starters=_once(each for each in starters if each not in ON_PATH_OF_DEBIAN),
        revision=str(release),
    )


def _programs(tests: tuple[str, ...]) -> Iterator[str]:
    if tests and tests[0] == "CMD":
        yield from {tests[1]} - ON_PATH_OF_DEBIAN
    elif len(tests) > 1:
        yield from set(WORD_OF_A_SHELL.findall(tests[1])) - ON_PATH_OF_DEBIAN


def _both(one: StandIn, other: StandIn) -> StandIn:
    return replace(
        one,
        tcp=_once([*one.tcp, *other.tcp]),
        udp=_once([*one.udp, *other.udp]),
        pages={**one.pages, **other.pages},
        data=_once([*one.data, *other.data]),
        programs=_once([*one.programs, *other.programs]),
        starters=_once([*one.starters, *other.starters]),
    )


def _once(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
