from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomo.errors import NotSupported, PassphraseMissing, SecretsError, StateCorrupt, StateError
from tomo.model.goal import Timeouts
from tomo.model.resource import ResourceState
from tomo.model.snapshot import OperationType, PendingOperation, Snapshot
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, Archive, Asset, ResourceRef, Secret, Unknown
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.codec import (
    Checkpoint,
    SnapshotEncoder,
    decode_checkpoint,
    decode_deployment,
    decode_resource,
    encode_resource,
)
from tomo.state.integrity import problems
from tomo.state.properties import SECRET, SIGNATURE, decode_value, encode_value, reader_of, seal_with, show
from tomo.state.seals import Seals

Make = Callable[..., ResourceState]
U1 = Urn("urn:pulumi:dev::shop::a:b:C::one")
U2 = Urn("urn:pulumi:dev::shop::a:b:C::two::with colons")


def read(raw: bytes, managers: PassphraseManagers) -> Checkpoint:
    return decode_checkpoint(raw, lambda salt: Seals(managers.for_salt(salt)))


def written(checkpoint: Checkpoint) -> dict[str, Any]:
    encoder = SnapshotEncoder(checkpoint.seals)
    return orjson.loads(encoder.checkpoint(checkpoint.snapshot, stack=checkpoint.stack, time=checkpoint.time))


def document(*resources: dict[str, Any], version: int = 3, **more: Any) -> bytes:
    latest = {"manifest": {"time": "", "magic": "", "version": ""}, "resources": list(resources), **more}
    return json.dumps({"version": version, "checkpoint": {"stack": "s", "latest": latest}}).encode()


# --- the real CLI's file ---


def test_a_checkpoint_of_the_real_cli_comes_back_as_it_was(
    golden: bytes, managers: PassphraseManagers
) -> None:
    expected = json.loads(golden)
    found = written(read(golden, managers))

    for one in (expected, found):
        del one["checkpoint"]["latest"]["manifest"]

    assert found == expected


def test_keys_stand_in_the_order_in_which_the_real_cli_writes_them(
    golden: bytes, managers: PassphraseManagers
) -> None:
    found = written(read(golden, managers))["checkpoint"]["latest"]
    expected = json.loads(golden)["checkpoint"]["latest"]

    assert [list(entry) for entry in found["resources"]] == [list(entry) for entry in expected["resources"]]
    assert list(found) == list(expected)


def test_the_real_cli_s_checkpoint_keeps_the_rules(golden: bytes, managers: PassphraseManagers) -> None:
    assert problems(read(golden, managers).snapshot) == []


def test_secrets_of_the_real_cli_open_when_asked(golden: bytes, managers: PassphraseManagers) -> None:
    local, remote = (read(golden, managers).snapshot.resources[place] for place in (3, 6))

    assert local.inputs["environment"] == {"A": Secret("hush")}
    assert remote.inputs["connection"].reveal()["user"] == "root"
    assert "hush" not in repr(local.inputs)


def test_reading_and_writing_needs_no_passphrase(golden: bytes) -> None:
    def never() -> str:
        raise AssertionError("the passphrase was asked for")

    checkpoint = read(golden, PassphraseManagers(never))

    assert written(checkpoint)["checkpoint"]["latest"]["resources"]


def test_a_manifest_of_ours_has_the_magic_that_pulumi_checks(
    golden: bytes, managers: PassphraseManagers
) -> None:
    again = orjson.dumps(written(read(golden, managers)))

    assert read(again, managers).writer.startswith("tomo ")


def test_under_another_salt_every_secret_is_sealed_anew(golden: bytes, managers: PassphraseManagers) -> None:
    other = Seals(managers.create())
    checkpoint = read(golden, managers)

    raw = SnapshotEncoder(other).checkpoint(checkpoint.snapshot, stack="s", time="")
    again = read(raw, managers)

    assert again.salt == other.salt != checkpoint.salt
    assert checkpoint.snapshot.resources[3].inputs["environment"]["A"].ciphertext.encode() not in raw
    assert again.snapshot.resources[3].inputs == checkpoint.snapshot.resources[3].inputs


def test_a_wrong_passphrase_is_said_when_a_secret_is_opened(golden: bytes) -> None:
    checkpoint = read(golden, PassphraseManagers(lambda: "wrong"))

    with pytest.raises(SecretsError, match="passphrase"):
        checkpoint.snapshot.resources[3].inputs["environment"]["A"].reveal()


# --- one entry ---


