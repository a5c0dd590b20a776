"""A store in a folder of a server, over SFTP: nothing runs there but sshd's own SFTP server.

A file is written under another name, flushed, and renamed, so a lost connection leaves the old or the new
one. Every act can be done twice, and is where the connection is lost under it.
"""

from __future__ import annotations

import posixpath
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tomo.errors import HostError, HostKeyUnknown, StateError, StateFileExists, StateFileMissing
from tomo.frozen import frozen
from tomo.model.connection import ByteStream
from tomo.model.storage import PRIVATE, Content, Entry
from tomo.settings import Settings
from tomo.ssh import sftp
from tomo.ssh.login import AskPassphrase
from tomo.ssh.pool import ConnectionPool
from tomo.ssh.sftp import Reply, Request, Status
from tomo.ssh.store_address import StoreAddress
from tomo.ssh.store_appender import SshAppender
from tomo.ssh.store_reading import SECOND, contents, entries, flushes, listed, open_to_read
from tomo.ssh.store_server import StoreServer, Turn

_NEW: Final = sftp.WRITE | sftp.CREATE | sftp.EXCLUSIVE


def open_store(address: StoreAddress, settings: Settings, ask: AskPassphrase | None) -> SshStorage:
    """The store at an address, over a connection of its own that is dialled when a file is first wanted."""
    pool = ConnectionPool(settings, ask_passphrase=ask)

    def stream() -> ByteStream:
        try:
            return pool.link(address.spec).open_subsystem("sftp")
        except HostError as error:
            raise _of_the_store(error, address) from error

    return SshStorage(address, stream, pool.close)


