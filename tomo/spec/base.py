"""What fleets and apps share: the strict model, constrained texts, references to inputs and secrets."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    Strict,
    Tag,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tomo.spec import template
from tomo.spec.near import NAME
from tomo.spec.shown import CONTROL, shown
from tomo.spec.size import SIZE

SECRET_NAME: Final = r"[A-Za-z][A-Za-z0-9_.-]{0,127}"  # noqa: S105  # a pattern for names
TIMEZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_DOCKER_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
_ENV_NAME: Final = re.compile(r"[^\s=\x00-\x20\x7f-\x9f]+")
_IMAGE: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._/-]*(?::[0-9]+/[A-Za-z0-9._/-]+)?(?::[\w.-]+)?(?:@[a-z0-9]+:[0-9a-f]+)?"
)
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_HOST_KEY_TYPES: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def mistake(message: str, hint: str = "") -> PydanticCustomError:
    """A validation error that carries what to write instead."""
    return PydanticCustomError("tomo", "{message}", {"message": message, "hint": hint})


class Model(BaseModel):
    """A part of a file a person writes: unknown keys are mistakes, values do not change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


# --- texts -----------------------------------------------------------------------------------------


def as_text(value: object) -> object:
    """Numbers and booleans as the text a person wrote for them; everything else unchanged."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return getattr(value, "text", None) or str(value)
    return value


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise mistake(f"`{shown(text)}` holds a NUL character", "remove it: no program can receive it")
    return text


def _prose(text: str) -> str:
    if CONTROL.search(text):
        raise mistake(f"`{shown(text)}` holds control characters", "write plain text")
    return text


def _line(text: str) -> str:
    if CONTROL.search(text) or "\n" in text or "\t" in text:
        raise mistake(
            f"`{shown(text)}` holds control characters or line breaks", "write one line of plain text"
        )
    return text


def _word(text: str) -> str:
    _line(text)
    if not text or text != text.strip() or " " in text:
        raise mistake(f"`{shown(text)}` holds spaces or is empty", "write one word")
    return text


def _image(text: str) -> str:
    if not _IMAGE.fullmatch(text):
        raise mistake(f"`{shown(text)}` is not an image", "such as `nginx:1.30.4` or `ghcr.io/me/app:2.0`")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        suggestion = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")
        hint = f"such as `{suggestion}`; " if suggestion else ""
        raise mistake(
            f"`{shown(text)}` is not a name",
            f"{hint}lower-case letters, digits and `-` inside, at most 40 characters",
        )
    return text


def _app_ref(text: str) -> str:
    repository, slash, app = text.rpartition("/")
    _name(app)
    if slash:
        _name(repository)
    return text


def _docker_name(text: str) -> str:
    if not _DOCKER_NAME.fullmatch(text):
        raise mistake(f"`{shown(text)}` is not a name in Docker", "letters, digits, `_`, `.` and `-`")
    return text


def _secret_name(text: str) -> str:
    if not re.fullmatch(SECRET_NAME, text):
        raise mistake(
            f"`{shown(text)}` is not a secret's name", "letters, digits, `_`, `.` and `-`, a letter first"
        )
    return text


def _env_name(text: str) -> str:
    if CONTROL.search(text) or not _ENV_NAME.fullmatch(text):
        raise mistake(
            f"`{shown(text)}` is not a variable's name",
            "no spaces, no `=`, no control characters, such as `LOG_LEVEL`",
        )
    return text


def absolute_path(text: str) -> str:
    """The text, if it is an absolute path that needs no resolving; a mistake otherwise."""
    _line(text)
    if not text.startswith("/"):
        raise mistake(f"`{shown(text)}` is not an absolute path", f"write `/{shown(text).lstrip('./')}`")
    if ".." in text.split("/") or ":" in text:
        raise mistake(f"`{shown(text)}` holds `..` or `:`", "write the path itself, such as `/srv/media`")
    return text


def _reference_text(text: str) -> str:
    for reference in template.references(_no_nul(text)):
        if not reference.known:
            known = ", ".join(f"${{{name}}}" for name in (*template.KNOWN, "input.NAME"))
            raise mistake(
                f"`${{{shown(reference.name)}}}` refers to nothing",
                f"one of {known}; write `$${{` for a `${{` of the app's own",
            )
    return text


# --- amounts ---------------------------------------------------------------------------------------


def seconds(duration: str) -> float:
    """The seconds of a duration such as `90s` or `1m30s`."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(duration))


def _duration(text: str) -> str:
    if text.isdigit():
        raise mistake(f"`{text}` has no unit", f"write `{text}s`")
    if not _DURATION.fullmatch(text):
        raise mistake(f"`{shown(text)}` is not a duration", "such as `30s`, `1m30s` or `500ms`")
    return text


def _size(text: str) -> str:
    if not SIZE.fullmatch(text):
        raise mistake(f"`{shown(text)}` is not a size", "such as `512M` or `2G`")
    return text


# --- host keys -------------------------------------------------------------------------------------


