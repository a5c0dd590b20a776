"""One tree of errors: what happened with the value in it, where, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import ClassVar

from tomo.frozen import frozen


class ExitCode(IntEnum):
    """What a command's exit status means; the one table for every surface."""

    OK = 0
    FAILED = 1
    CHANGES = 2
    PLAN_REFUSED = 3
    POLICY = 4
    LOGIN = 5
    UNEXPECTED_CHANGES = 7
    USAGE = 64


class Transient(StrEnum):
    """What is likely to pass by itself. Only who knows that an act may be done again says so."""

    CONNECTION = "connection"
    """The connection broke before the act had changed anything, or the act may be repeated."""
    REGISTRY = "registry"
    """A registry did not answer in time, or said that the trouble is its own."""
    BUSY = "busy"
    """A daemon is at something that the act has to wait for, and refused it."""


class TomoError(Exception):
    """Something a person can act on: a message, a hint that can be typed, a stable code.

    `transient` says that the very same act may well succeed a little later, and may be done again.
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    transient: Transient | None = None

    def __init__(self, message: str, *, hint: str = "", where: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(TomoError):
    """The command line or an argument is wrong."""

    code = "usage"
    exit_code = ExitCode.USAGE


class NotSupported(TomoError):
    """A feature exists in Pulumi or Docker but not in this version of Tomo; refused by name."""

    code = "not-supported"


# --- what a person wrote -------------------------------------------------------------------------


@frozen
class Problem:
    """One mistake in a file: where it is, what is wrong and what to write instead."""

    file: str
    line: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return f"{place}{self.message}"


class SpecError(TomoError):
    """A fleet, catalog or project file has mistakes; all of them are listed."""

    code = "invalid-spec"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        summary = f"{count} mistake{'s' if count != 1 else ''} in {self.problems[0].file}"
        super().__init__(summary, detail="\n".join(map(str, self.problems)))


class AppNotFound(TomoError):
    """No catalog has an app of that name."""

    code = "app-not-found"


class ConfigMissing(TomoError):
    """A config value or secret that the program or fleet needs is not set."""

    code = "config-missing"


# --- hosts -----------------------------------------------------------------------------------------


class HostError(TomoError):
    """Something about one host; `host` is its name or address."""

    code = "host"

    def __init__(self, message: str, *, host: str, hint: str = "", where: str = "", detail: str = "") -> None:
        super().__init__(message, hint=hint, where=where, detail=detail)
        self.host = host


def host_named(error: TomoError) -> str:
    """The host that an error is about; `""` where it is about none."""
    return error.host if isinstance(error, HostError) else ""


class HostUnreachable(HostError):
    """No TCP connection or no answer in time."""

    code = "host-unreachable"


class ConnectionLost(HostError):
    """The connection broke while it was in use."""

    code = "connection-lost"


class HostNotAccepted(HostError):
    """A host whose address, key or credential no person has accepted yet; nothing was sent to it."""

    code = "host-not-accepted"


class LookOnly(HostError):
    """A process that may only look at hosts was about to change one; nothing was sent."""

    code = "look-only"


class LoginRefused(HostError):
    """The server refused every credential offered."""

    code = "login-refused"
    exit_code = ExitCode.LOGIN


class HostKeyError(HostError):
    """The server's key is unknown, changed or revoked; no credential was sent."""

    code = "host-key"
    exit_code = ExitCode.LOGIN


class HostKeyUnknown(HostKeyError):
    """No pinned or known key for this host."""

    code = "host-key-unknown"


class HostKeyChanged(HostKeyError):
    """The host shows another key than the pinned or known one."""

    code = "host-key-changed"


class BecomeRefused(HostError):
    """`become: sudo` is asked for and sudo refuses."""

    code = "become-refused"


class CommandFailed(HostError):
    """A command on a host ended with a non-zero exit code."""

    code = "command-failed"


class CommandTimeout(HostError):
    """A command on a host did not end in time."""

    code = "command-timeout"


class DiskFull(HostError):
    """The host has no space left."""

    code = "disk-full"


class PackageLockHeld(HostError):
    """Another process holds the host's package manager lock."""

    code = "package-lock-held"


# --- Docker ----------------------------------------------------------------------------------------


