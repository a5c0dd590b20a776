"""The `docker:` provider: Pulumi's verbs for one Docker host, over a Connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tomo.errors import DockerError, HostError, ProviderFailed, TomoError
from tomo.model.connection import Connections, HostSpec
from tomo.model.diff import DiffKind, DiffResult, PropertyDiff
from tomo.model.images import ImageArchive
from tomo.model.provider import (
    CheckRequest,
    CheckResult,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    InvokeResult,
    ProviderBase,
    ReadRequest,
    ReadResult,
    ReadStatus,
    RecoverRequest,
    RecoverResult,
    SwapRequest,
    UpdateRequest,
    UpdateResult,
    unreachable,
)
from tomo.model.values import SECRET_SHOWN, Properties, Unknown, has_unknown, leaves, same_value
from tomo.providers.docker import config as configuration
from tomo.providers.docker.daemon import Daemon
from tomo.providers.docker.http import Response
from tomo.providers.docker.kinds import CONTAINER, KINDS, kind_of
from tomo.providers.docker.registry_auth import RegistryLogins
from tomo.providers.docker.resource import Checks, Host, Look, Pace
from tomo.settings import Settings

HostSpecs = Callable[[str, list[str]], HostSpec]

_PARALLEL: Final = 8
_SHORT: Final = 4
"""Shorter secrets are not masked in texts: they would take ordinary words with them."""


class DockerProvider(ProviderBase):
    """One Docker host. `host_spec` turns a Docker host and ssh options into the host to dial."""

    parallel = _PARALLEL
    judges_by_inputs = True

    def __init__(
        self,
        connections: Connections,
        host_spec: HostSpecs,
        settings: Settings,
        *,
        pace: Pace | None = None,
        root: Path | None = None,
        checks: Checks | None = None,
        archive: ImageArchive | None = None,
    ) -> None:
        self._connections = connections
        self._host_spec = host_spec
        self._settings = settings
        self._pace = pace or Pace()
        self._root = root or Path()
        self._checks = checks or Checks()
        self._archive = archive
        self._stopped = threading.Event()
        self._host: Host | None = None
        self.host = ""

    # --- configuration ---------------------------------------------------------------------------

    def check_config(self, olds: Properties, news: Properties) -> CheckResult:  # noqa: ARG002
        """The configuration as it is, or what is wrong with it."""
        return CheckResult(news, configuration.failures(news))

    def diff_config(self, olds: Properties, news: Properties) -> DiffResult:
        """A changed configuration changes the provider resource alone."""
        names = sorted(name for name in {*olds, *news} if not name.startswith("__"))
        changed = [name for name in names if not same_value(olds.get(name), news.get(name))]
        found = tuple(PropertyDiff(name, DiffKind.UPDATE, olds.get(name), news.get(name)) for name in changed)
        return DiffResult(changed=bool(found), properties=found)

    def configure(self, inputs: Properties) -> None:
        """Takes the configuration without dialling."""
        config = configuration.opened(inputs, self._settings.docker_host or configuration.LOCAL_SOCKET)
        if not config.known:
            self._host, self.host = None, ""
            return
        spec = self._host_spec(config.host, list(config.ssh_opts))
        self.host = spec.label
        daemon = Daemon(self._connections.get(spec), spec.label, now=self._pace.now)
        logins = RegistryLogins(config.registry_auth, self._settings)
        self._host = Host(daemon, logins, self._pace, self._root, self._stopped, self._archive)

    # --- deciding --------------------------------------------------------------------------------

    def check(self, request: CheckRequest) -> CheckResult:
        """The inputs, completed and validated; an unsupported type is refused by name."""
        with self._seam(request.news, request.secret_keys):
            return self._checks.of(kind_of(request.urn.type), request, self._root)

    def diff(self, request: DiffRequest) -> DiffResult:
        """What changed in meaning, and whether that replaces."""
        with self._seam(request.new_inputs, frozenset()):
            return kind_of(request.urn.type).diff(request)

    # --- acting ----------------------------------------------------------------------------------

    def create(self, request: CreateRequest) -> CreateResult:
        """Makes the resource, or predicts it."""
        resource = kind_of(request.urn.type)
        with self._seam(request.inputs, request.secret_keys):
            if request.preview:
                return resource.predict_create(request)
            with self._act(request.inputs) as host:
                return resource.create(host, request)

    def update(self, request: UpdateRequest) -> UpdateResult:
        """Changes the resource in place, or predicts it."""
        resource = kind_of(request.urn.type)
        with self._seam(request.new_inputs, request.secret_keys):
            if request.preview:
                return resource.predict_update(request)
            with self._act(request.new_inputs) as host:
                return resource.update(host, request)

    def delete(self, request: DeleteRequest) -> None:
        """Removes the resource."""
        resource = kind_of(request.urn.type)
        with self._seam(request.inputs, frozenset()), self._act(request.inputs, repeatable=True) as host:
            resource.delete(host, request)

    def can_swap(self, type_: str) -> bool:
        """Containers are replaced with the old one kept."""
        return type_ == CONTAINER

    def swap(self, request: SwapRequest) -> CreateResult:
        """Replaces a container, keeping the old one until the new one is well."""
        from tomo.providers.docker.swap import swap  # noqa: PLC0415  # not for a plan

        with self._seam(request.new_inputs, request.secret_keys), self._act(request.new_inputs) as host:
            return swap(host, request)

    def parked_as(self, request: SwapRequest) -> str:
        """The old container's name with a part of its id."""
        from tomo.providers.docker.container import parked_name  # noqa: PLC0415  # not without a container

        return parked_name(str(request.old_inputs.get("name") or ""), request.old_id)

    def recover(self, request: RecoverRequest) -> RecoverResult:
        """Looks for what was being made by its name."""
        from tomo.providers.docker.recover import recover  # noqa: PLC0415  # after a run that was cut off

        with self._seam(request.inputs, request.secret_keys):
            return recover(self._ready(request.inputs), request)

    def invoke(self, token: str, args: Properties, *, preview: bool) -> InvokeResult:
        """Calls a function; where its arguments aren't known yet its result isn't either."""
        if preview and (has_unknown(args) or self._host is None):
            return InvokeResult({"id": Unknown(), **args})
        from tomo.providers.docker.functions import invoke  # noqa: PLC0415  # few programs call one

        with self._seam(args, frozenset()):
            return invoke(self._ready(args), token, args)

    def cancel(self) -> None:
        """Ends waits; an unfinished replacement brings its old container back first."""
        self._stopped.set()

    def close(self) -> None:
        """Ends the streams to the daemon; the next call opens new ones."""
        if self._host is not None:
            self._host.daemon.close()

    @contextmanager
    def _act(self, inputs: Properties, *, repeatable: bool = False) -> Iterator[Host]:
        """The host to act on; what fails before anything was changed there may be tried again."""
        host = self._ready(inputs)
        with host.daemon.act(repeatable=repeatable):
            yield host

    def _ready(self, inputs: Properties) -> Host:
        if self._host is None:
            raise DockerError(
                "the Docker host is not known yet", host="", hint="apply what gives the host first"
            )
        if has_unknown(inputs):
            raise ProviderFailed("an input is still unknown, so nothing was done")
        return self._host

    @contextmanager
    def _seam(self, inputs: Properties, secret_keys: frozenset[str]) -> Iterator[None]:
        """Lets only Tomo's errors out, and no secret in them."""
        try:
            yield
        except TomoError as error:
            self._mask(error, inputs, secret_keys)
            raise
        except Exception as error:
            where = f" on `{self.host}`" if self.host else ""
            raise ProviderFailed(
                f"the docker provider failed{where}: {type(error).__name__}",
                hint="this is a mistake in Tomo; please report it with the resource's inputs",
            ) from error

    def _mask(self, error: TomoError, inputs: Properties, secret_keys: frozenset[str]) -> None:
        texts = _secret_texts(inputs, secret_keys)
        texts += self._host.logins.secrets() if self._host else []
        for text in sorted({text for text in texts if len(text) >= _SHORT}, key=len, reverse=True):
            error.message = error.message.replace(text, SECRET_SHOWN)
            error.detail = error.detail.replace(text, SECRET_SHOWN)
            error.hint = error.hint.replace(text, SECRET_SHOWN)
        error.args = (error.message,)

    # --- looking ---------------------------------------------------------------------------------

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """One look at the host for all requests, pipelined; a host that doesn't answer is no error."""
        if self._host is None:
            unknown = ReadResult(ReadStatus.UNREACHABLE, problem="the Docker host is known only after apply")
            return [unknown for _ in requests]
        try:
            return _looked(self._host, requests)
        except HostError as error:
            failed = unreachable(error)
            return [failed for _ in requests]


