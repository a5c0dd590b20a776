from __future__ import annotations

import pytest

from tomo.testing.files import FileTree
from tomo.testing.shell import Outcome, RunsOn, Shell


@pytest.fixture
def files() -> FileTree:
    tree = FileTree()
    tree.write("/srv/a", b"one\n", 0o600)
    return tree


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("true && echo yes", Outcome(0, "yes\n")),
        ("test -f /srv/a && echo file; test -d /srv && echo folder", Outcome(0, "file\nfolder\n")),
        ("test -e /nope || echo none", Outcome(0, "none\n")),
        ("test -n '' || test x = x && test x != y", Outcome(0)),
        ("A=1; echo ${A}$B", Outcome(0, "1\n")),
        ("printf 'made %s\\n' it", Outcome(0, "made it\n")),
        ("cat /srv/a /nope", Outcome(1, "one\n", "cat: /nope: No such file or directory\n")),
        ("rm /nope", Outcome(1, "", "rm: cannot remove '/nope': No such file or directory\n")),
        ("rm -f /nope; mkdir -p /srv/b; touch /srv/b/c; ls /srv", Outcome(0, "a\nb\n")),
        ("ls /nope", Outcome(2, "", "ls: cannot access '/nope': No such file or directory\n")),
        ("echo two >> /srv/a; cat /srv/a", Outcome(0, "one\ntwo\n")),
        ("echo lost > /dev/null 2> /dev/null", Outcome(0)),
        ("# nothing\n\nset -e\nexit 4", Outcome(4)),
        ("frobnicate", Outcome(127, "", "sh: 1: frobnicate: not found\n")),
        ("busybox echo hi", Outcome(0, "hi\n")),
        ("sh -c 'echo inner'", Outcome(0, "inner\n")),
    ],
)
def test_scripts_do_what_a_shell_would(files: FileTree, script: str, expected: Outcome) -> None:
    assert Shell(files).text(script) == expected


def test_modes_and_owners_can_be_set(files: FileTree) -> None:
    Shell(files).text("chmod 640 /srv/a && chown 1000:1000 /srv/a")

    node = files.get("/srv/a")
    assert node is not None
    assert (node.mode, node.owner) == (0o640, "1000:1000")
    assert Shell(files).text("chmod 640 /nope || chown x /nope").exit_code == 1


def test_a_digest_is_the_contents(files: FileTree) -> None:
    node = files.get("/srv/a")

    assert node is not None
    assert Shell(files).text("sha256sum /srv/a").stdout == f"{node.sha256}  /srv/a\n"


def test_a_server_runs_on_and_keeps_what_it_wrote_before(files: FileTree) -> None:
    shell = Shell(files, unknown_runs_on=True)

    with pytest.raises(RunsOn) as runs_on:
        shell.text("echo starting; my-server --port 80")

    assert runs_on.value.before.stdout == "starting\n"


def test_a_folder_is_not_written_over_and_a_file_is_no_folder(files: FileTree) -> None:
    with pytest.raises(IsADirectoryError):
        files.write("/srv", b"")
    with pytest.raises(NotADirectoryError):
        files.make_directory("/srv/a/b")
