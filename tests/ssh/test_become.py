"""Root by sudo, and its refusal."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

import pytest

from tomo.errors import BecomeRefused, CommandFailed, CommandTimeout

pytestmark = pytest.mark.sshd


def test_commands_texts_and_files_are_roots(sshd, spec_for, pool, sudoer, tmp_path: Path) -> None:
    connection = pool.get(spec_for(sshd(), user=sudoer.name, become=True))
    path = tmp_path / "of-root"

    assert connection.run(["id", "-u"]).text == "0"
    assert connection.run_text('echo "$(id -u) $A"; cat', env={"A": "b c"}, stdin=b"in").text == "0 b c\nin"
    connection.write_file(str(path), b"secret", mode=0o600)
    assert connection.read_file(str(path)) == b"secret"
    assert path.owner() == "root"


def test_a_failing_command_is_no_refusal_of_sudo(sshd, spec_for, pool, sudoer) -> None:
    connection = pool.get(spec_for(sshd(), user=sudoer.name, become=True))

    with pytest.raises(CommandFailed, match="exit code 1: sudo is what I say"):
        connection.run(["sh", "-c", "echo sudo is what I say >&2; exit 1"])


def test_sudo_that_asks_a_password_is_refused_with_a_hint(sshd, spec_for, pool, person) -> None:
    connection = pool.get(spec_for(sshd(), user=person.name, become=True))

    with pytest.raises(BecomeRefused, match=f"does not let `{person.name}` run commands") as caught:
        connection.run(["id"])

    assert "NOPASSWD" in caught.value.hint


def test_a_host_without_sudo_says_so(sshd, spec_for, pool, person) -> None:
    server = sshd("SetEnv PATH=/nonexistent")
    connection = pool.get(spec_for(server, user=person.name, become=True))

    with pytest.raises(BecomeRefused, match="sudo is not installed"):
        connection.run(["id"])


def test_a_timeout_ends_what_root_runs(sshd, spec_for, pool, sudoer) -> None:
    connection = pool.get(spec_for(sshd(), user=sudoer.name, become=True))
    mark = f"1234.{uuid.uuid4().int % 10**9}"

    with pytest.raises(CommandTimeout):
        connection.run(["sleep", mark], timeout=0.5)

    assert subprocess.run(["pgrep", "-fa", mark], capture_output=True, check=False).stdout == b""


def test_a_user_without_rights_sees_what_is_hidden_as_an_error(sshd, spec_for, pool, person) -> None:
    connection = pool.get(spec_for(sshd(), user=person.name))

    with pytest.raises(CommandFailed, match="Permission denied"):
        connection.stat_files(["/root/anything"])
    with pytest.raises(CommandFailed, match="Permission denied"):
        connection.read_file("/etc/shadow")
    with pytest.raises(CommandFailed, match="Permission denied"):
        connection.write_file("/etc/tomo-must-not-be", b"")
