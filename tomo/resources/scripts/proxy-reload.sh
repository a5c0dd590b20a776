# Has a proxy take up its configuration; what it serves goes on meanwhile.
#   TOMO_PROXY_NAME    its container
#   TOMO_PROXY_CONFIG  the configuration's path in the container
set -u

fail() { # CODE TEXT HINT
  printf 'tomo-error: %s: %s\n' "$1" "$2" >&2
  [ -z "${3:-}" ] || printf 'tomo-hint: %s\n' "$3" >&2
  exit 1
}

# A container that was made just now may not listen yet.
tries=10
while :; do
  docker exec "$TOMO_PROXY_NAME" caddy reload --force --adapter caddyfile --config "$TOMO_PROXY_CONFIG" </dev/null && exit 0
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] && [ "$(docker exec "$TOMO_PROXY_NAME" caddy version </dev/null 2>/dev/null)" = '' ] || break
  sleep 1
done
fail command-failed "the proxy \`$TOMO_PROXY_NAME\` does not take its configuration, and serves as before" "the detail says why; look at the names, the certificate and its key"
