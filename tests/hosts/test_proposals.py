"""An assistant proposes a server and an app on a real one; a person agrees; only then is it done, and only that."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry
from tests.databases import put_database
from tests.hosts.conftest import MakeSite, Site
from tomo.errors import ApprovalMissing, ExitCode, PlanRefused, ProposalClosed
from tomo.model.proposal import Outage, Proposal, ProposalState
from tomo.service.addresses import Address
from tomo.service.app_edits import AppSettings
from tomo.service.decisions import AppliedProposal, ApplyProposalRequest, ApproveProposalRequest, Decisions
from tomo.service.propose.changes import AddServer, InstallApp, SetServer, UpdateApp
from tomo.service.propose.other_changes import RunCommand
from tomo.service.propose.proposing import Change, ProposeRequest, Proposing, ShowProposalRequest
from tomo.service.server_edits import NewServer
from tomo.service.workspace import Place

pytestmark = pytest.mark.hosts

PAGE = """\
schema: tomo.app/v1
id: page
title: Page
tagline: A page
description: A page.
categories: [networking]
version: "1"
inputs:
  - {name: GREETING, default: hello}
  - {name: TOKEN, type: secret, label: Token, generate: {kind: password, length: 24}}
services:
  page:
    image: tomo-test/web:1
    env: {GREETING: {input: GREETING}, TOKEN: {input: TOKEN}}
    ports: [{name: web, container: 80, host: 18080, expose: local}]
    mounts: [{volume: data, path: /data}]
    healthcheck: {test: [CMD, /bin/busybox, "true"], interval: 1s, retries: 2}
    stop: {grace: 1s}
volumes: {data: {backup: true}}
web: {service: page, port: 80}
"""


@pytest.fixture(scope="module")
def host(lab: Lab, registry: Registry) -> Host:
    [host] = lab.hosts("lambda", docker_installed=True, mirrors=[registry.mirror])
    return host


@pytest.fixture(scope="module")
def site(make_site: MakeSite, host: Host) -> Site:
    site = make_site([host])
    (site.folder / "apps").mkdir()
    (site.folder / "apps" / "page.yaml").write_text(PAGE)
    site.file.write_text(f"# ours\nfleet: {site.folder.name}\ncatalogs: [apps]\nservers: {{}}\napps: {{}}\n")
    put_database(site.doors.settings.data_folder)
    return site


def propose(site: Site, change: Change) -> Proposal:
    request = ProposeRequest(Place(site.folder), change, assistant="an assistant 1.0")
    return Proposing(site.doors).propose(request).proposal


def apply(site: Site, proposal: Proposal, *, yes: bool = False) -> AppliedProposal:
    request = ApplyProposalRequest(proposal.id, lambda _: True, lambda _: None, yes=yes)
    return Decisions(site.doors, terminal=lambda: None).apply(request)


def agreed(site: Site, change: Change) -> AppliedProposal:
    """A change that is proposed, approved by a person and applied."""
    proposal = propose(site, change)
    request = ApproveProposalRequest(proposal.id, lambda *_: True)
    Decisions(site.doors, terminal=lambda: None).approve(request)
    done = apply(site, proposal, yes=True)
    assert done.run is not None
    assert done.exit_code is ExitCode.OK, [str(failure.error) for failure in done.run.failures]
    assert not site.plan().has_changes
    return done


def state_of(site: Site, proposal: Proposal) -> ProposalState:
    return Proposing(site.doors).show(ShowProposalRequest(proposal.id)).proposal.state


@contextmanager
def database(site: Site) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(site.doors.settings.data_folder / "tomo.db")) as opened, opened:
        yield opened


def test_what_an_assistant_proposes_is_done_once_a_person_agreed_and_not_otherwise(
    site: Site, host: Host, registry: Registry
) -> None:
    new = NewServer(
        host.name, Address(host.address, host.user, host.port), (host.host_key,), str(host.identity)
    )
    server = propose(site, AddServer(new))
    assert len(server.review.new_hosts) == 1
    with pytest.raises(ApprovalMissing):
        apply(site, server, yes=True)
    assert "servers: {}" in site.file.read_text()
    agreed(site, AddServer(new))
    assert state_of(site, server) is ProposalState.STALE
    agreed(site, SetServer(host.name, {"docker": {"registry_mirrors": [registry.mirror]}}))
    assert site.file.read_text().startswith("# ours\n")

    agreed(site, InstallApp("page", (host.name,)))
    assert host.ssh("docker", "inspect", "-f", "{{.State.Health.Status}}", "page").out.strip() == "healthy"
    id_ = host.ssh("docker", "inspect", "-f", "{{.Id}}", "page").out

    changed = propose(site, UpdateApp("page", AppSettings({"GREETING": "hej"})))
    assert [each.outage for each in changed.review.downtime] == [Outage.REPLACED]
    with database(site) as opened:
        opened.execute(
            "UPDATE proposal_texts SET content = CAST(replace(CAST(content AS TEXT), 'hej', 'hey') AS BLOB)"
            " WHERE name = 'plan' AND proposal_id = ?",
            (changed.id,),
        )
    with pytest.raises(PlanRefused, match="changed after it was made"):
        apply(site, changed)

    stale = propose(site, UpdateApp("page", AppSettings({"GREETING": "moin"})))
    site.file.write_text(site.file.read_text().replace("# ours", "# still ours"))
    with pytest.raises(ProposalClosed, match="the fleet file was changed since"):
        apply(site, stale)
    assert host.ssh("docker", "inspect", "-f", "{{.Id}}", "page").out == id_

    agreed(site, UpdateApp("page", AppSettings({"GREETING": "moin"})))
    assert "GREETING=moin" in host.ssh("docker", "inspect", "-f", "{{.Config.Env}}", "page").out


def test_a_command_runs_on_the_server_with_exactly_its_arguments(site: Site, host: Host) -> None:
    proposal = propose(site, RunCommand(host.name, ("printf", "%s|", "two words", "$(id); *", "'")))

    done = apply(site, proposal)

    assert done.output is not None
    assert done.output.stdout == "two words|$(id); *|'|"
    with pytest.raises(ProposalClosed):
        apply(site, proposal)


def test_a_host_that_shows_another_key_is_refused_when_it_is_applied(
    site: Site, host: Host, tmp_path: Path
) -> None:
    from tests.worlds import host_key

    proposal = propose(site, SetServer(host.name, {"host_key": host_key(9)}))
    before = site.file.read_text()

    with pytest.raises(PlanRefused, match="a host is not the one of the plan"):
        apply(site, proposal)

    assert site.file.read_text() == before
