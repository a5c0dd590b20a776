"""What an assistant proposes is planned and kept; no fleet file, no host and no state is changed by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.databases import put_database
from tests.worlds import NAS, PI, World, host_key
from tomo.errors import ConfigMissing, PlanRefused, ProposalNotFound, SpecError, UsageError
from tomo.model.people import Role, User
from tomo.model.proposal import Outage, ProposalKind, ProposalState
from tomo.model.values import Secret
from tomo.service.addresses import Address
from tomo.service.app_edits import AppSettings
from tomo.service.propose.changes import (
    AddServer,
    AsDeclared,
    FullCleanup,
    InstallApp,
    InstallDocker,
    RemoveServer,
    SetServer,
    UninstallApp,
    UpdateApp,
)
from tomo.service.propose.other_changes import AddUser, ChangeSetting, RetainAudit, RunCommand, SetUserRole
from tomo.service.propose.proposing import (
    Change,
    ListProposalsRequest,
    ProposedPlan,
    ProposeRequest,
    Proposing,
    ShowProposalRequest,
)
from tomo.service.secret_names import Secrets, SetSecretRequest
from tomo.service.server_edits import NewServer
from tomo.service.who import people_of

NOW = 1_790_000_000.0
ASSISTANT = "claude-code 2.0"
PI_SERVER = AddServer(NewServer("pi", Address(PI, "root"), (host_key(1),)))


@pytest.fixture(autouse=True)
def database(tmp_path: Path) -> None:
    put_database(tmp_path / "home" / ".local" / "share" / "tomo")


def propose(world: World, change: Change, *, now: float = NOW, **options: Any) -> ProposedPlan:
    request = ProposeRequest(world.place, change, **{"assistant": ASSISTANT, "person": "kim", **options})
    return Proposing(world.doors, lambda: now).propose(request)


def state_of(world: World, made: ProposedPlan, *, now: float = NOW) -> ProposalState:
    return Proposing(world.doors, lambda: now).show(ShowProposalRequest(made.proposal.id)).proposal.state


def diff_of(world: World, made: ProposedPlan) -> str:
    shown = Proposing(world.doors, lambda: NOW).show(ShowProposalRequest(made.proposal.id))
    return "\n".join(
        line for line in shown.diff.splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}
    )


def everything(world: World) -> dict[Path, bytes]:
    """All that a person keeps, without the locks' layout mark and Tomo's own id of the stack."""
    files = (path for path in world.folder.rglob("*") if path.is_file())
    own = {"meta.yaml", "id"}
    return {path: path.read_bytes() for path in files if path.name not in own}


# --- what is kept --------------------------------------------------------------------------------------


def test_a_secret_of_another_app_that_a_proposal_would_hand_out_is_named(world: World) -> None:
    Secrets(world.doors).set(SetSecretRequest(world.place, "web.TOKEN", Secret("of-the-page")))
    secrets = AppSettings(secrets={"ADMIN_PASSWORD": "web.TOKEN"})

    made = propose(world, InstallApp("miniflux", ("nas",), settings=secrets))

    [kept] = Proposing(world.doors, lambda: NOW).list(ListProposalsRequest())
    assert made.proposal.review.secret_uses == ("web.TOKEN goes to app miniflux, beside app web",)
    assert kept.review.secret_uses == made.proposal.review.secret_uses


def test_an_app_is_proposed_with_its_plan_and_nothing_is_changed(world: World) -> None:
    before, writes = everything(world), len(world.nas.docker.writes)

    made = propose(world, InstallApp("miniflux", ("nas",)), why="to read\x1b[2J news")

    found = made.proposal
    assert (found.kind, found.state, found.object) == (
        ProposalKind.FLEET,
        ProposalState.PROPOSED,
        "tomo/home",
    )
    assert (found.assistant, found.person, found.why) == (ASSISTANT, "kim", "to read[2J news")
    assert found.title == "install miniflux on nas"
    assert found.review.counts["create"] > 3
    assert "miniflux.ADMIN_PASSWORD" in found.review.new_secrets or found.review.new_secrets
    assert everything(world) == before
    assert len(world.nas.docker.writes) == writes
    assert "+  miniflux:\n+    app: miniflux\n+    server: nas" in diff_of(world, made)


def test_the_plan_that_is_shown_is_the_one_that_was_proposed(world: World) -> None:
    made = propose(world, InstallApp("miniflux", ("nas",)))

    shown = Proposing(world.doors, lambda: NOW).show(ShowProposalRequest(made.proposal.id))

    assert shown.proposal == made.proposal
    assert shown.plan is not None
    assert made.shown is not None
    assert shown.plan.digest == made.proposal.digest
    assert [step.urn for step in shown.plan.shown.plan.steps] == [step.urn for step in made.shown.plan.steps]


def test_the_newest_proposals_are_listed_first(world: World) -> None:
    first = propose(world, AsDeclared())
    second = propose(world, InstallApp("miniflux", ("nas",)))

    listed = Proposing(world.doors, lambda: NOW).list(ListProposalsRequest((ProposalState.PROPOSED,)))

    assert [each.id for each in listed] == [second.proposal.id, first.proposal.id]


def test_comments_and_the_mark_of_the_file_stay(world: World) -> None:
    world.file.write_bytes("\ufeff".encode() + world.file.read_bytes())

    made = propose(world, UpdateApp("web", AppSettings({"GREETING": "good day"})))

    assert "my home" not in diff_of(world, made)
    assert "+      GREETING: good day" in diff_of(world, made)


# --- what a person should know ------------------------------------------------------------------------


def test_a_replaced_container_is_named_with_its_app_and_host(world: World) -> None:
    world.apply()

    made = propose(world, UpdateApp("web", images={"": "tomo-test/web:2.0"}))

    [outage] = made.proposal.review.downtime
    assert (outage.host, outage.app, outage.container, outage.outage) == (
        "nas",
        "web",
        "web",
        Outage.REPLACED,
    )


def test_removed_data_and_containers_are_named(world: World) -> None:
    world.apply()

    made = propose(world, UninstallApp("web", remove_data=True))

    assert [each.outage for each in made.proposal.review.downtime] == [Outage.REMOVED]
    assert made.proposal.review.data_removed == ("web-data on nas",)
    assert "+    state: absent\n+    remove_data: true" in diff_of(world, made)


def test_data_that_is_kept_is_not_named_as_removed(world: World) -> None:
    world.apply()

    made = propose(world, UninstallApp("web"))

    assert made.proposal.review.data_removed == ()
    assert made.proposal.title == "uninstall the app web and keep its data"


def test_ports_and_what_policies_find_are_named(world: World) -> None:
    world.apply()
    settings = AppSettings(exposure="public", ports={"web": "9090"})

    made = propose(world, UpdateApp("web", settings))

    [port] = made.proposal.review.exposure
    assert (port.host, port.port, port.reach) == ("nas", 9090, "every network of the host")
    assert [each.rule for each in made.proposal.review.findings] == ["public-port"]


def test_nothing_is_approved_by_itself_for_an_assistant(world: World) -> None:
    world.apply()
    (world.folder / "tomo-policy.yaml").write_text(
        "schema: tomo.policy/v1\nrules: {replaces: require_approval}\nauto_approve: [image-update]\n"
    )
    change = UpdateApp("web", images={"": "tomo-test/web:2.0"})

    by_assistant = propose(world, change).proposal.review.findings
    by_person = propose(world, change, assistant="").proposal.review.findings

    assert [each.auto_approved for each in by_assistant if each.rule == "replaces"] == [""] * len(
        by_assistant
    )
    assert {each.auto_approved for each in by_person} == {"image-update"}


# --- hosts -----------------------------------------------------------------------------------------------


def test_a_new_server_is_not_dialled(world: World) -> None:
    made = propose(world, PI_SERVER)

    assert world.hosts[PI].dialled == 0
    [told] = made.proposal.review.new_hosts
    assert told.startswith("pi: root@192.0.2.11:22 SHA256:")


@pytest.mark.parametrize(
    "change",
    [
        SetServer("nas", {"host": PI}),
        SetServer("nas", {"host_key": host_key(7)}),
        SetServer("nas", {"user": "admin"}),
        SetServer("nas", {"identity": "~/.ssh/other"}),
    ],
)
def test_another_address_key_or_login_is_not_dialled(world: World, change: Change) -> None:
    world.apply()
    made = propose(world, change)

    assert world.hosts[PI].dialled == 0
    assert [each.partition(":")[0] for each in made.proposal.review.new_hosts] == ["nas"]


def test_a_known_server_is_looked_at(world: World) -> None:
    world.apply()
    world.nas.docker.stop_by_hand("web")

    made = propose(world, AsDeclared())

    assert made.proposal.review.not_looked == ()
    assert made.proposal.review.counts.get("update", 0) + made.proposal.review.counts.get("replace", 0) == 1


# --- changes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            InstallDocker("nas", "docker", "5:27.5.1"),
            "+    docker:\n+      channel: docker\n+      version: 5:27.5.1",
        ),
        (SetServer("nas", {"timezone": "Europe/Berlin"}), "+    timezone: Europe/Berlin"),
        (UpdateApp("web", AppSettings(env={"A": "b"})), "+    env:\n+      A: b"),
        (UninstallApp("web"), "-  web:  # the page"),
        (RemoveServer("pi"), ""),
    ],
)
def test_each_change_touches_only_what_it_is_about(world: World, change: Change, said: str) -> None:
    if isinstance(change, RemoveServer):
        world.edit("apps:\n", f"  pi: {{host: {PI}, user: root, host_key: {host_key(1)}}}\napps:\n")
        said = f"-  pi: {{host: {PI}, user: root, host_key: {host_key(1)}}}"

    assert said in diff_of(world, propose(world, change))


def test_a_server_is_cleaned_in_two_steps(world: World) -> None:
    world.apply()

    first = propose(world, FullCleanup("nas"))

    assert "state: absent" in diff_of(world, first)
    assert first.proposal.title == "remove everything from the server nas, then the server itself"
    world.edit("  web:  # the page\n", "  web:  # the page\n    state: absent\n")
    world.apply()
    second = propose(world, FullCleanup("nas"))
    assert "-  nas:" in diff_of(world, second)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (InstallApp("nonesuch", ("nas",)), Exception, "nonesuch"),
        (InstallApp("miniflux", ("nowhere",)), UsageError, "no server `nowhere`"),
        (InstallApp("miniflux", ()), UsageError, "where is"),
        (
            InstallApp("miniflux", ("nas",), settings=AppSettings(secrets={"ADMIN_PASSWORD": "NONE"})),
            UsageError,
            "NONE",
        ),
        (UninstallApp("other"), UsageError, "no app `other`"),
        (UpdateApp("web", AppSettings({"TOKEN": "plain"})), UsageError, "is a secret"),
        (UpdateApp("web", images={"db": "x"}), UsageError, "no service `db`"),
        (RemoveServer("nas"), UsageError, "apps of the fleet are on server"),
        (SetServer("nas", {"password": "hunter2"}), UsageError, "can't be set"),
        (SetServer("nas", {"docker": "perhaps"}), SpecError, "mistake"),
        (SetServer("nas", secrets={"password": "NONE"}), UsageError, "is not set"),
        (RunCommand("nas", ()), UsageError, "at least its name"),
        (RunCommand("nas", ("a\0b",)), UsageError, "NUL"),
        (RunCommand("nowhere", ("uptime",)), UsageError, "no server"),
        (ChangeSetting("tomo:engine", "pulumi"), UsageError, "a fleet's settings"),
        (ChangeSetting("own:dbPassword", "hunter22"), UsageError, "called like a secret"),
        (ChangeSetting("own:api_token", "hunter22"), UsageError, "called like a secret"),
        (InstallDocker("nas", registry_mirrors=("https://me:hunter22@m.lan",)), SpecError, "mistake"),
        (RetainAudit(0), UsageError, "one day"),
        (RetainAudit(10**12), UsageError, "at most 36500 days"),
        (RetainAudit(1, 10**30), UsageError, "entries can be kept"),
        (SetServer("nas", {"timezone": "../../etc"}), SpecError, "1 mistake"),
        (SetServer("nas", {"lan": "0.0.0.0"}), SpecError, "1 mistake"),
        (AddUser("anna", Role.ADMIN), UsageError, "the first one is an admin whom a person adds"),
        (SetUserRole("nobody", Role.ADMIN), Exception, "nobody called"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_not_kept(
    world: World, change: Change, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        propose(world, change)

    assert Proposing(world.doors, lambda: NOW).list(ListProposalsRequest()) == []


def test_what_brings_nothing_is_refused(world: World) -> None:
    world.apply()

    with pytest.raises(UsageError, match="nothing to propose"):
        propose(world, AsDeclared())


def test_a_plan_with_errors_is_not_kept(world: World) -> None:
    world.edit("      id: page\n", "      id: page\n      requires: {memory: 900GB}\n")

    with pytest.raises((PlanRefused, SpecError)):
        propose(world, AsDeclared())


def test_a_secret_that_is_not_set_is_named(world: World) -> None:
    world.edit("    user: root\n", "    user: root\n    password: {secret: NAS_LOGIN}\n")

    with pytest.raises(ConfigMissing, match="NAS_LOGIN"):
        propose(world, AsDeclared())


# --- changes without a plan ----------------------------------------------------------------------------


def test_a_command_is_kept_with_its_server_and_arguments(world: World) -> None:
    made = propose(world, RunCommand("nas", ("df", "-h", "$(reboot)")))

    found = made.proposal
    assert (found.kind, found.title, found.stack) == (ProposalKind.COMMAND, "run df on nas", "home")
    assert found.change["argv"] == ["df", "-h", "$(reboot)"]
    assert found.digest.startswith("sha256:")
    assert world.dialled == []
    assert state_of(world, made) is ProposalState.PROPOSED


def test_a_person_can_be_proposed(world: World) -> None:
    with people_of(world.settings) as store, store.changing() as people:
        people.add_user(User("t", "tester", Role.ADMIN, "tester"), "")

    made = propose(world, AddUser("anna", Role.USER))

    assert (made.proposal.kind, made.proposal.object) == (ProposalKind.PEOPLE, "people")
    assert made.proposal.stack_id


def test_two_proposals_of_the_same_command_have_two_digests(world: World) -> None:
    one, two = (propose(world, RunCommand("nas", ("uptime",))) for _ in range(2))

    assert one.proposal.digest != two.proposal.digest


# --- what becomes of them --------------------------------------------------------------------------------


def test_a_proposal_whose_time_is_over_is_expired(world: World) -> None:
    made = propose(world, AsDeclared(), lasts=3600)

    assert state_of(world, made, now=NOW + 3599) is ProposalState.PROPOSED
    assert state_of(world, made, now=NOW + 3600) is ProposalState.EXPIRED


@pytest.mark.parametrize("lasts", [0, 59, 91 * 86_400])
def test_a_time_that_makes_no_sense_is_refused(world: World, lasts: int) -> None:
    with pytest.raises(UsageError, match="can't last"):
        propose(world, AsDeclared(), lasts=lasts)


def test_a_changed_fleet_file_config_or_state_makes_it_stale(world: World) -> None:
    for change in (
        lambda: world.edit("# my home", "# our home"),
        lambda: world.config.write_text(world.config.read_text() + "# a remark\n"),
        world.apply,
    ):
        made = propose(world, InstallApp("miniflux", ("nas",)))
        assert state_of(world, made) is ProposalState.PROPOSED
        change()
        assert state_of(world, made) is ProposalState.STALE


def test_a_command_is_stale_once_its_server_is_another(world: World) -> None:
    made = propose(world, RunCommand("nas", ("uptime",)))
    world.edit(NAS, PI)

    assert state_of(world, made) is ProposalState.STALE


def test_a_newer_one_of_the_same_assistant_supersedes_it(world: World) -> None:
    first = propose(world, InstallApp("miniflux", ("nas",)))

    second = propose(world, InstallApp("miniflux", ("nas",), "feeds"), replaces=first.proposal.id)

    assert state_of(world, first) is ProposalState.SUPERSEDED
    assert state_of(world, second) is ProposalState.PROPOSED
    with pytest.raises(UsageError, match="not a proposal of yours"):
        propose(world, AsDeclared(), assistant="other", replaces=second.proposal.id)
    with pytest.raises(ProposalNotFound):
        propose(world, AsDeclared(), replaces="p-nothing0")


def test_bytes_that_were_changed_in_the_database_are_refused(world: World) -> None:
    import sqlite3

    made = propose(world, AsDeclared())
    file = world.settings.data_folder / "tomo.db"
    with sqlite3.connect(file) as database:
        database.execute(
            "UPDATE proposal_texts SET content = replace(content, 'web', 'wob') WHERE name = 'plan'"
        )

    with pytest.raises(PlanRefused):
        state_of(world, made)


def test_a_person_who_is_nobody_here_may_not_propose(world: World) -> None:
    from tomo.errors import NotAllowed
    from tomo.model.people import Person
    from tomo.service.recording import Actor, Trail

    trail = Trail(
        world.settings, Actor("x@desk", "", "mcp"), lambda _: None, lambda: Person("x", Role.READONLY)
    )
    doors = replace(world.doors, trail=trail)

    with pytest.raises(NotAllowed):
        Proposing(doors, lambda: NOW).propose(ProposeRequest(world.place, AsDeclared()))


# --- branches of the changes -----------------------------------------------------------------------------

TWO = "  pi:\n    host: 192.0.2.11\n    user: root\n    host_key: {key}\n    labels: {{zone: attic}}\napps:\n"


def two_servers(world: World) -> None:
    world.edit("apps:\n", TWO.format(key=host_key(1)))


def test_docker_options_are_added_to_those_that_are_there(world: World) -> None:
    world.edit("    user: root\n", "    user: root\n    docker: {daemon: {debug: true}}\n")

    made = propose(world, InstallDocker("nas", version="5:27.5.1"))

    assert "+    docker: {daemon: {debug: true}, version: '5:27.5.1'}" in diff_of(world, made)


def test_docker_is_turned_on_where_it_was_left_out(world: World) -> None:
    world.edit("    user: root\n", "    user: root\n    docker: false\n")

    assert "+    docker: true" in diff_of(world, propose(world, InstallDocker("nas")))


def test_fields_of_a_server_are_unset_and_secrets_named(world: World) -> None:
    from tomo.model.values import Secret
    from tomo.service.configs import Configs, SetConfigRequest

    world.edit("    user: root\n", "    user: root\n    timezone: Europe/Berlin\n")
    Configs(world.doors).set(SetConfigRequest(world.place, "LOGIN", Secret("hunter2")))

    diff = diff_of(
        world, propose(world, SetServer("nas", secrets={"password": "LOGIN"}, unset=("timezone",)))
    )

    assert "-    timezone: Europe/Berlin" in diff
    assert "+    password:\n+      secret: LOGIN" in diff


def test_an_app_on_several_servers_stays_on_the_others(world: World) -> None:
    two_servers(world)
    world.edit("    server: nas\n", "    servers: [nas, pi]\n")

    made = propose(world, FullCleanup("pi"))

    assert "+    servers: [nas]" in diff_of(world, made) or "+      - nas" in diff_of(world, made)
    assert "host: 192.0.2.11" not in diff_of(world, made)


def test_an_app_that_labels_bring_to_several_servers_is_for_a_person_to_move(world: World) -> None:
    two_servers(world)
    world.edit("    host: 192.0.2.10\n", "    host: 192.0.2.10\n    labels: {zone: attic}\n")
    world.edit("    server: nas\n", "    labels: {zone: attic}\n")

    with pytest.raises(UsageError, match="is on `pi` by a label"):
        propose(world, FullCleanup("pi"))


def test_an_app_that_was_never_applied_is_forgotten(world: World) -> None:
    made = propose(world, FullCleanup("nas"))

    assert "-  web:  # the page" in diff_of(world, made)


def test_inputs_and_ports_are_unset(world: World) -> None:
    world.edit("    server: nas\n", "    server: nas\n    ports: {web: 9000}\n")

    made = propose(world, UpdateApp("web", AppSettings({"GREETING": "hi"}), version="1.0", unset=("web",)))

    assert "-    ports: {web: 9000}" in diff_of(world, made)
    assert '+    version: "1.0"' in diff_of(world, made)
