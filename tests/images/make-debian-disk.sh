#!/usr/bin/env bash
# Makes a disk image with Debian 12 for arm64: systemd, udev, OpenSSH and the standard kernel, and on
# request the tools of the long tests of tests/boot/disk_test.py.  All of it comes from Debian's
# packages.
#
# The host's dpkg unpacks them; their maintainer scripts, which are of arm64, run in an emulated
# machine on the new file system.  So it needs no root, no loop device and no binfmt_misc.
set -euo pipefail
# Where the tools of file systems are, also for who is not root.
PATH=$PATH:/usr/sbin:/sbin

kHere=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly kHere kScripts=$kHere/../../scripts
# shellcheck source=scripts/own-apt.sh
source "$kScripts/own-apt.sh"

# u-boot-menu writes /boot/extlinux/extlinux.conf, from which the boot ROM and U-Boot start.
# usr-is-merged stands for usrmerge, which would bring Perl to do what unpack-root.sh did.
readonly kBase=('?essential' apt usr-is-merged systemd systemd-sysv dbus udev libpam-systemd
  openssh-server linux-image-arm64 initramfs-tools kmod iproute2 e2fsprogs procps
  u-boot-menu)
readonly kTools=(fio git iperf3 curl wget pciutils iputils-ping netcat-openbsd zstd)
# A package that the image lacks, for the test that installs one, and its place.
readonly kRepoPackage=tree
readonly kRootMib=4096 kEspMib=64
readonly kConfigureSeconds=1800

usage() {
  cat <<'END'
usage: make-debian-disk.sh [--tools] [--efi] [--update] [--cache DIR] [--emulator COMMAND] OUT.img
  --tools     adds what the long tests use: fio, git, iperf3, curl and more
  --efi       adds an EFI system partition with GRUB
  --update    looks for newer packages even when the cache has a file system
  --cache     where packages and the file system are kept; without it, OUT's folder/cache
  --emulator  configures the packages; it is given -kernel, -initrd, -append and -drive.
              Without it, qemu-system-aarch64
Beside OUT.img: OUT.kernel, OUT.initrd for -kernel and -initrd with root=/dev/vda1; OUT.key, which
logs in as root; OUT.repo, a package repository; OUT.packages, the versions of what is in it.
END
}

die() {
  echo "make-debian-disk.sh: $*" >&2
  exit 1
}

say() {
  echo "make-debian-disk.sh: $* ($SECONDS s)"
}

need_programs() {
  local program
  for program in sfdisk mke2fs debugfs e2fsck cpio ar ssh-keygen dpkg-scanpackages timeout \
    "$@"; do
    command -v "$program" >/dev/null || die "'$program' is missing (scripts/install-deps.sh check)"
  done
}

# Downloads all packages into $debs, and nothing else remains there.
download() {
  local file
  mkdir -p "$debs"
  # What apt has already it would not list, so it is shown an empty cache.
  mkdir -p "$cache/none/partial"
  own_apt apt-get -o "Dir::Cache::archives=$cache/none" -y --no-install-recommends --print-uris \
    install "${packages[@]}" usrmerge- \
    2>"$cache/apt.log" | sed -n "s/^'.*' \([^ ]*\) .*/\1/p" \
    >"$cache/uris" || die "apt cannot resolve the packages: $(tail -n 1 "$cache/apt.log")"
  [[ -s $cache/uris ]] || die "apt cannot resolve the packages: $(tail -n 1 "$cache/apt.log")"
  own_apt apt-get -qq -y --no-install-recommends --download-only install "${packages[@]}" \
    usrmerge- >/dev/null || die "could not download the packages"
  rm -rf "$debs"
  mkdir "$debs"
  while read -r file; do
    ln "$cache/apt/cache/archives/$file" "$debs/$file" || die "'$file' was not downloaded"
  done <"$cache/uris"
  rm -rf "$cache/extra"
  mkdir "$cache/extra"
  (cd "$cache/extra" && own_apt apt-get -qq download "$kRepoPackage" grub-efi-arm64-bin) ||
    die "could not download '$kRepoPackage' and 'grub-efi-arm64-bin'"
}

# What the file system is made of: it is made again when this changes.
fingerprint() {
  (
    cd "$cache" && ls "debs-$variant/" extra/
    cd "$kHere" && sha256sum configure.sh configure-init.sh unpack-root.sh
    find overlay -type f -exec sha256sum {} + | LC_ALL=C sort
    echo "$kRootMib"
  )
}

# Runs the maintainer scripts in an emulated machine.
configure() {
  local log=$cache/configure.log
  say "configuring the packages in an emulated machine"
  timeout "$kConfigureSeconds" "${emulator[@]}" -kernel "$new/kernel" \
    -initrd "$new/configure.cpio.gz" -append "console=ttyAMA0 panic=-1 quiet" \
    -drive "if=none,id=root,format=raw,cache=unsafe,file=$new/root.ext4" \
    -device virtio-blk-pci,drive=root </dev/null >"$log" 2>&1 ||
    die "the emulator ended with $?: see '$log'"
  grep -q '^quince-configure: status 0' "$log" || die "the packages were not configured: see '$log'"
}

