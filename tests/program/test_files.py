"""Programs in files: how they are found, run, and forgotten; and what is told when they fail."""

import asyncio
import gc
import importlib
import os
import signal
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from tomo.errors import ConfigMissing, ProgramFailed
from tomo.model.events import Severity
from tomo.program.runner import SdkSource

MAIN = "__main__.py"


def test_a_program_is_main_in_its_own_folder_and_finds_its_modules(project, tmp_path):
    recorded = project(
        {
            MAIN: (
                "from pathlib import Path\nimport pulumi\nfrom parts import web\n"
                "pulumi.export('all', [__name__, str(Path.cwd()), web.NAME, Path('note.txt').read_text()])\n"
            ),
            "parts/__init__.py": "",
            "parts/web.py": "NAME = 'web'\n",
            "note.txt": "hello",
        }
    )

    assert recorded.stack_outputs == {"all": ["__main__", str(tmp_path), "web", "hello"]}


def test_nothing_of_a_run_remains_in_the_process(project, tmp_path):
    before = (
        Path.cwd(),
        list(sys.path),
        list(sys.argv),
        gc.isenabled(),
        sys.stdout,
        sys.modules["__main__"],
    )

    project({MAIN: "import mine\nimport gc, sys\nmine.GC = gc.isenabled()\n", "mine.py": ""})

    after = (Path.cwd(), list(sys.path), list(sys.argv), gc.isenabled(), sys.stdout, sys.modules["__main__"])
    assert after == before
    assert "mine" not in sys.modules
    assert not list(tmp_path.rglob("__pycache__"))
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


def test_the_collector_rests_while_a_program_runs(project):
    recorded = project({MAIN: "import gc, pulumi\npulumi.export('gc', gc.isenabled())\n"})

    assert recorded.stack_outputs == {"gc": False}
    assert gc.isenabled()


def test_a_second_run_sees_changed_files_and_nothing_of_the_first(project):
    main = "import pulumi, part\npulumi.export(part.NAME, pulumi.Config().get('x'))\n"

    first = project({MAIN: main, "part.py": "NAME = 'a'\n"}, config={"proj:x": "1"})
    second = project({MAIN: main, "part.py": "NAME = 'b'\n"})

    assert first.stack_outputs == {"a": "1"}
    assert second.stack_outputs == {}
    assert [goal.name for goal in second.goals] == ["proj-dev"]


def test_a_run_after_a_failed_one_is_whole(project):
    with pytest.raises(ProgramFailed):
        project({MAIN: "import pulumi\nboom\n"})

    assert project({MAIN: "import pulumi\npulumi.export('x', 1)\n"}).stack_outputs == {"x": 1}


def test_the_program_may_be_a_file_of_another_name(tmp_path, run):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "site.py").write_text("import pulumi, near\npulumi.export('x', near.X)\n")
    (tmp_path / "infra" / "near.py").write_text("X = 5\n")

    recorded = run(SdkSource(Path("infra/site.py"), tmp_path))

    assert recorded.stack_outputs == {"x": 5}


def test_a_missing_program_is_named(tmp_path, run):
    with pytest.raises(ProgramFailed, match=r"there is no program `__main__\.py`"):
        run(SdkSource(tmp_path, tmp_path))


def test_a_resource_knows_where_in_the_program_it_stands(project):
    recorded = project({MAIN: "import pulumi\n\n\npulumi.CustomResource('a:b:C', 'x', {})\n"})

    assert recorded.goal("x").source_position in {"", "project:///__main__.py#4"}


def test_typed_resources_know_where_in_the_program_they_stand(project):
    recorded = project({MAIN: "import pulumi_docker\n\npulumi_docker.Volume('x')\n"})

    assert recorded.goal("x").source_position == "project:///__main__.py#3"


# --- failures ------------------------------------------------------------------------------------------


