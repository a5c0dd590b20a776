"""A policy file: which rules hold for plans, how strictly, and cases that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tomo.errors import SpecError
from tomo.frozen import frozen
from tomo.spec.base import AbsolutePath, Flag, Integer, Line, MayBeEmpty, Model, mistake
from tomo.spec.files import read_bytes
from tomo.spec.problems import Finding, build, in_order, located
from tomo.spec.shown import shown
from tomo.spec.yaml import Document, parse

LEVELS: Final = ("off", "warn", "require_approval", "deny")
LevelName = Literal["off", "warn", "require_approval", "deny"]
_HIGHEST_PORT: Final = 65535


def _level(value: Any) -> Any:
    """A level alone stands for a rule that says nothing else."""
    return {"level": value} if isinstance(value, str) else value


def _repository(text: str) -> str:
    first, slash, rest = text.partition("/")
    if (
        first in {"*", "**"}
        or not slash
        or not rest
        or not ("." in first or ":" in first or first == "localhost")
    ):
        raise mistake(
            f"`{shown(text)}` does not begin with a registry",
            "such as `docker.io/library/nginx`, `ghcr.io/me/*` or `registry.example.com/**`",
        )
    if "@" in text or ":" in rest:
        raise mistake(f"`{shown(text)}` has a tag or a digest", "write the repository alone")
    return text


def _port(value: int) -> int:
    if not 1 <= value <= _HIGHEST_PORT:
        raise mistake(f"`{value}` is not a port", f"write a number from 1 to {_HIGHEST_PORT}")
    return value


Repository = Annotated[Line, AfterValidator(_repository)]
"""A registry and a repository; `*` is one part of it, `**` any number."""
Port = Annotated[Integer, AfterValidator(_port)]
"""A port's number."""


class Approvals(Model):
    """Who has to agree to a plan."""

    count: Annotated[Integer, Field(ge=1, le=100)] = Field(1, description="How many different people.")
    role: Literal["user", "admin"] | None = Field(
        None, description="The role that each of them must have, or a higher one; any that may approve."
    )
    distinct_person: Flag = Field(
        default=False,
        description="Not the person that the plan is for: whom a proposal acts for, who applies a kept plan.",
    )


class Rule(Model):
    """A rule without a list. A level alone may stand in its place: `privileged: deny`."""

    level: LevelName | None = Field(
        None,
        description="What follows from a finding; that of the set which the file extends.",
    )
    approvals: Approvals | None = Field(
        None, description="Who has to agree, with `level: require_approval`; one person of any role."
    )
    except_: tuple[Line, ...] = Field(
        (),
        alias="except",
        description="Apps, resources, containers or URNs it does not look at; `*` and `**` match.",
    )

    @model_validator(mode="after")
    def _approvals_are_asked_for(self) -> Self:
        if self.approvals is not None and self.level != "require_approval":
            raise mistake(
                "`approvals` needs `level: require_approval`", "write the level, or remove `approvals`"
            )
        return self


class Folders(Rule):
    """A rule about folders of a host."""

    allow: tuple[AbsolutePath, ...] | None = Field(
        None, description="The allowed folders, with all below them; those that are built in."
    )


class Names(Rule):
    """A rule about names, such as capabilities or devices."""

    allow: tuple[Line, ...] | None = Field(None, description="What is allowed; what is built in.")


class Ports(Rule):
    """A rule about ports of a host."""

    allow: tuple[Port, ...] | None = Field(None, description="Ports that may be open to everybody; none.")


class Repositories(Rule):
    """A rule about where images come from."""

    allow: tuple[Repository, ...] | None = Field(
        None, description="Allowed repositories with their registry: `docker.io/library/*`; none."
    )


PlainRule = Annotated[Rule, BeforeValidator(_level, json_schema_input_type=LevelName | Rule)]
FolderRule = Annotated[Folders, BeforeValidator(_level, json_schema_input_type=LevelName | Folders)]
NameRule = Annotated[Names, BeforeValidator(_level, json_schema_input_type=LevelName | Names)]
PortRule = Annotated[Ports, BeforeValidator(_level, json_schema_input_type=LevelName | Ports)]
SourceRule = Annotated[Repositories, BeforeValidator(_level, json_schema_input_type=LevelName | Repositories)]


