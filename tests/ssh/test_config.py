from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tomo.errors import HostError, NotSupported
from tomo.model.connection import HostSpec
from tomo.settings import Settings
from tomo.ssh.config import Endpoint, resolve


def resolved(settings: Settings, text: str, **spec: object) -> Endpoint:
    (settings.home / ".ssh" / "config").write_text(text)
    return resolve(HostSpec(**({"host": "web"} | spec)), settings)  # type: ignore[arg-type]


def test_without_a_file_there_are_defaults(settings: Settings) -> None:
    endpoint = resolve(HostSpec(host="web"), replace(settings, user="ann", ssh_auth_sock="/agent"))

    assert (endpoint.address, endpoint.port, endpoint.user) == ("web", 22, "ann")
    assert endpoint.agent_socket == "/agent"
    assert [path.name for path in endpoint.identities] == ["id_ed25519", "id_ecdsa", "id_rsa"]


def test_the_first_value_wins_and_identities_add_up(settings: Settings) -> None:
    text = """
# the usual
Host web w?b !other
  HostName=192.0.2.7
  User "deploy"
  IdentityFile ~/.ssh/one
Host *
  User nobody
  Port 2222
  IdentityFile %d/two-%h-%r
  IdentitiesOnly yes
  ConnectTimeout 3
  ServerAliveInterval 7
  HostKeyAlias fleet
"""
    endpoint = resolved(settings, text)

    assert (endpoint.address, endpoint.user, endpoint.port) == ("192.0.2.7", "deploy", 2222)
    home = settings.home
    assert endpoint.identities == (home / ".ssh" / "one", home / "two-192.0.2.7-deploy")
    assert (endpoint.identities_only, endpoint.timeout, endpoint.alive_interval) == (True, 3.0, 7)
    assert endpoint.host_key_alias == "fleet"


def test_what_the_spec_says_comes_first(settings: Settings) -> None:
    endpoint = resolved(
        settings, "Host web\n User a\n Port 1\n IdentityFile x\n", user="b", port=2, identity="~/y"
    )

    assert (endpoint.user, endpoint.port, endpoint.identities) == ("b", 2, (settings.home / "y",))


def test_a_negated_pattern_keeps_a_host_out(settings: Settings) -> None:
    assert resolved(settings, "Host * !web\n Port 9\n").port == 22


def test_included_files_are_read_where_they_stand(settings: Settings) -> None:
    (settings.home / ".ssh" / "more.conf").write_text("Host web\n Port 7\n")

    assert resolved(settings, "Include mo*.conf\nHost *\n Port 8\n").port == 7


def test_a_file_that_includes_itself_is_an_error(settings: Settings) -> None:
    with pytest.raises(HostError, match="includes itself"):
        resolved(settings, "Include config\n")


def test_match_blocks_without_commands_are_understood(settings: Settings) -> None:
    text = "Match host web user ann\n Port 5\nMatch originalhost web !user ann\n Port 6\nMatch all\n Port 7\n"

    assert resolved(settings, text, user="ann").port == 5
    assert resolved(settings, text, user="bob").port == 6


def test_a_jump_list_becomes_hosts_before_hosts(settings: Settings) -> None:
    jump = resolved(settings, "Host web\n ProxyJump ann@a:2201,ssh://b,[::1]:23\n").jump

    assert jump is not None
    assert (jump.host, jump.port) == ("::1", 23)
    assert jump.proxy is not None
    assert jump.proxy.host == "b"
    assert jump.proxy.proxy == HostSpec(host="a", user="ann", port=2201)


def test_no_jump_is_a_jump_list_too(settings: Settings) -> None:
    assert resolved(settings, "Host *\n ProxyJump a\n", proxy_jump="none").jump is None


def test_a_jump_host_that_the_pattern_covers_does_not_go_through_itself(settings: Settings) -> None:
    assert resolved(settings, "Host *\n ProxyJump web\n").jump is None


def test_known_hosts_files_and_agents_are_taken_from_it(settings: Settings) -> None:
    text = "UserKnownHostsFile ~/.ssh/a /b\nGlobalKnownHostsFile /c\nIdentityAgent ~/sock\n"

    endpoint = resolved(settings, text)

    assert endpoint.known_hosts == (settings.home / ".ssh" / "a", Path("/b"), Path("/c"))
    assert endpoint.agent_socket == str(settings.home / "sock")


def test_another_file_is_read_alone_and_must_exist(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("Host web\n Port 99\n")

    assert resolved(settings, "Host web\n User x\n", config_file=str(tmp_path / "mine")).port == 99
    with pytest.raises(HostError, match="does not exist"):
        resolved(settings, "", config_file=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Match exec 'touch pwned'\n User x\n", "Match exec"),
        ("Host web\n ProxyCommand nc %h %p\n", "proxycommand"),
        ("CanonicalizeHostname yes\n", "canonicalizehostname"),
        ("BindAddress 192.0.2.1\n", "bindaddress"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(settings: Settings, text: str, name: str) -> None:
    with pytest.raises(NotSupported, match=name):
        resolved(settings, text)


def test_what_is_not_supported_does_not_matter_for_another_host(settings: Settings) -> None:
    assert resolved(settings, "Host other\n ProxyCommand nc %h %p\n ProxyCommand none\n").port == 22


def test_a_port_that_is_no_number_is_an_error(settings: Settings) -> None:
    with pytest.raises(HostError, match="`port` of the SSH config is `ssh`"):
        resolved(settings, "Port ssh\n")
