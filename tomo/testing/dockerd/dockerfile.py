"""The classic builder, as far as files and configuration go; RUN is taken note of, not run."""

from __future__ import annotations

import io
import json
import re
import shlex
import tarfile
from collections.abc import Callable, Iterator, Mapping
from posixpath import join, normpath
from typing import Final

from tomo.testing.dockerd.http import Json
from tomo.testing.dockerd.refused import ApiError
from tomo.testing.registry import DEFAULT_PATH, Behaviour, ImageDefinition

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_NO_CONFIG: Final = frozenset({"RUN", "COPY", "ADD", "ARG", "SHELL", "ONBUILD", "MAINTAINER"})
_SECONDS: Final = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Builder:
    """One build: reads the context, walks the Dockerfile, holds the result."""

    def __init__(
        self, base_image: Callable[[str], ImageDefinition], query: Mapping[str, str], context: bytes
    ) -> None:
        self._base_image = base_image
        self._context = _context_files(context)
        self._dockerfile = query.get("dockerfile") or "Dockerfile"
        self._variables = dict(json.loads(query.get("buildargs") or "{}"))
        self._config: Json = {}
        self._files: dict[str, bytes] = {}
        self._behaviour = Behaviour()
        self._history: list[str] = []

    def steps(self) -> Iterator[str]:
        """Does one instruction after the other and says so as Docker does."""
        text = self._context.get(normpath(self._dockerfile))
        if text is None:
            raise ApiError(500, f"Cannot locate specified Dockerfile: {self._dockerfile}")
        instructions = _instructions(text.decode())
        if not instructions:
            raise ApiError(500, "the Dockerfile (Dockerfile) cannot be empty")
        for number, line in enumerate(instructions, 1):
            yield f"Step {number}/{len(instructions)} : {line}\n"
            self._do(line)

    def result(self, name: str) -> ImageDefinition:
        """The image that came out."""
        files = {**self._files, "/.history": "\n".join(self._history).encode()}
        return ImageDefinition(
            name if ":" in name or name == "built" else f"{name}:latest",
            self._config,
            self._behaviour,
            files,
            layers=max(1, len(self._history)),
            size=sum(map(len, self._files.values())),
        )

    def _do(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        instruction, rest = word.upper(), self._expand(rest.strip())
        self._history.append(f"{instruction} {rest}")
        if instruction == "FROM":
            base = self._base_image(rest.split()[0])
            self._config, self._files = _with_path(base.full_config), dict(base.files)
            self._behaviour = base.behaviour
        elif instruction == "ARG":
            name, _, default = rest.partition("=")
            self._variables.setdefault(name, default)
        elif instruction in {"COPY", "ADD"}:
            self._copy([part for part in shlex.split(rest) if not part.startswith("--")])
        elif instruction not in _NO_CONFIG:
            self._config = change_config(self._config, f"{instruction} {rest}")

    def _copy(self, parts: list[str]) -> None:
        *sources, target = parts
        folder = join(self._config.get("WorkingDir") or "/", target)
        for source in sources:
            found = _below(self._context, source)
            if not found:
                raise ApiError(
                    500,
                    f"COPY failed: file not found in build context or excluded by .dockerignore: {source}",
                )
            for path, content in found.items():
                into = join(folder, path) if path else folder
                if not path and target.endswith("/"):
                    into = join(folder, source.rsplit("/", 1)[-1])
                self._files[normpath(into)] = content

    def _expand(self, text: str) -> str:
        return _VARIABLE.sub(lambda match: self._variables.get(match[1] or match[2], match[0]), text)


def change_config(config: Json, instruction: str) -> Json:  # noqa: C901  # one case each
    """The image config after one Dockerfile instruction."""
    word, _, rest = instruction.strip().partition(" ")
    rest = rest.strip()
    match word.upper():
        case "ENV":
            return {**config, "Env": _merged_env(config.get("Env"), rest)}
        case "CMD":
            return {**config, "Cmd": _command(rest)}
        case "ENTRYPOINT":
            return {**config, "Entrypoint": _command(rest), "Cmd": None}
        case "EXPOSE":
            ports: Json = {port if "/" in port else f"{port}/tcp": {} for port in rest.split()}
            return {**config, "ExposedPorts": {**(config.get("ExposedPorts") or {}), **ports}}
        case "LABEL":
            return {**config, "Labels": {**(config.get("Labels") or {}), **_pairs(rest)}}
        case "VOLUME":
            paths = json.loads(rest) if rest.startswith("[") else rest.split()
            return {**config, "Volumes": {**(config.get("Volumes") or {}), **{path: {} for path in paths}}}
        case "WORKDIR":
            return {**config, "WorkingDir": join(config.get("WorkingDir") or "/", rest)}
        case "USER":
            return {**config, "User": rest}
        case "STOPSIGNAL":
            return {**config, "StopSignal": rest}
        case "HEALTHCHECK":
            return {**config, "Healthcheck": _healthcheck(rest)}
        case _:
            raise ApiError(500, f"dockerfile parse error: unknown instruction: {word.upper()}")


def _context_files(body: bytes) -> dict[str, bytes]:
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:*") as archive:
            files = ((entry, archive.extractfile(entry)) for entry in archive if entry.isfile())
            return {normpath(entry.name): reader.read() for entry, reader in files if reader}
    except tarfile.TarError as error:
        raise ApiError(500, f"unexpected error reading Dockerfile: {error}") from error


def _below(context: Mapping[str, bytes], source: str) -> dict[str, bytes]:
    """Files of the context at or below a path, by their path from there."""
    root = normpath(source.lstrip("/") or ".")
    if root == ".":
        return dict(context)
    if root in context:
        return {"": context[root]}
    return {name[len(root) + 1 :]: data for name, data in context.items() if name.startswith(root + "/")}


def _instructions(text: str) -> list[str]:
    joined = re.sub(r"\\[ \t]*\n", " ", text)
    lines = (line.strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _command(text: str) -> list[str]:
    return list(json.loads(text)) if text.startswith("[") else ["/bin/sh", "-c", text]


def _pairs(text: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in shlex.split(text))


def _merged_env(old: list[str] | None, text: str) -> list[str]:
    new = _pairs(text) if "=" in text.partition(" ")[0] else dict([text.partition(" ")[::2]])
    kept = [entry for entry in old or [] if entry.partition("=")[0] not in new]
    return [*kept, *(f"{name}={value}" for name, value in new.items())]


def _with_path(config: Json) -> Json:
    """The base's config with the PATH that the builder gives where there is none."""
    env = config.get("Env") or []
    has_path = any(entry.startswith("PATH=") for entry in env)
    return dict(config) if has_path else {**config, "Env": [*env, DEFAULT_PATH]}


def _healthcheck(text: str) -> Json:
    if text == "NONE":
        return {"Test": ["NONE"]}
    words = text.split(" ")
    check: Json = {}
    names = {"interval": "Interval", "timeout": "Timeout"}
    names |= {"start-period": "StartPeriod", "retries": "Retries"}
    while words and words[0].startswith("--"):
        name, _, value = words.pop(0)[2:].partition("=")
        check[names[name]] = int(value) if name == "retries" else _nanoseconds(value)
    words.remove("CMD")
    rest = " ".join(words)
    test = ["CMD", *json.loads(rest)] if rest.startswith("[") else ["CMD-SHELL", rest]
    return {"Test": test, **check}


def _nanoseconds(text: str) -> int:
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", text)
    return int(sum(float(number) * _SECONDS[unit] for number, unit in parts) * 1_000_000_000)
