"""The file of approvers names people, one for each key."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.approval.people import Person
from tomo.approval.signers import read_signers
from tomo.errors import ApprovalRefused

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJh"
OTHER = KEY.replace("AAAAIGJh", "AAAAIHNh")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names nobody"),
        ("# only a comment\n", "names nobody"),
        (f"* {KEY}\n", ":1: `*` is not one person"),
        (f"kim,lee {KEY}\n", ":1: `kim,lee` is not one person"),
        (f"\n!kim {KEY}\n", ":2: `!kim` is not one person"),
        ("kim\n", ":1: it holds no key"),
        (f"kim cert-authority {KEY}\n", ":1: it names an authority"),
        (f"kim {KEY}\nlee {KEY}\n", ":2: its key is that of `kim` in line 1"),
        (f"kim {KEY} role=root\n", ":1: there is no role `root`"),
        (f"kim {KEY}\nkim {OTHER} role=admin\n", ":2: `kim` is `user` in line 1 and `admin` here"),
    ],
)
def test_a_file_that_does_not_name_people_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "approvers"
    file.write_text(text)

    with pytest.raises(ApprovalRefused) as caught:
        read_signers(file)

    assert message in caught.value.message
    assert caught.value.hint


def test_a_person_may_have_several_keys_and_counts_once(tmp_path: Path) -> None:
    file = tmp_path / "approvers"
    file.write_text(f'kim {KEY}\nkim namespaces="tomo-approval",valid-before="20400101" {OTHER} kim@work\n')

    signers = read_signers(file)

    assert signers.people == ("kim",)
    assert signers.role("kim") == "user"
    assert signers.role("lee") == ""
    assert [signer.line for signer in signers.signers] == [1, 2]


def test_a_role_stands_in_the_comment(tmp_path: Path) -> None:
    file = tmp_path / "approvers"
    file.write_text(f"kim {KEY} kim@work role=admin\nlee {OTHER} role=user\n")

    signers = read_signers(file)

    assert [signers.role(person) for person in signers.people] == ["admin", "user"]


def test_a_file_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(ApprovalRefused, match="No such file"):
        read_signers(tmp_path / "none")


def test_a_key_that_was_taken_out_of_the_file_meanwhile_still_counts_as_it_was_read(
    tmp_path: Path, person: Callable[..., Person]
) -> None:
    kim = person("kim")
    file = tmp_path / "approvers"
    file.write_text(kim.line)

    signers = read_signers(file)
    file.write_text("")

    assert signers.text == kim.line
