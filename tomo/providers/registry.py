"""Which provider serves which package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from tomo.errors import NotSupported
from tomo.model.connection import Connections, HostSpec
from tomo.model.images import ImageArchive
from tomo.model.provider import Provider
from tomo.model.values import Properties
from tomo.providers.builtin import BuiltinProvider, StackOutputs
from tomo.providers.plugin import PluginHost
from tomo.settings import Settings

if TYPE_CHECKING:
    from tomo.providers.docker.resource import Checks, Pace

DockerHosts: TypeAlias = Callable[[str, list[str]], HostSpec]
"""The host that a Docker address and ssh options mean."""

_MAJORS: Final[Mapping[str, int]] = {"docker": 5, "command": 1}


def no_stacks(_name: str) -> Properties | None:
    """Where no other stack can be read."""
    return None


class ProviderRegistry:
    """Makes an unconfigured provider for each provider resource of a run.

    `project` and `config` (by whole key) are what dynamic providers are configured with; `root` is where
    relative paths of a program start; `pace` is how long Docker's answers are waited for; `plugins` serves
    every package that is not Tomo's own; `images` is where images come from instead of registries.
    """

    def __init__(
        self,
        connections: Connections,
        settings: Settings,
        docker_hosts: DockerHosts,
        *,
        stack_outputs: StackOutputs = no_stacks,
        project: str = "",
        config: Mapping[str, object] | None = None,
        root: Path | None = None,
        pace: Pace | None = None,
        plugins: PluginHost | None = None,
        images: ImageArchive | None = None,
    ) -> None:
        self._connections, self._settings, self._docker_hosts = connections, settings, docker_hosts
        self._stack_outputs = stack_outputs
        self._project, self._config, self._root, self._pace = project, config, root, pace
        self._plugins, self._images = plugins, images
        self._docker_checks: Checks | None = None

    def load(self, package: str, version: str) -> Provider:
        """Raises PluginMissing for a plugin that is not installed, NotSupported for a wrong version."""
        make = self._makers().get(package)
        if make is None:
            return self._plugin(package, version)
        _refuse_version(package, version)
        return make()

    def _plugin(self, package: str, version: str) -> Provider:
        if self._plugins is None:
            served = ", ".join(f"`{name}`" for name in self._makers())
            raise NotSupported(
                f"no provider serves the package `{package}`",
                hint=f"{served} are served here; provider plugins are for programs and their stacks",
            )
        root = self._root or Path()
        return self._plugins.provider(package, version, project=self._project, directory=root)

    def _makers(self) -> Mapping[str, Callable[[], Provider]]:
        return {
            "docker": self._docker,
            "command": self._command,
            "pulumi-python": self._dynamic,
            "pulumi": lambda: BuiltinProvider(self._stack_outputs),
        }

    def _docker(self) -> Provider:
        from tomo.providers.docker.provider import DockerProvider  # noqa: PLC0415  # only where it's used
        from tomo.providers.docker.resource import Checks  # noqa: PLC0415

        checks = self._docker_checks = self._docker_checks or Checks()
        return DockerProvider(
            self._connections,
            self._docker_hosts,
            self._settings,
            pace=self._pace,
            root=self._root,
            checks=checks,
            archive=self._images,
        )

    def _command(self) -> Provider:
        from tomo.providers.command import CommandProvider  # noqa: PLC0415  # only where it's used

        return CommandProvider(self._connections, self._settings, root=self._root)

    def _dynamic(self) -> Provider:
        from tomo.providers.dynamic.provider import DynamicProvider  # noqa: PLC0415  # only where it's used

        return DynamicProvider(self._connections, project=self._project, config=self._config)


def _refuse_version(package: str, version: str) -> None:
    wanted = _MAJORS.get(package)
    major = version.lstrip("v").partition(".")[0]
    if wanted is not None and major and major != str(wanted):
        raise NotSupported(
            f"version {version} of the package `{package}` is not supported",
            hint=f"use a {wanted}.x version of the Python package `pulumi-{package}`",
        )
