"""Each mistake a person makes is told with its line, in plain words, with something to write instead."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tomo.errors import Problem, SpecError
from tomo.spec.app import AppDefinition, RunAs
from tomo.spec.check import check_fleet, looks_secret, warn_fleet
from tomo.spec.load import LoadedFleet, fleet_from_text, load_fleet

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIIRhHbBiPvE5aQ0G0TtVg0Z3nXQkz5lAQWxmVhU3oW8z"
Find = Callable[[str], list[Problem]]

PROXY = "host: 192.168.1.10\n    proxy: "
NAMED = "server: nas\n    hostnames: "

# What replaces what in a fleet without a mistake; the line, words of the message, words of the hint.
CASES = {
    "an unknown key at the top": ("servers:", "servrs:", 2, "unknown key `servrs`", "`servers`"),
    "an unknown key of a server": ("host: 192", "hots: 192", 4, "unknown key `hots`", "`host`"),
    "an unknown key of an app": ("    server: nas", "    sever: nas", 8, "unknown key `sever`", "`server`"),
    "a fleet's name with spaces": ("fleet: home", "fleet: My Home", 1, "`My Home` is not a name", "`my-home`"),
    "a missing fleet name": ("fleet: home\n", "", 1, "`fleet` is missing", "add `fleet: …`"),
    "a user in the host": ("192.168.1.10", "root@192.168.1.10", 4, "not a host", "under `user`"),
    "a shell in the host": ("192.168.1.10", '"$(reboot)"', 4, "not a host", "IP address"),
    "a host with a line break": ("192.168.1.10", '"a\\nb"', 4, "control characters", "plain text"),
    "a port in quotes": ("host: 192.168.1.10", 'host: a\n    port: "22"', 5, "not a whole number", "without quotes"),
    "a port out of range": ("host: 192.168.1.10", "host: a\n    port: 70000", 5, "more than 65535", "smaller"),
    "yes for true": ("host: 192.168.1.10", "host: a\n    docker: yes", 5, "neither `true` nor", "`true` or `false`"),
    "become true": ("host: 192.168.1.10", "host: a\n    become: true", 5, "not one of `sudo` or `false`", "`sudo`"),
    "a damaged host key": (
        "host: 192.168.1.10", "host: a\n    host_key: ssh-ed25519 AAAA", 5, "damaged", "copy the whole line",
    ),
    "a host key of another type": (
        "host: 192.168.1.10", f"host: a\n    host_key: ssh-rsa {KEY}", 5, "another type", "copy the whole line",
    ),
    "a fingerprint for a key": (
        "host: 192.168.1.10", "host: a\n    host_key: SHA256:abc", 5, "not a host key", "ssh-keyscan",
    ),
    "a login for this machine": ("host: 192.168.1.10", "host: local\n    user: bob", 3, "no use for `user`", "remove"),
    "a proxy that there is not": ("host: 192.168.1.10", PROXY + "{kind: traefik}", 5, "no Traefik", "kind: caddy"),
    "a proxy that nobody knows": ("host: 192.168.1.10", PROXY + "{kind: apache}", 5, "is not one of `caddy`", "caddy"),
    "a proxy's field that there is not": ("host: 192.168.1.10", PROXY + "{mail: a}", 5, "unknown key `mail`", ""),
    "no mail address": ("host: 192.168.1.10", PROXY + "{email: '{admin}'}", 5, "not a mail address", "you@"),
    "an authority without TLS": (
        "host: 192.168.1.10", PROXY + "{acme_directory: 'http://ca/dir'}", 5, "an ACME directory", "https://",
    ),
    "a root without its authority": (
        "host: 192.168.1.10", PROXY + "{acme_root: '-----BEGIN CERTIFICATE-----'}", 5, "belongs to", "acme_directory",
    ),
    "a mail address without ACME": (
        "host: 192.168.1.10", PROXY + "{tls: internal, email: a@b.c}", 5, "`email` belongs to", "tls: acme",
    ),
    "one port for both": ("host: 192.168.1.10", PROXY + "{http_port: 443}", 5, "are the same", "port of its own"),
    "a proxy on an unknown network": (
        "host: 192.168.1.10", "host: nas.lan\n    proxy: {expose: lan}", 5, "`lan` needs an address", "lan: 192",
    ),
    "a name without a proxy": ("server: nas", NAMED + "[a.org]", 9, "has no proxy", "proxy: {}"),
    "a name with its scheme": ("server: nas", NAMED + "['https://a.org']", 9, "is not a host name", "wiki.example.org"),
    "a name with a brace": ("server: nas", NAMED + "['a{b}.org']", 9, "is not a host name", "wiki.example.org"),
    "all names": ("server: nas", NAMED + "['*.a.org']", 9, "many names", "each name"),
    "an address for a name": ("server: nas", NAMED + "[192.168.1.1]", 9, "is not a host name", "wiki.example.org"),
    "an unknown server": ("server: nas", "server: nsa", 8, "no server `nsa`", "did you mean `nas`?"),
    "no server": ("    server: nas\n", "", 6, "which servers", "`server`, `servers` or `labels`"),
    "two ways to name servers": ("server: nas", "server: nas\n    servers: [nas]", 6, "which servers", "one of"),
    "labels that no server has": ("server: nas", "labels: {a: b}", 8, "no server has the labels", "add them"),
    "an unknown app": ("app: notes", "app: notse", 7, "no app `notse`", "did you mean `notes`?"),
    "no app": ("    app: notes\n", "", 6, "one of the catalog or defined here", "`app: ID`"),
    "an app without anything": ("    app: notes\n    server: nas\n    inputs:\n      ADMIN: me\n", "", 6, "no value", ""),
    "another version": ("app: notes", "app: notes\n    version: '1.1'", 8, "version 1.2.0 of `notes`, not 1.1", "1.2.0"),
    "an unknown input": ("ADMIN: me", "ADMIN: me\n      TITEL: x", 11, "no input `TITEL`", "did you mean `TITLE`?"),
    "a missing input": ("    inputs:\n      ADMIN: me\n", "", 6, "input `ADMIN` of `notes` is missing", "ADMIN: me"),
    "an empty required input": ("ADMIN: me", 'ADMIN: ""', 10, "`ADMIN` is empty", "`me`"),
    "a number that is none": ("ADMIN: me", "ADMIN: me\n      WORKERS: many", 11, "must be a whole number", "show"),
    "a number too large": ("ADMIN: me", "ADMIN: me\n      WORKERS: 9", 11, "must be at most 8", "tomo catalog show"),
    "a text too short": ("ADMIN: me", "ADMIN: me\n      TITLE: x", 11, "at least 2 characters", ""),
    "a choice that is none": ("ADMIN: me", "ADMIN: me\n      MODE: slow", 11, "one of `fast`, `safe`", ""),
    "a secret in the open": ("ADMIN: me", "ADMIN: me\n      API_KEY: hunter2", 11, "in the open", "tomo secret set"),
    "a list for an input": ("ADMIN: me", "ADMIN: [me]", 10, "stands where text belongs", "one text"),
    "a misspelt secret": ("ADMIN: me", "ADMIN: {secert: x}", 10, "unknown key `secert`", "`secret`"),
    "an unknown port": ("server: nas", "server: nas\n    ports: {wbe: 80}", 9, "no port `wbe`", "`web`"),
    "a port that is none": ("server: nas", "server: nas\n    ports: {web: 0}", 9, "`0` is not a port", "1 to 65535"),
    "a short range": ("server: nas", "server: nas\n    ports: {sync: 7000-7001}", 9, "another length", "as many"),
    "one port for a range": ("server: nas", "server: nas\n    ports: {sync: 7000}", 9, "another length", "as many"),
    "an unknown reach": ("server: nas", "server: nas\n    exposure: pubic", 9, "`pubic` is not one of", "`public`"),
    "an unknown field of drift": ("server: nas", "server: nas\n    drift: {envs: ignore}", 9, "`envs`", "did you mean `env`?"),
    "an unknown rule for drift": ("server: nas", "server: nas\n    drift: {env: igonre}", 9, "`igonre`", "`ignore`"),
    "a variable with a space": ("server: nas", "server: nas\n    env: {A B: x}", 9, "not a variable's name", "no spaces"),
    "a variable with a NUL": ("server: nas", 'server: nas\n    env: {A: "\\0"}', 9, "NUL", "remove it"),
    "a shell reference": ("server: nas", "server: nas\n    env: {A: '${HOME}'}", 9, "refers to nothing", "$${"),
    "a reference to no input": ("server: nas", "server: nas\n    env: {A: '${input.B}'}", 9, "no input `B`", ""),
    "a short mount": ("server: nas", "server: nas\n    mounts: ['/a:/b']", 9, "where a mapping belongs", "KEY: VALUE"),
    "a mount without source": ("server: nas", "server: nas\n    mounts: [{path: /b}]", 9, "no single source", "host:"),
    "a relative mount": (
        "server: nas", "server: nas\n    mounts: [{host: media, path: /b}]", 9, "not an absolute path", "`/media`",
    ),
    "a mount that climbs": (
        "server: nas", "server: nas\n    mounts: [{host: /a/../etc, path: /b}]", 9, "`..`", "the path itself",
    ),
    "an unknown service": ("server: nas", "server: nas\n    services: {sever: {}}", 9, "no service `sever`", "`server`"),
    "removed data of an app that stays": ("server: nas", "server: nas\n    remove_data: true", 6, "absent", "absent"),
    "a tab": ("  nas:\n", "\tnas:\n", 3, "cannot start any token", "spaces"),
    "a key twice": ("    server: nas", "    server: nas\n    app: x", 9, "`app` stands here twice", "one of them"),
    "a text with a colon": ("ADMIN: me", "ADMIN: a: b", 10, "mapping values", "in quotes"),
    "a port in the host": ("192.168.1.10", "nas:2222", 4, "not a host", "under `port`"),
    "a shell in the jump": (
        "host: 192.168.1.10", "host: a\n    proxy_jump: -oProxyCommand=x", 5, "go through", "such as",
    ),
    "a way out for a time zone": (
        "host: 192.168.1.10", "host: a\n    timezone: ../../etc", 5, "not a time zone", "Europe/Berlin",
    ),
    "every address for the LAN's": (
        "host: 192.168.1.10", "host: a\n    lan: 0.0.0.0", 5, "no address of one network", "expose: public",
    ),
    "an option for a user": ("host: 192.168.1.10", "host: a\n    user: -x", 5, "not a user name", "`root`"),
    "a mirror without scheme": (
        "host: 192.168.1.10", "host: a\n    docker: {registry_mirrors: [m.lan]}", 5, "not a mirror", "`https://m.lan`",
    ),
    "a registry with a scheme": (
        "host: 192.168.1.10", "host: a\n    docker: {insecure_registries: ['http://m:5']}", 5, "not a registry", "`m:5`",
    ),
    "a mirror in the daemon's own words": (
        "host: 192.168.1.10", "host: a\n    docker: {daemon: {registry-mirrors: [x]}}", 5, "holds `registry-mirrors`",
        "`registry_mirrors`",
    ),
    "an unknown channel": (
        "host: 192.168.1.10", "host: a\n    docker: {channel: dokcer}", 5, "`dokcer` is not one of", "`docker`?",
    ),
    "an image that is none": (
        "server: nas", "server: nas\n    services: {server: {image: '-x'}}", 9, "not an image", "nginx:1.30.4",
    ),
    "a lan address that is none": ("host: 192.168.1.10", "host: a\n    lan: nas", 5, "not an IP address", "192.168"),
    "a secret's name with a space": (
        "server: nas", "server: nas\n    env: {A: {secret: a b}}", 9, "not a secret's name", "letters",
    ),
    "a server named twice": ("server: nas", "servers: [nas, nas]", 8, "named twice", "one of them"),
    "an unknown volume": (
        "server: nas", "server: nas\n    mounts: [{volume: dta, path: /x}]", 9, "no volume `dta`", "`data`",
    ),
    "a secret file of no input": (
        "server: nas", "server: nas\n    secrets: [{input: PASSWRD, path: /x}]", 9, "no input `PASSWRD`", "`PASSWORD`",
    ),
    "a list of apps": ("apps:\n", "apps: []\nx:\n", 5, "where a mapping belongs", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_has_its_line_its_words_and_a_hint(case: str, fleet_text: str, mistakes: Find) -> None:
    old, new, line, message, hint = CASES[case]
    assert old in fleet_text

    found = mistakes(fleet_text.replace(old, new, 1))

    matching = [problem for problem in found if message in problem.message]
    assert matching, found
    assert matching[0].line == line
    assert matching[0].file == "fleet.yaml"
    assert hint in matching[0].hint
    assert matching[0].hint


def test_a_fleet_without_a_mistake_has_none(fleet_text: str, mistakes: Find) -> None:
    assert mistakes(fleet_text) == []


def test_all_mistakes_come_at_once_in_the_order_of_the_file(mistakes: Find) -> None:
    text = "fleet: A B\nservers:\n  nas: {hots: x}\n  b: {host: c d}\napps:\n  x: {app: y}\nmore: 1\n"

    found = mistakes(text)

    assert [problem.line for problem in found] == [1, 3, 4, 6, 7]


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [("local", "local", True), ("local", "public", True), ("lan", "local", False), ("none", "local", False)],
)
def test_two_apps_on_one_port_clash_where_their_addresses_overlap(
    first: str, second: str, clash: bool, fleet_text: str, mistakes: Find
) -> None:
    text = fleet_text.replace("server: nas", f"server: nas\n    exposure: {first}")
    text += f"  more:\n    app: notes\n    server: nas\n    exposure: {second}\n    inputs: {{ADMIN: me}}\n"

    found = mistakes(text)

    assert (
        any("port 8080/tcp of server `nas` is taken by app `notes`" in problem.message for problem in found)
        is clash
    )


def test_the_same_port_on_two_servers_is_no_clash(fleet_text: str, mistakes: Find) -> None:
    text = fleet_text.replace("apps:", "  two: {host: 192.168.1.11}\napps:")

    assert mistakes(text.replace("server: nas", "servers: [nas, two]")) == []


def test_two_names_of_one_machine_are_refused(fleet_text: str, mistakes: Find) -> None:
    found = mistakes(fleet_text.replace("apps:", "  two: {host: 192.168.1.10, user: bob}\napps:"))

    assert "`two` and `nas` are the same machine" in found[0].message
    assert found[0].line == 5


def test_lan_needs_an_address_of_the_local_network(fleet_text: str, mistakes: Find) -> None:
    text = fleet_text.replace("192.168.1.10", "nas.example").replace(
        "server: nas", "server: nas\n    exposure: lan"
    )

    (found,) = mistakes(text)
    assert "`lan` needs an address of server `nas`" in found.message
    assert mistakes(text.replace("host: nas.example", "host: nas.example\n    lan: 192.168.1.10")) == []


def test_an_app_that_must_stay_inside_and_needs_another_says_both(fleet_text: str, mistakes: Find) -> None:
    text = (
        fleet_text.split("apps:", maxsplit=1)[0] + "apps:\n  v: {app: vault, server: nas, exposure: public}\n"
    )

    messages = [problem.message for problem in mistakes(text)]

    assert any("must not be reached from everywhere" in message for message in messages)
    assert any("needs the app `notes` on server `nas`" in message for message in messages)


def test_an_app_of_ones_own_is_checked_like_the_catalogs(fleet_text: str, mistakes: Find) -> None:
    text = fleet_text.split("apps:", maxsplit=1)[0] + (
        "apps:\n  own:\n    server: nas\n    definition:\n      schema: tomo.app/v1\n      id: own\n      title: Own\n"
        '      version: "1"\n      services:\n        s:\n          image: own:1\n          replicas: 2\n'
        "          depends_on: {t: started}\n"
    )

    found = mistakes(text)
    assert [problem.line for problem in found] == [17]
    assert "no service `t`" in found[0].message
    unsupported = mistakes(text.replace("          depends_on: {t: started}\n", ""))
    assert [(problem.line, "does not support `replicas`" in problem.message) for problem in unsupported] == [
        (16, True)
    ]


def test_a_tombstone_is_not_held_to_its_inputs(fleet_text: str, mistakes: Find) -> None:
    text = fleet_text.replace("    inputs:\n      ADMIN: me\n", "    state: absent\n    remove_data: true\n")

    assert mistakes(text) == []


def test_a_secrets_value_never_stands_in_a_message(fleet_text: str, mistakes: Find) -> None:
    found = mistakes(fleet_text.replace("ADMIN: me", "ADMIN: me\n      API_KEY: hunter2"))

    assert found
    assert not any("hunter2" in f"{problem}{problem.hint}" for problem in found)


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_fleet(tmp_path)

    assert "cannot be read: Is a directory" in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("text", "words"), [("", "is empty"), ("# only words\n", "is empty"), ("- a", "no mapping")]
)
def test_a_file_without_a_fleet_is_told(text: str, words: str, mistakes: Find) -> None:
    (found,) = mistakes(text)

    assert words in found.message
    assert found.line == 1


def test_a_fleet_and_its_folder_are_remembered(tmp_path: Path, fleet_text: str) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(fleet_text + "catalogs: [mine]\n")

    loaded = load_fleet(file)

    assert (loaded.folder, loaded.catalogs) == (tmp_path, (tmp_path / "mine",))
    assert loaded.line(("apps", "notes", "server")) == 8


def test_a_deprecated_app_is_a_warning_and_a_disabled_one_a_mistake(
    fleet_text: str, load: Callable[[str], LoadedFleet], catalog: dict[str, AppDefinition]
) -> None:
    loaded = load(fleet_text)
    old = catalog["notes"].model_copy(update={"status": "deprecated"})
    gone = catalog["notes"].model_copy(update={"status": "disabled", "run_as": RunAs(uid=1, gid=1)})

    assert "is deprecated" in warn_fleet(loaded, {"notes": old}.get)[0].message
    found = check_fleet(loaded, {"notes": gone}.get)
    assert "is disabled" in found[0].message
    assert "needs `run_as`: this version does not support" in found[1].message


def test_a_thousand_apps_are_checked_in_a_moment(catalog: dict[str, AppDefinition]) -> None:
    servers = "".join(f"  s{number}: {{host: 10.0.0.{number}}}\n" for number in range(1, 11))
    apps = "".join(
        f"  a{number}:\n    app: notes\n    server: s{number % 10 + 1}\n    inputs: {{ADMIN: me}}\n"
        f"    ports: {{web: {8000 + number}, sync: {20000 + 3 * number}-{20002 + 3 * number}}}\n"
        for number in range(1000)
    )

    start = time.process_time()
    loaded = fleet_from_text(f"fleet: home\nservers:\n{servers}apps:\n{apps}", Path("fleet.yaml"))
    found = check_fleet(loaded, catalog.get, sorted(catalog))

    assert found == []
    assert time.process_time() - start < 2


def test_a_missing_file_says_what_to_do() -> None:
    with pytest.raises(SpecError) as caught:
        load_fleet("/nowhere/fleet.yaml")

    assert "no such file" in caught.value.problems[0].message
    assert "tomo init" in caught.value.problems[0].hint


def test_a_secret_looking_variable_in_the_open_is_a_warning(
    fleet_text: str, load: Callable[[str], LoadedFleet], catalog: dict[str, AppDefinition], mistakes: Find
) -> None:
    text = fleet_text.replace("server: nas", "server: nas\n    env: {SMTP_PASSWORD: hunter2, SMTP_USER: me}")

    (warning,) = warn_fleet(load(text), catalog.get)

    assert mistakes(text) == []
    assert warning.line == 9
    assert "`SMTP_PASSWORD` looks like a secret" in warning.message
    assert "tomo secret set notes.SMTP_PASSWORD" in warning.hint
    assert "hunter2" not in f"{warning}{warning.hint}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DB_PASSWORD", True),
        ("API_TOKEN", True),
        ("PASSWORD_FILE", False),
        ("TOKEN_URL", False),
        ("COMPASS", False),
    ],
)
def test_variables_look_secret_by_whole_words(name: str, expected: bool) -> None:
    assert looks_secret(name) is expected


NAMES = """\
fleet: home
servers:
  nas:
    host: 192.168.1.10
    proxy: {}
