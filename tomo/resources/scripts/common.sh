# What Tomo's scripts share: plain POSIX sh, also for busybox.
LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export LC_ALL PATH

have() { command -v "$1" >/dev/null 2>&1; }

# One value of os-release, without its quotes.
release() {
  sed -n "s/^$1=//p" /etc/os-release 2>/dev/null | head -n 1 | sed "s/^[\"']//; s/[\"']\$//"
}

process_name() {
  name=
  read -r name 2>/dev/null <"/proc/$1/comm"
  printf '%s (process %s)\n' "${name:-a process}" "$1"
}

# The process that holds a package manager's lock, empty where none does. /proc/locks names the inode.
lock_holder() {
  inodes=$(ls -di /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock \
    /var/cache/apt/archives/lock /var/lib/rpm/.rpm.lock /usr/lib/sysimage/rpm/.rpm.lock \
    /run/dnf/rpmtransaction.lock /lib/apk/db/lock 2>/dev/null)
  if [ -n "$inodes" ] && [ -r /proc/locks ]; then
    # The waiting ones have an arrow in the second word.
    while read -r _ kind _ _ holder place _; do
      [ "$kind" != '->' ] || continue
      for word in $inodes; do
        [ "$word" = "${place##*:}" ] && { process_name "$holder"; return; }
      done
    done </proc/locks
  fi
  for file in /var/run/yum.pid /var/cache/dnf/metadata_lock.pid; do
    holder=
    [ ! -r "$file" ] || read -r holder <"$file" || :
    [ -n "$holder" ] && [ -d "/proc/$holder" ] && { process_name "$holder"; return; }
  done
  if [ -e /var/lib/pacman/db.lck ]; then
    for file in /proc/[0-9]*/comm; do
      case $(head -n 1 "$file" 2>/dev/null) in
        pacman) holder=${file#/proc/}; process_name "${holder%/comm}"; return ;;
      esac
    done
  fi
}

family() {
  for word in $(release ID) $(release ID_LIKE); do
    case $word in
      debian | ubuntu) echo debian; return ;;
      fedora) [ "$(release ID)" = fedora ] && echo fedora || echo rhel; return ;;
      rhel | centos) echo rhel; return ;;
      alpine) echo alpine; return ;;
      arch) echo arch; return ;;
    esac
  done
}

# A package's version where it is installed: dpkg also knows some that it has only heard of.
version_of() { # PACKAGE
  case $family in
    debian) found=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) ;;
    fedora | rhel) found=$(rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$1" 2>/dev/null | head -n 1) && case $found in *' '*) found= ;; esac ;;
    alpine) found=$(apk info -ve docker 2>/dev/null | sed 's/^docker-//') ;;
    arch) found=$(pacman -Q docker 2>/dev/null | sed 's/^docker //') ;;
    *) found= ;;
  esac
  [ -n "$found" ] && printf '%s\n' "$found"
}

installed_package() {
  for name in docker-ce docker.io moby-engine docker; do
    version_of "$name" >/dev/null && { echo "$name"; return; }
  done
}

installed_version() {
  package=$(installed_package)
  [ -z "$package" ] || version_of "$package"
}

# Whether a version's number, without an epoch before it, is one of a pattern such as 27.3.*
within() { # VERSION PATTERN
  # shellcheck disable=SC2254  # the pattern is meant as one
  case ${1#*:} in $2) return 0 ;; esac
  return 1
}

newer() { # VERSION OTHER
  [ "${1#*:}" != "${2#*:}" ] || return 1
  if have dpkg && dpkg --compare-versions 2 gt 1 2>/dev/null; then dpkg --compare-versions "${1#*:}" gt "${2#*:}"
  else [ "$(printf '%s\n%s\n' "${1#*:}" "${2#*:}" | sort -V | tail -n 1)" = "${1#*:}" ]
  fi
}

# Every version of a package that the package manager's lists have, the newest first.
candidates() { # PACKAGE
  case $family in
    debian) apt-cache madison "$1" 2>/dev/null | awk -F '|' '{ gsub(/ /, "", $2); print $2 }' ;;
    fedora | rhel) { if have dnf; then dnf -q -C repoquery --showduplicates --qf '%{version}-%{release}\n' "$1"; else yum -q -C --showduplicates list "$1" | awk 'NF == 3 { print $2 }'; fi; } 2>/dev/null | sort -rV ;;
    alpine) apk policy "$1" 2>/dev/null | sed -n 's/^  \([0-9].*\):$/\1/p' | sort -rV ;;
    arch) pacman -Si "$1" 2>/dev/null | sed -n 's/^Version *: //p' ;;
  esac
}

newest_within() { # PACKAGE PATTERN
  for candidate in $(candidates "$1"); do
    within "$candidate" "$2" && { printf '%s\n' "$candidate"; return; }
  done
}
