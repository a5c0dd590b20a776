"""Containers that run are taken into the fleet as they are: same id, same start, and an empty plan after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.worlds import World
from tomo.errors import ApprovalMissing, PlanRefused, SpecError, TomoError, UsageError
from tomo.model.step import Op
from tomo.providers.docker.daemon import Daemon, container_path
from tomo.service.imports import Adopted, Adoptions, AdoptRequest

IMAGE = "tomo-test/web:1.0"


@dataclass
class Hand:
    """Someone at the server, with Docker's own API."""

    world: World
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.daemon = Daemon(self.world.nas, "hand")

    def send(self, path: str, body: Any = None, **query: str) -> Any:
        return self.daemon.send("POST", path, "working by hand", query=query, body=body).json()

    def run(self, name: str, image: str = IMAGE, **body: Any) -> str:
        self.daemon.send("POST", "/images/create", "pulling", query={"fromImage": image})
        made = self.send("/containers/create", {"Image": image, **body}, name=name)
        self.send(f"/containers/{made['Id']}/start")
        self.made.append(name)
        return str(made["Id"])

    def life(self) -> list[tuple[str, str, str]]:
        """What must not change: ids and start times, by name."""
        seen = [self.daemon.find(container_path(name), "looking") or {} for name in self.made]
        return [(name, s["Id"], s["State"]["StartedAt"]) for name, s in zip(self.made, seen, strict=True)]


@pytest.fixture
def hand(bare: World) -> Iterator[Hand]:
    """The server has Docker, from a first apply."""
    bare.apply()
    made = Hand(bare)
    yield made
    made.daemon.close()


def adopt(world: World, app: str = "", **options: Any) -> Adopted:
    options.setdefault("confirm", lambda _plan: True)
    return Adoptions(world.doors).adopt(AdoptRequest(world.place, "nas", app=app, **options))


def ops(adopted: Adopted) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for step in adopted.run.shown.plan.steps:
        if step.op is not Op.SAME:
            found.setdefault(step.type.rpartition(":")[2], []).append(step.op.pulumi_name)
    return found


def assert_untouched(hand: Hand, before: list[tuple[str, str, str]]) -> None:
    """Nothing moved on the server, and nothing is left to do, with a look and without."""
    assert hand.life() == before
    assert hand.world.plan().plan.changes == ()
    assert hand.world.plan(look=False).plan.changes == ()
    writes = [call for call in hand.world.nas.docker.calls if call.writes]
    hand.world.apply()
    assert [call for call in hand.world.nas.docker.calls if call.writes] == writes
    assert hand.life() == before


def test_a_container_is_taken_in_as_an_app_of_its_own(hand: Hand) -> None:
    hand.run(
        "page",
        Env=["GREETING=hi ${x}", "DB_PASSWORD=s3cret"],
        ExposedPorts={"80/tcp": {}},
        HostConfig={
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8081"}]},
            "Binds": ["page_data:/data", "/srv/media:/media:ro"],
            "RestartPolicy": {"Name": "always"},
            "Memory": 64 << 20,
        },
    )
    before = hand.life()

    adopted = adopt(hand.world, "page")

    text = hand.world.file.read_text()
    assert ops(adopted) == {
        "App": ["create"],
        "Volume": ["import"],
        "RemoteImage": ["import"],
        "Container": ["import"],
    }
    assert adopted.secrets == ("page.DB_PASSWORD",)
    assert "s3cret" not in text + hand.world.state.read_text() + hand.world.config.read_text()
    assert "# my home" in text
    assert "GREETING: hi $${x}" in text
    assert_untouched(hand, before)


def test_where_approvals_are_on_nothing_is_taken_in_that_nobody_has_signed(hand: Hand) -> None:
    hand.run("page")
    before, file, state = hand.life(), hand.world.file.read_bytes(), hand.world.state.read_bytes()
    approvers = hand.world.folder.parent / "approvers"
    approvers.write_text("kim ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0\n")
    guarded = replace(hand.world, settings=replace(hand.world.settings, approvers=approvers))

    adopted = adopt(guarded, "page")

    assert isinstance(adopted.run.refusal, ApprovalMissing)
    assert hand.life() == before
    assert (hand.world.file.read_bytes(), hand.world.state.read_bytes()) == (file, state)