def _looked(host: Host, requests: Sequence[ReadRequest]) -> list[ReadResult]:
    """Drives every resource's look, all their wishes of one round in one go."""
    results = [ReadResult(ReadStatus.UNSUPPORTED) for _ in requests]
    looks = {i: kind_of(r.urn.type).look(host, r) for i, r in enumerate(requests) if r.urn.type in KINDS}
    answers: dict[str, Response] = {}
    wishes: dict[int, list[str]] = {}
    for index, look in looks.items():
        _advance(look, None, index, wishes, results)
    while wishes:
        missing = dict.fromkeys(path for paths in wishes.values() for path in paths if path not in answers)
        answers |= host.daemon.look(list(missing))
        round_, wishes = wishes, {}
        for index, paths in round_.items():
            got = {path: answers[path] for path in paths}
            refused = next((a for a in got.values() if not a.ok and a.status != 404), None)  # noqa: PLR2004
            if refused is not None:
                results[index] = ReadResult(
                    ReadStatus.UNREACHABLE,
                    problem=f"Docker refused: {refused.message}",
                    code=DockerError.code,
                )
                continue
            _advance(looks[index], got, index, wishes, results)
    return results


def _advance(
    look: Look,
    answers: Mapping[str, Response] | None,
    index: int,
    wishes: dict[int, list[str]],
    results: list[ReadResult],
) -> None:
    try:
        wishes[index] = next(look) if answers is None else look.send(answers)
    except StopIteration as stop:
        results[index] = stop.value


def _secret_texts(inputs: Properties, keys: frozenset[str]) -> list[str]:
    """What must not be shown: each text of a secret input, and the value of each `NAME=value`.

    One secret variable makes all of `envs` secret; a value that stands in a plain input, such as a name
    that a container has too, is none.
    """
    texts = [leaf for name in keys for leaf in leaves(inputs.get(name)) if isinstance(leaf, str)]
    plain = [
        leaf for name in inputs if name not in keys for leaf in leaves(inputs[name]) if isinstance(leaf, str)
    ]
    values = [text.partition("=")[2] for text in texts if "=" in text]
    return [*texts, *(value for value in values if not any(value in text for text in plain))]