def full_entry() -> dict[str, Any]:
    return {
        "urn": U2, "custom": True, "delete": True, "id": "i", "type": "a:b:C", "inputs": {"x": 1},
        "outputs": {"x": 1}, "parent": U1, "protect": True, "taint": True, "external": True,
        "dependencies": [U1], "initErrors": ["broken"], "provider": f"{U1}::id",
        "propertyDependencies": {"x": [U1], "y": []}, "pendingReplacement": True,
        "additionalSecretOutputs": ["o"], "aliases": [U1], "customTimeouts": {"create": 300, "delete": 1.5},
        "importID": "imp", "retainOnDelete": True, "deletedWith": U1, "replaceWith": [U1],
        "created": "2026-11-21T00:56:55.42333483Z", "modified": "2026-11-21T00:56:55Z",
        "sourcePosition": "project:///a.py#1", "ignoreChanges": ["i"], "replaceOnChanges": ["r"],
        "hideDiff": ["h"], "refreshBeforeUpdate": True, "replacementTrigger": {"t": [1, None]},
        "resourceHooks": {"BeforeDelete": ["hook"]},
        "stackTrace": [{"sourcePosition": "project:///b.py#2"}], "viewOf": U1, "snippetID": "n",
    }  # fmt: skip


def test_every_field_of_an_entry_comes_back() -> None:
    resource = decode_resource(full_entry(), reader_of(None))

    assert orjson.loads(orjson.dumps(encode_resource(resource, show))) == full_entry()
    assert resource.extra.keys() == {"stackTrace", "viewOf", "snippetID"}
    assert resource.custom_timeouts == Timeouts(create=300, delete=1.5)


def test_the_full_entry_sets_every_field_there_is() -> None:
    resource = decode_resource(full_entry(), reader_of(None))

    unset = [f.name for f in fields(ResourceState) if getattr(resource, f.name) in (None, "", (), {}, False)]

    assert unset == []


def test_an_empty_entry_stays_small() -> None:
    entry = {"urn": U1, "custom": False, "type": "a:b:C"}

    assert encode_resource(decode_resource(entry, reader_of(None)), show) == entry


def test_unknown_keys_with_secrets_in_them_follow_a_new_salt(
    managers: PassphraseManagers, seals: Seals
) -> None:
    sealed = {SIGNATURE: SECRET, "ciphertext": seals.seal('"kept"')}
    resource = decode_resource({"urn": U1, "custom": False, "type": "t", "later": sealed}, reader_of(seals))

    entry = encode_resource(resource, show)

    assert entry["later"] == {SIGNATURE: SECRET, "plaintext": '"kept"'}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("urn", 1), ("urn", None), ("type", None), ("custom", "yes"), ("inputs", []), ("outputs", "x"),
        ("dependencies", "x"), ("dependencies", [1]), ("protect", 1), ("parent", 7), ("id", 5),
        ("propertyDependencies", []), ("propertyDependencies", {"a": [1]}), ("customTimeouts", {"create": "5m"}),
        ("customTimeouts", {"build": 5}), ("customTimeouts", {"create": True}), ("initErrors", {}),
        ("outputs", {"s": {SIGNATURE: SECRET}}), ("outputs", {"s": {SIGNATURE: SECRET, "ciphertext": "v1:a:b"}}),
        ("outputs", {"s": {SIGNATURE: SECRET, "ciphertext": "a", "plaintext": "b"}}),
        ("outputs", {"s": {SIGNATURE: SECRET, "plaintext": "{not json"}}),
    ],
)  # fmt: skip
def test_an_entry_of_the_wrong_shape_is_named(key: str, value: object) -> None:
    with pytest.raises(StateCorrupt) as caught:
        decode_resource({**full_entry(), key: value}, reader_of(None))

    assert caught.value.where
    assert caught.value.hint
    assert "not json" not in str(caught.value)


def test_a_broken_value_names_its_resource(make_container: Make) -> None:
    bad = make_container("c", outputs={"x": object()})

    with pytest.raises(StateError) as caught:
        SnapshotEncoder(None).checkpoint(Snapshot((bad,)), stack="s", time="")

    assert "::c" in caught.value.where


# --- values ---


