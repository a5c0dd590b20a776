"""Backups of an app on a real server: made, opened by hand, wrecked and put back; over SSH, S3 and by restic."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry
from tests.hosts.conftest import MakeSite, Site, changes
from tests.interchange.backends import s3
from tomo.errors import TomoError
from tomo.model.values import Secret
from tomo.service.backups.cases import Backups
from tomo.service.backups.requests import (
    CreateBackupRequest,
    PruneBackupsRequest,
    RestoreBackupRequest,
    RestoredBackup,
    VerifyBackupRequest,
)
from tomo.service.configs import Configs, SetConfigRequest
from tomo.service.wiring import Doors
from tomo.service.workspace import Place

pytestmark = pytest.mark.hosts

APP = """
  site:
    server: {server}
    definition:
      schema: tomo.app/v1
      id: site
      title: Site
      version: "1"
      services:
        page:
          image: tomo-test/web:1
          mounts: [{{volume: data, path: /data}}]
          healthcheck: {{test: [CMD, /bin/busybox, "true"], interval: 1s, retries: 2}}
          stop: {{grace: 1s}}
      volumes: {{data: {{}}}}
      backup: {{stop: true}}
"""
# Every kind of thing that a volume may hold.
FILL = """
cd /var/lib/docker/volumes/site-data/_data
mkdir -p deep/er .hidden; echo milk > notes; ln -f notes same; ln -sf notes link; ln -sf /nowhere dangling
chmod 4751 notes; chown 33:44 deep; mkfifo -m 640 pipe 2>/dev/null || true
truncate -s 3M sparse; echo end >> sparse; printf 'ü' > "deep/er/na me $(printf '\\nx')"
head -c 16000000 /dev/urandom > random; touch .hidden/x; chmod 700 .
"""
LOOK = """
cd /var/lib/docker/volumes/site-data/_data
find . ! -name '*.part' -printf '%p|%y|%m|%U:%G|%l|%n\\n' | sort; find . -type f -exec sha256sum {} + | sort
"""


def doors(site: Site) -> Doors:
    """The site's, with the path on which restic finds ssh."""
    settings = replace(site.doors.settings, variables={"PATH": os.environ["PATH"], "HOME": str(site.folder)})
    return replace(site.doors, settings=settings)


def shell(host: Host, script: str) -> str:
    return host.inside("sh", "-c", script)


@pytest.fixture(scope="module")
def host(lab: Lab, registry: Registry) -> Host:
    [host] = lab.hosts("omicron", docker_installed=True, mirrors=[registry.mirror])
    return host


@pytest.fixture(scope="module")
def site(make_site: MakeSite, host: Host) -> Site:
    """The app, applied, with data of every kind; backed up to a folder of its own server, and by restic."""
    site = make_site([host])
    key = site.folder / "backup.key"
    made = subprocess.run(["age-keygen", "-o", key], capture_output=True, text=True, check=True)
    public = made.stderr.split(": ")[1].strip()
    site.write(apps=APP.format(server=host.name))
    address = f"ssh://{host.user}@{host.address}:{host.port}/srv/backups"
    block = (
        f"backup:\n  to: {address}\n  recipients: [{public}]\n  restic: {{password: {{secret: RESTIC}}}}\n"
    )
    site.file.write_text(site.file.read_text() + block)
    Configs(site.doors).set(
        SetConfigRequest(Place(site.folder), "tomo:RESTIC", Secret("a password of restic"))
    )
    site.converge()
    shell(host, FILL)
    return site


def restore(site: Site, backup: str) -> RestoredBackup:
    request = RestoreBackupRequest(
        Place(site.folder), backup, lambda _plan: True, (site.folder / "backup.key",), first=False
    )
    return Backups(doors(site)).restore(request)


def create(site: Site, *, incremental: bool = False) -> str:
    made = Backups(doors(site)).create(
        CreateBackupRequest(Place(site.folder), ("site",), incremental=incremental)
    )
    assert made.failed == (), [each.error.message + each.error.detail for each in made.failed]
    return made.made[0].name


