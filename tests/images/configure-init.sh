#!/bin/busybox sh
# shellcheck shell=dash
#
# Process 1 of the machine that configures a new root file system: mounts it from the first virtio
# disk, runs /configure.sh in it, says how that ended, and powers off.
export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /mnt
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
/bin/busybox --install -s /bin

# Nothing here knows which module needs which: those that fail are tried again while others succeed.
waiting=$(echo /modules/*.ko)
progress=yes
while [ -n "$waiting" ] && [ -n "$progress" ]; do
  progress="" again=""
  for module in $waiting; do
    if insmod "$module" 2>/dev/null; then progress=yes; else again="$again $module"; fi
  done
  waiting=$again
done

status=1
if mount -t ext4 -o noatime /dev/vda /mnt; then
  for dir in proc sys dev; do mount -o bind /$dir /mnt/$dir; done
  mount -t tmpfs tmpfs /mnt/run
  chroot /mnt /bin/sh /configure.sh
  status=$?
  rm -f /mnt/configure.sh
  umount /mnt/run /mnt/dev /mnt/sys /mnt/proc
  umount /mnt || status=1
fi
echo "quince-configure: status $status"
poweroff -f
