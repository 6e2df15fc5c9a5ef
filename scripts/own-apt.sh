# shellcheck shell=bash
# An apt for arm64 packages with state of its own, to be sourced.  It uses the package sources and
# keys that this host is set up with, but its lists, cache and (empty) package database are under a
# folder, so that those of the host stay as they are and no root is needed.

# own_apt_setup DIR: makes the state in DIR.  The host's hooks are dropped because they tend the
# host's cache.
own_apt_setup() {
  own_apt_dir=$1
  mkdir -p "$own_apt_dir/state/lists/partial" "$own_apt_dir/cache/archives/partial"
  : >"$own_apt_dir/state/status"
  cat >"$own_apt_dir/apt.conf" <<END
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "3";
Dir::State "$own_apt_dir/state";
Dir::State::status "$own_apt_dir/state/status";
Dir::Cache "$own_apt_dir/cache";
END
}

# own_apt TOOL ARGUMENTS...
own_apt() {
  local tool=$1
  shift
  "$tool" -q -c "$own_apt_dir/apt.conf" "$@"
}

# Reads the package lists.  Some of the host's sources may have nothing for arm64: only said.
own_apt_update() {
  echo "${0##*/}: reading the package lists (arm64)"
  own_apt apt-get -qq update || echo "${0##*/}: the package lists are incomplete" >&2
}

# own_apt_download DEBS PACKAGE...: the packages and all that they need to a folder, whole or not at all.
own_apt_download() {
  local debs=$1 archives=$own_apt_dir/cache/archives
  shift
  own_apt_update
  rm -rf "$debs" "$archives"
  mkdir -p "$archives/partial"
  own_apt apt-get -qq -y --no-install-recommends --download-only install "$@" >/dev/null || return 1
  mv "$archives" "$debs"
}

# own_apt_unpack DEBS ROOT: makes a file system of packages, which are not configured: nothing of arm64
# runs here, and no root is needed.
own_apt_unpack() {
  local deb name
  rm -rf "$2"
  mkdir -p "$2"/usr/{bin,sbin,lib} "$2"/{dev,proc,sys,tmp,root,etc}
  # Debian's merged /usr, which packages of this release still name by its old places.
  for name in bin sbin lib; do ln -s "usr/$name" "$2/$name"; done
  for deb in "$1"/*.deb; do
    if ! dpkg-deb --fsys-tarfile "$deb" |
      tar -x -C "$2" --keep-directory-symlink --no-same-owner --no-same-permissions; then
      echo "${0##*/}: could not unpack '$(basename "$deb")'" >&2
      return 1
    fi
  done
  # Who configures packages would make these.
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$2/etc/passwd"
  printf 'root:x:0:\n' >"$2/etc/group"
}