def test_wrecked_data_comes_back_as_it_was_from_a_folder_of_a_server(site: Site, host: Host) -> None:
    before = shell(host, LOOK)
    name = create(site)
    shell(host, "cd /var/lib/docker/volumes/site-data/_data && rm -rf deep notes && echo bad > link2")

    restore(site, name)

    assert shell(host, LOOK) == before
    assert changes(site.plan().plan) == []
    assert shell(host, "docker ps -a --format '{{.Names}} {{.State}}'").split("\n")[0] == "site running"
    assert "tomo-backup" not in shell(host, "docker ps -a; docker images; docker volume ls")


def test_a_person_opens_an_archive_with_age_and_tar_alone(site: Site, host: Host, tmp_path: Path) -> None:
    name = create(site)
    raw = subprocess.run(
        [*host.ssh_argv(), f"cat '/srv/backups/{name}.tar.zst.age'"], capture_output=True, check=True
    ).stdout
    (tmp_path / "archive").write_bytes(raw)

    opened = subprocess.run(
        f"age --decrypt -i {site.folder}/backup.key {tmp_path}/archive | tar --zstd -x -C {tmp_path}",
        shell=True,
        check=False,
    )

    assert opened.returncode == 0
    assert (tmp_path / "volumes" / "data" / "notes").read_text() == "milk\n"
    assert (tmp_path / "volumes" / "data" / "deep").stat().st_uid == 33


def test_a_backup_is_verified_on_the_server_and_leaves_nothing_there(site: Site, host: Host) -> None:
    name = create(site)

    found = Backups(doors(site)).verify(
        VerifyBackupRequest(Place(site.folder), name, (site.folder / "backup.key",))
    )

    assert found.is_whole
    assert "scratch" not in shell(host, "docker volume ls")


def test_an_incremental_backup_keeps_only_what_is_new_and_comes_back(site: Site, host: Host) -> None:
    create(site, incremental=True)
    first = int(shell(host, "du -sk /srv/backups/restic").split()[0])
    shell(host, "echo more > /var/lib/docker/volumes/site-data/_data/more")
    before = shell(host, LOOK)
    name = create(site, incremental=True)
    second = int(shell(host, "du -sk /srv/backups/restic").split()[0])
    shell(host, "rm -rf /var/lib/docker/volumes/site-data/_data/*")

    restore(site, name)

    assert shell(host, LOOK) == before
    assert second - first < first / 2
    assert "more" not in shell(host, "ls /srv/backups/restic")


def test_a_volume_that_takes_nothing_keeps_its_data_and_the_app_runs_on(site: Site, host: Host) -> None:
    name = create(site)
    before = shell(host, LOOK)
    shell(host, "chattr +i /var/lib/docker/volumes/site-data/_data")

    try:
        with pytest.raises(TomoError):
            restore(site, name)
    finally:
        shell(host, "chattr -i /var/lib/docker/volumes/site-data/_data")

    assert shell(host, LOOK) == before
    assert shell(host, "docker inspect -f '{{.State.Status}}' site").strip() == "running"


@pytest.fixture
def bucket() -> Iterator[str]:
    with s3() as address:
        yield address.split("endpoint=")[1].split("&")[0]


def test_a_bucket_holds_backups_and_restic_too(site: Site, host: Host, bucket: str) -> None:
    text = site.file.read_text()
    block = f"  s3: {{endpoint: '{bucket}', access_key: {{secret: A}}, secret_key: {{secret: B}}}}\n"
    for name in ("A", "B"):
        request = SetConfigRequest(Place(site.folder), f"tomo:{name}", Secret(f"key-{name}-12345"))
        Configs(site.doors).set(request)
    site.file.write_text(re.sub("(?m)^  to: .*$", "  to: s3://states/tomo", text) + block)
    before = shell(host, LOOK)

    try:
        full, part = create(site), create(site, incremental=True)
        shell(host, "rm -rf /var/lib/docker/volumes/site-data/_data/deep")
        restore(site, full)
        assert shell(host, LOOK) == before
        shell(host, "rm -rf /var/lib/docker/volumes/site-data/_data/deep")
        restore(site, part)
        assert shell(host, LOOK) == before
        done = Backups(doors(site)).prune(PruneBackupsRequest(Place(site.folder), lambda _shown: True))
        assert [each.manifest.name for each in done.judged if not each.goes] == [full, part]
    finally:
        site.file.write_text(text)
