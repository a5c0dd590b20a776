"""Whom a connection trusts, against a real sshd and against a server that only wants credentials."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ssh.conftest import Thief
from tomo.errors import HostKeyChanged, HostKeyError, HostKeyUnknown, LoginRefused
from tomo.model.connection import HostSpec
from tomo.model.values import Secret
from tomo.settings import Settings
from tomo.ssh.hostkeys import fingerprint, scan
from tomo.ssh.pool import ConnectionPool

pytestmark = pytest.mark.sshd


def write_known(settings: Settings, text: str) -> Path:
    file = settings.home / ".ssh" / "known_hosts"
    file.write_text(text)
    return file


def test_a_pinned_key_is_enough(sshd, spec_for, pool: ConnectionPool) -> None:
    connection = pool.get(spec_for(sshd()))

    assert connection.run(["echo", "in"]).text == "in"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_server_with_several_keys_shows_the_known_one(sshd, spec_for, pool, settings, kind: str) -> None:
    server = sshd()
    write_known(settings, f"[127.0.0.1]:{server.port} {server.host_key(kind)}\n")

    connection = pool.get(spec_for(server, host_keys=()))

    assert connection.run(["echo", "in"]).text == "in"


def test_hashed_entries_are_found_and_the_file_stays_as_it_is(sshd, spec_for, pool, settings) -> None:
    server = sshd()
    file = write_known(settings, f"[127.0.0.1]:{server.port} {server.host_key()}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    before = file.read_bytes()

    assert pool.get(spec_for(server, host_keys=())).run(["echo", "in"]).text == "in"

    assert file.read_bytes() == before


def test_an_unknown_key_stops_before_any_login(sshd, spec_for, pool, settings) -> None:
    server = sshd()

    with pytest.raises(HostKeyUnknown) as caught:
        pool.get(spec_for(server, host_keys=())).run(["true"])

    assert fingerprint(server.host_key()) in str(caught.value)
    assert f"tomo server add web root@127.0.0.1:{server.port}" in caught.value.hint
    assert caught.value.exit_code == 5
    assert server.logins() == 0
    assert not (settings.home / ".ssh" / "known_hosts").exists()


def test_a_changed_key_names_both_and_where_the_known_one_stands(
    sshd, spec_for, pool, keys, settings
) -> None:
    server = sshd()
    other = (keys / "other_ed25519.pub").read_text()
    file = write_known(settings, f"\n[127.0.0.1]:{server.port} {other}")

    with pytest.raises(HostKeyChanged) as caught:
        pool.get(spec_for(server, host_keys=())).run(["true"])

    for part in (fingerprint(server.host_key()), fingerprint(other), f"{file}:2", "no credential was sent"):
        assert part in str(caught.value)


def test_a_server_without_the_pinned_type_has_changed_too(sshd, spec_for, pool, keys) -> None:
    server = sshd(host_keys=("rsa",))
    (server.folder / "host_ed25519.pub").write_bytes((keys / "other_ed25519.pub").read_bytes())

    with pytest.raises(HostKeyChanged, match="ssh-rsa SHA256:"):
        pool.get(spec_for(server)).run(["true"])


def test_a_revoked_key_counts_even_where_it_is_pinned(sshd, spec_for, pool, settings) -> None:
    server = sshd()
    write_known(settings, f"@revoked * {server.host_key()}\n")

    with pytest.raises(HostKeyError, match="revoked host key"):
        pool.get(spec_for(server)).run(["true"])


def sign(folder: Path, authority: Path, *options: str) -> None:
    subprocess.run(
        [
            "ssh-keygen",
            "-q",
            "-s",
            str(authority),
            "-I",
            "host",
            "-h",
            *options,
            str(folder / "host_ed25519.pub"),
        ],
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-n", "127.0.0.1"), None),
        (("-n", "other.example"), "it is not for `127.0.0.1`"),
        (("-n", "127.0.0.1", "-V", "20200101:20200102"), "not valid at this time"),
    ],
)
def test_host_certificates_of_a_known_authority(
    sshd, spec_for, pool, settings, keys, tmp_path, options: tuple[str, ...], message: str | None
) -> None:
    certified = tmp_path / "certified"
    certified.mkdir()
    shutil.copy(keys / "host_ed25519.pub", certified / "host_ed25519.pub")
    sign(certified, keys / "other_rsa", *options)
    server = sshd(f"HostCertificate {certified}/host_ed25519-cert.pub")
    write_known(settings, f"@cert-authority * {(keys / 'other_rsa.pub').read_text()}")
    connection = pool.get(spec_for(server, host_keys=()))

    if message is None:
        assert connection.run(["echo", "in"]).text == "in"
    else:
        with pytest.raises(HostKeyError, match=message):
            connection.run(["true"])


def test_a_certificate_of_another_authority_is_an_unknown_key(
    sshd, spec_for, pool, settings, keys, tmp_path
) -> None:
    shutil.copy(keys / "host_ed25519.pub", tmp_path / "host_ed25519.pub")
    sign(tmp_path, keys / "other_ecdsa", "-n", "127.0.0.1")
    server = sshd(f"HostCertificate {tmp_path}/host_ed25519-cert.pub")
    write_known(settings, f"@cert-authority * {(keys / 'other_rsa.pub').read_text()}")

    with pytest.raises(HostKeyUnknown):
        pool.get(spec_for(server, host_keys=())).run(["true"])


def test_a_scan_shows_every_key_and_logs_in_nowhere(sshd, settings) -> None:
    server = sshd("MaxStartups 1")

    found = scan(HostSpec(host="127.0.0.1", port=server.port), settings)

    assert [key.text for key in found] == [server.host_key(kind) for kind in ("ed25519", "ecdsa", "rsa")]
    assert found[0].fingerprint == fingerprint(server.host_key())
    assert server.logins() == 0


@pytest.mark.parametrize("pinned", [True, False])
def test_a_hostile_server_is_shown_no_credential(
    thief: Thief, keys: Path, pool: ConnectionPool, pinned: bool
) -> None:
    host_keys = ((keys / "host_ed25519.pub").read_text(),) if pinned else ()
    spec = HostSpec(
        host="127.0.0.1", port=thief.port, user="root", identity=str(keys / "ed25519"),
        password=Secret("hunter2"), host_keys=host_keys,
    )  # fmt: skip

    with pytest.raises(HostKeyError):
        pool.get(spec).run(["true"])

    assert thief.shown == []


def test_the_recording_server_does_record_where_the_key_is_right(
    thief: Thief, keys: Path, pool: ConnectionPool
) -> None:
    spec = HostSpec(
        host="127.0.0.1", port=thief.port, user="root", password=Secret("x"),
        host_keys=((keys / "other_ed25519.pub").read_text(),),
    )  # fmt: skip

    with pytest.raises(LoginRefused, match="refused the login"):
        pool.get(spec).run(["true"])

    assert "password" in thief.shown


def test_a_jump_host_that_is_not_known_stops_the_way(
    sshd, spec_for, pools: Callable[..., ConnectionPool], settings
) -> None:
    jump, target = sshd(), sshd()
    spec = replace(spec_for(target), proxy=replace(spec_for(jump), host_keys=()))

    with pytest.raises(HostKeyUnknown):
        pools(settings).get(spec).run(["true"])

    assert target.connections() == 0
