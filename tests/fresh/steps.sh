# The steps that trials are made of. Sourced, by `trial`.
# shellcheck shell=bash disable=SC2154

as_root() { in_machine root / "$@"; }
as_user() { in_machine "$user" "$home/egressd" "$@"; }

fail() {
  echo "FAILED: $*"
  exit 1
}

# Installs Debian's packages, which the machine is to have before the trial.
given() {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# Without the target the machine's Rust is as rustup installs it.
given_no_wasm_target() { as_user "$home/.cargo/bin/rustup" --quiet target remove wasm32-unknown-unknown; }

# Runs a command as the user. Its output goes to the log and to $output.
output=$scratch/output
attempt() {
  echo "\$ ${environment[*]} $*"
  local code=0
  as_user "$@" >"$output" 2>&1 || code=$?
  cat "$output"
  return "$code"
}

# Usage: works COMMAND...
works() { attempt "$@" || fail "$*"; }

# Setup by make, as users call it; a second one finds nothing to do and is silent.
setup_works() {
  works make setup
  works make setup
  [ ! -s "$output" ] || fail 'a second setup is not silent'
}

# Usage: refuses PATTERN COMMAND...: it fails, and its last line (but for make's) matches.
refuses() {
  local pattern=$1 last
  shift
  ! attempt "$@" || fail "succeeded: $*"
  last=$(last_line)
  [[ $last =~ $pattern ]] || fail "the last line is not like '$pattern': $last"
}

last_line() { grep --invert-match '^make: ' "$output" | tail -n 1; }

# Does what the last line of the output advises, as root.
follow_advice() {
  local advice
  advice=$(last_line)
  advice=${advice##*To install: }
  echo "# following: $advice"
  as_root bash -c 'sudo() { "$@"; }; '"$advice" || fail 'the advice does not work'
}

# The first crate of the project that needs what setup brings for building. The crates that it depends on are compiled
# once, on the oldest release, whose programs run on the others.
rustables_builds() {
  bring_target
  works .ci/build cargo build --locked --package rustables
  keep_target
}

bring_target() {
  [ -d "$(kept_target)" ] || return 0
  rm -rf "$root$home/egressd/target"
  cp -a "$(kept_target)" "$root$home/egressd/target"
  own "$home/egressd/target"
}

keep_target() {
  if [ -d "$(kept_target)" ] || [ "$release" != bookworm ]; then return 0; fi
  as_user .ci/build cargo clean --quiet --package rustables
  cp -a "$root$home/egressd/target" "$scratch/target"
  mkdir -p "$state/targets"
  mv "$scratch/target" "$(kept_target)"
}

# A name for the compiler, the crates and the profile.
kept_target() {
  echo "$state/targets/$(rustc --version | cat - "$root$home/egressd/Cargo.toml" "$root$home/egressd/Cargo.lock" | cksum | cut -d ' ' -f 1)"
}
