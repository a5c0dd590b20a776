# Looks at a host and prints KEY=VALUE lines. Changes nothing.
# It is run at every plan, so it starts as few processes as it can.
newline='
'
return=$(printf '\r')
say() {
  case $2 in
    *"$newline"* | *"$return"*) printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr -d '\r' | tr '\n' ' ')" ;;
    *) printf '%s=%s\n' "$1" "$2" ;;
  esac
}

# As root where the login may become it without a password; facts that need no root come without.
as_root() {
  if [ "$uid" = 0 ]; then "$@"; elif have sudo; then sudo -n "$@"; else return 1; fi
}

uid=$(id -u)
[ ! -r /etc/os-release ] || while IFS='=' read -r key value; do
  value=${value#[\"\']}
  value=${value%[\"\']}
  case $key in
    ID) say os "$value" ;;
    ID_LIKE) say os_like "$value" ;;
    VERSION_ID) say os_version "$value" ;;
    PRETTY_NAME) say os_name "$value" ;;
  esac
done </etc/os-release
say kernel "$(uname -r)"
say machine "$(uname -m)"
say cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
while read -r key value _; do
  [ "$key" != MemTotal: ] || { say memory_kib "$value"; break; }
done </proc/meminfo

folder=/
for candidate in /var /var/lib /var/lib/docker; do [ -d "$candidate" ] && folder=$candidate; done
df -Pk "$folder" 2>/dev/null | {
  read -r _
  read -r _ size _ free _
  say disk_kib "$size"
  say disk_free_kib "$free"
}

zone=$(readlink /etc/localtime 2>/dev/null)
case $zone in
  */zoneinfo/*) zone=${zone##*/zoneinfo/} ;;
  *) zone=; read -r zone 2>/dev/null </etc/timezone ;;
esac
say timezone "${zone:-Etc/UTC}"

say uid "$uid"
if [ "$uid" = 0 ]; then say root yes; elif have sudo && sudo -n true 2>/dev/null; then say root sudo; else say root no; fi
if [ -d /run/systemd/system ]; then say init systemd; elif have rc-service; then say init openrc; else say init other; fi

# Podman's stand-in for docker is a script or a link, and only those are asked who they are.
client=$(command -v docker)
if [ -n "$client" ]; then
  case $(head -c 4 "$client" 2>/dev/null | tr -d '\177') in
    ELF) [ ! -L "$client" ] || client=$(docker --version 2>/dev/null | head -n 1) ;;
    *) client=$(docker --version 2>/dev/null | head -n 1) ;;
  esac
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
