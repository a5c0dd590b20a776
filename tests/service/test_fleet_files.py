"""What changes a fleet's files: init, servers, apps, secrets; each as a person would see it in git."""

from __future__ import annotations

import pytest

from tests.worlds import NAS, World, host_key, keys
from tomo.errors import AppNotFound, ConfigMissing, ExitCode, PassphraseMissing, SpecError, UsageError
from tomo.model.values import Secret
from tomo.service.addresses import Address, name_for, parse_address
from tomo.service.app_edits import AppSettings
from tomo.service.apps import (
    AddAppRequest,
    Apps,
    AppsRequest,
    ChangeAppRequest,
    RemoveAppRequest,
)
from tomo.service.projects import InitRequest, Projects
from tomo.service.secret_names import RemoveSecretRequest, Secrets, SecretsRequest, SetSecretRequest
from tomo.service.server_edits import NewServer
from tomo.service.servers import (
    AddServerRequest,
    ListServersRequest,
    RemoveServerRequest,
    ReplaceKeyRequest,
    Servers,
    TestServersRequest,
)
from tomo.service.workspace import Place
from tomo.spec.load import load_fleet

# --- addresses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("nas.lan", Address("nas.lan")),
        ("root@192.0.2.1", Address("192.0.2.1", "root")),
        ("ann@nas:2222", Address("nas", "ann", 2222)),
        ("[::1]:22", Address("::1", None, 22)),
        ("root@[2001:db8::1]", Address("2001:db8::1", "root")),
        ("2001:db8::1", Address("2001:db8::1")),
        ("local", Address("local")),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "@nas", "root@", "nas:", "nas:0", "nas:65536", "nas:ssh", "-oProxyCommand=x", "a b", "[::1", "[nas]:22",
     "root@$(id)", "`id`@nas", "a:b:c", "nas\n", "nas\x1b[2J", "ann@bob@nas/x", "-l@nas"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(text)

    assert "[USER@]HOST[:PORT]" in caught.value.hint
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("text", ["root:{}@nas", "root:{}@", "ssh://root:{}@nas:22", "a:p@{}@nas", ":{}@nas"])
def test_a_password_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="holds a password") as caught:
        parse_address(text.format("hunter22"))

    assert "hunter22" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    ("host", "name"),
    [("nas.lan", "nas"), ("192.0.2.1", "server"), ("NAS_1", "nas-1"), ("::1", "server"), ("___", "server")],
)
def test_a_server_without_a_name_gets_its_hosts(host: str, name: str) -> None:
    assert name_for(host) == name


# --- init --------------------------------------------------------------------------------------------


def test_init_writes_a_fleet_file_that_loads(nothing: World) -> None:
    made = Projects().init(InitRequest(nothing.place))

    assert made.name == "fleet"
    assert load_fleet(made.file).fleet.servers == {}
    assert (nothing.folder / ".gitignore").read_text() == ".pulumi/\n"


def test_init_keeps_a_gitignore_that_is_there(nothing: World) -> None:
    (nothing.folder / ".gitignore").write_text("*.log")

    Projects().init(InitRequest(nothing.place))

    assert (nothing.folder / ".gitignore").read_text() == "*.log\n.pulumi/\n"


def test_init_takes_the_first_server(nothing: World) -> None:
    server = NewServer("nas", Address("::1", "root", 2222), (host_key(),), "~/.ssh/id_ed25519", become=True)

    made = Projects().init(InitRequest(nothing.place, "home", server))

    found = load_fleet(made.file).fleet.servers["nas"]
    assert (found.host, found.port, found.become) == ("::1", 2222, "sudo")
    assert found.host_key == (host_key(),)


def test_init_overwrites_nothing(world: World) -> None:
    before = world.file.read_bytes()

    with pytest.raises(UsageError, match="exists already"):
        Projects().init(InitRequest(world.place))

    assert world.file.read_bytes() == before


def test_init_leaves_a_pulumi_project_alone(nothing: World) -> None:
    (nothing.folder / "Pulumi.yaml").write_text("name: p\nruntime: python\n")

    with pytest.raises(UsageError, match="Pulumi project"):
        Projects().init(InitRequest(nothing.place))

    assert not nothing.file.exists()


