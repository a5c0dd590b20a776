"""Resources and snapshots as Pulumi's checkpoint writes them, and back (engine-spec 3)."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Final

import orjson

from tomo import __version__
from tomo.errors import NotSupported, StateCorrupt, StateError
from tomo.frozen import frozen
from tomo.model.goal import Timeouts
from tomo.model.resource import ResourceState
from tomo.model.snapshot import OperationType, PendingOperation, Snapshot
from tomo.model.values import Value
from tomo.state.entries import CORRUPT_HINT, TIMEOUTS, KnownUrns, decode_resource, expect, texts
from tomo.state.groups import Groups, groups_of
from tomo.state.properties import (
    Json,
    ReadSecret,
    SealJson,
    decode_value,
    dump,
    encode_object,
    encode_value,
    is_all_plain,
    reader_of,
    seal_with,
)
from tomo.state.seals import Seals, provider_state, salt_of

ORGANIZATION: Final = "organization"
WRITER: Final = f"tomo {__version__}"
_OLDEST, _PLAIN, _WITH_FEATURES = 1, 3, 4


# What is copied as it is, in the order in which Pulumi writes it.
_PLAIN_ATTRIBUTES: Final = (
    ("parent", "parent"),
    ("protect", "protect"),
    ("taint", "taint"),
    ("external", "external"),
    ("dependencies", "dependencies"),
    ("init_errors", "initErrors"),
    ("provider", "provider"),
)
_LATE_ATTRIBUTES: Final = (
    ("pending_replacement", "pendingReplacement"),
    ("additional_secret_outputs", "additionalSecretOutputs"),
    ("aliases", "aliases"),
)
_LAST_ATTRIBUTES: Final = (
    ("import_id", "importID"),
    ("retain_on_delete", "retainOnDelete"),
    ("deleted_with", "deletedWith"),
    ("replace_with", "replaceWith"),
    ("created", "created"),
    ("modified", "modified"),
    ("source_position", "sourcePosition"),
    ("ignore_changes", "ignoreChanges"),
    ("replace_on_changes", "replaceOnChanges"),
    ("hide_diffs", "hideDiff"),
    ("refresh_before_update", "refreshBeforeUpdate"),
    ("hooks", "resourceHooks"),
)

_FEATURES: Final = {
    "refreshBeforeUpdate": "refresh_before_update",
    "taint": "taint",
    "replaceWith": "replace_with",
    "hooks": "hooks",
}
"""Features of version 4 that Tomo knows → the attribute that needs them."""


# --- resources --------------------------------------------------------------------------------------


def encode_resource(resource: ResourceState, seal: SealJson) -> dict[str, Json]:
    """One entry of the file; what is empty is left out."""
    entry: dict[str, Json] = {"urn": resource.urn, "custom": resource.custom}
    if resource.delete:
        entry["delete"] = True
    if resource.id:
        entry["id"] = resource.id
    entry["type"] = resource.type
    if resource.inputs:
        entry["inputs"] = encode_object(resource.inputs, seal)
    if resource.outputs:
        entry["outputs"] = encode_object(resource.outputs, seal)
    _copy_set(entry, resource, _PLAIN_ATTRIBUTES)
    if resource.property_dependencies:
        entry["propertyDependencies"] = dict(resource.property_dependencies)
    _copy_set(entry, resource, _LATE_ATTRIBUTES)
    if timeouts := _encode_timeouts(resource.custom_timeouts):
        entry["customTimeouts"] = timeouts
    _copy_set(entry, resource, _LAST_ATTRIBUTES)
    if resource.replacement_trigger is not None:
        entry["replacementTrigger"] = encode_value(resource.replacement_trigger, seal)
    entry.update(encode_object(resource.extra, seal))
    return entry


def _copy_set(entry: dict[str, Json], resource: ResourceState, keys: Iterable[tuple[str, str]]) -> None:
    for attribute, key in keys:
        value = getattr(resource, attribute)
        if value:
            entry[key] = value


def _encode_timeouts(timeouts: Timeouts) -> dict[str, Json]:
    given = {name: getattr(timeouts, name) for name in TIMEOUTS}
    return {
        name: int(value) if float(value).is_integer() else value
        for name, value in given.items()
        if value is not None
    }


# --- snapshots --------------------------------------------------------------------------------------


@frozen
class Checkpoint:
    """A checkpoint file as read: the snapshot, the salt its secrets are under, and who wrote it."""

    snapshot: Snapshot
    stack: str = ""
    salt: str = ""
    version: int = _PLAIN
    writer: str = ""
    time: str = ""
    seals: Seals | None = field(default=None, repr=False)


SealsForSalt = Callable[[str], Seals]
"""Gives the seals of a salt found in a file; called only where there is one."""


def decode_checkpoint(raw: bytes, seals_for: SealsForSalt) -> Checkpoint:
    """The checkpoint in a file of any version that Pulumi has written since 1.0."""
    groups = groups_of(raw)
    if groups is not None:
        # What can't be read in groups is read whole, which also says best what is wrong with it.
        with contextlib.suppress(orjson.JSONDecodeError, StateCorrupt):
            return _decode_checkpoint(_parse(groups.frame), seals_for, groups, plain=is_all_plain(raw))
    return _decode_checkpoint(_parse(raw), seals_for)


def _decode_checkpoint(
    document: dict[str, Json], seals_for: SealsForSalt, groups: Groups | None = None, *, plain: bool = False
) -> Checkpoint:
    version = _check_version(document)
    checkpoint = expect(document, "checkpoint", dict)
    stack = str(checkpoint.get("stack", ""))
    latest = checkpoint.get("latest")
    return _decode_latest(
        latest, version=version, stack=stack, seals_for=seals_for, groups=groups, plain=plain
    )


def decode_deployment(raw: bytes, seals_for: SealsForSalt) -> Checkpoint:
    """The deployment that `pulumi stack export` or `tomo state export` printed."""
    document = _parse(raw)
    if "checkpoint" in document and "deployment" not in document:
        return decode_checkpoint(raw, seals_for)
    version = _check_version(document)
    deployment = expect(document, "deployment", dict)
    return _decode_latest(deployment, version=version, stack="", seals_for=seals_for)


def _parse(raw: bytes) -> dict[str, Json]:
    if not raw.strip(b"\0 \t\r\n"):
        raise StateCorrupt("the file is empty", hint=CORRUPT_HINT)
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # The error quotes the whole document; only its place is passed on.
        reason = f"not JSON: {error.msg.split(':')[0]} at line {error.lineno}, column {error.colno}"
        raise StateCorrupt(reason, hint=CORRUPT_HINT) from None
    if not isinstance(document, dict):
        raise StateCorrupt("not a JSON object", hint=CORRUPT_HINT)
    return document


def _check_version(document: dict[str, Json]) -> int:
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < _OLDEST:
        raise StateCorrupt(f"the file's version `{version}` is not a checkpoint version", hint=CORRUPT_HINT)
    if version > _WITH_FEATURES:
        raise NotSupported(
            f"checkpoint version `{version}` is newer than this version of Tomo knows",
            hint=f"go on with what wrote it; Tomo reads versions {_OLDEST} to {_WITH_FEATURES}",
        )
    unknown = sorted(set(texts(document.get("features"), "features")) - _FEATURES.keys())
    if unknown:
        raise NotSupported(
            f"the state needs features that are not supported: {', '.join(f'`{name}`' for name in unknown)}",
            hint="take the resources that use them out of the stack with `pulumi` first",
        )
    return version


def _decode_latest(
    latest: Json,
    *,
    version: int,
    stack: str,
    seals_for: SealsForSalt,
    groups: Groups | None = None,
    plain: bool = False,
) -> Checkpoint:
    if latest is None:
        return Checkpoint(Snapshot(), stack=stack, version=version)
    if not isinstance(latest, dict):
        raise StateCorrupt("`latest` must be of type object", hint=CORRUPT_HINT)
    writer, time = _decode_manifest(latest.get("manifest") or {})
    salt = salt_of(latest.get("secrets_providers"))
    seals = seals_for(salt) if salt else None
    with without_collector():
        snapshot = _decode_snapshot(latest, reader_of(seals), groups, plain=plain)
    return Checkpoint(snapshot, stack, salt, version, writer, time, seals)


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Looking for cycles, where there are none, doubles the time of a large state."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


_SNAPSHOT_KEYS: Final = {"manifest", "secrets_providers", "resources", "pending_operations"}


def _decode_snapshot(
    latest: dict[str, Json], read: ReadSecret, groups: Groups | None, *, plain: bool
) -> Snapshot:
    urns, entries = KnownUrns(), _list(latest, "resources")
    if groups is not None and len(entries) != 1:
        raise StateCorrupt("the list of entries is not where it should be", hint=CORRUPT_HINT)
    before = groups.entries() if groups is not None else ()
    resources = tuple(
        [decode_resource(entry, read, urns, plain=plain) for entry in itertools.chain(before, entries)]
    )
    pending = tuple(_decode_operation(entry, read) for entry in _list(latest, "pending_operations"))
    extra = {key: decode_value(latest[key], read) for key in latest if key not in _SNAPSHOT_KEYS}
    return Snapshot(resources, pending, extra)


def _decode_manifest(manifest: Json) -> tuple[str, str]:
    if not isinstance(manifest, dict):
        raise StateCorrupt("`manifest` must be of type object", hint=CORRUPT_HINT)
    writer, magic = str(manifest.get("version") or ""), manifest.get("magic") or ""
    if magic != _magic(writer):
        raise StateCorrupt(
            "`manifest.magic` does not fit `manifest.version`: the file was edited or damaged",
            hint=CORRUPT_HINT,
        )
    return writer, str(manifest.get("time") or "")


def _magic(writer: str) -> str:
    return hashlib.sha256(writer.encode()).hexdigest() if writer else ""


def _decode_operation(entry: Json, read: ReadSecret) -> PendingOperation:
    if not isinstance(entry, dict):
        raise StateCorrupt("an entry of `pending_operations` is not an object", hint=CORRUPT_HINT)
    kind = entry.get("type")
    if kind not in set(OperationType):
        raise StateCorrupt(f"a pending operation has the unknown type `{kind}`", hint=CORRUPT_HINT)
    return PendingOperation(decode_resource(entry.get("resource"), read), OperationType(str(kind)))


def _list(latest: dict[str, Json], key: str) -> list[Json]:
    value = latest.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise StateCorrupt(f"`{key}` must be a list", hint=CORRUPT_HINT)
    return value


# --- writing ----------------------------------------------------------------------------------------


@frozen
class EncodedResource:
    """An entry's bytes, and the features a reader of them must know."""

    json: bytes
    features: frozenset[str]


