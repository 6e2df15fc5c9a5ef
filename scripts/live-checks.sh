#!/bin/sh
# Run in the guest by /init for the word quince.live: inserts the drivers of USB and displays, and does
# what the serial console says, a line at a time, for the program of tests/live.  What it says:
#   live: interrupts KIND   pin, msi or msix: of the USB controller
#   live: ready             it reads commands now
# Commands, and what each of them says:
#   keys COUNT              key-times COUNT: what it says
#   ping WORD               live: pong WORD
#   transfer SECTORS WAY    live: began; reads or writes (WAY) the disk of so many sectors until that
#                           fails: live: failed
#   digest SECTORS MIB      live: digest SHA256, of the disk's first MIB
#   work                    draws, sets modes, reads and writes disks and watches input from now on
#   rest                    ends that: live: resting
#   exit                    ends this

# The device of a size, if it is there.
disk() {
  for at in /sys/block/sd*; do
    [ "$(cat "$at/size" 2>/dev/null)" != "$1" ] || echo "/dev/${at##*/}"
  done
}

# Waits until the disk of a size can be read, and sets `dev`.
wait_for_disk() {
  until dev=$(disk "$1") && [ -n "$dev" ] && dd if="$dev" of=/dev/null bs=4k count=1 2>/dev/null; do
    sleep 0.1
  done
}

# Of /dev/sdX, 16 MiB: the first ones are read, the next ones written.
read_some() {
  echo 3 >/proc/sys/vm/drop_caches
  dd if="$1" of=/dev/null bs=64k count=256 2>/dev/null
}
write_some() {
  [ -b "$1" ] && dd if=/dev/zero of="$1" bs=64k seek=256 count=256 conv=notrunc,fsync 2>/dev/null
}

transfer() {
  wait_for_disk "$1"
  echo "live: began"
  while "$2_some" "$dev"; do :; done
  # Between the look and the write it may have become a file.
  [ ! -f "$dev" ] || rm "$dev"
  echo "live: failed"
}

# Never ends by itself.
disks_work() {
  while :; do
    for at in /sys/block/sd*; do
      dev=/dev/${at##*/}
      [ -b "$dev" ] || { sleep 0.1; continue; }
      read_some "$dev"
      write_some "$dev"
      [ ! -f "$dev" ] || rm "$dev"
    done
  done
}
input_works() {
  while :; do
    cat /dev/input/event* >/dev/null 2>&1
    sleep 0.1
  done
}

work() {
  /mode-setter >/dev/null &
  setter=$!
  disks_work &
  disks=$!
  input_works &
  inputs=$!
}
rest() {
  [ -z "$setter" ] || kill "$setter" "$disks" "$inputs"
  killall -q dd cat
  [ -z "$setter" ] || wait "$setter" "$disks" "$inputs"
  setter=
  echo "live: resting"
}

while read -r module; do
  insmod "/modules/$module" || echo "live: error insmod $module $?"
done </modules/order
for at in /sys/bus/pci/devices/*; do
  [ "$(cat "$at/class")" = 0x0c0330 ] || continue
  # The files of msi_irqs/ say msi or msix.
  echo "live: interrupts $(cat "$at"/msi_irqs/* 2>/dev/null | sort -u | grep . || echo pin)"
done
# Devices come by and by.
for _ in $(seq 100); do
  [ ! -e /sys/class/input/event0 ] || break
  sleep 0.1
done
setter=
echo "live: ready"
while read -r command first second; do
  case $command in
    keys) /key-times "$first" ;;
    ping) echo "live: pong $first" ;;
    transfer) transfer "$first" "$second" ;;
    digest)
      wait_for_disk "$first"
      echo 3 >/proc/sys/vm/drop_caches
      echo "live: digest $(dd if="$dev" bs=1M count="$second" 2>/dev/null | sha256sum | cut -d' ' -f1)"
      ;;
    work) work ;;
    rest) rest ;;
    exit) break ;;
  esac
done
