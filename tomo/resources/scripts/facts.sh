# Looks at a host and prints KEY=VALUE lines. Changes nothing.
say() { printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr -d '\r' | tr '\n' ' ')"; }

# As root where the login may become it without a password; facts that need no root come without.
as_root() {
  if [ "$uid" = 0 ]; then "$@"; elif have sudo; then sudo -n "$@"; else return 1; fi
}

uid=$(id -u)
say os "$(release ID)"
say os_like "$(release ID_LIKE)"
say os_version "$(release VERSION_ID)"
say os_name "$(release PRETTY_NAME)"
say kernel "$(uname -r)"
say machine "$(uname -m)"
say cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
say memory_kib "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"

folder=/
for candidate in /var /var/lib /var/lib/docker; do [ -d "$candidate" ] && folder=$candidate; done
# shellcheck disable=SC2046  # the words of df's line are wanted
set -- $(df -Pk "$folder" 2>/dev/null | tail -n 1)
say disk_kib "${2:-}"
say disk_free_kib "${4:-}"

zone=$(readlink /etc/localtime 2>/dev/null | sed -n 's|.*/zoneinfo/||p')
[ -n "$zone" ] || zone=$(head -n 1 /etc/timezone 2>/dev/null)
say timezone "${zone:-Etc/UTC}"

say uid "$uid"
if [ "$uid" = 0 ]; then say root yes; elif have sudo && sudo -n true 2>/dev/null; then say root sudo; else say root no; fi
if [ -d /run/systemd/system ]; then say init systemd; elif have rc-service; then say init openrc; else say init other; fi

if have docker; then
  client=$(docker --version 2>/dev/null | head -n 1)
  say docker_client "$client"
  case $client in
    *podman*) ;;
    *)
      server=$(docker version --format '{{.Server.Version}}' 2>/dev/null) ||
        server=$(as_root docker version --format '{{.Server.Version}}' 2>/dev/null) || server=
      say docker_version "$server"
      ;;
  esac
fi
if [ -e /etc/docker/daemon.json ]; then
  say daemon_json "$( (cat /etc/docker/daemon.json 2>/dev/null || as_root cat /etc/docker/daemon.json 2>/dev/null) | base64 | tr -d '\n')"
fi
say package_lock "$(lock_holder)"
say end yes
