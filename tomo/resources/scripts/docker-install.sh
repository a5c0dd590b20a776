# Brings Docker and its daemon.json to what the fleet asks for; does nothing where that is so already.
#   TOMO_DOCKER_CHANNEL  distro (the distribution's package) or docker (Docker's own repository)
#   TOMO_DOCKER_VERSION  the package's version; empty takes the newest, and any that is there; 27.3.* keeps
#                        it within these
#   TOMO_DOCKER_TARGET   the version within these that the plan showed; empty leaves one within them
#   TOMO_DOCKER_DAEMON   a JSON object of the daemon.json keys that the fleet sets
#   TOMO_DOCKER_FIRST    the same for a Docker that is installed now, where daemon.json says nothing of logs
#   TOMO_DOCKER_SITE     host name of Docker's own repository
set -u
umask 022
channel=${TOMO_DOCKER_CHANNEL:-distro}
version=${TOMO_DOCKER_VERSION:-}
target=${TOMO_DOCKER_TARGET:-}
first=${TOMO_DOCKER_FIRST:-}
pin=
case $version in *'*') pin=$version ;; esac
daemon=${TOMO_DOCKER_DAEMON:-}
[ -n "$daemon" ] || daemon='{}'
site=${TOMO_DOCKER_SITE:-}
deb_key=9DC858229FC7DD38854AE2D88D81803C0EBFCD88
rpm_key=060A61C51B558A7F742B77AAC52FEB6B621E9F35
config=/etc/docker/daemon.json
memory=/var/lib/tomo/docker
lock_seconds=300
start_seconds=60
reload_seconds=5
pid_file=/var/run/docker.pid
need_kib=614400
restart=no
reload=no
fresh=no

fail() { # CODE TEXT HINT
  printf 'tomo-error: %s: %s\n' "$1" "$2" >&2
  [ -z "${3:-}" ] || printf 'tomo-hint: %s\n' "$3" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail become-refused "installing Docker needs root" "write \`become: sudo\` for this server, or log in as root"
work=$(mktemp -d) || fail disk-full "cannot make a temporary folder" "free space in /tmp"
trap 'rm -rf "$work"' EXIT
log=$work/log

# Runs a step of a package manager and explains its failure.
step() {
  "$@" >"$log" 2>&1 </dev/null && return 0
  tail -n 25 "$log"
  if grep -qi 'no space left' "$log"; then
    fail disk-full "no space left on the host" "free space below /var, then apply again"
  elif grep -qiE 'could not get lock|is another process using|unable to lock|db\.lck' "$log"; then
    fail package-lock-held "the package manager is in use${holder:+ by $holder}" "wait until it has ended, then apply again"
  elif grep -qiE 'temporary failure|could not resolve|resolving timed out|network is unreachable|unable to connect|could not connect|connection (timed out|refused)|failed to download|temporary error|unable to fetch' "$log"; then
    fail no-network "the host cannot reach its package mirror" "check the host's name resolution, route and proxy"
  fi
  fail package-manager "\`$*\` failed" "run it on the host to see more"
}

wait_for_lock() {
  waited=0
  holder=$(lock_holder)
  while [ -n "$holder" ]; do
    [ "$waited" -lt "$lock_seconds" ] || fail package-lock-held "the package manager is in use by $holder for more than $lock_seconds s" "wait until it has ended, or end it on the host"
    [ "$waited" != 0 ] || echo "waiting for $holder, which uses the package manager"
    sleep 5
    waited=$((waited + 5))
    holder=$(lock_holder)
  done
}

enough_disk() {
  # shellcheck disable=SC2046  # the words of df's line are wanted
  set -- $(df -Pk /var 2>/dev/null | tail -n 1)
  [ -z "${4:-}" ] || [ "$4" -ge "$need_kib" ] || fail disk-full "only $(($4 / 1024)) MiB are free below /var, and Docker needs $((need_kib / 1024))" "free space below /var, then apply again"
}

is_docker() {
  have dockerd || return 1
  case $(docker --version 2>/dev/null) in '' | *podman*) return 1 ;; esac
}

# Any version will do where none is asked for: nothing is upgraded behind a person's back.
installed() {
  is_docker || return 1
  [ -z "$version" ] && return 0
  if [ -n "$pin" ]; then
    within "$now" "$pin" || return 1
    [ -n "$target" ] && within "$target" "$pin" && newer "$target" "$now" && return 1
    return 0
  fi
  case $now in "$version" | "$version"-* | "$version"+* | *":$version" | *":$version"-*) return 0 ;; esac
  return 1
}

