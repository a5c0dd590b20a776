"""A plan kept in a file: the same bytes for the same plan, applied once and as it stands, or refused by name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worlds import CONTAINER, NAS, World, host_key, make_world
from tomo.errors import ExitCode, PlanRefused, UsageError
from tomo.service.plans.form import FORMAT, Envelope, digest_of, file_text, read_envelope
from tomo.service.plans.making import KeptPlan, SavePlanRequest, ShowPlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.runs import PlanRequest, PlanResult, RunResult


def kept(world: World, name: str = "plan.json", **options: Any) -> KeptPlan:
    request = PlanRequest(world.place, **options)
    return SavedPlans(world.doors).save(SavePlanRequest(request, world.folder / name))


def apply(world: World, name: str = "plan.json", seen: list[PlanResult] | None = None) -> RunResult:
    shown: list[PlanResult] = [] if seen is None else seen
    return SavedPlans(world.doors).apply(ApplyPlanRequest(world.place, world.folder / name, shown.append))


def files(world: World) -> dict[Path, bytes]:
    """Everything in the folder, without the mark of the store's layout, which a lock brings."""
    paths = (path for path in world.folder.rglob("*") if path.is_file() and path.name != "meta.yaml")
    return {path: path.read_bytes() for path in paths}


def refused(world: World, name: str = "plan.json") -> str:
    """Why the plan is refused, with nothing done and nothing noted."""
    before = files(world)
    writes = len(world.nas.docker.writes)
    with pytest.raises(PlanRefused) as caught:
        apply(world, name)
    assert caught.value.exit_code is ExitCode.PLAN_REFUSED
    assert len(world.nas.docker.writes) == writes
    assert files(world) == before
    return caught.value.message


# --- what works --------------------------------------------------------------------------------------


def test_a_first_plan_is_kept_and_applied(world: World) -> None:
    plan = kept(world)
    seen: list[PlanResult] = []

    result = apply(world, seen=seen)

    assert result.exit_code is ExitCode.OK, [str(failure.error) for failure in result.failures]
    assert world.nas.docker.container_names == [CONTAINER]
    assert not world.plan().has_changes
    assert [step.urn for step in seen[0].plan.changes] == [step.urn for step in plan.shown.plan.changes]


def test_a_change_is_kept_and_applied(world: World) -> None:
    world.apply()
    world.edit("    server: nas\n", "    server: nas\n    inputs: {GREETING: good morning}\n")
    kept(world)

    result = apply(world)

    assert result.exit_code is ExitCode.OK, [str(failure.error) for failure in result.failures]
    assert "GREETING=good morning" in world.nas.docker.inspect(CONTAINER)["Config"]["Env"]


def test_a_new_image_comes_from_where_the_plan_says(world: World) -> None:
    world.apply()
    world.edit("tomo-test/web:1.0", "tomo-test/web:2.0")
    plan = kept(world)

    result = apply(world)

    assert result.exit_code is ExitCode.OK, [str(failure.error) for failure in result.failures]
    container = next(step for step in plan.shown.plan.changes if step.urn.type.endswith(":Container"))
    (origin,) = container.entry.inputs["image"].origins  # type: ignore[attr-defined]
    assert origin.endswith((".imageId", ".repoDigest")), origin


def test_a_removal_is_kept_and_applied(world: World) -> None:
    world.apply()
    kept(world, destroy=True, look=False)

    result = apply(world)

    assert result.exit_code is ExitCode.OK, [str(failure.error) for failure in result.failures]
    assert world.nas.docker.container_names == []


def test_the_same_plan_made_twice_has_the_same_bytes(world: World) -> None:
    first = kept(world, "one.json")
    second = kept(world, "two.json")

    assert first.digest == second.digest
    assert (world.folder / "one.json").read_bytes() == (world.folder / "two.json").read_bytes()


def test_the_same_plan_of_a_changed_fleet_has_the_same_bytes(world: World) -> None:
    world.apply()
    world.edit("tomo-test/web:1.0", "tomo-test/web:2.0")
    world.nas.docker.stop_by_hand(CONTAINER)

    kept(world, "one.json")
    kept(world, "two.json")

    assert (world.folder / "one.json").read_bytes() == (world.folder / "two.json").read_bytes()


def test_a_plan_holds_no_secret_in_the_open(world: World) -> None:
    world.apply()
    env = world.nas.docker.inspect(CONTAINER)["Config"]["Env"]
    token = next(entry for entry in env if entry.startswith("TOKEN=")).removeprefix("TOKEN=")
    world.edit("tomo-test/web:1.0", "tomo-test/web:2.0")

    kept(world)

    assert token not in (world.folder / "plan.json").read_text()


def test_a_kept_plan_is_shown_without_stack_or_passphrase(world: World, tmp_path: Path) -> None:
    plan = kept(world)
    elsewhere = world.with_settings(passphrase=None, home=tmp_path)

    shown = SavedPlans(elsewhere).show(ShowPlanRequest(plan.file))

    assert shown.digest == plan.digest
    assert [step.urn for step in shown.shown.plan.steps] == [step.urn for step in plan.shown.plan.steps]


