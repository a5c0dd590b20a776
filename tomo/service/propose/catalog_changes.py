"""Changes of the marketplace that can be proposed: a repository taken in or brought up to date, a rating."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, TypeAlias

from tomo.catalog.repos.address import Protocol, name_for, read_address, require_branch, require_name
from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.proposal import ProposalKind
from tomo.service.marketplace.stars import require_rating
from tomo.spec.shown import shown


@frozen
class AddRepository:
    """A git repository of catalogs is fetched, checked and kept; `name` `""` is made of its address."""

    kind: ClassVar[str] = "add-repository"
    about: ClassVar[ProposalKind] = ProposalKind.CATALOG
    url: str
    name: str = ""
    branch: str = ""

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"use the apps of {shown(self.url)}"

    def require_sensible(self) -> None:
        """Raises UsageError for what is no git address; folders of this machine are for its people."""
        if not self.url.startswith(("https://", "ssh://")):
            raise UsageError(
                f"`{shown(self.url)}` can't be proposed as a repository",
                hint="an address that begins with https:// or ssh://",
            )
        address = read_address(self.url, Path("/"))
        if address.protocol not in {Protocol.HTTPS, Protocol.SSH}:
            raise UsageError(f"`{shown(self.url)}` is no git address", hint="such as https://HOST/PATH.git")
        require_name(self.name or name_for(address))
        require_branch(self.branch)


@frozen
class SyncRepository:
    """A repository is brought to the newest commit of what it follows; fleet files stay where they are."""

    kind: ClassVar[str] = "sync-repository"
    about: ClassVar[ProposalKind] = ProposalKind.CATALOG
    repository: str

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"bring the repository {shown(self.repository)} up to date"

    def require_sensible(self) -> None:
        """Raises UsageError for what can't be a repository's name."""
        require_name(self.repository)


@frozen
class RateApp:
    """The person for whom it is proposed rates an app."""

    kind: ClassVar[str] = "rate-app"
    about: ClassVar[ProposalKind] = ProposalKind.CATALOG
    app: str
    stars: int
    note: str = ""

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"rate {shown(self.app)} with {self.stars} of 5 stars"

    def require_sensible(self) -> None:
        """Raises UsageError for stars or words that no rating has."""
        require_rating(self.stars, self.note)


CatalogChange: TypeAlias = AddRepository | SyncRepository | RateApp
