from __future__ import annotations

from typing import Any

import pytest

from tomo.testing.dockerd.dockerfile import change_config
from tomo.testing.dockerd.refused import ApiError


@pytest.mark.parametrize(
    ("instruction", "config"),
    [
        ("ENV A=1 B='two words'", {"Env": ["A=1", "B=two words"]}),
        ("ENV A one two", {"Env": ["A=one two"]}),
        ('CMD ["serve","-x"]', {"Cmd": ["serve", "-x"]}),
        ("CMD serve -x", {"Cmd": ["/bin/sh", "-c", "serve -x"]}),
        ('ENTRYPOINT ["serve"]', {"Entrypoint": ["serve"], "Cmd": None}),
        ("EXPOSE 80 53/udp", {"ExposedPorts": {"80/tcp": {}, "53/udp": {}}}),
        ("LABEL a=b", {"Labels": {"a": "b"}}),
        ('VOLUME ["/data"]', {"Volumes": {"/data": {}}}),
        ("WORKDIR srv", {"WorkingDir": "/srv"}),
        ("USER 1000", {"User": "1000"}),
        ("STOPSIGNAL SIGINT", {"StopSignal": "SIGINT"}),
        ("HEALTHCHECK NONE", {"Healthcheck": {"Test": ["NONE"]}}),
        (
            "HEALTHCHECK --interval=1m30s --retries=2 CMD probe me",
            {"Healthcheck": {"Test": ["CMD-SHELL", "probe me"], "Interval": 90_000_000_000, "Retries": 2}},
        ),
    ],
)
def test_each_instruction_changes_the_config_as_docker_does(instruction: str, config: dict[str, Any]) -> None:
    assert change_config({}, instruction) == config


def test_an_unknown_instruction_is_refused_by_name() -> None:
    with pytest.raises(ApiError, match="unknown instruction: FROB"):
        change_config({}, "FROB x")


def test_a_variable_set_twice_keeps_the_last_value() -> None:
    assert change_config({"Env": ["A=1", "B=2"]}, "ENV A=3") == {"Env": ["B=2", "A=3"]}
