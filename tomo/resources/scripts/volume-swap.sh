# tomo-script: volume-swap
# Puts what was unpacked in a volume in the place of what is there, within the volume: by renames alone.
# usage: sh -c SCRIPT sh ready|swap|undo|clean FOLDER ID
set -eu
act=$1 root=$2 new=$2/.tomo-restore-$3 old=$2/.tomo-before-$3 moved=$2/.tomo-moved-$3

move() {  # everything of one folder but Tomo's own into another
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        [ -e "$entry" ] || [ -L "$entry" ] || continue
        case "$entry" in "$new" | "$old" | "$moved") continue ;; esac
        mv -- "$entry" "$2/"
    done
}
like() {  # owner and mode of one folder for another
    chown "$(stat -c %u:%g "$1")" "$2"
    chmod "$(stat -c %a "$1")" "$2"
}

case $act in
ready)
    [ -d "$root" ] && [ -w "$root" ] && [ "$(id -u)" = 0 ] || { echo root; exit 3; }
    for left in "$root"/.tomo-before-*; do
        [ ! -e "$left" ] || { echo "$left"; exit 4; }
    done
    rm -rf -- "$root"/.tomo-restore-*
    ;;
swap)
    mkdir -m 700 "$old"
    like "$root" "$old"
    move "$root" "$old"
    mkdir "$moved"
    move "$new" "$root"
    like "$new" "$root"
    rmdir "$new" "$moved"
    sync
    ;;
undo)
    if [ -d "$old" ]; then
        # Before this mark only old entries lie in the volume, after it only new ones.
        if [ -d "$moved" ] || [ ! -d "$new" ]; then
            mkdir -p "$new"
            move "$root" "$new"
        fi
        move "$old" "$root"
        like "$old" "$root"
        rmdir "$old"
    fi
    rm -rf -- "$new" "$moved"
    ;;
clean)
    rm -rf -- "$old" "$new" "$moved"
    ;;
esac
