#!/bin/sh
# Runs a program in the way of a container runtime: sh container.sh ROOT PROGRAM BOUNDING VOLUME... -- ARGUMENT...
# ROOT is an empty directory, BOUNDING is what setpriv takes, a VOLUME is FROM:TO. The caller is in a mount namespace of
# its own; nothing of this is seen outside.
set -eu
root=$1 program=$2 bounding=$3
shift 3
mount -t tmpfs tmpfs "$root"

# What is at $1 is to be at $2 in the container.
show() {
    if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$root${2%/*}" && : >"$root$2"; fi
    mount --rbind "$1" "$root$2"
}

# The libraries of a program, by path. The image's program needs none, which grep calls a failure.
libraries() { ldd "$1" | grep -o '/[^ ]*' || true; }

setpriv=$(command -v setpriv)
for file in $(libraries "$program"; libraries "$setpriv") "$setpriv"; do
    [ -e "$root$file" ] || show "$file" "$file"
done
show "$program" /egressd
for given in /proc /dev/null /dev/urandom; do show "$given" "$given"; done
while [ "$1" != -- ]; do
    show "${1%%:*}" "${1#*:}"
    shift
done
shift
# The volumes are mounts of their own, and stay as they are.
mount -o remount,bind,ro "$root"
exec chroot "$root" "$setpriv" --no-new-privs --inh-caps -all --bounding-set "$bounding" /egressd "$@"