class DockerError(HostError):
    """The Docker daemon refused or failed a call."""

    code = "docker"


class DockerUnavailable(DockerError):
    """No Docker daemon answers on the host."""

    code = "docker-unavailable"


class DockerDenied(DockerUnavailable):
    """A Docker daemon is there, and the login may not use it."""

    code = "docker-denied"


class ImageNotFound(DockerError):
    """The image is neither on the host nor in the registry."""

    code = "image-not-found"


class RegistryLoginFailed(DockerError):
    """A registry wants a login, or refuses the one it was given."""

    code = "registry-login"


class BundleDamaged(TomoError):
    """A bundle is none, was changed, or holds what it should not."""

    code = "bundle-damaged"


class NameTaken(DockerError):
    """A container, network or volume of that name exists and is not in the state."""

    code = "name-taken"


class PortTaken(DockerError):
    """Another process or container on the host has the port."""

    code = "port-taken"


class ContainerExited(DockerError):
    """The container ended right after its start."""

    code = "container-exited"


class ContainerUnhealthy(DockerError):
    """The container's health check did not succeed in time."""

    code = "container-unhealthy"


# --- engine, state, secrets ----------------------------------------------------------------------


class ProgramFailed(TomoError):
    """The stack program raised; `detail` holds the user's part of the traceback."""

    code = "program-failed"


class ProviderFailed(TomoError):
    """A provider could not do a step."""

    code = "provider-failed"


class PluginMissing(ProviderFailed):
    """A provider plugin is not installed; `hint` is the command that gets it."""

    code = "plugin-missing"

    def had_from(self, url: str) -> PluginMissing:
        """The same, where the registration says from which server the plugin comes."""
        hint = f"{self.hint} --server {url}" if url and self.hint else self.hint
        return PluginMissing(self.message, hint=hint, where=self.where, detail=self.detail)


class PulumiMissing(TomoError):
    """The `pulumi` engine is asked for, and the Pulumi CLI is not installed."""

    code = "pulumi-missing"


class PulumiFailed(TomoError):
    """The Pulumi CLI could not do what the `pulumi` engine asked of it; the message is its own."""

    code = "pulumi-failed"


class ResourceFailed(TomoError):
    """One or more steps of a deployment failed; what succeeded is in the state."""

    code = "deployment-failed"


class PlanRefused(TomoError):
    """A plan cannot be applied as it stands; nothing was done."""

    code = "plan-refused"
    exit_code = ExitCode.PLAN_REFUSED


class PolicyDenied(TomoError):
    """A policy stands against a plan; nothing was done."""

    code = "policy-denied"
    exit_code = ExitCode.POLICY


class ApprovalMissing(TomoError):
    """A policy wants people to agree to a plan, and they have not; nothing was done."""

    code = "approval-missing"
    exit_code = ExitCode.POLICY


class PolicyRuleBroken(TomoError):
    """A policy rule of an installed package can't be used, so no plan can be judged."""

    code = "policy-rule"
    exit_code = ExitCode.POLICY


class ApprovalRefused(TomoError):
    """An approval can't be made, or doesn't count."""

    code = "approval-refused"
    exit_code = ExitCode.POLICY


class ProposalClosed(TomoError):
    """A proposal is in a state that allows nothing more of the kind; nothing was done."""

    code = "proposal-closed"
    exit_code = ExitCode.PLAN_REFUSED


class ProposalNotFound(TomoError):
    """There is no proposal of that id."""

    code = "proposal-not-found"


class TargetsRefused(TomoError):
    """What `--target`, `--exclude` or `--replace` name can't be done by itself, or isn't there."""

    code = "targets-refused"


class UnexpectedChanges(TomoError):
    """`--expect-no-changes` was given and there are changes."""

    code = "unexpected-changes"
    exit_code = ExitCode.UNEXPECTED_CHANGES


class Cancelled(TomoError):
    """A person stopped the run; running steps were finished and recorded."""

    code = "cancelled"


class StateError(TomoError):
    """The state file is missing something or cannot be used."""

    code = "state"


class StateCorrupt(StateError):
    """The state file is not a valid checkpoint; it was left as it is."""

    code = "state-corrupt"


class StateFileMissing(StateError):
    """A file of the store is not there."""

    code = "state-file-missing"


