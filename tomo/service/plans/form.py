"""The file of a saved plan: one canonical JSON text with a digest and the code that authenticates it.

Canonical: UTF-8, keys sorted by code point, no space between tokens, numbers as orjson writes them, one
line break at the end. A file with the same meaning and other bytes is refused.
"""

from __future__ import annotations

import hashlib
from typing import Final, TypeAlias

import orjson

from tomo.errors import PlanRefused, StateError
from tomo.frozen import frozen

FORMAT: Final = "tomo.plan/v1"
_MEMBERS: Final = {"body", "digest", "format", "mac"}
_START: Final = b'{"body":{'
_SIGN: Final = b'"format":"tomo.plan/'
_TAIL: Final = 400

Json: TypeAlias = object
"""None, bool, int, float, str, list or dict."""


@frozen
class Envelope:
    """A plan file, taken apart. `digest` is `sha256:…` of format and body; `mac` is hex."""

    body: dict[str, Json]
    digest: str
    mac: str


def canonical(document: Json) -> bytes:
    """The one text of a document; raises StateError for what JSON can't hold."""
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError as error:
        raise StateError(
            f"a plan can't hold a value: {error}", hint="bytes that aren't UTF-8 text can't be saved"
        ) from error


def parsed(text: bytes) -> Json:
    """The document of a JSON text; raises PlanRefused, and never quotes it."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise PlanRefused(
            "the plan is damaged: a part of it is no JSON", hint="make a new one: `tomo plan -o FILE`"
        ) from None


def digest_of(body: Json) -> str:
    """The digest of a plan with this body."""
    return f"sha256:{hashlib.sha256(canonical({'body': body, 'format': FORMAT})).hexdigest()}"


def file_text(envelope: Envelope) -> bytes:
    """The whole file."""
    members = {"body": envelope.body, "digest": envelope.digest, "format": FORMAT, "mac": envelope.mac}
    return canonical(members) + b"\n"


def read_envelope(text: bytes, where: str) -> Envelope:
    """The parts of a plan file whose bytes are as they were written; raises PlanRefused for any other."""
    if not looks_like_plan(text):
        raise PlanRefused(f"`{where}` is no saved plan", hint="make one: `tomo plan -o FILE`")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _changed(where) from None
    if not isinstance(document, dict) or document.keys() != _MEMBERS:
        raise _changed(where)
    if document["format"] != FORMAT:
        raise PlanRefused(
            f"`{where}` has the format `{document['format']}`, and this version reads `{FORMAT}`",
            hint="make a new one with this version: `tomo plan -o FILE`",
        )
    body, digest, mac = document["body"], document["digest"], document["mac"]
    if not isinstance(body, dict) or not isinstance(mac, str) or digest != digest_of(body):
        raise _changed(where)
    envelope = Envelope(body, digest, mac)
    if file_text(envelope) != text:
        raise _changed(where)
    return envelope


def looks_like_plan(text: bytes) -> bool:
    """Whether a file's bytes are those of a saved plan, whole or not."""
    return text.startswith(_START) and _SIGN in text[-_TAIL:]


def _changed(where: str) -> PlanRefused:
    return PlanRefused(
        f"`{where}` was changed after it was made: its bytes do not fit its digest",
        hint="make a new one: `tomo plan -o FILE`",
    )
