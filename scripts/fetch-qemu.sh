#!/usr/bin/env bash
# Fetches the newest QEMU that Debian has for this host's release, backports included, and unpacks it:
# nothing is installed.  bench/run.py compares with it.  Uses the Debian mirror and the keys that this
# host is set up with, and apt state of its own under DEST.
set -euo pipefail

# shellcheck source=scripts/own-apt.sh
source "$(dirname "${BASH_SOURCE[0]}")/own-apt.sh"

readonly kPackage=qemu-system-arm

usage() {
  cat <<'END'
usage: fetch-qemu.sh [--update] DEST
  DEST      a folder: qemu-system-aarch64, a script that starts it; tree/, its files; version
  --update  looks for a newer package even when it is there
END
}

die() {
  echo "fetch-qemu.sh: $*" >&2
  exit 1
}

# The mirrors of this host's Debian release, and its backports on the same.
write_sources() {
  local codename keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror release options
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  [[ -n $codename ]] || die "this host's release has no name in /etc/os-release"
  options="arch=$(dpkg --print-architecture)"
  [[ ! -e $keyring ]] || options+=" signed-by=$keyring"
  # shellcheck disable=SC2016  # apt fills in these
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    while read -r mirror release component; do
      [[ $component == main ]] || continue
      case $release in
        "$codename") echo "deb [$options] $mirror $release main
deb [$options] $mirror $release-backports main" ;;
        "$codename"-*) echo "deb [$options] $mirror $release main" ;;
      esac
    done | sort -u >"$dest/apt/sources.list"
  [[ -s $dest/apt/sources.list ]] || die "this host has no package source for Debian's '$codename'"
  backports=$codename-backports
}

# An apt that takes this host's packages for installed, so that only what it lacks is fetched.
setup() {
  own_apt_setup "$dest/apt"
  write_sources
  cat >>"$dest/apt/apt.conf" <<END
APT::Architecture "$(dpkg --print-architecture)";
#clear APT::Architectures;
APT::Architectures { "$(dpkg --print-architecture)"; };
Dir::State::status "$(readlink -f /var/lib/dpkg/status)";
Dir::Etc::sourcelist "$dest/apt/sources.list";
Dir::Etc::sourceparts "-";
END
  echo "fetch-qemu.sh: reading the package lists"
  own_apt apt-get -qq update || echo "fetch-qemu.sh: the package lists are incomplete" >&2
}

# The newest version of the package, which backports have or else the release.
newest() {
  own_apt apt-cache madison "$kPackage" | sed -n 's/^[^|]*| *\([^ ]*\) .*/\1/p' | sort -rV | head -n 1
}

unpack() {
  local deb
  rm -rf "$dest/tree" "$dest/version"
  mkdir "$dest/tree"
  for deb in "$dest"/apt/cache/archives/*.deb; do
    dpkg-deb -x "$deb" "$dest/tree" || die "could not unpack '$(basename "$deb")'"
  done
  [[ -x $dest/tree/usr/bin/qemu-system-aarch64 ]] || die "'$kPackage' has no qemu-system-aarch64"
  local libraries
  libraries=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
  cat >"$dest/qemu-system-aarch64" <<END
#!/bin/sh
tree=\$(dirname "\$(readlink -f "\$0")")/tree
export QEMU_MODULE_DIR="\$tree/usr/lib/$libraries/qemu"
export LD_LIBRARY_PATH="\$tree/usr/lib/$libraries:\$tree/lib/$libraries"
exec "\$tree/usr/bin/qemu-system-aarch64" -L "\$tree/usr/share/qemu" "\$@"
END
  chmod 755 "$dest/qemu-system-aarch64"
  "$dest/qemu-system-aarch64" --version >/dev/null || die "what was fetched does not start"
}

main() {
  local update=""
  case ${1:-} in
    -h | --help)
      usage
      exit 0
      ;;
    --update)
      update=yes
      shift
      ;;
  esac
  (($# == 1)) || die "one folder is needed (see --help)"
  [[ $1 != -* ]] || die "unknown option '$1'"
  mkdir -p "$1"
  dest=$(cd "$1" && pwd)
  if [[ -z $update && -s $dest/version ]]; then return; fi
  setup
  local wanted
  wanted=$(newest)
  [[ -n $wanted ]] || die "the package sources do not offer '$kPackage'"
  if [[ -s $dest/version && $(<"$dest/version") == "$wanted" ]]; then return; fi
  echo "fetch-qemu.sh: fetching $kPackage $wanted"
  rm -rf "$dest/apt/cache/archives"
  mkdir -p "$dest/apt/cache/archives/partial"
  # --reinstall: the host may have this very version.
  own_apt apt-get -qq -y --no-install-recommends --download-only --reinstall -t "$backports" install \
    "$kPackage=$wanted" qemu-system-common qemu-system-data >/dev/null || die "could not download '$kPackage'"
  unpack
  echo "$wanted" >"$dest/version"  # last: it says that the others are whole
}

main "$@"
