"""Local commands are really run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import CommandFailed, CommandTimeout, NotSupported, ProviderFailed
from tomo.model.provider import CheckRequest, CreateRequest, DeleteRequest, DiffRequest, UpdateRequest
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, Secret, Unknown
from tomo.providers.command import CommandProvider
from tomo.settings import Settings

URN = Urn("urn:pulumi:dev::proj::command:local:Command::a")


@pytest.fixture
def provider(hosts: Any, tmp_path: Path) -> CommandProvider:
    settings = Settings(variables={"PATH": "/usr/bin:/bin", "FROM_OUTSIDE": "yes"})
    return CommandProvider(hosts, settings, root=tmp_path)


def create(provider: CommandProvider, **inputs: Any) -> Any:
    return provider.create(CreateRequest(URN, inputs))


def update(
    provider: CommandProvider, old: dict[str, Any], outputs: dict[str, Any], new: dict[str, Any], **more: Any
) -> Any:
    return provider.update(UpdateRequest(URN, "a1", old, outputs, new, **more)).outputs


def test_create_runs_the_command_and_keeps_what_it_said(provider: CommandProvider) -> None:
    made = create(provider, create="echo out; echo err >&2")

    assert made.outputs == {"create": "echo out; echo err >&2", "stdout": "out", "stderr": "err"}
    assert re.fullmatch(r"a[0-9a-f]{8}", made.id)


def test_exactly_one_trailing_newline_is_stripped(provider: CommandProvider) -> None:
    made = create(provider, create="printf 'a\\n\\n'")

    assert made.outputs["stdout"] == "a\n"


def test_nothing_to_run_is_a_success(provider: CommandProvider) -> None:
    made = create(provider, delete="false")

    assert (made.outputs["stdout"], made.outputs["stderr"]) == ("", "")


def test_a_command_gets_the_whole_environment_its_own_and_its_input(provider: CommandProvider) -> None:
    made = create(
        provider, create='echo "$FROM_OUTSIDE $MINE"; cat', environment={"MINE": "$(id)"}, stdin="fed"
    )

    assert made.outputs["stdout"] == "yes $(id)\nfed"


def test_input_that_the_command_does_not_read_is_no_failure(provider: CommandProvider) -> None:
    made = create(provider, create="exec 0<&-; echo done", stdin="x" * 1_000_000)

    assert made.outputs["stdout"] == "done"


def test_dir_and_interpreter_are_honoured(provider: CommandProvider, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()

    made = create(provider, create="pwd; echo $0", dir="sub", interpreter=["/bin/sh", "-e", "-c"])

    assert made.outputs["stdout"].splitlines()[0] == str(tmp_path / "sub")


def test_a_missing_interpreter_says_so(provider: CommandProvider) -> None:
    with pytest.raises(CommandFailed, match="cannot start `/no/such`") as caught:
        create(provider, create="true", interpreter=["/no/such"])

    assert "interpreter" in caught.value.hint


def test_a_failure_tells_the_exit_status_and_the_output(provider: CommandProvider) -> None:
    with pytest.raises(CommandFailed) as caught:
        create(provider, create="echo before; echo why >&2; exit 3")

    assert caught.value.message.startswith("exit status 3: running `echo before; echo why >&2; exit 3`")
    assert "why" in caught.value.message


def test_a_failure_with_a_secret_input_shows_neither_command_nor_output(provider: CommandProvider) -> None:
    request = CreateRequest(URN, {"create": "echo hunter2; exit 1"}, secret_keys=frozenset({"create"}))

    with pytest.raises(CommandFailed) as caught:
        provider.create(request)

    assert "hunter2" not in caught.value.message + caught.value.detail + caught.value.hint


def test_output_is_secret_when_an_input_is(provider: CommandProvider) -> None:
    lines: list[str] = []
    request = CreateRequest(
        URN,
        {"create": "echo $A", "environment": {"A": "hush"}},
        secret_keys=frozenset({"environment"}),
        report=lines.append,
    )

    made = provider.create(request)

    assert isinstance(made.outputs["stdout"], Secret)
    assert made.outputs["stdout"].reveal() == "hush"
    assert lines == []


def test_lines_are_reported_as_logging_says(provider: CommandProvider) -> None:
    said: dict[str, list[str]] = {}
    for logging in ("stdout", "stderr", "stdoutAndStderr", "none"):
        lines = said.setdefault(logging, [])
        provider.create(
            CreateRequest(URN, {"create": "echo o; echo e >&2", "logging": logging}, report=lines.append)
        )

    assert {key: sorted(lines) for key, lines in said.items()} == {
        "stdout": ["o"],
        "stderr": ["e"],
        "stdoutAndStderr": ["e", "o"],
        "none": [],
    }


def test_control_characters_are_not_reported(provider: CommandProvider) -> None:
    lines: list[str] = []

    provider.create(CreateRequest(URN, {"create": r"printf '\033[31mred\033[0m\007\n'"}, report=lines.append))

    assert lines == ["red"]


def test_a_command_that_does_not_end_in_time_is_ended(provider: CommandProvider) -> None:
    request = CreateRequest(URN, {"create": "exec tail -f /dev/null"}, timeout=0.05)

    with pytest.raises(CommandTimeout, match=r"0\.05 seconds"):
        provider.create(request)


def test_update_runs_update_else_create_with_the_previous_output(provider: CommandProvider) -> None:
    old = {"create": "echo one"}
    outputs = {**old, "stdout": "one", "stderr": ""}

    with_update = update(
        provider, old, outputs, {"create": "echo one", "update": 'echo "was $PULUMI_COMMAND_STDOUT"'}
    )
    without = update(
        provider,
        old,
        outputs,
        {"create": 'echo "two ${PULUMI_COMMAND_STDOUT-unset} ${PULUMI_COMMAND_STDERR-unset}"'},
    )
    alone = update(
        provider,
        old,
        outputs,
        {"create": 'echo "${PULUMI_COMMAND_STDOUT-unset}"', "addPreviousOutputInEnv": False},
    )

    assert with_update["stdout"] == "was one"
    assert without["stdout"] == "two one unset"
    assert alone["stdout"] == "unset"


def test_delete_runs_the_recorded_command_with_the_recorded_output(
    provider: CommandProvider, tmp_path: Path
) -> None:
    inputs = {
        "create": "true",
        "delete": 'echo "$PULUMI_COMMAND_STDOUT $A" > gone',
        "environment": {"A": "b"},
        "dir": ".",
    }

    provider.delete(DeleteRequest(URN, "a1", inputs, {**inputs, "stdout": "made", "stderr": ""}))

    assert (tmp_path / "gone").read_text() == "made b\n"


def test_a_preview_runs_nothing_and_knows_no_output(provider: CommandProvider, tmp_path: Path) -> None:
    inputs = {"create": f"touch {tmp_path}/ran"}

    made = provider.create(CreateRequest(URN, inputs, preview=True))
    changed = update(provider, inputs, {}, {"create": f"touch {tmp_path}/ran2"}, preview=True)

    assert made.id == ""
    assert isinstance(made.outputs["stdout"], Unknown)
    assert isinstance(changed["stderr"], Unknown)
    assert list(tmp_path.iterdir()) == []


def test_unknown_inputs_never_run(provider: CommandProvider) -> None:
    with pytest.raises(ProviderFailed, match="not known yet"):
        create(provider, create=UNKNOWN)


@pytest.mark.parametrize(("old", "new"), [([1], [2]), (None, [1]), ([1], None), ([1], [1, 2])])
def test_any_change_of_triggers_replaces(provider: CommandProvider, old: Any, new: Any) -> None:
    request = DiffRequest(URN, "a1", {"triggers": old}, {}, {"triggers": new, "update": "x"})

    result = provider.diff(request)

    assert result.changed
    assert result.replaces
    assert result.replace_keys == ("triggers",)


def test_equal_inputs_are_no_change_and_others_an_update(provider: CommandProvider) -> None:
    same = provider.diff(
        DiffRequest(URN, "a1", {"create": "x", "triggers": [1]}, {}, {"create": "x", "triggers": [1.0]})
    )
    changed = provider.diff(
        DiffRequest(URN, "a1", {"create": "x"}, {}, {"create": "x", "environment": {"A": "1"}})
    )
    ignored = provider.diff(
        DiffRequest(URN, "a1", {"create": "x"}, {}, {"create": "y"}, ignore_changes=("create",))
    )

    assert same.changed is False
    assert (changed.changed, changed.replaces) == (True, False)
    assert ignored.changed is False


def test_asset_paths_collect_files_in_rule_order(provider: CommandProvider, tmp_path: Path) -> None:
    command = "mkdir -p d/e; echo 1 > d/a.txt; echo 2 > d/e/b.txt; echo 3 > c.log; echo 4 > d/e/no.txt"

    made = create(provider, create=command, assetPaths=["**/*.txt", "!**/no.txt", "*.log"])

    assert sorted(made.outputs["assets"]) == ["c.log", "d/a.txt", "d/e/b.txt"]
    assert made.outputs["assets"]["d/a.txt"].path == str(tmp_path / "d/a.txt")
    assert len(made.outputs["assets"]["c.log"].hash) == 64


def test_archive_paths_are_refused_by_name(provider: CommandProvider) -> None:
    with pytest.raises(NotSupported, match="`archivePaths`"):
        provider.check(CheckRequest(URN, {}, {"archivePaths": ["*"]}))


def test_unknown_inputs_and_levels_are_refused_by_name(provider: CommandProvider) -> None:
    result = provider.check(CheckRequest(URN, {}, {"creat": "x", "logging": "loud", "connection": {}}))

    assert [failure.property for failure in result.failures] == ["connection", "creat", "logging"]


def test_another_type_is_refused_by_name(provider: CommandProvider) -> None:
    with pytest.raises(NotSupported, match="CopyFile"):
        provider.check(CheckRequest(Urn("urn:pulumi:d::p::command:remote:CopyFile::a"), {}, {}))


def test_run_runs_in_previews_too(provider: CommandProvider) -> None:
    result = provider.invoke("command:local:run", {"command": "echo hi"}, preview=True)
    unknown = provider.invoke("command:local:run", {"command": UNKNOWN}, preview=True)
    wrong = provider.invoke("command:local:run", {}, preview=False)

    assert result.outputs["stdout"] == "hi"
    assert isinstance(unknown.outputs["stdout"], Unknown)
    assert wrong.failures[0].property == "command"


def test_cancel_ends_a_running_command(provider: CommandProvider) -> None:
    def stop(_line: str) -> None:
        provider.cancel()

    with pytest.raises(CommandFailed, match="exit status 143"):
        provider.create(CreateRequest(URN, {"create": "echo started; exec tail -f /dev/null"}, report=stop))
