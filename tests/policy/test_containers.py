"""What a container may do to its host."""

from __future__ import annotations

import pytest

from tests.policy.conftest import Looks, step, urn_of
from tomo.model.step import Op
from tomo.model.values import UNKNOWN, Secret, Unknown
from tomo.resources import tokens

DATA = ["/srv", "/var/lib/tomo"]
RISKY = {
    "privileged": ({"privileged": True}, "privileged"),
    "host-network": ({"networkMode": "host"}, "networkMode"),
    "host-namespaces": ({"pidMode": "host"}, "pidMode"),
    "unconfined": ({"securityOpts": ["no-new-privileges", "seccomp=unconfined"]}, "securityOpts[1]"),
    "capabilities": ({"capabilities": {"adds": ["CAP_SYS_ADMIN"]}}, "capabilities.adds[0]"),
    "devices": ({"devices": [{"hostPath": "/dev/sda"}]}, "devices[0].hostPath"),
    "docker-socket": (
        {"volumes": [{"hostPath": "/var/run/docker.sock", "containerPath": "/s"}]},
        "volumes[0].hostPath",
    ),
    "bind-mount": ({"volumes": [{"hostPath": "/etc", "containerPath": "/e"}]}, "volumes[0].hostPath"),
    "public-port": ({"ports": [{"internal": 80, "external": 80}]}, "ports[0].ip"),
    "image-digest": ({"image": "nginx:1.27"}, "image"),
    "image-source": ({"image": "nginx:1.27"}, "image"),
}


@pytest.mark.parametrize("rule", RISKY)
@pytest.mark.parametrize("op", [Op.CREATE, Op.UPDATE, Op.REPLACE, Op.IMPORT])
def test_each_rule_finds_its_field_in_what_a_plan_makes(rule: str, op: Op, look: Looks) -> None:
    inputs, field = RISKY[rule]

    found = look(rule).fields(step(inputs, op=op, old={}))

    opened_before = (rule, op) == ("public-port", Op.IMPORT)
    assert found == ([] if opened_before else [field])


@pytest.mark.parametrize("rule", RISKY)
def test_what_stays_as_it_is_counts_only_where_everything_is_looked_at(rule: str, look: Looks) -> None:
    same = step(RISKY[rule][0], op=Op.SAME)

    assert look(rule).fields(same) == []
    assert look(rule, everything=True).fields(same) == [RISKY[rule][1]]


@pytest.mark.parametrize("rule", RISKY)
def test_what_goes_away_is_no_risk(rule: str, look: Looks) -> None:
    gone = step(RISKY[rule][0], op=Op.DELETE)

    assert look(rule).fields(gone) == []


@pytest.mark.parametrize(
    ("rule", "inputs"),
    [
        ("privileged", {"privileged": UNKNOWN}),
        ("host-network", {"networkMode": UNKNOWN}),
        ("host-namespaces", {"ipcMode": UNKNOWN}),
        ("unconfined", {"securityOpts": UNKNOWN}),
        ("capabilities", {"capabilities": {"adds": [UNKNOWN]}}),
        ("devices", {"devices": [{"hostPath": UNKNOWN}]}),
        ("docker-socket", {"mounts": [{"type": "bind", "source": UNKNOWN, "target": "/s"}]}),
        ("bind-mount", {"volumes": UNKNOWN}),
        ("public-port", {"ports": [{"internal": 80, "external": 80, "ip": UNKNOWN}]}),
        ("image-source", {"image": UNKNOWN}),
        ("image-digest", {"image": UNKNOWN}),
    ],
)
def test_what_is_known_after_apply_only_is_found_rather_than_let_through(
    rule: str, inputs: dict[str, object], look: Looks
) -> None:
    [message] = look(rule).messages(step(inputs))

    assert "only after apply" in message


def test_a_secret_is_looked_into_and_never_told(look: Looks) -> None:
    given = step({"volumes": [{"hostPath": Secret("/etc/hidden"), "containerPath": "/e"}]})

    [message] = look("bind-mount").messages(given)

    assert message == "`web` sees a secret value of its host"


@pytest.mark.parametrize(
    "path", ["/run/docker.sock", "/var/run//docker.sock", "/run", "/var/run/../run/", "/"]
)
def test_the_socket_is_reached_by_every_folder_that_holds_it(path: str, look: Looks) -> None:
    mounted = step({"mounts": [{"type": "bind", "source": path, "target": "/s"}]})

    assert look("docker-socket").fields(mounted) == ["mounts[0].source"]


