# Reads what a guest wrote about its suites. Sourced, by `run`.
# shellcheck shell=bash disable=SC2154

# Usage: report VERSION RESULTS. Prints a line for each suite and adds to the sums.
report() {
  local target filter rest suite test reason
  local -i before=$passed lost=$failed left=$skipped
  while read -r target filter rest; do
    suite=$target
    [ "$filter" = - ] || suite=$target/$filter
    conclude "$1" "$suite" "$2"
  done < <(suites "$pattern")
  while read -r test reason; do
    skipped=$((skipped + 1))
    echo "Linux $1: $test ... skipped: $reason"
  done < <(not_tried "$1")
  echo "Linux $1: $((passed - before)) passed, $((failed - lost)) failed, $((skipped - left)) skipped"
}

# Usage: part SUITE: the lines of one suite, from those of all.
part() {
  awk -v first="suite $1" -v name="$1" '
    $0 == first { inside = 1; next }
    inside && $1 == "end" && $4 == name { exit }
    inside'
}

# Usage: conclude VERSION SUITE RESULTS
conclude() {
  local printed ended code seconds
  local -i ok bad ignored
  printed=$(tr -d '\r' <"$3" | part "$2")
  read -r _ code seconds _ < <(tr -d '\r' <"$3" | awk -v name="$2" '$1 == "end" && $4 == name') || true
  count <<<"$printed"
  ended="$ok passed, $bad failed, $ignored skipped, ${seconds:-?} s"
  passed=$((passed + ok)) skipped=$((skipped + ignored))
  if [ "${code:-}" = 0 ] && [ "$ok" -gt 0 ]; then
    echo "Linux $1: $2 ... ok ($ended)"
  else
    # A suite that did not end, or had no tests, has failed as well.
    failed=$((failed + (bad > 0 ? bad : 1)))
    echo "Linux $1: $2 ... FAILED, ${code:+exit code }${code:-the guest ended before it did} ($ended)"
    grep -vE '^test .* \.\.\. (ok|ignored)|^$' <<<"$printed" | tail -n 60 || true
  fi
  grep -E '^test .* \.\.\. ignored' <<<"$printed" || true
}

# Sets `ok`, `bad` and `ignored` from what a suite printed: from its last line, or of one that did not end from those of
# its tests, where a test that prints something has its outcome on a line of its own.
count() {
  local printed line
  printed=$(cat)
  line=$(sed -nE 's/^test result: .* ([0-9]+) passed; ([0-9]+) failed; ([0-9]+) ignored;.*/\1 \2 \3/p' <<<"$printed")
  if [ -n "$line" ]; then
    read -r ok bad ignored <<<"$line"
  else
    ok=$(grep -cE '(^| )ok$' <<<"$printed") || true
    bad=$(grep -cE '(^| )FAILED$' <<<"$printed") || true
    ignored=$(grep -cE '(^| )ignored' <<<"$printed") || true
  fi
}