class Rules(Model):
    """The rules that come with Tomo; one left out is as in the set that the file extends."""

    privileged: PlainRule = Field(Rule(), description="Containers that run privileged.")
    docker_socket: PlainRule = Field(
        Rule(), alias="docker-socket", description="Containers that reach their host's Docker."
    )
    host_network: PlainRule = Field(
        Rule(), alias="host-network", description="Containers in their host's network."
    )
    host_namespaces: PlainRule = Field(
        Rule(), alias="host-namespaces", description="Containers that share their host's processes or memory."
    )
    unconfined: PlainRule = Field(
        Rule(), description="Containers without AppArmor, seccomp, SELinux or the masks over `/proc`."
    )
    capabilities: NameRule = Field(Names(), description="Capabilities beyond the allowed ones.")
    devices: NameRule = Field(
        Names(), description="Devices beyond the allowed ones; `gpus` allows graphics processors."
    )
    bind_mount: FolderRule = Field(
        Folders(), alias="bind-mount", description="Containers that see folders outside the allowed ones."
    )
    host_file: FolderRule = Field(
        Folders(), alias="host-file", description="Files that are written outside the allowed folders."
    )
    public_port: PortRule = Field(
        Ports(), alias="public-port", description="Ports that become reachable from every network."
    )
    image_source: SourceRule = Field(
        Repositories(), alias="image-source", description="Images from elsewhere than allowed."
    )
    image_digest: PlainRule = Field(Rule(), alias="image-digest", description="Images without a digest.")
    image_build: PlainRule = Field(
        Rule(), alias="image-build", description="Images that are built from a folder."
    )
    data_removal: PlainRule = Field(Rule(), alias="data-removal", description="Volumes whose data is lost.")
    deletes: PlainRule = Field(Rule(), description="Resources that are removed from their host.")
    replaces: PlainRule = Field(Rule(), description="Resources that are removed and made anew.")
    new_host: PlainRule = Field(Rule(), alias="new-host", description="Hosts that were not there before.")
    changed_host: PlainRule = Field(
        Rule(), alias="changed-host", description="Hosts with another address, host key or login."
    )
    commands: PlainRule = Field(
        Rule(), description="Commands of a program; Tomo's installation of Docker is none."
    )


class OwnRule(Rule):
    """A rule of an installed package, by the name of its entry point."""

    options: dict[Line, Any] = Field(
        {}, description="What the rule is given; its own documentation says what."
    )


OwnRuleSetting = Annotated[OwnRule, BeforeValidator(_level, json_schema_input_type=LevelName | OwnRule)]


class CaseResource(Model):
    """A resource of a case's plan."""

    type: Line = Field(
        description="`container`, `image`, `built-image`, `volume`, `network`, `server`, `file`, `copy`, "
        "`command`, `local-command`, `docker-provider`, or a type as Pulumi writes it."
    )
    name: Line = Field(description="Its name.")
    op: Literal["create", "update", "replace", "delete", "same", "import"] = Field(
        "create", description="What the plan does to it."
    )
    app: Line | None = Field(None, description="The app that it belongs to.")
    inputs: Annotated[dict[Line, Any], MayBeEmpty] = Field(
        {}, description="Its inputs afterwards, as `tomo plan --json` has them below `newState`."
    )
    old: Annotated[dict[Line, Any], MayBeEmpty] = Field(
        {}, description="Its inputs before; the same as afterwards."
    )
    keeps_data: Flag = Field(default=False, description="It stays on its host when it is deleted.")


class PolicyTest(Model):
    """A plan in short, and what the policies have to say about it."""

    name: Line = Field(description="What is tested, as a sentence.")
    resources: tuple[CaseResource, ...] = Field(description="What the plan is about.", min_length=1)
    expect: Annotated[dict[Line, LevelName], MayBeEmpty] = Field(
        {}, description="Every rule that finds something, with its level; nothing else may be found."
    )


class PolicyFile(Model):
    """What plans are held against."""

    schema_: Literal["tomo.policy/v1"] = Field(alias="schema", description="The format's version.")
    extends: Literal["default", "strict", "none"] = Field(
        "default", description="The set that comes with Tomo and that the file starts from."
    )
    look_at: Literal["changes", "everything"] = Field(
        "changes", description="What rules look at: what a plan changes, or all that there is afterwards."
    )
    rules: Annotated[Rules, MayBeEmpty] = Field(Rules(), description="The rules that come with Tomo.")
    own_rules: Annotated[dict[Line, OwnRuleSetting], MayBeEmpty] = Field(
        {}, description="Rules of installed packages. None is in force that is not named here."
    )
    auto_approve: tuple[Literal["image-update", "drift-repair"], ...] = Field(
        (),
        description="Harmless changes that need no approval: `image-update` is another tag or digest of the "
        "same repository, `drift-repair` puts back what was changed on a host. Never for what an assistant "
        "proposed, never against `deny`.",
    )
    tests: tuple[PolicyTest, ...] = Field((), description="Cases for `tomo policy test`.")


@frozen
class LoadedPolicies:
    """A policy file that holds together by itself."""

    policies: PolicyFile
    file: FilePath
    document: Document

    def require(self, findings: Iterable[Finding]) -> None:
        """Raises SpecError where there are mistakes that only others could find."""
        problems = in_order(located(self.document, findings))
        if problems:
            raise SpecError(problems)


def load_policies(path: FilePath) -> LoadedPolicies:
    """The policies of a file; raises SpecError with every mistake in it."""
    hint = "name the file with `--policy FILE`, or unset `TOMO_POLICY`"
    document = parse(read_bytes(path, hint=hint), str(path))
    return LoadedPolicies(build(PolicyFile, document), path, document)


def rule_settings(rules: Rules) -> Mapping[str, Rule]:
    """The rules that come with Tomo by their names in the file."""
    return {info.alias or name: getattr(rules, name) for name, info in Rules.model_fields.items()}
