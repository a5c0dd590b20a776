"""Tables of inputs: what they take, when two values mean the same, what is told as different."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tomo.model.diff import DiffKind
from tomo.model.image import ImageName
from tomo.model.values import UNKNOWN, Unknown
from tomo.providers.docker.container_fields import BY_NAME, CONTAINER, problems
from tomo.providers.docker.image import IMAGE
from tomo.providers.docker.network import NETWORK
from tomo.providers.docker.registry_image import REGISTRY_IMAGE
from tomo.providers.docker.remote_image import REMOTE_IMAGE
from tomo.providers.docker.schema import Fields, check, differences, same_meaning
from tomo.providers.docker.tag import TAG
from tomo.providers.docker.units import duration, nanoseconds
from tomo.providers.docker.volume import VOLUME

GOLDEN = json.loads((Path(__file__).parent / "golden_docker.json").read_text(encoding="utf-8"))


def golden(kind: str) -> dict[str, Any]:
    return next(entry for entry in GOLDEN if entry["type"].endswith(f":{kind}"))


def changed(old: dict[str, Any], new: dict[str, Any], fields: Fields = CONTAINER) -> list[tuple[Any, ...]]:
    return [(diff.path, diff.kind, diff.old, diff.new) for diff in differences(fields, old, new)]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("Container", CONTAINER),
        ("RemoteImage", REMOTE_IMAGE),
        ("Network", NETWORK),
        ("Volume", VOLUME),
        ("Image", IMAGE),
        ("RegistryImage", REGISTRY_IMAGE),
        ("Tag", TAG),
    ],
)
def test_every_input_of_the_official_sdk_is_in_the_table(kind: str, fields: Fields) -> None:
    import pulumi_docker

    arguments = getattr(pulumi_docker, f"{kind}Args")
    properties = [item for item in vars(arguments).values() if isinstance(item, property)]
    names = {getattr(item.fget, "_pulumi_name", item.fget.__name__) for item in properties}

    assert {field.name for field in fields} == names


@pytest.mark.parametrize(
    ("kind", "fields"), [("Container", CONTAINER), ("Network", NETWORK), ("Volume", VOLUME)]
)
def test_what_the_official_plugin_recorded_is_no_difference(kind: str, fields: Fields) -> None:
    recorded = golden(kind)["inputs"]
    written = json.loads(json.dumps(recorded))
    written.pop("__defaults")

    completed = check(fields, written)

    assert completed.failures == ()
    assert changed(recorded, completed.values, fields) == []


def test_defaults_are_those_the_official_plugin_records() -> None:
    recorded = golden("Container")["inputs"]
    program = {key: value for key, value in recorded.items() if key not in recorded["__defaults"]}

    completed = check(CONTAINER, {**program, "name": recorded["name"]}).values

    assert {key: completed[key] for key in recorded["__defaults"]} == {
        key: recorded[key] for key in recorded["__defaults"]
    }
    assert completed["ports"][0]["protocol"] == "tcp"
    assert completed["healthcheck"]["startPeriod"] == "0s"


# --- meaning -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("envs", ["A=1", "B=2"], ["B=2", "A=1"]),
        ("labels", [{"label": "a", "value": "1"}], [{"value": 1, "label": "a", "__defaults": []}]),
        (
            "ports",
            [{"internal": 80.0, "external": 1}],
            [{"internal": 80, "external": "1", "protocol": "tcp"}],
        ),
        ("ports", [{"internal": 80, "ip": "0.0.0.0"}], [{"internal": 80}]),
        ("ports", [{"internal": 80}, {"internal": 81}], [{"internal": 81}, {"internal": 80}]),
        ("image", "nginx", "docker.io/library/nginx:latest"),
        ("image", "sha256:" + "a" * 64, "a" * 64),
        ("capabilities", {"adds": ["NET_ADMIN"]}, {"adds": ["CAP_NET_ADMIN"], "drops": []}),
        ("healthcheck", {"interval": "60s"}, {"interval": "1m0s", "timeout": "0s", "retries": 0}),
        ("restart", None, "no"),
        ("networkMode", None, "bridge"),
        ("mustRun", None, True),
        ("memory", None, 0),
        ("privileged", None, False),
        ("command", None, []),
        ("user", None, ""),
        ("cpus", "1.50", "1.5"),
        ("sysctls", {"a": 1}, {"a": "1"}),
        (
            "devices",
            [{"hostPath": "/dev/x"}],
            [{"hostPath": "/dev/x", "containerPath": "/dev/x", "permissions": "rwm"}],
        ),
        (
            "volumes",
            [{"hostPath": "/x", "containerPath": "/y", "readOnly": False}],
            [{"hostPath": "/x", "containerPath": "/y"}],
        ),
    ],
)
def test_two_ways_of_writing_mean_the_same(name: str, left: Any, right: Any) -> None:
    assert same_meaning(BY_NAME[name], left, right)
    assert changed({name: left}, {name: right}) == []


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("command", ["a", "b"], ["b", "a"]),
        ("mustRun", True, False),
        ("removeVolumes", None, False),
        ("ports", [{"internal": 80, "protocol": "udp"}], [{"internal": 80}]),
        ("envs", ["A=1"], ["A=1", "A=1"]),
        ("image", "nginx:1", "nginx:2"),
        ("privileged", True, None),
    ],
)
def test_what_means_something_else_differs(name: str, left: Any, right: Any) -> None:
    assert not same_meaning(BY_NAME[name], left, right)
    assert changed({name: left}, {name: right})


def test_a_changed_variable_is_told_with_both_values_at_its_new_place() -> None:
    old, new = {"envs": ["B=1", "A=1"]}, {"envs": ["A=2", "B=1", "C=3"]}

    assert changed(old, new) == [
        ("envs[0]", DiffKind.UPDATE_REPLACE, "A=1", "A=2"),
        ("envs[2]", DiffKind.ADD_REPLACE, None, "C=3"),
    ]


def test_a_removed_element_is_told_behind_the_new_ones() -> None:
    assert changed({"envs": ["A=1", "B=1"]}, {"envs": ["B=1"]}) == [
        ("envs[1]", DiffKind.DELETE_REPLACE, "A=1", None)
    ]


def test_a_changed_port_is_told_by_its_part() -> None:
    old = {"ports": [{"internal": 80, "external": 8080}, {"internal": 81}]}
    new = {"ports": [{"internal": 81}, {"internal": 80, "external": 9090}]}

    assert changed(old, new) == [("ports[1].external", DiffKind.UPDATE_REPLACE, 8080, 9090)]


def test_a_changed_key_of_a_map_is_told_by_its_name() -> None:
    old, new = {"sysctls": {"net.a": "1", "plain": "1"}}, {"sysctls": {"net.a": "2", "other": "1"}}

    assert changed(old, new) == [
        ('sysctls["net.a"]', DiffKind.UPDATE_REPLACE, "1", "2"),
        ("sysctls.other", DiffKind.ADD_REPLACE, None, "1"),
        ("sysctls.plain", DiffKind.DELETE_REPLACE, "1", None),
    ]


def test_an_unknown_element_is_a_change_of_that_element_only() -> None:
    unknown = Unknown("urn.imageId")

    assert changed({"envs": ["A=1"], "image": "x"}, {"envs": ["A=1", unknown], "image": unknown}) == [
        ("image", DiffKind.UPDATE_REPLACE, "x", unknown),
        ("envs[1]", DiffKind.ADD_REPLACE, None, unknown),
    ]


def test_what_is_not_replacing_is_an_update() -> None:
    found = changed({"memory": 1, "restart": "no"}, {"memory": 2, "healthcheck": {"retries": 1}})

    assert {kind.replaces for _, kind, _, _ in found} == {False}


# --- checking ----------------------------------------------------------------------------------------


def reasons(inputs: dict[str, Any]) -> str:
    checked = check(CONTAINER, {"image": "x", **inputs})
    return "\n".join(failure.reason for failure in (*checked.failures, *problems(checked.values)))


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"imge": "x"}, "unknown input `imge`; did you mean `image`?"),
        ({"ports": [{"internl": 80, "internal": 80}]}, "did you mean `internal`?"),
        ({"ports": [{"external": 80}]}, "`ports[0].internal` is required"),
        ({"ports": [{"internal": "eighty"}]}, "must be a whole number, not `eighty`"),
        ({"ports": [{"internal": 70000}]}, "must be from 1 to 65535, not `70000`"),
        ({"ports": [{"internal": 1, "external": 5}, {"internal": 2, "external": 5}]}, "publishes `5` again"),
        ({"ports": [{"internal": 80, "protocol": "tpc"}]}, "must be one of tcp, udp, sctp, not `tpc`"),
        ({"envs": ["no equals"]}, "must be `NAME=value`, not `no equals`"),
        ({"envs": ["=x"]}, "must be `NAME=value`"),
        ({"envs": ["A=\0"]}, "without NUL bytes"),
        ({"restart": "sometimes"}, "not `sometimes`"),
        ({"name": "a b"}, "`a b` is no container name"),
        ({"volumes": [{"hostPath": "./x", "containerPath": "/x"}]}, "must be absolute, not `./x`"),
        ({"volumes": [{"containerPath": "x"}]}, "must be absolute, not `x`"),
        ({"volumes": [{"volumeName": "x"}]}, "needs `containerPath`"),
        ({"mounts": [{"target": "/x", "type": "tmpfs"}], "volumes": [{"containerPath": "/x"}]}, "again"),
        ({"uploads": [{"file": "/x"}]}, "needs exactly one of content, contentBase64, source"),
        ({"uploads": [{"file": "/x", "content": "", "permissions": "rwx"}]}, "must be octal"),
        ({"healthcheck": {"interval": "5 seconds"}}, "must be a duration such as `30s`"),
        ({"healthcheck": {"tests": ["curl", "x"]}}, "must begin with `CMD`"),
        ({"logs": True}, "`logs` needs `attach`"),
        ({"rm": True, "restart": "always"}, "`rm` can't go with"),
        ({"memory": -1}, "must not be negative"),
        ({"cpus": "many"}, "must be a number such as `1.5`"),
        ({"gpus": "all", "deviceRequests": [{"count": 1}]}, "can't be used together"),
        ({"labels": "x"}, "`labels[0]` must be an object"),
        ({"healthcheck": "x"}, "`healthcheck` must be an object"),
        ({"tty": "maybe"}, "must be true or false"),
        ({"sysctls": ["x"]}, "must be a map of texts"),
        ({"command": [{"a": 1}]}, "must be a list of texts"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_value(inputs: dict[str, Any], told: str) -> None:
    assert told in reasons(inputs)


def test_hidden_values_are_not_told() -> None:
    checked = check(CONTAINER, {"image": "x", "memory": "s3cret"}, hidden=True)
    env = list(problems({"envs": ["s3cret"]}, frozenset({"envs"})))

    assert "s3cret" not in "".join(failure.reason for failure in (*checked.failures, *env))


def test_hostile_texts_pass_unharmed() -> None:
    hostile = "a'b\"$(touch /x)`id`\n\t\x1b[31m;|&"

    checked = check(CONTAINER, {"image": "x", "envs": [f"A={hostile}"], "command": [hostile]})

    assert checked.failures == ()
    assert checked.values["command"] == [hostile]


def test_unknowns_and_bookkeeping_pass() -> None:
    inputs = {"image": UNKNOWN, "envs": ["A=1", UNKNOWN], "ports": [{"internal": UNKNOWN}], "__defaults": []}

    checked = check(CONTAINER, inputs)

    assert (checked.failures, "__defaults" in checked.values) == ((), False)


# --- notations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0s", 0),
        ("5s", 5_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1h0m1.5s", 3601_500_000_000),
        ("500ms", 500_000_000),
    ],
)
def test_durations_are_read_and_written_as_go_does(text: str, value: int) -> None:
    assert (nanoseconds(text), duration(value)) == (value, text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("org/app:1", "docker.io/org/app:1"),
        ("host:5000/app", "host:5000/app:latest"),
        ("localhost/app:1", "localhost/app:1"),
        ("ghcr.io/a/b@sha256:" + "0" * 64, "ghcr.io/a/b@sha256:" + "0" * 64),
    ],
)
def test_image_names_are_completed(text: str, told: str) -> None:
    assert str(ImageName.parse(text)) == told