# Makes $fs: root.ext4, kernel, initrd, key, and last `made-of`, which says that it is whole.
make_file_system() {
  local -a as_root=()
  ((EUID == 0)) || as_root=(fakeroot)
  new=$fs.new
  rm -rf "$new"
  mkdir -p "$new"
  ssh-keygen -q -t ed25519 -N '' -C quince-test -f "$new/key"
  say "unpacking $(find "$debs" -name '*.deb' | wc -l) packages"
  "${as_root[@]}" "$kHere/unpack-root.sh" "$debs" "$cache/busybox" "$new/key.pub" \
    "$kRootMib" "$new"
  configure
  e2fsck -f -n "$new/root.ext4" >"$cache/e2fsck.log" 2>&1 ||
    die "the file system is not clean: see '$cache/e2fsck.log'"
  debugfs -R "dump /boot/$(initrd_name) $new/initrd" "$new/root.ext4" 2>/dev/null
  [[ -s $new/initrd ]] || die "the image has no initrd"
  rm "$new/configure.cpio.gz"
  fingerprint >"$new/made-of"
  rm -rf "$fs"
  mv "$new" "$fs"
}

initrd_name() {
  debugfs -R 'ls -p /boot' "$new/root.ext4" 2>/dev/null | tr '/' '\n' | grep '^initrd\.img-'
}

# Writes an EFI system partition with GRUB to $1.  Its prefix is /EFI/debian.
make_esp() {
  local esp=$1 grub=$work/grub
  dpkg-deb -x "$cache"/extra/grub-efi-arm64-bin_*.deb "$grub"
  rm -f "$esp"
  mformat -i "$esp" -C -F -v ESP -T $((kEspMib * 2048)) -h 64 -s 32 ::
  mmd -i "$esp" ::/EFI ::/EFI/BOOT ::/EFI/debian
  mcopy -i "$esp" "$grub/usr/lib/grub/arm64-efi/monolithic/grubaa64.efi" ::/EFI/BOOT/BOOTAA64.EFI
  mcopy -i "$esp" "$kHere/grub.cfg" ::/EFI/debian/grub.cfg
}

# write_partition FILE START-IN-MIB: copies only what is not zero.
write_partition() {
  dd if="$1" of="$img" bs=1M seek="$2" conv=notrunc,sparse status=none
}

assemble() {
  local esp_line="" end=$((1 + kRootMib))
  img=$work/disk
  if [[ -n $efi ]]; then
    esp_line="start=${end}MiB, size=${kEspMib}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp"
    end=$((end + kEspMib))
  fi
  # A MiB behind the last one for the second table.
  truncate -s "$((end + 1))M" "$img"
  sfdisk -q "$img" <<END
label: gpt
start=1MiB, size=${kRootMib}MiB, type=B921B045-1DF0-41C3-AF44-4C6F280D3FAE, name=root
$esp_line
END
  write_partition "$fs/root.ext4" 1
  if [[ -n $efi ]]; then
    make_esp "$work/esp"
    write_partition "$work/esp" $((1 + kRootMib))
  fi
}

make_repo() {
  local repo=$work/repo
  mkdir -p "$repo"
  cp "$cache/extra/$kRepoPackage"_*.deb "$repo/"
  (cd "$repo" && dpkg-scanpackages -m . 2>/dev/null >Packages)
}

# Puts everything beside OUT; the versions come last and say that it is whole.
publish() {
  local base=${out%.img}
  rm -rf "$base.packages" "$base.repo"
  mv "$img" "$out"
  mv "$work/repo" "$base.repo"
  cp "$fs/kernel" "$base.kernel"
  cp "$fs/initrd" "$base.initrd"
  install -m 600 "$fs/key" "$base.key"
  cp "$fs/made-of" "$base.packages"
}

options() {
  efi="" update="" cache="" out="" variant=base
  emulator=(qemu-system-aarch64 -M "virt,gic-version=3" -cpu cortex-a57 -smp 2 -m 1G -nographic
    -no-reboot -nic none -accel "tcg,thread=multi")
  while (($#)); do
    case $1 in
      --tools) variant=tools ;;
      --efi) efi=yes ;;
      --update) update=yes ;;
      --cache | --emulator)
        (($# > 1)) || die "$1: an argument is missing"
        if [[ $1 == --cache ]]; then cache=$2; else read -ra emulator <<<"$2"; fi
        shift
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      -*) die "unknown option '$1'" ;;
      *) if [[ -z $out ]]; then out=$1; else die "two outputs: '$out' and '$1'"; fi ;;
    esac
    shift
  done
  [[ $out == *.img ]] || die "the output must be named *.img (see --help)"
}

main() {
  options "$@"
  mkdir -p "$(dirname "$out")"
  cache=${cache:-$(dirname "$out")/cache}
  mkdir -p "$cache"
  cache=$(cd "$cache" && pwd)
  debs=$cache/debs-$variant fs=$cache/fs-$variant
  packages=("${kBase[@]}")
  [[ $variant == base ]] || packages+=("${kTools[@]}")
  # Not the name that fetch-guest.sh locks.
  exec 8>"$cache/.lock-disk"
  flock 8
  if [[ -n $update || ! -s $fs/made-of ]] || ! cmp -s "$fs/made-of" <(fingerprint); then
    need_programs "${emulator[0]}"
    ((EUID == 0)) || need_programs fakeroot
    own_apt_setup "$cache/apt"
    own_apt_update
    download
    "$kScripts/fetch-guest.sh" "$cache" busybox
    cmp -s "$fs/made-of" <(fingerprint) || make_file_system
  fi
  if [[ -s $out && -s ${out%.img}.packages ]] && cmp -s "${out%.img}.packages" "$fs/made-of" &&
    [[ $out -nt $fs/made-of ]]; then
    return
  fi
  need_programs
  [[ -z $efi ]] || need_programs mformat mcopy mmd
  work=$(mktemp -d -p "$(dirname "$out")")
  trap 'rm -rf "$work"' EXIT
  assemble
  make_repo
  publish
  say "made $out"
}

main "$@"
