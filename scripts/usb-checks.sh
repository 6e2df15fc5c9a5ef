#!/bin/sh
# Run in the guest by /init for the word quince.usb: inserts the USB drivers and says what they find,
# in lines `usb: WHAT VALUES...`, and `usb: done` at the end; whoever reads the console knows what
# was to be found.
#   usb: controller PATH DRIVER        a PCI function of class 0x0c0330
#   usb: device NAME SPEED ID CLASS    one of /sys/bus/usb/devices, root hubs included
#   usb: interface NAME DRIVER
#   usb: input NAME                    an input device
#   usb: disk NAME BYTES REMOVABLE RO  a SCSI disk
#   usb: first NAME SHA256             of its first COPY MiB (the word quince.copy=COPY, or 4)
#   usb: second NAME SHA256            of those behind, to which these were written
#   usb: interrupt ...                 of /proc/interrupts
#   usb: complaint ...                 a line of the kernel's log that a good controller does not cause

while read -r module; do
  insmod "/modules/$module" || echo "usb: error insmod $module $?"
done </modules/order

# Devices come by and by: until a second has passed with no news, five at most.
before=none
for _ in 1 2 3 4 5; do
  sleep 1
  now=$(echo /sys/bus/usb/devices/*/driver /sys/class/input/*)
  [ "$now" != "$before" ] || break
  before=$now
done

for at in /sys/bus/pci/devices/*; do
  case $(cat "$at/class") in
    0x0c0330) echo "usb: controller ${at##*/} $(basename "$(readlink "$at/driver")")" ;;
  esac
done
for at in /sys/bus/usb/devices/*; do
  if [ -e "$at/idVendor" ]; then
    echo "usb: device ${at##*/} $(cat "$at/speed") $(cat "$at/idVendor"):$(cat "$at/idProduct") $(
      cat "$at/bDeviceClass")"
  else
    echo "usb: interface ${at##*/} $(basename "$(readlink "$at/driver")")"
  fi
done
for at in /sys/class/input/input*; do
  [ ! -e "$at" ] || echo "usb: input $(cat "$at/name")"
done

copy=$(sed -n 's/.*quince\.copy=\([0-9]*\).*/\1/p' /proc/cmdline)
blocks=$((${copy:-4} * 16))
digest() { # SKIP: of `blocks` pieces of 64 KiB, past the cache
  echo 3 >/proc/sys/vm/drop_caches
  dd if="$disk" bs=64k skip="$1" count="$blocks" 2>/dev/null | sha256sum | cut -d' ' -f1
}
for at in /sys/block/sd*; do
  [ -e "$at" ] || continue
  name=${at##*/} disk=/dev/${at##*/}
  echo "usb: disk $name $(($(cat "$at/size") * 512)) $(cat "$at/removable") $(cat "$at/ro")"
  echo "usb: first $name $(digest 0)"
  [ "$(cat "$at/ro")" = 0 ] || continue
  dd if="$disk" of="$disk" bs=64k count="$blocks" seek="$blocks" conv=notrunc,fsync 2>/dev/null ||
    echo "usb: error $name was not written"
  echo "usb: second $name $(digest "$blocks")"
done
sed -n '/xhci/s/^ */usb: interrupt /p' /proc/interrupts
dmesg | grep -iE '(xhci|usb).*(error|fail|warn|timeout|timed out|unable|not responding|died|halt|babble|stall)|WARNING:|Call trace' |
  sed 's/^/usb: complaint /'
echo "usb: done"
