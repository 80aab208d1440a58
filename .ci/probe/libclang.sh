# How bindgen, which generates the bindings of the crate rustables, searches for libclang, and for a clang whose headers
# it adds. The rules are those of the crate clang-sys, since another search would find other files. Sourced.
# shellcheck shell=bash

# The library that bindgen would load: of those for this machine's pointer width the one of the highest version, else the
# first. Prints nothing where there is none.
find_libclang() { list_libclangs | sed -n 1p; }

# All of them, one a line, in that order.
list_libclangs() {
  local name
  while read -r name; do
    # libclang-cpp is another library.
    case ${name##*/} in
      *-cpp.*) continue ;;
      libclang.so | libclang-*.so | libclang.so.* | libclang-*.so.*) ;;
      *) continue ;;
    esac
    ! is_library "$name" || echo "$(libclang_version "${name##*/}") $name"
  done < <(libclang_files) | sort --stable --version-sort --reverse --key 1,1 | sed 's/^[^ ]* //'
}

libclang_files() {
  local folder
  if [ -f "${LIBCLANG_PATH:-}" ]; then
    echo "$LIBCLANG_PATH"
    return
  fi
  while read -r folder; do
    printf '%s\n' "$folder"/libclang.so "$folder"/libclang-*.so "$folder"/libclang.so.* "$folder"/libclang-*.so.*
  done < <(libclang_folders)
}

libclang_folders() {
  local prefix
  if [ -n "${LIBCLANG_PATH+set}" ]; then
    # Set and empty, it hides every library.
    [ -z "$LIBCLANG_PATH" ] || echo "$LIBCLANG_PATH"
    return
  fi
  prefix=$(llvm_config --prefix) && printf '%s\n' "$prefix/bin" "$prefix/lib" "$prefix/lib64"
  tr : '\n' <<<"${LD_LIBRARY_PATH:-}:${LIBRARY_PATH:-}" | sed '/^$/d'
  printf '%s\n' /usr/local/llvm*/lib* /usr/local/lib*/*/* /usr/local/lib*/* /usr/local/lib* /usr/lib*/*/* /usr/lib*/* /usr/lib*
}

llvm_config() { "${LLVM_CONFIG_PATH-llvm-config}" "$@" 2>/dev/null; }

# A library of another pointer width, or a text for the linker, is passed over. The fifth byte is 1 for 32 bits, 2 for 64.
is_library() {
  [ -f "$1" ] && [ "$(head -c 5 "$1" | od -An -tx1 | tr -d ' ')" = "7f454c460$(($(getconf LONG_BIT) / 32))" ]
}

# `libclang.so.14.0.6` is 14.0.6, and `libclang.so` none at all. Of `libclang-14.so.1` the last three characters are cut
# off, as clang-sys does it, and what is no number counts 0.
libclang_version() {
  local version=
  case $1 in
    libclang.so.*) version=${1#libclang.so.} ;;
    libclang-*) version=${1:9:${#1}-12} ;;
  esac
  sed -E 's/[^.]*[^0-9.][^.]*/0/g; s/^$/~/' <<<"$version"
}

# What bindgen passes to libclang besides the header, one argument a line.
libclang_arguments() {
  local clang
  [ -z "${BINDGEN_EXTRA_CLANG_ARGS:-}" ] || xargs -n 1 printf '%s\n' <<<"$BINDGEN_EXTRA_CLANG_ARGS"
  clang=$(find_clang)
  [ -z "$clang" ] || "$clang" -E -x c - -v </dev/null 2>&1 |
    sed -n '/^#include <\.\.\.> search starts here:/,/^End of search list/s/^ \(.*\)/-isystem\n\1/p'
}

find_clang() {
  local folder name
  if [ -f "${CLANG_PATH:-}" ] && [ -x "$CLANG_PATH" ]; then
    echo "$CLANG_PATH"
    return
  fi
  while read -r folder; do
    for name in "$folder"/clang "$folder"/clang-[0-9]*; do
      if [ -f "$name" ] && [ -x "$name" ]; then
        echo "$name"
        return
      fi
    done
  done < <(llvm_config --bindir; tr : '\n' <<<"$PATH")
}
