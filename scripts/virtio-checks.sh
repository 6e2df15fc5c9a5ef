#!/bin/sh
# Run in the guest by /init for the word quince.virtio: inserts the virtio drivers and uses every
# device they find.  It says what it finds in lines `virtio: WHAT VALUES...`, and `virtio: done`
# at the end; whoever reads the console knows what was to be found.
# Words on the kernel command line:
#   quince.http=PORT  fetches /blob from the web server at 10.0.2.2:PORT and posts it to
#                     /back, in Base64 because busybox's wget ends what it posts at a zero;
#                     and pings the server's host with more than fits into a packet
#   quince.write=RUN  writes to /dev/vda and does nothing else, until somebody ends the machine
# A disk that can be written, of at least 8 MiB, gets its first 4 MiB copied to its fifth to eighth.

# disk NAME: its size and device, and what it has before and after the copy.
disk() {
  echo "virtio: disk $1 $(blockdev --getsize64 "/dev/$1") $(readlink -f "/sys/block/$1/device")"
  echo "virtio: first $1 $(dd if="/dev/$1" bs=256k count=16 iflag=direct 2>/dev/null | sha256sum)"
  [ "$(blockdev --getro "/dev/$1")" = 0 ] || return 0
  # Through the page cache, so that many requests are in flight.
  dd if="/dev/$1" of="/dev/$1" bs=256k count=16 seek=16 conv=notrunc,fsync 2>/dev/null ||
    echo "virtio: error $1 dd $?"
  echo "virtio: second $1 $(dd if="/dev/$1" bs=256k count=16 skip=16 iflag=direct 2>/dev/null |
    sha256sum)"
}

# write_records RUN: record N of 64 KiB is `RUN.N` in each line, at place 37 N of 256 places.  Says
# `virtio: synced N` when it is durable.
write_records() {
  n=0
  while :; do
    yes "$1.$n" | head -c 65536 |
      dd of=/dev/vda bs=64k seek=$((n * 37 % 256)) iflag=fullblock conv=notrunc,fsync 2>/dev/null ||
      echo "virtio: error vda dd $?"
    echo "virtio: synced $n."
    n=$((n + 1))
  done
}

# port DEVICE NAME: says its name through it; a console has none, and is /dev/hvc0.
port() {
  echo "virtio: port $1 $2"
  target=/dev/$1
  [ -n "$2" ] || target=/dev/hvc0
  # Nobody may be there to take it.
  timeout 20 sh -c "echo 'quince: port $2' >$target" || echo "virtio: error $1 write $?"
}

# lease DEVICE: asks for an address; called back by udhcpc to set it.
lease() {
  ip link set "$1" up
  ln -sf /virtio-checks /run/lease
  udhcpc -i "$1" -q -n -s /run/lease >/dev/null 2>&1 || echo "virtio: error $1 udhcpc $?"
}

# large_ping SIZE: with so many bytes of data the request leaves in fragments, and the reply comes in some.
large_ping() {
  echo "virtio: ping $1 $(ping -c 1 -W 20 -s "$1" 10.0.2.2 | sed -n 's/ bytes from.*//p')"
}

use_network() {
  wget -q -O /run/blob "http://10.0.2.2:$1/blob" || echo "virtio: error wget $?"
  echo "virtio: fetched $(sha256sum </run/blob)"
  base64 /run/blob >/run/text
  wget -q -O /dev/null --post-file /run/text "http://10.0.2.2:$1/back" ||
    echo "virtio: error post $?"
  large_ping 2000
  large_ping 65507
}

if [ "$0" = /run/lease ]; then
  # shellcheck disable=SC2154  # udhcpc's variables
  case $1 in
    bound)
      ip address add "$ip/$mask" dev "$interface"
      ip route add default via "$router"
      echo "virtio: lease $interface $ip/$mask $router" >/dev/console
      ;;
  esac
  exit
fi

while read -r module; do
  insmod "/modules/$module" || echo "virtio: error insmod $module $?"
done </modules/order

# shellcheck disable=SC2013  # words, not lines
for word in $(cat /proc/cmdline); do
  case $word in
    quince.write=*) write_records "${word#*=}" ;;
  esac
done
for at in /sys/bus/virtio/drivers/*/virtio*; do
  at=${at#/sys/bus/virtio/drivers/}
  echo "virtio: driver ${at%/*} $(readlink -f "/sys/bus/virtio/devices/${at#*/}")"
done
for at in /sys/block/vd*; do
  [ ! -e "$at" ] || disk "${at##*/}"
done
if grep -q virtio /sys/class/misc/hw_random/rng_current; then
  echo "virtio: random $(dd if=/dev/hwrng bs=64 count=1 iflag=fullblock 2>/dev/null | xxd -p -c 64)"
fi
for at in /sys/class/virtio-ports/*; do
  [ ! -e "$at" ] || port "${at##*/}" "$(cat "$at/name" 2>/dev/null)"
done
for at in /sys/class/net/eth*; do
  [ ! -e "$at" ] || lease "${at##*/}"
done
# shellcheck disable=SC2013  # words, not lines
for word in $(cat /proc/cmdline); do
  case $word in
    quince.http=*) use_network "${word#*=}" ;;
  esac
done
sed -n '/virtio/s/^ */virtio: interrupt /p' /proc/interrupts
echo "virtio: done"
