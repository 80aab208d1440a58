# shellcheck shell=bash
# From which commit something is made. To be sourced, with `project` set; sets `epoch` and `created`.

# Usage: field FILE NAME. The first value of this name, in a file of cargo's.
field() { sed -n "s/^$2 = \"\(.*\)\"$/\1/p" "${project:?}/$1" | sed -n 1p; }

# Usage: commit FORMAT INSTEAD, which is for source that did not come with git.
commit() { if [ -e "$project/.git" ]; then git -C "$project" log -1 --format="$1"; else echo "$2"; fi; }

# The commit, with a suffix when the tree differs from it.
revision() {
  local dirty=
  [ ! -e "$project/.git" ] || git -C "$project" diff --quiet HEAD || dirty=-dirty
  commit "%H$dirty" unknown
}

# shellcheck disable=SC2154
epoch=${SOURCE_DATE_EPOCH:-$(commit %ct 0)}
# shellcheck disable=SC2034 # for those that read this file
created=$(date --utc --date "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
