"""Every way to log in, against a real sshd and a real ssh-agent."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tomo.errors import HostError, HostUnreachable, LoginRefused
from tomo.model.values import Secret
from tomo.ssh.login import BadPrivateKey, PassphraseNeeded, load_key

KINDS = ["ed25519", "ecdsa", "rsa", "rsa-pem", "ecdsa-pem", "rsa-pkcs8"]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    while not path.exists():
        assert process.poll() is None
    yield path
    process.terminate()
    process.wait()


def add_key(agent: Path, key: Path) -> None:
    environment = {"SSH_AUTH_SOCK": str(agent), "PATH": "/usr/bin"}
    subprocess.run(["ssh-add", "-q", str(key)], check=True, env=environment, capture_output=True)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key_opens_with_its_passphrase(keys: Path, kind: str) -> None:
    locked = (keys / f"locked-{kind}").read_bytes()

    assert load_key(locked, "open sesame").get_base64() in (keys / f"locked-{kind}.pub").read_text()
    assert load_key((keys / kind).read_bytes(), "not needed").can_sign()
    with pytest.raises(PassphraseNeeded):
        load_key(locked, None)
    with pytest.raises(BadPrivateKey, match="passphrase does not open it"):
        load_key(locked, "wrong")


def test_what_is_no_key_says_so() -> None:
    with pytest.raises(BadPrivateKey, match="no private key"):
        load_key(b"ssh-ed25519 AAAA", None)


@pytest.mark.sshd
class TestKeys:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_locked_key_file_logs_in(self, sshd, spec_for, pool, keys, kind: str) -> None:
        spec = spec_for(
            sshd(), identity=str(keys / f"locked-{kind}"), private_key_password=Secret("open sesame")
        )

        assert pool.get(spec).run(["echo", "in"]).text == "in"

    def test_a_key_of_the_spec_logs_in(self, sshd, spec_for, pool, keys) -> None:
        pem = Secret((keys / "ecdsa").read_text())

        assert pool.get(spec_for(sshd(), identity=None, private_key=pem)).run(["echo", "in"]).text == "in"

    def test_a_person_is_asked_for_a_passphrase_once(self, sshd, spec_for, pools, keys, settings) -> None:
        asked: list[str] = []

        def ask(path: str) -> str:
            asked.append(path)
            return "open sesame"

        connection = pools(settings, ask_passphrase=ask).get(
            spec_for(sshd(), identity=str(keys / "locked-ed25519"))
        )

        assert connection.run(["echo", "in"]).text == "in"
        assert connection.run(["echo", "still"]).text == "still"
        assert asked == [str(keys / "locked-ed25519")]

    def test_a_default_key_file_is_found(self, sshd, spec_for, pool, keys, settings) -> None:
        (settings.home / ".ssh" / "id_rsa").write_bytes((keys / "rsa").read_bytes())

        assert pool.get(spec_for(sshd(), identity=None)).run(["echo", "in"]).text == "in"

    def test_the_config_file_names_host_user_port_and_key(self, sshd, spec_for, pool, keys, settings) -> None:
        server = sshd()
        (settings.home / ".ssh" / "config").write_text(
            f"Host short\n HostName 127.0.0.1\n Port {server.port}\n User root\n IdentityFile {keys}/rsa\n"
        )

        connection = pool.get(spec_for(server, host="short", port=None, user=None, identity=None))

        assert connection.run(["whoami"]).text == "root"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"identity": "stranger"}, "refused the login of `root`; tried key `.*stranger`"),
            ({"identity": "none"}, "can't be read: No such file"),
            ({"identity": "ed25519.pub"}, "can't be used: it is no private key"),
            ({"identity": "locked-rsa"}, "needs a passphrase"),
            ({"identity": None}, "tried nothing"),
        ],
    )
    def test_a_refused_login_says_what_was_tried(
        self, sshd, spec_for, pool, keys, changes: dict[str, str | None], message: str
    ) -> None:
        named = {name: value and str(keys / value) for name, value in changes.items()}

        with pytest.raises(LoginRefused, match=message) as caught:
            pool.get(spec_for(sshd(), **named)).run(["true"])

        assert caught.value.exit_code == 5
        assert caught.value.hint

    def test_a_refused_login_is_not_tried_again(self, sshd, spec_for, pool, keys) -> None:
        server = sshd()
        connection = pool.get(spec_for(server, identity=str(keys / "stranger")))

        for _ in range(3):
            with pytest.raises(LoginRefused):
                connection.run(["true"])

        assert server.connections() == 1


@pytest.mark.sshd
class TestAgent:
    def test_an_agent_of_the_environment_logs_in(self, sshd, spec_for, pools, keys, settings, agent) -> None:
        add_key(agent, keys / "ed25519")
        pool = pools(replace(settings, ssh_auth_sock=str(agent)))

        assert pool.get(spec_for(sshd(), identity=None)).run(["echo", "in"]).text == "in"

    def test_an_agent_of_the_spec_logs_in_with_rsa(self, sshd, spec_for, pool, keys, agent) -> None:
        add_key(agent, keys / "rsa")

        connection = pool.get(spec_for(sshd(), identity=None, agent_socket=str(agent)))

        assert connection.run(["echo", "in"]).text == "in"

    def test_a_locked_file_that_the_agent_holds_needs_no_passphrase(
        self, sshd, spec_for, pools, keys, settings, agent
    ) -> None:
        unlocked = settings.home / "copy"
        unlocked.write_bytes((keys / "locked-ed25519").read_bytes())
        unlocked.chmod(0o600)
        subprocess.run(
            ["ssh-keygen", "-q", "-p", "-P", "open sesame", "-N", "", "-f", str(unlocked)],
            check=True,
            capture_output=True,
        )
        add_key(agent, unlocked)
        pool = pools(replace(settings, ssh_auth_sock=str(agent)))

        connection = pool.get(spec_for(sshd(), identity=str(keys / "locked-ed25519")))

        assert connection.run(["echo", "in"]).text == "in"

    def test_with_identities_only_other_agent_keys_are_not_shown(
        self, sshd, spec_for, pools, keys, settings, agent
    ) -> None:
        add_key(agent, keys / "ed25519")
        (settings.home / ".ssh" / "config").write_text(f"IdentitiesOnly yes\nIdentityFile {keys}/stranger\n")
        pool = pools(replace(settings, ssh_auth_sock=str(agent)))

        with pytest.raises(LoginRefused, match=r"tried key `[^;]*stranger`$"):
            pool.get(spec_for(sshd(), identity=None)).run(["true"])

    def test_an_agent_that_is_gone_is_named(self, sshd, spec_for, pool) -> None:
        with pytest.raises(LoginRefused, match=r"agent `/nowhere` .does not answer"):
            pool.get(spec_for(sshd(), identity=None, agent_socket="/nowhere")).run(["true"])


@pytest.mark.sshd
class TestPassword:
    def test_a_password_logs_in(self, sshd, spec_for, pool, person) -> None:
        server = sshd("PasswordAuthentication yes")

        connection = pool.get(
            spec_for(server, identity=None, user=person.name, password=Secret(person.password))
        )

        assert connection.run(["whoami"]).text == person.name

    def test_a_password_answers_a_question_too(self, sshd, spec_for, pool, person) -> None:
        server = sshd(
            "KbdInteractiveAuthentication yes", "UsePAM yes", "AuthenticationMethods keyboard-interactive"
        )

        connection = pool.get(
            spec_for(server, identity=None, user=person.name, password=Secret(person.password))
        )

        assert connection.run(["whoami"]).text == person.name

    def test_a_key_and_a_password_where_both_are_asked_for(self, sshd, spec_for, pool, person) -> None:
        server = sshd("PasswordAuthentication yes", "AuthenticationMethods publickey,password")

        connection = pool.get(spec_for(server, user=person.name, password=Secret(person.password)))

        assert connection.run(["whoami"]).text == person.name

    def test_a_wrong_password_is_refused_and_never_shown(self, sshd, spec_for, pool, person) -> None:
        server = sshd("PasswordAuthentication yes")
        spec = spec_for(server, identity=None, user=person.name, password=Secret("wrong-hunter2"))

        with pytest.raises(LoginRefused, match="tried password") as caught:
            pool.get(spec).run(["true"])

        assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.detail}"

    def test_a_server_that_takes_no_passwords_says_what_it_takes(self, sshd, spec_for, pool) -> None:
        with pytest.raises(LoginRefused, match="the server takes publickey only"):
            pool.get(spec_for(sshd(), identity=None, password=Secret("x"))).run(["true"])


class TestReaching:
    @pytest.mark.parametrize(
        ("config", "changes", "message"),
        [
            ("ProxyCommand nc %h %p\n", {}, "`proxycommand` of the SSH config"),
            ("Port ssh\n", {}, "`port` of the SSH config is `ssh`"),
            ("", {"host_keys": ("ssh-dss AAAA",)}, "`ssh-dss` is no type of host key"),
            ("", {"config_file": "/nowhere/config"}, "does not exist"),
        ],
    )
    def test_a_mistake_in_a_file_or_key_is_that_hosts_error(
        self, pool, settings, config: str, changes: dict[str, object], message: str
    ) -> None:
        from tomo.model.connection import HostSpec

        (settings.home / ".ssh" / "config").write_text(config)
        connection = pool.get(HostSpec(**({"host": "192.0.2.1", "name": "web", "user": "root"} | changes)))

        for _ in range(2):
            with pytest.raises(HostError, match=message) as caught:
                connection.run(["true"])

        assert caught.value.host == "web"

    def test_a_closed_port_is_named(self, pool, spec_for) -> None:
        from tomo.model.connection import HostSpec

        with pytest.raises(HostUnreachable, match=r"refused the connection at port 1$") as caught:
            pool.get(HostSpec(host="127.0.0.1", port=1, user="root")).run(["true"])

        assert "ssh -p 1 root@127.0.0.1" in caught.value.hint

    def test_a_name_that_is_none_is_named(self, pool) -> None:
        from tomo.model.connection import HostSpec

        with pytest.raises(HostUnreachable, match="no host name that can be looked up"):
            pool.get(HostSpec(host="no-such-host.invalid", user="root")).run(["true"])

    def test_a_server_that_says_nothing_is_given_up(self, pool) -> None:
        import socket

        from tomo.model.connection import HostSpec

        with socket.create_server(("127.0.0.1", 0)) as silent:
            spec = HostSpec(host="127.0.0.1", port=silent.getsockname()[1], user="root", connect_timeout=0.3)
            with pytest.raises(HostUnreachable, match=r"gave no SSH answer|before an SSH greeting"):
                pool.get(spec).run(["true"])
