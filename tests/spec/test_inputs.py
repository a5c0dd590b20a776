"""Which values an input takes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tomo.spec.app import AppDefinition, Input
from tomo.spec.inputs import complaint

GOOD = {
    "string": ["", "a b", "ü"],
    "integer": ["0", "-3", "+7"],
    "number": ["1", "-1.5"],
    "boolean": ["true", "false"],
    "email": ["a@b.c"],
    "url": ["https://example.org", "http://10.0.0.1:80/a?b"],
    "ip": ["10.0.0.1", "::1"],
    "hostname": ["nas", "nas.example.org", "a_b.c"],
    "path": ["/", "/srv/media"],
    "port": ["1", "65535"],
    "timezone": ["Europe/Berlin", "UTC", "Etc/GMT+3", "America/Argentina/Buenos_Aires"],
}
BAD = {
    "string": ["a\nb", "a\x00", "\x1b"],
    "integer": ["1.5", "a", "", "٣", "1" * 40],
    "number": ["a", "1e9", "nan", "inf"],
    "boolean": ["yes", "1", "True"],
    "email": ["a", "a@", "a b@c.d", "a@b\n"],
    "url": ["example.org", "ftp://a", "http://", "https://a b", "http://[", "javascript:alert(1)"],
    "ip": ["10.0.0", "10.0.0.256", "a"],
    "hostname": ["-a", "a b", "a/b", "", "a" * 300, "$(x)"],
    "path": ["srv", "/a/../b", "/a:b", "/a\nb"],
    "port": ["0", "65536", "a"],
    "timezone": ["Europe/ Berlin", "/etc", "../x", ""],
}


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in GOOD.items() for value in values]
)
def test_good_values_are_taken(kind: str, value: str) -> None:
    assert complaint(Input.model_validate({"name": "A", "type": kind}), value) == ""


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in BAD.items() for value in values]
)
def test_bad_values_are_refused_in_words_without_the_value(kind: str, value: str) -> None:
    words = complaint(Input.model_validate({"name": "A", "type": kind}), value)

    assert words.startswith("must be ")


def test_a_pattern_has_words_of_its_own() -> None:
    rules = {"pattern": "[a-z]+", "message": "must be lower-case"}

    assert complaint(Input.model_validate({"name": "A", "validate": rules}), "A") == "must be lower-case"
    assert (
        complaint(Input.model_validate({"name": "A", "validate": {"pattern": "a+"}}), "b")
        == "must match `a+`"
    )


SERVICE = {"image": "a:1"}
REFUSED = {
    "HTML": ({"description": "<p>a</p>"}, "HTML"),
    "default and generate": ({"inputs": [{"name": "A", "default": "a", "generate": {}}]}, "both"),
    "options of a string": ({"inputs": [{"name": "A", "options": [{"value": "a"}]}]}, "belongs to `type: enum`"),
    "two secrets in one file": ({"services": {"s": {**SERVICE, "secrets": [{"path": "/a"}]}}}, "exactly one secret"),
    "ranges of two lengths": (
        {"services": {"s": {**SERVICE, "ports": [{"name": "a", "container": "1-2", "host": "1-3"}]}}}, "differ",
    ),
    "a size of a volume": ({"services": {"s": {**SERVICE, "mounts": [{"host": "/a", "path": "/a", "size": "1M"}]}}}, "tmpfs"),
    "a check of nothing": ({"services": {"s": {**SERVICE, "healthcheck": {}}}}, "`test` or `http`"),
    "a check by words": ({"services": {"s": {**SERVICE, "healthcheck": {"test": ["curl"]}}}}, "starts with `curl`"),
    "ports of the host's network": (
        {"services": {"s": {**SERVICE, "network_mode": "host", "ports": [{"name": "a", "container": 1}]}}}, "takes no `ports`",
    ),
    "a duration without unit": ({"services": {"s": {**SERVICE, "stop": {"grace": 10}}}}, "has no unit"),
    "a duration in words": ({"services": {"s": {**SERVICE, "stop": {"grace": "soon"}}}}, "not a duration"),
    "a size in words": ({"services": {"s": {**SERVICE, "resources": {"memory": "lots"}}}}, "not a size"),
    "a schema of another version": ({"schema": "tomo.app/v2"}, "tomo.app/v1"),
    "no services": ({"services": {}}, "at least 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_apps_that_contradict_themselves_are_refused(case: str) -> None:
    parts, words = REFUSED[case]
    app = {
        "schema": "tomo.app/v1",
        "id": "a",
        "title": "A",
        "version": "1",
        "services": {"s": SERVICE},
        **parts,
    }

    with pytest.raises(ValidationError) as caught:
        AppDefinition.model_validate(app)

    assert words in str(caught.value)


def test_one_number_is_both_limits() -> None:
    service = {**SERVICE, "ulimits": {"nofile": 1024, "nproc": {"soft": 1, "hard": 2}}}
    app = {"schema": "tomo.app/v1", "id": "a", "title": "A", "version": "1", "services": {"s": service}}

    limits = AppDefinition.model_validate(app).services["s"].ulimits

    assert (limits["nofile"].soft, limits["nofile"].hard, limits["nproc"].hard) == (1024, 1024, 2)
