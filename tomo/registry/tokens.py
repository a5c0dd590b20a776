"""What a registry wants to know who asks: a token of its own service, or name and password.

As in the distribution specification: the answer 401 names in `WWW-Authenticate` where a token is had.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Final
from urllib.parse import urlencode

from tomo.errors import RegistryDenied, RegistryError
from tomo.frozen import frozen
from tomo.registry.access import Endpoint, RegistryLogin
from tomo.registry.http import Answer, Ask, ask, refused, unreachable

_FIELD: Final = re.compile(r'([A-Za-z]+)="([^"\\]*)"')
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_OK: Final = 200
_FAULTY: Final = 500


@frozen
class Challenge:
    """What a registry asks for: `bearer` or `basic`, and where a token is had."""

    scheme: str
    realm: str = ""
    service: str = ""


def challenge_of(answer: Answer) -> Challenge:
    """The challenge of a 401."""
    scheme, _, rest = answer.headers.get("www-authenticate", "").partition(" ")
    fields = {name.lower(): value for name, value in _FIELD.findall(rest)}
    return Challenge(scheme.lower(), fields.get("realm", ""), fields.get("service", ""))


def authorization(
    challenge: Challenge, endpoint: Endpoint, repository: str, login: RegistryLogin | None
) -> str:
    """The `Authorization` header that may pull from a repository; raises RegistryDenied where there is none.

    The scope is always made here: whatever a registry asks for, the token can do no more than pull.
    """
    if challenge.scheme == "basic" and login is not None:
        return _basic(login)
    if challenge.scheme != "bearer" or not challenge.realm:
        raise RegistryDenied(
            f"the registry `{endpoint.address}` wants a login",
            hint="only what everybody may pull can be asked for",
        )
    query = urlencode({"service": challenge.service, "scope": f"repository:{repository}:pull"})
    joint = "&" if "?" in challenge.realm else "?"
    headers = {"Authorization": _basic(login)} if login is not None else {}
    answer = ask(Ask("GET", f"{challenge.realm}{joint}{query}", headers, endpoint))
    if answer.status != _OK:
        raise _no_token(endpoint, answer.status, login)
    return f"Bearer {_token(answer, endpoint)}"


def _no_token(endpoint: Endpoint, status: int, login: RegistryLogin | None) -> RegistryError:
    if status >= _FAULTY:
        return unreachable(endpoint.address, refused(status))
    who = "this login" if login is not None else "nobody without a login"
    return RegistryDenied(f"the registry `{endpoint.address}` gives {who} a token: {refused(status)}")


def _token(answer: Answer, endpoint: Endpoint) -> str:
    try:
        told = json.loads(answer.body)
        token = told.get("token") or told.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise RegistryError(f"the registry `{endpoint.address}` gives out no token that can be used")
    return token


def _basic(login: RegistryLogin) -> str:
    pair = f"{login.user}:{login.password.reveal()}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
