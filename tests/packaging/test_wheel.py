"""The wheel, installed into an environment of its own, away from the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tomo import __version__

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.slow,  # builds a wheel and an environment
    pytest.mark.timeout(300),
]

FLEET = """fleet: home
servers:
  nas: {host: local, docker: false}
apps:
  page: {server: nas, app: nginx}
"""


@dataclass(frozen=True)
class Installed:
    """Where the wheel is installed."""

    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / "bin" / "tomo"

    def tomo(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Runs the installed command with nothing of this process's environment but its path."""
        variables = {"PATH": os.environ["PATH"], "HOME": str(cwd), "TOMO_PASSPHRASE": "a test's own"}
        argv = [str(self.program), *arguments]
        return subprocess.run(argv, cwd=cwd, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(build, check=True, cwd=folder)
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment with the wheel; what it depends on comes from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True
    )
    return Installed(folder)


def test_the_wheel_holds_the_packages_their_types_and_what_ships_as_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    apps = {path.name for path in (ROOT / "catalog" / "apps").glob("*.yaml")}
    assert {"tomo/py.typed", "tomo_cli/py.typed", "tomo/resources/scripts/docker-install.sh"} <= names
    assert {name.rsplit("/", 1)[1] for name in names if name.startswith("tomo/_data/catalog/apps/")} == apps
    assert "tomo/_data/stacks/fleet/__main__.py" in names
    assert not [
        name
        for name in names
        if name.startswith(("tests/", "lab/", "bench/", "conformance/", "demo/", "docs/"))
    ]


def test_the_command_tells_its_version(installed: Installed, tmp_path: Path) -> None:
    shown = installed.tomo("--version", cwd=tmp_path)

    assert (shown.returncode, shown.stdout, shown.stderr) == (0, f"tomo {__version__}\n", "")


def test_the_apps_of_the_catalog_come_along(installed: Installed, tmp_path: Path) -> None:
    shown = installed.tomo("catalog", "list", cwd=tmp_path)

    assert shown.returncode == 0, shown.stderr
    assert "jellyfin" in shown.stdout
    assert str(ROOT) not in shown.stdout


def test_it_can_be_tried_without_a_server(installed: Installed, tmp_path: Path) -> None:
    shown = installed.tomo("try", cwd=tmp_path)

    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_fleet_can_be_planned_and_written_as_a_program(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)

    planned = installed.tomo("plan", "--no-refresh", cwd=tmp_path)
    written = installed.tomo("program", "written", cwd=tmp_path)
    again = installed.tomo("plan", "--no-refresh", "-C", "written", "--stack", "home", cwd=tmp_path)

    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert written.returncode == 0, written.stdout + written.stderr
    assert again.returncode == 0, again.stdout + again.stderr
    assert "container" in again.stdout
