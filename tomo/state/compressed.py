"""Checkpoints that Pulumi's CLI has compressed."""

from __future__ import annotations

import gzip
import importlib
import zlib
from typing import Final

from tomo.errors import NotSupported, StateCorrupt

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


def decompressed(raw: bytes) -> bytes:
    """A file's own bytes; raises StateCorrupt for a damaged one."""
    if raw.startswith(_GZIP):
        try:
            return gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise StateCorrupt(f"damaged gzip file: {error}") from error
    if raw.startswith(_ZSTD):
        return _decompress_zstd(raw)
    return raw


def _decompress_zstd(raw: bytes) -> bytes:
    try:
        zstd = importlib.import_module("compression.zstd")
    except ImportError as error:
        raise NotSupported(
            "a state compressed with `zstd` needs Python 3.14",
            hint="write it plain: `PULUMI_DIY_BACKEND_ZSTD=false pulumi refresh`",
        ) from error
    try:
        return bytes(zstd.decompress(raw))
    except zstd.ZstdError as error:
        raise StateCorrupt(f"damaged zstd file: {error}") from error
