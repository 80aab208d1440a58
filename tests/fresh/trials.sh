# The trials: the state of a machine, the result of setup, and whether it suffices. Sourced, by `trial`.
# shellcheck shell=bash disable=SC2154

demo() {
  given_no_wasm_target
  works make demo
}

# The page for newcomers, completely. Not on each machine: once setup has passed they have the same packages.
readme() {
  given_no_wasm_target
  works make demo
  works make test
}

bare() {
  given_no_wasm_target
  setup_works
  rustables_builds
}

# The name of its file begins as that of libclang does.
libclang_cpp_only() {
  given "libclang-cpp$(default_clang "$release")"
  setup_works
  rustables_builds
}

# A program `clang-N` and its headers, but no libclang of its version.
another_clang() {
  given "clang-$(another_clang_of "$release")"
  setup_works
  rustables_builds
}

# The bindings need none of the headers that come with clang.
another_libclang_without_headers() {
  given "libclang1-$(another_clang_of "$release")"
  setup_works
  rustables_builds
}

compiler_without_headers() {
  given gcc
  setup_works
  rustables_builds
}

no_make() {
  as_root dpkg --purge make
  works .ci/setup
  setup_works
}

# Rustup downloads the target, and trusts no server without certificates.
no_certificates() {
  given_no_wasm_target
  as_root dpkg --purge --force-depends ca-certificates
  rm -rf "$root/etc/ssl/certs"
  # Crates that are all here need no registry.
  mkdir -p "$root$home/.cargo/registry"
  mount -t tmpfs tmpfs "$root$home/.cargo/registry"
  setup_works
}

no_rustup() {
  given_a_toolchain_of_no_rustup
  setup_works
  rustables_builds
  rm -r "$root"/opt/rust/lib/rustlib/wasm32-unknown-unknown
  refuses '^Missing: wasm32-unknown-unknown\. To install: .*sh\.rustup\.rs.* --target wasm32-unknown-unknown$' make setup
}

given_a_toolchain_of_no_rustup() {
  layer "$(rustc --print sysroot)" "$root/opt/rust"
  rm "$root$home"/.cargo/bin/*
  environment+=("PATH=/opt/rust/bin:$(path_of "$user")")
}

rust_of_debian() {
  given cargo gcc libc6-dev
  mv "$root$home/.cargo/bin" "$root$home/hidden"
  refuses '^Missing: a newer Rust\. To install: .*sh\.rustup\.rs' make setup
  mv "$root$home/hidden" "$root$home/.cargo/bin"
  refuses '^Missing: a newer Rust\. To install: export PATH=' make setup
  environment+=("PATH=$home/.cargo/bin:$(path_of "$user")")
  setup_works
}

# Debian's rustup brings no compiler.
rustup_of_debian() {
  given rustup
  umount "$root$home/.rustup"
  rm -r "$root$home"/.cargo/bin
  refuses '^Missing: Rust\. To install: rustup default stable$' make setup
}

no_rust() {
  rm -r "$root$home"/.cargo/bin
  refuses '^Missing: Rust\. To install: curl .*sh\.rustup\.rs' make setup
}

# The one command that setup prints suffices, with sudo and without.
without_root() {
  [ "$release" = bookworm ] || given sudo
  clone_as dev
  given_no_wasm_target
  refuses '^Missing: compiler, .*\. To install: (sudo )?apt-get update && ' make setup
  follow_advice
  setup_works
  rustables_builds
  # As root has left it.
  chown -R 0:0 "$root$home/egressd/target"
  refuses '^Missing: the right to write to .*To repair: sudo chown -R dev ' make setup
}