@pytest.mark.parametrize("name", ["Home!", "-x", "a" * 41, "$(id)", "a\nb", "é"])
def test_init_refuses_what_is_no_name(nothing: World, name: str) -> None:
    with pytest.raises(UsageError, match="not a name"):
        Projects().init(InitRequest(nothing.place, name))

    assert list(nothing.folder.iterdir()) == []


# --- servers -----------------------------------------------------------------------------------------


def add_server(world: World, name: str, **given: object) -> None:
    server = NewServer(name, given.pop("address", Address("192.0.2.11", "root")), **given)  # type: ignore[arg-type]
    Servers(world.doors).add(AddServerRequest(world.place, server))


def test_a_server_is_added_and_every_other_byte_stays(world: World) -> None:
    before = world.file.read_text()

    add_server(world, "pi", host_keys=(host_key(1),))

    added = f"  pi:\n    host: 192.0.2.11\n    user: root\n    host_key: {host_key(1)}\n"
    assert world.file.read_text() == before.replace("apps:\n", f"{added}apps:\n")


def test_several_keys_are_pinned_as_a_list(bare: World) -> None:
    add_server(bare, "pi", host_keys=(host_key(1), host_key(2)))

    assert load_fleet(bare.file).fleet.servers["pi"].host_key == (host_key(1), host_key(2))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("nas", {}),
        ("PI", {}),
        ("pi", {"address": Address(NAS)}),
        ("pi", {"host_keys": ("ssh-ed25519 nonsense",)}),
        ("pi", {"host_keys": ("ssh-dss AAAA",)}),
        ("pi", {"identity": "a\nb"}),
        ("p\x1bi", {}),
        ("", {}),
    ],
)
def test_a_wrong_server_leaves_the_file_as_it_was(bare: World, name: str, given: dict[str, object]) -> None:
    before = bare.file.read_bytes()

    with pytest.raises((UsageError, SpecError)):
        add_server(bare, name, **given)

    assert bare.file.read_bytes() == before


def test_a_reinstalled_server_gets_its_new_key(world: World) -> None:
    Servers(world.doors).replace_key(ReplaceKeyRequest(world.place, "nas", (host_key(9),)))

    assert load_fleet(world.file).fleet.servers["nas"].host_key == (host_key(9),)


def test_servers_are_listed_with_what_a_run_found(world: World) -> None:
    service = Servers(world.doors)
    (before,) = service.list(ListServersRequest(world.place))
    world.apply()

    (after,) = service.list(ListServersRequest(world.place))

    assert not before.facts
    assert after.facts["osName"] == "Debian GNU/Linux 12 (bookworm)"
    assert after.apps == ("web",)
    assert after.fingerprints[0].startswith("ssh-ed25519 SHA256:")


def test_a_login_test_says_what_the_host_is_and_changes_nothing(bare: World) -> None:
    result = Servers(bare.doors).test(TestServersRequest(bare.place))

    (test,) = result.tests
    assert result.exit_code is ExitCode.OK
    assert test.facts["root"] == "yes"
    assert bare.nas.ran == ["tomo-script facts"]


@pytest.mark.parametrize(
    ("fault", "exit_code"), [("unreachable", ExitCode.FAILED), ("host_key_changed", ExitCode.LOGIN)]
)
def test_a_failed_login_test_has_the_exit_code_of_its_reason(
    bare: World, fault: str, exit_code: ExitCode
) -> None:
    add_server(bare, "pi")
    setattr(bare.nas.faults, fault, True)

    result = Servers(bare.doors).test(TestServersRequest(bare.place))

    assert [test.error is None for test in result.tests] == [False, True]
    assert result.exit_code is exit_code


@pytest.mark.parametrize(("no_sudo", "word"), [(False, "become: sudo"), (True, "NOPASSWD")])
def test_a_login_without_rights_is_warned_of(bare: World, no_sudo: bool, word: str) -> None:
    bare.edit("user: root", "user: ann")
    bare.nas.faults.no_sudo = no_sudo

    (test,) = Servers(bare.doors).test(TestServersRequest(bare.place)).tests

    assert word in test.warning


