"""A server's proxy with a real Caddy: names, certificates, new routes and new containers under requests."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from lab.hosts import Host
from lab.lab import Lab
from lab.ports import free_port
from lab.registry import Registry
from lab.shell import execute
from lab.waiting import until
from tests.hosts.conftest import MakeSite, Site, changes
from tests.hosts.terminal import Terminal
from tomo.model.values import Secret
from tomo.service.interruptions import interruptions
from tomo.service.secret_names import Secrets, SetSecretRequest
from tomo.service.workspace import Place
from tomo.spec.proxy import PROXY_IMAGE

pytestmark = pytest.mark.hosts

# A program that says who answers, one request slowly; started late, and deaf to the order to end.
SERVE = (
    "mkdir -p /www/cgi-bin; sleep 1;"
    ' printf "#!/bin/sh\\\\necho; echo $GREETING\\\\n" > /www/cgi-bin/fast;'
    ' printf "#!/bin/sh\\\\nsleep 3; echo; echo $GREETING\\\\n" > /www/cgi-bin/slow;'
    " chmod +x /www/cgi-bin/*; exec httpd -f -p 8000 -h /www"
)
FLEET = """
  wiki:
    server: {server}
    hostnames: [{names}]
    env: {{GREETING: {greeting}}}
    definition:
      schema: tomo.app/v1
      id: wiki
      title: Wiki
      version: "1"
      services:
        page:
          image: tomo-test/web:1
          command: [/bin/sh, -c, '{serve}']
          ports: [{{name: web, container: 8000}}]
          update_order: {order}
          healthcheck: {{test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8000/cgi-bin/fast"], interval: 1s, retries: 3, start: 3s}}
          stop: {{grace: 1s}}
      web: {{service: page, port: 8000}}
"""


@dataclass
class Behind:
    """A fleet with a proxy, and the way to its ports from here."""

    site: Site
    host: Host
    port: int
    proxy: str = "{tls: internal, expose: local}"
    options: dict[str, str] = field(default_factory=dict)

    def write(self, **options: str) -> None:
        self.options |= options
        told = {"names": "wiki.test", "greeting": "one", "order": "start-first", **self.options}
        apps = FLEET.format(server=self.host.name, serve=SERVE, **told)
        self.site.write(apps=apps, docker=f"proxy: {self.proxy}")

    @property
    def greeting(self) -> str:
        """What its page says once it is as declared."""
        return self.options.get("greeting", "one")

    def docker(self, *argv: str) -> str:
        return self.host.ssh("docker", *argv).out.strip()

    def root(self) -> ssl.SSLContext:
        """Trusts the proxy's own authority and nobody else."""
        pem = self.docker("exec", "tomo-proxy", "cat", "/data/caddy/pki/authorities/local/root.crt")
        return ssl.create_default_context(cadata=pem)

    def connect(self, trust: ssl.SSLContext, name: str = "wiki.test") -> http.client.HTTPConnection:
        """A connection as a browser makes it, which may stay open for several pages."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.connect()
        connection.sock = trust.wrap_socket(connection.sock, server_hostname=name)
        return connection

    def get(self, path: str, trust: ssl.SSLContext, name: str = "wiki.test") -> str:
        """A page, over a connection of its own."""
        with contextlib.closing(self.connect(trust, name)) as connection:
            return page(connection, path, name)

    def serves(self, trust: ssl.SSLContext) -> bool:
        """Whether a page comes with a certificate that is trusted so."""
        try:
            return bool(self.get("/cgi-bin/fast", trust))
        except OSError:
            return False


def page(connection: http.client.HTTPConnection, path: str, name: str = "wiki.test") -> str:
    """A page over a connection that is there."""
    connection.request("GET", path, headers={"Host": name})
    answer = connection.getresponse()
    body = answer.read().decode().strip()
    assert answer.status == 200, (answer.status, body)
    return body


@dataclass
class Visitors:
    """Several who ask for a page again and again until they are told to stop.

    Each takes a new connection for each page, or with `stays` one for all.
    """

    behind: Behind
    trust: ssl.SSLContext
    path: str = "/cgi-bin/fast"
    count: int = 4
    stays: bool = False
    answers: list[tuple[float, float, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(self.count)]
        for thread in self._threads:
            thread.start()
        until(lambda: len(self.answers) >= self.count, "the first answers", within=30)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)

    def _visit(self) -> None:
        if not self.stays:
            return self._ask(lambda: self.behind.get(self.path, self.trust))
        with contextlib.closing(self.behind.connect(self.trust)) as connection:
            return self._ask(lambda: page(connection, self.path))

    def _ask(self, ask: Callable[[], str]) -> None:
        while not self._ended.is_set():
            begun = time.monotonic()
            try:
                said = ask()
            except Exception as error:  # noqa: BLE001  # whatever it is, it is counted
                self.failures.append(f"{type(error).__name__}: {error}")
            else:
                self.answers.append((begun, time.monotonic() - begun, said))

    @property
    def said(self) -> list[str]:
        """Who answered, in turn."""
        return list(dict.fromkeys(said for _, _, said in self.answers))

    @property
    def longest(self) -> float:
        """How long the most patient one waited."""
        return max(took for _, took, _ in self.answers)


@pytest.fixture(scope="module")
def behind(make_site: MakeSite, docker_hosts: list[Host], registry: Registry, lab: Lab) -> Iterator[Behind]:
    registry.push(
        lab.images.with_packages("caddy", lab.images.base(), ["caddy", "wget", "pebble"]), PROXY_IMAGE
    )
    host, port = docker_hosts[0], free_port()
    tunnel = subprocess.Popen(host.ssh_argv("-N", "-L", f"127.0.0.1:{port}:127.0.0.1:443"))
    made = Behind(make_site([host]), host, port)
    made.write()
    made.site.converge()
    yield made
    tunnel.terminate()
    tunnel.wait(10)
    made.site.destroy()


def test_a_page_is_served_by_its_name_with_a_certificate(behind: Behind) -> None:
    trust = behind.root()

    assert behind.get("/cgi-bin/fast", trust) == behind.greeting
    assert behind.docker("port", "wiki") == ""
    with pytest.raises(ssl.SSLError):
        behind.get("/", trust, name="other.test")


def test_a_new_name_is_served_without_a_restart_and_a_request_goes_on_meanwhile(behind: Behind) -> None:
    trust = behind.root()
    before = behind.docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "tomo-proxy")
    behind.write(names="wiki.test, notes.test")
    planned = changes(behind.site.plan().plan)

    with Visitors(behind, trust, "/cgi-bin/slow", count=2) as visitors:
        behind.site.converge()

    assert planned == [
        f"update tomo-proxy:/etc/caddy/Caddyfile@{behind.host.name}",
        f"update tomo-proxy-reload@{behind.host.name}",
    ]
    assert (visitors.failures, visitors.said) == ([], [behind.greeting])
    assert behind.get("/cgi-bin/fast", trust, "notes.test") == behind.greeting
    assert behind.docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "tomo-proxy") == before


def test_a_new_container_takes_over_with_no_failed_request(behind: Behind) -> None:
    trust, before = behind.root(), behind.greeting
    behind.write(greeting="two")
    planned = behind.site.plan().plan

    with (
        Visitors(behind, trust) as fast,
        Visitors(behind, trust, count=2, stays=True) as staying,
        Visitors(behind, trust, "/cgi-bin/slow", count=2) as slow,
    ):
        behind.site.converge()
        all_of_them = (fast, staying, slow)
        until(lambda: {each.said[-1] for each in all_of_them} == {"two"}, "answers of the new one", within=30)

    count = len(fast.answers) + len(staying.answers)
    print(f"no gap: {count} requests, longest {max(fast.longest, staying.longest):.2f} s")
    assert interruptions(planned, {}) == []
    assert [each.failures for each in all_of_them] == [[], [], []]
    assert fast.said == staying.said == slow.said == [before, "two"]
    assert behind.docker("ps", "-a", "--format", "{{.Names}}").split() == ["wiki", "tomo-proxy"]


def test_one_that_is_not_well_is_never_asked(behind: Behind) -> None:
    trust, before = behind.root(), behind.greeting
    behind.write(greeting="three")
    text = behind.site.file.read_text()
    behind.site.file.write_text(text.replace("127.0.0.1:8000/cgi-bin/fast", "127.0.0.1:8000/none"))

    with Visitors(behind, trust) as visitors:
        failed = behind.site.apply()

    assert failed.exit_code == 1
    assert "served all the time" in failed.failures[0].error.detail
    assert (visitors.failures, visitors.said) == ([], [before])
    behind.write(greeting=before)


def test_an_apply_killed_while_two_run_is_brought_to_its_end_by_the_next(
    behind: Behind, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trust, terminal = behind.root(), Terminal(capsys, monkeypatch, tmp_path)
    greetings = [behind.greeting]
    for number, moment in enumerate(("-new-", "-old-", "-new-")):
        greetings.append(f"crash{number}")
        behind.write(greeting=greetings[-1])
        typed = terminal.start(behind.site.folder, "apply", "--yes")
        with Visitors(behind, trust) as visitors:
            until(
                lambda moment=moment: moment in behind.docker("ps", "--format", "{{.Names}}"),
                moment,
                within=60,
            )
            typed.kill()

        again = terminal.tomo(behind.site.folder, "apply", "--yes")

        assert again.code == 0, again.text
        assert set(visitors.said) <= set(greetings[-2:])
        assert behind.get("/cgi-bin/fast", trust) == greetings[-1]
        assert behind.docker("ps", "-a", "--format", "{{.Names}}").split() == ["wiki", "tomo-proxy"]
    assert changes(behind.site.plan().plan) == []


def test_an_app_that_bears_no_second_one_has_a_short_gap_that_the_plan_tells(behind: Behind) -> None:
    trust = behind.root()
    behind.write(greeting="two", order="stop-first")
    behind.site.converge()
    behind.write(greeting="four")
    [told] = interruptions(behind.site.plan().plan, {})

    with Visitors(behind, trust) as visitors:
        behind.site.converge()
        until(lambda: visitors.said[-1] == "four", "answers of the new one", within=30)

    print(f"a gap: {len(visitors.answers)} requests, longest {visitors.longest:.2f} s, {visitors.failures}")
    assert told.message == (
        "`wiki` stops before its new container is well: it is not said to bear a second one beside it;"
        " its proxy holds requests for up to 10 s"
    )
    assert visitors.said == ["two", "four"]
    assert len(visitors.failures) <= visitors.count


def self_signed(folder: Path, *names: str) -> tuple[str, str]:
    """A certificate for these names that nobody but itself signed, and its key."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    execute(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={','.join(f'DNS:{name}' for name in names)}",
         "-keyout", str(key), "-out", str(certificate)]
    )  # fmt: skip
    return certificate.read_text(), key.read_text()


