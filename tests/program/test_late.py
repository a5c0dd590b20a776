"""What the SDK and paramiko bring along stays unloaded until it is used, and is whole for whoever uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tomo.lazy import LateModule, postpone


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


_PROTOBUF = "google.protobuf.internal.python_message"
LATE = [
    "dill",
    "grpc",
    "packaging.version",
    "pulumi.automation",
    "pulumi.runtime._instrumentation",
    _PROTOBUF,
]
_LOADED = """
import sys
from pathlib import Path
from tomo.program.late import postpone_parts
postpone_parts(traced={traced})
import pulumi.runtime._callbacks, tomo.program.monitor
from tomo.lazy import LateModule
print([name for name in {names} if isinstance(sys.modules[name], LateModule)])
"""


@pytest.mark.slow  # imports the SDK in processes of their own
@pytest.mark.parametrize(
    ("traced", "late"), [(False, LATE), (True, ["dill", "packaging.version", "pulumi.automation", _PROTOBUF])]
)
def test_the_sdk_is_loaded_without_what_few_programs_use(traced: bool, late: list[str]) -> None:
    said = said_by(_LOADED.format(traced=traced, names=LATE))

    assert said == f"{late}\n"


@pytest.mark.slow  # imports the SDK in a process of its own
@pytest.mark.parametrize(
    "use",
    [
        "import pulumi; print(pulumi.automation.LocalWorkspace.__name__)",
        "from pulumi import automation; print(automation.errors.CommandError.__mro__[1].__name__)",
        "from pulumi.automation.events import EngineEvent; print(EngineEvent.__name__)",
        "import pulumi, grpc; print(grpc.StatusCode.OK, grpc.__spec__.name, grpc.aio.Server.__name__)",
        "import pulumi; from grpc.experimental import aio; print(aio.__name__)",
        "import pulumi, dill; print(dill.loads(dill.dumps([1])))",
        "import pulumi; from packaging.version import parse; print(parse('1.10') > parse('1.9'))",
        "import packaging.version; print(packaging.version.parse('1.10'))",
        "import google.protobuf.internal.python_message as late; print(late.GeneratedProtocolMessageType)",
        "import google.protobuf.internal.python_message; print(google.protobuf.internal.python_message.__name__)",
    ],
)
def test_a_part_that_a_program_uses_is_whole(use: str) -> None:
    late = f"from tomo.program.late import postpone_parts; postpone_parts(traced=False); {use}"

    assert said_by(late) == said_by(use)


def test_a_module_that_is_not_installed_is_not_postponed() -> None:
    assert postpone("a_module_that_is_not_there") is None
    assert postpone("json.a_part_that_is_not_there") is None
    assert "a_module_that_is_not_there" not in sys.modules


def test_a_name_given_to_a_postponed_module_is_given_to_the_module_itself() -> None:
    late: Any = LateModule("json")

    late.given = 1

    assert json.given == 1  # type: ignore[attr-defined]
    del json.given  # type: ignore[attr-defined]


def test_a_name_of_a_module_that_is_not_installed_is_missing() -> None:
    assert not hasattr(LateModule("a_module_that_is_not_there"), "run")


def test_a_loaded_module_stays_as_it_is() -> None:
    postpone("json")

    assert sys.modules["json"].dumps([]) == "[]"


def test_a_module_that_a_program_is_first_to_use_keeps_to_the_process_it_is_in(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import dill, sys\nprint(dill._dill._main_module is sys.modules['__main__'])\n")
    run = (
        "import runpy, sys; from tomo.program.late import postpone_parts; postpone_parts(traced=False); "
        f"import dill; runpy.run_path({str(program)!r}, run_name='__main__'); "
        "print(dill._dill._main_module is sys.modules['__main__'])"
    )

    assert said_by(run).split() == ["False", "True"]
