"""SFTP, version 3, over one stream: many requests go out before the first answer is waited for.

Formats: draft-ietf-secsh-filexfer-02; the extensions are in OpenSSH's PROTOCOL, section 4. paramiko's own
client waits for each answer and forgets which extensions the server offered, so only its codec serves here.
"""

from __future__ import annotations

import stat
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import field
from enum import IntEnum
from typing import Final

from paramiko import Message

from tomo.frozen import frozen
from tomo.model.connection import ByteStream

CHUNK: Final = 32_768
"""What every server takes in one request (the draft, section 3)."""
_LARGEST: Final = 1 << 20
_SECONDS: Final = 120.0

_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES = 1, 2, 4, 8
READ, WRITE, CREATE, EXCLUSIVE = 0x01, 0x02, 0x08, 0x20


class Kind(IntEnum):
    """The packet types in use."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    FSTAT = 8
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    STAT = 17
    RENAME = 18
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Status(IntEnum):
    """How a request ended."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    UNSUPPORTED = 8


class SftpLost(Exception):
    """The stream ended or is no SFTP; whether the last requests were done is not known."""


@frozen
class Attributes:
    """What is known of a file; `modified` is in seconds."""

    size: int = 0
    mode: int = 0
    modified: int = 0

    @property
    def is_file(self) -> bool:
        """Whether it is an ordinary file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.mode)


@frozen
class Reply:
    """The answer to one request; the field that belongs to its kind is set."""

    status: int = Status.OK
    message: str = ""
    raw: bytes = b""
    attributes: Attributes = field(default_factory=Attributes)
    names: tuple[tuple[str, Attributes], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the request was done."""
        return self.status == Status.OK


@frozen
class Request:
    """One request: its kind and what follows its number."""

    kind: Kind
    body: bytes


class Sftp:
    """One SFTP session; its methods may be called from any thread and raise SftpLost only."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._number = 0
        self._round_trips = 0
        stream.settimeout(_SECONDS)
        self.extensions = self._greet()

    @property
    def round_trips(self) -> int:
        """How often an answer was waited for."""
        return self._round_trips

    def ask(self, *requests: Request) -> list[Reply]:
        """Sends all requests, then waits for all answers: one round trip. The server keeps their order."""
        if not requests:
            return []
        with self._lock:
            numbers = self._send(requests)
            self._round_trips += 1
            waiting = set(numbers)
            found: dict[int, Reply] = {}
            while waiting:
                kind, message = self._receive()
                number = message.get_int()
                if number in waiting:
                    waiting.remove(number)
                    found[number] = _decoded(kind, message)
        return [found[number] for number in numbers]

    def tell(self, *requests: Request) -> None:
        """Sends requests whose answers nobody waits for."""
        with self._lock:
            self._send(requests)

    def close(self) -> None:
        """Ends the session."""
        self._stream.close()

    def _greet(self) -> frozenset[str]:
        with self._lock:
            self._write(struct.pack(">IBI", 5, Kind.INIT, 3))
            self._round_trips += 1
            kind, message = self._receive()
        if kind != Kind.VERSION:
            raise SftpLost(f"no SFTP greeting but packet {kind}")
        message.get_int()
        return frozenset(_extensions(message))

    def _send(self, requests: Sequence[Request]) -> list[int]:
        packets, numbers = bytearray(), []
        for request in requests:
            self._number = (self._number + 1) & 0xFFFFFFFF
            numbers.append(self._number)
            packets += struct.pack(">IBI", 5 + len(request.body), request.kind, self._number)
            packets += request.body
        self._write(bytes(packets))
        return numbers

    def _write(self, content: bytes) -> None:
        try:
            self._stream.sendall(content)
        except (OSError, EOFError) as error:
            raise SftpLost(str(error)) from error

    def _receive(self) -> tuple[int, Message]:
        (length,) = struct.unpack(">I", self._exactly(4))
        if not 0 < length <= _LARGEST:
            raise SftpLost("what answers is no SFTP server")
        packet = self._exactly(length)
        return packet[0], Message(packet[1:])

    def _exactly(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            try:
                part = self._stream.recv(size - len(parts))
            except (OSError, EOFError) as error:
                raise SftpLost(str(error) or type(error).__name__) from error
            if not part:
                raise SftpLost("the stream ended")
            parts += part
        return bytes(parts)


def _extensions(message: Message) -> Iterator[str]:
    while message.get_remainder():
        yield message.get_text()
        message.get_binary()


def _decoded(kind: int, message: Message) -> Reply:
    match kind:
        case Kind.STATUS:
            return Reply(status=message.get_int(), message=message.get_string().decode("utf-8", "replace"))
        case Kind.HANDLE | Kind.DATA:
            return Reply(raw=message.get_string())
        case Kind.ATTRS:
            return Reply(attributes=_attributes(message))
        case Kind.NAME:
            return Reply(names=tuple(_names(message)))
        case _:
            return Reply(raw=message.get_remainder())


def _names(message: Message) -> Iterator[tuple[str, Attributes]]:
    for _ in range(message.get_int()):
        name = message.get_string().decode("utf-8", "surrogateescape")
        message.get_string()
        yield name, _attributes(message)


def _attributes(message: Message) -> Attributes:
    flags = message.get_int()
    size = message.get_int64() if flags & _HAS_SIZE else 0
    if flags & _HAS_OWNER:
        message.get_int()
        message.get_int()
    mode = message.get_int() if flags & _HAS_MODE else 0
    if flags & _HAS_TIMES:
        message.get_int()
    modified = message.get_int() if flags & _HAS_TIMES else 0
    return Attributes(size, mode, modified)


# --- requests --------------------------------------------------------------------------------------------


def open_file(path: bytes, flags: int, mode: int = 0o600) -> Request:
    """Opens a file; the reply's `raw` is its handle. A directory can be opened to be flushed."""
    return Request(Kind.OPEN, _text(path) + struct.pack(">III", flags, _HAS_MODE, mode))