class SnapshotEncoder:
    """Writes snapshots under one salt; entries that were written before are not encoded again.

    Entries are frozen, so one that is the same object has the same bytes. Not for several threads at once.
    """

    def __init__(self, seals: Seals | None, *, seal: SealJson | None = None) -> None:
        self._seals = seals
        self._seal = seal or seal_with(seals)
        self._done: dict[int, tuple[ResourceState, EncodedResource]] = {}

    def checkpoint(self, snapshot: Snapshot, *, stack: str, time: str) -> bytes:
        """The checkpoint file of a stack: compact, on one line."""
        latest, version = self._deployment(snapshot, time)
        return b'{%s,"checkpoint":{"stack":%s,"latest":%s}}' % (version, dump(stack), latest)

    def deployment(self, snapshot: Snapshot, *, time: str) -> bytes:
        """The document that `pulumi stack export` prints, compact."""
        latest, version = self._deployment(snapshot, time)
        return b'{%s,"deployment":%s}' % (version, latest)

    def entry(self, resource: ResourceState) -> bytes:
        """One entry as `resources` holds it; kept for the checkpoint that is written later."""
        return self._done.setdefault(id(resource), (resource, self._encode(resource)))[1].json

    def _deployment(self, snapshot: Snapshot, time: str) -> tuple[bytes, bytes]:
        resources = self._encode_all(snapshot)
        operations = [
            b'{"resource":%s,"type":%s}' % (self._encode(operation.resource).json, dump(operation.type))
            for operation in snapshot.pending_operations
        ]
        features = frozenset[str]().union(*{encoded.features for encoded in resources})
        members = [b'"manifest":' + dump({"time": time, "magic": _magic(WRITER), "version": WRITER})]
        if provider := provider_state(self._seals):
            members.append(b'"secrets_providers":' + dump(provider))
        if resources:
            members.append(b'"resources":[%s]' % b",".join(encoded.json for encoded in resources))
        if operations:
            members.append(b'"pending_operations":[%s]' % b",".join(operations))
        members += self._extra_members(snapshot.extra)
        return b"{%s}" % b",".join(members), _version_members(features)

    def _extra_members(self, extra: Mapping[str, Value]) -> list[bytes]:
        kept = {"metadata": {}, **encode_object(extra, self._seal)}
        if isinstance(kept["metadata"], dict):
            # It told of a snapshot that broke the rules; this one has been checked.
            kept["metadata"].pop("integrity_error", None)
        return [dump(key) + b":" + dump(value) for key, value in sorted(kept.items())]

    def _encode_all(self, snapshot: Snapshot) -> list[EncodedResource]:
        entries = [*snapshot.resources, *(operation.resource for operation in snapshot.pending_operations)]
        encoded = [self._encode(resource) for resource in entries]
        # Entries that left the snapshot are let go; the cache holds the others, so an id is never reused.
        self._done = {id(entry): (entry, done) for entry, done in zip(entries, encoded, strict=True)}
        return encoded[: len(snapshot.resources)]

    def _encode(self, resource: ResourceState) -> EncodedResource:
        done = self._done.get(id(resource))
        if done is not None:
            return done[1]
        try:
            json = dump(encode_resource(resource, self._seal))
        except StateError as error:
            raise StateError(error.message, hint=error.hint, where=resource.urn) from error
        features = [name for name, attribute in _FEATURES.items() if getattr(resource, attribute)]
        return EncodedResource(json, frozenset(features))


def _version_members(features: frozenset[str]) -> bytes:
    if not features:
        return b'"version":%d' % _PLAIN
    return b'"version":%d,"features":%s' % (_WITH_FEATURES, dump(sorted(features)))