# Which version to install of a package: the one asked for, or the newest within the pin. Never an older
# one than is there.
choose() { # PACKAGE
  if [ -n "$pin" ]; then
    version=$target
    [ -n "$target" ] && within "$target" "$pin" || version=$(newest_within "$1" "$pin")
    [ -n "$version" ] || fail package-missing "no \`$1\` within \`$pin\` is in the host's repositories" "write another \`version\`; \`*\` takes any"
  fi
  [ -z "$now" ] || [ -z "$version" ] || ! newer "$now" "$version" ||
    fail docker-downgrade "Docker is \`$now\`, newer than \`$version\`, and is not downgraded" "write a newer \`version\`, or downgrade it on the host yourself"
}

fetch() { # URL FILE
  if have curl; then step curl -fsSL -o "$2" "$1"
  elif have wget; then step wget -q -O "$2" "$1"
  elif [ -x /usr/lib/apt/apt-helper ]; then step /usr/lib/apt/apt-helper download-file "$1" "$2"
  else fail no-download-tool "neither curl nor wget is on the host" "install curl, or use the distribution's Docker: \`channel: distro\`"
  fi
}

check_key() { # FILE FINGERPRINT
  found=$(gpg --batch --show-keys --with-colons "$1" 2>/dev/null | sed -n 's/^fpr:*\([0-9A-F]*\):.*/\1/p' | head -n 1)
  [ "$found" = "$2" ] || fail wrong-key "the repository's key has the fingerprint \`${found:-none}\`, not Docker's \`$2\`" "do not go on before you know why"
}

apt() { step env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout="$lock_seconds" "$@"; }

install_debian() {
  apt update
  if [ "$channel" = distro ]; then
    choose docker.io
    apt install "docker.io${version:+=$version}"
    have docker || apt install docker-cli
    return
  fi
  have gpg || apt install gpg
  apt install ca-certificates
  distro=debian
  case " $(release ID) $(release ID_LIKE) " in *" ubuntu "*) distro=ubuntu ;; esac
  code=$(release UBUNTU_CODENAME)
  [ -n "$code" ] || code=$(release VERSION_CODENAME)
  fetch "https://$site/linux/$distro/gpg" "$work/key"
  check_key "$work/key" "$deb_key"
  mkdir -p /etc/apt/keyrings /etc/apt/sources.list.d
  cp "$work/key" /etc/apt/keyrings/tomo-docker.asc
  chmod 644 /etc/apt/keyrings/tomo-docker.asc
  echo "deb [arch=$(dpkg --print-architecture) signed-by=/etc/apt/keyrings/tomo-docker.asc] https://$site/linux/$distro $code stable" >/etc/apt/sources.list.d/tomo-docker.list ||
    fail disk-full "cannot write /etc/apt/sources.list.d/tomo-docker.list" "free space on the host"
  apt update
  choose docker-ce
  apt install "docker-ce${version:+=$version}" "docker-ce-cli${version:+=$version}" containerd.io docker-buildx-plugin
}

dnf_tool() { if have dnf; then echo dnf; else echo yum; fi; }

install_rpm() {
  tool=$(dnf_tool)
  if [ "$family" = fedora ] && [ "$channel" = distro ]; then
    choose moby-engine
    step "$tool" -y install "moby-engine${version:+-$version}"
    have docker || step "$tool" -y install docker-cli
    return
  fi
  # RHEL and its kin have no Docker of their own, so there it is always Docker's repository.
  have gpg || step "$tool" -y install gnupg2
  case $(release ID) in fedora) distro=fedora ;; rhel) distro=rhel ;; *) distro=centos ;; esac
  fetch "https://$site/linux/$distro/gpg" "$work/key"
  check_key "$work/key" "$rpm_key"
  mkdir -p /etc/pki/rpm-gpg /etc/yum.repos.d
  cp "$work/key" /etc/pki/rpm-gpg/tomo-docker.asc
  cat >/etc/yum.repos.d/tomo-docker.repo <<END || fail disk-full "cannot write /etc/yum.repos.d/tomo-docker.repo" "free space on the host"
[tomo-docker]
name=Docker, set up by Tomo
baseurl=https://$site/linux/$distro/\$releasever/\$basearch/stable
enabled=1
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/tomo-docker.asc
END
  choose docker-ce
  step "$tool" -y install "docker-ce${version:+-$version}" "docker-ce-cli${version:+-$version}" containerd.io docker-buildx-plugin
}

