#!/usr/bin/env bash
# Fetches Debian's arm64 kernels and a static busybox: the guest that the demo and the boot tests
# run.  Uses the package sources and keys that this host is set up with, but apt state of its own
# under DEST, so that the host's package lists and architectures stay as they are.
#
# What is there already is not fetched again; to move to newer packages, use --update.
set -euo pipefail

# shellcheck source=scripts/own-apt.sh
source "$(dirname "${BASH_SOURCE[0]}")/own-apt.sh"

readonly kAll=(cloud standard busybox)
# The drivers that a kernel has as modules and the boot tests want, each behind those that it needs.
# The cloud kernel has no USB.
readonly kModulesCloud=(
  virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_mmio
  virtio_blk failover net_failover virtio_net virtio-rng virtio_console virtio_balloon
)
readonly kModulesStandard=(
  usb-common usbcore xhci-hcd xhci-pci hid usbhid hid-generic evdev
  virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_mmio virtio_input
  drm drm_kms_helper drm_shmem_helper virtio_dma_buf virtio-gpu
  scsi_common scsi_mod crct10dif_common crc-t10dif crc64 crc64-rocksoft t10-pi sd_mod usb-storage
)

usage() {
  cat <<'END'
usage: fetch-guest.sh [--update] DEST [cloud|standard|busybox]...
  cloud     DEST/kernel-cloud, DEST/config-cloud, DEST/version-cloud, DEST/modules-cloud/:
            virtio drivers, and `order`, in which they are to be inserted
  standard  DEST/kernel-standard, DEST/config-standard, DEST/version-standard,
            DEST/modules-standard/: drivers of USB, displays and virtio input, and `order`
  busybox   DEST/busybox, DEST/version-busybox
  --update  looks for newer packages even when the files are there
Without a name, everything.
END
}

die() {
  echo "fetch-guest.sh: $*" >&2
  exit 1
}

# The files that a name stands for.
outputs() {
  case $1 in
    cloud | standard) echo "kernel-$1 config-$1 version-$1 modules-$1/order" ;;
    busybox) echo "busybox version-busybox" ;;
  esac
}

# The modules of a kernel, one a line.
module_order() {
  case $1 in
    cloud) printf '%s.ko\n' "${kModulesCloud[@]}" ;;
    standard) printf '%s.ko\n' "${kModulesStandard[@]}" ;;
  esac
}

have() {
  local f
  for f in $(outputs "$1"); do
    [[ -s $dest/$f ]] || return 1
  done
  # An older list of modules is not good enough.
  [[ $1 == busybox ]] || cmp -s "$dest/modules-$1/order" <(module_order "$1")
}

update_lists() {
  [[ -z $lists_fresh ]] || return 0
  own_apt_update
  lists_fresh=yes
}

# The newest known record of a package, or nothing.
show() {
  own_apt apt-cache show --no-all-versions "$1" 2>/dev/null || true
}

# The versioned package that a kernel meta-package depends on.
resolve() {
  show "$1" | sed -n 's/^Depends:.*\(linux-image-[0-9][^ ,]*\).*/\1/p'
}

# Downloads a package into DEST/debs and sets `deb` to its file.
download() {
  local package=$1
  mkdir -p "$dest/debs"
  (cd "$dest/debs" && own_apt apt-get -qq download "$package") ||
    die "could not download '$package'"
  deb=$(find "$dest/debs" -name "${package}_*_arm64.deb" -printf '%T@ %p\n' | sort -n |
    tail -n 1 | cut -d' ' -f2-)
  [[ -n $deb ]] || die "'$package' was downloaded but is not there"
}

# extract DEB TAR-PATTERN OUTPUT MODE: one file of a package, whole or not at all.
extract() {
  local part=$dest/.$3.part
  dpkg-deb --fsys-tarfile "$1" | tar -x -O --wildcards "$2" >"$part"
  [[ -s $part ]] || die "'$1' has no $2"
  chmod "$4" "$part"
  mv "$part" "$dest/$3"
}

# extract_modules DEB KERNEL: its modules in a folder, whole or not at all.
extract_modules() {
  local output=modules-$2 stage=$dest/.modules-$2.part
  local -a modules
  mapfile -t modules < <(module_order "$2")
  rm -rf "$stage" "${dest:?}/$output"
  mkdir "$stage"
  module_order "$2" >"$stage/order"
  dpkg-deb --fsys-tarfile "$1" |
    tar -x -C "$stage" --transform 's,.*/,,' --wildcards "${modules[@]/#/*/}" ||
    die "'$1' has not all of the modules ${modules[*]}"
  mv "$stage" "$dest/$output"
}

fetch_kernel() {
  local name=$1 meta=$2 package
  package=$(resolve "$meta")
  [[ -n $package ]] ||
    die "the package sources of this host do not offer '$meta' for arm64 (Debian's do)"
  fetch_package "$name" "$package" || return 0
  extract "$deb" './boot/vmlinuz-*' "kernel-$name" 644
  extract "$deb" './boot/config-*' "config-$name" 644
  extract_modules "$deb" "$name"
  finish "$name" "$package"
}

fetch_busybox() {
  fetch_package busybox busybox-static || return 0
  # In /bin, or in /usr/bin since the merge of the two.
  extract "$deb" './*bin/busybox' busybox 755
  finish busybox busybox-static
}

# Downloads a package as `deb`, unless this very version is here: then false.
fetch_package() {
  local name=$1 package=$2
  wanted=$(show "$package" | sed -n 's/^Version: //p')
  [[ -n $wanted ]] || die "the package sources of this host do not offer '$package' for arm64"
  if have "$name" && [[ $(<"$dest/version-$name") == "$package $wanted" ]]; then
    return 1
  fi
  echo "fetch-guest.sh: fetching $package $wanted"
  download "$package"
}

# The version is written last: it says that the other files are whole.
finish() {
  echo "$2 $wanted" >"$dest/version-$1"
  rm -f "$deb"
}

main() {
  local update="" name
  local -a names=()
  dest="" lists_fresh=""
  while (($#)); do
    case $1 in
      --update) update=yes ;;
      -h | --help)
        usage
        exit 0
        ;;
      -*) die "unknown option '$1'" ;;
      *) if [[ -z $dest ]]; then dest=$1; else names+=("$1"); fi ;;
    esac
    shift
  done
  [[ -n $dest ]] || die "no destination (see --help)"
  ((${#names[@]})) || names=("${kAll[@]}")
  for name in "${names[@]}"; do
    [[ " ${kAll[*]} " == *" $name "* ]] || die "unknown guest part '$name' (known: ${kAll[*]})"
  done

  mkdir -p "$dest"
  dest=$(cd "$dest" && pwd)
  exec 9>"$dest/.lock"
  flock 9
  for name in "${names[@]}"; do
    if [[ -z $update ]] && have "$name"; then continue; fi
    own_apt_setup "$dest/apt"
    update_lists
    case $name in
      cloud) fetch_kernel cloud linux-image-cloud-arm64 ;;
      standard) fetch_kernel standard linux-image-arm64 ;;
      busybox) fetch_busybox ;;
    esac
  done
}

main "$@"