# --- refused by name ---------------------------------------------------------------------------------


def test_a_second_use_is_refused(world: World) -> None:
    kept(world)
    apply(world)

    assert "was used before" in refused(world)


def test_a_plan_is_used_up_by_a_run_that_fails(world: World) -> None:
    kept(world)
    world.nas.faults.disk_full = True
    assert apply(world).exit_code is ExitCode.FAILED
    world.nas.faults.disk_full = False

    assert "was used before" in refused(world)


def test_the_note_that_it_is_used_is_on_the_disk_under_the_lock_before_the_first_step(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(world)
    flushed: dict[str, tuple[int, bool]] = {}
    flush = os.fsync

    def fsync(handle: int) -> None:
        flush(handle)
        locked = any(world.folder.glob(".pulumi/locks/**/*.json"))
        flushed[str(Path(f"/proc/self/fd/{handle}").readlink())] = len(world.nas.docker.writes), locked

    monkeypatch.setattr(os, "fsync", fsync)
    assert apply(world).exit_code is ExitCode.OK

    [note] = world.folder.glob(".pulumi/tomo/*/*/used/*.json")
    assert flushed[str(note)] == flushed[str(note.parent)] == (0, True)
    assert world.nas.docker.writes


def test_a_plan_without_changes_is_used_up_too(world: World) -> None:
    world.apply()
    kept(world)
    assert apply(world).exit_code is ExitCode.OK

    assert "was used before" in refused(world)


def test_a_moved_state_is_refused(world: World) -> None:
    world.apply()
    kept(world)
    world.apply()

    assert "the state moved" in refused(world)


def test_a_plan_of_another_stack_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_world(tmp_path / "other")
    other.edit("fleet: home", "fleet: away")
    (other.folder / "Pulumi.home.yaml").rename(other.folder / "Pulumi.away.yaml")
    kept(world)
    (other.folder / "plan.json").write_bytes((world.folder / "plan.json").read_bytes())

    assert "the plan is for the stack `tomo/home`, and this is `tomo/away`" in refused(other)


def test_a_plan_of_another_stack_of_the_same_name_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_world(tmp_path / "other")
    kept(other, "own.json")
    kept(world)
    (other.folder / "plan.json").write_bytes((world.folder / "plan.json").read_bytes())

    assert "another stack of the name `tomo/home`" in refused(other)


def change_fleet(world: World) -> None:
    world.edit("# my home", "# our home")


def change_config(world: World) -> None:
    world.config.write_text(world.config.read_text() + "# a remark\n")


def change_address(world: World) -> None:
    ssh = world.settings.home / ".ssh" / "config"
    ssh.write_text(f"Host {NAS}\n  HostName 192.0.2.11\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_fleet, "the file `fleet.yaml` was changed"),
        (change_config, "the config of stack `home` was changed"),
        (change_address, "the host `nas` was at `root@192.0.2.10:22` when the plan was made"),
    ],
)
def test_what_the_plan_rests_on_must_not_have_changed(
    world: World, change: Callable[[World], None], said: str
) -> None:
    world.apply()
    kept(world)
    change(world)

    assert said in refused(world)


def test_another_known_host_key_is_refused(world: World) -> None:
    world.edit(f"    host_key: {host_key()}\n", "")
    known = world.settings.home / ".ssh" / "known_hosts"
    known.write_text(f"{NAS} {host_key()}\n")
    kept(world)
    known.write_text(f"{NAS} {host_key(7)}\n")

    assert "the host key of `nas` is another one" in refused(world)


def test_another_catalog_entry_or_package_is_refused(world: World) -> None:
    from tomo.model.saved_plan import Basis
    from tomo.service.plans.basis import require_same_basis

    before = Basis("id", "tomo", "home", "s", "c", {}, {"gitea": "1"}, {"docker": "7.1.0"})

    with pytest.raises(PlanRefused) as caught:
        require_same_basis(before, replace(before, catalog={"gitea": "2"}, packages={"docker": "7.2.0"}))

    assert (
        "the catalog entry `gitea` was changed since the plan was made (and 1 more)" in caught.value.message
    )
    assert caught.value.detail == "the package `docker` was `7.1.0` when the plan was made and is `7.2.0`"


def test_a_plan_with_errors_is_kept_to_be_read_and_refused(world: World) -> None:
    plan = kept(world)
    envelope = read_envelope((world.folder / "plan.json").read_bytes(), "plan.json")
    body = {**envelope.body, "errors": [{"urn": "", "code": "failed", "message": "no such app", "hint": ""}]}
    resign(world, plan, body)

    assert "the plan has errors and can't be applied: no such app" in refused(world)


def resign(world: World, plan: KeptPlan, body: dict[str, Any], mac: str | None = None) -> None:
    """Writes a plan of the same stack with another body, and the right digest and code."""
    from tests.worlds import keys, salt
    from tomo.service.plans.seals import PlanSeals

    digest = digest_of(body)
    code = PlanSeals(keys().for_salt(salt())).mac(digest) if mac is None else mac
    plan.file.write_bytes(file_text(Envelope(body, digest, code)))