def test_a_server_with_apps_is_not_removed_and_they_are_named(world: World) -> None:
    with pytest.raises(UsageError, match="`web`"):
        Servers(world.doors).remove(RemoveServerRequest(world.place, "nas"))


def test_a_server_that_still_holds_containers_is_not_removed(world: World) -> None:
    world.apply()
    text = world.file.read_text()
    world.file.write_text(text[: text.index("apps:")] + "apps: {}\n")

    with pytest.raises(UsageError, match="still holds"):
        Servers(world.doors).remove(RemoveServerRequest(world.place, "nas"))


def test_an_empty_server_is_removed(bare: World) -> None:
    Servers(bare.doors).remove(RemoveServerRequest(bare.place, "nas"))

    assert load_fleet(bare.file).fleet.servers == {}


def test_an_unknown_server_gets_the_nearest_name(bare: World) -> None:
    with pytest.raises(UsageError) as caught:
        Servers(bare.doors).show(ListServersRequest(bare.place), "nsa")

    assert caught.value.hint == "did you mean `nas`?"


def test_a_pulumi_project_has_no_servers_to_edit(nothing: World) -> None:
    (nothing.folder / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    (nothing.folder / "Pulumi.dev.yaml").write_text("config: {}\n")

    with pytest.raises(UsageError, match="Pulumi project"):
        Servers(nothing.doors).list(ListServersRequest(nothing.place))


# --- apps --------------------------------------------------------------------------------------------


def add_app(world: World, app: str = "miniflux", servers: tuple[str, ...] = ("nas",), **given: object):
    name = str(given.pop("name", ""))
    request = AddAppRequest(world.place, app, servers, name, AppSettings(**given))  # type: ignore[arg-type]
    return Apps(world.doors).add(request)


def secret_names(world: World) -> list[str]:
    return [each.name for each in Secrets(world.doors).list(SecretsRequest(world.place))]


def test_an_app_of_the_catalog_is_added_with_its_secrets(bare: World) -> None:
    added = add_app(bare, ports={"web": "8090"}, inputs={"POLLING_MINUTES": "30"}, name="feeds")

    assert added.generated == ("feeds.ADMIN_PASSWORD", "feeds.DB_PASSWORD")
    assert bare.file.read_text().endswith(
        "apps:\n  feeds:\n    app: miniflux\n    server: nas\n    ports:\n      web: 8090\n"
        '    inputs:\n      POLLING_MINUTES: "30"\n'
    )
    assert not [
        value for value in added.view.inputs if value.name == "DB_PASSWORD" and value.value != "[secret]"
    ]


def test_generated_secrets_are_sealed_and_stay_the_same_when_it_is_put_back(bare: World) -> None:
    add_app(bare)
    sealed = bare.config.read_text()
    bare.apply()
    Apps(bare.doors).remove(RemoveAppRequest(bare.place, "miniflux"))

    again = add_app(bare)

    assert "secure:" in sealed
    assert again.generated == ()
    assert bare.config.read_text() == sealed


def test_no_passphrase_means_that_nothing_is_written(bare: World) -> None:
    bare.config.unlink()
    before = bare.file.read_bytes()
    doors = bare.with_settings(passphrase=None)

    with pytest.raises(PassphraseMissing):
        Apps(doors).add(AddAppRequest(bare.place, "miniflux", ("nas",)))

    assert bare.file.read_bytes() == before
    assert not bare.config.exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"app": "minflux"}, "miniflux"),
        ({"app": "../../etc/passwd"}, "no app"),
        ({"servers": ("nsa",)}, "no server"),
        ({"inputs": {"POLING": "1"}}, "no input"),
        ({"inputs": {"POLLING_MINUTES": "soon"}}, "whole number"),
        ({"inputs": {"POLLING_MINUTES": "1"}}, "at least"),
        ({"inputs": {"DB_PASSWORD": "hunter2"}}, "is a secret"),
        ({"ports": {"wbe": "1"}}, "no port"),
        ({"ports": {"web": "0"}}, "not a port"),
        ({"ports": {"web": "http"}}, "not a port"),
        ({"secrets": {"DB_PASSWORD": "nowhere"}}, "not set"),
        ({"name": "Feeds!"}, "not a name"),
        ({"name": "a\x1b[31mb"}, "not a name"),
    ],
)
def test_a_wrong_app_leaves_both_files_as_they_were(
    bare: World, given: dict[str, object], words: str
) -> None:
    before = bare.file.read_bytes(), bare.config.read_bytes()

    with pytest.raises((UsageError, SpecError, AppNotFound)) as caught:
        add_app(bare, **given)  # type: ignore[arg-type]

    told = f"{caught.value} {caught.value.detail} {caught.value.hint}"
    assert words in told
    assert "hunter2" not in told
    assert (bare.file.read_bytes(), bare.config.read_bytes()) == before


