# Trials of a complete machine with one defect. Sourced, by `trial`.
# shellcheck shell=bash disable=SC2154

complete() {
  given_no_wasm_target
  setup_works
  rustables_builds
  missing_pieces
  misleading_environment
  misleading_libclangs
  misleading_folders
  failed_builds
}

# A missing file of a package is named, though the package is installed and its program exists.
missing_pieces() {
  lacks_piece compiler 'usr/bin/cc'
  lacks_piece compiler 'usr/include/stdio.h'
  lacks_piece compiler 'usr/lib/*-linux-gnu/Scrt1.o'
  lacks_piece 'kernel headers' 'usr/include/linux/netfilter/nf_tables.h'
  lacks_piece libclang 'usr/lib/*-linux-gnu/libclang-*.so.*'
  lacks_piece libclang 'usr/lib/*-linux-gnu/libLLVM*.so.1*'
  lacks_piece ip 'usr/bin/ip'
  lacks_piece nft 'usr/lib/*-linux-gnu/libnftables.so.1'
}

# Usage: lacks_piece PREREQUISITE FILES: without these files of the root the prerequisite is the first that is missing.
lacks_piece() {
  local files
  mapfile -t files < <(compgen -G "$root/$2")
  mkdir "$scratch/pieces"
  mv "${files[@]}" "$scratch/pieces/"
  refuses "^Missing: $1[.,].*To install: apt-get update" .ci/setup --check
  mv "$scratch"/pieces/* "${files[0]%/*}"
  rmdir "$scratch/pieces"
}

# Usage: with NAME=VALUE COMMAND...: the command of a trial, with a variable in the environment.
with() {
  environment+=("$1")
  "${@:2}"
  unset 'environment[-1]'
}

# A failure that a variable causes cannot be fixed by a package.
misleading_environment() {
  local set
  for set in LIBCLANG_PATH= LIBCLANG_PATH=/etc LIBCLANG_PATH=/etc/passwd BINDGEN_EXTRA_CLANG_ARGS=--nonsense CC=nonsense \
    CFLAGS=--nonsense HOST_CC=nonsense RUSTFLAGS=--nonsense 'RUSTFLAGS=-C linker=nonsense' RUSTUP_TOOLCHAIN=nonsense \
    CARGO_BUILD_RUSTFLAGS=--nonsense CARGO_BUILD_TARGET=wasm32-unknown-unknown CARGO_TARGET_DIR=; do
    with "$set" refuses "^Wrong: the environment's ${set%%=*}=.*To repair: unset ${set%%=*}$" make setup
  done
  with CARGO_HOME=/tmp/empty with CARGO_HTTP_CAINFO=/nonsense \
    refuses "^Wrong: the environment's CARGO_HTTP_CAINFO=.*To repair: unset CARGO_HTTP_CAINFO$" make setup
  with CC=nonsense with CFLAGS=--nonsense refuses '^Wrong: some of .*To repair: unset CC CFLAGS$' make setup
  with TMPDIR=/nonsense refuses '^Wrong: the folder for temporary files, /nonsense, .*unset TMPDIR' make setup
  with CARGO_BUILD_TARGET_DIR=/elsewhere refuses '^Wrong: cargo builds elsewhere .*export CARGO_TARGET_DIR=/elsewhere$' make setup
  # Where there is nothing to find, the search goes on.
  for set in LLVM_CONFIG_PATH=/nonsense CLANG_PATH=/nonsense LD_LIBRARY_PATH=/nonsense:; do
    with "$set" works make setup
  done
}

misleading_libclangs() {
  # A text for the linker and a library of 32 bits are passed over, whatever their names are.
  echo 'INPUT(-lclang)' >"$root/usr/lib/libclang-97.so"
  printf '\177ELF\001' >"$root/usr/lib/libclang-98.so"
  setup_works
  # A file of the right width and the highest version is chosen, and is no library.
  printf '\177ELF\002' >"$root/usr/lib/libclang-99.so"
  refuses '^Wrong: the libclang of the highest version .*To choose another: export LIBCLANG_PATH=/usr/lib/' make setup
  with "$(last_line | grep -o 'LIBCLANG_PATH=.*')" setup_works
  rm "$root"/usr/lib/libclang-9*.so
}

misleading_folders() {
  folder_refused size=1m '^Missing: room on a disk '
  folder_refused noexec '^Missing: a folder to build in .*To choose one: export CARGO_TARGET_DIR='
  folder_refused ro '^Missing: a folder to build in .*To choose one: export CARGO_TARGET_DIR='
}

# Usage: folder_refused OPTIONS PATTERN: a target folder that is mounted so is named by setup.
folder_refused() {
  mkdir -p "$root/small"
  mount -t tmpfs -o "$1" tmpfs "$root/small"
  with CARGO_TARGET_DIR=/small refuses "$2" make setup
  umount "$root/small"
}

# Builds that fail without a setup before.
failed_builds() {
  local build=(.ci/build cargo build --offline --locked --package rustables)
  as_user .ci/build cargo clean --quiet --package rustables
  with LIBCLANG_PATH=/etc refuses "^Wrong: the environment's LIBCLANG_PATH=" "${build[@]}"
  mv "$root/usr/bin/cc" "$root/usr/bin/hidden"
  package_fails '^Missing: compiler, kernel headers, libclang\. To install: apt-get update .* gcc ' ''
  mv "$root/usr/bin/hidden" "$root/usr/bin/cc"
  builds_that_the_machine_fails
  packages_that_fail
}

builds_that_the_machine_fails() {
  local fetch=(.ci/build cargo fetch --locked)
  with CARGO_HOME=/tmp/empty refuses '^Missing: a way to the registry of crates\.' unshare --net "${fetch[@]}"
  rm "$root"/etc/ssl/certs/*
  cp "$root"/usr/share/ca-certificates/mozilla/ACCVRAIZ1.crt "$root"/etc/ssl/certs/ca-certificates.crt
  with CARGO_HOME=/tmp/empty refuses '^Missing: certificates .* ca-certificates; ' "${fetch[@]}"
  as_root update-ca-certificates
  mount -t tmpfs -o size=1m tmpfs "$root/small"
  with CARGO_TARGET_DIR=/small refuses '^Missing: room on a disk' .ci/build cargo build --offline --package rustables
  umount "$root/small"
}

# The names in the scripts are for the shell of the machine.
# shellcheck disable=SC2016
packages_that_fail() {
  package_fails '^Missing: memory .* CARGO_BUILD_JOBS=1' 'Command::new("sh").args(["-c", "kill -9 $PPID"]).status();'
  package_fails '^Missing: the header net/nonsense\.h\. .* apt-file search /net/nonsense\.h$' \
    'let cc = "echo \"#include <net/nonsense.h>\" | cc -x c -"; assert!(Command::new("sh").args(["-c", cc]).status().unwrap().success());'
  package_fails '^Missing: the library nonsense\. ' 'println!("cargo::rustc-link-lib=nonsense");'
  package_fails '^Missing: a newer Rust ' '' 'rust-version = "1.999"'
  # For a fault of the program the compiler's message is the last one.
  package_fails 'could not compile `probe`' 'nonsense'
}

# Usage: package_fails PATTERN SCRIPT [SETTING]: a package with that build script and that setting does not build.
package_fails() {
  local folder=/tmp/package
  rm -rf "$root$folder"
  mkdir -p "$root$folder/src"
  printf '[package]\nname = "probe"\nedition = "2024"\n%s\n[workspace]\n' "${3:-}" >"$root$folder/Cargo.toml"
  printf 'use std::process::Command;\nfn main() { let _ = Command::new("true"); %s }\n' "$2" >"$root$folder/build.rs"
  echo 'fn main() {}' >"$root$folder/src/main.rs"
  refuses "$1" .ci/build cargo build --manifest-path "$folder/Cargo.toml"
}
