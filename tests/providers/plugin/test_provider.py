"""What a plugin is asked and what its answers mean, over a real channel to a plugin in this process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.providers.plugin.conftest import Desk, OpenDesk
from tests.providers.plugin.notes import SECRET, SIGNATURE, UNKNOWN, Manners
from tomo.errors import ConfigMissing, ProviderFailed
from tomo.model.diff import DiffKind
from tomo.model.events import Severity
from tomo.model.provider import (
    CheckRequest,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadStatus,
    UpdateRequest,
)
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN as NOT_KNOWN
from tomo.model.values import Asset, Properties, ResourceRef, Secret, Unknown

NOTE = Urn("urn:pulumi:dev::proj::notes:index:Note::hello")


def create(desk: Desk, **inputs: object) -> CreateResult:
    return desk.provider.create(CreateRequest(NOTE, inputs, timeout=90.0))


def diff(desk: Desk, old: Properties, new: Properties, ignored: tuple[str, ...] = ()) -> DiffRequest:
    return DiffRequest(NOTE, "hello-1", old, {**old, "length": 1}, new, ignored)


# --- configuration -----------------------------------------------------------------------------------


def test_a_plugin_is_asked_by_the_name_of_its_provider(desk: Desk) -> None:
    checked = desk.provider.check_config({}, {"house": "12"})

    assert (dict(checked.inputs), checked.failures) == ({"house": "12"}, ())
    assert desk.last("CheckConfig")["urn"] == desk.provider.urn
    assert desk.last("CheckConfig")["type"] == "pulumi:providers:notes"


def test_a_refused_configuration_is_a_failure_of_its_property(desk: Desk) -> None:
    checked = desk.provider.check_config({}, {"house": "13"})

    assert [(each.property, each.reason) for each in checked.failures] == [
        ("house", "a house has no number 13")
    ]


def test_a_configuration_that_moves_house_replaces(desk: Desk) -> None:
    moved = desk.provider.diff_config({"house": "1"}, {"house": "2"})
    same = desk.provider.diff_config({"house": "1"}, {"house": "1"})

    assert (moved.changed, moved.replaces) == (True, True)
    assert (same.changed, same.replaces) == (False, False)


def test_a_plugin_without_an_opinion_takes_any_configuration(open_desk: OpenDesk) -> None:
    desk = open_desk(Manners(configures=False))

    checked = desk.provider.check_config({}, {"house": "13"})
    change = desk.provider.diff_config({"house": "1"}, {"house": "2"})

    assert (dict(checked.inputs), checked.failures) == ({"house": "13"}, ())
    assert (change.changed, change.replaces) == (None, False)


def test_configuration_goes_out_as_values_and_in_the_older_form_of_texts(desk: Desk) -> None:
    desk.provider.configure({"house": "12", "rooms": [1, 2], "key": Secret("s3cret"), "version": "1.2.3"})

    asked = desk.last("Configure")

    assert asked["variables"] == {
        "notes:config:house": "12",
        "notes:config:rooms": "[1, 2]",
        "notes:config:key": "s3cret",
    }
    assert asked["args"]["key"] == {SIGNATURE: SECRET, "value": "s3cret"}


def test_a_missing_key_is_told_with_the_command_that_sets_it(open_desk: OpenDesk) -> None:
    desk = open_desk(configured=False)

    with pytest.raises(ConfigMissing) as caught:
        desk.provider.configure({"house": "nowhere"})

    assert caught.value.hint == "tomo config set notes:key VALUE"
    assert caught.value.detail == "the key of the house"


def test_a_configuration_that_is_not_known_yet_asks_the_plugin_nothing(open_desk: OpenDesk) -> None:
    desk = open_desk(configured=False)

    desk.provider.configure({"house": NOT_KNOWN})
    made = desk.provider.create(CreateRequest(NOTE, {"text": "hi"}, preview=True))
    change = desk.provider.diff(diff(desk, {"text": "hi"}, {"text": "hi"}))

    assert desk.notes.calls == []
    assert (dict(made.outputs), change.changed) == ({}, True)
    assert [(line[0], line[2]) for line in desk.heard] == [(Severity.WARNING, NOTE)]


# --- what is agreed on -------------------------------------------------------------------------------


@pytest.mark.parametrize("shakes_hands", [True, False])
def test_secrets_and_resources_go_as_such_to_a_plugin_that_takes_them(
    open_desk: OpenDesk, *, shakes_hands: bool
) -> None:
    desk = open_desk(Manners(shakes_hands=shakes_hands))
    friend = ResourceRef("urn:pulumi:dev::proj::a:b:C::friend", "id-7")

    made = create(desk, text=Secret("psst"), friend=friend)

    asked = desk.last("Create")["properties"]
    assert asked["text"] == {SIGNATURE: SECRET, "value": "psst"}
    assert asked["friend"]["id"] == "id-7"
    assert asked["friend"]["urn"] == friend.urn
    assert made.outputs["length"] == Secret(4)


@pytest.mark.parametrize("shakes_hands", [True, False])
def test_a_plugin_that_takes_neither_gets_plain_values_and_ids(
    open_desk: OpenDesk, *, shakes_hands: bool
) -> None:
    desk = open_desk(Manners(shakes_hands=shakes_hands, secrets=False, resources=False))
    inputs = {
        "text": Secret({"deep": Secret("psst")}),
        "friend": ResourceRef("urn:a", "id-7"),
        "group": ResourceRef("urn:b", None),
        "later": ResourceRef("urn:c", Unknown()),
    }

    desk.provider.create(CreateRequest(NOTE, inputs, preview=True))

    if shakes_hands:
        assert desk.last("Create")["properties"] == {
            "text": {"deep": "psst"},
            "friend": "id-7",
            "group": "urn:b",
            "later": UNKNOWN,
        }


def test_assets_go_with_their_digest(desk: Desk) -> None:
    create(desk, file=Asset(path="a.txt", hash="ab" * 32))

    assert desk.last("Create")["properties"]["file"]["hash"] == "ab" * 32


# --- deciding ----------------------------------------------------------------------------------------


def test_a_plugin_completes_inputs_from_the_seed(desk: Desk) -> None:
    checked = desk.provider.check(CheckRequest(NOTE, {}, {"text": "hi"}, b"\xab" * 32))

    assert dict(checked.inputs) == {"text": "hi", "title": "hello-abababa"}


def test_refused_inputs_are_failures_of_their_properties(desk: Desk) -> None:
    checked = desk.provider.check(CheckRequest(NOTE, {}, {"bad": "apple"}))

    assert [(each.property, each.reason) for each in checked.failures] == [("bad", "`apple` is bad")]


def test_a_detailed_difference_names_paths_kinds_and_what_replaces(desk: Desk) -> None:
    found = desk.provider.diff(diff(desk, {"text": "a", "room": 1}, {"text": "b", "room": 2, "first": True}))

    assert [(each.path, each.kind) for each in found.properties] == [
        ("first", DiffKind.UPDATE),
        ("room", DiffKind.UPDATE_REPLACE),
        ("text", DiffKind.UPDATE),
    ]
    assert (found.changed, found.replace_keys, found.delete_before_replace) == (True, ("room",), True)


def test_nothing_differs_where_only_ignored_properties_do(desk: Desk) -> None:
    found = desk.provider.diff(diff(desk, {"text": "a"}, {"text": "b"}, ("text",)))

    assert (found.changed, found.properties) == (False, ())


# --- acting ------------------------------------------------------------------------------------------


def test_a_created_note_has_an_id_and_outputs(desk: Desk) -> None:
    made = create(desk, text="hi")

    assert (made.id, dict(made.outputs)) == ("hello-1", {"text": "hi", "length": 2})
    assert desk.last("Create")["timeout"] == 90.0


def test_a_preview_foretells_and_makes_nothing(desk: Desk) -> None:
    foretold = desk.provider.create(CreateRequest(NOTE, {"text": "hi"}, preview=True))

    assert foretold.id == ""
    assert isinstance(foretold.outputs["length"], Unknown)
    assert list(desk.notes.folder.glob("*.json")) == []


def test_a_plugin_that_cannot_preview_is_not_asked_to(open_desk: OpenDesk) -> None:
    desk = open_desk(Manners(shakes_hands=False, previews=False))

    made = desk.provider.create(CreateRequest(NOTE, {"text": "hi"}, preview=True))
    changed = desk.provider.update(UpdateRequest(NOTE, "hello-1", {}, {}, {"text": "ho"}, preview=True))

    assert (dict(made.outputs), dict(changed.outputs)) == ({"text": "hi"}, {"text": "ho"})
    assert {verb for verb, _ in desk.notes.calls} == {"Handshake", "Attach", "Configure"}


def test_a_note_that_is_half_done_is_there_with_its_reasons(desk: Desk) -> None:
    made = create(desk, text="hi", trouble="half")

    assert (made.id, made.outputs["length"]) == ("hello-1", 2)
    assert made.init_errors == ("the ink is wet", "and blue")


def test_a_failure_says_what_the_plugin_said(desk: Desk) -> None:
    with pytest.raises(ProviderFailed, match="the pen broke"):
        create(desk, trouble="fail")


def test_an_update_sends_what_was_and_what_shall_be(desk: Desk) -> None:
    made = create(desk, text="hi")
    asked = UpdateRequest(NOTE, made.id, {"text": "hi"}, made.outputs, {"text": "hello"}, ("title",))

    changed = desk.provider.update(asked)

    sent = desk.last("Update")
    assert changed.outputs["length"] == 5
    assert (sent["old_inputs"], sent["olds"]["length"], sent["ignoreChanges"]) == (
        {"text": "hi"},
        2,
        ["title"],
    )


def test_a_deleted_note_is_gone_at_the_next_look(desk: Desk) -> None:
    made = create(desk, text="hi")

    desk.provider.delete(DeleteRequest(NOTE, made.id, {"text": "hi"}, made.outputs))
    [found] = desk.provider.read([ReadRequest(NOTE, made.id, {"text": "hi"}, made.outputs)])

    assert found.status is ReadStatus.GONE
    assert desk.last("Delete")["old_inputs"] == {"text": "hi"}


# --- looking -----------------------------------------------------------------------------------------


def test_a_look_finds_what_was_changed_by_hand(desk: Desk) -> None:
    made = create(desk, text="hi")
    (desk.notes.folder / f"{made.id}.json").write_text('{"text": "edited"}')

    [found] = desk.provider.read([ReadRequest(NOTE, made.id, {"text": "hi"}, made.outputs)])

    assert found.status is ReadStatus.FOUND
    assert (dict(found.inputs), found.outputs["length"]) == ({"text": "edited"}, 6)


def test_many_are_looked_at_in_the_order_asked(desk: Desk) -> None:
    made = [create(desk, text="x" * each).id for each in range(5)]
    asked = [ReadRequest(NOTE, each) for each in [*reversed(made), "nobody"]]

    found = desk.provider.read(asked)

    assert [each.id for each in found] == [*reversed(made), ""]


def test_a_plugin_that_cannot_look_leaves_the_record_as_it_is(open_desk: OpenDesk) -> None:
    desk = open_desk(Manners(reads=False))

    [found] = desk.provider.read([ReadRequest(NOTE, "hello-1")])

    assert found.status is ReadStatus.UNSUPPORTED


def test_no_question_is_no_call(desk: Desk) -> None:
    assert desk.provider.read([]) == []


# --- functions ---------------------------------------------------------------------------------------


def test_a_function_is_called(desk: Desk) -> None:
    answer = desk.provider.invoke("notes:index:shout", {"text": "hi"}, preview=False)

    assert dict(answer.outputs) == {"text": "HI"}


def test_a_secret_argument_makes_the_answer_secret(open_desk: OpenDesk) -> None:
    knowing, plain = open_desk(), open_desk(Manners(secrets=False))

    answers = [
        each.provider.invoke("notes:index:shout", {"text": Secret("hi")}, preview=False)
        for each in (knowing, plain)
    ]

    assert [each.outputs["text"] for each in answers] == [Secret("HI"), Secret("HI")]
    assert plain.last("Invoke")["args"] == {"text": "hi"}


def test_refused_arguments_are_failures(desk: Desk) -> None:
    answer = desk.provider.invoke("notes:index:sing", {}, preview=False)

    assert [each.reason for each in answer.failures] == ["no function notes:index:sing"]


# --- telling and ending ------------------------------------------------------------------------------


def test_what_a_plugin_logs_is_heard_about_its_resource(desk: Desk) -> None:
    create(desk, text="hi")

    assert desk.heard == [(Severity.INFO, "writing hello", NOTE)]


def test_a_cancelled_call_ends(desk: Desk) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(create, desk, trouble="wait")
        assert desk.notes.waiting.wait(5)

        desk.provider.cancel()

        with pytest.raises(ProviderFailed, match="put down, as asked"):
            running.result(5)


def test_a_plugin_that_was_never_asked_is_not_cancelled(open_desk: OpenDesk) -> None:
    desk = open_desk(configured=False)

    desk.provider.cancel()

    assert desk.notes.calls == []