def test_a_port_clash_names_the_other_app(world: World) -> None:
    with pytest.raises(SpecError) as caught:
        add_app(world, ports={"web": "8080"})

    assert "taken by app `web`" in caught.value.detail


def test_an_app_is_not_added_twice(bare: World) -> None:
    add_app(bare)

    with pytest.raises(UsageError, match="already"):
        add_app(bare)


def test_a_fleet_with_mistakes_is_not_edited(world: World) -> None:
    world.file.write_text(world.file.read_text() + "  music: {app: nonesuch, server: nas}\n")

    with pytest.raises(SpecError) as caught:
        add_app(world)

    assert caught.value.problems[0].line > 0


def test_an_app_view_masks_what_is_secret(world: World) -> None:
    view = Apps(world.doors).show(AppsRequest(world.place), "web")

    assert view.env["server"] == {"GREETING": "hello", "TOKEN": "[secret]"}
    assert {entry.name: (entry.value, entry.source) for entry in view.inputs} == {
        "GREETING": ("hello", "default"),
        "TOKEN": ("[secret]", "generated"),
    }
    assert view.urls == {"nas": "http://127.0.0.1:8080"}


def test_inputs_are_set_and_unset(world: World) -> None:
    before, service = world.file.read_text(), Apps(world.doors)

    settings = AppSettings({"GREETING": "hi"}, ports={"web": "8081"})
    changed = service.change(ChangeAppRequest(world.place, "web", settings))
    service.change(ChangeAppRequest(world.place, "web", AppSettings(), ("GREETING", "web")))

    assert changed.urls == {"nas": "http://127.0.0.1:8081"}
    assert load_fleet(world.file).fleet.apps["web"].inputs == {}
    assert before.splitlines()[0] == world.file.read_text().splitlines()[0]


def test_a_reach_that_a_person_wrote_stays_when_the_port_changes(world: World) -> None:
    world.edit("    server: nas\n", "    server: nas\n    ports: {web: {host: 81, expose: public}}\n")

    Apps(world.doors).change(ChangeAppRequest(world.place, "web", AppSettings(ports={"web": "82"})))

    setting = load_fleet(world.file).fleet.apps["web"].ports["web"]
    assert (setting.host, setting.expose) == ("82", "public")


def test_names_are_set_where_the_server_has_a_proxy(world: World) -> None:
    named = ChangeAppRequest(world.place, "web", AppSettings(hostnames=("web.example.org", "w.example.org")))
    with pytest.raises(SpecError, match="1 mistake"):
        Apps(world.doors).change(named)
    world.edit("servers:\n  nas:\n", "servers:\n  nas:\n    proxy: {}\n")

    view = Apps(world.doors).change(named)

    assert view.hostnames == ("web.example.org", "w.example.org")
    assert view.urls == {"nas": "https://web.example.org"}
    assert load_fleet(world.file).fleet.apps["web"].hostnames == view.hostnames


def test_what_is_not_set_is_not_unset(world: World) -> None:
    with pytest.raises(UsageError, match="not set"):
        Apps(world.doors).change(ChangeAppRequest(world.place, "web", AppSettings(), ("GREETING",)))


def test_an_app_that_never_ran_is_taken_out_whole(world: World) -> None:
    removed = Apps(world.doors).remove(RemoveAppRequest(world.place, "web"))

    assert removed.forgotten
    assert load_fleet(world.file).fleet.apps == {}


