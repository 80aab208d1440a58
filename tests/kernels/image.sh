# Makes what a guest boots: a kernel of a Debian package, and its initramfs. Sourced, by `run`.
# shellcheck shell=bash disable=SC2154

# Programs that the lab calls (tests/lab), and the one that the kernel calls for its modules.
guest_programs=(ip bridge nft wg unshare mount modprobe)
# Modules below these folders of a kernel; others are for hardware that the guest has not.
guest_modules=(kernel/net kernel/crypto kernel/lib kernel/arch kernel/drivers/net kernel/fs/overlayfs)

# Usage: package_of VERSION: the newest package of that kernel that apt-get knows; nothing when there is none. The
# flavour for virtual machines has all that is needed, in a third of the size.
package_of() {
  apt-cache pkgnames "linux-image-$1." | grep -E "^linux-image-${1//./\\.}\.[0-9][^ ]*-cloud-amd64$" | sort -V | tail -n 1
}

# Usage: fetch PACKAGE. Unpacks it into target/kernels, and makes its part of the initramfs.
fetch() {
  local folder=$state/packages/$1
  [ ! -e "$folder/modules.cpio" ] || return 0
  rm -rf "$folder"
  mkdir -p "$folder/unpacked"
  (cd "$folder" && apt-get -qq download "$1" 2>apt) || { cat "$folder/apt" >&2; return 1; }
  dpkg-deb -x "$folder"/*.deb "$folder/unpacked"
  cp "$folder"/unpacked/boot/vmlinuz-* "$folder/vmlinuz"
  pack_modules "$folder"
  rm -rf "$folder/unpacked" "$folder"/*.deb
}

# Usage: pack_modules FOLDER. Not compressed: an emulated processor takes long for that.
pack_modules() {
  local from root=$1/modules version part
  from=$(echo "$1"/unpacked/lib/modules/*)
  version=${from##*/}
  for part in "${guest_modules[@]}" modules.builtin modules.builtin.modinfo modules.order; do
    [ -e "$from/$part" ] || continue
    mkdir -p "$(dirname "$root/lib/modules/$version/$part")"
    cp -r "$from/$part" "$root/lib/modules/$version/$part"
  done
  find "$root" -name '*.ko.xz' -exec unxz {} +
  depmod --basedir "$root" "$version"
  pack "$root" "$1/modules.cpio.new"
  mv "$1/modules.cpio.new" "$1/modules.cpio"
  rm -rf "$root"
}

# Usage: pack ROOT ARCHIVE
pack() { (cd "$1" && find . -mindepth 1 | sort | cpio --create --quiet --format newc --owner 0:0) >"$2"; }

# Usage: make_root ROOT: all but the kernel's modules. The tests and their egressd, which they find by its path here.
make_root() {
  local root=$1 program suite
  rm -rf "$root"
  mkdir -p "$root"/{bin,sbin,etc,proc,sys,dev,tests}
  cp "$here/init" "$root/init"
  cp "$(command -v busybox)" "$root/bin/busybox"
  # Not busybox, whose shell would take its own `ip` before the one on the PATH.
  bring "$root" "$(realpath "$(command -v dash)")" /bin/sh
  for program in "${guest_programs[@]}"; do bring "$root" "$(realpath "$(command -v "$program")")" "$(command -v "$program")"; done
  ln -sf "$(command -v modprobe)" "$root/sbin/modprobe"
  cp /etc/protocols /etc/services "$root/etc/"
  # A client for an API server does not start without any.
  mkdir -p "$root/etc/ssl/certs"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  bring "$root" "$egressd" "$egressd"
  for suite in "${!executables[@]}"; do bring "$root" "${executables[$suite]}" "/tests/$suite"; done
}

# Usage: bring ROOT FILE PLACE. A program with the libraries that it is linked to, and without its symbols.
bring() {
  local library
  mkdir -p "$(dirname "$1$3")"
  strip -o "$1$3" "$2"
  while read -r library; do
    [ -e "$1$library" ] || { mkdir -p "$(dirname "$1$library")" && cp -L "$library" "$1$library"; }
  done < <(ldd "$2" | grep -oE '/[^ ]+\.so[^ ]*')
}
