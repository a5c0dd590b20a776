"""Writes a fleet as a Pulumi program of its own: readable, typed, and with the very same goals."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from tomo.errors import NotSupported
from tomo.frozen import frozen
from tomo.model.declaration import Concat, Declaration, Declarations, Json, Key, OutputRef
from tomo.model.values import Secret, Value
from tomo.resources import tokens
from tomo.resources.compile import compile_fleet
from tomo.resources.scripts import docker_install_script, docker_prune_script, proxy_reload_script
from tomo.resources.texts import FleetValues
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet

_WIDTH: Final = 100
_SCRIPTS: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "docker_install": ("docker-install.sh", docker_install_script),
    "docker_prune": ("docker-prune.sh", docker_prune_script),
    "proxy_reload": ("proxy-reload.sh", proxy_reload_script),
}
"""The scripts by the variable that holds each in the program: its file, and what gives its text."""
_CLASSES: Final[Mapping[str, str]] = {
    tokens.SERVER: "Server",
    tokens.FILE: "File",
    tokens.APP: "pulumi.ComponentResource",
    tokens.LOCAL_COMMAND: "command.local.Command",
    tokens.REMOTE_COMMAND: "command.remote.Command",
    tokens.DOCKER_PROVIDER: "docker.Provider",
    tokens.REMOTE_IMAGE: "docker.RemoteImage",
    tokens.NETWORK: "docker.Network",
    tokens.VOLUME: "docker.Volume",
    tokens.CONTAINER: "docker.Container",
}
_VERBATIM: Final = frozenset({"environment", "sysctls", "logOpts", "docker"})
"""Inputs whose keys are people's own and keep their spelling."""


