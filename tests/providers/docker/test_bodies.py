"""What is sent to the daemon for rarer inputs, and that it reads back as the same."""

from __future__ import annotations

import base64
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import UsageError
from tomo.model.values import UNKNOWN
from tomo.providers.docker.container_body import create_body, upload_archive
from tomo.providers.docker.container_fields import BY_NAME
from tomo.providers.docker.container_outputs import elements
from tomo.providers.docker.container_seen import READERS
from tomo.providers.docker.schema import same_meaning


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("volumes", [{"fromContainer": "other", "readOnly": True}, {"containerPath": "/c"}]),
        ("volumes", [{"containerPath": "/c", "hostPath": "/h", "selinuxRelabel": "Z", "readOnly": True}]),
        (
            "mounts",
            [{"target": "/t", "type": "bind", "source": "/s", "bindOptions": {"propagation": "rslave"}}],
        ),
        (
            "mounts",
            [
                {
                    "target": "/t",
                    "type": "volume",
                    "source": "v",
                    "volumeOptions": {
                        "noCopy": True,
                        "driverName": "local",
                        "driverOptions": {"type": "nfs"},
                        "labels": [{"label": "a", "value": "b"}],
                        "subpath": "x/y",
                    },
                }
            ],
        ),
        (
            "deviceRequests",
            [{"driver": "nvidia", "count": 2, "capabilities": ["gpu", "utility"], "options": {"a": "b"}}],
        ),
        ("deviceReadBps", [{"path": "/dev/sda", "rate": 1000}]),
        ("deviceWriteIops", [{"path": "/dev/sda", "rate": 10}]),
        ("deviceCgroupRules", ["c 42:* rmw"]),
        ("gpus", "all"),
        ("cpuPeriod", 100000),
        ("cpuQuota", 50000),
        ("memorySwap", -1),
        ("storageOpts", {"size": "10G"}),
        ("logOpts", {"max-size": "1m"}),
        ("pidMode", "host"),
        ("usernsMode", "host"),
        ("cgroupParent", "/x"),
        ("runtime", "runc"),
        ("init", True),
        ("rm", True),
        ("publishAllPorts", True),
    ],
)
def test_what_is_sent_reads_back_as_the_same(name: str, value: Any) -> None:
    body = create_body({"image": "x", name: value})

    seen = READERS[name]({"HostConfig": body.pop("HostConfig"), "Config": body})

    assert same_meaning(BY_NAME[name], value, seen)


def test_an_address_in_a_network_is_part_of_its_endpoint() -> None:
    network = {
        "name": "n",
        "ipv4Address": "10.0.0.9",
        "linkLocalIps": ["169.254.1.1"],
        "driverOpts": ["a=b=c"],
        "macAddress": "02:42:ac:11:00:02",
        "gwPriority": 3,
    }

    body = create_body({"image": "x", "networksAdvanced": [network]})

    assert body["NetworkingConfig"]["EndpointsConfig"]["n"] == {
        "Aliases": [],
        "IPAMConfig": {"IPv4Address": "10.0.0.9", "LinkLocalIPs": ["169.254.1.1"]},
        "DriverOpts": {"a": "b=c"},
        "MacAddress": "02:42:ac:11:00:02",
        "GwPriority": 3,
    }


def test_uploads_become_one_archive(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from a file")
    uploads = [
        {"file": "/a", "content": "text", "permissions": "0600", "owner": "7", "group": "8"},
        {"file": "/b", "contentBase64": base64.b64encode(b"\0\1").decode(), "executable": True},
        {"file": "/c/d", "source": "file"},
    ]

    data = upload_archive({"uploads": uploads}, tmp_path)

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {e.name: (e.mode, e.uid, e.gid, archive.extractfile(e).read()) for e in archive}  # type: ignore[union-attr]
    assert found == {
        "a": (0o600, 7, 8, b"text"),
        "b": (0o744, 0, 0, b"\0\1"),
        "c/d": (0o644, 0, 0, b"from a file"),
    }


@pytest.mark.parametrize(
    ("upload", "told"),
    [
        ({"contentBase64": "%%%"}, "not valid base64"),
        ({"source": "/no/such/file"}, "can't read `/no/such/file`"),
        ({"content": "", "owner": "root"}, "`root`"),
    ],
)
def test_an_upload_that_cannot_be_made_is_told_by_its_file(upload: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match="`/x`") as raised:
        upload_archive({"uploads": [{"file": "/x", **upload}]}, Path())

    assert told in raised.value.message


def test_elements_of_outputs_have_all_their_keys() -> None:
    made = elements(
        {"devices": [{"hostPath": "/dev/x"}], "mounts": [{"target": "/t", "type": "tmpfs"}]}, "devices"
    )

    assert made == [{"hostPath": "/dev/x", "containerPath": "/dev/x", "permissions": "rwm"}]
    assert elements({"devices": UNKNOWN}, "devices") is UNKNOWN