install_alpine() {
  [ "$channel" = distro ] || fail not-supported "Docker's own repository has nothing for Alpine" "write \`channel: distro\`"
  step apk update
  apk search -e docker 2>/dev/null | grep -q . || fail package-missing "no package \`docker\` in the host's repositories" "enable Alpine's community repository in /etc/apk/repositories"
  choose docker
  step apk add "docker${version:+=$version}"
}

install_arch() {
  [ "$channel" = distro ] || fail not-supported "Docker's own repository has nothing for Arch" "write \`channel: distro\`"
  [ -z "$version" ] || [ "$version" = '*' ] || fail not-supported "Arch keeps one version of Docker only" "leave \`version\` out"
  step pacman -S --needed --noconfirm docker
}

install() {
  [ -n "$family" ] || fail not-supported "the distribution \`$(release ID)\` is not known" "install Docker yourself; Tomo then uses it"
  wait_for_lock
  enough_disk
  echo "installing Docker"
  case $family in
    debian) install_debian ;;
    fedora | rhel) install_rpm ;;
    alpine) install_alpine ;;
    arch) install_arch ;;
  esac
  is_docker || fail package-manager "Docker is not there after its installation" "look at the package manager's log on the host"
  restart=yes
}

# Merges the asked-for keys into daemon.json. Keys that the fleet asked for before and no longer does go
# away, all others stay as they are written. Ends with 0 where RESULT differs from OLD, 3 where not.
merge() { # OLD LAST NEW RESULT
  : >"$work/changes"
  awk -v old="$1" -v last="$2" -v new="$3" -v changes="$work/changes" '
    function content(path,   text, line) {
      while ((getline line < path) > 0) text = text line "\n"
      close(path)
      return text
    }
    function skip(s, i) {
      while (i <= length(s) && index(" \t\r\n", substr(s, i, 1))) i++
      return i
    }
    function string_end(s, i,   c) {
      for (i++; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (c == "\\") i++
        else if (c == "\"") return i + 1
      }
      return 0
    }
    function value_end(s, i,   c, depth) {
      for (depth = 0; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (c == "\"") {
          i = string_end(s, i)
          if (!i || !depth) return i
          i--
        } else if (c == "{" || c == "[") depth++
        else if (c == "}" || c == "]") {
          if (!depth) return i
          if (!--depth) return i + 1
        } else if (!depth && index(", \t\r\n", c)) return i
      }
      return depth ? 0 : i
    }
    function compact(s,   i, j, c, text) {
      for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (c == "\"") { j = string_end(s, i); text = text substr(s, i, j - i); i = j - 1 }
        else if (!index(" \t\r\n", c)) text = text c
      }
      return text
    }
    function read(name, path,   s, i, j, key, c) {
      s = content(path)
      count[name] = 0
      i = skip(s, 1)
      if (i > length(s)) return 1
      if (substr(s, i, 1) != "{") return 0
      i = skip(s, i + 1)
      if (substr(s, i, 1) == "}") return skip(s, i + 1) > length(s)
      for (;;) {
        if (substr(s, i, 1) != "\"" || !(j = string_end(s, i))) return 0
        key = substr(s, i, j - i)
        i = skip(s, j)
        if (substr(s, i, 1) != ":") return 0
        i = skip(s, i + 1)
        if (!(j = value_end(s, i)) || j == i) return 0
        if (!((name, key) in value)) keys[name, ++count[name]] = key
        value[name, key] = substr(s, i, j - i)
        i = skip(s, j)
        c = substr(s, i, 1)
        if (c == "}") return skip(s, i + 1) > length(s)
        if (c != ",") return 0
        i = skip(s, i + 1)
      }
    }
    function put(key, text) { printf "%s\n  %s: %s", (printed++ ? "," : "{"), key, text }
    BEGIN {
      if (!read("old", old) || !read("new", new)) exit 1
      known = read("last", last)
      changed = !count["old"]
      for (n = 1; n <= count["old"]; n++) {
        key = keys["old", n]
        asked = (("new", key) in value)
        if (!asked && known && (("last", key) in value)) { changed = 1; print key >changes; continue }
        if (asked && compact(value["new", key]) != compact(value["old", key])) { changed = 1; print key >changes }
        put(key, asked ? value["new", key] : value["old", key])
      }
      for (n = 1; n <= count["new"]; n++) {
        key = keys["new", n]
        if (("old", key) in value) continue
        changed = 1
        print key >changes
        put(key, value["new", key])
      }
      print printed ? "\n}" : "{}"
      exit changed ? 0 : 3
    }' >"$4"
}

