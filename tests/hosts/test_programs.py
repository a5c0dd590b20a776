"""Hand-written Pulumi programs against a real server: plan, apply, drift, refresh, outputs, destroy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry
from tests.hosts.terminal import Shown, Terminal

pytestmark = [pytest.mark.hosts, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

BASE = """
import pulumi

pulumi.export("greeting", "hello")
pulumi.export("password", pulumi.Output.secret("opensesame"))
"""

PROGRAM = """
import pulumi
import pulumi_command as command
import pulumi_docker as docker
from pulumi import dynamic

config = pulumi.Config()
base = pulumi.StackReference("organization/base/dev")
identity, known_hosts = config.require("identity"), config.require("known_hosts")
options = ["-i", identity, "-o", f"UserKnownHostsFile={known_hosts}", *(config.get_object("more") or [])]
host = docker.Provider("host", host=f"ssh://root@127.0.0.1:{config.require('port')}", ssh_opts=options)
with open(identity, encoding="utf-8") as key:
    connection = command.remote.ConnectionArgs(
        host="127.0.0.1",
        port=config.require_int("port"),
        user="root",
        private_key=key.read(),
        host_key=config.require("host_key"),
    )


class Upper(dynamic.ResourceProvider):
    def create(self, props):
        return dynamic.CreateResult(props["text"].lower(), {**props, "upper": props["text"].upper()})

    def update(self, _id, _olds, news):
        return dynamic.UpdateResult({**news, "upper": news["text"].upper()})


class UpperText(dynamic.Resource):
    upper: pulumi.Output[str]

    def __init__(self, name, text, opts=None):
        super().__init__(Upper(), name, {"text": text, "upper": None}, opts)


class Site(pulumi.ComponentResource):
    def __init__(self, name, env, opts=None):
        super().__init__("tests:index:Site", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        image = docker.RemoteImage(f"{name}-image", name="tomo-test/web:1", keep_locally=True, opts=child)
        network = docker.Network(f"{name}-net", name=f"{name}-net", opts=child)
        volume = docker.Volume(f"{name}-data", name=f"{name}-data", opts=child)
        self.container = docker.Container(
            f"{name}-web",
            name=f"{name}-web",
            image=image.image_id,
            envs=env,
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name)],
            volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path="/data")],
            ports=[docker.ContainerPortArgs(internal=80, external=18090, ip="127.0.0.1")],
            opts=child,
        )
        self.register_outputs({"container": self.container.id})


word = UpperText("word", base.require_output("greeting"))
site = Site(
    "shop",
    [
        pulumi.Output.concat("GREETING=", word.upper),
        pulumi.Output.concat("PASSWORD=", base.require_output("password")),
        pulumi.Output.concat("TOKEN=", config.require_secret("token")),
        f"COLOUR={config.get('colour') or 'blue'}",
    ],
    pulumi.ResourceOptions(providers=[host]),
)
folder = command.remote.Command(
    "folder", connection=connection, create="mkdir /srv/shop && echo made", delete="rm -r /srv/shop"
)
copied = command.remote.CopyToRemote(
    "page",
    connection=connection,
    source=pulumi.FileAsset("page.txt"),
    remote_path="/srv/shop/page.txt",
    opts=pulumi.ResourceOptions(depends_on=[folder]),
)
here = command.local.Command("here", create="printf %s $WORD", environment={"WORD": word.upper})
if config.get_bool("raise"):
    raise ValueError("the program's own trouble")

pulumi.export("upper", word.upper)
pulumi.export("container", site.container.name)
pulumi.export("token", config.require_secret("token"))
pulumi.export("made", folder.stdout)
pulumi.export("here", here.stdout)
"""

TOKEN = "t0ken-'$(id)'"


@dataclass
class Project:
    """A program's folder, and the server it acts on."""

    folder: Path
    host: Host
    terminal: Terminal

    def tomo(self, *arguments: str, piped: str = "") -> Shown:
        return self.terminal.tomo(self.folder, *arguments, "--stack", "dev", piped=piped)

    def done(self, *arguments: str, piped: str = "") -> Shown:
        shown = self.tomo(*arguments, piped=piped)
        assert shown.code == 0, shown.text
        return shown

    def converged(self) -> Shown:
        """Applies; the next plan is empty, with and without a look."""
        applied = self.done("apply", "--yes")
        self.done("plan", "--detailed-exitcode")
        self.done("plan", "--detailed-exitcode", "--no-refresh")
        return applied

    def docker(self, *argv: str) -> str:
        return self.host.ssh("docker", *argv).out.strip()

    @property
    def env(self) -> list[str]:
        env: list[str] = json.loads(self.docker("inspect", "-f", "'{{json .Config.Env}}'", "shop-web"))
        return env


