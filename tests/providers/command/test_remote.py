"""Remote commands and copies, over a connection double that runs them here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tomo.errors import (
    CommandFailed,
    DiskFull,
    HostError,
    HostUnreachable,
    NotSupported,
    PackageLockHeld,
    ProviderFailed,
)
from tomo.model.connection import HostSpec
from tomo.model.provider import CheckRequest, CreateRequest, DeleteRequest, UpdateRequest
from tomo.model.urn import Urn
from tomo.model.values import Archive, Asset, Secret, Unknown
from tomo.providers.command import CommandProvider
from tomo.settings import Settings

URN = Urn("urn:pulumi:dev::proj::command:remote:Command::a")
COPY = Urn("urn:pulumi:dev::proj::command:remote:CopyToRemote::c")
ROAD = {"host": "192.0.2.1", "user": "root", "port": 22.0, "dialErrorLimit": 2}
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "a\nb",
    "-rf",
    "\x1b[31m",
    "*",
]


def provider_of(
    hosts: Any, *, pauses: list[float] | None = None, root: Path | None = None
) -> CommandProvider:
    waited = [] if pauses is None else pauses

    def pause(seconds: float) -> bool:
        waited.append(seconds)
        return False

    return CommandProvider(hosts, Settings(), pause=pause, root=root)


def test_a_command_runs_on_the_host_with_its_environment(hosts: Any) -> None:
    provider = provider_of(hosts)

    made = provider.create(
        CreateRequest(
            URN,
            {"connection": ROAD, "create": "echo hi $FOO", "environment": {"FOO": "1"}},
            secret_keys=frozenset({"connection"}),
        )
    )

    assert made.outputs["stdout"] == "hi 1"
    assert made.outputs["connection"] == ROAD


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_reach_the_command_as_they_are(
    hosts: Any, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    made = provider_of(hosts).create(
        CreateRequest(
            URN,
            {"connection": ROAD, "create": 'printf %s "$V"; cat', "environment": {"V": text}, "stdin": text},
        )
    )

    assert made.outputs["stdout"] == text * 2
    assert not (tmp_path / "pwned").exists()


def test_a_changed_connection_alone_runs_nothing_and_keeps_the_output(hosts: Any) -> None:
    old = {"connection": ROAD, "create": "echo new"}
    request = UpdateRequest(
        URN, "a1", old, {**old, "stdout": "old", "stderr": ""}, {**old, "connection": {**ROAD, "port": 2222}}
    )

    outputs = provider_of(hosts).update(request).outputs

    assert outputs["stdout"] == "old"
    assert outputs["connection"]["port"] == 2222
    assert hosts.asked() == []


def test_a_connection_says_no_more_than_is_given_so_that_the_pool_can_complete_it(hosts: Any) -> None:
    provider_of(hosts).create(CreateRequest(URN, {"connection": {"host": "192.0.2.1"}, "create": "true"}))

    assert hosts.made == [HostSpec("192.0.2.1")]


def test_a_script_of_our_own_makes_the_connection_look_for_docker_anew(hosts: Any) -> None:
    provider_of(hosts).create(CreateRequest(URN, {"connection": ROAD, "create": "# tomo-script: x\ntrue"}))

    assert hosts.asked("forget_docker") == [("forget_docker",)]


def test_every_field_of_the_connection_reaches_the_host(hosts: Any) -> None:
    connection = {
        "host": "h",
        "user": "u",
        "port": 2200.0,
        "privateKey": "KEY",
        "privateKeyPassword": "PW",
        "password": Secret("P"),
        "agentSocketPath": "sock",
        "hostKey": "ssh-ed25519 AAAA me@here",
        "perDialTimeout": 3,
        "proxy": {"host": "jump", "user": "j"},
    }

    provider_of(hosts).create(CreateRequest(URN, {"connection": connection, "create": "true"}))

    (spec,) = hosts.made
    assert (spec.host, spec.user, spec.port, spec.agent_socket, spec.connect_timeout) == (
        "h",
        "u",
        2200,
        "sock",
        3,
    )
    assert [s.reveal() for s in (spec.private_key, spec.private_key_password, spec.password)] == [
        "KEY",
        "PW",
        "P",
    ]
    assert spec.host_keys == ("ssh-ed25519 AAAA",)
    assert (spec.proxy.host, spec.proxy.user) == ("jump", "j")


@pytest.mark.parametrize(
    "connection", [{}, {"host": 5}, {"host": "h", "port": "x"}, {"host": "h", "hostKey": "one"}]
)
def test_a_wrong_connection_is_refused_by_name(hosts: Any, connection: dict[str, Any]) -> None:
    with pytest.raises(ProviderFailed, match=r"`connection\."):
        provider_of(hosts).create(CreateRequest(URN, {"connection": connection, "create": "true"}))


def test_an_unreachable_host_is_dialled_again_up_to_the_limit(make_hosts: Any) -> None:
    pauses: list[float] = []
    hosts = make_hosts(failures=[HostUnreachable("no answer", host="h")] * 2)

    made = provider_of(hosts, pauses=pauses).create(
        CreateRequest(URN, {"connection": ROAD, "create": "echo at last"})
    )

    assert made.outputs["stdout"] == "at last"
    assert pauses == [1.0, 1.5]
    assert [str(error) for error in hosts.redialled] == ["no answer"] * 2


def test_beyond_the_limit_the_error_says_how_often_it_was_tried(make_hosts: Any) -> None:
    hosts = make_hosts(failures=[HostUnreachable("no answer", host="h")] * 9)

    with pytest.raises(HostUnreachable, match="after 3 failed attempts: no answer"):
        provider_of(hosts).create(CreateRequest(URN, {"connection": ROAD, "create": "true"}))


def test_a_connection_lost_on_the_way_is_not_run_again(make_hosts: Any) -> None:
    hosts = make_hosts(failures=[HostError("lost", host="h")])

    with pytest.raises(HostError, match="lost"):
        provider_of(hosts).create(CreateRequest(URN, {"connection": ROAD, "create": "true"}))

    assert len(hosts.asked()) == 1


def test_a_failure_names_status_and_output(hosts: Any) -> None:
    with pytest.raises(CommandFailed, match="exit status 4: running `echo no >&2; exit 4`\nno"):
        provider_of(hosts).create(CreateRequest(URN, {"connection": ROAD, "create": "echo no >&2; exit 4"}))


@pytest.mark.parametrize(
    ("code", "kind"),
    [("disk-full", DiskFull), ("package-lock-held", PackageLockHeld), ("command-failed", CommandFailed)],
)
def test_scripts_of_our_own_say_what_went_wrong(hosts: Any, code: str, kind: type[HostError]) -> None:
    script = f"# tomo-script: x\necho progress\necho 'tomo-error: {code}: it is full' >&2\necho 'tomo-hint: free some' >&2\nexit 1"

    with pytest.raises(kind) as caught:
        provider_of(hosts).create(CreateRequest(URN, {"connection": ROAD, "create": script}))

    assert (caught.value.message, caught.value.hint, caught.value.detail) == (
        "it is full",
        "free some",
        "progress",
    )


def test_delete_without_a_command_does_not_dial(hosts: Any) -> None:
    provider_of(hosts).delete(DeleteRequest(URN, "a1", {"connection": ROAD, "create": "true"}, {}))

    assert hosts.made == []


def copy(hosts: Any, source: Any, to: Any, root: Path | None = None) -> Any:
    return provider_of(hosts, root=root).create(
        CreateRequest(COPY, {"connection": ROAD, "source": source, "remotePath": str(to)})
    )


def test_a_file_goes_to_its_path_making_parents_or_into_a_folder(hosts: Any, tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("F")
    (tmp_path / "there").mkdir()

    copy(hosts, Asset(path="f.txt"), tmp_path / "a/b/c", tmp_path)
    copy(hosts, Asset(path="f.txt"), tmp_path / "there", tmp_path)
    copy(hosts, Asset(text="T"), tmp_path / "a/b/c", tmp_path)

    assert (tmp_path / "a/b/c").read_text() == "T"
    assert (tmp_path / "there/f.txt").read_text() == "F"


def test_a_folder_is_copied_as_such_and_with_a_slash_its_contents(hosts: Any, tmp_path: Path) -> None:
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/e/x").write_text("X")
    (tmp_path / "d/empty").mkdir()

    copy(hosts, Archive(path="d"), tmp_path / "one", tmp_path)
    copy(hosts, Archive(path="d/"), tmp_path / "two", tmp_path)

    assert (tmp_path / "one/d/e/x").read_text() == "X"
    assert (tmp_path / "two/e/x").read_text() == "X"
    assert (tmp_path / "one/d/empty").is_dir()


def test_an_asset_archive_puts_its_entries_below_the_path(hosts: Any, tmp_path: Path) -> None:
    source = Archive(assets={"a": Asset(text="A"), "sub": Archive(assets={"b": Asset(text="B")})})

    copy(hosts, source, tmp_path / "out")

    assert ((tmp_path / "out/a").read_text(), (tmp_path / "out/sub/b").read_text()) == ("A", "B")


def test_an_archive_file_is_copied_unexpanded(hosts: Any, tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_bytes(b"\x1f\x8b")

    copy(hosts, Archive(path="x.tgz"), tmp_path / "y.tgz", tmp_path)

    assert (tmp_path / "y.tgz").read_bytes() == b"\x1f\x8b"


def test_wrong_places_and_sources_are_refused(hosts: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()

    with pytest.raises(HostError, match="is a file"):
        copy(hosts, Archive(path="folder/"), tmp_path / "file", tmp_path)
    with pytest.raises(HostError, match="no name"):
        copy(hosts, Asset(text="T"), tmp_path / "folder")
    with pytest.raises(ProviderFailed, match="leaves the folder"):
        copy(hosts, Archive(assets={"../x": Asset(text="T")}), tmp_path / "folder")
    with pytest.raises(NotSupported, match="URI"):
        copy(hosts, Asset(uri="http://192.0.2.1/x"), tmp_path / "x")
    with pytest.raises(ProviderFailed, match="cannot read"):
        copy(hosts, Asset(path="none"), tmp_path / "x", tmp_path)


def test_a_copy_is_made_again_only_when_source_or_path_changed(hosts: Any, tmp_path: Path) -> None:
    old = {"connection": ROAD, "source": Asset(text="A", hash="1"), "remotePath": str(tmp_path / "x")}
    provider = provider_of(hosts)

    provider.update(UpdateRequest(COPY, "c", old, old, {**old, "connection": {**ROAD, "port": 1}}))
    assert not (tmp_path / "x").exists()
    provider.update(UpdateRequest(COPY, "c", old, old, {**old, "source": Asset(text="B", hash="2")}))

    assert (tmp_path / "x").read_text() == "B"


def test_previews_and_checks_do_not_dial(hosts: Any) -> None:
    provider = provider_of(hosts)

    made = provider.create(CreateRequest(URN, {"connection": ROAD, "create": "x"}, preview=True))
    copied = provider.create(
        CreateRequest(COPY, {"connection": ROAD, "source": Asset(text=""), "remotePath": "x"}, preview=True)
    )
    missing = provider.check(CheckRequest(COPY, {}, {"connection": ROAD}))
    provider.delete(DeleteRequest(COPY, "c", {"connection": ROAD}, {}))

    assert isinstance(made.outputs["stdout"], Unknown)
    assert copied.id == ""
    assert [failure.property for failure in missing.failures] == ["source", "remotePath"]
    assert hosts.made == []
