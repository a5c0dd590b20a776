"""Repositories of catalogs in the database, with their apps, versions, ratings and featured flags."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import reduce
from typing import Any, Final

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Subquery,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from tomo.db.database import Database
from tomo.db.tables import (
    CATALOG_APPS,
    CATALOG_VERSIONS,
    CATALOG_WORDS,
    FEATURED,
    RATINGS,
    REPOSITORIES,
)
from tomo.errors import DatabaseError, UsageError
from tomo.frozen import frozen
from tomo.model.catalog import AppFilter, AppSummary, AppVersion, Rating, Repository, Standing

_LISTS: Final = frozenset({"categories", "tags", "architectures"})
_PLAIN: Final = tuple(
    each.name for each in fields(AppSummary) if each.name not in _LISTS | {"id", "repository"}
)
_MANY: Final = 500


@frozen
class KeptApp:
    """An app to keep: what lists show, the words it is found by with their weights, its file's digest."""

    summary: AppSummary
    words: Mapping[str, int]
    digest: str


class Marketplace:
    """Everything about repositories; one transaction at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- repositories ---------------------------------------------------------------------------------

    def repositories(self) -> tuple[Repository, ...]:
        """Every repository, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(REPOSITORIES).order_by(REPOSITORIES.c.name))
            return tuple(map(_repository, rows))

    def repository(self, name: str) -> Repository | None:
        """The repository of a name."""
        with self._database.reading() as connection:
            row = connection.execute(select(REPOSITORIES).where(REPOSITORIES.c.name == name)).first()
            return _repository(row) if row is not None else None

    def put(self, repository: Repository, apps: Sequence[KeptApp], *, new: bool) -> None:
        """Keeps a repository with all its apps, in place of those it had; each version once, with its time.

        Raises UsageError where one that is `new` is there already, or another is gone.
        """
        with self._database.writing() as connection:
            known = connection.scalar(
                select(func.count()).select_from(REPOSITORIES).where(REPOSITORIES.c.name == repository.name)
            )
            if bool(known) == new:
                what = "is there already" if known else "is gone"
                raise UsageError(
                    f"the repository `{repository.name}` {what}", hint="see `tomo catalog repo list`"
                )
            row = _row(repository)
            if new:
                connection.execute(insert(REPOSITORIES).values(row))
            else:
                connection.execute(
                    update(REPOSITORIES).where(REPOSITORIES.c.name == repository.name).values(row)
                )
            _put_apps(connection, repository, apps)
            _note_versions(connection, repository, apps)

    def remove(self, name: str) -> bool:
        """Forgets a repository with its apps and versions; ratings of its apps stay. False without one."""
        with self._database.writing() as connection:
            return connection.execute(delete(REPOSITORIES).where(REPOSITORIES.c.name == name)).rowcount > 0

    # --- apps -----------------------------------------------------------------------------------------

    def apps(self, keys: Collection[tuple[str, str]] | None = None) -> tuple[AppSummary, ...]:
        """Apps by repository and id, all without keys, sorted."""
        with self._database.reading() as connection:
            query = select(CATALOG_APPS).order_by(CATALOG_APPS.c.repository, CATALOG_APPS.c.app)
            if keys is not None and len(keys) <= _MANY:
                query = query.where(CATALOG_APPS.c.app.in_({app for _, app in keys}))
            found = [
                row for row in connection.execute(query) if keys is None or (row.repository, row.app) in keys
            ]
            return tuple(map(_summary, found))

    def search(
        self, words: Sequence[str], wanted: AppFilter, *, starts: float, within: float
    ) -> list[tuple[AppSummary, float]]:
        """Apps that fit and have every word, each with the sum of what the words count, in no order.

        The beginning of a word counts the part `starts` of it. A word that nothing begins with is looked
        for anywhere in others, which then count the part `within`.
        """
        with self._database.reading() as connection:
            parts = [_scored(connection, word, starts, within) for word in words]
            total = reduce(operator.add, (part.c.score for part in parts), literal(0.0))
            query = select(CATALOG_APPS, total.label("score")).where(*_fitting(wanted))
            for part in parts:
                same = (part.c.repository == CATALOG_APPS.c.repository, part.c.app == CATALOG_APPS.c.app)
                query = query.join(part, and_(*same))
            found = [(_summary(row), float(row.score)) for row in connection.execute(query)]
        return [(app, score) for app, score in found if wanted.takes(app)]

    def versions(self, repository: str, app: str) -> tuple[AppVersion, ...]:
        """Every version that an app had, newest first."""
        column = CATALOG_VERSIONS.c
        query = select(CATALOG_VERSIONS).where(column.repository == repository, column.app == app)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(column.number.desc()))
            return tuple(
                AppVersion(row.repository, row.app, row.version, row.commit, row.digest, row.time)
                for row in rows
            )

    def owners(self) -> Mapping[str, tuple[str, ...]]:
        """The repositories that have each app's id, by id."""
        found: dict[str, list[str]] = {}
        query = select(CATALOG_APPS.c.app, CATALOG_APPS.c.repository).order_by(CATALOG_APPS.c.repository)
        with self._database.reading() as connection:
            for row in connection.execute(query):
                found.setdefault(row.app, []).append(row.repository)
        return {app: tuple(names) for app, names in found.items()}

    # --- what people think ----------------------------------------------------------------------------

    def rate(self, rating: Rating) -> None:
        """Keeps a person's rating of an app in place of an earlier one."""
        where = (RATINGS.c.ref == rating.ref, RATINGS.c.person == rating.person)
        with self._database.writing() as connection:
            connection.execute(delete(RATINGS).where(*where))
            values = {each.name: getattr(rating, each.name) for each in fields(Rating)}
            connection.execute(insert(RATINGS).values(values))

    def ratings(self, ref: str) -> tuple[Rating, ...]:
        """The ratings of an app, newest first."""
        query = select(RATINGS).where(RATINGS.c.ref == ref).order_by(RATINGS.c.time.desc(), RATINGS.c.person)
        with self._database.reading() as connection:
            return tuple(
                Rating(row.ref, row.person, row.stars, row.note, row.time)
                for row in connection.execute(query)
            )

    def feature(self, ref: str, person: str, time: int, *, featured: bool) -> None:
        """Puts an app first, or no longer."""
        with self._database.writing() as connection:
            connection.execute(delete(FEATURED).where(FEATURED.c.ref == ref))
            if featured:
                connection.execute(insert(FEATURED).values(ref=ref, person=person, time=time))

    def standings(self) -> Mapping[str, Standing]:
        """What is known of every app that was rated or put first, by ref."""
        query = select(RATINGS.c.ref, func.count(), func.avg(RATINGS.c.stars)).group_by(RATINGS.c.ref)
        with self._database.reading() as connection:
            featured = set(connection.scalars(select(FEATURED.c.ref)))
            rated = {ref: (int(count), float(stars)) for ref, count, stars in connection.execute(query)}
        return {
            ref: Standing(*rated.get(ref, (0, 0.0)), featured=ref in featured)
            for ref in sorted(featured | rated.keys())
        }


