#!/usr/bin/env bash
# Unpacks arm64 packages into a new ext4 image, and packs the initramfs that will configure them.
# Nothing of arm64 runs here: dpkg does all but the maintainer scripts, which wait for configure.sh.
# To be run by root or under fakeroot.
set -euo pipefail
# Where the tools of file systems are, also for who is not root.
PATH=$PATH:/usr/sbin:/sbin

kHere=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly kHere
# What the first kernel needs to mount an ext4 file system on a virtio disk.
readonly kModules=(virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci
  virtio_blk crc16 crc32c_generic libcrc32c mbcache jbd2 ext4)

usage() {
  cat <<'END'
usage: unpack-root.sh DEBS BUSYBOX SSH-KEY.pub MIB OUT
  DEBS     a folder with the packages, with all that they depend on
  MIB      the size of the file system, which is sparse
  OUT      a folder: root.ext4, kernel, configure.cpio.gz
END
}

die() {
  echo "unpack-root.sh: $*" >&2
  exit 1
}

# Copies a package without its preinst, which dpkg would run, to $work/debs.
withhold_preinst() {
  local deb=$1 name part
  name=$(dpkg-deb -f "$deb" Package)
  part=$work/part
  rm -rf "$part"
  mkdir "$part"
  dpkg-deb --ctrl-tarfile "$deb" >"$part/control.tar"
  if ! tar -xOf "$part/control.tar" ./preinst >"$work/preinst/$name" 2>/dev/null; then
    rm "$work/preinst/$name"
    ln -s "$deb" "$work/debs/$name.deb"
    return
  fi
  tar --delete -f "$part/control.tar" ./preinst
  (
    cd "$part"
    ar x "$deb" debian-binary "$(ar t "$deb" | grep '^data\.tar')"
    ar rc "$work/debs/$name.deb" debian-binary control.tar data.tar*
  )
}

# dpkg --unpack into $root, as a foreign architecture of this host's.
unpack() {
  local script name log=$work/dpkg.log
  local -a filters
  mapfile -t filters < <(sed -n 's/^path-/--path-/p' "$kHere/overlay/etc/dpkg/dpkg.cfg.d/90test")
  mkdir -p "$root/var/lib/dpkg" "$root/usr"/{bin,sbin,lib}
  for name in bin sbin lib; do ln -s "usr/$name" "$root/$name"; done
  : >"$root/var/lib/dpkg/status"
  printf '%s\narm64\n' "$(dpkg --print-architecture)" >"$root/var/lib/dpkg/arch"
  dpkg --root="$root" --log=/dev/null --force-unsafe-io --force-depends --force-bad-path \
    "${filters[@]}" --unpack "$work"/debs/*.deb >"$log" 2>&1 ||
    die "dpkg could not unpack: $(tail -n 3 "$log" | tr '\n' ' ')"
  # configure.sh finds them where dpkg would have put them.
  for script in "$work"/preinst/*; do
    name=$root/var/lib/dpkg/info/$(basename "$script")
    [[ -e $name.list ]] || name+=:arm64
    [[ -e $name.list ]] || die "dpkg did not unpack '$(basename "$script")'"
    install -m 755 "$script" "$name.preinst"
  done
}

# What is not from packages: the settings in overlay/, and the key that may log in as root.
add_settings() {
  tar -C "$kHere/overlay" --owner=0 --group=0 --mode=u=rwX,go=rX -c . | tar -C "$root" -x
  install -m 755 "$kHere/configure.sh" "$root/configure.sh"
  install -d -m 700 "$root/root/.ssh"
  install -m 600 "$ssh_key" "$root/root/.ssh/authorized_keys"
  # Made here: the guest would need a minute for the same.
  mkdir -p "$root/etc/ssh"
  ssh-keygen -q -A -f "$root"
}

pack_initramfs() {
  local stage=$work/stage module path
  mkdir -p "$stage"/{bin,dev,mnt,modules,proc,sys}
  install -m 755 "$busybox" "$stage/bin/busybox"
  install -m 755 "$kHere/configure-init.sh" "$stage/init"
  for module in "${kModules[@]}"; do
    path=$(find "$root/usr/lib/modules" -name "$module.ko" -print -quit)
    # It may be built in.
    [[ -z $path ]] || cp "$path" "$stage/modules/"
  done
  (cd "$stage" && find . | cpio --quiet --create --format=newc --owner=+0:+0) |
    gzip -1 >"$out/configure.cpio.gz"
}

main() {
  case ${1:-} in
    -h | --help)
      usage
      exit 0
      ;;
  esac
  (($# == 5)) || die "five arguments are needed (see --help)"
  local deb debs
  debs=$(readlink -f "$1") busybox=$2 ssh_key=$3 mib=$4 out=$5
  ((EUID == 0)) || die "not root, and not under fakeroot"
  umask 022
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  root=$work/root
  mkdir -p "$work"/{debs,preinst,root} "$out"

  for deb in "$debs"/*.deb; do withhold_preinst "$deb"; done
  unpack
  add_settings
  pack_initramfs
  cp "$root"/boot/vmlinuz-* "$out/kernel"
  rm -f "$out/root.ext4"
  mke2fs -q -t ext4 -L root -d "$root" "$out/root.ext4" "${mib}M"
}

main "$@"
