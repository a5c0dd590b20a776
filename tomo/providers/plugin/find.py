"""Where a provider plugin is: attached by its port, on the PATH, or in Pulumi's plugin folder.

The order and the rule for versions are those of Pulumi's CLI: what is on the PATH is taken whatever its
version; in the folder the exact version, or the newest where none was asked for.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tomo.errors import NotSupported, PluginMissing, UsageError
from tomo.frozen import frozen
from tomo.settings import Settings

ATTACHED: Final = "PULUMI_DEBUG_PROVIDERS"
_NOT_AMBIENT: Final = "PULUMI_IGNORE_AMBIENT_PLUGINS"
_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_TRUE: Final = {"1", "true"}

Order = tuple[int, int, int, tuple[tuple[int, int, str], ...]]
"""A version as something to sort by."""


@frozen
class Attached:
    """A provider that runs already, on a port of this machine; it is not ours to end."""

    port: int


@frozen
class Binary:
    """A plugin to start. `ambient` says that it was found on the PATH."""

    path: Path
    ambient: bool = False


def find_plugin(package: str, version: str, settings: Settings) -> Attached | Binary:
    """The plugin that serves a package; raises PluginMissing, which tells how to get it."""
    port = _attached_port(package, settings.variables.get(ATTACHED, ""))
    if port is not None:
        return Attached(port)
    name = executable_name(package)
    if settings.variables.get(_NOT_AMBIENT, "").lower() not in _TRUE:
        ambient = shutil.which(name, path=settings.variables.get("PATH", os.defpath))
        if ambient is not None:
            return Binary(Path(ambient), ambient=True)
    installed = _installed(package, plugin_folder(settings))
    folder = _chosen(installed, version.removeprefix("v"))
    if folder is None:
        raise _missing(package, version, sorted(filter(None, installed)))
    return Binary(_executable_in(folder, name))


def executable_name(package: str) -> str:
    """What the plugin's file is called."""
    return f"pulumi-resource-{package}"


def plugin_folder(settings: Settings) -> Path:
    """Where `pulumi plugin install` puts plugins."""
    home = settings.variables.get("PULUMI_HOME")
    return (Path(home) if home else settings.home / ".pulumi") / "plugins"


def _attached_port(package: str, listed: str) -> int | None:
    for each in filter(None, listed.split(",")):
        name, _, port = each.strip().partition(":")
        if name != package:
            continue
        if not port.isdecimal():
            raise UsageError(
                f"`{ATTACHED}` names `{each}`, which has no port",
                hint=f"write it like this: {ATTACHED}={package}:54321",
            )
        return int(port)
    return None


def _installed(package: str, plugins: Path) -> Mapping[str, Path]:
    """The folders of a package's plugins by version; `""` for one without a version."""
    if not plugins.is_dir():
        return {}
    return dict(_folders(f"resource-{package}", plugins))


def _folders(stem: str, plugins: Path) -> Iterator[tuple[str, Path]]:
    for folder in sorted(plugins.iterdir()):
        rest = folder.name.removeprefix(stem)
        if rest == folder.name or not folder.is_dir() or _is_half_installed(folder):
            continue
        if rest == "":
            yield "", folder
        elif rest.startswith("-v") and _VERSION.fullmatch(rest[2:]):
            yield rest[2:], folder


def _is_half_installed(folder: Path) -> bool:
    return folder.with_name(f"{folder.name}.partial").exists()


def _chosen(installed: Mapping[str, Path], version: str) -> Path | None:
    if version:
        return installed.get(version) or installed.get("")
    versioned = sorted(filter(None, installed), key=lambda each: (not _is_pre(each), order_of(each)))
    return installed[versioned[-1]] if versioned else installed.get("")


def _is_pre(version: str) -> bool:
    return bool(order_of(version)[3][0][0] == 0)


def order_of(version: str) -> Order:
    """The place of a version among others, as semantic versioning has it."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise UsageError(f"`{version}` is not a version", hint="write it like 1.2.3")
    major, minor, patch, pre = match.groups()
    if pre is None:
        return int(major), int(minor), int(patch), ((1, 0, ""),)
    parts = tuple((0, int(p), "") if p.isdecimal() else (0, 1 << 62, p) for p in pre.split("."))
    return int(major), int(minor), int(patch), parts


def _executable_in(folder: Path, name: str) -> Path:
    path = folder / name
    if path.is_file():
        return path
    if (folder / "PulumiPlugin.yaml").is_file():
        raise NotSupported(
            f"the plugin in `{folder.name}` is source code that a language host of Pulumi runs, "
            "which is not supported",
            hint="run this program with `--engine pulumi`",
        )
    raise PluginMissing(
        f"`{folder.name}` in Pulumi's plugin folder holds no `{name}`",
        hint=f"remove the folder `{folder.name}` and install the plugin anew",
    )


def _missing(package: str, version: str, others: list[str]) -> PluginMissing:
    wanted = f" v{version.removeprefix('v')}" if version else ""
    there = f"; installed are {', '.join(f'v{each}' for each in others)}" if others else ""
    return PluginMissing(
        f"the package `{package}` is served by the plugin `{executable_name(package)}`{wanted}, "
        f"which is not installed{there}",
        hint=f"pulumi plugin install resource {package}{wanted}",
    )
