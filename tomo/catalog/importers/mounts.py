"""Mounts of a Compose service: volumes, folders of the source's host, files that the source carries."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from tomo.catalog.importers.found import FoundApp
from tomo.catalog.importers.reading import At, Folder
from tomo.catalog.importers.variables import Asked, Texts, escaped
from tomo.catalog.importers.words import Names, languages, slug
from tomo.errors import SpecError
from tomo.frozen import frozen
from tomo.spec.shown import CONTROL, shown

_LARGEST_FILE: Final = 256 << 10
_MOST_FILES: Final = 20
_CLOCK: Final = frozenset({"/etc/localtime", "/etc/timezone"})
_SYSTEM: Final = (
    "/dev",
    "/proc",
    "/sys",
    "/run",
    "/var/run",
    "/var/lib",
    "/etc",
    "/lib",
    "/usr",
    "/boot",
    "/var/log",
)
"""Folders of the server's own, which stand as they are and need a grant."""
_FILE_ENDINGS: Final = frozenset({
    "cfg", "cnf", "conf", "config", "crt", "css", "db", "env", "htpasswd", "html", "ini", "js", "json", "key",
    "pem", "php", "properties", "py", "sh", "sql", "sqlite", "template", "toml",
    "ts", "txt", "xml", "yaml", "yml",
})  # fmt: skip
_DATABASE_ENDINGS: Final = (".db", ".sqlite", ".sqlite3")
_TELLING: Final = re.compile(r"\$(?:SERVICE_[A-Z0-9_]+|\{SERVICE_[A-Z0-9_]+\})")
_QUIET: Final = frozenset({".gitkeep", ".keep", ".gitignore", "README.md"})


@frozen
class _Wanted:
    """One mount as its source writes it."""

    source: str
    target: str
    read_only: bool
    content: str | None = None
    folder: bool | None = None


