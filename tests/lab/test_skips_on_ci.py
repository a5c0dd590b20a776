"""On CI nothing is skipped in silence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPS = """
import pytest

def test_that_skips_itself():
    pytest.skip("no server here")

@pytest.mark.xfail(reason="known")
def test_that_is_known_to_fail():
    assert False
"""


def outcome_of(test_file: str, folder: Path, *, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(test_file)
    settings = [
        "-c",
        "pyproject.toml",
        "--rootdir",
        str(folder),
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
    ]
    argv = [sys.executable, "-m", "pytest", "-q", *settings, str(folder)]
    return subprocess.run(
        argv, cwd=ROOT, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow  # a pytest of its own: half a second
@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 failed, 1 xfailed"), ("", "1 skipped, 1 xfailed")])
def test_a_skipped_test_fails_on_ci_and_only_there(ci: str, outcome: str, tmp_path: Path) -> None:
    done = outcome_of(SKIPS, tmp_path, ci=ci)

    assert outcome in done.stdout


@pytest.mark.slow  # a pytest of its own: half a second
def test_a_file_that_skips_itself_fails_on_ci(tmp_path: Path) -> None:
    done = outcome_of(
        "import pytest\npytest.skip('not today', allow_module_level=True)\n", tmp_path, ci="true"
    )

    assert "skipped, on CI" in done.stdout
    assert done.returncode != 0