def test_an_app_that_ran_leaves_a_tombstone_and_its_secrets(world: World) -> None:
    world.apply()

    removed = Apps(world.doors).remove(RemoveAppRequest(world.place, "web"))

    assert not removed.forgotten
    assert removed.data == ("web-data on nas",)
    assert load_fleet(world.file).fleet.apps["web"].state == "absent"
    assert secret_names(world) == ["web.TOKEN"]


def test_removed_data_goes_with_the_next_apply_and_then_the_entry_can_go(world: World) -> None:
    world.apply()
    Apps(world.doors).remove(RemoveAppRequest(world.place, "web", remove_data=True))
    world.apply()

    removed = Apps(world.doors).remove(RemoveAppRequest(world.place, "web"))

    assert world.nas.docker.volume_names == []
    assert removed.forgotten


# --- secrets -----------------------------------------------------------------------------------------


def set_secret(world: World, name: str, value: str) -> None:
    Secrets(world.doors).set(SetSecretRequest(world.place, name, Secret(value)))


@pytest.mark.parametrize(
    "value", ["hunter2", "two\nlines\n", "'; $(id) \x1b[2J", " ", "ünïcode", "x" * 10_000]
)
def test_a_secret_comes_back_as_it_was_and_is_nowhere_in_the_open(bare: World, value: str) -> None:
    set_secret(bare, "MAIL", value)

    kept = bare.doors.open(bare.place).config().values["tomo:MAIL"]

    assert isinstance(kept, Secret)
    assert kept.reveal() == value
    assert value.strip() == "" or value not in bare.config.read_text()


@pytest.mark.parametrize("name", ["", "1x", "a b", "a:b", "$(id)", "a\nb", "é", "x" * 200, "-x", "a/b"])
def test_what_is_no_name_of_a_secret_is_refused(bare: World, name: str) -> None:
    with pytest.raises(UsageError, match="not a secret's name"):
        set_secret(bare, name, "x")


@pytest.mark.parametrize("value", ["", "a\x00b"])
def test_what_no_program_could_receive_is_refused(bare: World, value: str) -> None:
    with pytest.raises(UsageError):
        set_secret(bare, "MAIL", value)


def test_a_secret_is_listed_with_its_uses_and_kept_while_it_is_used(world: World) -> None:
    world.apply()
    set_secret(world, "SPARE", "x")

    listed = {each.name: each.uses for each in Secrets(world.doors).list(SecretsRequest(world.place))}

    assert listed == {"SPARE": (), "web.TOKEN": ("app web",)}
    with pytest.raises(UsageError, match="used by app web"):
        Secrets(world.doors).remove(RemoveSecretRequest(world.place, "web.TOKEN"))
    Secrets(world.doors).remove(RemoveSecretRequest(world.place, "SPARE"))
    assert secret_names(world) == ["web.TOKEN"]


def test_the_secret_of_kept_data_is_kept(world: World) -> None:
    world.apply()
    Apps(world.doors).remove(RemoveAppRequest(world.place, "web"))

    with pytest.raises(UsageError, match="data of app web"):
        Secrets(world.doors).remove(RemoveSecretRequest(world.place, "web.TOKEN"))


def test_an_unknown_secret_gets_the_nearest_name(bare: World) -> None:
    set_secret(bare, "MAIL_PASSWORD", "x")

    with pytest.raises(ConfigMissing) as caught:
        Secrets(bare.doors).remove(RemoveSecretRequest(bare.place, "MAIL_PASWORD"))

    assert "MAIL_PASSWORD" in caught.value.hint


def test_a_secret_of_a_pulumi_project_carries_its_name(nothing: World) -> None:
    (nothing.folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    place = Place(nothing.folder, stack="dev")

    Secrets(nothing.doors).set(SetSecretRequest(place, "TOKEN", Secret("x")))

    assert "shop:TOKEN:" in (nothing.folder / "Pulumi.dev.yaml").read_text()
    assert nothing.doors.open(place).config().values["shop:TOKEN"] == Secret("x")


def test_an_app_takes_a_secret_that_was_set_under_its_name(bare: World) -> None:
    set_secret(bare, "MINE", "x")

    add_app(bare, secrets={"ADMIN_PASSWORD": "MINE"})

    assert "ADMIN_PASSWORD:\n        secret: MINE" in bare.file.read_text()
    assert keys() is bare.doors.secrets