def test_a_program_that_raises_is_told_with_its_own_lines_only(project):
    files = {
        MAIN: "import part\n\n\ndef build():\n    part.check(3)\n\n\nbuild()\n",
        "part.py": "def check(n):\n    raise ValueError(f'{n} is too small')\n",
    }

    with pytest.raises(ProgramFailed) as raised:
        project(files)

    assert raised.value.message == "ValueError: 3 is too small"
    assert raised.value.where == "part.py:2"
    lines = [line.strip() for line in raised.value.detail.splitlines() if "File " in line]
    assert [line.rsplit("/", 1)[-1] for line in lines] == [
        '__main__.py", line 8, in <module>',
        '__main__.py", line 5, in build',
        'part.py", line 2, in check',
    ]


def test_an_error_in_apply_is_told_with_its_line(project):
    files = {MAIN: "import pulumi\nv = pulumi.Output.from_input(1)\nv.apply(lambda n: n / 0)\n"}

    with pytest.raises(ProgramFailed, match="ZeroDivisionError") as raised:
        project(files)

    assert raised.value.where == "__main__.py:3"
    assert "site-packages" not in raised.value.detail
    assert "tomo/program" not in raised.value.detail


def test_an_error_in_an_async_program_is_told_with_its_line(project):
    main = "import asyncio, pulumi\nasync def main():\n    await asyncio.sleep(0)\n    raise KeyError('gone')\npulumi.run(main)\n"

    with pytest.raises(ProgramFailed) as raised:
        project({MAIN: main})

    assert (raised.value.message, raised.value.where) == ("KeyError: 'gone'", "__main__.py:4")


def test_a_cause_is_told_too(project):
    main = "try:\n    {}['a']\nexcept KeyError as error:\n    raise RuntimeError('no a') from error\n"

    with pytest.raises(ProgramFailed, match="RuntimeError: no a") as raised:
        project({MAIN: main})

    assert "KeyError: 'a'" in raised.value.detail


def test_a_syntax_error_is_told_with_its_place(project):
    with pytest.raises(ProgramFailed, match="SyntaxError") as raised:
        project({MAIN: "import part\n", "part.py": "x = 1\nif x\n"})

    assert raised.value.where == "part.py:2"


def test_an_input_of_a_wrong_type_is_told(project):
    main = "import pulumi\npulumi.CustomResource('a:b:C', 'x', {'v': object()})\n"

    with pytest.raises(ProgramFailed, match="unexpected input of type object for v"):
        project({MAIN: main})


def test_missing_config_says_how_to_set_it(project):
    with pytest.raises(ConfigMissing, match="`proj:name`") as raised:
        project({MAIN: "import pulumi\npulumi.Config().require('name')\n"})

    assert raised.value.hint == "tomo config set proj:name VALUE"
    assert raised.value.where == "__main__.py:2"


def test_a_missing_secret_says_how_to_set_it(project):
    with pytest.raises(ConfigMissing, match="secret `proj:token`") as raised:
        project({MAIN: "import pulumi\npulumi.Config().require_secret('token')\n"})

    assert raised.value.hint == "tomo secret set proj:token"


def test_secrets_are_not_in_what_is_told(project, recorder):
    main = (
        "import pulumi\ntoken = pulumi.Config().require('token')\n"
        "x = pulumi.CustomResource('a:b:C', 'x', {'p': pulumi.Output.secret('made-here')})\n"
        "def fail(_):\n    raise ValueError(f'bad {token} and made-here')\n"
        "x.id.apply(fail)\n"
    )

    with pytest.raises(ProgramFailed) as raised:
        project(
            {MAIN: main}, config={"proj:token": "hush-hush"}, secret_config_keys=frozenset({"proj:token"})
        )

    assert raised.value.message == "ValueError: bad [secret] and [secret]"
    assert "hush-hush" not in raised.value.detail + str(raised.value)


@pytest.mark.parametrize("call", ["sys.exit()", "sys.exit(0)"])
def test_a_program_may_end_itself_well(project, call):
    recorded = project({MAIN: f"import pulumi, sys\npulumi.export('x', 1)\n{call}\nboom\n"})

    assert recorded.stack_outputs == {"x": 1}


