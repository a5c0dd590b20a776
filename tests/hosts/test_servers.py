"""The throwaway servers are what the other tests take them for."""

import pytest

from lab.hosts import Host
from lab.lab import Lab

pytestmark = pytest.mark.hosts


def test_both_servers_are_up_and_let_plain_ssh_in_with_the_pinned_key(hosts: list[Host]) -> None:
    answers = [host.ssh("hostname", "&&", "systemctl", "is-system-running") for host in hosts]

    assert [answer.out.split() for answer in answers] == [["alpha", "running"], ["beta", "running"]]


def test_each_server_has_a_host_key_of_its_own(hosts: list[Host]) -> None:
    assert len({host.host_key for host in hosts}) == len(hosts)


def test_a_server_that_shows_another_key_than_the_pinned_one_is_refused(hosts: list[Host], tmp_path) -> None:
    alpha, beta = hosts
    wrong = tmp_path / "known_hosts"
    wrong.write_text(f"[{alpha.address}]:{alpha.port} {beta.host_key}\n")

    answer = Host(**{**vars(alpha), "known_hosts": wrong}).ssh("true")

    assert "HOST IDENTIFICATION HAS CHANGED" in answer.err


def test_ops_may_become_root_and_guest_may_not(hosts: list[Host]) -> None:
    host = hosts[0]

    assert host.ssh("sudo", "-n", "id", "-u", user=host.sudoer).out == "0\n"
    assert host.ssh("sudo", "-n", "id", "-u", user=host.guest).code != 0


def test_a_rebooted_server_keeps_its_address_its_key_and_its_files(lab: Lab) -> None:
    [host] = lab.hosts("phoenix")
    host.ssh("touch", "/root/kept")

    host.reboot()

    assert host.ssh("ls", "/root").out == "kept\n"
    lab.remove(host)


def test_servers_with_docker_pull_from_the_registry_and_serve_the_page(docker_hosts: list[Host]) -> None:
    for host in docker_hosts:
        started = host.ssh("docker run -d --name smoke --publish 127.0.0.1:8080:80 tomo-test/web:1")
        page = host.ssh("docker exec smoke wget -q -O - http://127.0.0.1/")

        assert (started.code, page.out) == (0, "one\n"), started.err + page.err
        assert host.ssh("docker rm -f smoke").code == 0


def test_a_broken_image_says_why_and_exits_with_three(docker_hosts: list[Host]) -> None:
    answer = docker_hosts[0].ssh("docker run --rm tomo-test/broken:1")

    assert (answer.code, answer.err.splitlines()[-1]) == (3, "cannot open /data: no such directory")


def test_an_image_that_nobody_has_is_not_found_at_once(docker_hosts: list[Host]) -> None:
    answer = docker_hosts[0].ssh("docker", "pull", "tomo-test/absent:1", timeout=20)

    assert answer.code != 0
