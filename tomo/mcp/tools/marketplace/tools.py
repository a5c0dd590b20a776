"""The tools of the module `marketplace`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, Remote, ToolEffect, tool
from tomo.mcp.proposing import Replaces, Why, proposed
from tomo.mcp.views import moment
from tomo.model.people import Role
from tomo.service.propose.catalog_changes import AddRepository, RateApp, SyncRepository
from tomo.service.propose.desk import ProposalDesk
from tomo.service.read.marketplace import MarketplaceReads


class Tools:
    """Repositories of catalogs, ratings, and what of the fleet is behind."""

    def __init__(self, market: MarketplaceReads, desk: ProposalDesk) -> None:
        self._market, self._desk = market, desk

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def list_repositories(self, call: Call) -> Answer:
        """List the repositories of catalogs, as they were fetched last, and ids that several have."""
        found = [
            {
                "name": each.repository.name,
                "url": each.repository.url,
                "commit": each.repository.commit,
                "digest": each.repository.digest,
                "synced": moment(each.repository.synced),
                "apps": each.apps,
                "pinned_by_fleet": each.pinned,
                "shared_ids": {app: list(owners) for app, owners in each.shared.items()},
                "refused": list(each.repository.refused),
            }
            for each in self._market.repositories(call.by)
        ]
        said = Remote("the repositories of catalogs", found)
        return Answer(f"{len(found)} repositories", {"repositories": said})

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def list_outdated_apps(self, call: Call) -> Answer:
        """List the fleet's apps that are behind their catalog entries. Asks no registry."""
        found = self._market.outdated(call.by)
        behind = [
            {
                "app": each.app,
                "entry": each.ref,
                "servers": list(each.servers),
                "running": list(each.running),
                "catalog": each.catalog,
                "unpinned": each.unpinned,
            }
            for each in found
            if each.is_behind
        ]
        message = f"{len(behind)} of {len(found)} apps are behind"
        return Answer(message, {"apps": Remote("the catalog", behind)})

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE)
    def add_repository(
        self,
        call: Call,
        url: Annotated[str, Field(description="A git address: https:// or ssh://, without a login.")],
        why: Why,
        name: Annotated[str, Field(description="What to call it; by its address if empty.")] = "",
        branch: Annotated[str, Field(description="What to follow; the remote's own if empty.")] = "",
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to take in a repository of catalogs. It is fetched once a person has agreed."""
        return proposed(self._desk, call, AddRepository(url, name, branch), why, replaces)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE)
    def sync_repository(
        self,
        call: Call,
        repository: Annotated[str, Field(description="The repository's name.")],
        why: Why,
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to bring a repository to its newest commit. The fleet's pins stay where they are."""
        return proposed(self._desk, call, SyncRepository(repository), why, replaces)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE)
    def rate_app(
        self,
        call: Call,
        app: Annotated[str, Field(description="The app's id, or `REPOSITORY/ID`.")],
        stars: Annotated[int, Field(description="1 to 5.", ge=1, le=5)],
        why: Why,
        note: Annotated[str, Field(description="A line about it.", max_length=500)] = "",
        replaces: Replaces = "",
    ) -> Answer:
        """Propose a rating of an app, which will be the person's own."""
        return proposed(self._desk, call, RateApp(app, stars, note), why, replaces)