apps:
  notes:
    app: notes
    server: nas
    inputs: {ADMIN: me}
    hostnames: [notes.example.org]
  vault:
    app: vault
    server: nas
    hostnames: [vault.example.org]
"""
OF_NAMES = {
    "a name of two apps": ("vault.ex", "Notes.ex", 15, "name of app `notes` already", "another name"),
    "a name twice": ("[notes.example.org]", "[a.org, a.org]", 11, "stands here twice", "keep one"),
    "an app that must not be public": ("proxy: {}", "proxy: {}", 15, "must not be reached from everywhere", "expose: lan"),
    "a reach below the proxy's": (
        "    hostnames: [notes", "    exposure: local\n    hostnames: [notes", 11, "less than the reach", "exposure: public",
    ),
    "an app of the proxy's name": ("  vault:", "  tomo-proxy:", 12, "what a server's proxy is called", "another name"),
    "a port of the proxy": (
        "    hostnames: [notes", "    ports: {web: {host: 80, expose: local}}\n    hostnames: [notes", 11,
        "taken by the server's `proxy`", "81",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_NAMES)
def test_names_that_can_not_be_are_told(case: str, mistakes: Find) -> None:
    old, new, line, message, hint = OF_NAMES[case]

    found = mistakes(NAMES.replace(old, new, 1))

    matching = [problem for problem in found if message in problem.message]
    assert matching, found
    assert (matching[0].line, hint in matching[0].hint) == (line, True), matching


def test_an_app_in_the_local_network_has_its_names_there(mistakes: Find) -> None:
    found = mistakes(NAMES.replace("proxy: {}", "proxy: {expose: lan}"))

    assert found == []
