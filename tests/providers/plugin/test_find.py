"""Which plugin serves a package: attached, on the PATH, or in Pulumi's folder by its version."""

from __future__ import annotations

from pathlib import Path

import pytest

from tomo.errors import NotSupported, PluginMissing, UsageError
from tomo.providers.plugin.find import Attached, Binary, find_plugin, order_of
from tomo.settings import Settings


def installed(home: Path, *versions: str) -> Settings:
    """Plugins of these versions in Pulumi's folder; `""` is one without a version."""
    for version in versions:
        folder = home / "plugins" / (f"resource-notes-v{version}" if version else "resource-notes")
        executable(folder)
    return Settings.from_environment({"PULUMI_HOME": str(home), "PATH": str(home / "bin")})


def executable(folder: Path) -> None:
    folder.mkdir(parents=True)
    path = folder / "pulumi-resource-notes"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def chosen(settings: Settings, version: str = "") -> str:
    found = find_plugin("notes", version, settings)
    assert isinstance(found, Binary)
    return found.path.parent.name


def test_the_version_of_the_registration_is_taken_exactly(tmp_path: Path) -> None:
    settings = installed(tmp_path, "1.2.3", "1.2.4", "2.0.0")

    assert chosen(settings, "1.2.3") == "resource-notes-v1.2.3"
    assert chosen(settings, "v1.2.4") == "resource-notes-v1.2.4"


def test_without_a_version_the_newest_stable_one_is_taken(tmp_path: Path) -> None:
    settings = installed(tmp_path, "1.9.0", "1.10.0", "2.0.0-alpha.1", "")

    assert chosen(settings) == "resource-notes-v1.10.0"


def test_a_prerelease_is_taken_where_there_is_nothing_else(tmp_path: Path) -> None:
    assert chosen(installed(tmp_path, "2.0.0-alpha.9", "2.0.0-alpha.10")) == "resource-notes-v2.0.0-alpha.10"


def test_a_plugin_without_a_version_serves_where_the_asked_one_is_not(tmp_path: Path) -> None:
    assert chosen(installed(tmp_path, "1.0.0", ""), "3.0.0") == "resource-notes"


def test_a_missing_plugin_is_named_with_its_version_what_is_there_and_how_to_get_it(tmp_path: Path) -> None:
    settings = installed(tmp_path, "1.0.0")

    with pytest.raises(PluginMissing) as caught:
        find_plugin("notes", "1.2.3", settings)

    assert caught.value.message == (
        "the package `notes` is served by the plugin `pulumi-resource-notes` v1.2.3, "
        "which is not installed; installed are v1.0.0"
    )
    assert caught.value.hint == "pulumi plugin install resource notes v1.2.3"
    assert caught.value.had_from("https://example.com/p").hint.endswith(
        "v1.2.3 --server https://example.com/p"
    )


def test_nothing_is_found_where_no_plugin_folder_is(tmp_path: Path) -> None:
    with pytest.raises(PluginMissing) as caught:
        find_plugin("notes", "", Settings.from_environment({"HOME": str(tmp_path), "PATH": ""}))

    assert caught.value.hint == "pulumi plugin install resource notes"


def test_the_folder_is_in_the_home_where_no_other_is_named(tmp_path: Path) -> None:
    executable(tmp_path / ".pulumi" / "plugins" / "resource-notes-v1.0.0")
    settings = Settings.from_environment({"HOME": str(tmp_path), "PATH": ""})

    assert chosen(settings, "1.0.0") == "resource-notes-v1.0.0"


def test_a_half_installed_plugin_is_none(tmp_path: Path) -> None:
    settings = installed(tmp_path, "1.0.0")
    (tmp_path / "plugins" / "resource-notes-v1.0.0.partial").touch()

    with pytest.raises(PluginMissing):
        find_plugin("notes", "1.0.0", settings)


def test_a_package_whose_name_begins_alike_is_another_one(tmp_path: Path) -> None:
    executable(tmp_path / "plugins" / "resource-notes-extra-v1.0.0")

    with pytest.raises(PluginMissing):
        find_plugin("notes", "1.0.0", installed(tmp_path))


def test_the_path_comes_before_the_folder_whatever_the_version(tmp_path: Path) -> None:
    settings = installed(tmp_path, "1.0.0")
    executable(tmp_path / "bin")

    assert find_plugin("notes", "1.0.0", settings) == Binary(
        tmp_path / "bin" / "pulumi-resource-notes", ambient=True
    )


def test_the_path_is_left_out_where_pulumi_is_told_so(tmp_path: Path) -> None:
    executable(tmp_path / "bin")
    installed(tmp_path, "1.0.0")
    settings = Settings.from_environment(
        {"PULUMI_HOME": str(tmp_path), "PATH": str(tmp_path / "bin"), "PULUMI_IGNORE_AMBIENT_PLUGINS": "true"}
    )

    assert chosen(settings, "1.0.0") == "resource-notes-v1.0.0"


def test_an_attached_provider_comes_before_everything(tmp_path: Path) -> None:
    executable(tmp_path / "bin")
    settings = Settings.from_environment(
        {"PATH": str(tmp_path / "bin"), "PULUMI_DEBUG_PROVIDERS": "a:1, notes:54321"}
    )

    assert find_plugin("notes", "", settings) == Attached(54321)


def test_an_attached_provider_without_a_port_is_refused() -> None:
    settings = Settings.from_environment({"PULUMI_DEBUG_PROVIDERS": "notes:here"})

    with pytest.raises(UsageError, match="has no port"):
        find_plugin("notes", "", settings)


def test_a_plugin_of_source_code_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "resource-notes-v1.0.0"
    folder.mkdir(parents=True)
    (folder / "PulumiPlugin.yaml").write_text("runtime: nodejs\n")

    with pytest.raises(NotSupported, match=r"resource-notes-v1\.0\.0"):
        find_plugin("notes", "1.0.0", installed(tmp_path))


def test_versions_stand_in_the_order_of_semantic_versioning() -> None:
    ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0"]

    assert sorted(ordered, key=order_of) == ordered
