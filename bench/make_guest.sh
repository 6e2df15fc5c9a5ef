#!/usr/bin/env bash
# Compiles the benchmarks of bench/guest for the guest and for this host, and packs the guest's initramfs.
# With --programs also one of Debian's arm64 packages, which are fetched and unpacked, not configured.
set -euo pipefail

kHere=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly kHere kRoot=$kHere/..
# shellcheck source=scripts/own-apt.sh
source "$kRoot/scripts/own-apt.sh"

# The compiler may neither contract nor reorder floating point, so that both machines compute the same, nor
# vectorize, so that each benchmark measures what its class says.
readonly kFlags=(-O2 -static -s -std=gnu11 -Wall -Wextra -Wshadow -Wno-missing-field-initializers -Werror
  -fno-tree-vectorize -fno-tree-slp-vectorize -ffp-contract=off -fno-math-errno -pthread)
readonly kPackages=(gcc libc6-dev python3 perl sqlite3 git openssl dash coreutils sed grep mawk)

usage() {
  cat <<'END'
usage: make_guest.sh [--native | --programs] OUT [GUEST]
  OUT         a folder: bench-arm64, bench-native, bench.cpio.gz; with --programs programs.cpio and root/
  GUEST       what scripts/fetch-guest.sh filled, for its busybox; by default build/guest
  --native    compiles only, and needs no GUEST
  --programs  packs gcc, python3, perl, sqlite3, git and openssl of Debian as well (150 MiB are fetched)
END
}

die() {
  echo "make_guest.sh: $*" >&2
  exit 1
}

# digest FILE...: of the files and of how they are packed.
digest() { cat "$@" "${BASH_SOURCE[0]}" | sha256sum; }

# unchanged STAMP FILE...: the stamp was made of these files.
unchanged() {
  local stamp=$1
  shift
  [[ -s $stamp ]] && cmp -s "$stamp" <(digest "$@")
}

compile() {
  local name
  local -a sources=("$kHere"/guest/*.[ch] "$kHere"/guest/programs/*)
  if unchanged "$out/.compiled" "${sources[@]}"; then return; fi
  rm -f "$out/.compiled"
  command -v aarch64-linux-gnu-gcc >/dev/null ||
    die "'aarch64-linux-gnu-gcc' is missing (scripts/install-deps.sh check)"
  aarch64-linux-gnu-gcc "${kFlags[@]}" -o "$out/bench-arm64" "$kHere"/guest/*.c -lm
  gcc "${kFlags[@]}" -o "$out/bench-native" "$kHere"/guest/*.c -lm
  # What the compiler is given as a benchmark, for both machines and after the preprocessor.
  rm -rf "$out/programs"
  cp -r "$kHere/guest/programs" "$out/programs"
  for name in lz trees scalar_fp system; do
    (cd "$kHere/guest" && aarch64-linux-gnu-gcc "${kFlags[@]}" -E "$name.c") >"$out/programs/$name.i"
  done
  digest "${sources[@]}" >"$out/.compiled"
}

# pack ROOT: the folder as an initramfs on stdout; the same files give the same bytes.
pack() {
  find "$1" -exec touch -h -d @0 {} +
  (cd "$1" && find . -print0 | LC_ALL=C sort -z |
    cpio --quiet --null --create --format=newc --reproducible --owner=+0:+0)
}

pack_bench() {
  local root=$stage/bench
  mkdir -p "$root"/{bin,dev,proc,sys,tmp}
  install -m 755 "$guest/busybox" "$root/bin/busybox"
  ln -s busybox "$root/bin/sh"
  install -m 755 "$out/bench-arm64" "$root/bench"
  install -m 755 "$kHere/guest/init.sh" "$root/init"
  pack "$root" | gzip -n -9 >"$out/bench.cpio.gz.part"
  mv "$out/bench.cpio.gz.part" "$out/bench.cpio.gz"
}

fetch_programs() {
  [[ ! -s $debs/asked || $(<"$debs/asked") != "${kPackages[*]}" ]] || return 0
  own_apt_setup "$out/cache/apt"
  own_apt_download "$debs" "${kPackages[@]}" || die "could not download the packages"
  echo "${kPackages[*]}" >"$debs/asked"
}

unpack() {
  own_apt_unpack "$debs" "$root" || exit 1
  ln -s mawk "$root/usr/bin/awk"
  # What no benchmark reads, so that less has to be unpacked at each start.
  (cd "$root/usr" && rm -rf share/{doc,man,locale,info,bash-completion,gitweb} lib/python3*/test \
    lib/gcc/*/*/{lto1,lto-dump,g++-mapper-server,*.a} lib/*/{*.a,gconv,ldscripts,libasan*,libtsan*,liblsan*} \
    lib/*/{libubsan*,libhwasan*,libgprofng*,perl/*/CORE} bin/*{lto-dump,ld.gold,ld.bfd,gdb,gprof,dwp}* include/linux)
}

pack_programs() {
  debs=$out/cache/debs root=$out/root
  fetch_programs
  local -a files=("$kHere"/guest/init.sh "$out"/programs/* "$out/bench-arm64" "$guest/busybox")
  if unchanged "$out/.programs" "${files[@]}" && [[ -s $out/programs.cpio ]]; then return; fi
  rm -f "$out/.programs"
  unpack
  cp -r "$out/programs" "$root/programs"
  install -m 755 "$guest/busybox" "$root/bin/busybox"
  install -m 755 "$out/bench-arm64" "$root/bench"
  install -m 755 "$kHere/guest/init.sh" "$root/init"
  pack "$root" >"$out/programs.cpio.part"
  mv "$out/programs.cpio.part" "$out/programs.cpio"
  digest "${files[@]}" >"$out/.programs"  # last: it says that the others are whole
}

main() {
  local mode=""
  case ${1:-} in
    -h | --help)
      usage
      exit 0
      ;;
    --native | --programs)
      mode=${1#--}
      shift
      ;;
  esac
  (($# == 1 || $# == 2)) || die "one folder is needed, and no more than two (see --help)"
  [[ $1 != -* ]] || die "unknown option '$1'"
  guest=${2:-$kRoot/build/guest}
  umask 022
  mkdir -p "$1"
  out=$(cd "$1" && pwd)
  compile
  [[ $mode != native ]] || return 0
  [[ -s $guest/busybox ]] || die "there is no busybox at '$guest' (scripts/fetch-guest.sh makes one)"
  command -v cpio >/dev/null || die "'cpio' is missing (scripts/install-deps.sh demo)"
  stage=$(mktemp -d)
  trap 'rm -rf "$stage"' EXIT
  pack_bench
  [[ $mode != programs ]] || pack_programs
}

main "$@"
