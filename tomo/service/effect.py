"""What a use case may do; every request says it, so that surfaces can tell them apart."""

from __future__ import annotations

from enum import StrEnum


class Effect(StrEnum):
    """`READ` changes nothing anywhere, `WRITE` files of the fleet's folder, `EXECUTE` hosts.

    `PROPOSE` keeps a proposal in the database; the stack may get its key and its id for it.
    """

    READ = "read"
    PROPOSE = "propose"
    WRITE = "write"
    EXECUTE = "execute"
