from __future__ import annotations

import pytest

from tomo.errors import UsageError
from tomo.ssh.store_address import parse_store_address


@pytest.mark.parametrize(
    ("url", "root", "login", "written"),
    [
        ("ssh://box/srv/state", "/srv/state", "box", "ssh://box/srv/state"),
        ("ssh://kim@box:2222/srv/state/", "/srv/state", "-p 2222 kim@box", "ssh://kim@box:2222/srv/state"),
        ("ssh://box/~/state", "state", "box", "ssh://box/~/state"),
        ("ssh://box/~", ".", "box", "ssh://box/~"),
        ("ssh://box/srv/a%20b", "/srv/a b", "box", "ssh://box/srv/a%20b"),
        ("ssh://box/srv/../etc/./x", "/etc/x", "box", "ssh://box/etc/x"),
        ("ssh://[2001:db8::1]:22/s", "/s", "-p 22 2001:db8::1", "ssh://[2001:db8::1]:22/s"),
    ],
)
def test_an_address_names_a_folder_of_a_server(url: str, root: str, login: str, written: str) -> None:
    address = parse_store_address(url)

    assert (address.root, address.login, address.url) == (root, login, written)
    assert address.location(".pulumi/meta.yaml") == f"{written}/.pulumi/meta.yaml"


@pytest.mark.parametrize(
    "url",
    [
        "ssh://",
        "ssh://box",
        "ssh://box/",
        "ssh:///srv/state",
        "ssh://box:port/srv",
        "ssh://box:99999/srv",
        "ssh://box/srv?key=1",
        "ssh://box/srv#part",
        "ssh://-oProxyCommand=x/srv",
        "ssh://-l@box/srv",
        "ssh://a%20b@box/srv",
        "ssh://box/a%00b",
        "file:///srv",
    ],
)
def test_an_address_that_is_not_whole_is_answered_with_its_form(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_store_address(url)

    assert "ssh://[USER@]SERVER[:PORT]/PATH" in caught.value.hint


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError, match="holds a password") as caught:
        parse_store_address("ssh://kim:hunter2@box/srv")

    assert "hunter2" not in caught.value.message + caught.value.hint