class _ConfigSecrets(Mapping[str, Secret]):
    """Every secret by its name alone: a program refers to it and never holds it."""

    def __getitem__(self, name: str) -> Secret:
        return _ConfigSecret(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _ConfigSecret(Secret):
    """A secret that knows where the program gets it, and not what it is."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__("")
        self.name = name


@frozen
class _Code:
    """An expression that stands as it is."""

    text: str


def standalone_program(fleet: Fleet, definitions: Mapping[str, AppDefinition]) -> Mapping[str, str]:
    """The files of the program, by name. Secrets stay references to the stack's config."""
    if fleet.bundle is not None:
        raise NotSupported(
            "a program of its own can't take images from `bundle`",
            hint="leave `bundle` out of the fleet file",
        )
    compiled = compile_fleet(fleet, definitions, FleetValues(_ConfigSecrets()))
    return {
        "Pulumi.yaml": _project(fleet),
        "__main__.py": _Writer(compiled.declarations).program(fleet.fleet),
        **{file: text() for file, text in _scripts(compiled.declarations).values()},
        "requirements.txt": _requirements(),
        "README.md": _readme(fleet),
    }


def _scripts(declarations: Declarations) -> dict[str, tuple[str, Callable[[], str]]]:
    """Those in use; Docker's installation always, which a program may want for its next server."""
    run = {each.inputs.get("create") for each in declarations.resources if "environment" in each.inputs}
    return {
        variable: (file, text)
        for variable, (file, text) in _SCRIPTS.items()
        if variable == "docker_install" or text() in run
    }


class _Writer:
    """Turns declarations into statements, one each, in their order."""

    def __init__(self, declarations: Declarations) -> None:
        self._declarations = declarations
        self._variables: dict[Key, str] = {}
        self._components: set[Key] = set()

    def program(self, fleet: str) -> str:
        body = [self._statement(declaration) for declaration in self._declarations.resources]
        outputs = [
            _call("pulumi.export", [_literal(name), self._value(value, verbatim=True)], {}, 0)
            for name, value in self._declarations.outputs.items()
        ]
        heading = [
            f'"""The fleet `{fleet}` as a Pulumi program, written by `tomo program`."""',
            "",
            "from pathlib import Path",
            "",
            "import pulumi",
            "import pulumi_command as command",
            "import pulumi_docker as docker",
            "",
            "from tomo.resources import File, Server",
            "",
            f'config = pulumi.Config("{tokens.PROJECT}")',
            *(
                f'{variable} = Path(__file__).with_name("{file}").read_text(encoding="utf-8")'
                for variable, (file, _) in _scripts(self._declarations).items()
            ),
            "",
        ]
        return "\n".join([*heading, *body, *outputs, ""])

    def _statement(self, declaration: Declaration) -> str:
        variable = self._variable(declaration)
        options = self._options(declaration)
        if not declaration.custom:
            self._components.add(declaration.key)
            arguments = [_literal(declaration.type), _literal(declaration.name)]
            made = _call(f"{variable} = {_CLASSES[declaration.type]}", arguments, options, 0)
            outputs = self._value(declaration.outputs or {}, verbatim=True)
            return f"\n{made}\n{_call(f'{variable}.register_outputs', [outputs], {}, 0)}"
        inputs = {
            _snake(name): self._input(name, value)
            for name, value in declaration.inputs.items()
            if name != tokens.PROVIDER_KEY
        }
        self._refuse_guesses(declaration)
        return _call(
            f"{variable} = {_CLASSES[declaration.type]}",
            [_literal(declaration.name)],
            {**inputs, **options},
            0,
        )

    def _refuse_guesses(self, declaration: Declaration) -> None:
        """Pulumi's own command provider takes `root` and port 22 where a connection leaves them out."""
        connection = declaration.inputs.get("connection")
        given = connection.reveal() if isinstance(connection, Secret) else {}
        if declaration.type == tokens.REMOTE_COMMAND and isinstance(given, Mapping) and "user" not in given:
            raise NotSupported(
                f"server `{_server_of(declaration)}` has no `user`",
                hint="write `user:` for it in the fleet file: a program of its own can't ask ~/.ssh/config",
            )

    def _options(self, declaration: Declaration) -> dict[str, str]:
        given: dict[str, Value] = {}
        if declaration.parent:
            given["parent"] = _Code(self._variables[declaration.parent])
        if declaration.provider:
            given["provider"] = _Code(self._variables[declaration.provider])
        if declaration.depends_on:
            given["depends_on"] = [_Code(self._variables[key]) for key in declaration.depends_on]
        for name in ("retain_on_delete", "delete_before_replace", "protect"):
            if getattr(declaration, name) is not None:
                given[name] = getattr(declaration, name)
        if declaration.type == tokens.FILE and declaration.additional_secret_outputs:
            given["additional_secret_outputs"] = list(declaration.additional_secret_outputs)
        if declaration.ignore_changes:
            given["ignore_changes"] = list(declaration.ignore_changes)
        if declaration.type == tokens.CONTAINER and declaration.replace_on_changes:
            given["replace_on_changes"] = list(declaration.replace_on_changes)
        if not given:
            return {}
        arguments = {name: self._value(value) for name, value in given.items()}
        return {"opts": _call("pulumi.ResourceOptions", [], arguments, 4)}

    def _input(self, name: str, value: Value) -> str:
        for variable, (_, text) in _SCRIPTS.items():
            if value == text():
                return variable
        if name == "connection" and isinstance(value, Secret):
            value = value.reveal()
        return self._value(value, depth=4, verbatim=name in _VERBATIM)

    def _value(self, value: Value, depth: int = 0, *, verbatim: bool = False) -> str:
        match value:
            case _Code():
                return value.text
            case _ConfigSecret():
                return f"config.require_secret({_literal(value.name)})"
            case Secret():
                raise NotSupported(
                    "a secret stands in the open in the fleet", hint="keep it with `tomo secret set` first"
                )
            case OutputRef():
                return self._reference(value)
            case Json():
                return self._value(value.value, depth)
            case Concat():
                parts = [self._value(part, depth + 4) for part in value.parts]
                return _call("pulumi.Output.concat", parts, {}, depth)
            case Mapping():
                keys = [_literal(key if verbatim else _snake(key)) for key in value]
                items = [self._value(item, depth + 4, verbatim=verbatim) for item in value.values()]
                pairs = [f"{key}: {item}" for key, item in zip(keys, items, strict=True)]
                return _bracketed("{", pairs, "}", depth)
            case list() | tuple():
                items = [self._value(item, depth + 4, verbatim=verbatim) for item in value]
                return _bracketed("[", items, "]", depth)
        return _literal(value)

    def _reference(self, ref: OutputRef) -> str:
        return f"{self._variables[ref.key]}.{_snake(ref.output)}"

    def _variable(self, declaration: Declaration) -> str:
        """A variable's name after the declaration's key, which is unique; so the name is made so too."""
        words = re.sub(r"\W+", "_", declaration.key.removeprefix("app/")).strip("_").lower()
        base = f"_{words}" if words[0].isdigit() or keyword.iskeyword(words) else words
        taken = {*self._variables.values(), "config", *_SCRIPTS, "pulumi", "command", "docker"}
        number, name = 1, base
        while name in taken:
            number, name = number + 1, f"{base}_{number + 1}"
        self._variables[declaration.key] = name
        return name


def _server_of(declaration: Declaration) -> str:
    """The server that a script runs on, by the names that scripts have."""
    return declaration.name.rpartition("@")[2].removesuffix("-docker")


# --- text --------------------------------------------------------------------------------------------


def _literal(value: object) -> str:
    """A Python literal, texts in double quotes where that needs no escapes."""
    if isinstance(value, str) and '"' not in value and "\\" not in value and value.isprintable():
        return f'"{value}"'
    return repr(value)


def _call(name: str, arguments: Sequence[str], named: Mapping[str, str], depth: int) -> str:
    items = [*arguments, *(f"{key}={value}" for key, value in named.items())]
    return _bracketed(f"{name}(", items, ")", depth)


def _bracketed(opening: str, items: Sequence[str], closing: str, depth: int) -> str:
    flat = f"{opening}{', '.join(items)}{closing}"
    if len(flat) + depth <= _WIDTH and "\n" not in flat:
        return flat
    inner = " " * (depth + 4)
    lines = "".join(f"{inner}{item},\n" for item in items)
    return f"{opening}\n{lines}{' ' * depth}{closing}"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _project(fleet: Fleet) -> str:
    return (
        f"name: {tokens.PROJECT}\n"
        f"description: The fleet {fleet.fleet}, written by `tomo program`\n"
        "runtime: python\n"
    )


def _requirements() -> str:
    return (
        "# `tomo` itself is needed for the resources Server and File: install it from its sources.\n"
        f"pulumi-command=={tokens.COMMAND_VERSION}\n"
        f"pulumi-docker=={tokens.DOCKER_VERSION}\n"
    )


def _readme(fleet: Fleet) -> str:
    return f"""# {fleet.fleet}

The fleet `{fleet.fleet}` as an ordinary Pulumi program. It asks for the very resources that
`tomo apply` makes from the fleet file, so it can go on with the same state.

- `__main__.py` declares everything; `docker-install.sh` is what runs on the servers.
- Secrets are read from the config of the stack `{fleet.fleet}` in `Pulumi.{fleet.fleet}.yaml`; none is here.
- With Tomo: `tomo plan --stack {fleet.fleet}` in this folder.
- With Pulumi's CLI: install `requirements.txt` and Tomo, copy `Pulumi.{fleet.fleet}.yaml` here, log in to
  the folder that holds the state, and run `pulumi preview --stack {fleet.fleet}`.

Changes of the fleet file do not reach this program; write it anew, or go on by hand.
"""
