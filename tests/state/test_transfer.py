from __future__ import annotations

import json
from pathlib import Path

import pytest

from tomo.errors import StateCorrupt, StateError
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.backend import FileBackend, StackName
from tomo.state.transfer import export_deployment, import_deployment

GOLDEN = StackName("golden", "golden")


@pytest.fixture
def store(backend: FileBackend, golden: bytes) -> FileBackend:
    path = Path(backend.location) / ".pulumi" / "stacks" / "golden" / "golden.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(golden)
    return backend


def test_an_export_has_the_form_that_pulumi_prints(
    store: FileBackend, golden: bytes, managers: PassphraseManagers
) -> None:
    exported = json.loads(export_deployment(store.load("golden", "golden", managers)))

    expected = json.loads(golden)["checkpoint"]["latest"]
    assert list(exported) == ["version", "deployment"]
    assert exported["deployment"]["resources"] == expected["resources"]
    assert exported["deployment"]["secrets_providers"] == expected["secrets_providers"]


def test_an_export_shows_secrets_only_when_asked(store: FileBackend, managers: PassphraseManagers) -> None:
    stored = store.load("golden", "golden", managers)

    assert b"OPENSSH" not in export_deployment(stored)
    assert b"OPENSSH" in export_deployment(stored, show_secrets=True)


@pytest.mark.parametrize("show_secrets", [True, False])
def test_an_export_is_imported_as_the_same_state(
    store: FileBackend, managers: PassphraseManagers, show_secrets: bool
) -> None:
    stored = store.load("golden", "golden", managers)

    snapshot = import_deployment(export_deployment(stored, show_secrets=show_secrets), GOLDEN, managers)

    assert snapshot == stored.snapshot


def test_readable_secrets_are_sealed_when_the_import_is_saved(
    store: FileBackend, managers: PassphraseManagers
) -> None:
    stored = store.load("golden", "golden", managers)
    snapshot = import_deployment(export_deployment(stored, show_secrets=True), GOLDEN, managers)

    store.writer("golden", "golden", stored.seals).save(snapshot)

    assert b"OPENSSH" not in store.raw("golden", "golden")
    assert store.load("golden", "golden", managers).snapshot == stored.snapshot


def test_a_document_that_breaks_the_rules_is_refused(
    store: FileBackend, managers: PassphraseManagers
) -> None:
    document = json.loads(export_deployment(store.load("golden", "golden", managers)))
    document["deployment"]["resources"].reverse()

    with pytest.raises(StateError, match="does not stand before it"):
        import_deployment(json.dumps(document).encode(), GOLDEN, managers)


def test_a_document_of_another_stack_is_refused(store: FileBackend, managers: PassphraseManagers) -> None:
    exported = export_deployment(store.load("golden", "golden", managers))

    with pytest.raises(StateError, match="another stack"):
        import_deployment(exported, StackName("golden", "prod"), managers)


@pytest.mark.parametrize("raw", [b"", b"not json", b"[]", b'{"version":3}', b'{"version":3,"deployment":[]}'])
def test_what_is_no_document_is_refused(raw: bytes, managers: PassphraseManagers) -> None:
    with pytest.raises(StateCorrupt):
        import_deployment(raw, GOLDEN, managers)


def test_what_is_unchanged_keeps_its_ciphertext_under_the_same_salt_only(
    store: FileBackend, managers: PassphraseManagers
) -> None:
    stored = store.load("golden", "golden", managers)
    ciphertext = stored.snapshot.resources[3].inputs["environment"]["A"].ciphertext.encode()

    store.writer("golden", "golden", stored.seals_under(managers.for_salt(stored.salt))).save(stored.snapshot)
    same_salt = store.raw("golden", "golden")
    store.writer("golden", "golden", stored.seals_under(managers.create())).save(stored.snapshot)
    new_salt = store.raw("golden", "golden")

    assert ciphertext in same_salt
    assert ciphertext not in new_salt


@pytest.mark.parametrize("raw", [b"", b"nope", b"[]", b'{"version": 3, "deployment": []}'])
def test_what_is_no_document_is_told_with_what_to_name(raw: bytes, managers: PassphraseManagers) -> None:
    with pytest.raises(StateCorrupt, match="can't be imported into `golden`") as caught:
        import_deployment(raw, GOLDEN, managers)

    assert "tomo state export" in caught.value.hint
