"""Images, removals, hosts, commands and files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.policy.conftest import Looks, plan_of, step, urn_of
from tests.policy.test_containers import RISKY
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.finding import Level
from tomo.model.plan import Unlooked
from tomo.model.step import Op
from tomo.model.values import UNKNOWN, Secret, Unknown
from tomo.policy.images import BUILT_IMAGE, reference
from tomo.policy.judge import judge
from tomo.policy.policies import BUILT_IN, Policies, Setting
from tomo.policy.roads import COPY
from tomo.resources import tokens
from tomo.resources.scripts import docker_install_script

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("name", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io/library/nginx", "", ""),
        ("nginx:1.27", "docker.io/library/nginx", "1.27", ""),
        ("me/app:2", "docker.io/me/app", "2", ""),
        (f"ghcr.io/me/app@{DIGEST}", "ghcr.io/me/app", "", DIGEST),
        ("localhost:5000/app:1", "localhost:5000/app", "1", ""),
        ("index.docker.io/library/nginx", "docker.io/library/nginx", "", ""),
    ],
)
def test_an_image_is_read_as_docker_reads_it(name: str, repository: str, tag: str, digest: str) -> None:
    read = reference(name)

    assert (read.repository, read.tag, read.digest) == (repository, tag, digest)


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        ("nginx", ["docker.io/library/*"]),
        ("ghcr.io/me/deep/app:1", ["ghcr.io/me/**"]),
        (f"quay.io/x/y@{DIGEST}", ["docker.io/**", "quay.io/x/y"]),
    ],
)
def test_images_of_allowed_repositories_pass(image: str, allowed: list[str], look: Looks) -> None:
    assert look("image-source", allowed).fields(step({"name": image}, type_=tokens.REMOTE_IMAGE)) == []


@pytest.mark.parametrize("image", ["evil/nginx", "ghcr.io/me/deep/app", "ghcr.io.evil.example/me/app"])
def test_images_of_others_do_not(image: str, look: Looks) -> None:
    pulled = step({"name": image}, type_=tokens.REMOTE_IMAGE)

    assert look("image-source", ["docker.io/library/*", "ghcr.io/me/*"]).fields(pulled) == ["name"]


def test_an_image_that_another_resource_pulls_or_builds_is_looked_at_there(look: Looks) -> None:
    pulled = Unknown(f"{urn_of(tokens.REMOTE_IMAGE, 'web')}.imageId")
    built = Unknown(any_of=(f"{urn_of(BUILT_IMAGE, 'app')}.repoDigest",))

    found = look("image-source").fields(step({"image": pulled}), step({"image": built}, name="app"))

    assert found == []
    assert look("image-build").fields(step({"imageName": "app", "build": {}}, type_=BUILT_IMAGE)) == ["build"]


def test_a_pinned_image_passes(look: Looks) -> None:
    assert look("image-digest").fields(step({"image": f"nginx:1@{DIGEST}"})) == []
    assert look("image-digest").fields(step({"image": DIGEST})) == []


# --- removals ----------------------------------------------------------------------------------------


def test_removals_and_replacements_are_found_but_not_what_stays_on_its_host(look: Looks) -> None:
    gone, kept = step({}, op=Op.DELETE), step({}, op=Op.DELETE, name="kept", retain=True)
    replaced = step({}, op=Op.REPLACE, name="new", keys=("image",))

    assert look("deletes").messages(gone, kept, replaced) == ["the container `web` is removed"]
    assert look("replaces").messages(gone, kept, replaced) == [
        "the container `new` is replaced, because of `image`"
    ]


def test_data_is_lost_with_a_volume_that_goes_or_is_replaced(look: Looks) -> None:
    volume = tokens.VOLUME
    gone = step({"name": "db"}, type_=volume, op=Op.DELETE)
    kept = step({"name": "media"}, type_=volume, op=Op.DELETE, name="b", retain=True)
    replaced = step({"name": "cache"}, type_=volume, op=Op.REPLACE, name="c")

    assert look("data-removal").messages(gone, kept, replaced, step({}, op=Op.DELETE)) == [
        "the data in the volume `db` is removed for good",
        "the data in the volume `cache` is removed for good",
    ]


# --- hosts -------------------------------------------------------------------------------------------

HOME = {"host": "192.0.2.10", "user": "root", "hostKey": "ssh-ed25519 AAAA"}


def test_a_new_server_is_one_new_host_however_many_resources_use_it(look: Looks) -> None:
    server = step(HOME, type_=tokens.SERVER, name="nas")
    command = step({"connection": Secret(HOME)}, type_=tokens.REMOTE_COMMAND)
    docker = step({"host": "ssh://root@192.0.2.10"}, type_=tokens.DOCKER_PROVIDER, name="nas")

    [finding] = look("new-host").findings(server, command, docker)

    assert (finding.resource, finding.field) == (server.urn, "host")
    assert "192.0.2.10" in finding.message


def test_a_host_that_has_a_server_is_not_new(look: Looks) -> None:
    server = step(HOME, type_=tokens.SERVER, op=Op.SAME, name="nas")
    command = step({"connection": HOME}, type_=tokens.REMOTE_COMMAND)
    elsewhere = step({"host": "ssh://root@[2001:db8::1]:2222"}, type_=tokens.DOCKER_PROVIDER, name="pi")

    assert [f.resource for f in look("new-host").findings(server, command, elsewhere)] == [elsewhere.urn]


def test_a_host_that_is_not_known_yet_is_found(look: Looks) -> None:
    command = step({"connection": {"host": UNKNOWN}}, type_=COPY)

    [message] = look("new-host").messages(command)

    assert "only after apply" in message


def test_this_machine_is_no_host(look: Looks) -> None:
    local = step({"host": "local"}, type_=tokens.SERVER, name="here")
    docker = step({"host": "unix:///var/run/docker.sock"}, type_=tokens.DOCKER_PROVIDER, name="here")

    assert look("new-host").findings(local, docker) == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"host": "192.0.2.99"}, "address"),
        ({"port": 2222}, "address"),
        ({"hostKey": "ssh-ed25519 BBBB"}, "host key"),
        ({"user": "admin"}, "login"),
    ],
)
def test_a_changed_road_says_what_of_it_changed(change: dict[str, object], word: str, look: Looks) -> None:
    server = step({**HOME, **change}, type_=tokens.SERVER, op=Op.UPDATE, old=HOME, name="nas")

    [message] = look("changed-host").messages(server)

    assert message == f"the {word} of `nas` changed"


def test_a_changed_credential_in_a_secret_connection_is_found_and_not_told(look: Looks) -> None:
    old, new = ({"connection": Secret({**HOME, "password": Secret(text)})} for text in ("one", "two"))
    command = step(new, type_=tokens.REMOTE_COMMAND, op=Op.UPDATE, old=old)

    [finding] = look("changed-host").findings(command)

    assert "login" in finding.message
    assert "two" not in str(finding)


def test_an_unchanged_road_says_nothing(look: Looks) -> None:
    server = step(HOME, type_=tokens.SERVER, op=Op.UPDATE, old=dict(HOME), name="nas")

    assert look("changed-host").findings(server) == ()


def test_a_login_that_only_the_fleet_file_has_is_found_by_who_was_not_dialled(look: Looks) -> None:
    server = step(HOME, type_=tokens.SERVER, op=Op.SAME, old=dict(HOME), name="nas")
    new = step({**HOME, "host": "192.0.2.98"}, type_=tokens.SERVER, name="pi")
    unlooked = tuple(Unlooked(name, "x", code="host-not-accepted") for name in ("nas", "pi"))
    silent = (Unlooked("nas", "x", code="host-unreachable"),)
    rule = Policies((Setting(BUILT_IN["changed-host"], Level.DENY),))

    [finding] = judge(replace(plan_of(server, new), unlooked=unlooked), rule, {})

    assert finding.message == "the login of `nas` is not the one that people have accepted"
    assert judge(replace(plan_of(server), unlooked=silent), rule, {}) == ()


# --- acts --------------------------------------------------------------------------------------------


def test_commands_say_what_of_them_runs_and_where(look: Looks) -> None:
    made = step({"create": "make", "delete": "rm"}, type_=tokens.REMOTE_COMMAND)
    gone = step({"create": "make", "delete": "rm"}, type_=tokens.LOCAL_COMMAND, op=Op.DELETE, name="old")
    quiet = step({"create": "make"}, type_=tokens.LOCAL_COMMAND, op=Op.DELETE, name="quiet")

    assert look("commands").messages(made, gone, quiet) == [
        "the command `web` runs its `create` on its host",
        "the command `old` runs its `delete` on this machine",
    ]


def test_the_installation_of_docker_is_no_command_of_anybodys_own(look: Looks) -> None:
    own = step({"create": docker_install_script()}, type_=tokens.REMOTE_COMMAND)

    assert look("commands").findings(own) == ()


def test_replacing_a_command_runs_the_deletion_it_had_before(look: Looks) -> None:
    moved = step(
        {"create": "new"},
        type_=tokens.REMOTE_COMMAND,
        op=Op.REPLACE,
        old={"create": "old", "delete": "rm -r"},
    )

    assert look("commands").fields(moved) == ["create", "delete"]


def test_files_outside_the_allowed_folders_are_found(look: Looks) -> None:
    inside = step({"path": "/var/lib/tomo/a"}, type_=tokens.FILE, name="a")
    outside = step({"path": "/etc/sudoers.d/x"}, type_=tokens.FILE, name="b")
    copied = step({"remotePath": "/root/x"}, type_=COPY, name="c")

    assert look("host-file", ["/var/lib/tomo"]).fields(inside, outside, copied) == ["path", "remotePath"]


# --- exemptions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web-server", "portainer", "portainer@nas", "port*", "**::web"])
def test_a_resource_is_exempt_by_any_of_its_names(name: str, look: Looks) -> None:
    app = urn_of(tokens.APP, "portainer@nas")
    above = step({}, type_=tokens.APP, name="portainer@nas", op=Op.SAME)
    container = step({"privileged": True, "name": "web-server"}, parent=app)

    assert look("privileged").fields(above, container) == ["privileged"]
    assert look("privileged", exempt=(name,)).fields(above, container) == []


def test_drift_alone_is_not_a_new_risk(look: Looks) -> None:
    diff = PropertyDiff("restart", DiffKind.UPDATE, "no", "always", drift=True)

    assert look("privileged").fields(step({}, op=Op.UPDATE, diffs=(diff,))) == []


# --- findings ----------------------------------------------------------------------------------------

FOUND = {
    **{rule: step(inputs) for rule, (inputs, _) in RISKY.items()},
    "host-file": step({"path": "/etc/sudoers.d/x"}, type_=tokens.FILE),
    "image-build": step({"build": {"context": "."}}, type_=BUILT_IMAGE),
    "data-removal": step({"name": "db"}, type_=tokens.VOLUME, op=Op.DELETE),
    "deletes": step({}, op=Op.DELETE),
    "replaces": step({}, op=Op.REPLACE, keys=("image",)),
    "new-host": step(HOME, type_=tokens.SERVER),
    "changed-host": step({**HOME, "port": 2222}, type_=tokens.SERVER, op=Op.UPDATE, old=HOME),
    "commands": step({"create": "make"}, type_=tokens.REMOTE_COMMAND),
}
WHOLE = {"data-removal", "deletes"}
"""These find a resource as a whole, not a field of it."""


@pytest.mark.parametrize("rule", BUILT_IN)
def test_every_finding_names_resource_field_and_rule_and_says_what_to_do(rule: str, look: Looks) -> None:
    [finding] = look(rule).findings(FOUND[rule])

    assert (finding.rule, finding.resource) == (rule, FOUND[rule].urn)
    assert bool(finding.field) is (rule not in WHOLE)
    assert finding.message
    assert finding.hint