@dataclass
class Mounts:
    """The mounts of one app; the same folder of the source becomes the same volume."""

    found: FoundApp
    texts: Texts
    top: At
    volumes: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    by_source: dict[str, str] = field(default_factory=dict)
    folders: dict[str, None] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    placed: set[tuple[str, str]] = field(default_factory=set)

    def of_service(self, service: str, volumes: At, tmpfs: At) -> list[dict[str, Any]]:
        """The `volumes` and `tmpfs` of a service as the app format has them."""
        mapped: dict[str, dict[str, Any]] = {}
        for entry in volumes.items():
            for mount in self._entry(service, entry):
                mapped[mount["path"]] = mount
        memory = tmpfs.items() if isinstance(tmpfs.value, list) else [tmpfs] if tmpfs.value else []
        for entry in memory:
            path = entry.text().partition(":")[0]
            mapped[path] = {"kind": "tmpfs", "path": self._target(entry, path)}
        taken = {file["path"] for file in self.files if file["service"] == service}
        return [self._described(service, mount) for path, mount in mapped.items() if path not in taken]

    def tell_overlaps(self) -> None:
        """Says where one folder of the source lies in another: as volumes they share nothing."""
        for inner in self.folders:
            for outer in map(str, PurePosixPath(inner).parents):
                if outer in self.folders and outer != ".":
                    self.found.ledger.person(
                        f"`{shown(inner)}` lies in `{shown(outer)}`; as volumes they no longer share files"
                    )

    def _described(self, service: str, mount: dict[str, Any]) -> dict[str, Any]:
        said = languages(self.found.described.get((service, "volume", mount["path"])))
        return {**mount, **({"description": said} if said else {})}

    # --- entries -------------------------------------------------------------------------------------

    def _entry(self, service: str, entry: At) -> Iterator[dict[str, Any]]:
        if isinstance(entry.value, dict):
            yield from self._long(service, entry)
            return
        parts = _split(entry.text())
        target = parts[0] if len(parts) == 1 else parts[1]
        options = parts[2].split(",") if len(parts) > 2 else []  # noqa: PLR2004  # source, target, options
        path = self._target(entry, target)
        if len(parts) == 1:
            yield {"volume": self._volume(path, path), "path": path}
            return
        yield from self._placed(service, entry, _Wanted(parts[0], path, "ro" in options))

    def _long(self, service: str, entry: At) -> Iterator[dict[str, Any]]:
        kind = entry.get("type").text() or "volume"
        target = entry.get("target").value if "target" in entry.mapping() else entry.get("destination").value
        path = self._target(entry, entry.with_value(target).text())
        if kind == "tmpfs":
            yield {"kind": "tmpfs", "path": path}
            return
        if kind not in ("bind", "volume"):
            entry.refuse(
                f"mounts of the type `{shown(kind)}` have no place", "write `bind`, `volume` or `tmpfs`"
            )
        source = entry.get("source").text() or path
        content = entry.get("content").text() if "content" in entry.mapping() else None
        marked = next(
            (entry.get(key) for key in ("is_directory", "isDirectory") if key in entry.mapping()), None
        )
        folder = marked.flag() if marked else None
        wanted = _Wanted(source, path, entry.get("read_only").flag(), content, folder)
        if kind == "volume" and "source" not in entry.mapping():
            yield {"volume": self._volume(path, path), "path": path}
            return
        yield from self._placed(service, entry, wanted)

    def _target(self, entry: At, target: str) -> str:
        path = self.texts.constant(re.sub(r":r[ow]$", "", target))
        if path is None or not path.startswith("/"):
            entry.refuse(f"`{shown(target)}` is no path in the container", "write `SOURCE:/PATH`")
        path = posixpath.normpath(path)
        if (
            ".." in target.split("/")
            or ":" in path
            or CONTROL.search(path)
            or "\n" in path
            or path.strip("/") == ""
        ):
            entry.refuse(
                f"nothing can be mounted at `{shown(target)}`", "write a plain path of the container"
            )
        return "/" + path.lstrip("/")

    # --- where it comes from -------------------------------------------------------------------------

    def _placed(self, service: str, entry: At, wanted: _Wanted) -> Iterator[dict[str, Any]]:
        source = self.texts.constant(wanted.source)
        extra = {"read_only": True} if wanted.read_only else {}
        if source is None:
            name = (self.texts.variables(wanted.source) or ["FOLDER"])[0]
            yield {**self._asked(name, wanted, ""), **extra}
            return
        if CONTROL.search(source) or "\n" in source:
            entry.refuse(f"`{shown(source)}` is not a folder's name", "write a plain path")
        source = self._under_root(source)
        if wanted.content is not None:
            self._file(service, wanted.target, self._content(wanted.content), wanted.source)
        elif source.startswith("~"):
            yield {**self._asked("", wanted, ""), **extra}
        elif source.startswith("/"):
            yield from ({**mount, **extra} for mount in self._absolute(wanted, posixpath.normpath(source)))
        elif source.startswith(".") or "/" in source:
            yield from ({**mount, **extra} for mount in self._relative(service, wanted, source))
        else:
            yield {**self._named(entry, wanted, source), **extra}

    def _content(self, content: str) -> str:
        """A file that stands in the Compose file: only telling names are variables, `$host` is nginx's."""
        found, end = [], 0
        for match in _TELLING.finditer(content):
            found += [escaped(content[end : match.start()]), self.texts.template(match[0])]
            end = match.end()
        return "".join([*found, escaped(content[end:])])

    def _under_root(self, source: str) -> str:
        for root, instead in self.found.roots:
            if source == root or source.startswith(f"{root.rstrip('/')}/"):
                return instead + source[len(root.rstrip("/")) :]
        return source

    def _absolute(self, wanted: _Wanted, source: str) -> Iterator[dict[str, Any]]:
        if source in _CLOCK:
            self.found.ledger.dropping(f"`{source}`: containers get the server's time zone in `TZ`")
            return
        system = source == "/" or any(source == top or source.startswith(f"{top}/") for top in _SYSTEM)
        if system and ":" not in source:
            as_file = _like_file(source) and not source.endswith(".sock")
            yield {"host": source, "path": wanted.target, **({"kind": "file"} if as_file else {})}
        else:
            yield self._asked("", wanted, source)

    def _relative(self, service: str, wanted: _Wanted, source: str) -> Iterator[dict[str, Any]]:
        path = posixpath.normpath(source)
        inline = self._inline(path)
        if inline:
            for rest, content in inline:
                self._file(service, posixpath.normpath(f"{wanted.target}/{rest}"), content, source)
            return
        if path.startswith(".."):
            self.found.ledger.person(
                f"`{shown(source)}` is outside of the app's folder: name a folder for it"
            )
            yield self._asked("", wanted, "")
            return
        folder = self.found.folder
        if folder is not None and folder.has(path):
            yield from self._carried(service, wanted, folder, path)
        elif folder is not None and folder.has_folder(path) and path != ".":
            yield from self._carried_folder(service, wanted, folder, path)
        elif wanted.folder is not True and _like_file(path) and _like_file(wanted.target):
            self.found.ledger.person(
                f"the file `{shown(source)}` is not with the app: name one on the server"
            )
            yield {**self._asked("", wanted, path), "kind": "file"}
        else:
            yield self._folder_volume(wanted, path)

    def _folder_volume(self, wanted: _Wanted, path: str) -> dict[str, Any]:
        self.folders[path] = None
        stem = path.removeprefix("data/").removeprefix("volumes/") if path != "." else "data"
        name = self._volume(path, stem)
        self.found.ledger.mapping(f"folder `{shown(wanted.source)}` is the volume `{name}`")
        return {"volume": name, "path": wanted.target}

    def _named(self, entry: At, wanted: _Wanted, source: str) -> dict[str, Any]:
        options = self.top.get(source) if source in self.top.mapping() else entry.with_value(None)
        driver = options.get("driver_opts")
        device = self.texts.constant(driver.get("device").text()) or ""
        if driver.get("type").text() == "tmpfs":
            return {"kind": "tmpfs", "path": wanted.target}
        if driver.get("o").text().startswith("bind") and device.startswith("/"):
            return self._asked(source, wanted, device)
        if driver.value or options.get("driver").text() not in ("", "local"):
            self.found.ledger.person(f"volume `{shown(source)}` has driver options, which have no place")
        if options.get("external").value not in (None, False):
            self.found.ledger.person(
                f"volume `{shown(source)}` existed outside of the app: its data stays there"
            )
        return {"volume": self._volume(f"={source}", source), "path": wanted.target}

    def _volume(self, source: str, name: str) -> str:
        if source not in self.by_source:
            chosen = self.names.take(slug(name) or "data")
            self.by_source[source] = chosen
            self.volumes[chosen] = {}
        return self.by_source[source]

    def _asked(self, name: str, wanted: _Wanted, source: str) -> dict[str, Any]:
        """A folder of the server that a person names."""
        known = f"@{source or wanted.source}"
        if known not in self.by_source:
            stem = (
                name
                or slug(posixpath.basename(source or wanted.source) or wanted.target)
                .replace("-", "_")
                .upper()
            )
            chosen = self.texts.inputs.free_name(name or f"{stem or 'FOLDER'}_PATH")
            placeholder = source if source.startswith("/") and ":" not in source else ""
            self.texts.inputs.ask(
                Asked(
                    chosen,
                    "path",
                    label=f"Path on the server for {wanted.target}",
                    required=True,
                    placeholder=placeholder,
                )
            )
            self.by_source[known] = chosen
            self.found.ledger.person(f"name the server's path for `{shown(wanted.target)}`: input `{chosen}`")
        kind = {"kind": "file"} if _like_file(wanted.target) and _like_file(wanted.source) else {}
        return {"host": {"input": self.by_source[known]}, "path": wanted.target, **kind}

    # --- files that come with it ---------------------------------------------------------------------

    def _inline(self, path: str) -> list[tuple[str, str]]:
        """Files that the source carries under a path: what follows it, and the content."""
        names = {path, re.sub(r"^(\.\./)*(files/)?", "", path)}
        return [
            (rest.strip("/"), content)
            for key, content in self.found.inline.items()
            for rest in [
                next((key[len(name) :] for name in names if key == name or key.startswith(f"{name}/")), None)
            ]
            if rest is not None
        ]

    def _carried(self, service: str, wanted: _Wanted, folder: Folder, path: str) -> Iterator[dict[str, Any]]:
        content = _text_of(folder, path)
        written = not wanted.read_only and (not content or path.endswith(_DATABASE_ENDINGS))
        if content is None or written:
            reason = "is one that the app writes" if written else "is too large or no text"
            self.found.ledger.person(f"the file `{shown(path)}` {reason}: put it on the server")
            yield {**self._asked("", wanted, path), "kind": "file"}
            return
        if not wanted.read_only:
            self.found.ledger.mapping(f"file `{shown(path)}` is mounted read-only")
        self._file(service, wanted.target, escaped(content), path, program=folder.executable(path))

    def _carried_folder(
        self, service: str, wanted: _Wanted, folder: Folder, path: str
    ) -> Iterator[dict[str, Any]]:
        names = list(_files_below(folder.sub(path)))
        contents = {name: _text_of(folder, f"{path}/{name}") for name in names}
        if not names or not wanted.read_only or len(names) > _MOST_FILES or None in contents.values():
            if names:
                self.found.ledger.person(
                    f"folder `{shown(path)}` holds files that the app may need; the volume starts empty"
                )
            yield self._folder_volume(wanted, path)
            return
        for name, content in contents.items():
            program = folder.executable(f"{path}/{name}")
            self._file(service, f"{wanted.target}/{name}", escaped(content or ""), path, program=program)

    def _file(self, service: str, target: str, content: str, source: str, *, program: bool = False) -> None:
        if (service, target) in self.placed:
            return
        self.placed.add((service, target))
        if "\x00" in content or CONTROL.search(target) or ":" in target:
            self.found.ledger.person(f"the file `{shown(source)}` can't be carried over")
            return
        self.files.append(
            {"path": target, "content": content, **({"mode": "0755"} if program else {}), "service": service}
        )
        self.found.ledger.mapping(f"file `{shown(source)}` is part of the app")


def _files_below(folder: Folder, prefix: str = "", depth: int = 0) -> Iterator[str]:
    yield from (f"{prefix}{name}" for name in folder.files() if name not in _QUIET)
    if depth < 4:  # noqa: PLR2004  # no app's folder is deeper
        for name in folder.folders():
            yield from _files_below(folder.sub(name), f"{prefix}{name}/", depth + 1)


def _text_of(folder: Folder, path: str) -> str | None:
    if CONTROL.search(path) or ":" in path:
        return None
    try:
        content = folder.read(path, _LARGEST_FILE)
        return None if b"\x00" in content else content.decode("utf-8")
    except (SpecError, UnicodeDecodeError):
        return None


def _like_file(path: str) -> bool:
    name = posixpath.basename(path)
    return "." in name.lstrip(".") and name.rpartition(".")[2].lower() in _FILE_ENDINGS


def _split(text: str) -> list[str]:
    """A short mount's parts; a `:` inside `${VAR:-default}` separates nothing."""
    parts: list[str] = [""]
    depth = 0
    for position, here in enumerate(text):
        depth += text.startswith("${", position) - (here == "}" and depth > 0)
        if here == ":" and depth == 0:
            parts.append("")
        else:
            parts[-1] += here
    return parts
