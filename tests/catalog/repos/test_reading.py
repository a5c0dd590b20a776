"""What is read of a folder or a git repository, and what is not."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.catalog.repos.worlds import app_text, commit, git, git_repository, put
from tomo.catalog.repos.address import Protocol, read_address
from tomo.catalog.repos.content import MOST_BYTES, Content
from tomo.catalog.repos.folder import read_folder
from tomo.catalog.repos.git import Git
from tomo.catalog.repos.verify import verified
from tomo.errors import RepositoryError

Read = Callable[[Path], Content]


def _git() -> Git:
    return Git(dict(os.environ), seconds=20)


def _as_folder(folder: Path) -> Content:
    return read_folder(folder)


def _as_git(folder: Path) -> Content:
    if not (folder / ".git").exists():
        git_repository(folder, {})
    return _git().read(read_address(str(folder), folder))


@pytest.fixture(params=[_as_folder, _as_git], ids=["folder", "git"])
def read(request: pytest.FixtureRequest) -> Read:
    found: Read = request.param
    return found


def test_app_files_are_read_and_have_one_digest_however_they_came(tmp_path: Path) -> None:
    files = {f"apps/{name}.yaml": app_text(name) for name in ("wiki", "photos")}
    folder = put(tmp_path / "folder", files | {"README.md": "# mine", "apps/notes.txt": "no app"})
    commit_id = git_repository(tmp_path / "git", files)

    plain, fetched = _as_folder(folder), _as_git(tmp_path / "git")

    assert sorted(plain.files) == ["photos", "wiki"]
    assert plain.digest == fetched.digest
    assert (plain.commit, fetched.commit) == ("", commit_id)


def test_app_files_may_lie_at_the_top(tmp_path: Path, read: Read) -> None:
    put(tmp_path, {"wiki.yaml": app_text("wiki")})

    assert sorted(read(tmp_path).files) == ["wiki"]


def test_another_byte_or_another_name_is_another_digest() -> None:
    base = Content({"a": b"1", "b": b"2"})

    others = [Content({"a": b"1", "b": b"3"}), Content({"a": b"1", "c": b"2"}), Content({"a": b"1"})]

    assert len({each.digest for each in (base, *others)}) == 4


def test_a_commit_and_a_branch_are_read_as_they_were(tmp_path: Path) -> None:
    first = git_repository(tmp_path, {"apps/wiki.yaml": app_text("wiki")})
    git(tmp_path, "branch", "old")
    commit(tmp_path, {"apps/wiki.yaml": app_text("wiki", version="2.0")})
    address = read_address(str(tmp_path), tmp_path)

    newest, branch, pinned = (
        _git().read(address),
        _git().read(address, branch="old"),
        _git().read(address, commit=first),
    )

    assert b'version: "2.0"' in newest.files["wiki"]
    assert branch == pinned
    assert branch.commit == first


def test_a_commit_or_branch_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    git_repository(tmp_path, {"apps/wiki.yaml": app_text("wiki")})
    address = read_address(str(tmp_path), tmp_path)

    for asked in ({"branch": "none"}, {"commit": "0" * 40}):
        with pytest.raises(RepositoryError, match="can't be fetched"):
            _git().read(address, **asked)


# --- what a hostile one may try ----------------------------------------------------------------------


def _linked(folder: Path) -> None:
    (folder / "apps" / "passwd.yaml").symlink_to("/etc/passwd")


def _linked_folder(folder: Path) -> None:
    (folder / "apps" / "wiki.yaml").unlink()
    (folder / "apps").rmdir()
    (folder / "apps").symlink_to("/etc")


def _huge(folder: Path) -> None:
    (folder / "apps" / "huge.yaml").write_bytes(b"x" * (MOST_BYTES + 1))


def _named(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "apps" / name).write_text(app_text("wiki"))  # type: ignore[return-value]


def _folder_called_so(folder: Path) -> None:
    put(folder, {"apps/wiki2.yaml/inside.yaml": app_text("wiki")})


def _many(folder: Path) -> None:
    for number in range(5_001):
        (folder / "apps" / f"a{number}.yaml").touch()


@pytest.mark.parametrize(
    "evil",
    [
        _linked,
        _linked_folder,
        _huge,
        _named("UPPER.yaml"),
        _named("a b.yaml"),
        _named("-rf.yaml"),
        _named("\x1b[31mred.yaml"),
        _named("a" * 50 + ".yaml"),
        _named("wiki\u202e.yaml"),
        _folder_called_so,
        _many,
    ],
)
def test_what_no_repository_may_hold_has_nothing_of_it_used(
    evil: Callable[[Path], None], tmp_path: Path, read: Read
) -> None:
    put(tmp_path, {"apps/wiki.yaml": app_text("wiki")})
    evil(tmp_path)

    with pytest.raises(RepositoryError) as caught:
        read(tmp_path)

    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert "root:" not in str(caught.value)


def test_pipes_and_sockets_in_a_folder_are_not_waited_for(tmp_path: Path) -> None:
    put(tmp_path, {"apps/wiki.yaml": app_text("wiki")})
    os.mkfifo(tmp_path / "apps" / "pipe.yaml")

    with pytest.raises(RepositoryError, match="no ordinary file"):
        read_folder(tmp_path)


def test_hooks_filters_and_settings_of_a_repository_run_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    remote = tmp_path / "remote"
    files = {"apps/wiki.yaml": app_text("wiki"), ".gitattributes": "* filter=evil diff=evil\n"}
    git_repository(remote, files)
    for hook in ("post-checkout", "pre-push", "post-update", "reference-transaction", "pre-receive"):
        path = remote / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {marker}\n")
        path.chmod(0o755)
    for key in ("filter.evil.smudge", "core.fsmonitor", "uploadpack.packObjectsHook", "core.sshCommand"):
        git(remote, "config", key, f"touch {marker}; cat")

    content = _as_git(remote)

    assert sorted(content.files) == ["wiki"]
    assert not marker.exists()


def test_submodules_are_not_fetched(tmp_path: Path) -> None:
    other = tmp_path / "other"
    inner = git_repository(other, {"apps/evil.yaml": app_text("evil")})
    remote = tmp_path / "remote"
    git_repository(
        remote,
        {
            "apps/wiki.yaml": app_text("wiki"),
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = {other}\n',
        },
    )
    git(remote, "update-index", "--add", "--cacheinfo", f"160000,{inner},x")
    git(remote, "commit", "--quiet", "-m", "a submodule")

    assert sorted(_git().read(read_address(str(remote), tmp_path)).files) == ["wiki"]


def test_a_tree_that_holds_itself_many_times_over_is_not_walked(tmp_path: Path) -> None:
    git_repository(tmp_path, {"apps/wiki.yaml": app_text("wiki")})
    tree = git(tmp_path, "write-tree")
    for _ in range(12):
        # Ten folders, each the tree before: listing all of it would end after a trillion files.
        lines = "".join(f"040000 tree {tree}\td{number}\n" for number in range(10))
        tree = _made_tree(tmp_path, lines)
    apps = git(tmp_path, "rev-parse", "HEAD:apps")
    tree = _made_tree(tmp_path, f"040000 tree {apps}\tapps\n040000 tree {tree}\tbomb\n")
    bomb = git(tmp_path, "commit-tree", tree, "-m", "bomb")
    git(tmp_path, "update-ref", "refs/heads/bomb", bomb)

    content = _git().read(read_address(str(tmp_path), tmp_path), branch="bomb")

    assert sorted(content.files) == ["wiki"]


def _made_tree(folder: Path, lines: str) -> str:
    import subprocess

    ran = subprocess.run(
        ["git", "mktree"], cwd=folder, input=lines, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def test_a_fetch_that_grows_too_large_is_ended(tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    git_repository(remote, {"apps/wiki.yaml": app_text("wiki")})
    (remote / "noise").write_bytes(os.urandom(300_000))
    commit(remote, {})
    address = read_address(str(remote), tmp_path)

    with pytest.raises(RepositoryError, match="too much for a catalog"):
        Git(dict(os.environ), most=200_000).read(address)


def test_a_host_that_never_answers_is_left_after_the_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = read_address(f"ssh://127.0.0.1:{silent.getsockname()[1]}/x", tmp_path)

        with pytest.raises(RepositoryError, match="takes longer than"):
            Git(dict(os.environ), seconds=0.3).read(address)

    assert address.protocol is Protocol.SSH


def test_git_that_is_not_installed_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git_repository(tmp_path, {"apps/wiki.yaml": app_text("wiki")})
    address = read_address(str(tmp_path), tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    with pytest.raises(RepositoryError, match="`git` is missing"):
        Git({"PATH": str(tmp_path / "nothing")}).read(address)


# --- the rules ---------------------------------------------------------------------------------------


def test_only_apps_that_keep_the_rules_are_used_and_the_others_say_why() -> None:
    content = Content(
        {
            "good": app_text("good").encode(),
            "latest": app_text("latest", version="1.0").replace(":1.0", ":latest").encode(),
            "broken": b"id: [",
            "bomb": b"a: &a [x,x]\n"
            + b"".join(b"%c: &%c [*%c,*%c]\n" % (98 + i, 98 + i, 97 + i, 97 + i) for i in range(20)),
            "red": app_text("red", tagline='"\\e[31mred"').encode(),
            "binary": b"\xff\xfe\x00",
        }
    )

    found = verified(content)

    assert sorted(found.apps) == ["good"]
    assert [line.partition(".yaml")[0] for line in found.refused] == [
        "binary",
        "bomb",
        "broken",
        "latest",
        "red",
    ]
    assert not any("\x1b" in line for line in found.refused)


def test_a_repository_without_one_good_app_is_refused_whole() -> None:
    with pytest.raises(RepositoryError, match="none of the 1 app files"):
        verified(Content({"broken": b"id: ["}))
