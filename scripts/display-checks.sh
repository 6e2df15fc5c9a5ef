#!/bin/sh
# Run in the guest by /init for the word quince.display: inserts the drivers of displays and input
# devices, draws on the console of the display, and says on the serial console what it finds, in lines
# `display: WHAT VALUES...`.  Then it does what the serial console says, a line at a time:
#   events   waits for input devices' events and says them, until F12 goes up
#   exit     ends
# Words on the kernel command line:
#   quince.bars=0101...  the digits become bright and dark cells in the second row of the screen
# Without a framebuffer, it says so and draws nothing.

# What was given for a word of the command line.
word() {
  tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"
}

draw() {
  bars=$(word quince.bars | sed 's/1/█/g; s/0/ /g')
  # Clears the screen and hides the cursor, which blinks.
  printf '\033[?25l\033[2J\033[HQuince draws this.\n%s\n' "$bars" >/dev/tty1
  echo "display: drawn"
}

# One line for each event: the device's name, type, code and value (struct input_event).
listen() {
  for at in /dev/input/event*; do
    name=$(cat "/sys/class/input/${at##*/}/device/name")
    (
      echo "display: listening $name"
      while event=$(dd if="$at" bs=24 count=1 2>/dev/null | xxd -p -c 24) && [ -n "$event" ]; do
        echo "display: event $(echo "$event" | cut -c 33-48) $name"
        case $event in *0100580000000000) : >/run/f12 ;; esac
      done
    ) &
  done
  until [ -e /run/f12 ]; do sleep 1; done
  rm /run/f12
}

while read -r module; do
  insmod "/modules/$module" || echo "display: error insmod $module $?"
done </modules/order
# The console of a framebuffer comes a little later than its driver.
for _ in $(seq 50); do
  [ ! -e /dev/fb0 ] || break
  sleep 0.1
done
for at in /sys/class/graphics/fb[0-9]; do
  [ ! -e "$at" ] || echo "display: fb $(cat "$at/name") $(cat "$at/virtual_size")"
done
for at in /sys/class/drm/card*-*; do
  [ -e "$at" ] || continue
  echo "display: head ${at##*/} $(cat "$at/status") $(head -n 1 "$at/modes")"
  echo "display: edid ${at##*/} $(base64 -w 0 "$at/edid")"
done
for at in /sys/class/input/event*; do
  [ ! -e "$at" ] || echo "display: input $(cat "$at/device/name")"
done
[ ! -e /dev/fb0 ] || draw
echo "display: ready"
while read -r line; do
  case $line in
    events) listen ;;
    exit) break ;;
  esac
done
echo "display: done"