def test_a_program_that_ends_itself_with_a_code_has_failed(project):
    with pytest.raises(ProgramFailed, match="ended itself with exit code 3") as raised:
        project({MAIN: "import sys\nsys.exit(3)\n"})

    assert raised.value.where == "__main__.py:2"


def test_a_program_that_ends_itself_with_a_text_says_it(project):
    with pytest.raises(ProgramFailed, match="no server given"):
        project({MAIN: "import sys\nsys.exit('no server given')\n"})


def test_a_program_that_ends_itself_in_apply_has_failed(project):
    main = "import pulumi, sys\npulumi.Output.from_input(1).apply(lambda _: sys.exit(4))\n"

    with pytest.raises(ProgramFailed, match="exit code 4"):
        project({MAIN: main})


def test_ctrl_c_comes_through_and_leaves_the_process_clean(project):
    cwd = Path.cwd()

    with pytest.raises(KeyboardInterrupt):
        project({MAIN: "import pulumi\npulumi.CustomResource('a:b:C', 'x', {})\nraise KeyboardInterrupt\n"})

    assert Path.cwd() == cwd
    assert gc.isenabled()


def test_an_error_that_the_program_raises_for_people_is_told_as_it_is(project):
    with pytest.raises(ProgramFailed) as raised:
        project({MAIN: "import pulumi\nraise pulumi.RunError('set a name first')\n"})

    assert (raised.value.message, raised.value.detail) == ("set a name first", "")


def test_print_reaches_people(project):
    assert project({MAIN: "print('hello')\n"}).logged == [(Severity.INFO, "hello")]


def test_a_program_in_a_folder_of_its_own_runs_there(tmp_path, run):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "conf").write_text("x")
    (tmp_path / "infra" / "__main__.py").write_text(
        "import pulumi_docker, pulumi\nfrom pathlib import Path\n"
        "pulumi_docker.Volume('v')\npulumi.export('at', Path.cwd().name)\n"
        "pulumi.CustomResource('a:b:C', 'x', {'file': pulumi.FileAsset('conf')})\n"
    )

    recorded = run(SdkSource(Path("infra"), tmp_path))

    assert recorded.stack_outputs == {"at": "infra"}
    assert recorded.goal("v").source_position == "project:///infra/__main__.py#3"
    assert recorded.goal("x").inputs["file"].hash


def test_a_signal_wakes_the_loop_of_a_program_and_none_after_it(tmp_path, run):
    before = signal.set_wakeup_fd(-1)
    seen = []

    def program():
        seen.append(signal.set_wakeup_fd(-1))
        signal.set_wakeup_fd(seen[0])
        os.write(seen[0], bytes([signal.SIGINT]))

    run(SdkSource(program, tmp_path))

    assert seen[0] >= 0
    assert signal.set_wakeup_fd(before) == -1


def test_ctrl_c_while_a_step_runs_comes_through(tmp_path, run, recorder, threads):
    class Stuck(recorder):
        def register(self, goal):
            threads.submit(signal.pthread_kill, threading.main_thread().ident, signal.SIGINT)
            return Future()

    (tmp_path / "__main__.py").write_text("import pulumi\npulumi.export('x', 1)\n")

    with pytest.raises(KeyboardInterrupt):
        run(SdkSource(tmp_path, tmp_path), Stuck())


def test_a_package_that_was_loaded_before_is_not_forgotten(tmp_path, run, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "__init__.py").write_text("")
    (tmp_path / "shared" / "late.py").write_text("")
    (tmp_path / "__main__.py").write_text("import shared.late\n")
    importlib.import_module("shared")

    run(SdkSource(tmp_path, tmp_path))

    assert "shared.late" in sys.modules
    for name in ("shared", "shared.late"):
        monkeypatch.delitem(sys.modules, name)


def test_processes_that_a_program_starts_have_somewhere_to_write(project, capfd):
    project({MAIN: "import subprocess, sys\nsubprocess.run(['echo', 'hi'], stdout=sys.stdout, check=True)\n"})

    assert capfd.readouterr().out == "hi\n"