def test_a_compose_project_is_one_app(hand: Hand) -> None:
    labels = {"com.docker.compose.project": "shop"}
    net = {**labels, "com.docker.compose.network": "default"}
    hand.send("/networks/create", {"Name": "shop_default", "Labels": net})
    hand.send("/volumes/create", {"Name": "shop_db", "Labels": {**labels, "com.docker.compose.volume": "db"}})
    for service, needs in (("db", ""), ("web", "db:service_started:false")):
        own = {"com.docker.compose.service": service, "com.docker.compose.depends_on": needs}
        hand.run(
            f"shop-{service}-1",
            Labels={**labels, **own},
            HostConfig={
                "NetworkMode": "shop_default",
                "Mounts": [{"Type": "volume", "Source": "shop_db", "Target": "/data"}]
                if service == "db"
                else [],
            },
            NetworkingConfig={
                "EndpointsConfig": {"shop_default": {"Aliases": [service, f"shop-{service}-1"]}}
            },
        )
    before = hand.life()

    adopted = adopt(hand.world, "shop")

    assert ops(adopted)["Network"] == ["import"]
    assert ops(adopted)["Container"] == ["import", "import"]
    assert "db: started" in hand.world.file.read_text()
    assert_untouched(hand, before)


def test_everything_on_a_server_is_taken_in_at_once(hand: Hand) -> None:
    hand.send("/networks/create", {"Name": "proxy_net"})
    joined = {"EndpointsConfig": {"proxy_net": {"Aliases": ["front"]}}}
    hand.run("proxy", HostConfig={"NetworkMode": "proxy_net"}, NetworkingConfig=joined)
    hand.run("My_App", HostConfig={"NetworkMode": "proxy_net"})
    hand.run("stray")
    for service in ("a", "b"):
        labels = {"com.docker.compose.project": "two", "com.docker.compose.service": service}
        hand.run(f"two_{service}_1", Labels=labels)
    before = hand.life()

    adopted = adopt(hand.world, everything=True, leave=("stray",))

    assert sorted(adopted.apps) == ["my-app", "proxy", "two"]
    assert ops(adopted)["Network"] == ["import"]
    assert_untouched(hand, before)
    with pytest.raises(UsageError, match="nothing"):
        adopt(hand.world, everything=True, leave=("stray",))


def test_an_app_of_the_catalog_is_filled_from_what_runs(hand: Hand) -> None:
    definition = hand.world.doors.open(hand.world.place).catalog.get("navidrome")
    [(service, spec)] = definition.services.items()
    port = spec.ports[0]
    volumes = [mount for mount in spec.mounts if mount.volume]
    rendered = {key: value for key, value in spec.env.items() if isinstance(value, str) and "${" not in value}
    hand.run(
        "music_server",
        spec.image,
        Env=[f"{key}={value}" for key, value in rendered.items()] + ["ND_EXTRA=1"],
        User=spec.user or "",
        ExposedPorts={f"{port.container}/tcp": {}},
        HostConfig={
            "PortBindings": {f"{port.container}/tcp": [{"HostIp": "0.0.0.0", "HostPort": "4544"}]},
            "Binds": [f"music_{mount.volume}:{mount.path}" for mount in volumes] + ["/srv/music:/music:ro"],
            "RestartPolicy": {"Name": spec.restart},
        },
    )
    before = hand.life()

    try:
        adopted = adopt(hand.world, "navidrome", name="music")
    except PlanRefused as error:
        pytest.fail(f"{error}\n{error.detail}")

    assert [f.error.message for f in adopted.run.shown.failures] == []
    text = hand.world.file.read_text()
    assert "app: navidrome" in text
    assert "host: 4544" in text
    assert_untouched(hand, before)
    assert service


def test_one_that_is_declared_already_is_taken_over_by_its_names(hand: Hand) -> None:
    text = hand.world.file.read_text().replace(
        "apps: {}",
        'apps:\n  page:\n    server: nas\n    definition: {schema: tomo.app/v1, id: page, title: P, version: "1",'
        f" services: {{page: {{image: '{IMAGE}'}}}}}}\n",
    )
    hand.world.file.write_text(text)
    hand.run("page", HostConfig={"RestartPolicy": {"Name": "unless-stopped"}})
    before = hand.life()

    failed = hand.world.apply()
    adopted = adopt(hand.world, "page")

    assert "tomo import" in failed.failures[0].error.hint
    assert ops(adopted)["Container"] == ["import"]
    assert hand.world.file.read_text() == text
    assert_untouched(hand, before)


