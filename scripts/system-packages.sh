#!/usr/bin/env bash
# Looks for the programs that the tests hold Peerlane against. Installs those that are missing and that the tests cannot do
# without (Debian or a derived system, as root), and says which; names the others, whose tests skip and say so.
# `scripts/system-packages.sh all` installs these too.
set -euo pipefail

declare -A needed=(
  [lspci]=pciutils
  [qemu-system-x86_64]=qemu-system-x86
  [gcc]=gcc
  [cpio]=cpio
  [bzip2]=bzip2
  [zstd]=zstd
  [mke2fs]=e2fsprogs
  [xz]=xz-utils
  [ldd]=libc-bin
  [setpriv]=util-linux
  [lvm]=lvm2
  [dmsetup]=dmsetup
  [mdadm]=mdadm
)
declare -A optional=(
  [chromium]=chromium
  [lstopo]=hwloc-nox
  [zsh]=zsh
  [fish]=fish
  [mkfs.xfs]=xfsprogs
  [mkfs.btrfs]=btrfs-progs
  [grub-script-check]=grub-common
  [systemd-analyze]=systemd
)
missing=()
without=()
for program in "${!needed[@]}"; do
  command -v "$program" >/dev/null || missing+=("${needed[$program]}")
done
[ -e /usr/share/misc/pci.ids ] || missing+=(pci.ids)
for program in "${!optional[@]}"; do
  command -v "$program" >/dev/null || without+=("${optional[$program]}")
done
if [ "${1-}" = all ]; then
  missing+=("${without[@]}")
elif [ ${#without[@]} -gt 0 ]; then
  echo "without ${without[*]}: the tests that need them are skipped by name (scripts/system-packages.sh all installs them)"
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "the tests need: ${missing[*]} (install them, or run once as root on Debian)" >&2
  exit 1
fi
echo "installing what the tests cannot do without, and is missing: ${missing[*]}"
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null