# --- ten ways of tampering ---------------------------------------------------------------------------


def test_a_plan_that_nobody_with_the_key_made_is_refused(world: World) -> None:
    plan = kept(world)
    envelope = read_envelope(plan.file.read_bytes(), "plan.json")
    body = json.loads(plan.file.read_text().replace("tomo-test/web:1.0", "tomo-test/web:2.0"))["body"]

    resign(world, plan, body, mac=envelope.mac)

    assert "not authenticated" in refused(world)


def test_a_code_that_is_no_ascii_text_is_refused(world: World) -> None:
    plan = kept(world)
    envelope = read_envelope(plan.file.read_bytes(), "plan.json")

    resign(world, plan, envelope.body, mac="ünïcode")

    assert "not authenticated" in refused(world)


TAMPERINGS: dict[str, Callable[[bytes], bytes]] = {
    "a step's value": lambda text: text.replace(b"tomo-test/web:1.0", b"tomo-test/web:2.0", 1),
    "an added space": lambda text: text.replace(b'"body":', b'"body": ', 1),
    "an added line": lambda text: text + b"\n",
    "cut off": lambda text: text[:-40],
    "cut to nothing": lambda _: b"",
    "another digest": lambda text: re.sub(rb"sha256:\w{4}", b"sha256:0000", text),
    "another code": lambda text: re.sub(rb'"mac":"\w{8}', b'"mac":"00000000', text),
    "another format": lambda text: text.replace(FORMAT.encode(), b"tomo.plan/v9"),
    "an added member": lambda text: text.replace(b'{"body":{', b'{"body":{"a":1,', 1),
    "a repeated member": lambda text: text.replace(b'{"body":{', b'{"body":{"basis":1,', 1),
    "keys in another order": lambda text: json.dumps(dict(reversed(json.loads(text).items()))).encode(),
    "not JSON": lambda text: text.replace(b'"format":"tomo.plan/v1"', b'"format":"tomo.plan/v1",,'),
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_a_changed_file_is_refused(world: World, how: str) -> None:
    plan = kept(world)
    before = plan.file.read_bytes()
    plan.file.write_bytes(TAMPERINGS[how](before))
    assert plan.file.read_bytes() != before

    assert refused(world)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, bytes]:
    """A world with a plan, and the plan's bytes; shared, as nothing in it may change."""
    world = make_world(tmp_path_factory.mktemp("sealed"))
    return world, kept(world).file.read_bytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bit_of_a_plan_can_be_turned(sealed: tuple[World, bytes], data: st.DataObject) -> None:
    world, text = sealed
    document = json.loads(text)
    parts = [*document["body"], "digest", "format", "mac"]
    part = data.draw(st.sampled_from(parts), "part")
    start = text.index(f'"{part}":'.encode())
    place = data.draw(st.integers(start, min(start + 2000, len(text) - 1)), "byte")
    turned = bytearray(text)
    turned[place] ^= 1 << data.draw(st.integers(0, 7), "bit")
    (world.folder / "turned.json").write_bytes(turned)

    with pytest.raises(PlanRefused):
        apply(world, "turned.json")

    assert world.nas.docker.writes == []


# --- held to its steps -------------------------------------------------------------------------------


def test_drift_between_plan_and_apply_refuses_that_step_only(world: World) -> None:
    world.apply()
    world.edit("tomo-test/web:1.0", "tomo-test/web:2.0")
    kept(world)
    world.nas.docker.stop_by_hand(CONTAINER)
    before = world.nas.docker.inspect(CONTAINER)["Id"]

    result = apply(world)

    assert result.exit_code is ExitCode.PLAN_REFUSED
    (failure,) = result.failures
    assert "`web@nas` on nas would not be done as planned" in str(failure.error)
    assert "`mustRun` is not as the plan saw it" in str(failure.error)
    assert world.nas.docker.inspect(CONTAINER)["Id"] == before


def test_drift_in_what_the_plan_leaves_alone_is_refused_by_name(world: World) -> None:
    world.apply()
    kept(world)
    world.nas.docker.stop_by_hand(CONTAINER)

    result = apply(world)

    assert result.exit_code is ExitCode.PLAN_REFUSED
    assert any("the plan has `same` for it" in str(failure.error) for failure in result.failures)


# --- its file ----------------------------------------------------------------------------------------


def test_no_other_file_is_written_over(world: World) -> None:
    before = world.file.read_bytes()

    with pytest.raises(UsageError, match="exists and is no saved plan"):
        kept(world, "fleet.yaml")

    assert world.file.read_bytes() == before


def test_a_plan_s_file_is_for_its_owner_alone(world: World) -> None:
    plan = kept(world)

    assert plan.file.stat().st_mode & 0o777 == 0o600


def test_a_stack_without_a_key_gets_one_for_its_plan(world: World) -> None:
    world.config.unlink()

    plan = kept(world)

    assert plan.made_key
    assert "encryptionsalt" in world.config.read_text()
    assert apply(world).exit_code is ExitCode.OK
