"""The providers of a run: loads, configures and hands them out by reference (engine-spec 1.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import Lock
from typing import Final

from tomo.engine.compare import taken_by
from tomo.errors import PluginMissing, ProviderFailed, TomoError
from tomo.model.bookkeeping import plugin_url
from tomo.model.provider import Provider, ProviderSource
from tomo.model.resource import ResourceState
from tomo.model.urn import PROVIDER_TYPE_PREFIX, Urn, package_of, provider_ref, split_provider_ref
from tomo.model.values import Properties


def is_provider(type_: str) -> bool:
    """Whether a type is a provider resource's."""
    return type_.startswith(PROVIDER_TYPE_PREFIX)


_DEFAULT: Final = "default"
"""How the names of default providers begin."""


def default_name(version: str, url: str = "") -> str:
    """The name of a package's default provider: `default`, or with its version as `default_5_2_0`."""
    release, _, build = version.partition("+")
    numbers, _, candidate = release.partition("-")
    parts = [part for text in (numbers, candidate, build) if text for part in text.split(".")]
    address = "/".join(re.sub(r"[^A-Za-z0-9_.-]", "_", part) for part in url.split("/") if part)
    return "_".join([_DEFAULT, *parts, *([address] if address else [])])


class Providers:
    """Configured providers by reference; those of the recorded state are made when first asked for."""

    def __init__(self, source: ProviderSource, recorded: Iterable[ResourceState]) -> None:
        self._source = source
        self._recorded: Mapping[str, ResourceState] = {
            provider_ref(entry.urn, entry.id): entry for entry in recorded if is_provider(entry.type)
        }
        self._ready: dict[str, Provider] = {}
        self._lock = Lock()

    def load(self, urn: Urn, version: str, url: str = "") -> Provider:
        """A new provider for a provider resource; `url` is where its plugin can be had."""
        try:
            provider = self._source.load(package_of(urn.type), version)
        except PluginMissing as error:
            raise error.had_from(url) from error
        provider.urn = urn
        return provider

    def put(self, ref: str, provider: Provider) -> None:
        """Makes a configured provider the one behind a reference."""
        with self._lock:
            self._ready[ref] = provider

    def get(self, ref: str) -> Provider | None:
        """The provider behind a reference; None where neither this run nor the state has it."""
        with self._lock:
            ready = self._ready.get(ref)
            if ready is None and ref in self._recorded:
                entry = self._recorded[ref]
                version = str(entry.inputs.get("version") or "")
                ready = self.load(entry.urn, version, plugin_url(entry.inputs))
                ready.configure(visible(taken_by(ready, entry.inputs)))
                self._ready[ref] = ready
            return ready

    def recorded(self, ref: str) -> ResourceState | None:
        """The recorded entry of a provider, one that waits for its deletion included."""
        return self._recorded.get(ref)

    def cancel(self) -> None:
        """Asks every provider in use to end soon."""
        for provider in list(self._ready.values()):
            # One that can't even be asked must not keep the others from being asked.
            with suppress(Exception):
                provider.cancel()


def as_tomo_error(error: BaseException) -> TomoError:
    """The error itself, or a foreign one a provider let through, named as that."""
    if isinstance(error, TomoError):
        return error
    return ProviderFailed(
        f"the provider raised {type(error).__name__}: {error}", hint="this is a defect; please report it"
    )


def visible(inputs: Properties) -> Properties:
    """Provider inputs without bookkeeping keys."""
    return {key: value for key, value in inputs.items() if not key.startswith("__")}


def host_of(provider: Provider | None, ref: str) -> str:
    """The machine a provider acts on, by the name people gave its resource; `""` where there is none.

    A default provider has no name of its own, so it goes by its address.
    """
    if provider is None or not provider.host:
        return ""
    name = split_provider_ref(ref)[0].name
    return provider.host if name.startswith(_DEFAULT) else name


def is_default(ref: str) -> bool:
    """Whether a reference is to a default provider."""
    return split_provider_ref(ref)[0].name.startswith(_DEFAULT)
