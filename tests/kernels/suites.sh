# Which tests run in a guest. Sourced, by `run`.
# shellcheck shell=bash

# Usage: suites PATTERN: rows that match it, of: test target, filter of test names (`-` for all), seconds that it may
# take on a busy machine.
suites() {
  grep -E "$1" <<'ROWS'
kernel - 1800
traffic fail_closed:: 3600
traffic at_start:: 3600
traffic guarded_by_selector:: 3600
traffic backstop:: 3600
traffic drift:: 3600
traffic flows:: 3600
traffic flows_unasked:: 3600
traffic lookups:: 3600
traffic devices:: 3600
traffic flowtables:: 3600
traffic foreign_floods:: 3600
traffic guarded_floods:: 3600
ROWS
}

# Rows of: versions of kernels (a pattern), a test that is left out there, and why.
left_out() {
  cat <<'ROWS'
ROWS
}

# Usage: not_tried VERSION: the tests that are left out on that kernel, each with the reason.
not_tried() {
  local versions rest
  while read -r versions rest; do
    # shellcheck disable=SC2254
    case $1 in $versions) echo "$rest" ;; esac
  done < <(left_out)
}
