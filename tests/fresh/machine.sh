# The machine of a trial: a root file system whose changes are discarded, a user with rustup's cargo, and a clone.
# Sourced, by `trial`.
# shellcheck shell=bash disable=SC2154

root=$scratch/root
# Of the user in the machine; `clone_as` sets them.
user='' home=''
# What the machine's user has in the environment besides what a login gives.
environment=()

# Shows the files of LOWER at AT; what is written there goes to the scratch folder.
layer() {
  local lower=$1 at=$2 changes
  changes=$(mktemp -d "$scratch/layer.XXXXXX")
  chmod 755 "$changes"
  mkdir -p "$changes/upper" "$changes/work" "$at"
  mount -t overlay overlay -o "metacopy=on,lowerdir=$lower,upperdir=$changes/upper,workdir=$changes/work" "$at" ||
    skip "this file system cannot be overlaid: $scratch"
}

skip() {
  echo "$1"
  exit 77
}

mount_machine() {
  mkdir -p "$scratch"
  layer "$(root_of "$release")" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --bind "$state/archives/$release" "$root/var/cache/apt/archives"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  trust_as_here
  # The root is thrown away, so its packages need not survive a power cut.
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
  apt-config dump | grep -i '^Acquire::https\?::Proxy' >"$root/etc/apt/apt.conf.d/proxy" || true
  echo 'dev:x:1000:1000::/home/dev:/bin/bash' >>"$root/etc/passwd"
  echo 'dev:x:1000:' >>"$root/etc/group"
}

# The certificates that this machine trusts, now and when the package of certificates is installed anew.
trust_as_here() {
  local bundle=/etc/ssl/certs/ca-certificates.crt
  [ -f "$bundle" ] || return 0
  cp "$bundle" "$root$bundle"
  mkdir -p "$root/usr/local/share/ca-certificates"
  cp "$bundle" "$root/usr/local/share/ca-certificates/"
}

# Gives a user rustup's cargo and a clone of the project, as README requires.
clone_as() {
  user=$1
  [ "$user" = root ] && home=/root || home=/home/$user
  mkdir -p "$root$home/.cargo/bin"
  bring_rust
  cp -r "$state/scratch/egressd.git" "$root$home/origin.git"
  own "$home"
  in_machine "$user" "$home" git clone --quiet origin.git egressd
}

# Makes the user the owner of a folder of the machine.
own() { [ "$user" = root ] || chown -R 1000:1000 "$root$1"; }

# This machine's toolchains and downloads, and rustup's own names for its program.
bring_rust() {
  local cargo=${CARGO_HOME:-$HOME/.cargo} name
  layer "$(rustup show home)" "$root$home/.rustup"
  [ ! -d "$cargo/registry" ] || layer "$cargo/registry" "$root$home/.cargo/registry"
  [ ! -f "$cargo/config.toml" ] || cp "$cargo/config.toml" "$root$home/.cargo/"
  cp "$(realpath "$(command -v rustup)")" "$root$home/.cargo/bin/rustup"
  for name in cargo cargo-clippy cargo-fmt clippy-driver rustc rustdoc rustfmt; do
    ln -s rustup "$root$home/.cargo/bin/$name"
  done
}

# Runs a command in the machine: in_machine USER FOLDER COMMAND... Its root is a real one, since the kernel grants
# no user namespace to a process that is in a changed one.
in_machine() {
  local as=$1 folder=$2 number=0 at=/root
  shift 2
  [ "$as" = root ] || { number=1000 && at=/home/$as; }
  # The inner shell expands what is its own.
  # shellcheck disable=SC2016
  unshare --mount sh -c 'cd "$1" && pivot_root . mnt && cd "$2" && umount -l /mnt && shift 2 && exec "$@"' sh \
    "$root" "$folder" /usr/bin/setpriv --reuid "$number" --regid "$number" --clear-groups \
    /usr/bin/env --ignore-environment "HOME=$at" "USER=$as" "PATH=$(path_of "$as")" "${environment[@]}" \
    "${passed_on[@]}" "$@"
}

path_of() {
  if [ "$1" = root ]; then echo /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  else echo /usr/local/bin:/usr/bin:/bin; fi
}

# What this machine needs to reach its registries, the other needs too.
passed_on=()
for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY RUSTUP_DIST_SERVER \
  RUSTUP_UPDATE_ROOT RUSTUP_TOOLCHAIN; do
  [ -z "${!variable:-}" ] || passed_on+=("$variable=${!variable}")
done
