"""Compresses and encrypts what streams by: zstd in the age format; the only importer of pyrage and zstandard.

age: https://age-encryption.org/v1; zstd: RFC 8878. `age --decrypt -i KEY FILE | tar --zstd -x` opens it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from tomo.backup.streams import CHUNK, Heard, Pulled, Reader, Writer, pulled_from
from tomo.errors import BackupDamaged, BackupError, BackupKeyRefused, UsageError

if TYPE_CHECKING:
    from zstandard import ZstdDecompressionReader

_LEVEL: Final = 3
_LARGEST_WINDOW: Final = 1 << 27
_SECRET_KEY: Final = "AGE-SECRET-KEY-1"  # noqa: S105  # how every identity begins


def parsed_recipient(text: str) -> Any:
    """Who can open what is sealed: `age1…` or an SSH public key; raises UsageError."""
    import pyrage  # noqa: PLC0415  # only backups need it

    made = pyrage.ssh.Recipient if text.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return made.from_str(text)
    except Exception as error:
        raise UsageError(
            f"`{text[:80]}` is no recipient: {error}",
            hint="the public key that `age-keygen` printed, `age1…`, or an SSH key `ssh-ed25519 …`",
        ) from error


def sealed(chunks: Iterable[bytes], target: Writer, recipients: Sequence[str]) -> None:
    """Writes what streams by, compressed and sealed; raises what the chunks raise."""
    import pyrage  # noqa: PLC0415  # as above

    source = Pulled(compressed(chunks))
    keys = [parsed_recipient(text) for text in recipients]
    try:
        pyrage.encrypt_io(source, target, keys)
    except Exception as error:
        if source.error is not None:
            raise source.error from None
        if "KeyboardInterrupt" in str(error):
            raise KeyboardInterrupt from None
        raise BackupError(f"sealing failed: {error}", hint="see the cause, and run it again") from error


def compressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A zstd frame with a checksum."""
    import zstandard  # noqa: PLC0415  # as above

    packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).chunker(chunk_size=CHUNK)
    for chunk in chunks:
        yield from packer.compress(chunk)
    yield from packer.finish()  # type: ignore[no-untyped-call]


@contextmanager
def opened(source: Reader, identities: Sequence[Any], name: str) -> Iterator[Reader]:
    """What a sealed archive holds, as a file to read; raises BackupKeyRefused, BackupDamaged."""
    import pyrage  # noqa: PLC0415  # as above

    def push(target: BinaryIO) -> None:
        heard = Heard(source)
        try:
            pyrage.decrypt_io(heard, target, list(identities))
        except BrokenPipeError:
            raise  # whoever reads has left
        except (pyrage.DecryptError, OSError) as error:
            if heard.error is not None:
                raise heard.error from None
            raise _refused(error, name) from error

    with pulled_from(push) as plain:
        yield decompressed(plain, name)


def decompressed(source: BinaryIO, name: str) -> Reader:
    """What a zstd frame holds."""
    import zstandard  # noqa: PLC0415  # as above

    unpacker = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    return _Unpacked(unpacker.stream_reader(source, read_size=CHUNK, read_across_frames=True), name)


class _Unpacked:
    def __init__(self, source: ZstdDecompressionReader, name: str) -> None:
        self._source, self._name = source, name

    def read(self, size: int = -1) -> bytes:
        import zstandard  # noqa: PLC0415  # as above

        try:
            return self._source.read(size)
        except zstandard.ZstdError as error:
            raise BackupDamaged(f"`{self._name}` is damaged: {error}", hint=_OTHER) from error


_OTHER: Final = "choose another one: `tomo backup list`"


def _refused(error: Exception, name: str) -> BackupError:
    text = str(error)
    if "No matching keys" in text or "matching" in text.lower():
        return BackupKeyRefused(
            f"none of the keys given opens `{name}`",
            hint="name the file with the right one: `--identity FILE`",
        )
    if "BrokenPipe" in text:
        return BackupError(f"`{name}` was not read to its end", hint="run it again")
    return BackupDamaged(f"`{name}` is damaged or cut off: {text}", hint=_OTHER)


def identities_in(file: Path) -> list[Any]:
    """The keys of a file that `age-keygen` wrote, or an SSH private key without a passphrase.

    Raises UsageError for a file without any; never shows what is in it.
    """
    import pyrage  # noqa: PLC0415  # as above

    try:
        raw = file.read_bytes()
    except OSError as error:
        raise UsageError(f"`{file}` can't be read: {error.strerror}", hint=_MAKE) from error
    lines = [line.strip() for line in raw.decode("utf-8", "replace").splitlines()]
    keys = [line for line in lines if line.startswith(_SECRET_KEY)]
    try:
        if not keys and b"PRIVATE KEY" in raw:
            return [pyrage.ssh.Identity.from_buffer(raw)]
        found = [pyrage.x25519.Identity.from_str(key) for key in keys]
    except Exception as error:
        raise UsageError(f"`{file}` holds a key that can't be used", hint=_MAKE) from error
    if not found:
        raise UsageError(f"`{file}` holds no age identity", hint=_MAKE)
    return found


_MAKE: Final = "make a pair with `age-keygen -o backup.key`; the file is the identity"
