"""This installation: what stands in its way, what its stack is set to, which policies are in force."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping

from tomo import __version__
from tomo import errors as tree
from tomo.errors import TomoError
from tomo.frozen import frozen
from tomo.service.configs import ConfigEntry, ConfigRequest, Configs
from tomo.service.doctor import Doctor, DoctorRequest, Report
from tomo.service.engines import EngineName
from tomo.service.policies import ListPoliciesRequest, PolicyListing, PolicyUseCases
from tomo.service.read.asker import Asker
from tomo.service.read.reader import Reader
from tomo.service.secret_names import SecretName, Secrets, SecretsRequest


@frozen
class Installation:
    """What works here, and on what. `stack` is `project/stack`; `kind` is `fleet` or `program`."""

    version: str
    python: str
    system: str
    directory: str
    kind: str
    stack: str
    engine: EngineName
    state: str
    servers: int = 0
    apps: int = 0


class SystemReads(Reader):
    """The use cases that look at the installation itself."""

    def examine(self, by: Asker) -> Report:
        """Checks what would stop Tomo here."""
        return Doctor(self._for(by)).examine(DoctorRequest(self._place))

    def installation(self, by: Asker) -> Installation:
        """What works here."""
        workspace = self._open(by)
        fleet = workspace.fleet.fleet if workspace.fleet else None
        return Installation(
            __version__,
            platform.python_version(),
            f"{platform.system()} {platform.machine()}",
            str(workspace.directory),
            "fleet" if fleet else "program",
            workspace.name,
            workspace.engine,
            workspace.backend.location if workspace.reaches_state else "",
            len(fleet.servers) if fleet else 0,
            len(fleet.apps) if fleet else 0,
        )

    def settings(self, by: Asker) -> tuple[ConfigEntry, ...]:
        """What the stack is set to; secrets stay sealed."""
        return Configs(self._for(by)).list(ConfigRequest(self._place))

    def secret_names(self, by: Asker) -> tuple[SecretName, ...]:
        """Which secrets are set, and where they are used; opens none."""
        return Secrets(self._for(by)).list(SecretsRequest(self._place))

    def policies(self, by: Asker) -> PolicyListing:
        """The policies in force."""
        return PolicyUseCases(self._for(by)).list(ListPoliciesRequest(self._place))


def error_codes() -> Mapping[str, str]:
    """Every code of Tomo's errors, with what it means."""
    return dict(sorted((kind.code, _first(kind.__doc__ or "")) for kind in _kinds(TomoError)))


def _kinds(kind: type[TomoError]) -> Iterator[type[TomoError]]:
    yield from (
        below for each in kind.__subclasses__() if each.__module__ == tree.__name__ for below in _kinds(each)
    )
    yield kind


def _first(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
