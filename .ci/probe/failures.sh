# How builds fail for want of something outside the project, and the remedies. Sourced; the caller has `target` and
# `plain`.
# shellcheck shell=bash disable=SC2154

# Rows of: failure, the texts of compiler, linker, cargo or rustup by which it is recognised. The first row that matches
# counts: a download that fails for want of a certificate is a failed download too.
failures() {
  cat <<'ROWS'
full_disk \(os error 28\)|No space left on device|[Dd]isk quota exceeded|Bus error|signal: 7, SIGBUS
memory signal: 9, SIGKILL|[Oo]ut of memory|[Cc]annot allocate memory|memory allocation of [0-9]+ bytes failed|\(os error 12\)
descriptors \(os error 24\)|Too many open files
owner Permission denied \(os error 13\)
glibc version `GLIBC_[0-9.]+' not found
certificates SSL certificate|SSL CA cert|certificate is not yet valid|certificate has expired|UnknownIssuer|invalid peer certificate
registry [Cc]ould not resolve host|[Cc]ouldn't resolve host|network failure|spurious network error|failed to download|download of .* failed|unable to update registry|--offline was specified|in offline mode
header '([^ ']+\.h)' file not found|fatal error: ([^ :]+\.h): No such file
library cannot find -l|unable to find library -l|library not found: 
newer_rust requires rustc [0-9]|is not supported by the following package|feature `edition20[0-9]+` is required
component no such command: `(fmt|clippy)`|is not installed for the toolchain
ROWS
}

say_full_disk() { echo "Missing: room on a disk. To see which is full: df -h $target ${TMPDIR:-/tmp}; a build needs 6 GB"; }

say_memory() {
  echo "Missing: memory ($(awk '/MemAvailable/ { printf "%d", $2 / 1024 }' /proc/meminfo) MiB are free now)." \
    'To build with less: export CARGO_BUILD_JOBS=1, and run the command again'
}

say_descriptors() { echo "Missing: file descriptors ($(ulimit -n) are allowed). To allow more: ulimit -n $(ulimit -Hn)"; }

say_owner() {
  echo "Missing: the right to files of a build, which may be another user's." \
    "To repair: sudo chown -R $(id -un) $target ${CARGO_HOME:-${HOME:-/root}/.cargo}"
}

say_glibc() { echo 'Wrong: the target folder holds programs of a newer system. To repair: cargo clean'; }

say_certificates() {
  echo 'Missing: certificates that the registry of crates is trusted with, or the right time of day.' \
    "To install: apt-get install --reinstall -y ca-certificates; a proxy's own goes to /usr/local/share/ca-certificates" \
    "and update-ca-certificates takes it from there. Here it is $(date --utc '+%F %T') UTC"
}

say_registry() {
  echo 'Missing: a way to the registry of crates. Behind a proxy: export https_proxy=http://HOST:PORT; without a network,' \
    'bring the folder ~/.cargo/registry of a machine that has run: cargo fetch --locked'
}

say_header() {
  local header
  header=$(plain | grep -m 1 -oE "[^ ':\"]+\.h(' file not found|: No such file)" | sed -E "s/(' file|: No).*//")
  echo "Missing: the header $header. To find its package: apt-get install -y apt-file && apt-file update && apt-file search /$header"
}

say_library() {
  local library
  library=$(plain | grep -m 1 -oE '(find( library)? -l|not found: )[^ :]+' | sed -E 's/.*( -l|: )//')
  echo "Missing: the library $library. To find its package: apt-cache search --names-only 'lib$library.*-dev'"
}

say_newer_rust() { echo "Missing: a newer Rust than $(rustc --version). To install: rustup update stable && rustup default stable"; }

say_component() { echo 'Missing: rustfmt or clippy, in this Rust. To install: rustup component add rustfmt clippy'; }
