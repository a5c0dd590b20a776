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
