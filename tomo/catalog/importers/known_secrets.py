"""Passwords that a catalog publishes, replaced by ones that are made: everybody knows the published ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from tomo.catalog.importers.reading import NO_FILE, refuse
from tomo.catalog.importers.secrecy import from_outside, holds_secret, shape_of
from tomo.catalog.importers.variables import Asked, Texts, secret

_MOST: Final = 100
_DISTINCT: Final = 8
"""Length from which a text is a password wherever it stands, and no user's or database's name."""
_PREFIX: Final = re.compile(r"(base64:|Bearer )(.+)", re.DOTALL)
_IN_ADDRESS: Final = re.compile(r"://[^\s:/@]*:([^\s:/@]+)@")
_OF_ADDRESS: Final = "_LOGIN"
_REFERENCE: Final = re.compile(r"\$?\$\{")


def replace_known(services: dict[str, dict[str, Any]], texts: Texts, files: list[dict[str, Any]]) -> None:
    """Puts a generated input in place of every known secret, wherever the same text is one."""
    found = dict(_known(services))
    if not found:
        return
    common = Counter(
        value
        for service in services.values()
        for key, value in _plain(service)
        if not holds_secret(key, value)
    )
    if len(found) > _MOST:
        refuse(NO_FILE, 0, f"it has more than {_MOST} published secrets", "no app has so many")
    for literal, key in found.items():
        prefix, bare = _prefix_of(literal)
        alone = sum(literal in text for text in _all_texts(services, files)) == 1
        name = _asked(texts, key, bare, alone=alone, several=len(services) > 1)
        distinct = len(bare) >= _DISTINCT and bare not in common and bare not in services
        for service in services.values():
            _in_service(service, literal, (prefix, name), distinct=distinct)
        if distinct and any(literal in file["content"] for file in files):
            for file in files:
                file["content"] = file["content"].replace(literal, f"{prefix}${{input.{name}}}")


def _asked(texts: Texts, key: str, known: str, *, alone: bool, several: bool) -> str:
    """The input that stands for a known secret; one that only another service can give out is not made."""
    name = texts.inputs.free_name(key)
    if alone and key.endswith(_OF_ADDRESS):
        texts.ledger.person(f"the password in `{key.removesuffix(_OF_ADDRESS)}` was not copied: set `{name}`")
        return texts.inputs.ask(Asked(name, "secret", required=True))
    if alone and from_outside(key):
        texts.ledger.person(f"secret `{name}` comes from another service: set it where it is needed")
        return texts.inputs.ask(Asked(name, "secret"))
    texts.ledger.generating(f"secret `{name}`, in place of a published one")
    if alone and several:
        texts.ledger.person(f"`{name}` was a published default that other services may rely on: check them")
    return texts.inputs.ask(secret(name, **shape_of(known)))


def _known(services: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for service in services.values():
        for key, value in _plain(service):
            if holds_secret(key, value) and value not in seen:
                seen.add(value)
                yield value, key
    for service in services.values():
        for key, value in _plain(service):
            for match in _IN_ADDRESS.finditer(value):
                if match[1] not in seen:
                    seen.add(match[1])
                    yield match[1], f"{key}{_OF_ADDRESS}"


def _plain(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in service.get("env", {}).items():
        if isinstance(value, str) and value and not _REFERENCE.search(value):
            yield key, value


def _all_texts(services: dict[str, dict[str, Any]], files: list[dict[str, Any]]) -> Iterator[str]:
    for service in services.values():
        yield from (value for value in service.get("env", {}).values() if isinstance(value, str))
        for key in ("command", "entrypoint"):
            yield from service.get(key, [])
    yield from (file["content"] for file in files)


def _prefix_of(literal: str) -> tuple[str, str]:
    match = _PREFIX.fullmatch(literal)
    return (match[1], match[2]) if match else ("", literal)


def _in_service(service: dict[str, Any], literal: str, instead: tuple[str, str], *, distinct: bool) -> None:
    prefix, name = instead
    reference = f"{prefix}${{input.{name}}}"
    env = service.get("env", {})
    for key, value in env.items():
        if not isinstance(value, str):
            continue
        if value == literal and (distinct or holds_secret(key)):
            env[key] = {"input": name} if not prefix else reference
        else:
            env[key] = _within(value, literal, reference, distinct=distinct)
    for key in ("command", "entrypoint"):
        if key in service:
            service[key] = [_within(text, literal, reference, distinct=distinct) for text in service[key]]
    check = service.get("healthcheck")
    if check:
        check["test"] = [_within(text, literal, reference, distinct=distinct) for text in check["test"]]


def _within(text: str, literal: str, reference: str, *, distinct: bool) -> str:
    """The text with the literal replaced: as a URL's or a flag's password, or anywhere if distinct."""
    if literal not in text:
        return text
    if distinct:
        return text.replace(literal, reference)
    quoted = re.escape(literal)
    places = rf"(?<=:){quoted}(?=@)|(?<=[Pp]assword=){quoted}\b|(?<=\s-p){quoted}\b|(?<=^-p){quoted}$"
    return re.sub(places, lambda _match: reference, text)
