"""What every connection does, held over the local machine and a real sshd alike."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tomo.errors import CommandFailed, CommandTimeout, DiskFull, HostError
from tomo.model.connection import LOCAL, Connection, FileStat
from tomo.ssh.pool import ConnectionPool

ODD_NAMES = [
    "plain",
    "two words",
    "-rf",
    'quote\'s "double"',
    "$(touch pwned)`id`;&|<>*?[a]",
    "line\nbreak",
    "tab\tbell\a",
    "naïve-日本",
    "~",
    "back\\slash\\n",
    "ends: No such file or directory",
]


@pytest.fixture(params=["local", pytest.param("ssh", marks=pytest.mark.sshd)])
def connection(request: pytest.FixtureRequest, pool: ConnectionPool) -> Connection:
    if request.param == "local":
        return pool.get(LOCAL)
    server = request.getfixturevalue("sshd")()
    return pool.get(request.getfixturevalue("spec_for")(server))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    mount = tmp_path / "tiny"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], check=True)
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)


class TestCommands:
    def test_arguments_arrive_exactly_as_they_were_given(self, connection: Connection) -> None:
        argv = ["printf", "%s\\0", *ODD_NAMES, "", "if", "A=b"]

        result = connection.run(argv)

        assert result.stdout.decode().split("\0")[:-1] == argv[2:]

    def test_exit_code_and_both_outputs_come_back(self, connection: Connection) -> None:
        result = connection.run(["sh", "-c", "echo out; echo err >&2; exit 7"], check=False)

        assert (result.exit_code, result.text, result.stderr) == (7, "out", b"err\n")

    def test_a_failed_command_says_which_how_and_why(self, connection: Connection) -> None:
        with pytest.raises(CommandFailed) as caught:
            connection.run(["sh", "-c", "echo first >&2; echo 'last \x1b[31mwords' >&2; exit 3"])

        assert "ended with exit code 3: last  [31mwords" in str(caught.value)
        assert caught.value.detail.startswith("first\n")
        assert caught.value.host == connection.spec.label

    def test_a_command_that_is_not_there_is_exit_code_127(self, connection: Connection) -> None:
        result = connection.run(["no-such-command-at-all"], check=False)

        assert result.exit_code == 127
        assert b"not found" in result.stderr

    def test_death_by_a_signal_is_128_and_its_number(self, connection: Connection) -> None:
        result = connection.run(["sh", "-c", "kill -KILL $$"], check=False)

        assert result.exit_code == 137

    def test_stdin_goes_in_and_megabytes_come_out_of_both_ends(self, connection: Connection) -> None:
        data = os.urandom(4 << 20)

        result = connection.run(["sh", "-c", "tee /dev/stderr"], stdin=data)

        assert result.stdout == data
        assert result.stderr == data

    def test_twenty_megabytes_of_output_arrive_whole(self, connection: Connection) -> None:
        result = connection.run(["head", "-c", str(20 << 20), "/dev/zero"])

        assert len(result.stdout) == 20 << 20

    def test_a_command_that_ignores_its_stdin_still_counts(self, connection: Connection) -> None:
        result = connection.run(["echo", "done"], stdin=b"x" * (5 << 20))

        assert result.text == "done"

    def test_endless_output_is_stopped(self, connection: Connection) -> None:
        with pytest.raises(HostError, match="printed more than 64 MiB"):
            connection.run(["cat", "/dev/zero"])

    def test_a_timeout_stops_the_command_and_its_children(self, connection: Connection) -> None:
        mark = f"1234.{uuid.uuid4().int % 10**9}"
        started = time.monotonic()

        with pytest.raises(CommandTimeout, match="did not end in time"):
            connection.run(["sh", "-c", f"sleep {mark} & sleep {mark}; true"], timeout=0.3)

        assert time.monotonic() - started < 5
        assert subprocess.run(["pgrep", "-f", mark], capture_output=True, check=False).stdout == b""

    def test_fifty_commands_at_once_get_each_their_own_answer(self, connection: Connection) -> None:
        with ThreadPoolExecutor(16) as threads:
            results = threads.map(lambda number: connection.run(["echo", str(number)]).text, range(50))

        assert list(results) == [str(number) for number in range(50)]

    def test_more_arguments_than_one_command_line_holds(self, connection: Connection) -> None:
        many = [f"{number:05d}" + "x" * 95 for number in range(3000)]

        result = connection.run(["sh", "-c", "echo $#; cat", "sh", *many], stdin=b"and stdin")

        assert result.text == "3000\nand stdin"

    @pytest.mark.parametrize("bad", ["nul\0", "\ud800"])
    def test_what_no_command_can_take_is_refused(self, connection: Connection, bad: str) -> None:
        with pytest.raises(HostError, match="argument holds"):
            connection.run(["echo", bad])


class TestText:
    def test_it_runs_in_a_shell_with_its_variables_and_its_own_stdin(self, connection: Connection) -> None:
        env = {"ODD": "a 'b' \"c\"\n$(id)\\0101\x81é", "EMPTY": ""}

        result = connection.run_text(
            'cat; printf "[%s][%s]" "$ODD" "${EMPTY-unset}"; exit 4', stdin=b"mine\n", env=env
        )

        assert result.stdout.decode() == f"mine\n[{env['ODD']}][]"
        assert result.exit_code == 4

    def test_a_big_variable_reaches_the_text(self, connection: Connection) -> None:
        result = connection.run_text("echo ${#BIG}", env={"BIG": "€" * 50_000})

        assert result.text in {"50000", "150000"}

    def test_neither_text_nor_variables_show_in_the_process_list(self, connection: Connection) -> None:
        mark = f"hidden-{uuid.uuid4().hex}"

        result = connection.run_text(f"cat /proc/*/cmdline | tr '\\0' ' '; : {mark}", env={"SECRET": mark})

        assert mark not in result.stdout.decode("utf-8", "replace")

    def test_several_lines_and_comments_are_one_script(self, connection: Connection) -> None:
        result = connection.run_text('# first\nfor n in 1 2\ndo\n  echo "$n" # each\ndone\n# last')

        assert result.text == "1\n2"

    def test_a_wrong_variable_name_is_refused(self, connection: Connection) -> None:
        with pytest.raises(HostError, match="no name for an environment variable"):
            connection.run_text("true", env={"A;id": "x"})

    def test_a_syntax_error_is_an_exit_code(self, connection: Connection) -> None:
        assert connection.run_text("if then").exit_code == 2

    def test_it_ends_at_its_timeout(self, connection: Connection) -> None:
        with pytest.raises(CommandTimeout):
            connection.run_text("sleep 60", timeout=0.2)


class TestFiles:
    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_any_name_and_any_bytes_come_back(
        self, connection: Connection, tmp_path: Path, name: str
    ) -> None:
        path, content = f"{tmp_path}/{name}", bytes(range(256)) * 3

        connection.write_file(path, content)

        assert connection.read_file(path) == content
        assert [file.name for file in tmp_path.iterdir() if file.name not in {"home", "sshd0"}] == [name]
        connection.remove_file(path)
        assert connection.read_file(path) is None

    def test_one_look_tells_files_folders_and_nothing_apart(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        connection.write_file(f"{tmp_path}/a", b"hello", mode=0o640)
        (tmp_path / "dangling").symlink_to("nowhere")

        found = connection.stat_files(
            [f"{tmp_path}/{name}" for name in ("a", "none", "a/below", "dangling")] + [str(tmp_path)]
        )

        assert found[0] == FileStat(0o640, 5, hashlib.sha256(b"hello").hexdigest())
        assert found[1:4] == [None, None, None]
        assert found[4] is not None
        assert found[4].is_directory
        assert connection.stat_files([]) == []

    def test_a_file_that_exists_keeps_its_inode_and_takes_the_new_mode(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        path = tmp_path / "conf"
        path.write_text("a longer old content")
        inode = path.stat().st_ino

        connection.write_file(str(path), b"new", mode=0o600, owner="nobody")

        assert (path.read_bytes(), path.stat().st_ino) == (b"new", inode)
        assert path.stat().st_mode & 0o7777 == 0o600
        assert path.owner() == "nobody"

    def test_missing_parents_are_made_for_all_to_enter(self, connection: Connection, tmp_path: Path) -> None:
        connection.write_file(f"{tmp_path}/new/deep/file", b"", mode=0o400)

        assert (tmp_path / "new" / "deep").stat().st_mode & 0o777 == 0o755
        assert (tmp_path / "new" / "deep" / "file").stat().st_mode & 0o777 == 0o400

    def test_a_secret_is_never_readable_by_others_while_it_is_written(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        seen: set[int] = set()
        stop = threading.Event()

        def watch() -> None:
            while not stop.is_set():
                for file in tmp_path.glob("vault/*"):
                    try:
                        seen.add(file.stat().st_mode & 0o777)
                    except FileNotFoundError:
                        continue

        watcher = threading.Thread(target=watch)
        watcher.start()
        for number in range(5):
            connection.write_file(f"{tmp_path}/vault/key{number}", b"s" * 100_000, mode=0o600)
        stop.set()
        watcher.join()

        assert seen == {0o600}

    def test_a_link_is_written_through(self, connection: Connection, tmp_path: Path) -> None:
        (tmp_path / "target").write_text("old")
        (tmp_path / "link").symlink_to("target")

        connection.write_file(f"{tmp_path}/link", b"new")

        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "target").read_text() == "new"

    def test_a_full_disk_is_named_and_the_old_content_stays(
        self, connection: Connection, tiny_disk: Path
    ) -> None:
        connection.write_file(f"{tiny_disk}/conf", b"old content")

        with pytest.raises(DiskFull, match="no space left"):
            connection.write_file(f"{tiny_disk}/conf", b"x" * 40_000)
        with pytest.raises(DiskFull):
            connection.write_file(f"{tiny_disk}/other", b"x" * 400_000)

        assert [file.name for file in tiny_disk.iterdir()] == ["conf"]
        assert connection.read_file(f"{tiny_disk}/conf") == b"old content"

    def test_a_folder_in_the_files_place_is_an_error(self, connection: Connection, tmp_path: Path) -> None:
        with pytest.raises(CommandFailed, match="is a directory"):
            connection.write_file(str(tmp_path), b"")
        with pytest.raises(CommandFailed, match="is a directory"):
            connection.read_file(str(tmp_path))

    def test_more_than_the_limit_is_refused(self, connection: Connection, tmp_path: Path) -> None:
        (tmp_path / "big").write_bytes(b"x" * 101)

        assert connection.read_file(f"{tmp_path}/big", limit=101) == b"x" * 101
        with pytest.raises(HostError, match="larger than the 100 bytes"):
            connection.read_file(f"{tmp_path}/big", limit=100)

    def test_removing_what_is_gone_is_fine(self, connection: Connection, tmp_path: Path) -> None:
        connection.remove_file(f"{tmp_path}/never-was")

    def test_empty_folders_go_with_their_last_file_and_none_above_the_named_one(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        own = f"{tmp_path}/own"
        for name in ("app a/server/one", "app a/server/two", "b/three"):
            connection.write_file(f"{own}/{name}", b"x")

        connection.remove_file(f"{own}/app a/server/one", below=own)
        kept = connection.read_file(f"{own}/app a/server/two")
        connection.remove_file(f"{own}/app a/server/two", below=own)
        connection.remove_file(f"{own}/b/three", below=f"{tmp_path}/elsewhere")

        assert kept == b"x"
        assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["b"]


@pytest.mark.docker
class TestDocker:
    def test_the_daemon_answers_on_a_stream_that_stays_open(
        self, connection: Connection, ping: Callable[..., bytes]
    ) -> None:
        stream = connection.open_docker()

        answers = [ping(stream), ping(stream)]

        stream.close()
        assert answers == [b"OK", b"OK"]

    def test_forgetting_the_way_finds_it_again(
        self, connection: Connection, ping: Callable[..., bytes]
    ) -> None:
        connection.open_docker().close()

        connection.forget_docker()

        stream = connection.open_docker()
        assert ping(stream) == b"OK"
        stream.close()
