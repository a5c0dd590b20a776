"""Repositories of catalogs, pinned."""

# Annotations are values here: as texts pydantic would compile each of them at every start.
from typing import Annotated

from pydantic import Field

from tomo.spec.base import Line, Model


class CatalogRepository(Model):
    """A repository of catalogs, at exactly one state of it; `tomo catalog repo pin` writes it."""

    url: Line = Field(description="Where it is: a git address, or a folder.")
    commit: Annotated[str, Field(pattern="^([0-9a-f]{40}|[0-9a-f]{64})$")] | None = Field(
        None, description="The whole id of the git commit; none for a folder that is no git repository."
    )
    digest: Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")] = Field(
        description="The digest of its app files, which is checked at every use."
    )
