"""The reverse proxy in front of a server's apps, and the names that it answers to."""

# Annotations are values here: as texts pydantic would compile each of them at every start.
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from tomo.spec.addresses import HTTP_PORT, HTTPS_PORT
from tomo.spec.base import Image, Integer, Line, Model, SecretRef, Text, Word, mistake
from tomo.spec.shown import shown

PROXY_IMAGE: Final = "caddy:2.11.4-alpine"
_HIGHEST_PORT: Final = 65535

_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+")
_DIRECTORY: Final = re.compile(r"https://[A-Za-z0-9._~:/\[\]-]+")
_PEM: Final = "-----BEGIN CERTIFICATE-----"


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise mistake(f"`{shown(text)}` is not a mail address", "such as `you@example.org`")
    return text


def _directory(text: str) -> str:
    if not _DIRECTORY.fullmatch(text):
        hint = "such as `https://ca.example.org/acme/acme/directory`"
        raise mistake(f"`{shown(text)}` is not the address of an ACME directory", hint)
    return text


def _root(text: str) -> str:
    if _PEM not in text:
        raise mistake("`acme_root` holds no certificate", f"write it in PEM, from `{_PEM}` on")
    return text


def _kind(text: object) -> object:
    if text == "traefik":
        raise mistake("this version has no Traefik as its proxy", "write `kind: caddy`, or leave it out")
    return text


class Certificate(Model):
    """A certificate of your own, in PEM."""

    certificate: SecretRef = Field(description="The certificate and those that signed it, `{secret: NAME}`.")
    key: SecretRef = Field(description="Its key, `{secret: NAME}`.")


def _tls_kind(value: Any) -> str:
    return "~certificate" if isinstance(value, Mapping | Certificate) else "~word"


Tls = Annotated[
    Annotated[Literal["acme", "internal", "off"], Tag("~word")] | Annotated[Certificate, Tag("~certificate")],
    Discriminator(_tls_kind),
]
"""Where certificates come from."""


class Proxy(Model):
    """A reverse proxy on a server, in a container that Tomo keeps. It serves the apps' `hostnames`."""

    kind: Annotated[Literal["caddy"], BeforeValidator(_kind)] = Field(
        "caddy", description="What it is: `caddy`."
    )
    image: Image = Field(PROXY_IMAGE, description="Its image.")
    tls: Tls = Field(
        "acme",
        description="`acme`: from Let's Encrypt or `acme_directory`; `internal`: signed by the proxy itself; "
        "`off`: plain HTTP; or your own, `{certificate: {secret: NAME}, key: {secret: NAME}}`.",
    )
    email: Annotated[Line, AfterValidator(_email)] | None = Field(
        None, description="With `acme`: where the authority writes when something is wrong."
    )
    acme_directory: Annotated[Word, AfterValidator(_directory)] | None = Field(
        None, description="With `acme`: the directory of another authority; Let's Encrypt by default."
    )
    acme_root: Annotated[Text, AfterValidator(_root)] | None = Field(
        None, description="With `acme_directory`: the certificate that its own server is trusted by, in PEM."
    )
    expose: Literal["local", "lan", "public"] = Field(
        "public", description="From where it is reached, and with it every name: `local`, `lan`, `public`."
    )
    http_port: Integer = Field(HTTP_PORT, ge=1, le=_HIGHEST_PORT, description="Its port for HTTP.")
    https_port: Integer = Field(HTTPS_PORT, ge=1, le=_HIGHEST_PORT, description="Its port for HTTPS.")

    @property
    def own_certificate(self) -> Certificate | None:
        """The certificate that a person brings."""
        return self.tls if isinstance(self.tls, Certificate) else None

    @property
    def ports(self) -> tuple[int, ...]:
        """Where it listens, inside as on the server."""
        return (self.http_port,) if self.tls == "off" else (self.http_port, self.https_port)

    def address(self, hostname: str) -> str:
        """What people open for a name, without a `/` at its end."""
        scheme, port, usual = ("https", self.https_port, HTTPS_PORT)
        if self.tls == "off":
            scheme, port, usual = ("http", self.http_port, HTTP_PORT)
        return f"{scheme}://{hostname}" + ("" if port == usual else f":{port}")

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        for name in ("email", "acme_directory", "acme_root"):
            if getattr(self, name) is not None and self.tls != "acme":
                raise mistake(f"`{name}` belongs to `tls: acme`", "remove it, or write `tls: acme`")
        if self.acme_root is not None and self.acme_directory is None:
            raise mistake(
                "`acme_root` belongs to `acme_directory`", "write `acme_directory` too, or remove it"
            )
        if self.tls != "off" and self.http_port == self.https_port:
            raise mistake("`http_port` and `https_port` are the same", "give each a port of its own")
        return self
