"""Files on a host through plain POSIX tools: one command, so one round trip, for each operation."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Sequence
from typing import Final

from tomo.model.connection import CommandResult, FileStat

_MISSING: Final = (b": No such file or directory", b": Not a directory")

READ: Final = """export LC_ALL=C
if [ -d "$1" ]; then echo "$1 is a directory" >&2; exit 1; fi
exec head -c "$2" -- "$1"
"""

STAT: Final = """export LC_ALL=C
for path do
  if ! facts=$(stat -L -c '%f %s' -- "$path" 2>&1); then
    case $facts in
      *": No such file or directory" | *": Not a directory") echo -; continue ;;
    esac
    echo "$facts" >&2; exit 1
  fi
  sum=
  if [ -f "$path" ]; then sum=$(sha256sum <"$path") || exit 1; fi
  echo "$facts ${sum%% *}"
done
"""

# A file that exists keeps its inode, so it is written in place: only after a second copy has shown that
# the disk has room, because a truncated file can't be put back. Size is compared since a lost connection
# looks like the end of stdin.
WRITE: Final = """export LC_ALL=C
path=$1 folder=$2 mode=$3 owner=$4 size=$5
if [ -d "$path" ]; then echo "$path is a directory" >&2; exit 1; fi
(umask 022; exec mkdir -p -- "$folder") || exit 1
umask 077
exists=; if [ -e "$path" ] || [ -L "$path" ]; then exists=1; fi
new=$(mktemp "${folder%/}/.tomo.XXXXXX" 2>/dev/null) || new=
if [ -z "$new" ] && [ -n "$exists" ]; then new=$(mktemp) || exit 1; fi
if [ -z "$new" ]; then new=$(mktemp "${folder%/}/.tomo.XXXXXX") || exit 1; fi
trap 'rm -f -- "$new" "$new.room"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$new" || exit 1
got=$(wc -c <"$new")
if [ "$got" -ne "$size" ]; then echo "only $got of $size bytes arrived" >&2; exit 1; fi
prepare() {
  if [ -n "$owner" ]; then chown -- "$owner" "$1" || return 1; fi
  chmod "$mode" "$1"
}
if [ -z "$exists" ]; then
  prepare "$new" && mv -f -- "$new" "$path" || exit 1
else
  cat "$new" >"$new.room" && rm -f -- "$new.room" || exit 1
  [ -e "$path" ] || : >"$path" || exit 1
  prepare "$path" && cat "$new" >"$path" || exit 1
fi
"""


# Only empty folders go, so another file beside it keeps them; a path outside of `$2` loses none.
REMOVE: Final = """export LC_ALL=C
rm -f -- "$1" || exit 1
folder=${1%/*}
while [ -n "$2" ] && [ "${folder#"$2"/}" != "$folder" ]; do
  rmdir -- "$folder" 2>/dev/null || exit 0
  folder=${folder%/*}
done
"""


def operand(path: str) -> str:
    """The path as a tool takes it: one that begins with a dash is no option."""
    return f"./{path}" if path.startswith("-") else path


def write_arguments(path: str, content: bytes, mode: int, owner: str) -> list[str]:
    """The arguments of `WRITE`."""
    folder = posixpath.dirname(path) or "."
    return [operand(path), operand(folder), f"{mode:04o}", owner, str(len(content))]


def is_missing(result: CommandResult) -> bool:
    """Whether `READ` says that there is no such file."""
    return result.stderr.rstrip().endswith(_MISSING)


def parse_stats(output: str, paths: Sequence[str]) -> list[FileStat | None]:
    """What `STAT` printed, one line a path; a count that differs is an error of the host's tools."""
    lines = output.splitlines()
    if len(lines) != len(paths):
        raise ValueError(f"{len(lines)} answers for {len(paths)} paths")
    return [_parse_stat(line) for line in lines]


def _parse_stat(line: str) -> FileStat | None:
    if line == "-":
        return None
    raw, size, *digest = line.split()
    mode = int(raw, 16)
    return FileStat(stat.S_IMODE(mode), int(size), digest[0] if digest else "", stat.S_ISDIR(mode))
