"""Who may approve: an `allowed_signers` file as OpenSSH reads it (ssh-keygen(1), ALLOWED SIGNERS).

A line's comment may hold `role=admin`; without it the person has the role `user`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tomo.approval.agreement import NAMESPACE, SignedAgreement
from tomo.approval.keygen import ssh_keygen
from tomo.approval.touch import require_touch
from tomo.errors import ApprovalRefused
from tomo.frozen import frozen
from tomo.settings import Settings

_TYPE: Final = re.compile(r"(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+)\s+([A-Za-z0-9+/=]+)")
_ROLE: Final = re.compile(r"(?:^|\s)role=(\S*)")
_ROLES: Final = ("user", "admin")
_QUOTED: Final = re.compile(r'"[^"]*"')


@frozen
class Signer:
    """One key of one person, as a line of the file has it. `told` says that the line names the role."""

    person: str
    role: str
    key: str
    line: int
    told: bool = False


@frozen
class Signers:
    """The people who may approve. `place` is the file's path, `text` what it said when it was read."""

    place: Path
    text: str
    signers: tuple[Signer, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who may approve, in the file's order."""
        return tuple(dict.fromkeys(signer.person for signer in self.signers))

    def role(self, person: str) -> str:
        """What somebody may: `user` or `admin`; `""` for somebody who is not in the file."""
        return next((signer.role for signer in self.signers if signer.person == person), "")

    def tells_role(self, person: str) -> bool:
        """Whether a line of somebody's names the role."""
        return any(signer.told for signer in self.signers if signer.person == person)


def read_signers(file: Path) -> Signers:
    """The approvers in a file; raises ApprovalRefused, with the line, for what names no single person."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ApprovalRefused(
            f"the file of approvers `{file}` can't be read: {reason}",
            hint="one line for each key: `kim@example.org ssh-ed25519 AAAA…`",
        ) from error
    signers = tuple(_signers(text, file))
    if not signers:
        raise ApprovalRefused(
            f"the file of approvers `{file}` names nobody, so nobody could approve",
            hint="add a line for each key: `kim@example.org ssh-ed25519 AAAA…`",
        )
    _require_one_of_each(signers, file)
    return Signers(file, text, signers)


def signer_of(signed: SignedAgreement, signers: Signers, settings: Settings, where: str) -> str:
    """The person who signed; raises ApprovalRefused where it is nobody who may, or the text is another.

    A FIDO key that signed without a touch is nobody.
    """
    with tempfile.TemporaryDirectory(prefix="tomo-approval-") as folder:
        allowed, signature = Path(folder, "allowed_signers"), Path(folder, "signature")
        # What was read and checked counts, not what the file holds by now.
        allowed.write_text(signers.text, "utf-8")
        signature.write_text(signed.signature, "utf-8")
        for person in _candidates(allowed, signature, settings):
            asked = ["-Y", "verify", "-n", NAMESPACE, "-I", person, "-f", str(allowed), "-s", str(signature)]
            if ssh_keygen(settings, asked, feed=signed.agreement.text).code == 0:
                require_touch(signed.signature, where)
                return person
    raise ApprovalRefused(
        f"the approval `{where}` is not signed by anybody who may approve",
        hint=f"those who may stand in `{signers.place}`: {', '.join(signers.people)}",
    )


def require_in_time(signed: SignedAgreement, where: str, moment: datetime) -> None:
    """Raises ApprovalRefused for an approval whose time is over."""
    if moment.astimezone(UTC) >= signed.agreement.end:
        raise ApprovalRefused(
            f"the approval `{where}` counted until {signed.agreement.expires}", hint="ask for a new one"
        )


def _candidates(allowed: Path, signature: Path, settings: Settings) -> list[str]:
    said = ssh_keygen(settings, ["-Y", "find-principals", "-f", allowed, "-s", signature])
    return said.out.splitlines() if said.code == 0 else []


def _signers(text: str, file: Path) -> Iterator[Signer]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        people, _, rest = line.strip().partition(" ")
        found = _TYPE.search(_QUOTED.sub('""', rest))
        if found is None:
            raise _bad_line(
                file, number, "it holds no key", "`PERSON TYPE KEY`, as in `kim ssh-ed25519 AAAA…`"
            )
        if re.search(r"(?:^|,)\s*cert-authority\b", rest[: found.start() + 1]):
            raise _bad_line(file, number, "it names an authority, not a person", "name each person's own key")
        if re.search(r"[*?!,\"]", people):
            raise _bad_line(
                file, number, f"`{people}` is not one person", "give each person a line of their own"
            )
        comment = rest[found.end() :]
        yield Signer(people, _role(comment, file, number), found[2], number, bool(_ROLE.search(comment)))


def _role(comment: str, file: Path, line: int) -> str:
    told = _ROLE.search(comment)
    role = told[1] if told else _ROLES[0]
    if role not in _ROLES:
        raise _bad_line(file, line, f"there is no role `{role}`", f"write one of {', '.join(_ROLES)}")
    return role


def _require_one_of_each(signers: tuple[Signer, ...], file: Path) -> None:
    owners: dict[str, Signer] = {}
    people: dict[str, Signer] = {}
    for signer in signers:
        first = people.setdefault(signer.person, signer)
        if first.role != signer.role:
            reason = f"`{signer.person}` is `{first.role}` in line {first.line} and `{signer.role}` here"
            raise _bad_line(file, signer.line, reason, "give a person one role in all of their lines")
        other = owners.setdefault(signer.key, signer)
        if other.person != signer.person:
            reason = f"its key is that of `{other.person}` in line {other.line}, and people are counted"
            raise _bad_line(file, signer.line, reason, "one key belongs to one person")


def _bad_line(file: Path, line: int, reason: str, hint: str) -> ApprovalRefused:
    return ApprovalRefused(f"{file}:{line}: {reason}", hint=hint)
