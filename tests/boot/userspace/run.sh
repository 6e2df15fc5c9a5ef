#!/bin/sh
# The checks of a user space: run.sh [GROUP...], all of them without one.  Lines that begin with "result"
# are the same wherever the same packages run; those with "figure" are not compared.
# An independent judge computes what it can: tests/boot/userspace_test.py.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C TZ=UTC
unset OPENSSL_CONF
work=/tmp/checks
mkdir -p "$work" && cd "$work" || exit 1

result() { echo "result $*"; }
digest() { openssl dgst -sha256 -r | cut -d' ' -f1; }

# ---- OpenSSL -------------------------------------------------------------------------------------

# Every digest of inputs of several lengths; OPENSSL_armcap is what libcrypto may use of the CPU.
digests() {
  for length in $lengths; do
    seq 1 "$length" >input
    for name in md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-224 sha3-256 sha3-384 sha3-512 \
      blake2b512 blake2s256 ripemd160 sm3; do
      result digest "$name-$length-$1" "$(openssl dgst -provider legacy -provider default -r "-$name" input |
        cut -d' ' -f1)"
    done
    result digest "shake256-$length-$1" "$(openssl dgst -r -shake256 -xoflen 64 input | cut -d' ' -f1)"
    for name in sha1 sha256 sha512; do
      result digest "hmac-$name-$length-$1" "$(openssl dgst -r "-$name" -hmac quince input | cut -d' ' -f1)"
    done
  done
}

# Every cipher there and back.
ciphers() {
  key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
  iv=f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff
  seq 1 5000 >input
  for name in $(openssl enc -provider legacy -provider default -list 2>/dev/null | tr ' ' '\n' |
    sed -n 's/^-\([a-z].*\)/\1/p' | grep -v wrap | grep -E "^($names)\$" | LC_ALL=C sort -u); do
    openssl enc -provider legacy -provider default "-$name" -K "$key" -iv "$iv" -in input \
      -out there 2>errors || { result cipher "$name-$1" "refused"; continue; }
    openssl enc -provider legacy -provider default -d "-$name" -K "$key" -iv "$iv" -in there \
      -out back 2>errors
    cmp -s input back && result cipher "$name-$1" "$(digest <there)" || result cipher "$name-$1" "LOST"
  done
}

# Signatures with keys that are made from a seed, and with new ones.
signatures() {
  # RFC 8032, 7.1, test 2.
  seed=4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb
  { printf '302e020100300506032b657004220420'; printf '%s' "$seed"; } | from_hex >ed25519.der
  openssl pkey -inform DER -in ed25519.der -out key 2>errors
  printf 72 | from_hex >input
  openssl pkeyutl -sign -rawin -inkey key -in input -out signature 2>errors
  result signature ed25519 "$(perl -e 'local $/; print unpack "H*", <STDIN>' <signature)"
  openssl pkey -in key -pubout -out public 2>errors
  openssl pkeyutl -verify -rawin -pubin -inkey public -in input -sigfile signature >/dev/null 2>&1
  result signature ed25519-verify $?
  seq 1 100 >input
  for kind in rsa:2048 P-256 P-384 P-521 secp256k1; do
    case $kind in
      rsa:*) openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:${kind#rsa:}" -out key 2>errors ;;
      *) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$kind" -out key 2>errors ;;
    esac
    openssl pkey -in key -pubout -out public 2>errors
    openssl dgst -sha256 -sign key -out signature input 2>errors
    openssl dgst -sha256 -verify public -signature signature input >/dev/null 2>&1
    result signature "$kind" $?
    echo x >>input
    openssl dgst -sha256 -verify public -signature signature input >/dev/null 2>&1
    result signature "$kind-changed" $?
    seq 1 100 >input
  done
}

from_hex() { perl -e 'local $/; print pack "H*", <STDIN>'; }

check_openssl() {
  lengths="0 1 300 20000" names=".*"
  result openssl version "$(openssl version | cut -d' ' -f1,2)"
  digests all
  ciphers all
  export OPENSSL_armcap=0
  digests none
  ciphers none
  unset OPENSSL_armcap
  signatures
}