def test_what_is_declared_otherwise_is_named_and_nothing_is_done(hand: Hand) -> None:
    text = hand.world.file.read_text().replace(
        "apps: {}",
        'apps:\n  page:\n    server: nas\n    definition: {schema: tomo.app/v1, id: page, title: P, version: "1",'
        f" services: {{page: {{image: '{IMAGE}'}}}}}}\n",
    )
    hand.world.file.write_text(text)
    hand.run("page")
    before, state = hand.life(), hand.world.state.read_text()

    with pytest.raises(PlanRefused) as raised:
        adopt(hand.world, "page")

    assert "`restart`" in raised.value.detail
    assert (hand.life(), hand.world.state.read_text()) == (before, state)


def test_what_would_have_to_be_replaced_is_named(hand: Hand) -> None:
    text = hand.world.file.read_text().replace(
        "apps: {}",
        'apps:\n  page:\n    server: nas\n    definition: {schema: tomo.app/v1, id: page, title: P, version: "1",'
        f" services: {{page: {{image: '{IMAGE}', env: {{A: '1'}}}}}}}}\n",
    )
    hand.world.file.write_text(text)
    hand.run("page", HostConfig={"RestartPolicy": {"Name": "unless-stopped"}})
    before = hand.life()

    adopted = adopt(hand.world, "page")

    assert "`envs[0]`" in adopted.run.shown.failures[0].error.message
    assert adopted.run.done is None
    assert hand.life() == before


def test_who_says_no_leaves_everything_as_it_was(hand: Hand) -> None:
    hand.run("page", Env=["A_TOKEN=x1y2z3"])
    before = [path.read_text() for path in (hand.world.file, hand.world.config, hand.world.state)]

    adopted = adopt(hand.world, "page", confirm=lambda _plan: False)

    assert adopted.run.declined
    assert [path.read_text() for path in (hand.world.file, hand.world.config, hand.world.state)] == before


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"HostConfig": {"Links": ["other:o"]}}, "links"),
        ({"HostConfig": {"PidsLimit": 50}}, "PidsLimit"),
        ({"Volumes": {"/anonymous": {}}}, "`/anonymous` has no name"),
        ({"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": ""}]}}}, "at a random one"),
        (
            {"HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.9", "HostPort": "9"}]}}},
            "`127.0.0.9` alone",
        ),
    ],
)
def test_what_an_app_has_no_word_for_is_refused_by_name(hand: Hand, body: dict[str, Any], words: str) -> None:
    hand.run("other")
    hand.run("page", **body)

    with pytest.raises(TomoError) as raised:
        adopt(hand.world, "page")

    assert isinstance(raised.value, SpecError)
    assert words in raised.value.detail
    assert "page" not in hand.world.file.read_text()


def test_one_that_does_not_run_is_refused(hand: Hand) -> None:
    hand.run("page")
    hand.send("/containers/page/kill")

    with pytest.raises(SpecError) as raised:
        adopt(hand.world, "page")

    assert "does not run" in raised.value.detail


def test_other_changes_of_the_fleet_come_first(hand: Hand) -> None:
    hand.run("page")
    text = hand.world.file.read_text().replace(
        "apps: {}",
        'apps:\n  other:\n    server: nas\n    definition: {schema: tomo.app/v1, id: other, title: P, version: "1",'
        f" services: {{page: {{image: '{IMAGE}'}}}}}}\n",
    )
    hand.world.file.write_text(text)

    with pytest.raises(PlanRefused, match="other changes"):
        adopt(hand.world, "page")

    assert hand.world.file.read_text() == text


def test_a_name_that_nothing_has_is_told_with_one_that_is_near(hand: Hand) -> None:
    hand.run("page")

    with pytest.raises(UsageError) as raised:
        adopt(hand.world, "paeg")

    assert "`page`" in raised.value.hint
