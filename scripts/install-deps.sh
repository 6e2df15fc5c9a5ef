#!/usr/bin/env bash
# Installs the Debian packages that are missing, by group.  When nothing is missing it only asks
# dpkg: no network, no root.
set -euo pipefail

readonly kBuild=(
  cmake ninja-build g++ pkg-config ccache
  libfmt-dev libexpected-dev libglib2.0-dev libfdt-dev libslirp-dev zlib1g-dev libzstd-dev
  libgmp-dev liburing-dev libxbyak-dev nettle-dev libplist-dev nlohmann-json3-dev
  libpixman-1-dev libpng-dev libsdl2-dev libzydis-dev libgtest-dev libgmock-dev libbenchmark-dev
)
# What ./demo needs to fetch and pack a guest.
readonly kDemo=(cpio)
# What the tests compare with, and the linters.
readonly kCheck=(
  cpio make qemu-user qemu-user-static qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross llvm
  device-tree-compiler edid-decode clang clang-tidy clang-format
  # tests/images, what tests/boot/disk_test.py does with them, and disks for the boot ROM's tests.
  binutils bzip2 dosfstools dpkg-dev e2fsprogs fakeroot fdisk iperf3 lz4 mtools openssh-client
  qemu-efi-aarch64 qemu-utils u-boot-qemu xz-utils zstd
  # tests/window and tests/boot: a desktop to show windows on.
  jwm x11-utils xdotool xvfb
)

usage() {
  cat <<END
usage: install-deps.sh [build|demo|check]...
  build  to build quince and its unit tests: ${kBuild[*]}
  demo   to fetch and pack a guest: ${kDemo[*]}
  check  for the whole of the tests: ${kCheck[*]}
Without a group, all of them.
END
}

die() {
  echo "install-deps.sh: $*" >&2
  exit 1
}

installed() {
  local status
  status=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) && [[ $status == installed ]]
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "these packages are missing and this is not root: ${missing[*]}"
  fi
}

main() {
  local -a groups=("$@") wanted=()
  local group package
  missing=()
  ((${#groups[@]})) || groups=(build demo check)
  for group in "${groups[@]}"; do
    case $group in
      build) wanted+=("${kBuild[@]}") ;;
      demo) wanted+=("${kDemo[@]}") ;;
      check) wanted+=("${kCheck[@]}") ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) die "unknown group '$group' (known: build demo check)" ;;
    esac
  done
  command -v dpkg-query >/dev/null || die "this host has no dpkg; install by hand: ${wanted[*]}"
  for package in "${wanted[@]}"; do
    if ! installed "$package" && [[ " ${missing[*]} " != *" $package "* ]]; then
      missing+=("$package")
    fi
  done
  ((${#missing[@]})) || return 0
  echo "install-deps.sh: installing ${missing[*]}"
  # The lists of this host may be good enough, and reading them again takes a while.
  install_missing || { as_root apt-get -q update && install_missing; } ||
    die "could not install: ${missing[*]}"
}

install_missing() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install \
    "${missing[@]}"
}

main "$@"
