from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from tomo.errors import HostError, UsageError
from tomo.ssh.hostkeys import HostKey, fingerprint, parse_host_key
from tomo.ssh.known_hosts import Trust, trust


def key(number: int = 0, kind: str = "ssh-ed25519") -> HostKey:
    name = kind.encode()
    return HostKey(kind, len(name).to_bytes(4, "big") + name + bytes([0, 0, 0, 32]) + bytes([number]) * 32)


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def found(file: Path, name: str, port: int = 22, alias: str = "") -> Trust:
    return trust(name, port, alias=alias, pinned=(), files=(file,))


def test_a_line_lists_names_and_patterns(known: Path) -> None:
    known.write_text(f"# comment\n\nweb,192.0.2.1,*.example.com,!bad.example.com {key().text} me@here\n")

    names = ("web", "WEB", "192.0.2.1", "a.example.com", "bad.example.com", "192.0.2.10")
    assert [bool(found(known, name).keys) for name in names] == [True, True, True, True, False, False]
    assert found(known, "web").keys[0].source == f"{known}:3"


def test_a_port_of_its_own_is_another_name(known: Path) -> None:
    known.write_text(f"[web]:2222 {key(1).text}\nweb {key(2).text}\n")

    assert found(known, "web", 2222).keys[0].key == key(1)
    assert found(known, "web").keys[0].key == key(2)
    assert found(known, "web", 2223).without_port


def test_hashed_names_are_found(known: Path) -> None:
    known.write_text(f"[web.example]:2222 {key(1).text}\nother {key(2).text}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert "web" not in known.read_text()

    assert found(known, "web.example", 2222).keys[0].key == key(1)
    assert found(known, "stranger").keys == ()


def test_several_keys_ask_for_several_algorithms_and_no_other(known: Path) -> None:
    known.write_text(f"web {key(1, 'ssh-rsa').text}\nweb {key(2, 'ecdsa-sha2-nistp256').text}\n")

    assert found(known, "web").algorithms == ("ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")


def test_revoked_keys_count_for_pinned_hosts_too(known: Path) -> None:
    known.write_text(f"@revoked * {key().text}\n")

    pinned = trust("web", 22, alias="", pinned=[key().text], files=(known,))

    assert pinned.revoked[0].key == key()


def test_authorities_are_no_host_keys(known: Path) -> None:
    known.write_text(f"@cert-authority *.example.com {key().text}\n")

    of_host = found(known, "a.example.com")

    assert of_host.keys == ()
    assert of_host.authorities[0].key == key()
    assert "ssh-ed25519-cert-v01@openssh.com" in of_host.algorithms


def test_an_alias_stands_for_the_name_and_has_no_port(known: Path) -> None:
    known.write_text(f"fleet {key().text}\n")

    assert found(known, "192.0.2.1", 2222, alias="fleet").keys


def test_lines_of_other_kinds_and_broken_ones_are_passed_over(known: Path) -> None:
    known.write_text(f"web ssh-dss AAAA\nweb\nweb ssh-ed25519 %%%\n@odd\nweb {key().text}\n")

    assert [line.key for line in found(known, "web").keys] == [key()]


def test_a_file_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="can't be read"):
        found(tmp_path, "web")


def test_a_fingerprint_is_the_one_that_openssh_shows(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "k")], check=True)
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(tmp_path / "k.pub")], check=True, capture_output=True, text=True
    ).stdout

    assert fingerprint((tmp_path / "k.pub").read_text()) == shown.split()[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`` is no type"),
        ("AAAAC3Nza", "is no type"),
        ("ssh-dss AAAA", "`ssh-dss` is no type"),
        ("ssh-ed25519", "has no base64 part"),
        ("ssh-ed25519 !!!", "is not base64"),
        ("ssh-ed25519 AAAA", "holds `no key`"),
        (f"ssh-rsa {base64.b64encode(key().blob).decode()}", "says `ssh-rsa` but holds `ssh-ed25519`"),
    ],
)
def test_a_host_key_that_is_none_says_what_is_expected(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_host_key(text)

    assert "TYPE BASE64" in caught.value.hint