class StateFileExists(StateError):
    """A file of the store that must be new is there already."""

    code = "state-file-exists"


class JournalMismatch(StateError):
    """An interrupted run's journal belongs to another state than the one that is there."""

    code = "journal-mismatch"


class Interrupted(StateError):
    """An interrupted run began something of which only a person can say what became of it."""

    code = "interrupted"


class StateLocked(StateError):
    """Another process holds the stack's lock."""

    code = "state-locked"


class StateUnreachable(StateError):
    """The connection to the server that holds the state was lost in the middle of the work."""

    code = "state-unreachable"


class StackNotFound(StateError):
    """No stack of that name in the backend."""

    code = "stack-not-found"


class VersionNotFound(StateError):
    """The stack's history has no version of that number."""

    code = "version-not-found"


class CannotGoBack(StateError):
    """A version of the stack's history is there, and no plan can lead back to it."""

    code = "cannot-go-back"


class SecretsError(TomoError):
    """Secrets can't be opened or sealed."""

    code = "secrets"


class PassphraseMissing(SecretsError):
    """A secret must be read or written and no passphrase is set."""

    code = "passphrase-missing"


class PassphraseWrong(SecretsError):
    """The passphrase does not open the stack's secrets."""

    code = "passphrase-wrong"


# --- what is remembered beside the state ---------------------------------------------------------


class DatabaseError(TomoError):
    """The database of people and of the audit record can't be used; nothing in it was changed."""

    code = "database"


class DatabaseSchemaError(DatabaseError):
    """The database is of another version of Tomo than this one."""

    code = "database-schema"


class AuditUnwritable(TomoError):
    """Nothing can be written to the audit record, so nothing that must be in it was begun."""

    code = "audit-unwritable"


class AuditBroken(TomoError):
    """The audit record was changed, shortened or put together anew; `detail` names the entries."""

    code = "audit-broken"


# --- backups --------------------------------------------------------------------------------------


class BackupError(TomoError):
    """A backup could not be made, read or put back; the data on the hosts is as it was."""

    code = "backup"


class BackupDamaged(BackupError):
    """An archive is cut off, was changed, or is none."""

    code = "backup-damaged"


class BackupKeyRefused(BackupError):
    """None of the keys given opens the archive."""

    code = "backup-key"


class BackupNotFound(BackupError):
    """There is no such archive where backups lie."""

    code = "backup-not-found"


# --- people --------------------------------------------------------------------------------------


class NotAllowed(TomoError):
    """The role of whoever asks does not allow it; nothing was done."""

    code = "not-allowed"
    exit_code = ExitCode.POLICY


class LoginFailed(TomoError):
    """No such name, password, session or token; which of them is not said."""

    code = "login-failed"
    exit_code = ExitCode.LOGIN


class TooManyAttempts(TomoError):
    """Too many logins failed, for this name or from this address; `seconds` have to pass."""

    code = "too-many-attempts"
    exit_code = ExitCode.LOGIN

    def __init__(self, message: str, *, hint: str = "", seconds: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class PasswordRefused(TomoError):
    """A new password is too short, or one of those that are guessed first."""

    code = "password-refused"
    exit_code = ExitCode.USAGE


class UserNotFound(TomoError):
    """There is no person, session or token of that name."""

    code = "user-not-found"


# --- registries and repositories of catalogs ------------------------------------------------------


class RegistryError(TomoError):
    """An image registry refuses what it is asked, or answers what can't be used."""

    code = "registry"


class RegistryUnreachable(RegistryError):
    """A registry gives no answer of use now."""

    code = "registry-unreachable"


class RegistryDenied(RegistryError):
    """A registry shows an image only to those who have a login."""

    code = "registry-denied"


class NotInRegistry(RegistryError):
    """A registry has no image of that name."""

    code = "not-in-registry"


class RepositoryError(TomoError):
    """A repository of catalogs can't be had, or doesn't keep the rules; nothing of it is used."""

    code = "catalog-repository"


# --- assistants ------------------------------------------------------------------------------------


class ToolsInvalid(TomoError):
    """A tool for assistants does not say what it may do, or has a name or an argument it may not have."""

    code = "tools-invalid"