class SshStorage:
    """The files below a folder of a server. `open_stream` opens an SFTP session, `end` the connection."""

    def __init__(
        self, address: StoreAddress, open_stream: Callable[[], ByteStream], end: Callable[[], None]
    ) -> None:
        self.address = address
        self._server = StoreServer(address, open_stream, end)
        self._links_work = False
        self._ahead: int | None = None

    @property
    def round_trips(self) -> int:
        """How often an answer of the SFTP server was waited for so far."""
        return self._server.round_trips

    def location(self, path: str = "") -> str:
        """The address of a file, or of the store."""
        return self.address.location(path)

    # --- reading ---

    def read(self, path: str) -> bytes:
        """A file's content; raises StateFileMissing where there is none."""
        found = self.read_many([path])
        if path not in found:
            raise StateFileMissing(f"there is no `{self.location(path)}`")
        return found[path].raw

    def read_many(self, paths: Sequence[str]) -> Mapping[str, Content]:
        """Those of the files that are there; two round trips for all."""
        names = [self.address.at(path) for path in paths]

        def act(turn: Turn) -> dict[str, Content]:
            replies = turn.ask(
                *(request for name in names for request in (sftp.look(name), open_to_read(name)))
            )
            found = {
                path: (look, opened)
                for path, look, opened in zip(paths, replies[::2], replies[1::2], strict=True)
                if self._is_there(turn, path, look, opened)
            }
            raw = contents(turn, list(found.values()))
            turn.tell(*(sftp.close(opened.raw) for _, opened in found.values()))
            return {
                path: Content(self._good(turn, path, content), look.attributes.modified * SECOND)
                for (path, (look, _)), content in zip(found.items(), raw, strict=True)
            }

        return self._server.do(act, f"reading {self._all(paths)}")

    def modified(self, paths: Sequence[str]) -> Mapping[str, int]:
        """When those of the files that are there were last written, to the second; one round trip."""
        names = [self.address.at(path) for path in paths]

        def act(turn: Turn) -> dict[str, int]:
            return {
                path: look.attributes.modified * SECOND
                for path, look in zip(paths, turn.ask(*map(sftp.look, names)), strict=True)
                if self._is_there(turn, path, look)
            }

        return self._server.do(act, f"looking at {self._all(paths)}")

    def list(self, folder: str) -> list[Entry]:
        """What a folder holds, by name; two round trips for a small one."""
        name = self.address.at(folder)

        def act(turn: Turn) -> list[Entry]:
            (opened,) = turn.ask(sftp.open_folder(name))
            if not opened.ok:
                (look,) = turn.ask(sftp.look(name))
                if opened.status == Status.NO_SUCH_FILE or (look.ok and not look.attributes.is_folder):
                    return []
                raise self._server.refused(turn, opened, "list", folder)
            found = listed(turn, opened.raw)
            turn.tell(sftp.close(opened.raw))
            return sorted(entries(turn, name, found), key=lambda entry: entry.name)

        return self._server.do(act, f"listing `{self.location(folder)}`")

    def now(self) -> int:
        """The server's time, learned once from a file that is made and removed."""
        if self._ahead is None:
            self._ahead = self._server.do(self._measured, "asking for its time")
        return time.time_ns() + self._ahead

    def _measured(self, turn: Turn) -> int:
        """How far the server's clock is ahead; taken as right where nothing can be written there."""
        here = time.time_ns()
        try:
            (new,) = self._begun(turn, ["time"])
        except StateError:
            return 0
        look, *_ = turn.ask(sftp.look_at_open(new.handle), *_abandoned([new]))
        # SFTP tells whole seconds; half of one more is the smallest error.
        return look.attributes.modified * SECOND + SECOND // 2 - here

    def _is_there(self, turn: Turn, path: str, *replies: Reply) -> bool:
        """Whether a file is there; raises what the server says other than that it is not."""
        for reply in replies:
            if not reply.ok and reply.status != Status.NO_SUCH_FILE:
                raise self._server.refused(turn, reply, "read", path)
        return all(reply.ok for reply in replies)

    def _good(self, turn: Turn, path: str, content: bytes | Reply) -> bytes:
        if isinstance(content, Reply):
            raise self._server.refused(turn, content, "read", path)
        return content

    # --- writing ---

    def write(self, path: str, content: bytes, *, keep: str | None = None, mode: int = PRIVATE) -> None:
        """Replaces a file whole; three round trips, one more for the first that keeps the content before."""
        for name in (path, *([] if keep is None else [keep])):
            self.address.at(name)

        def act(turn: Turn) -> None:
            if turn.again and self._holds(turn, path, content):
                return
            (new,) = self._begun(turn, [path], mode=mode, beside=keep)
            self._fill(turn, [new], [sftp.write(new.handle, 0, content)], len(content))
            self._name(turn, [new], self._keeping(turn, new, keep) if keep and new.existed else [])

        self._server.do(act, f"writing `{self.location(path)}`")

    def create(self, path: str, content: bytes) -> None:
        """Makes a file that must not be there yet; it appears whole. Three round trips."""
        name = self.address.at(path)

        def act(turn: Turn) -> None:
            if turn.again and self._holds(turn, path, content):
                return
            (new,) = self._begun(turn, [path], aside=True)
            self._fill(turn, [new], [sftp.write(new.handle, 0, content)], len(content))
            named, *_ = turn.ask(sftp.rename_new(new.temporary, name), *_flushed([new]))
            if named.ok:
                return
            _, look = turn.ask(sftp.remove(new.temporary), sftp.look(name))
            if look.ok:
                raise StateFileExists(f"`{self.location(path)}` is there already")
            raise self._server.refused(turn, named, "make", path)

        self._server.do(act, f"making `{self.location(path)}`")

    def append(self, path: str) -> SshAppender:
        """A file to be appended to: two round trips to open it, one for each piece."""
        return SshAppender(self._server, path)

    def copy(self, source: str, *targets: str) -> None:
        """Puts a file's present content under other names too, on the server itself where it can copy."""
        name = self.address.at(source)
        for target in targets:
            self.address.at(target)

        def act(turn: Turn) -> None:
            (opened,) = turn.ask(open_to_read(name))
            if not opened.ok:
                raise self._server.refused(turn, opened, "copy", source)
            news = self._begun(turn, targets)
            fills = [[sftp.copy_all(opened.raw, new.handle)] for new in news]
            if sftp.COPY_DATA not in turn.session.extensions:
                content = self._good(turn, source, contents(turn, [(Reply(), opened)])[0])
                fills = [sftp.write(new.handle, 0, content) for new in news]
            self._fill(turn, news, fills, 0)
            self._name(turn, news, [sftp.close(opened.raw)])

        self._server.do(act, f"copying `{self.location(source)}`")

    def rename(self, source: str, target: str) -> None:
        """Moves a file in one instant; two round trips."""
        old, new = self.address.at(source), self.address.at(target)

        def act(turn: Turn) -> None:
            renamed, folder = turn.ask(sftp.rename_over(old, new), open_to_read(posixpath.dirname(new)))
            if folder.ok:
                turn.ask(sftp.flush(folder.raw), sftp.close(folder.raw))
            if renamed.ok or (turn.again and renamed.status == Status.NO_SUCH_FILE):
                return
            if renamed.status == Status.NO_SUCH_FILE:
                raise StateFileMissing(f"there is no `{self.location(source)}`")
            raise self._server.refused(turn, renamed, "rename", source)

        self._server.do(act, f"renaming `{self.location(source)}`")

    def remove(self, *paths: str) -> None:
        """Removes files; one round trip for all."""
        names = [self.address.at(path) for path in paths]

        def act(turn: Turn) -> None:
            for path, reply in zip(paths, turn.ask(*map(sftp.remove, names)), strict=True):
                if not reply.ok and reply.status != Status.NO_SUCH_FILE:
                    raise self._server.refused(turn, reply, "remove", path)

        self._server.do(act, f"removing {self._all(paths)}")

    def close(self) -> None:
        """Ends the connection."""
        self._server.close()

    # --- a file in three steps: opened under another name, filled and flushed, renamed ---

    def _begun(
        self,
        turn: Turn,
        paths: Sequence[str],
        *,
        mode: int = PRIVATE,
        beside: str | None = None,
        aside: bool = False,
    ) -> Sequence[_New]:
        """Opens new files, in folders that are made if need be; one round trip.

        `beside` is one more file whose folder is needed; `aside` keeps the passing name out of the file's
        own folder, where any name means something.
        """
        needed = {posixpath.dirname(path) for path in (*paths, beside or paths[0])}
        news, reply = self._tried(
            turn, paths, mode, self._folders(needed - self._server.folders), aside=aside
        )
        if reply is not None and reply.status == Status.NO_SUCH_FILE:
            # Somebody may have removed a folder that was there a moment ago.
            news, reply = self._tried(turn, paths, mode, self._folders(needed), aside=aside)
        if reply is not None:
            raise self._server.refused(turn, reply, "write", paths[0])
        self._server.folders |= needed
        return news

    def _tried(
        self, turn: Turn, paths: Sequence[str], mode: int, folders: Sequence[bytes], *, aside: bool
    ) -> tuple[Sequence[_New], Reply | None]:
        """The files as opened, and the server's no where one couldn't be."""
        passing = [self._passing(path, aside=aside) for path in paths]
        asked = [*map(sftp.make_folder, folders)]
        for path, temporary in zip(paths, passing, strict=True):
            name = self.address.at(path)
            asked += sftp.open_file(temporary, _NEW), open_to_read(posixpath.dirname(name)), sftp.look(name)
        replies = turn.ask(*asked)
        made, opened = replies[: len(folders)], replies[len(folders) :]
        news = [
            _New(path, temporary, handle.raw, folder.raw, mode, look)
            for path, temporary, handle, folder, look in zip(
                paths, passing, opened[::3], opened[1::3], opened[2::3], strict=True
            )
        ]
        bad = [reply for reply in opened[::3] if not reply.ok]
        if not bad:
            return news, None
        turn.ask(*_abandoned(news))
        denied = [reply for reply in made if reply.status == Status.PERMISSION_DENIED]
        return [], denied[-1] if denied and bad[0].status == Status.NO_SUCH_FILE else bad[0]

    def _fill(self, turn: Turn, news: Sequence[_New], fills: Sequence[Sequence[Request]], size: int) -> None:
        """Fills, flushes and closes them; one round trip. What can't be written is taken away again."""
        asked: list[Request] = []
        for new, fill in zip(news, fills, strict=True):
            mode = sftp.set_mode(new.handle, new.final_mode)
            asked += [mode, *fill, sftp.flush(new.handle), sftp.close(new.handle)]
        bad = [reply for reply in turn.ask(*asked) if not reply.ok]
        if bad:
            error = self._server.refused(turn, bad[0], "write", news[0].path, size)
            turn.ask(*(sftp.remove(new.temporary) for new in news), *_closed_folders(news))
            raise error

    def _name(self, turn: Turn, news: Sequence[_New], before: Sequence[Request]) -> None:
        """Renames them into place and flushes their folders; one round trip."""
        renames = [sftp.rename_over(new.temporary, self.address.at(new.path)) for new in news]
        replies = turn.ask(*before, *renames, *_flushed(news))[len(before) :]
        for new, reply in zip(news, replies, strict=False):
            if not reply.ok:
                turn.ask(*(sftp.remove(each.temporary) for each in news))
                raise self._server.refused(turn, reply, "write", new.path)

    def _keeping(self, turn: Turn, new: _New, keep: str) -> Sequence[Request]:
        """What gives the content before its other name: links, once one was seen to work, else a copy."""
        passing, path, kept = (
            self._passing(keep, aside=False),
            self.address.at(new.path),
            self.address.at(keep),
        )
        # Renaming one link of a file onto another does nothing and leaves it where it was.
        asked = [sftp.link(path, passing), sftp.rename_over(passing, kept), sftp.remove(passing)]
        if self._links_work or not new.is_file:
            return asked if new.is_file else []
        linked, renamed, _ = turn.ask(*asked)
        self._links_work = linked.ok and renamed.ok
        if not self._links_work:
            self.copy(new.path, keep)
        return []

    def _holds(self, turn: Turn, path: str, content: bytes) -> bool:
        """Whether the act that was cut off had been done."""
        (opened,) = turn.ask(open_to_read(self.address.at(path)))
        if not opened.ok:
            return False
        (found,) = contents(turn, [(Reply(), opened)])
        turn.tell(sftp.close(opened.raw))
        return found == content

    def _passing(self, path: str, *, aside: bool) -> bytes:
        """The name under which a file is written before it gets its own."""
        folder, name = posixpath.split(path)
        if aside:
            folder, name = folder.partition("/")[0], ""
        return self.address.full(posixpath.join(folder, f".{name}.{secrets.token_hex(6)}.tmp"))

    def _folders(self, needed: set[str]) -> Sequence[bytes]:
        """The folders to make, outer ones first; making one that is there is refused and harmless."""
        wanted: set[bytes] = set()
        for folder in needed:
            parts = self.address.full(folder).split(b"/")
            wanted |= {b"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
        return sorted(wanted - {b"", b"."}, key=lambda folder: folder.count(b"/"))

    def _all(self, paths: Sequence[str]) -> str:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        return f"`{self.location(paths[0]) if paths else self.location()}`{more}"


def _of_the_store(error: HostError, address: StoreAddress) -> HostError:
    """The same error about the server that holds the state, with what helps there."""
    hint = error.hint
    if isinstance(error, HostKeyUnknown):
        hint = f"compare it with what the server's owner says, then accept it with `ssh {address.login}`"
    return type(error)(
        f"the state `{address.url}` can't be reached: {error.message}",
        host=error.host,
        hint=hint,
        where=error.where,
        detail=error.detail,
    )


@frozen
class _New:
    """A file on its way: `handle` is its own, `folder` its folder's; `look` what is at its place so far."""

    path: str
    temporary: bytes
    handle: bytes
    folder: bytes
    mode: int
    look: Reply

    @property
    def existed(self) -> bool:
        return self.look.ok

    @property
    def is_file(self) -> bool:
        return self.look.attributes.is_file

    @property
    def final_mode(self) -> int:
        """A file that is there keeps its mode."""
        return self.look.attributes.mode & 0o777 if self.existed and self.is_file else self.mode


def _abandoned(news: Sequence[_New]) -> list[Request]:
    """Closes and removes what was begun."""
    closes = [sftp.close(new.handle) for new in news if new.handle]
    return [*closes, *(sftp.remove(new.temporary) for new in news if new.handle), *_closed_folders(news)]


def _closed_folders(news: Sequence[_New]) -> list[Request]:
    return [sftp.close(new.folder) for new in news if new.folder]


def _flushed(news: Sequence[_New]) -> list[Request]:
    return flushes([new.folder for new in news])
