from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomo.errors import UsageError
from tomo.ssh import quote

SHELLS = [
    command for command in (["dash"], ["bash"], ["busybox", "ash"]) if shutil.which(command[0]) is not None
]
NASTY = st.text(
    alphabet=st.one_of(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
        st.sampled_from(list("'\"$`\\\n\r\t *?[]{}()<>|&;#~!=%-\x01\x1b\x7f\x81\x88")),
    ),
    max_size=30,
)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@given(argv=st.lists(NASTY, max_size=6))
@settings(max_examples=40, deadline=None)
def test_a_shell_gives_back_every_argument(shell: list[str], argv: list[str]) -> None:
    line = quote.encoded(quote.join(["printf", "%s\\0", "-", *argv]))

    shown = subprocess.run([*shell, "-c", line], capture_output=True, check=True).stdout

    assert shown.decode().split("\0")[:-1] == ["-", *argv]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@given(values=st.lists(NASTY, min_size=1, max_size=4), stdin=st.binary(max_size=50))
@settings(max_examples=40, deadline=None)
def test_a_packed_script_exports_every_value_and_leaves_stdin_alone(
    shell: list[str], values: list[str], stdin: bytes
) -> None:
    env = {f"V{number}": value for number, value in enumerate(values)}
    script = quote.assign(env) + "".join(f'printf "%s\\0" "${name}"; ' for name in env) + "cat"

    shown = subprocess.run(
        [*shell, "-c", quote.LOADER], input=quote.packed(script) + stdin, capture_output=True, check=True
    ).stdout

    assert shown == b"".join(value.encode() + b"\0" for value in values) + stdin


def test_plain_words_stay_readable() -> None:
    assert quote.join(["docker", "ps", "-aq", "--format={{.ID}}"]) == "docker ps -aq '--format={{.ID}}'"


@pytest.mark.parametrize("word", ["if", "A=b", "", "time", "{"])
def test_words_that_a_shell_would_read_otherwise_are_quoted(word: str) -> None:
    assert quote.join([word]) == f"'{word}'"


def test_bytes_that_are_no_text_stay_what_they_were() -> None:
    assert quote.encoded(quote.join(["a\udcff"])) == b"'a\xff'"


@pytest.mark.parametrize("argv", [[], ["nul\0"], ["\ud800"]])
def test_what_no_command_can_take_is_refused(argv: list[str]) -> None:
    with pytest.raises(UsageError):
        quote.join(argv)


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "A;id", "É", "A\n"])
def test_only_names_of_variables_are_assigned(name: str) -> None:
    with pytest.raises(UsageError, match="no name for an environment variable"):
        quote.assign({name: "x"})
