#!/bin/sh
# Times whole programs of Debian: programs.sh BENCH ROUNDS PATTERN[,PATTERN...].  BENCH is the benchmark program,
# which runs and times each and makes a check value of what it writes; it runs in the guest, and on the host
# with GCC naming a compiler for AArch64, so that it makes the same.  openssl's times are its own.
export LC_ALL=C TZ=UTC HOME=/nonexistent PYTHONHASHSEED=0 PERL_HASH_SEED=0
bench=$1 rounds=$2 patterns=$3
here=${PROGRAMS:-/programs} failed=0

# chosen NAME PROGRAM: it is wanted and can be had.
chosen() {
  for pattern in $(echo "$patterns" | tr , ' '); do
    # shellcheck disable=SC2254  # a pattern is what it is
    case $1 in
      $pattern)
        command -v "$2" >/dev/null && return 0
        echo "$1 skipped there is no $2"
        return 1
        ;;
    esac
  done
  return 1
}

# run NAME PROGRAM COMMAND...: the command, which needs the program.
run() {
  chosen "$1" "$2" || return
  name=$1
  shift 2
  "$bench" --program "$name" "$rounds" "$@" || failed=1
}

# speed NAME ARGUMENTS...: a second of `openssl speed`, as operations and nanoseconds.
speed() {
  chosen "openssl/$1" openssl || return
  name=$1
  shift
  openssl speed -mr -elapsed -seconds 1 "$@" 2>&1 | sed -n 's/^+R1\{0,1\}:\([0-9]*\):.*:\([0-9.]*\)$/\1 \2/p' | head -n 1 |
    awk -v name="openssl/$name" '$1 > 0 && $2 > 0 { printf "%s %d %.0f -\n", name, $1, $2 * 1e9; good = 1 }
      END { if (!good) print name " FAILED: openssl speed"; exit !good }' || failed=1
}

set -f
# The host may have another python3 before that of its distribution.
python=python3
[ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
run programs/gcc "${GCC:-gcc}" sh "$here/gcc.sh" "${GCC:-gcc}" "$here"
run programs/python3 "$python" "$python" -S "$here/work.py"
run programs/perl perl perl "$here/work.pl"
run programs/sqlite3 sqlite3 sqlite3 -batch :memory: ".read $here/work.sql"
run programs/git git sh "$here/git.sh"
speed aes-128-gcm -bytes 8192 -evp aes-128-gcm
speed aes-256-cbc -bytes 8192 -evp aes-256-cbc
speed chacha20-poly1305 -bytes 8192 -evp chacha20-poly1305
speed sha1 -bytes 8192 -evp sha1
speed sha256 -bytes 8192 -evp sha256
speed sha512 -bytes 8192 -evp sha512
speed rsa2048 rsa2048
echo end
exit $failed
