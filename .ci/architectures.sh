# shellcheck shell=bash
# Architectures as images name them, and what building for one of them needs. To be sourced; what
# begins with `works_` by .ci/setup alone, which has `because`, `work` and `works_libclang`.

machine_of() {
  case $1 in
    amd64) echo x86_64 ;;
    arm64) echo aarch64 ;;
    *) echo "There are images for amd64 and arm64, and none for: $1" >&2; return 2 ;;
  esac
}

architecture_of() {
  case $1 in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) echo "There are images for x86_64 and aarch64, and none for: $1" >&2; return 2 ;;
  esac
}

is_foreign() { [ "$(machine_of "$1")" != "$(uname -m)" ]; }

# The C compiler, which links too.
compiler_of() { if is_foreign "$1"; then echo "$(machine_of "$1")-linux-gnu-gcc"; else echo cc; fi; }

# The arguments of libclang, one per line. It searches for headers of another machine where its own version expects them.
clang_arguments_of() {
  ! is_foreign "$1" || printf '%s\n' "--target=$(machine_of "$1")-unknown-linux-gnu" -isystem "/usr/$(machine_of "$1")-linux-gnu/include"
}

# Rows of: prerequisite/architecture, Debian's packages.
image_prerequisites() {
  local machine
  machine=$(machine_of "$1")
  if is_foreign "$1"; then
    echo "static_program/$1 gcc-${machine//_/-}-linux-gnu libc6-dev-$1-cross"
    echo "foreign_headers/$1 linux-libc-dev-$1-cross"
  else
    echo "static_program/$1 gcc libc6-dev"
  fi
}

# A compiler for the machine, and the C library as an archive.
works_static_program() {
  # shellcheck disable=SC2154
  printf '#include <math.h>\n#include <stdio.h>\nint main(int n, char **a) { return printf("%%f", pow(n, n)) < 0; }\n' |
    because "$(compiler_of "$1")" -static -x c -o "$work/static" - -lm
}

works_foreign_headers() {
  local arguments
  mapfile -t arguments < <(clang_arguments_of "$1")
  works_libclang "${arguments[@]}"
}

# Rust's libraries for the machine.
works_image_target() {
  echo 'fn main() {}' | because rustc --edition 2024 --target "$(machine_of "$1")-unknown-linux-gnu" \
    -Clinker="$(compiler_of "$1")" -Ctarget-feature=+crt-static -o "$work/program" -
}