@pytest.mark.parametrize("path", ["/srv", "/srv/media", "/srv//a/../b"])
def test_allowed_folders_hold_what_is_below_them(path: str, look: Looks) -> None:
    mounted = step({"volumes": [{"hostPath": path, "containerPath": "/m"}]})

    assert look("bind-mount", DATA).fields(mounted) == []


@pytest.mark.parametrize("path", ["/srvx", "/srv/../etc", "/", "srv"])
def test_what_only_looks_like_an_allowed_folder_is_none(path: str, look: Looks) -> None:
    mounted = step({"volumes": [{"hostPath": path, "containerPath": "/m"}]})

    assert look("bind-mount", DATA).fields(mounted) == ["volumes[0].hostPath"]


def test_a_volume_that_stands_for_a_folder_is_a_bind_mount(look: Looks) -> None:
    driven = {"driverOpts": {"type": "none", "o": "rw,bind", "device": "/etc"}}
    inside = {
        "mounts": [
            {"type": "volume", "target": "/x", "volumeOptions": {"driverOptions": driven["driverOpts"]}}
        ]
    }

    assert look("bind-mount", DATA).fields(step(driven, type_=tokens.VOLUME)) == ["driverOpts.device"]
    assert look("bind-mount", DATA).fields(step(inside)) == ["mounts[0].volumeOptions.driverOptions.device"]


def test_a_file_that_tomo_writes_may_be_mounted(look: Looks) -> None:
    file = urn_of(tokens.FILE, "web:/etc/page.conf@nas")
    mounted = step({"mounts": [{"type": "bind", "source": Unknown(f"{file}.path"), "target": "/c"}]})

    assert look("bind-mount", DATA).fields(mounted) == []
    assert look("docker-socket").fields(mounted) == []


def test_named_volumes_and_memory_are_no_folders_of_the_host(look: Looks) -> None:
    ordinary = step(
        {
            "volumes": [{"volumeName": "data", "containerPath": "/data"}],
            "mounts": [
                {"type": "tmpfs", "target": "/tmp"},
                {"type": "volume", "source": "x", "target": "/x"},
            ],
        }
    )

    assert look("bind-mount").fields(ordinary) == []


def test_allowed_capabilities_and_devices_pass(look: Looks) -> None:
    given = step(
        {
            "capabilities": {"adds": ["CAP_NET_ADMIN", "chown"]},
            "devices": [{"hostPath": "/dev/dri/renderD128"}],
            "gpus": "all",
        }
    )

    assert look("capabilities", ["NET_ADMIN", "CHOWN"]).fields(given) == []
    assert look("devices", ["/dev/dri/**", "gpus"]).fields(given) == []
    assert look("devices", ["/dev/dri/**"]).fields(given) == ["gpus"]


# --- ports -------------------------------------------------------------------------------------------


def port(external: int, ip: str = "") -> dict[str, object]:
    return {"internal": 80, "external": external, "ip": ip, "protocol": "tcp"}


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "8.8.8.8", "2001:4860:4860::8888"])
def test_an_address_that_everybody_reaches_is_public(address: str, look: Looks) -> None:
    assert look("public-port").fields(step({"ports": [port(80, address)]})) == ["ports[0].ip"]


@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.1.10", "10.0.0.1", "::1", "fd00::1"])
def test_an_address_of_the_local_network_is_not(address: str, look: Looks) -> None:
    assert look("public-port").fields(step({"ports": [port(80, address)]})) == []


def test_a_port_that_was_open_before_is_not_found_again(look: Looks) -> None:
    moved = step({"ports": [port(80, "0.0.0.0"), port(81)]}, op=Op.REPLACE, old={"ports": [port(80)]})

    assert look("public-port").fields(moved) == ["ports[1].ip"]
    assert look("public-port", everything=True).fields(moved) == ["ports[0].ip", "ports[1].ip"]


def test_allowed_ports_pass_and_those_that_docker_chooses_do_not(look: Looks) -> None:
    given = step({"ports": [port(443), {"internal": 8080}], "publishAllPorts": True})

    assert look("public-port", ["443"]).fields(given) == ["ports[1].ip", "publishAllPorts"]