def _scored(connection: Connection, word: str, starts: float, within: float) -> Subquery:
    """What a word counts for each app that has it."""
    column = CATALOG_WORDS.c
    where: ColumnElement[bool] = column.word.between(word, f"{word}\U0010ffff")
    part = case((column.word == word, 1.0), else_=starts)
    if connection.execute(select(column.word).where(where).limit(1)).first() is None:
        where, part = (
            column.word.contains(word, autoescape=True),
            case((column.word == word, 1.0), else_=within),
        )
    counts = column.weight * part
    query = select(column.repository, column.app, func.max(counts).label("score")).where(where)
    return query.group_by(column.repository, column.app).subquery()


def _fitting(wanted: AppFilter) -> Iterator[ColumnElement[bool]]:
    """What leaves out most apps that don't fit, before they are read; tags are compared later."""
    column = CATALOG_APPS.c
    if wanted.category:
        yield column.categories.contains(_quoted(wanted.category), autoescape=True)
    if wanted.architecture:
        named = column.architectures.contains(_quoted(wanted.architecture), autoescape=True)
        yield or_(column.architectures == "[]", named)
    for name in ("memory", "disk", "cpu"):
        if most := getattr(wanted, name):
            yield column[name] <= most


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


def _put_apps(connection: Connection, repository: Repository, apps: Sequence[KeptApp]) -> None:
    # Words go with their apps.
    connection.execute(delete(CATALOG_APPS).where(CATALOG_APPS.c.repository == repository.name))
    _insert(connection, CATALOG_APPS, [_app_row(repository.name, app.summary) for app in apps])
    words = (
        {"word": word, "repository": repository.name, "app": app.summary.id, "weight": weight}
        for app in apps
        for word, weight in app.words.items()
    )
    _insert(connection, CATALOG_WORDS, words)


def _note_versions(connection: Connection, repository: Repository, apps: Iterable[KeptApp]) -> None:
    column = CATALOG_VERSIONS.c
    newest: dict[str, str] = {}
    query = (
        select(column.app, column.digest).where(column.repository == repository.name).order_by(column.number)
    )
    for row in connection.execute(query):
        newest[row.app] = row.digest
    rows = [
        {
            "repository": repository.name,
            "app": app.summary.id,
            "version": app.summary.version,
            "commit": repository.commit,
            "digest": app.digest,
            "time": repository.synced,
        }
        for app in apps
        if newest.get(app.summary.id) != app.digest
    ]
    _insert(connection, CATALOG_VERSIONS, rows)


def _insert(connection: Connection, table: Any, rows: Iterable[Mapping[str, object]]) -> None:
    if found := list(rows):
        connection.execute(insert(table), found)


def _row(repository: Repository) -> dict[str, object]:
    plain = {each.name: getattr(repository, each.name) for each in fields(Repository)}
    return plain | {"refused": orjson.dumps(list(repository.refused)).decode()}


def _repository(row: Row[Any]) -> Repository:
    values = row._asdict()
    return Repository(**{**values, "refused": _texts(values["refused"], values["name"])})


def _app_row(repository: str, app: AppSummary) -> dict[str, object]:
    plain = {name: getattr(app, name) for name in _PLAIN}
    lists = {name: orjson.dumps(list(getattr(app, name))).decode() for name in _LISTS}
    return {"repository": repository, "app": app.id, **plain, **lists}


def _summary(row: Row[Any]) -> AppSummary:
    values = row._asdict()
    values.pop("score", None)
    app = values.pop("app")
    return AppSummary(id=app, **{**values, **{name: _texts(values[name], app) for name in _LISTS}})


def _texts(value: str, of: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, orjson.loads(value)))
    except (ValueError, TypeError) as error:
        raise DatabaseError(
            f"what the database has of `{of}` was changed and can't be read", hint="`tomo catalog repo sync`"
        ) from error
