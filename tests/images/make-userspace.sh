#!/usr/bin/env bash
# Makes a folder with a user space of Debian's arm64 packages that works hard: OpenSSL, Python with its
# test suite, Perl, GCC with the C library's headers; and an initramfs of it for tests/boot/userspace_test.py.
# The packages are unpacked and not configured: nothing of arm64 runs here, and no root is needed.
set -euo pipefail

kHere=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly kHere kScripts=$kHere/../../scripts kChecks=$kHere/../boot/userspace
# shellcheck source=scripts/own-apt.sh
source "$kScripts/own-apt.sh"

readonly kPackages=(openssl python3 libpython3.11-testsuite perl gcc libc6-dev dash coreutils diffutils
  sed grep busybox-static)

usage() {
  cat <<'END'
usage: make-userspace.sh [--update] OUT
  OUT       a folder: root/, its file system; userspace.cpio, the initramfs; packages, the versions;
            cache/, what was downloaded
  --update  looks for newer packages even when they are there
END
}

die() {
  echo "make-userspace.sh: $*" >&2
  exit 1
}

# Downloads the packages and all that they need to $debs, whole or not at all.
download() {
  own_apt_setup "$cache/apt"
  own_apt_download "$debs" "${kPackages[@]}" || die "could not download the packages"
}

# What the folder is made of: it is made again when this changes.
fingerprint() {
  find "$debs" -name '*.deb' -printf '%f\n' | LC_ALL=C sort
  (cd "$kChecks" && find . -type f -exec sha256sum {} + | LC_ALL=C sort)
  sha256sum <"${BASH_SOURCE[0]}"
}

unpack() {
  own_apt_unpack "$debs" "$root" || exit 1
  printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
  rm -rf "$root"/usr/share/{doc,man,locale,info}
  cp -r "$kChecks" "$root/checks"
  install -m 755 "$kChecks/init.sh" "$root/init"
}

pack() {
  (cd "$root" && find . -print0 | LC_ALL=C sort -z |
    cpio --quiet --null --create --format=newc --owner=+0:+0) >"$out/userspace.cpio"
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
  command -v cpio >/dev/null || die "'cpio' is missing (scripts/install-deps.sh check)"
  umask 022
  mkdir -p "$1"
  out=$(cd "$1" && pwd) root=$out/root cache=$out/cache debs=$out/cache/debs
  if [[ -n $update || ! -d $debs ]]; then download; fi
  if [[ -s $out/packages ]] && cmp -s "$out/packages" <(fingerprint); then return; fi
  rm -rf "$root" "$out/packages"
  unpack
  pack
  fingerprint >"$out/packages"  # last: it says that the others are whole
}

main "$@"
