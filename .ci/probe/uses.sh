# The prerequisites, each proven by using it: `works_NAME` leaves the reason in $work/reason when it fails. Sourced;
# the caller has `work`, `here` and `project`.
# shellcheck shell=bash disable=SC2154

has() { command -v "$1" >/dev/null 2>&1; }

because() { "$@" >"$work/reason" 2>&1; }

# The line of the reason that names the fault.
reason() {
  { grep -m 1 -E 'error|fatal|not found' "$work/reason" || grep -m 1 . "$work/reason" || echo 'no reason was given'; } |
    sed 's/^.*: line [0-9]*: //'
}

# What a prerequisite takes from the environment.
variables_of() {
  local host
  host=$(uname -m)_unknown_linux_gnu
  case $1 in
    certificates) echo CARGO_HTTP_CAINFO ;;
    compiler | kernel_headers) echo "CC CFLAGS HOST_CC HOST_CFLAGS CC_${host} CFLAGS_${host} CPATH C_INCLUDE_PATH LIBRARY_PATH LD_LIBRARY_PATH" ;;
    libclang | foreign_headers) echo LIBCLANG_PATH LLVM_CONFIG_PATH CLANG_PATH BINDGEN_EXTRA_CLANG_ARGS LD_LIBRARY_PATH LIBRARY_PATH CPATH C_INCLUDE_PATH ;;
    cargo | rust_version | wasm_target | rustfmt | clippy) echo RUSTUP_TOOLCHAIN RUSTC RUSTC_WRAPPER ;;
    linker)
      echo RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER LIBRARY_PATH LD_LIBRARY_PATH
      compgen -v CARGO_BUILD_
      compgen -v CARGO_TARGET_ | grep -v '^CARGO_TARGET_DIR$' ;;
  esac
}

works_make() { printf 'all:\n\t@true\n' | because env --unset=MAKEFLAGS make -f -; }

# Crates come from a registry, unless they are all here. The files are those that cargo looks for.
works_certificates() {
  local bundles=(/etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem
    /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/cert.pem)
  [ -z "${CARGO_HTTP_CAINFO:-}" ] || bundles=("$CARGO_HTTP_CAINFO")
  if grep -qs 'BEGIN CERTIFICATE' "${bundles[@]}"; then return; fi
  if because cargo fetch --quiet --offline --locked --manifest-path "$project/Cargo.toml"; then return; fi
  echo 'there is no file of certificates to trust a registry with' >"$work/reason"
  return 1
}

# For the linker's sake `cc`, and for the C of crates what the environment names.
works_compiler() {
  local compiler flags
  printf '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n' >"$work/probe.c"
  because cc -o "$work/a.out" "$work/probe.c" || return 1
  # Each may hold several arguments.
  read -ra compiler <<<"$(for_host CC cc)"
  read -ra flags <<<"$(for_host CFLAGS '')"
  because "${compiler[@]}" "${flags[@]}" -c -o "$work/probe.o" "$work/probe.c"
}

# Usage: for_host NAME DEFAULT: what crates with C in them take for programs of this machine.
for_host() {
  local ours hosts=HOST_$1
  ours=${1}_$(uname -m)_unknown_linux_gnu
  echo "${!ours:-${!hosts:-${!1:-$2}}}"
}

works_curl() { because curl --version; }

works_kernel_headers() {
  printf '#include <linux/netlink.h>\n#include <linux/netfilter/nf_tables.h>\n' | because cc -x c -fsyntax-only -
}

# Usage: works_libclang [ARGUMENT...], as clang takes them.
works_libclang() {
  local library arguments
  library=$(find_libclang)
  if [ -z "$library" ]; then
    echo "there is no libclang.so${LIBCLANG_PATH+ in LIBCLANG_PATH}" >"$work/reason"
    return 1
  fi
  mapfile -t arguments < <(libclang_arguments)
  because cc -o "$work/libclang" "$here/probe/libclang.c" -ldl && because "$work/libclang" "$library" "${arguments[@]}" "$@"
}

works_ip() { because ip -brief link show lo; }

works_nft() { because nft --version; }

# By its names of protocols `nft` lists rules readably.
works_protocols() { because getent protocols sctp; }

works_shellcheck() { printf '#!/bin/sh\n' | because shellcheck -; }

works_cargo() { because cargo --version && because rustc --version; }

works_rust_version() {
  local needed
  needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$project/Cargo.toml")
  printf '%s\n%s\n' "$needed" "$(rustc --version | cut -d ' ' -f 2)" | sort --version-sort --check=silent && return
  echo "egressd needs Rust $needed or newer, and this is $(rustc --version), $(rustup show active-toolchain 2>/dev/null)" >"$work/reason"
  return 1
}

# The target's libraries and linker: policies are WebAssembly.
works_wasm_target() {
  echo '#[unsafe(no_mangle)] pub extern "C" fn probe() { std::mem::drop(String::new()) }' |
    because rustc --edition 2024 --target wasm32-unknown-unknown --crate-type cdylib -o "$work/probe.wasm" -
}

works_rustfmt() { echo 'fn main() {}' | because rustfmt --check; }

works_clippy() { because cargo clippy --version; }

# By cargo, whose configuration may name a linker, for this machine and for policies. The program has to be where programs
# of egressd are looked for, and to run.
works_linker() {
  local package=$work/package
  mkdir -p "$package/src"
  printf '[package]\nname = "probe"\nedition = "2024"\n[lib]\ncrate-type = ["cdylib"]\n[workspace]\n' >"$package/Cargo.toml"
  echo 'fn main() {}' >"$package/src/main.rs"
  echo '#[unsafe(no_mangle)] pub extern "C" fn probe() {}' >"$package/src/lib.rs"
  CARGO_TARGET_DIR=$package/target because cargo build --offline --bin probe --manifest-path "$package/Cargo.toml" || return 1
  CARGO_TARGET_DIR=$package/target because cargo build --offline --lib --target wasm32-unknown-unknown --manifest-path "$package/Cargo.toml" || return 1
  if [ ! -e "$package/target/debug/probe" ]; then
    echo "error: cargo builds for another target than this machine's" >"$work/reason"
    return 1
  fi
  because "$package/target/debug/probe"
}

target_of_cargo() {
  cargo metadata --offline --no-deps --format-version 1 --manifest-path "$project/Cargo.toml" 2>/dev/null |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# A configuration, or CARGO_BUILD_TARGET_DIR, may name a folder that only cargo knows.
works_target() {
  local actual
  actual=$(target_of_cargo)
  [ -z "$actual" ] || [ "$(realpath -m "$actual")" = "$(realpath -m "$target")" ] && return
  echo "in $actual, and not in $target" >"$work/reason"
  return 1
}
