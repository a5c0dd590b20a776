"""What paramiko brings along and Tomo doesn't use stays unloaded, and whole for whoever does use it."""

from __future__ import annotations

import subprocess
import sys

from tomo.ssh.lazy import LateModule, postpone


def said_by(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_a_connection_does_not_load_invoke() -> None:
    code = "import sys, tomo.ssh.dial; print('invoke.context' in sys.modules)"

    assert said_by(code) == "False\n"


def test_invoke_is_whole_for_a_program_that_uses_it() -> None:
    code = "import tomo.ssh.dial, invoke; print(callable(invoke.run))"

    assert said_by(code) == "True\n"


def test_a_part_of_a_postponed_package_can_be_imported() -> None:
    code = "import tomo.ssh.dial; from invoke.context import Context; print(Context.__name__)"

    assert said_by(code) == "Context\n"


def test_a_name_of_a_module_that_is_not_installed_is_missing() -> None:
    assert not hasattr(LateModule("a_module_that_is_not_there"), "run")


def test_a_loaded_module_stays_as_it_is() -> None:
    postpone("json")

    assert sys.modules["json"].dumps([]) == "[]"
