"""A person signs with a passphrase; nothing else gets a signature."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.approval.people import PASSPHRASE, ROOT, SIGN, Person, at_a_terminal
from tomo.approval.agreement import Agreement, SignedAgreement
from tomo.approval.keys import Guard, guard_of
from tomo.approval.signers import read_signers, require_in_time, signer_of
from tomo.errors import ApprovalRefused
from tomo.settings import Settings

MakePerson = Callable[..., Person]
KINDS = [
    ("-t", "ed25519"),
    ("-t", "ecdsa"),
    ("-t", "rsa", "-b", "2048"),
    ("-t", "rsa", "-m", "PEM", "-b", "2048"),
]


def approvers(folder: Path, *people: Person) -> Path:
    file = folder / "approvers"
    file.write_text("# who may\n\n" + "".join(each.line for each in people))
    return file


def sign_argv(key: Path, out: Path, agreement: Agreement) -> list[str]:
    parts = (agreement.stack_id, agreement.plan, agreement.nonce, agreement.expires)
    return [sys.executable, "-c", SIGN, str(key), str(out), *parts]


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_what_a_person_signs_at_a_terminal_is_known_as_theirs(
    person: MakePerson, tmp_path: Path, agreement: Agreement, settings: Settings, kind: tuple[str, ...]
) -> None:
    kim, lee = person("kim", *kind), person("lee")

    signed = kim.signs(agreement)

    assert signer_of(signed, read_signers(approvers(tmp_path, lee, kim)), settings, "x") == "kim"


def test_a_signature_counts_for_nothing_but_the_very_text(
    person: MakePerson, tmp_path: Path, agreement: Agreement, settings: Settings
) -> None:
    kim = person("kim")
    signed = kim.signs(agreement)
    signers = read_signers(approvers(tmp_path, kim))

    for field, value in (
        ("stack_id", "another"),
        ("plan", "sha256:" + "cd" * 32),
        ("nonce", "1f" * 16),
        ("expires", "2040-01-01T12:00:00Z"),
    ):
        moved = SignedAgreement(replace(agreement, **{field: value}), signed.signature)
        with pytest.raises(ApprovalRefused, match="not signed by anybody"):
            signer_of(moved, signers, settings, "x")


def test_a_key_that_is_not_in_the_file_and_another_namespace_count_for_nothing(
    person: MakePerson, tmp_path: Path, agreement: Agreement, settings: Settings
) -> None:
    kim, eve = person("kim"), person("eve", passphrase="")
    text = tmp_path / "text"
    text.write_bytes(agreement.text)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", eve.key, "-n", "git", text], check=True)
    other_use = SignedAgreement(agreement, text.with_suffix(".sig").read_text())

    with pytest.raises(ApprovalRefused, match=r"not signed by anybody.*") as caught:
        signer_of(kim.signs(agreement), read_signers(approvers(tmp_path, eve)), settings, "x")
    with pytest.raises(ApprovalRefused, match="not signed by anybody"):
        signer_of(other_use, read_signers(approvers(tmp_path, eve)), settings, "x")

    assert "eve" in caught.value.hint


def test_the_options_of_a_line_say_for_what_and_when_a_key_counts(
    person: MakePerson, tmp_path: Path, agreement: Agreement, settings: Settings
) -> None:
    kim = person("kim")
    signed, file = kim.signs(agreement), tmp_path / "approvers"

    for options, counts in (
        ('namespaces="tomo-approval",valid-after="20200101",valid-before="20400101"', True),
        ('namespaces="git"', False),
        ('valid-before="20200101"', False),
        ('valid-after="20400101"', False),
    ):
        file.write_text(kim.line.replace("kim ", f"kim {options} ", 1))
        if counts:
            assert signer_of(signed, read_signers(file), settings, "x") == "kim"
            continue
        with pytest.raises(ApprovalRefused, match="not signed by anybody who may"):
            signer_of(signed, read_signers(file), settings, "x")


def test_an_approval_counts_until_its_time_and_no_longer(agreement: Agreement) -> None:
    signed = SignedAgreement(agreement, "")
    before, end = datetime(2030, 1, 1, 11, 59, 59, tzinfo=UTC), datetime(2030, 1, 1, 12, tzinfo=UTC)

    require_in_time(signed, "x", before)
    with pytest.raises(ApprovalRefused, match="until 2030-01-01T12:00:00Z"):
        require_in_time(signed, "x", end)


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_a_key_without_a_passphrase_is_refused(
    person: MakePerson, tmp_path: Path, agreement: Agreement, kind: tuple[str, ...]
) -> None:
    eve = person("eve", *kind, passphrase="")

    code, text = at_a_terminal(sign_argv(eve.key, tmp_path / "out", agreement), "")

    assert code == 1
    assert "has no passphrase: any program of yours could approve with it" in text


def test_a_public_key_is_refused_since_only_an_agent_could_sign(person: MakePerson) -> None:
    kim = person("kim")

    with pytest.raises(ApprovalRefused, match="an agent is no person"):
        guard_of(kim.key.with_suffix(".pub"))


def test_a_wrong_passphrase_gives_no_signature(
    person: MakePerson, tmp_path: Path, agreement: Agreement
) -> None:
    kim = person("kim")

    code, text = at_a_terminal(sign_argv(kim.key, tmp_path / "out", agreement), "wrong")

    assert code == 1
    assert "did not sign" in text
    assert not (tmp_path / "out").exists()


def test_without_a_terminal_an_agent_or_a_window_that_asks_is_no_person(
    person: MakePerson, tmp_path: Path, agreement: Agreement
) -> None:
    kim = person("kim")
    helper = tmp_path / "ask"
    helper.write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n")
    helper.chmod(0o700)
    ways = {"SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}

    done = subprocess.run(
        sign_argv(kim.key, tmp_path / "out", agreement),
        env={**os.environ, **ways, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )

    assert done.returncode == 1
    assert "needs a person at a terminal" in done.stderr


def test_a_program_that_holds_the_terminal_gets_no_help_from_an_agent(
    person: MakePerson, tmp_path: Path, agreement: Agreement
) -> None:
    kim = person("kim")
    helper = tmp_path / "ask"
    helper.write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n")
    helper.chmod(0o700)
    forced = ["/usr/bin/env", f"SSH_ASKPASS={helper}", "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0"]

    code, text = at_a_terminal([*forced, *sign_argv(kim.key, tmp_path / "out", agreement)], "wrong")

    assert code == 1
    assert "did not sign" in text


def test_a_key_on_a_device_needs_its_touch(tmp_path: Path) -> None:
    def text(value: bytes) -> bytes:
        return len(value).to_bytes(4, "big") + value

    import base64

    public = text(b"sk-ssh-ed25519@openssh.com") + text(b"\0" * 32) + text(b"ssh:")
    blob = b"openssh-key-v1\0" + text(b"none") + text(b"none") + text(b"") + b"\0\0\0\1" + text(public)
    key = tmp_path / "id_sk"
    body = base64.b64encode(blob).decode()
    key.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")

    assert guard_of(key) is Guard.TOUCH