def write_project(folder: Path, name: str, program: str, state: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text(
        f"name: {name}\nruntime: python\nbackend: {{url: 'file://{state}'}}\n"
    )
    (folder / "__main__.py").write_text(program)


@pytest.fixture(scope="module")
def host(lab: Lab, registry: Registry) -> Iterator[Host]:
    [host] = lab.hosts("theta", docker_installed=True, mirrors=[registry.mirror])
    yield host
    lab.remove(host)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    return Terminal(capsys, monkeypatch, tmp_path)


@pytest.fixture
def project(folder: Path, host: Host, terminal: Terminal) -> Project:
    """The shop, applied; each test leaves it that way."""
    made = Project(folder / "shop", host, terminal)
    if not made.folder.exists():
        state = folder / "state"
        state.mkdir()
        write_project(folder / "base", "base", BASE, state)
        Project(folder / "base", host, terminal).done("apply", "--yes")
        write_project(made.folder, "shop", PROGRAM, state)
        (made.folder / "page.txt").write_text("one\n")
        settings = {"port": host.port, "identity": host.identity, "known_hosts": host.known_hosts}
        for key, value in (settings | {"host_key": host.host_key}).items():
            made.done("config", "set", key, str(value))
        made.done("config", "set", "token", "--secret", piped=TOKEN)
        made.converged()
    return made


def test_everything_a_program_declares_is_there_and_the_next_plan_is_empty(project: Project) -> None:
    outputs = project.done("outputs", "--json").json
    shown = project.done("outputs", "--json", "--show-secrets").json

    assert {"GREETING=HELLO", "PASSWORD=opensesame", f"TOKEN={TOKEN}", "COLOUR=blue"} <= set(project.env)
    assert project.host.ssh("cat", "/srv/shop/page.txt").out == "one\n"
    assert outputs["upper"] == outputs["here"] == "HELLO"
    assert (outputs["container"], outputs["made"]) == ("shop-web", "made")
    assert (outputs["token"], shown["token"]) == ("[secret]", TOKEN)
    assert project.docker("volume", "ls", "-q") == "shop-data"


def test_secrets_stand_nowhere_in_plain_text(project: Project, folder: Path) -> None:
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    listed = project.done("config", "list").text
    exported = project.done("state", "export").text

    for text in (kept.decode(errors="replace").replace(BASE, ""), listed, exported):
        assert TOKEN not in text
        assert "BEGIN OPENSSH PRIVATE KEY" not in text
    assert "opensesame" not in exported


def test_a_changed_variable_swaps_the_container_alone(project: Project) -> None:
    project.done("config", "set", "colour", "red")

    planned = project.done("plan", "--json").json
    project.converged()

    changed = [
        (step["op"], step["urn"].rsplit("::", 1)[1]) for step in planned["steps"] if step["op"] != "same"
    ]
    assert {name for op, name in changed if op != "read"} == {"shop-web"}
    assert "COLOUR=red" in project.env


def test_a_changed_file_is_copied_again(project: Project) -> None:
    (project.folder / "page.txt").write_text("two\n")

    project.converged()

    assert project.host.ssh("cat", "/srv/shop/page.txt").out == "two\n"


def test_drift_is_told_taken_into_the_state_or_repaired(project: Project) -> None:
    project.docker("rm", "-f", "shop-web")

    told = project.tomo("drift", "--detailed-exitcode")
    refreshed = project.done("refresh", "--yes")
    listed = project.done("state", "list").text
    project.converged()

    assert (told.code, "shop-web" in told.text) == (2, True)
    assert "shop-web" in refreshed.text
    assert "shop-web" not in listed
    assert project.docker("inspect", "-f", "{{.State.Running}}", "shop-web") == "true"


def test_an_ssh_option_that_tomo_does_not_know_is_refused_by_name(project: Project) -> None:
    project.done("config", "set", "more", '["-o", "StrictHostKeyChecking=no"]')

    planned = project.tomo("plan")
    applied = project.tomo("apply", "--yes")
    project.done("config", "set", "more", "[]")

    for shown in (planned, applied):
        assert shown.code == 1, shown.text
        assert "StrictHostKeyChecking" in shown.text
        assert "host keys are always checked" in shown.text
    project.converged()


def test_a_program_that_raises_changes_nothing_and_shows_its_own_lines(project: Project) -> None:
    before = project.docker("inspect", "-f", "{{.Id}}", "shop-web")
    project.done("config", "set", "raise", "true")
    project.done("config", "set", "colour", "green")

    planned = project.tomo("plan")
    applied = project.tomo("apply", "--yes")
    project.done("config", "set", "raise", "false")

    for shown in (planned, applied):
        assert shown.code == 1, shown.text
        assert "[secret]" not in shown.text, shown.text
        assert "the program's own trouble" in shown.text
        assert "__main__.py" in shown.text
    assert project.docker("inspect", "-f", "{{.Id}}", "shop-web") == before
    project.converged()


def test_destroy_removes_all_and_only_what_the_program_made(project: Project) -> None:
    project.docker("run", "-d", "--name", "foreign", "tomo-test/web:1")

    project.done("destroy", "--yes")
    left = project.done("state", "list").text

    assert project.docker("ps", "-a", "--format", "'{{.Names}}'") == "foreign"
    assert project.docker("volume", "ls", "-q") == ""
    assert project.host.ssh("ls", "/srv/shop").code != 0
    assert "shop" not in left.replace("pulumi:pulumi:Stack", "")
    project.docker("rm", "-f", "foreign")
    project.converged()
    project.done("destroy", "--yes")


# --- a fleet as a program ---------------------------------------------------------------------------

FLEET = """fleet: home
servers:
  theta:
    host: 127.0.0.1
    port: {port}
    user: root
    docker: {{registry_mirrors: ['{mirror}']}}
apps:
  site:
    server: theta
    env: {{QUOTED: "it's $HOME \\"quoted\\""}}
    definition:
      schema: tomo.app/v1
      id: site
      title: Site
      tagline: A page and its neighbour
      description: A page and its neighbour.
      categories: [networking]
      version: "1"
      inputs: [{{name: TOKEN, type: secret, generate: {{kind: password, length: 24}}}}]
      services:
        page:
          image: tomo-test/web:1
          env: {{TOKEN: {{input: TOKEN}}}}
          ports: [{{name: web, container: 80, host: 18091, expose: local}}]
          mounts: [{{volume: data, path: /data}}]
          healthcheck: {{test: [CMD, /bin/busybox, "true"], interval: 1s, retries: 2}}
          stop: {{grace: 1s}}
        neighbour: {{image: tomo-test/web:1, stop: {{grace: 1s}}}}
      volumes: {{data: {{}}}}
      files: [{{path: /etc/site.conf, content: "answer = 42\\n", service: page}}]
      web: {{service: page, port: 80}}
"""


def containers(host: Host) -> dict[str, dict[str, object]]:
    """What Docker says of each container, without what is another with each making."""
    names = host.ssh("docker", "ps", "-a", "--format", "'{{.Names}}'").out.split()
    found = json.loads(host.ssh("docker", "inspect", *names).out) if names else []
    fixed = ("Config", "HostConfig", "Mounts", "Path", "Args", "RestartCount")
    seen = {each["Name"]: {key: each[key] for key in fixed} for each in found}
    for each in seen.values():
        each["Config"].pop("Hostname")
        # dockerd lists a container's mounts in the order of a Go map: another with each request.
        each["Mounts"].sort(key=lambda mount: mount["Destination"])
    return seen


def test_a_fleet_written_as_a_program_makes_the_same_containers(
    host: Host, registry: Registry, terminal: Terminal, tmp_path: Path
) -> None:
    (tmp_path / ".ssh").mkdir()
    known = f"Host 127.0.0.1\n  IdentityFile {host.identity}\n  UserKnownHostsFile {host.known_hosts}\n"
    (tmp_path / ".ssh" / "config").write_text(known)
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    (fleet / "fleet.yaml").write_text(FLEET.format(port=host.port, mirror=registry.mirror))
    written = fleet / "written"

    for command in (["apply", "--yes"], ["program", str(written)]):
        shown = terminal.tomo(fleet, *command)
        assert shown.code == 0, shown.text
    made = containers(host)
    assert terminal.tomo(fleet, "destroy", "--yes").code == 0
    shown = terminal.tomo(written, "apply", "--yes", "--stack", "home")
    again = terminal.tomo(written, "plan", "--detailed-exitcode", "--stack", "home")

    assert shown.code == 0, shown.text
    assert again.code == 0, again.text
    assert containers(host) == made
    assert sorted(made) == ["/site-neighbour", "/site-page"]
