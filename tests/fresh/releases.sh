# Debian's releases: their roots, and what differs between them. Sourced.
# shellcheck shell=bash disable=SC2154

# The prerequisites of README, except Rust.
readonly BROUGHT=ca-certificates,git,make

# The versions of clang: the default one, and another.
default_clang() { case $1 in bookworm) echo 14 ;; trixie) echo 19 ;; esac }
another_clang_of() { case $1 in bookworm) echo 16 ;; trixie) echo 17 ;; esac }

root_of() { echo "$state/roots/$1+${BROUGHT//,/+}"; }

# The root of a release as debootstrap makes it; fails where no server gives its packages. Made under another name, so that
# half of one is not taken for one.
make_root() {
  local root
  root=$(root_of "$1")
  [ ! -d "$root" ] || return 0
  echo "Making the root of $1 (minutes, once)"
  mkdir -p "$state/scratch/root" "$state/archives/$1/partial" "$state/targets"
  in_namespaces bash -c "$(declare -f bootstrap); bootstrap"' "$@"' bootstrap \
    "$1" "$state/scratch" "$BROUGHT" "$(mirror)" >"$state/logs/root-$1" 2>&1 ||
    { echo "cannot make the root of $1; the end of $state/logs/root-$1:"; tail -n 5 "$state/logs/root-$1"; return 1; } >&2
  mkdir -p "$state/roots"
  mv "$state/scratch/made" "$root"
}

# In memory, since package managers wait for the disk after each file; then copied.
bootstrap() {
  local release=$1 scratch=$2 brought=$3 mirror=$4
  mount -t tmpfs tmpfs "$scratch/root" &&
    debootstrap --variant=minbase --include="$brought" "$release" "$scratch/root/made" ${mirror:+"$mirror"} &&
    chroot "$scratch/root/made" apt-get clean &&
    cp -a "$scratch/root/made" "$scratch/made"
}

# Where this machine gets Debian's packages from, if it is Debian; otherwise debootstrap knows.
mirror() {
  # The name in it is for apt-get.
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null |
    sort --unique | sed -n 1p
}
