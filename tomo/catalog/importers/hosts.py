"""Host names of the source in texts, where the service is called otherwise here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_HOST_KEY: Final = re.compile(
    r"HOST|SERVER|ADDR|URL|URI|ENDPOINT|DSN|NODE|BROKER|UPSTREAM|LINK|API|CLIENT", re.IGNORECASE
)


class HostNames:
    """Replaces the names that a source's services had by those they have here.

    A name such as `immich_postgres_1` is one wherever it stands; another only where a host stands.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        """`names` is what each old name is called here; those that are the same are left out."""
        self._names = {old: new for old, new in names.items() if old != new}
        plain = [re.escape(name) for name in sorted(self._names, key=len, reverse=True) if not _telling(name)]
        telling = [re.escape(name) for name in sorted(self._names, key=len, reverse=True) if _telling(name)]
        self._anywhere = re.compile(rf"(?<![\w.$-])({'|'.join(telling)})(?![\w-])") if telling else None
        self._as_host = (
            re.compile(
                rf"(?<=://)({'|'.join(plain)})(?![\w.-])|(?<=@)({'|'.join(plain)})(?![\w.-])|(?<![\w./@:-])({'|'.join(plain)})(?=:\d)"
            )
            if plain
            else None
        )

    def in_text(self, text: str) -> str:
        """A text with the names replaced."""
        for pattern in (self._anywhere, self._as_host):
            if pattern is not None:
                text = pattern.sub(lambda match: self._names[match[0]], text)
        return text

    def in_env(self, key: str, value: Any) -> Any:
        """A variable's value with the names replaced; as a whole where the variable is about a host."""
        if not isinstance(value, str):
            return value
        if value in self._names and _HOST_KEY.search(key):
            return self._names[value]
        return self.in_text(value)

    def in_service(self, service: dict[str, Any]) -> None:
        """The same for every text of a service."""
        if not self._names:
            return
        if "env" in service:
            service["env"] = {key: self.in_env(key, value) for key, value in service["env"].items()}
        for key in ("command", "entrypoint"):
            if key in service:
                service[key] = [self.in_text(text) for text in service[key]]
        if "healthcheck" in service:
            service["healthcheck"]["test"] = [self.in_text(text) for text in service["healthcheck"]["test"]]


def _telling(name: str) -> bool:
    """Whether a name is one of Compose 1's, which mean nothing else."""
    return bool(re.fullmatch(r".+_.+_\d+", name))
