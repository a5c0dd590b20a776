"""What a use case may do; every request says it, so that surfaces can tell them apart."""

from __future__ import annotations

from enum import StrEnum


class Effect(StrEnum):
    """`READ` changes nothing anywhere, `WRITE` files of the fleet's folder, `EXECUTE` hosts."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"
