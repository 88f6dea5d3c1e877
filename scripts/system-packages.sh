#!/usr/bin/env bash
# Installs the programs that the tests hold Peerlane against, where they are missing: Debian or a derived system, as root.
set -euo pipefail

declare -A package_of=(
  [lspci]=pciutils
  [lstopo]=hwloc-nox
  [qemu-system-x86_64]=qemu-system-x86
  [gcc]=gcc
  [cpio]=cpio
  [bzip2]=bzip2
  [zstd]=zstd
  [mke2fs]=e2fsprogs
  [zsh]=zsh
  [fish]=fish
  [xz]=xz-utils
  [ldd]=libc-bin
  [setpriv]=util-linux
  [lvm]=lvm2
  [dmsetup]=dmsetup
  [mdadm]=mdadm
  [mkfs.xfs]=xfsprogs
  [mkfs.btrfs]=btrfs-progs
)
missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
[ -e /usr/share/misc/pci.ids ] || missing+=(pci.ids)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "the tests need: ${missing[*]} (install them, or run once as root on Debian)" >&2
  exit 1
fi
echo "installing ${missing[*]}"
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null
