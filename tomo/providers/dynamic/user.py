"""A person's own dynamic provider: unpickled once, called with the values that Pulumi would give it."""

from __future__ import annotations

import base64
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tomo.errors import ProviderFailed, TomoError
from tomo.model.urn import Urn
from tomo.model.values import (
    UNKNOWN,
    UNKNOWN_TEXT,
    Archive,
    Asset,
    Properties,
    ResourceRef,
    Secret,
    Unknown,
    Value,
)
from tomo.model.wire import number
from tomo.resources.tokens import PROVIDER_KEY

_OWN_FRAMES: Final = str(Path(__file__).parent)
_RECENT_FRAMES: Final = 12


class UserProviders:
    """Unpickled providers, one for each pickle."""

    def __init__(self, project: str, config: Mapping[str, object]) -> None:
        self._project, self._config = project, config
        self._ready: dict[str, Any] = {}
        self._lock = threading.Lock()

    def of(self, urn: Urn, *candidates: Properties) -> Any:
        """The provider that the first known `__provider` of these properties describes."""
        texts = (each.get(PROVIDER_KEY) for each in candidates)
        text = next((each for each in texts if isinstance(each, str) and each and each != UNKNOWN_TEXT), None)
        if text is None:
            raise ProviderFailed(
                f"`{urn.name}` has no `{PROVIDER_KEY}`: the code that manages it is missing",
                hint="register it as a `pulumi.dynamic.Resource`",
            )
        # dill changes global state while it loads, so one at a time.
        with self._lock:
            if text not in self._ready:
                with users_errors(urn, "cannot load the provider of"):
                    self._ready[text] = self._loaded(text)
            return self._ready[text]

    def _loaded(self, text: str) -> Any:
        import dill  # noqa: PLC0415  # slow, and only for people's own providers
        from pulumi.dynamic import Config, ConfigureRequest  # noqa: PLC0415

        provider = dill.loads(base64.b64decode(text))  # noqa: S301  # the program's own code, as Pulumi has it
        provider.configure(ConfigureRequest(Config(dict(self._config), self._project)))
        return provider


@contextmanager
def users_errors(urn: Urn, what: str) -> Iterator[None]:
    """Turns whatever a person's code raises into ProviderFailed with their part of the traceback."""
    try:
        yield
    except (TomoError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a person's code may raise anything, and the run waits for its answer
        said = str(error) or type(error).__name__
        raise ProviderFailed(
            f"{what} `{urn.name}`: {type(error).__name__}: {said}"
            if str(error)
            else f"{what} `{urn.name}`: {said}",
            hint="the traceback shows where in your provider",
            detail=users_traceback(error),
        ) from error


def users_traceback(error: BaseException) -> str:
    """The traceback without this package's own frames."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(_OWN_FRAMES)]
    lines = traceback.format_list(frames[-_RECENT_FRAMES:])
    return "".join([*lines, *traceback.format_exception_only(error)]).rstrip("\n")


# --- values over the seam ------------------------------------------------------------------------


def to_user(properties: Properties) -> dict[str, Any]:
    """Values as Pulumi's plugin would pass them: numbers are floats, unknowns their text, None absent."""
    return _outward_members(properties)


def from_user(outputs: Mapping[str, Any] | None) -> dict[str, Value]:
    """What a person's provider returned, as plain values."""
    return {str(key): _inward(value) for key, value in (outputs or {}).items() if value is not None}


def _outward(value: Value) -> Any:
    match value:
        case Unknown():
            return UNKNOWN_TEXT
        case Secret():
            return _outward(value.reveal())
        case bool() | None | str():
            return value
        case int() | float():
            return float(value)
        case Asset() | Archive():
            return _pulumi_asset(value)
        case ResourceRef():
            return UNKNOWN_TEXT if isinstance(value.id, Unknown) else (value.id or value.urn)
        case Mapping():
            return _outward_members(value)
        case list() | tuple():
            return [_outward(item) for item in value]
    return value


def _outward_members(values: Mapping[str, Value]) -> dict[str, Any]:
    members = {str(key): _outward(item) for key, item in values.items()}
    return {key: item for key, item in members.items() if item is not None}


def _pulumi_asset(value: Asset | Archive) -> Any:
    import pulumi  # noqa: PLC0415  # loaded already where a person's provider is

    makers: tuple[tuple[object, Callable[[Any], Any]], ...]
    if isinstance(value, Asset):
        makers = (
            (value.text, pulumi.StringAsset),
            (value.path, pulumi.FileAsset),
            (value.uri, pulumi.RemoteAsset),
        )
    else:
        packed = (
            {name: _pulumi_asset(item) for name, item in value.assets.items()}
            if value.assets is not None
            else None
        )
        makers = (
            (packed, pulumi.AssetArchive),
            (value.path, pulumi.FileArchive),
            (value.uri, pulumi.RemoteArchive),
        )
    return next(make(content) for content, make in makers if content is not None)


def _inward(value: Any) -> Value:
    if value == UNKNOWN_TEXT:
        return UNKNOWN
    if isinstance(value, float):
        return number(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _inward(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_inward(item) for item in value]
    if isinstance(value, (Asset, Archive, Secret, Unknown)):
        return value
    return _from_pulumi(value)


def _from_pulumi(value: Any) -> Value:
    import pulumi  # noqa: PLC0415  # loaded already where a person's provider is

    match value:
        case pulumi.StringAsset():
            return Asset(text=str(value.text))
        case pulumi.FileAsset():
            return Asset(path=str(value.path))
        case pulumi.RemoteAsset():
            return Asset(uri=str(value.uri))
        case pulumi.AssetArchive():
            packed = {str(key): _inward(item) for key, item in value.assets.items()}
            return Archive(
                assets={k: item for k, item in packed.items() if isinstance(item, (Asset, Archive))}
            )
        case pulumi.FileArchive():
            return Archive(path=str(value.path))
        case pulumi.RemoteArchive():
            return Archive(uri=str(value.uri))
    raise ProviderFailed(
        f"a dynamic provider returned a value of type `{type(value).__name__}`",
        hint="return texts, numbers, booleans, lists, dicts or assets",
    )