def close(handle: bytes) -> Request:
    """Closes a file or folder."""
    return Request(Kind.CLOSE, _text(handle))


def read(handle: bytes, offset: int) -> Request:
    """Reads at most `CHUNK` bytes; EOF at the end."""
    return Request(Kind.READ, _text(handle) + struct.pack(">QI", offset, CHUNK))


def write(handle: bytes, offset: int, content: bytes) -> list[Request]:
    """Writes all of the content from an offset on."""
    parts = range(0, len(content), CHUNK)
    head = _text(handle)
    return [
        Request(Kind.WRITE, head + struct.pack(">Q", offset + start) + _text(content[start : start + CHUNK]))
        for start in parts
    ]


def look(path: bytes) -> Request:
    """A file's attributes, links followed."""
    return Request(Kind.STAT, _text(path))


def look_at_open(handle: bytes) -> Request:
    """An open file's attributes."""
    return Request(Kind.FSTAT, _text(handle))


def set_mode(handle: bytes, mode: int) -> Request:
    """Sets an open file's permissions, which the server's umask may have narrowed."""
    return Request(Kind.FSETSTAT, _text(handle) + struct.pack(">II", _HAS_MODE, mode))


def cut(handle: bytes, size: int) -> Request:
    """Sets an open file's length."""
    return Request(Kind.FSETSTAT, _text(handle) + struct.pack(">IQ", _HAS_SIZE, size))


def open_folder(path: bytes) -> Request:
    """Opens a folder to be listed."""
    return Request(Kind.OPENDIR, _text(path))


def list_more(handle: bytes) -> Request:
    """The next names of a folder; EOF at the end."""
    return Request(Kind.READDIR, _text(handle))


def remove(path: bytes) -> Request:
    """Removes a file."""
    return Request(Kind.REMOVE, _text(path))


def make_folder(path: bytes, mode: int = 0o700) -> Request:
    """Makes a folder."""
    return Request(Kind.MKDIR, _text(path) + struct.pack(">II", _HAS_MODE, mode))


def rename_new(old: bytes, new: bytes) -> Request:
    """Renames to a name that must not be there yet; OpenSSH does it by a link, so that one of many wins."""
    return Request(Kind.RENAME, _text(old) + _text(new))


def rename_over(old: bytes, new: bytes) -> Request:
    """Renames over what may be there, in one instant."""
    return _extended(POSIX_RENAME, _text(old), _text(new))


def link(old: bytes, new: bytes) -> Request:
    """Gives a file a second name."""
    return _extended(HARDLINK, _text(old), _text(new))


def flush(handle: bytes) -> Request:
    """Puts an open file, or an open folder's names, safely on disk."""
    return _extended(FSYNC, _text(handle))


def copy_all(source: bytes, target: bytes) -> Request:
    """Copies an open file's content into another open file, on the server."""
    return _extended(COPY_DATA, _text(source), struct.pack(">QQ", 0, 0), _text(target), struct.pack(">Q", 0))


def free_space(path: bytes) -> Request:
    """The file system's numbers; `bytes_free` reads them."""
    return _extended(STATVFS, _text(path))


def bytes_free(reply: Reply) -> int | None:
    """How much an ordinary user may still write; None where the server does not say."""
    if not reply.ok or len(reply.raw) < 11 * 8:
        return None
    _, unit, _, _, available, *_ = struct.unpack(">11Q", reply.raw[:88])
    return int(unit * available)


POSIX_RENAME: Final = "posix-rename@openssh.com"
FSYNC: Final = "fsync@openssh.com"
HARDLINK: Final = "hardlink@openssh.com"
STATVFS: Final = "statvfs@openssh.com"
COPY_DATA: Final = "copy-data"


def _extended(name: str, *parts: bytes) -> Request:
    return Request(Kind.EXTENDED, _text(name.encode()) + b"".join(parts))


def _text(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content
