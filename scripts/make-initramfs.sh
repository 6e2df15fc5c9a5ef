#!/usr/bin/env bash
# Packs the guest's whole user space into one initramfs: a static arm64 busybox and an /init that
# mounts the kernel's file systems, says that it is up, and does what the kernel command line asks.
# Needs neither root nor mknod: devtmpfs provides the devices, and /dev/console before it is
# mounted comes from the initramfs that is built into the kernel.  The same busybox gives the same
# bytes.
set -euo pipefail

usage() {
  cat <<'END'
usage: make-initramfs.sh [--virtio | --usb | --display | --live] OUTPUT.cpio.gz [BUSYBOX]
  BUSYBOX   a static arm64 busybox; without it, the one beside OUTPUT (see fetch-guest.sh)
  --virtio  packs virtio-checks.sh and the cloud kernel's modules beside BUSYBOX as well
  --usb, --display
            the same with usb-checks.sh or display-checks.sh and the standard kernel's modules
  --live    likewise, with live-checks.sh and the programs of tests/live/guest, which it compiles
END
}

die() {
  echo "make-initramfs.sh: $*" >&2
  exit 1
}

write_init() {
  cat <<'END'
#!/bin/busybox sh
# Process 1 of the quince guest.  Words on the kernel command line:
#   quince.virtio  use the virtio devices (an initramfs made with --virtio)
#   quince.display use displays and input devices (an initramfs made with --display)
#   quince.usb     use the USB devices (an initramfs made with --usb)
#   quince.live    do what tests/live says (an initramfs made with --live)
#   quince.exit    power off as soon as the system is up
#   quince.reboot  reset instead
#   quince.panic   make the kernel panic instead
# Without one, a shell on the console; leaving it powers off.
export PATH=/bin HOME=/root TERM=${TERM:-vt100}
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /root /etc
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
# A kernel without a built-in /dev/console starts us with no standard files.
exec </dev/console >/dev/console 2>&1
/bin/busybox --install -s /bin
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
hostname quince

echo "quince: the guest is up: $(uname -a)"

for word in $(cat /proc/cmdline); do
  case $word in
    quince.virtio) /virtio-checks ;;
    quince.usb) /usb-checks ;;
    quince.display) /display-checks ;;
    quince.live) /live-checks ;;
    quince.exit) poweroff -f ;;
    quince.reboot) reboot -f ;;
    # The end of process 1 is a panic in every configuration of Linux.
    quince.panic) exit 1 ;;
  esac
done

echo "quince: a shell of busybox; 'exit' powers the machine off"
setsid cttyhack sh
poweroff -f
END
}

# pack_checks KIND MODULES: the modules of a folder, and what uses them: KIND-checks.sh.
pack_checks() {
  local scripts
  scripts=$(dirname "${BASH_SOURCE[0]}")
  [[ -s $2/order ]] || die "there are no modules at '$2'"
  cp -r "$2" "$stage/root/modules"
  install -m 755 "$scripts/$1-checks.sh" "$stage/root/$1-checks"
}

# Static programs for the guest.
compile_programs() {
  local source name
  command -v aarch64-linux-gnu-gcc >/dev/null || die "aarch64-linux-gnu-gcc is missing (install-deps.sh check)"
  for source in "$(dirname "${BASH_SOURCE[0]}")"/../tests/live/guest/*.c; do
    name=$(basename "$source" .c)
    aarch64-linux-gnu-gcc -O2 -static -s -std=gnu11 -Wall -Wextra -Werror -Wl,--build-id=none \
      -o "$stage/root/${name//_/-}" "$source"
  done
}

main() {
  local checks=""
  case ${1:-} in
    --virtio | --usb | --display | --live)
      checks=${1#--}
      shift
      ;;
  esac
  case ${1:-} in
    -h | --help)
      usage
      exit 0
      ;;
    -*) die "unknown option '$1'" ;;
    "") die "no output file (see --help)" ;;
  esac
  local output=$1 busybox=${2:-$(dirname "$1")/busybox}
  [[ -s $busybox ]] || die "there is no busybox at '$busybox'"

  umask 022
  stage=$(mktemp -d)
  trap 'rm -rf "$stage"' EXIT
  mkdir -p "$stage/root"/{bin,dev,etc,proc,root,run,sys,tmp}
  install -m 755 "$busybox" "$stage/root/bin/busybox"
  ln -s busybox "$stage/root/bin/sh"
  write_init >"$stage/root/init"
  chmod 755 "$stage/root/init"
  case $checks in
    virtio) pack_checks virtio "$(dirname "$busybox")/modules-cloud" ;;
    usb | display | live) pack_checks "$checks" "$(dirname "$busybox")/modules-standard" ;;&
    live) compile_programs ;;
  esac
  find "$stage/root" -exec touch -h -d @0 {} +

  (cd "$stage/root" && find . -print0 | LC_ALL=C sort -z |
    cpio --quiet --null --create --format=newc --reproducible --owner=+0:+0) |
    gzip -n -9 >"$stage/packed"
  mkdir -p "$(dirname "$output")"
  # Whole or not at all, even when the stage is on another file system.
  cp "$stage/packed" "$output.part"
  mv "$output.part" "$output"
}

main "$@"
