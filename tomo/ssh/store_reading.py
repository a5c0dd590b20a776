"""What a store on a server holds, asked for in as few round trips as it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tomo.model.storage import Entry
from tomo.ssh import sftp
from tomo.ssh.sftp import Reply, Request, Status
from tomo.ssh.store_address import encoded
from tomo.ssh.store_server import Turn

SECOND: Final = 1_000_000_000
_LISTS: Final = 3


def open_to_read(name: bytes) -> Request:
    """Opens a file to be read, or a folder to be flushed."""
    return sftp.open_file(name, sftp.READ)


def flushes(folders: Sequence[bytes]) -> list[Request]:
    """Makes the names in folders safe; a folder that can't be opened can't be flushed either."""
    there = [folder for folder in folders if folder]
    return [request for folder in there for request in (sftp.flush(folder), sftp.close(folder))]


def contents(turn: Turn, files: Sequence[tuple[Reply, Reply]]) -> list[bytes | Reply]:
    """Each open file's content, or the server's no; `files` are what looking and opening brought.

    All pieces are asked for at once, and one more, whose answer is the end.
    """
    counts = [look.attributes.size // sftp.CHUNK + 2 for look, _ in files]
    replies = iter(
        turn.ask(
            *(
                sftp.read(opened.raw, place * sftp.CHUNK)
                for (_, opened), count in zip(files, counts, strict=True)
                for place in range(count)
            )
        )
    )
    return [
        _joined(turn, opened.raw, [next(replies) for _ in range(count)])
        for (_, opened), count in zip(files, counts, strict=True)
    ]


def _joined(turn: Turn, handle: bytes, replies: Sequence[Reply]) -> bytes | Reply:
    """The pieces up to the end; where one came short, or the file has grown, the rest is asked for."""
    content = bytearray()
    for reply in replies:
        if reply.status == Status.EOF:
            return bytes(content)
        if not reply.ok:
            return reply
        if len(content) % sftp.CHUNK:
            break
        content += reply.raw
    while True:
        (reply,) = turn.ask(sftp.read(handle, len(content)))
        if reply.status == Status.EOF:
            return bytes(content)
        if not reply.ok:
            return reply
        content += reply.raw


def listed(turn: Turn, handle: bytes) -> list[tuple[str, sftp.Attributes]]:
    """All names of an open folder; more are asked for at once the more there are."""
    found: list[tuple[str, sftp.Attributes]] = []
    at_once = _LISTS
    while True:
        for reply in turn.ask(*[sftp.list_more(handle)] * at_once):
            if not reply.ok:
                return found
            found += reply.names
        at_once *= 2


def entries(turn: Turn, folder: bytes, found: Sequence[tuple[str, sftp.Attributes]]) -> Iterator[Entry]:
    """What a folder's names stand for; links are followed in one more round trip."""
    known = {name: facts for name, facts in found if name not in {".", ".."}}
    links = [name for name, facts in known.items() if facts.is_link]
    looks = turn.ask(*(sftp.look(folder + b"/" + encoded(name)) for name in links))
    known |= {name: look.attributes for name, look in zip(links, looks, strict=True) if look.ok}
    for name, facts in known.items():
        yield Entry(name, facts.modified * SECOND, facts.is_file)
