# Removes the images that the plan showed, by their ids; one that is used by now, or refused, stays.
#   TOMO_PRUNE_IMAGES  each image's name, size and id; only the ids count here
set -uf
removed=0
for word in ${TOMO_PRUNE_IMAGES:-}; do
  id=${word%;}
  case $id in sha256:*) ;; *) continue ;; esac
  case ${id#sha256:} in *[!0-9a-f]*) continue ;; esac
  [ "${#id}" = 71 ] || continue
  if [ -n "$(docker ps -aq --filter "ancestor=$id" 2>/dev/null)" ]; then
    echo "$id is used by now and stays"
    continue
  fi
  for tag in $(docker image inspect --format '{{range .RepoTags}}{{.}} {{end}}' "$id" 2>/dev/null); do
    docker image rm -- "$tag" >/dev/null 2>&1 || echo "$tag stays: Docker refused to remove it"
  done
  docker image inspect "$id" >/dev/null 2>&1 && docker image rm -- "$id" >/dev/null 2>&1
  docker image inspect "$id" >/dev/null 2>&1 || removed=$((removed + 1))
done
echo "$removed images removed"
