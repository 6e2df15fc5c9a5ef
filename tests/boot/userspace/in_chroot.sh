#!/bin/sh
# Runs run.sh in a root file system with the host's qemu-aarch64-static, whose programs find each other
# because the kernel hands programs of arm64 to it (binfmt_misc, of a user namespace's own; Linux 6.7).
# in_chroot.sh ROOT [GROUP...]; needs no root, and leaves nothing behind.
set -e
root=$1
shift
if [ "$IN_NAMESPACE" != yes ]; then
  IN_NAMESPACE=yes exec unshare --user --map-root-user --mount --pid --fork --kill-child sh "$0" "$root" "$@"
fi
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
# The magic number and mask of a little-endian 64-bit ELF executable for machine 183; F: the
# interpreter is opened now, and need not be in the chroot.
printf '%s' ':quince:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:F' \
  >/proc/sys/fs/binfmt_misc/register
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
exec chroot "$root" /bin/sh /checks/run.sh "$@"
