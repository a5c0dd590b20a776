from __future__ import annotations

from dataclasses import replace

import pytest

from tomo.errors import NotSupported, TomoError, UsageError
from tomo.model.connection import LOCAL, HostSpec
from tomo.settings import Settings
from tomo.ssh.docker_host import spec_for_docker

HOST = HostSpec(host="web", user="root")


@pytest.mark.parametrize(
    ("url", "spec"),
    [
        ("unix:///var/run/docker.sock", LOCAL),
        ("unix:///run/user/1000/docker.sock", replace(LOCAL, docker_socket="/run/user/1000/docker.sock")),
        ("ssh://web", HostSpec(host="web")),
        ("ssh://root@web:2222", replace(HOST, port=2222)),
        ("ssh://root@[2001:db8::1]:23/", HostSpec(host="2001:db8::1", user="root", port=23)),
        ("", LOCAL),
    ],
)
def test_an_address_becomes_a_spec(settings: Settings, url: str, spec: HostSpec) -> None:
    assert spec_for_docker(url, [], settings) == spec


def test_no_address_means_the_one_of_the_environment(settings: Settings) -> None:
    assert spec_for_docker("", [], replace(settings, docker_host="ssh://root@web")) == HOST


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (["-i", "key"], {"identity": "key"}),
        (["-ikey", "-p2222"], {"identity": "key", "port": 2222}),
        (
            ["-l", "ann", "-J", "a,b", "-F", "conf"],
            {"user": "ann", "proxy_jump": "a,b", "config_file": "conf"},
        ),
        (["-o", "IdentityFile=key"], {"identity": "key"}),
        (["-oidentityfile key"], {"identity": "key"}),
        (["-o", "USERKNOWNHOSTSFILE = a=b"], {"known_hosts": "a=b"}),
        (
            ["-o", "Port 7", "-o", "User=ann", "-o", "ProxyJump=j"],
            {"port": 7, "user": "ann", "proxy_jump": "j"},
        ),
    ],
)
def test_the_options_that_count_are_honoured(
    settings: Settings, options: list[str], changes: dict[str, object]
) -> None:
    assert spec_for_docker("ssh://root@web", options, settings) == replace(HOST, **changes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "StrictHostKeyChecking=no"], "always checked"),
        (["-A"], "`-A` is not supported"),
        (["-o", "ProxyCommand=nc %h %p"], "`-o ProxyCommand` is not supported"),
        (["-oControlMaster yes"], "`-o ControlMaster` is not supported"),
    ],
)
def test_any_other_option_is_refused_by_name(settings: Settings, options: list[str], message: str) -> None:
    with pytest.raises(NotSupported, match=message):
        spec_for_docker("ssh://root@web", options, settings)


@pytest.mark.parametrize("options", [["-i"], ["-p", "ssh"], ["-p", "70000"], ["-o", "Port="], ["-o", "User"]])
def test_an_option_without_a_value_is_an_error(settings: Settings, options: list[str]) -> None:
    with pytest.raises(UsageError):
        spec_for_docker("ssh://root@web", options, settings)


@pytest.mark.parametrize(
    "url",
    [
        "tcp://192.0.2.1:2375",
        "npipe:////./pipe/docker",
        "http://x",
        "ssh://",
        "ssh://web/path",
        "ssh://web:x",
    ],
)
def test_any_other_address_is_refused(settings: Settings, url: str) -> None:
    with pytest.raises(TomoError):
        spec_for_docker(url, [], settings)


def test_a_password_in_an_address_is_not_repeated(settings: Settings) -> None:
    with pytest.raises(UsageError) as caught:
        spec_for_docker("ssh://root:hunter2@web", [], settings)

    assert "hunter2" not in str(caught.value)
