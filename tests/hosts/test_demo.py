"""`make demo` and `make demo-down`, as the README promises them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.docker import docker

ROOT = Path(__file__).resolve().parents[2]
NAME = "tomo-demo-test"

pytestmark = pytest.mark.hosts


def demo(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "demo", command, "--folder", str(folder), "--name", NAME]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, subprocess.CompletedProcess[str]]]:
    folder = tmp_path_factory.mktemp("demo") / "place"
    yield folder, demo("up", folder)
    demo("down", folder)


@pytest.mark.timeout(900)
def test_the_demo_goes_from_nothing_to_repaired_drift(
    told: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = told

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert done.stdout.count("wordpress on one: 200 WordPress") == 2
    assert done.stdout.count("No changes") == 2
    assert "Tomo repairs it" in done.stdout


def test_the_way_to_look_around_works(told: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = told

    argv = [
        "ssh",
        "-F",
        str(folder / "ssh_config"),
        "-o",
        "ClearAllForwardings=yes",
        "-o",
        "BatchMode=yes",
        "two",
    ]
    names = subprocess.run(
        [*argv, "docker", "ps", "--format", "{{.Names}}"], capture_output=True, text=True, check=False
    )

    assert sorted(names.stdout.split()) == ["prometheus", "radicale"], names.stderr


def test_demo_down_leaves_no_trace(told: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = told

    demo("down", folder)

    assert not folder.exists()
    assert docker("ps", "--all", "--quiet", "--filter", f"label=tomo.lab={NAME}") == ""