# Every algorithm that `speed` has; it verifies what it signs.  Its buffer is as large as the block, and has to
# hold the signature of the longest key, to which only fast machines come: a key with which an operation
# takes all of its time is the last of its kind ("slow").
check_speed() {
  openssl speed -seconds 1 -bytes 8192 >speed 2>errors
  result speed status $?
  result speed complaints "$(grep -c -i -E 'fail|error' errors)"
  grep -i -E 'fail|error' errors | sed 's/^/figure complaint /'
  sed -n 's/^\([a-z0-9][^:]*[a-z0-9)]\)  *\([0-9][0-9.]*k\)$/figure speed \1 \2/p' speed | tr -s ' '
  speed_rows <speed
  sed -n "s/^Doing \\([0-9]* bits\\).* \\([a-zA-Z0-9]*\\)'s for [0-9]*s: [01] .*/slow \\2 \\1/p" errors
  for name in aes-128-gcm aes-256-xts chacha20-poly1305; do
    openssl speed -seconds 1 -bytes 8192 -evp "$name" >speed 2>errors
    result speed "$name" $?
    echo "figure speed-evp $(tail -n 1 speed)"
  done
}

# The rows of the tables of `speed`: a block algorithm, "rsa 512 bits", "571 bits ecdh (nistk571)".  Every
# operation that was counted has a rate above zero; the time of one may be too short for the columns.
speed_rows() {
  perl -ne 'next unless my ($name, $figures) =
      /^((?:[a-z][a-z0-9()-]*|[rd]sa +\d+ bits| *\d+ bits \w+(?: \(\w+\))?)) +((?:(?:[0-9.]+|inf)[ks]? *)+)$/;
    my $good = !grep { !/s$/ && !/^inf/ && $_ =~ /^[0.]+k?$/ } split " ", $figures;
    $name =~ s/^ +//;
    $name =~ s/ +/-/g;
    print "result speed-row $name ", $good ? "measured" : "ZERO", "\n"'
}

# ---- Python --------------------------------------------------------------------------------------

check_python() {
  result python version "$(python3 --version)"
  python_modules test_float test_math test_cmath test_struct test_array test_int test_long test_zlib \
    test_hashlib test_ctypes test_fractions test_decimal
}

python_modules() {
  for module in "$@"; do
    start=$(date +%s)
    python3 -m test --junit-xml "$work/$module.xml" "$module" >"$module.log" 2>&1
    result python "$module" "status $?"
    echo "figure python $module $(($(date +%s) - start)) s"
    python3 /checks/outcomes.py "$work/$module.xml"
  done
}

# ---- Perl ----------------------------------------------------------------------------------------

check_perl() { perl /checks/checks.pl || result perl status "FAILED"; }

# ---- GCC -----------------------------------------------------------------------------------------

check_gcc() {
  result gcc version "$(gcc -dumpfullversion)"
  neon -O0 -O2 "-O3 -march=armv8.2-a+fp16+dotprod" "-O2 -static" "-O2 -flto"
  # The compiler's own output is the same text.
  gcc -O2 -S -o - /checks/neon.c 2>/dev/null | digest | while read -r line; do result gcc assembly "$line"; done
}

# Compiles with each of the options, and runs.
neon() {
  for options in "$@"; do
    # shellcheck disable=SC2086
    gcc -std=gnu11 -Wall -Wextra $options -o neon /checks/neon.c -lm >compile.log 2>&1
    result gcc "$(echo "$options" | tr ' ' _)" "compiled $?"
    ./neon | while read -r line; do result gcc "$(echo "$options" | tr ' ' _)" "$line"; done
  done
}

# ---- A little of each, for engines that are slow -------------------------------------------------

check_short() {
  lengths=300 names="aes-128-cbc|aes-256-ctr|camellia-128-cbc|chacha20|des3|sm4-cbc"
  digests all
  ciphers all
  check_perl
  neon -O2
  python_modules test_struct
}

[ $# -gt 0 ] || set -- openssl perl gcc python speed
for group in "$@"; do
  group_start=$(date +%s)
  "check_$group"
  echo "figure group $group $(($(date +%s) - group_start)) s"
done
echo "checks done"