def _host_key(text: str) -> str:
    _line(text)
    words = text.split()
    if len(words) < 2 or words[0] not in _HOST_KEY_TYPES:  # noqa: PLR2004  # type and key
        raise mistake(
            f"`{shown(text)}` is not a host key",
            "write `ssh-ed25519 AAAA…` as `tomo server add` or `ssh-keyscan` shows it",
        )
    if _inner_type(words[1]) != words[0].encode():
        raise mistake(
            f"the key after `{words[0]}` is damaged or of another type",
            "copy the whole line again, as `tomo server add` or `ssh-keyscan` shows it",
        )
    return f"{words[0]} {words[1]}"


def _inner_type(encoded: str) -> bytes:
    """The key type that an SSH public key's blob names itself; empty where it can't be read."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length] if len(blob) > 4 + length else b""


class _AsText:
    """Takes numbers and booleans as the text that a person wrote for them."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            as_text, handler(source), json_schema_input_schema=_WRITTEN
        )


class Checked:
    """As pydantic's `AfterValidator`, which has a look at the function again for every field."""

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self._check = check

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))


_WRITTEN: Final = core_schema.union_schema(
    [
        core_schema.str_schema(),
        core_schema.int_schema(),
        core_schema.float_schema(),
        core_schema.bool_schema(),
    ]
)
_AS_TEXT: Final = _AsText()

Flag = Annotated[bool, Strict()]
"""`true` or `false`; not `yes`, not 1."""
Integer = Annotated[int, Strict()]
"""A whole number; not a text, not `true`."""
Number = Annotated[float, Strict()]
"""A number; not a text."""
Text = Annotated[str, _AS_TEXT, Checked(_no_nul)]
"""Any text, numbers as written; line breaks allowed."""
Prose = Annotated[str, _AS_TEXT, Checked(_prose)]
"""Text that people read: line breaks and tabs, no other control characters."""
Line = Annotated[str, _AS_TEXT, Checked(_line)]
"""One line of text."""
Word = Annotated[str, _AS_TEXT, Checked(_word)]
"""One line without spaces: a host, a user, an image."""
Image = Annotated[str, Checked(_image)]
"""An image's name, with its registry, tag and digest."""
Name = Annotated[str, _AS_TEXT, Checked(_name), Field(json_schema_extra={"pattern": f"^{NAME}$"})]
"""A name of a fleet, server, app, service, volume or network."""
AppRef = Annotated[
    str, _AS_TEXT, Checked(_app_ref), Field(json_schema_extra={"pattern": f"^{NAME}(/{NAME})?$"})
]
"""A catalog id, or `REPOSITORY/ID` of a repository that the fleet file pins."""
DockerName = Annotated[str, _AS_TEXT, Checked(_docker_name)]
"""What a container, volume or network is called in Docker."""
SecretName = Annotated[str, Checked(_secret_name), Field(json_schema_extra={"pattern": f"^{SECRET_NAME}$"})]
"""A name under which `tomo secret set` keeps a value."""
EnvName = Annotated[str, _AS_TEXT, Checked(_env_name)]
"""The name of an environment variable."""
AbsolutePath = Annotated[str, Checked(absolute_path)]
"""An absolute path without `..` and `:`."""
Duration = Annotated[str, _AS_TEXT, Checked(_duration)]
"""Such as `30s`; `seconds` reads it."""
Size = Annotated[str, _AS_TEXT, Checked(_size)]
"""Such as `512M`; `size_in_bytes` reads it."""
HostKey = Annotated[str, Checked(_host_key)]
"""A pinned host key, `TYPE BASE64`."""
Template = Annotated[str, _AS_TEXT, Checked(_reference_text)]
"""Text that may hold references of the closed list in `tomo.spec.template`."""


# --- references ------------------------------------------------------------------------------------

# Tags of unions stand in pydantic's locations beside a person's own keys; `~` tells them apart.


class InputRef(Model):
    """The value of one of the app's inputs."""

    input: Line = Field(description="The input's name.")


class SecretRef(Model):
    """A value that `tomo secret set NAME` keeps, encrypted, in the stack's config."""

    secret: SecretName = Field(description="The name given to `tomo secret set`.")


def _kind(value: Any) -> str:
    if isinstance(value, InputRef | SecretRef):
        return "~input" if isinstance(value, InputRef) else "~secret"
    if isinstance(value, Mapping):
        return "~input" if "input" in value else "~secret"
    return "~text"


Value = Annotated[
    Annotated[Template, Tag("~text")]
    | Annotated[InputRef, Tag("~input")]
    | Annotated[SecretRef, Tag("~secret")],
    Discriminator(_kind),
]
"""What a variable may be: text with references, `{input: NAME}`, `{secret: NAME}`."""

SetValue = Annotated[
    Annotated[Text, Tag("~text")] | Annotated[SecretRef, Tag("~secret")],
    Discriminator(_kind),
]
"""What an input may be set to: text, number, boolean (all kept as text), or `{secret: NAME}`."""


def listed(value: object) -> object:
    """One text as a list of one, so that a person may write either."""
    return [value] if isinstance(value, str) else value


def _or_empty(value: object) -> object:
    return {} if value is None else value


MayBeEmpty = BeforeValidator(_or_empty)
"""For mappings whose entries may all be commented out."""