# Logs of a Docker that is installed now are rotated, unless its daemon.json says something of logs.
begin_logs() {
  [ -n "$first" ] && [ "$fresh" = yes ] || return 0
  ! grep -qs '"log-' "$config" || return 0
  mkdir -p "${config%/*}" || fail disk-full "cannot make \`${config%/*}\`" "free space on the host"
  printf '%s\n' "$first" >"$work/first.json"
  merge "$config" /dev/null "$work/first.json" "$work/begun.json" || return 0
  cat "$work/begun.json" >"$config" || fail disk-full "cannot write \`$config\`" "free space on the host"
}

configure() {
  begin_logs
  [ "$daemon" != '{}' ] || [ -s "$memory/asked.json" ] || return 0
  mkdir -p "$memory" /etc/docker || fail disk-full "cannot make \`$memory\`" "free space on the host"
  printf '%s\n' "$daemon" >"$work/asked.json"
  merge "$config" "$memory/asked.json" "$work/asked.json" "$work/merged.json"
  case $? in
    0) ;;
    3) cp "$work/asked.json" "$memory/asked.json"; return 0 ;;
    *) fail daemon-json "\`$config\` is not valid JSON" "correct or delete it on the host, then apply again" ;;
  esac
  if dockerd --help 2>/dev/null | grep -q -- '--validate'; then
    dockerd --validate --config-file "$work/merged.json" >"$log" 2>&1 || { tail -n 5 "$log"; fail daemon-json "Docker refuses the settings: $(tail -n 1 "$log")" "correct \`docker.daemon\` in the fleet"; }
  fi
  rm -f "$work/before.json"
  [ ! -e "$config" ] || cp -p "$config" "$work/before.json"
  cp "$work/merged.json" "$work/new.json" && cat "$work/new.json" >"$config" || fail disk-full "cannot write \`$config\`" "free space on the host"
  echo "daemon.json written"
  configured=yes
  # Docker takes these up while it runs; for any other it must be restarted.
  if [ "$restart" = yes ] || grep -qvxE '"(registry-mirrors|insecure-registries|live-restore)"' "$work/changes"; then restart=yes
  else reload=yes
  fi
}

service_do() { # start|restart
  if [ -d /run/systemd/system ]; then systemctl reset-failed docker >/dev/null 2>&1; systemctl "$1" docker
  elif have rc-service; then rc-service docker "$1"
  elif have service; then service docker "$1"
  else return 1
  fi >"$log" 2>&1 </dev/null
}

enable() {
  if [ -d /run/systemd/system ]; then systemctl is-enabled -q docker 2>/dev/null || systemctl enable -q docker
  elif have rc-update; then rc-update -q add docker default
  fi >/dev/null 2>&1
}

answers() {
  waited=0
  until docker version --format '{{.Server.Version}}' >"$work/version" 2>"$log"; do
    [ "$waited" -lt "$1" ] || return 1
    sleep 1
    waited=$((waited + 1))
  done
}

# What of a reload can be seen. It takes a moment, and one that can't be seen ends in a restart.
taken_up() { docker info --format '{{json .RegistryConfig}} {{.LiveRestoreEnabled}}' 2>/dev/null; }

reloads() {
  pid=$(cat "$pid_file" 2>/dev/null) && before=$(taken_up) && kill -HUP "$pid" 2>/dev/null || return 1
  tries=0
  while [ "$tries" -lt "$reload_seconds" ]; do
    [ "$(taken_up)" = "$before" ] || return 0
    sleep 1
    tries=$((tries + 1))
  done
  return 1
}

run_docker() {
  enable
  [ "$reload" = no ] || reloads || restart=yes
  if [ "$restart" = yes ]; then service_do restart; else answers 0 || service_do start; fi
  answers "$start_seconds" && return 0
  have journalctl && journalctl -u docker -n 15 --no-pager 2>/dev/null
  tail -n 10 "$log"
  if [ "${configured:-}" = yes ]; then
    if [ -e "$work/before.json" ]; then cat "$work/before.json" >"$config"; else rm -f "$config"; fi
    service_do restart
    fail daemon-json "Docker does not start with the new \`$config\`; the old one is back" "correct \`docker.daemon\` in the fleet"
  fi
  fail docker-unavailable "Docker is installed but does not answer" "look at \`journalctl -u docker\` on the host"
}

remember() {
  [ -d "$memory" ] || return 0
  printf '%s\n' "$daemon" >"$memory/asked.json"
}

family=$(family)
now=
! is_docker || now=$(installed_version | head -n 1)
[ -n "$now" ] || is_docker || fresh=yes
configured=no
installed || install
configure
run_docker
[ "$configured" = no ] || remember
printf 'Docker %s is running\n' "$(cat "$work/version")"
