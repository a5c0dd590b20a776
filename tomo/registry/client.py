"""What registries say of images: the digest behind a name, and the tags of a repository.

Speaks the OCI distribution API, version 1.1. Nothing is kept but tokens, for as long as the client lives.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit

from tomo.errors import NotInRegistry, RegistryDenied, RegistryError, RegistryUnreachable, Transient
from tomo.model.image import ImageName
from tomo.registry.access import Access, Anonymous, Endpoint
from tomo.registry.http import Answer, Ask, ask, refused, unreachable
from tomo.registry.name import DIGEST, TAG
from tomo.registry.tokens import authorization, challenge_of

_FORMS: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_NEXT: Final = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
_PAGE: Final = 1000
_PAGES: Final = 20
_OK, _UNAUTHORIZED, _FORBIDDEN, _MISSING, _TOO_MANY, _FAULTY = 200, 401, 403, 404, 429, 500

T = TypeVar("T")


class RegistryClient:
    """Asks registries; several threads may use it."""

    def __init__(self, access: Access | None = None) -> None:
        self._access = access or Anonymous()
        self._tokens: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def digest(self, image: ImageName) -> str:
        """The digest that a name stands for now, `sha256:…`: of the list of platforms where there is one.

        Raises NotInRegistry, RegistryDenied, RegistryUnreachable or RegistryError.
        """
        return self._first(image, lambda endpoint: self._digest_at(endpoint, image))

    def tags(self, image: ImageName) -> tuple[str, ...]:
        """The tags of the image's repository, in the registry's order, up to 20,000; raises as `digest`."""
        return self._first(image, lambda endpoint: self._tags_at(endpoint, image))

    # --- parts ----------------------------------------------------------------------------------------

    def _first(self, image: ImageName, asked: Callable[[Endpoint], T]) -> T:
        """The answer of the first place that has one; the last one's error where none has."""
        *mirrors, last = self._access.endpoints(image.registry)
        for endpoint in mirrors:
            try:
                return asked(endpoint)
            except RegistryError:
                continue
        return asked(last)

    def _digest_at(self, endpoint: Endpoint, image: ImageName) -> str:
        path = f"/v2/{image.repository}/manifests/{image.digest or image.tag}"
        answer = self._asked(endpoint, image, "HEAD", path)
        told = answer.headers.get("docker-content-digest", "")
        if DIGEST.fullmatch(told):
            return told
        # Some registries name no digest, but it is that of the bytes.
        return f"sha256:{hashlib.sha256(self._asked(endpoint, image, 'GET', path).body).hexdigest()}"

    def _tags_at(self, endpoint: Endpoint, image: ImageName) -> tuple[str, ...]:
        path = f"/v2/{image.repository}/tags/list?n={_PAGE}"
        found: dict[str, None] = {}
        for _ in range(_PAGES):
            answer = self._asked(endpoint, image, "GET", path)
            found.update(dict.fromkeys(_tags_in(answer, endpoint)))
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                break
            # Only the path: where the next page is asked is not the registry's to say.
            parts = urlsplit(following[1])
            path = f"{parts.path}?{parts.query}"
        return tuple(found)

    def _asked(self, endpoint: Endpoint, image: ImageName, method: str, path: str) -> Answer:
        key = (endpoint.address, image.repository)
        with self._lock:
            known = self._tokens.get(key)
        answer = _sent(endpoint, method, path, known)
        if answer.status == _UNAUTHORIZED:
            login = self._access.login(endpoint)
            made = authorization(challenge_of(answer), endpoint, image.repository, login)
            with self._lock:
                self._tokens[key] = made
            answer = _sent(endpoint, method, path, made)
        if answer.status != _OK:
            raise _refusal(endpoint, image, answer)
        return answer


def _sent(endpoint: Endpoint, method: str, path: str, token: str | None) -> Answer:
    headers: Mapping[str, str] = {"Accept": ", ".join(_FORMS)} | ({"Authorization": token} if token else {})
    return ask(Ask(method, endpoint.url + path, headers, endpoint))


def _tags_in(answer: Answer, endpoint: Endpoint) -> list[str]:
    try:
        told = json.loads(answer.body).get("tags") or []
    except (ValueError, AttributeError, RecursionError) as error:
        raise RegistryError(
            f"the registry `{endpoint.address}` sends a list of tags that can't be read"
        ) from error
    return (
        [tag for tag in told if isinstance(tag, str) and TAG.fullmatch(tag)] if isinstance(told, list) else []
    )


def _refusal(endpoint: Endpoint, image: ImageName, answer: Answer) -> RegistryError:
    place, status = endpoint.address, answer.status
    if status == _MISSING:
        hint = "check the name and the tag on the image's own page"
        return NotInRegistry(f"the registry `{place}` has no image `{image}`", hint=hint)
    if status in {_UNAUTHORIZED, _FORBIDDEN}:
        hint = "it is private, or there is none of that name"
        return RegistryDenied(f"the registry `{place}` shows `{image}` to nobody who asks so", hint=hint)
    if status == _TOO_MANY:
        error = RegistryUnreachable(
            f"the registry `{place}` was asked too often for now",
            hint="wait some minutes, or ask with a login",
        )
        error.transient = Transient.REGISTRY
        return error
    if status >= _FAULTY:
        return unreachable(place, refused(status))
    return RegistryError(f"the registry `{place}` refuses what was asked about `{image}`: {refused(status)}")