def test_special_values_have_the_form_pulumi_gives_them() -> None:
    sig = SIGNATURE
    cases: list[tuple[object, object]] = [
        (1.0, 1),
        (-3.0, -3),
        (1.5, 1.5),
        (True, True),
        (math.inf, {sig: "8ad145fe-0d11-4827-bfd7-1abcbf086f5c", "value": "7ff0000000000000"}),
        (UNKNOWN, "04da6b54-80e4-46f7-96ec-b56ff0331ba9"),
        (Asset(text="hi"), {sig: "c44067f5952c0a294b673a41bacd8c17", "text": "hi"}),
        (Asset(path="a", hash="h"), {sig: "c44067f5952c0a294b673a41bacd8c17", "path": "a", "hash": "h"}),
        (ResourceRef(U1), {sig: "5cf8f73096256a8f31e491e813e4eb8e", "urn": U1, "packageVersion": ""}),
        (Secret({"q": 1.0}), {sig: "1b47061264138c4ac30d75fd1eb44270", "plaintext": '{"q":1}'}),
    ]

    for value, expected in cases:
        assert encode_value(value, show) == expected


def test_whole_numbers_are_written_without_a_fraction() -> None:
    assert (
        orjson.dumps(encode_value([1.0, 2**63, 2**70, 1e300], show))
        == b"[1,9223372036854775808,1.1805916207174113e+21,1e+300]"
    )


def test_not_a_number_survives() -> None:
    again = decode_value(encode_value(math.nan, show), reader_of(None))

    assert isinstance(again, float)
    assert math.isnan(again)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.just(UNKNOWN)
)
assets = st.builds(
    Asset, text=st.text(st.characters(exclude_categories=["Cs"])), hash=st.sampled_from(["", "ab"])
) | st.builds(Asset, path=st.sampled_from(["a", "b/c"]))
special = (
    assets
    | st.builds(Archive, assets=st.dictionaries(st.sampled_from("abc"), assets), hash=st.just("h"))
    | st.builds(ResourceRef, st.just(U1), st.sampled_from(["i", None, UNKNOWN]), st.sampled_from(["", "1.2"]))
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.recursive(
    scalars | special,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3) | inner.map(Secret),
)


@given(values)
def test_any_value_comes_back_from_json(value: object) -> None:
    raw = orjson.dumps(encode_value(value, show))

    again = decode_value(orjson.loads(raw), reader_of(None))

    assert plain(again) == plain(value)


@given(st.dictionaries(keys, values, max_size=3))
def test_any_property_map_comes_back_sealed(golden_seals: Seals, value: dict[str, object]) -> None:
    raw = orjson.dumps(encode_value(value, seal_with(golden_seals)))

    again = decode_value(orjson.loads(raw), reader_of(golden_seals))
    raw_again = orjson.dumps(encode_value(again, seal_with(golden_seals)))

    assert plain(again) == plain(value)
    assert raw_again == raw


@pytest.fixture(scope="module")
def golden_seals(managers: PassphraseManagers) -> Seals:
    return Seals(managers.for_salt("v1:iidoP0YpTW0=:v1:7zmqQ12ZXdpD57Fj:7yaDL0yFvR+kFYuxhGX4LweehHt7VA=="))


def plain(value: object) -> object:
    """The value in a form that Python's `==` compares: secrets tagged, unknowns by kind."""
    if isinstance(value, Secret):
        return ("secret", plain(value.reveal()))
    if isinstance(value, Unknown):
        return ("unknown",)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return (type(value) is bool, value)


def test_a_config_file_s_ciphertext_never_enters_the_state(seals: Seals) -> None:
    from_config = Secret.sealed(seals.manager.encrypt("raw text"), seals.manager.decrypt)

    entry = encode_value({"a": from_config}, seal_with(seals))

    assert entry["a"]["ciphertext"] != from_config.ciphertext
    assert decode_value(entry, reader_of(seals)) == {"a": Secret("raw text")}


def test_a_secret_inside_a_secret_is_marked_there_as_pulumi_marks_it(seals: Seals) -> None:
    value = Secret({"key": Secret("inner")})

    entry = encode_value({"a": value}, seal_with(seals))

    inner = {SIGNATURE: SECRET, "ciphertext": '"inner"'}
    assert orjson.loads(seals.manager.decrypt(entry["a"]["ciphertext"])) == {"key": inner}
    assert plain(decode_value(entry, reader_of(seals))) == plain({"a": value})


def test_a_secret_without_a_salt_is_refused() -> None:
    with pytest.raises(PassphraseMissing):
        encode_value(Secret("x"), seal_with(None))


def test_a_map_that_would_come_back_as_a_secret_is_refused() -> None:
    with pytest.raises(StateError, match="reserved"):
        encode_value({"a": {SIGNATURE: SECRET, "plaintext": '"x"'}}, show)


