# Looks at a host and prints KEY=VALUE lines; daemon_json comes line by line. Changes nothing.
# It is run at every plan, so it starts a process only for what the shell itself can't tell.
# The versions that Docker is kept within, where the fleet says some, as pin=27.3.*; the mark by which a
# command that took too long is found stands in the same place.
case ${1:-} in pin=*) pin=${1#pin=} ;; *) pin= ;; esac
newline='
'
say() {
  case $2 in
    *"$newline"*) printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr '\n' ' ')" ;;
    *) printf '%s=%s\n' "$1" "$2" ;;
  esac
}

# A file's first line in $line, empty where there is none.
line_of() {
  line=
  [ ! -r "$1" ] || read -r line <"$1" || :
}

uid=
[ ! -r /proc/self/status ] || while read -r key _ value _; do
  [ "$key" != Uid: ] || { uid=$value; break; }
done </proc/self/status
[ -n "$uid" ] || uid=$(id -u)
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
line_of /proc/sys/kernel/osrelease
say kernel "${line:-$(uname -r)}"

# A process may be told another machine than the kernel's: its personality says so.
line_of /proc/self/personality
case $line in *00) line_of /proc/sys/kernel/arch ;; *) line= ;; esac
say machine "${line:-$(uname -m)}"

cpus=0
line_of /sys/devices/system/cpu/online
IFS=,
for range in $line; do cpus=$((cpus + ${range#*-} - ${range%-*} + 1)); done
unset IFS
[ "$cpus" != 0 ] || cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo)
say cpus "$cpus"
while read -r key value _; do
  [ "$key" != MemTotal: ] || { say memory_kib "$value"; break; }
done </proc/meminfo

folder=/
for candidate in /var /var/lib /var/lib/docker; do [ -d "$candidate" ] && folder=$candidate; done
sizes=$(df -Pk "$folder" 2>/dev/null)
set -f
set -- ${sizes#*"$newline"}
set +f
say disk_kib "$2"
say disk_free_kib "$4"

# The name that the host was given, where it is still the same zone that the link leads to.
line_of /etc/timezone
zone=$line
if [ -z "$zone" ] || ! [ "/usr/share/zoneinfo/$zone" -ef /etc/localtime ] 2>/dev/null; then
  link=$(readlink /etc/localtime 2>/dev/null)
  case $link in */zoneinfo/*) zone=${link##*/zoneinfo/} ;; esac
fi
say timezone "${zone:-Etc/UTC}"

say uid "$uid"
if [ "$uid" = 0 ]; then say root yes; elif have sudo && sudo -n true 2>/dev/null; then say root sudo; else say root no; fi
if [ -d /run/systemd/system ]; then say init systemd; elif have rc-service; then say init openrc; else say init other; fi

# Whose program it is and which daemon answers is asked through the socket: starting a client takes longer.
have docker && say docker_client docker
settings() {
  while IFS= read -r line || [ -n "$line" ]; do say daemon_json "$line"; done
}
if [ -r /etc/docker/daemon.json ]; then
  settings </etc/docker/daemon.json
elif [ -e /etc/docker/daemon.json ] && have sudo; then
  sudo -n cat /etc/docker/daemon.json 2>/dev/null | settings
fi
[ ! -r /etc/ufw/ufw.conf ] || while IFS='=' read -r key value; do
  [ "$key" != ENABLED ] || case $value in [Yy][Ee][Ss]* | \"[Yy][Ee][Ss]* | \'[Yy][Ee][Ss]*) say firewall ufw ;; esac
done </etc/ufw/ufw.conf
# Only where the fleet keeps Docker within versions: what the lists have there that is newer.
if [ -n "$pin" ]; then
  family=$(family)
  now=$(installed_version | head -n 1)
  package=$(installed_package)
  best=$(newest_within "$package" "$pin")
  [ -z "$now" ] || [ -z "$best" ] || ! newer "$best" "$now" || say docker_offered "$best"
fi
say package_lock "$(lock_holder)"
say end yes
