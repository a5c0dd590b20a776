"""Which addresses a repository may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tomo.catalog.repos.address import (
    Protocol,
    name_for,
    read_address,
    require_branch,
    require_commit,
    require_name,
)
from tomo.errors import UsageError


@pytest.mark.parametrize(
    ("text", "protocol", "name"),
    [
        ("https://git.example.com/me/home-lab.git", Protocol.HTTPS, "home-lab"),
        ("https://git.example.com:8443/me/Apps", Protocol.HTTPS, ""),
        ("ssh://git@git.example.com:2222/me/apps_x.git", Protocol.SSH, "apps-x"),
        ("git@git.example.com:me/lab.git", Protocol.SSH, "lab"),
        ("git.example.com:lab", Protocol.SSH, "lab"),
    ],
)
def test_git_addresses_are_taken_and_name_the_repository(
    text: str, protocol: Protocol, name: str, tmp_path: Path
) -> None:
    found = read_address(text, tmp_path)

    assert (found.url, found.protocol, name_for(found)) == (text, protocol, name)


def test_a_folder_is_git_where_it_is_a_repository(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "work" / ".git").mkdir(parents=True)
    (tmp_path / "bare" / "objects").mkdir(parents=True)
    (tmp_path / "bare" / "HEAD").write_text("ref: refs/heads/main\n")

    found = {name: read_address(name, tmp_path).protocol for name in ("plain", "work", "bare")}

    assert found == {"plain": Protocol.FOLDER, "work": Protocol.FILE, "bare": Protocol.FILE}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x",
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "http://git.example.com/x",
        "git://git.example.com/x",
        "ftp://git.example.com/x",
        "https://user:token@git.example.com/x",
        "https://token@git.example.com/x",
        "https://-oProxyCommand=x/y",
        "ssh://-oProxyCommand=x/y",
        "-x@git.example.com:y",
        "https://git.example.com",
        "https://git.example.com/x?y=1",
        "https://git.example.com:port/x",
        "https://[/x",
        "nowhere/at/all",
        "git@git.example.com:x\nevil",
        "https://git.example.com/\x1b[31mx",
        "a\\b",
    ],
)
def test_every_other_address_is_refused_with_what_would_do(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_address(text, tmp_path)

    assert caught.value.hint
    assert "\x1b" not in str(caught.value)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "Lab", "a/b", "../x", "-x", "x-", "tomo", "apps", "a" * 41, "x\n"])
def test_names_that_could_be_mistaken_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        require_name(name)


@pytest.mark.parametrize(
    "branch", ["-x", "a..b", "a b", "a//b", "/a", "a/", "a.lock", "@{u}", "a:b", "+a", "a~1", "a" * 300]
)
def test_branches_that_git_would_read_as_something_else_are_refused(branch: str) -> None:
    with pytest.raises(UsageError):
        require_branch(branch)


def test_only_whole_commit_ids_pin() -> None:
    require_commit("")
    require_commit("a" * 40)
    require_commit("a" * 64)

    for text in ("abc1234", "HEAD", "A" * 40, "a" * 41):
        with pytest.raises(UsageError):
            require_commit(text)
