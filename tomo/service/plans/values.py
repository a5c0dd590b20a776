"""Property values as a saved plan writes them: Pulumi's forms, and unknowns with where they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from tomo.errors import PlanRefused
from tomo.model.values import Secret, Unknown, Value, has_unknown
from tomo.service.plans.form import Json, canonical, parsed
from tomo.service.plans.seals import PlanSeals
from tomo.state.properties import SECRET, SIGNATURE, decode_value, encode_object, encode_value

UNKNOWN: Final = "unknown"
"""The signature of a value that exists only after apply."""

SealText: TypeAlias = Callable[[str], Mapping[str, str]]
"""Gives the members that stand for a secret's JSON text."""


# --- writing ---------------------------------------------------------------------------------------


class ValueWriter:
    """Writes the values of one place; the place is part of what the ciphertexts hang on."""

    def __init__(self, seal: SealText) -> None:
        self._seal = seal

    @classmethod
    def of_place(cls, seals: PlanSeals, place: str) -> ValueWriter:
        """The writer of a place, such as a URN."""
        return cls(lambda text: seals.seal(place, text))

    def secret(self, secret: Secret) -> Mapping[str, str]:
        """What stands for a secret."""
        return self._seal(secret_text(secret))

    def properties(self, values: Mapping[str, Value]) -> dict[str, Json]:
        """The JSON form of a property map."""
        encode_object(dict.fromkeys(values), self.secret)  # refuses what would be read as another kind
        return {str(key): self.value(value) for key, value in values.items()}

    def value(self, value: Value) -> Json:
        """The JSON form of a value."""
        if isinstance(value, Secret):
            unknown = {"unknown": True} if has_unknown(value) else {}
            return {SIGNATURE: SECRET, **self.secret(value), **unknown}
        if isinstance(value, Unknown):
            return {SIGNATURE: UNKNOWN, **self._origin(value)}
        if isinstance(value, Mapping):
            return self.properties(value)
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return encode_value(value, self.secret)

    def _origin(self, unknown: Unknown) -> dict[str, Json]:
        if unknown.parts:
            return {"parts": [self.value(part) for part in unknown.parts]}
        if unknown.source:
            return {"from": unknown.source}
        return {"fromAnyOf": list(unknown.any_of)} if unknown.any_of else {}


def secret_text(secret: Secret) -> str:
    """The canonical JSON text of what a secret holds."""
    return canonical(ValueWriter(_inside).value(secret.reveal())).decode()


def _inside(text: str) -> Mapping[str, str]:
    """A secret within a secret is sealed with it and only marked."""
    return {"plaintext": text}


# --- reading ---------------------------------------------------------------------------------------


class ValueReader:
    """Reads values back; secrets stay sealed until they are revealed.

    `hashes` collects the keyed hash of each ciphertext that was read.
    """

    def __init__(self, seals: PlanSeals | None) -> None:
        self._seals = seals
        self.hashes: dict[str, str] = {}

    def properties(self, json: Json) -> dict[str, Value]:
        """The property map that a JSON object stands for."""
        if not isinstance(json, dict):
            raise unreadable("a property map is no object")
        return {key: self.value(item) for key, item in json.items()}

    def value(self, json: Json) -> Value:
        """The value that a JSON form stands for."""
        if isinstance(json, list):
            return [self.value(item) for item in json]
        if not isinstance(json, dict):
            return json
        kind = json.get(SIGNATURE)
        if kind == SECRET:
            return self._secret(json)
        if kind == UNKNOWN:
            return self._unknown(json)
        return decode_value(json, self.sealed) if kind else self.properties(json)

    def sealed(self, ciphertext: str) -> Secret:
        """The secret of a ciphertext."""
        return Secret.sealed(ciphertext, self._opened)

    def _secret(self, json: dict[str, Json]) -> Secret:
        if isinstance(json.get("plaintext"), str):
            return Secret(self.value(parsed(str(json["plaintext"]).encode())))
        ciphertext, hash_ = str(json.get("ciphertext")), str(json.get("hash"))
        self.hashes[ciphertext] = hash_
        if json.get("unknown") and self._seals is not None:
            return Secret(self._opened(ciphertext))
        return self.sealed(ciphertext)

    def _opened(self, ciphertext: str) -> Value:
        if self._seals is None:
            raise unreadable("its secrets can't be opened here")
        return self.value(parsed(self._seals.open(ciphertext).encode()))

    def _unknown(self, json: dict[str, Json]) -> Unknown:
        parts, any_of = json.get("parts"), json.get("fromAnyOf")
        return Unknown(
            str(json.get("from", "")),
            tuple(map(self.value, parts)) if isinstance(parts, list) else (),
            tuple(map(str, any_of)) if isinstance(any_of, list) else (),
        )


def unreadable(why: str) -> PlanRefused:
    """The refusal of a plan that has what no plan of this version has."""
    return PlanRefused(
        f"the plan can't be read: {why}", hint="make a new one with this version: `tomo plan -o FILE`"
    )