def test_an_unknown_signature_is_refused_by_name() -> None:
    with pytest.raises(NotSupported, match="feedbeef"):
        decode_value({SIGNATURE: "feedbeef"}, reader_of(None))


def test_text_that_utf8_cannot_hold_is_refused(make_container: Make) -> None:
    with pytest.raises(StateError, match="can't hold"):
        SnapshotEncoder(None).checkpoint(
            Snapshot((make_container("c", inputs={"x": "\ud800"}),)), stack="s", time=""
        )


@pytest.mark.parametrize(
    "json_form",
    [
        {SIGNATURE: "8ad145fe-0d11-4827-bfd7-1abcbf086f5c", "value": "xyz"},
        {SIGNATURE: "8ad145fe-0d11-4827-bfd7-1abcbf086f5c", "value": "7ff0"},
        {SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e"},
        {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "text": 1},
        {SIGNATURE: "0def7320c3a5731c473e5ecbe6d01bc7", "assets": []},
        {SIGNATURE: "0def7320c3a5731c473e5ecbe6d01bc7", "assets": {"a": "text"}},
        {SIGNATURE: SECRET, "ciphertext": "v1:a:b"},
    ],
)
def test_a_special_value_of_the_wrong_shape_is_refused(json_form: dict[str, Any]) -> None:
    with pytest.raises(StateCorrupt):
        decode_value(json_form, reader_of(None))


def test_archives_by_path_and_address_come_back() -> None:
    for archive in (Archive(path="a.zip"), Archive(uri="https://x", hash="h"), Asset(uri="https://y")):
        assert decode_value(encode_value(archive, show), reader_of(None)) == archive


def test_a_number_too_large_for_any_double_is_refused() -> None:
    with pytest.raises(StateError, match="can't hold"):
        encode_value(10**400, show)


# --- envelopes ---


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_versions_1_to_4_are_read(version: int, managers: PassphraseManagers) -> None:
    raw = document({"urn": U1, "custom": False, "type": "t", "defaults": {}}, version=version)

    assert read(raw, managers).snapshot.resources[0].urn == U1


def test_a_newer_version_and_an_unknown_feature_are_refused_by_name(managers: PassphraseManagers) -> None:
    with pytest.raises(NotSupported, match="`5`"):
        read(document(version=5), managers)
    with pytest.raises(NotSupported, match="`snippets-prototype`, `views`"):
        read(b'{"version":4,"features":["views","hooks","snippets-prototype"],"checkpoint":{}}', managers)


def test_the_names_of_hooks_are_kept_in_their_order(managers: PassphraseManagers) -> None:
    hooks = {"BeforeDelete": ["b", "a"], "OnError": ["e"]}
    raw = document({"urn": U1, "custom": False, "type": "t", "resourceHooks": hooks}, version=4)

    snapshot = read(raw, managers).snapshot
    written = orjson.loads(SnapshotEncoder(None).checkpoint(snapshot, stack="s", time=""))

    assert snapshot.resources[0].hooks == {"BeforeDelete": ("b", "a"), "OnError": ("e",)}
    assert (written["version"], written["features"]) == (4, ["hooks"])
    assert written["checkpoint"]["latest"]["resources"][0]["resourceHooks"] == hooks


def test_a_kind_of_hook_that_nobody_knows_is_refused_by_name(managers: PassphraseManagers) -> None:
    raw = document({"urn": U1, "custom": False, "type": "t", "resourceHooks": {"AtNoon": ["a"]}}, version=4)

    with pytest.raises(NotSupported, match="`AtNoon`"):
        read(raw, managers)


def test_features_are_declared_while_something_needs_them(make_container: Make) -> None:
    tainted = Snapshot((make_container("c", taint=True), make_container("d", refresh_before_update=True)))

    first = orjson.loads(SnapshotEncoder(None).checkpoint(tainted, stack="s", time=""))
    later = orjson.loads(
        SnapshotEncoder(None).checkpoint(Snapshot((make_container("c"),)), stack="s", time="")
    )

    assert (first["version"], first["features"]) == (4, ["refreshBeforeUpdate", "taint"])
    assert later["version"] == 3
    assert "features" not in later


def test_a_stack_without_a_deployment_is_empty(managers: PassphraseManagers) -> None:
    checkpoint = read(b'{"version":3,"checkpoint":{"stack":"organization/p/s"}}', managers)

    assert checkpoint.snapshot == Snapshot()
    assert checkpoint.stack == "organization/p/s"


def test_an_emptied_stack_keeps_its_manifest_and_salt(seals: Seals) -> None:
    latest = orjson.loads(SnapshotEncoder(seals).checkpoint(Snapshot(), stack="s", time="t"))["checkpoint"][
        "latest"
    ]

    assert list(latest) == ["manifest", "secrets_providers", "metadata"]


def test_pending_operations_come_back(make_container: Make, managers: PassphraseManagers) -> None:
    pending = tuple(PendingOperation(make_container(kind.value, id=""), kind) for kind in OperationType)

    raw = SnapshotEncoder(None).checkpoint(Snapshot((), pending), stack="s", time="")

    assert read(raw, managers).snapshot.pending_operations == pending


def test_other_members_of_the_deployment_are_kept(managers: PassphraseManagers) -> None:
    raw = document(snippets=[{"uuid": "u"}], extensions={"e": 1}, metadata={"k": 1, "integrity_error": {}})

    checkpoint = read(raw, managers)
    latest = written(checkpoint)["checkpoint"]["latest"]

    assert latest["snippets"] == [{"uuid": "u"}]
    assert latest["extensions"] == {"e": 1}
    assert latest["metadata"] == {"k": 1}


def test_secrets_kept_elsewhere_are_refused_by_name(managers: PassphraseManagers) -> None:
    with pytest.raises(NotSupported, match="`awskms`"):
        read(document(secrets_providers={"type": "awskms", "state": {}}), managers)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"  \n", b"\0" * 64, b"{", b"[]", b"null", b'{"version":3}', b'{"version":"3","checkpoint":{}}',
        b'{"version":0,"checkpoint":{}}', b'{"version":true,"checkpoint":{}}', b'{"checkpoint":{}}', b"\xff\xfe",
        b'{"version":3,"checkpoint":[]}', b'{"version":3,"checkpoint":{"latest":7}}',
        b'{"version":3,"checkpoint":{"latest":{"resources":{}}}}', b'{"version":3,"checkpoint":{"latest":{"resources":[1]}}}',
        b'{"version":3,"checkpoint":{"latest":{"manifest":{"version":"v1","magic":"00"}}}}',
        b'{"version":3,"checkpoint":{"latest":{"manifest":[1]}}}',
        b'{"version":3,"checkpoint":{"latest":{"pending_operations":[{"type":"dancing"}]}}}',
        b'{"version":3,"checkpoint":{"latest":{"secrets_providers":{"type":"passphrase","state":{}}}}}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_a_reason(raw: bytes, managers: PassphraseManagers) -> None:
    with pytest.raises(StateCorrupt) as caught:
        read(raw, managers)

    assert caught.value.message
    assert caught.value.hint


def test_a_file_torn_at_any_place_is_refused(golden: bytes, managers: PassphraseManagers) -> None:
    for size in range(0, len(golden) - 2, 997):
        with pytest.raises(StateCorrupt):
            read(golden[:size], managers)


def test_a_deployment_document_and_a_checkpoint_are_both_read(
    golden: bytes, managers: PassphraseManagers
) -> None:
    latest = json.loads(golden)["checkpoint"]["latest"]
    exported = json.dumps({"version": 3, "deployment": latest}).encode()

    def seals_for(salt: str) -> Seals:
        return Seals(managers.for_salt(salt))

    first = decode_deployment(exported, seals_for)
    second = decode_deployment(golden, seals_for)

    assert first.snapshot == second.snapshot


def test_an_entry_is_encoded_once_however_often_it_is_saved(make_container: Make) -> None:
    seen: list[Secret] = []

    def seal(secret: Secret) -> dict[str, str]:
        seen.append(secret)
        return {"ciphertext": "v1:a:b"}

    entries = tuple(make_container(f"c{n}", inputs={"password": Secret("x")}) for n in range(10))
    encoder = SnapshotEncoder(None, seal=seal)

    for count in range(10):
        encoder.checkpoint(Snapshot(entries[: count + 1]), stack="s", time="")

    assert len(seen) == 10


def test_an_entry_that_left_is_let_go(make_container: Make) -> None:
    encoder = SnapshotEncoder(None)
    first = make_container("c")
    encoder.checkpoint(Snapshot((first,)), stack="s", time="")

    encoder.checkpoint(Snapshot(), stack="s", time="")
    again = encoder.checkpoint(Snapshot((copy.copy(make_container("d")),)), stack="s", time="")

    assert b"::d" in again
    assert b"::c" not in again