def test_a_certificate_of_ones_own_is_served_and_changed_without_a_restart(
    behind: Behind, tmp_path: Path
) -> None:
    secrets, place = Secrets(behind.site.doors), Place(behind.site.folder)
    before = behind.docker("inspect", "-f", "{{.Id}}", "tomo-proxy")
    behind.proxy = "{tls: {certificate: {secret: CERT}, key: {secret: KEY}}, expose: local}"
    for names in (("wiki.test",), ("wiki.test", "notes.test")):
        certificate, key = self_signed(tmp_path, *names)
        for name, value in (("CERT", certificate), ("KEY", key)):
            secrets.set(SetSecretRequest(place, name, Secret(value)))
        behind.write(names=", ".join(names))

        behind.site.converge()

        trust = ssl.create_default_context(cadata=certificate)
        assert [behind.get("/cgi-bin/fast", trust, name) for name in names] == [behind.greeting] * len(names)
    # A volume more or less would make it anew; a certificate does not.
    assert behind.docker("inspect", "-f", "{{.Id}}", "tomo-proxy") == before


def test_an_authority_gives_a_certificate_by_acme(behind: Behind, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "pebble")
    config = {
        "listenAddress": "0.0.0.0:14000", "managementListenAddress": "0.0.0.0:15000", "certificate": "/c.pem",
        "privateKey": "/k.pem", "httpPort": 80, "tlsPort": 443,
    }  # fmt: skip
    address = behind.docker(
        "inspect", "-f", "'{{(index .NetworkSettings.Networks \"tomo-proxy\").IPAddress}}'", "tomo-proxy"
    )
    for path, text in (("c.pem", certificate), ("k.pem", key), ("p.json", json.dumps({"pebble": config}))):
        behind.host.inside("tee", f"/root/{path}", stdin=text.encode())
    mounts = [part for path in ("c.pem", "k.pem", "p.json") for part in ("-v", f"/root/{path}:/{path}")]
    behind.docker(
        "run", "-d", "--name", "pebble", "--network", "tomo-proxy", "--add-host", f"wiki.test:{address}",
        "-e", "PEBBLE_VA_NOSLEEP=1", "-e", "PEBBLE_WFE_NONCEREJECT=0", *mounts, PROXY_IMAGE,
        "pebble", "-config", "/p.json",
    )  # fmt: skip
    root = certificate.replace("\n", "\\n")
    behind.proxy = f'{{expose: local, email: me@example.org, acme_directory: "https://pebble:14000/dir", acme_root: "{root}"}}'
    behind.write(names="wiki.test")

    behind.site.converge()

    get = ("wget", "--no-check-certificate", "-qO-", "https://pebble:15000/roots/0")
    trust = ssl.create_default_context(cadata=behind.docker("exec", "tomo-proxy", *get))
    until(lambda: behind.serves(trust), "a page with the authority's certificate", within=60)
    behind.docker("rm", "-f", "pebble")
