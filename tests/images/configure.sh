#!/bin/sh
# Configures the packages that were unpacked from outside.  Runs in the new system, in a chroot.
set -e
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C HOME=/root
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

# dpkg was of another architecture, which is forgotten.
rm -f /var/lib/dpkg/arch

# Services are not started in here.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

# Before anything is configured, what packages rely on: an awk, accounts, the linker's cache.
[ -e /usr/bin/awk ] || ln -s mawk /usr/bin/awk
[ -e /etc/passwd ] || cp /usr/share/base-passwd/passwd.master /etc/passwd
[ -e /etc/group ] || cp /usr/share/base-passwd/group.master /etc/group
ldconfig

# dpkg could not run the preinst scripts when it unpacked.
for script in /var/lib/dpkg/info/*.preinst; do
  [ -e "$script" ] || continue
  package=$(basename "$script" .preinst)
  DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=${package%:*} DPKG_ROOT="" \
    DPKG_MAINTSCRIPT_ARCH=arm64 "$script" install
done

# The initrd, which takes long, is made once: not for the kernel's package, and a trigger that finds
# none makes none.
INITRD=No dpkg --configure --pending --force-confold
[ -z "$(dpkg --audit)" ]
update-initramfs -c -k all
# Without an initrd the kernel's package made no link to one, and GRUB follows the links.
for kernel in /boot/vmlinuz-*; do
  linux-update-symlinks install "${kernel#/boot/vmlinuz-}" "$kernel"
done
[ -e /vmlinuz ] && [ -e /initrd.img ]
# When the kernel was configured there was none to name, either.
u-boot-update
grep -q 'initrd /boot/initrd.img-' /boot/extlinux/extlinux.conf

# For who sits at the machine; ssh takes the key only.
echo root:quince | chpasswd

# Who logs in has as long as it takes with an engine that is slow on purpose (see patient.conf).
sed -i 's/^LOGIN_TIMEOUT.*/LOGIN_TIMEOUT 3600/' /etc/login.defs
grep -q '^LOGIN_TIMEOUT 3600' /etc/login.defs

systemctl enable systemd-networkd
systemctl disable systemd-networkd-wait-online
systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer \
  dpkg-db-backup.timer e2scrub_reap.service
systemctl set-default multi-user.target
rm -f /usr/sbin/policy-rc.d
sync
