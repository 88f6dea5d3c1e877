import { describe, expect, test } from "vitest";
import { machineGates } from "../../../src/answers/gates.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { unknown } from "../../../src/pci/known.ts";
import { readOption } from "../../../src/rules/kernels/build-option.ts";
import { chooseRules, rowsOf } from "../../../src/rules/kernels/choose-rules.ts";
import { type KernelRelease, parseKernelRelease } from "../../../src/rules/kernels/kernel-release.ts";
import { VENDOR_KERNELS } from "../../../src/rules/kernels/vendors.ts";
import type { Verdict } from "../../../src/rules/verdict.ts";
import { decide } from "../../../src/rules/verdict-table.ts";
import { rows } from "../../rows.ts";
import { at, bridge, endpoint, hostBridge, ids, linux, machineOf } from "../by-hand.ts";

/**
 * Release strings of kernels that people run: whose each is, the rules that it may have (each by the release of kernel.org
 * or the build that brought it), what `pci=disable_acs_redir=` may do at boot, and whether x86 builds have
 * CONFIG_PCI_P2PDMA (`?`: not read).
 */
const STRINGS = rows(`
  // uname -r                                   | vendor                     | rules                              | ACS at boot | built
  // Enterprise Linux 8: carried back, and built off
  4.18.0-80.11.2.el8_0.x86_64                   | RHEL 8 and its clones      |                                    | clears      | off
  4.18.0-240.22.1.el8_3.x86_64                  | RHEL 8 and its clones      |                                    | clears      | off
  4.18.0-372.32.1.el8_6.x86_64                  | RHEL 8 and its clones      |                                    | clears      | off
  4.18.0-477.27.2.el8_8.x86_64                  | RHEL 8 and its clones      |                                    | clears      | off
  4.18.0-513.24.1.el8_9.x86_64                  | RHEL 8 and its clones      |                                    | clears      | off
  4.18.0-553.el8_10.x86_64                      | RHEL 8 and its clones      |                                    | clears      | off
  4.18.0-553.66.1.el8_10.x86_64                 | RHEL 8 and its clones      |                                    | clears      | off
  4.18.0-553.el8_10.x86_64+debug                | RHEL 8 and its clones      |                                    | clears      | off
  // Enterprise Linux 9: build by build, on both sides of each change
  5.14.0-1.7.1.el9.x86_64                       | RHEL 9 and its clones      | 5.14.0-1.el9                       | clears      | off
  5.14.0-54.el9.x86_64                          | RHEL 9 and its clones      | 5.14.0-1.el9                       | clears      | off
  5.14.0-55.el9.x86_64                          | RHEL 9 and its clones      | 5.14.0-1.el9                       | clears      | on
  5.14.0-70.13.1.el9_0.x86_64                   | RHEL 9 and its clones      | 5.14.0-1.el9                       | clears      | on
  5.14.0-78.el9.x86_64                          | RHEL 9 and its clones      | 5.14.0-1.el9                       | clears      | on
  5.14.0-79.el9.x86_64                          | RHEL 9 and its clones      | 5.14.0-79.el9                      | clears      | on
  5.14.0-116.el9.x86_64                         | RHEL 9 and its clones      | 5.14.0-79.el9                      | clears      | on
  5.14.0-117.el9.x86_64                         | RHEL 9 and its clones      | 5.14.0-117.el9                     | clears      | on
  5.14.0-162.23.1.el9_1.x86_64                  | RHEL 9 and its clones      | 5.14.0-117.el9                     | clears      | on
  5.14.0-163.el9.x86_64                         | RHEL 9 and its clones      | 5.14.0-117.el9                     | clears      | on
  5.14.0-164.el9.x86_64                         | RHEL 9 and its clones      | 5.14.0-164.el9                     | clears      | on
  5.14.0-183.el9.x86_64                         | RHEL 9 and its clones      | 5.14.0-164.el9                     | clears      | on
  5.14.0-184.el9.x86_64                         | RHEL 9 and its clones      | 5.14.0-184.el9                     | clears      | on
  5.14.0-284.30.1.el9_2.x86_64                  | RHEL 9 and its clones      | 5.14.0-184.el9                     | clears      | on
  5.14.0-362.24.2.el9_3.aarch64+64k             | RHEL 9 and its clones      | 5.14.0-184.el9                     | clears      | on
  5.14.0-427.el9                                | RHEL 9 and its clones      | 5.14.0-184.el9                     | clears      | on
  5.14.0-503.35.1.el9_5.x86_64                  | RHEL 9 and its clones      | 5.14.0-184.el9                     | clears      | on
  5.14.0-539.el9.x86_64                         | RHEL 9 and its clones      | 5.14.0-184.el9                     | clears      | on
  5.14.0-540.el9.x86_64                         | RHEL 9 and its clones      | 5.14.0-540.el9                     | mixes       | on
  5.14.0-570.32.1.el9_6.x86_64                  | RHEL 9 and its clones      | 5.14.0-540.el9                     | mixes       | on
  5.14.0-611.5.1.el9_7.x86_64                   | RHEL 9 and its clones      | 5.14.0-540.el9 7.1 7.1.3 7.3       | mixes starts-from-firmware | ?
  5.14.0.el9                                    | RHEL 9 and its clones      | 5.14.0-1.el9 5.14.0-117.el9 5.14.0-164.el9 | clears mixes | ?
  // Enterprise Linux 10
  6.12.0-55.9.1.el10_0.x86_64                   | RHEL 10 and its clones     | 6.12.0-55.el10                     | mixes       | on
  6.12.0-55.24.1.el10_0.x86_64                  | RHEL 10 and its clones     | 6.12.0-55.el10                     | mixes       | on
  6.12.0-124.8.1.el10_1.x86_64                  | RHEL 10 and its clones     | 6.12.0-55.el10 7.1 7.1.3 7.3       | mixes starts-from-firmware | ?
  // others of its family
  5.4.17-2136.330.7.1.el8uek.x86_64             | Oracle UEK                 | 5.4 5.6 5.7 5.8 5.9 5.18 5.19 7.1 7.1.3 7.3 | any | ?
  5.15.0-300.163.18.el9uek.x86_64               | Oracle UEK 7               | 5.15 5.18 5.19 7.1 7.1.3 7.3       | any         | off
  6.12.0-100.28.2.el10uek.x86_64                | Oracle UEK 8               | 6.12                               | mixes starts-from-firmware | off
  6.12.0-1.23.3.2.el9uek.x86_64                 | Oracle UEK 8               | 6.12                               | mixes starts-from-firmware | off
  6.8.9-1.el9.elrepo.x86_64                     | ELRepo                     | 6.8 7.1 7.1.3 7.3                  | any         | ?
  // Ubuntu
  5.4.0-190-generic                             | Ubuntu                     | 5.4                                | clears      | off
  5.15.0-118-generic                            | Ubuntu                     | 5.15                               | clears      | off
  5.15.0-1066-aws                               | Ubuntu                     | 5.15                               | clears      | off
  5.15.0-1064-azure                             | Ubuntu                     | 5.15 5.18 5.19 7.1 7.1.3 7.3       | clears      | ?
  5.17.0-1026-oem                               | Ubuntu                     | 5.17                               | clears      | off
  5.19.0-50-generic                             | Ubuntu                     | 5.19 7.1 7.1.3 7.3                 | clears      | ?
  6.2.0-39-generic                              | Ubuntu                     | 6.2 7.1 7.1.3 7.3                  | clears      | on
  6.8.0-45-generic                              | Ubuntu                     | 6.8 7.1 7.1.3 7.3                  | clears      | on
  6.8.0-1018-aws                                | Ubuntu                     | 6.8 7.1 7.1.3 7.3                  | clears      | ?
  6.8.0-1017-gcp                                | Ubuntu                     | 6.8 7.1 7.1.3 7.3                  | clears      | ?
  6.8.0-1015-nvidia-64k                         | Ubuntu for NVIDIA          | 6.8 7.1 7.1.3 7.3                  | any         | ?
  6.11.0-29-generic                             | Ubuntu                     | 6.11                               | mixes       | on
  6.14.0-15-generic                             | Ubuntu                     | 6.14 7.1 7.1.3 7.3                 | mixes starts-from-firmware | on
  6.14.0-37-generic                             | Ubuntu                     | 6.14.2 7.1 7.1.3 7.3               | starts-from-firmware | on
  6.17.0-1014-nvidia                            | Ubuntu for NVIDIA          | 6.17 7.1 7.1.3 7.3                 | any         | ?
  7.0.0-22-generic                              | Ubuntu                     | 7.0 7.1 7.1.3 7.3                  | starts-from-firmware | on
  6.9.3-76060903-generic                        | Pop!_OS                    | 6.9 7.1 7.1.3 7.3                  | clears      | ?
  // Proxmox VE
  5.15.158-2-pve                                | Proxmox VE                 | 5.15 5.18 5.19 7.1 7.1.3 7.3       | clears      | off
  6.1.15-1-pve                                  | Proxmox VE                 | 6.1 7.1 7.1.3 7.3                  | clears      | off
  6.2.2-1-pve                                   | Proxmox VE                 | 6.2 7.1 7.1.3 7.3                  | clears      | on
  6.8.12-4-pve                                  | Proxmox VE                 | 6.8 7.1 7.1.3 7.3                  | clears      | on
  6.14.11-5-bpo12-pve                           | Proxmox VE                 | 6.14.2 7.1 7.1.3 7.3               | starts-from-firmware | on
  6.17.13-6-pve                                 | Proxmox VE                 | 6.17 7.1 7.1.3 7.3                 | starts-from-firmware | on
  // Debian, and names like its own
  5.10.0-32-amd64                               | Debian                     | 5.10                               | clears      | ?
  6.1.0-28-amd64                                | Debian                     | 6.1                                | clears      | off
  6.1.0-0.deb11.21-rt-arm64                     | Debian                     | 6.1                                | clears      | ?
  6.12.9-amd64                                  | Debian                     | 6.12                               | mixes       | off
  6.12.43+deb13-amd64                           | Debian                     | 6.12.23                            | starts-from-firmware | off
  6.16.12+deb13-amd64                           | Debian                     | 6.16 7.1 7.1.3 7.3                 | starts-from-firmware | ?
  7.2.13+deb13-cloud-amd64                      | Debian                     | 7.2                                | starts-from-firmware | on
  7.3.4+deb13-amd64                             | Debian                     | 7.3                                | starts-from-firmware | on
  6.11.10-2-liquorix-amd64                      | Liquorix                   | 6.11 7.1 7.1.3 7.3                 | any         | ?
  6.12.13-kali1-amd64                           | Kali                       | 6.12 7.1 7.1.3 7.3                 | any         | ?
  6.6.84-amd64-desktop-hwe                      | deepin                     | 6.6 7.1 7.1.3 7.3 6.6 of deepin | any         | ?
  6.12.30-amd64-desktop-rolling                 | deepin                     | 6.12.23 7.1 7.1.3 7.3              | any         | ?
  5.15.152.bsk.9-amd64                          | ByteDance                  | 5.15 5.18 5.19 7.1 7.1.3 7.3       | any         | ?
  // SUSE
  4.12.14-122.222-default                       | SUSE and openSUSE          |                                    | clears      | ?
  5.14.21-150500.55.7-default                   | SUSE and openSUSE          | 5.14 5.18 5.19 7.1 7.1.3 7.3       | any         | ?
  6.4.0-150600.23.47-default                    | SUSE and openSUSE          | 6.4 7.1 7.1.3 7.3                  | any         | ?
  6.12.0-160000.5-default                       | SUSE and openSUSE          | 6.12 7.1 7.1.3 7.3                 | any         | ?
  6.15.8-1-default                              | SUSE and openSUSE          | 6.15 7.1 7.1.3 7.3                 | any         | ?
  7.1.2-1-default                               | openSUSE Tumbleweed        | 7.1 7.1.3 7.3                      | any         | on
  // clouds and appliances
  5.10.223-212.873.amzn2.x86_64                 | Amazon Linux               | 5.10 5.18 5.19 7.1 7.1.3 7.3       | any         | ?
  6.1.112-122.189.amzn2023.x86_64               | Amazon Linux               | 6.1 7.1 7.1.3 7.3                  | any         | ?
  5.15.167.1-2.cm2                              | Azure Linux                | 5.15 5.18 5.19 7.1 7.1.3 7.3       | any         | off
  6.6.57.1-7.azl3                               | Azure Linux                | 6.6 7.1 7.1.3 7.3                  | any         | off
  6.6.104.2-3.azl3                              | Azure Linux                | 6.6 7.1 7.1.3 7.3                  | any         | off
  6.6.104.2-4.azl3                              | Azure Linux                | 6.6 7.1 7.1.3 7.3                  | any         | on
  6.6.135.mshv2-1.azl3                          | Azure Linux                | 6.6 7.1 7.1.3 7.3                  | any         | off
  6.12.50.2-1.azl3                              | Azure Linux                | 6.12.23 7.1 7.1.3 7.3              | any         | on
  6.18.5.1-1.azl3                               | Azure Linux                | 6.18 7.1 7.1.3 7.3                 | any         | ?
  6.1.10-11.ph5                                 | Photon                     | 6.1 7.1 7.1.3 7.3                  | any         | ?
  6.4.0-150600.8.5-azure                        | SUSE for Azure             | 6.4 7.1 7.1.3 7.3                  | any         | ?
  6.17.5-talos                                  | Talos                      | 6.17                               | starts-from-firmware | ?
  6.19.1-talos                                  | Talos                      | 6.19 7.1 7.1.3 7.3                 | any         | ?
  6.12.63-talos                                 | Talos                      | 6.12.23                            | starts-from-firmware | off
  6.18.9-talos                                  | Talos                      | 6.18                               | starts-from-firmware | on
  6.12.81-flatcar                               | Flatcar                    | 6.12.23 7.1 7.1.3 7.3              | starts-from-firmware | off
  6.12.103-flatcar                              | Flatcar                    | 6.12.23 7.1 7.1.3 7.3              | starts-from-firmware | ?
  6.1.112+                                      | Google's Container-Optimized OS, or one built by hand | 6.1 7.1 7.1.3 7.3 | any | ?
  6.6.87.2-microsoft-standard-WSL2              | WSL                        | 6.6 7.1 7.1.3 7.3                  | any         | ?
  6.12.24-Unraid                                | Unraid                     | 6.12.23 7.1 7.1.3 7.3              | any         | ?
  6.6.44-production+truenas                     | TrueNAS                    | 6.6 7.1 7.1.3 7.3                  | any         | ?
  6.6.48-1.qubes.fc37.x86_64                    | Qubes                      | 6.6 7.1 7.1.3 7.3                  | any         | ?
  6.6.31+rpt-rpi-2712                           | Raspberry Pi OS            | 6.6 7.1 7.1.3 7.3                  | any         | ?
  6.1.75-android14-11-g4c2b0a1d3e5f             | Android                    | 6.1 7.1 7.1.3 7.3                  | any         | ?
  // others that follow kernel.org
  6.2.9-300.fc38.x86_64                         | Fedora                     | 6.2                                | clears      | on
  6.11.4-301.fc41.x86_64                        | Fedora                     | 6.11 7.1 7.1.3 7.3                 | mixes       | ?
  6.11.5-arch1-1                                | Arch                       | 6.11 7.1 7.1.3 7.3                 | any         | ?
  6.12.25-1-MANJARO                             | Manjaro                    | 6.12.23 7.1 7.1.3 7.3              | any         | ?
  6.6.48-xen                                    | XCP-ng or Xen              | 6.6 7.1 7.1.3 7.3                  | any         | ?
  6.6.63-1-lts                                  | Arch                       | 6.6 7.1 7.1.3 7.3                  | any         | ?
  6.18.3-2-cachyos-lts                          | CachyOS                    | 6.18 7.1 7.1.3 7.3                 | any         | on
  // China
  5.10.0-216.0.0.115.oe2203sp4.x86_64           | openEuler                  | 5.10 5.18 5.19 7.1 7.1.3 7.3       | any         | ?
  6.6.0-72.0.0.76.oe2403sp1.x86_64              | openEuler                  | 6.6 7.1 7.1.3 7.3 6.6 of openEuler | any         | ?
  5.10.134-16.2.an8.x86_64                      | Anolis and Alibaba Cloud Linux | 5.10 5.18 5.19 7.1 7.1.3 7.3   | any         | ?
  6.6.71-3.an23.x86_64                          | Anolis and Alibaba Cloud Linux | 6.6 7.1 7.1.3 7.3 6.6 of Anolis and Alibaba Cloud Linux | any     | ?
  5.4.241-1-tlinux4-0017.7                      | TencentOS                  | 5.4 5.6 5.7 5.8 5.9 5.18 5.19 7.1 7.1.3 7.3 | any | ?
  // by hand, and plain
  6.8.0-alice-generic                           | a kernel with a name of its own | 6.8 7.1 7.1.3 7.3             | any         | ?
  6.12.107                                      | -                          | 6.12.23                            | starts-from-firmware | ?
  7.0.0-rc7                                     | -                          | 7.0                                | starts-from-firmware | ?
`);

/** Other names of the same kernels, and names that are nearly one of theirs: whose each is, and which of the vendor's rows. */
const NAMES = rows(`
  // uname -r                             | vendor                          | its row
  // Enterprise Linux
  5.14.0-427.el90.x86_64                  | a kernel with a name of its own
  5.14.0.el90                             | a kernel with a name of its own
  5.14.0-x.el9                            | RHEL 9 and its clones           | 5.14.0.el9, its build left out
  5.14.0x-1.el9                           | RHEL 9 and its clones           | 5.14.0.el9, its build left out
  4.17.0-1.el8                            | a kernel with a name of its own
  4.19.0-1.el8                            | a kernel with a name of its own
  5.13.0-1.el9                            | a kernel with a name of its own
  5.15.0-1.el9                            | a kernel with a name of its own
  6.11.0-1.el10                           | a kernel with a name of its own
  6.13.0-1.el10                           | a kernel with a name of its own
  6.6.0-1.el10uek                         | Oracle UEK                      | *.elNuek
  5.14.0-427.el9uek                       | Oracle UEK                      | *.elNuek
  5.14.0-427.13.1.el9_4.elrepo.x86_64     | ELRepo                          | *.elN.elrepo
  4.18.0-553.el80                         | a kernel with a name of its own
  4.18.0-553.el8uek                       | Oracle UEK                      | *.elNuek
  6.12.0-55.el101                         | a kernel with a name of its own
  6.12.0-124.el101                        | a kernel with a name of its own
  // Azure Linux
  6.6.135.mshv2-1.cm2                     | Azure Linux                     | *.mshvN*.azl3
  6.6.135.mshvx-1.azl3                    | Azure Linux                     | 6.6.N.azl3, from 6.6.104.2-4
  5.10.189.1-1.cm1                        | Azure Linux                     | 5.15.N.cm2, 5.10.N.cm1
  5.15.1-1.cm2.x86_64                     | Azure Linux                     | 5.15.N.cm2, 5.10.N.cm1
  5.15.1-1.cm2x                           | a kernel with a name of its own
  5.15.1-1.cm3                            | a kernel with a name of its own
  6.4.1-1.azl3                            | Azure Linux                     | *.azlN
  6.4.1-1.azl4                            | Azure Linux                     | *.azlN
  6.4.1-1.azlx                            | a kernel with a name of its own
  // Ubuntu: what stands behind a flavour makes it another build
  5.3.0-10-generic                        | Ubuntu                          | *-N-azure, …
  5.16.0-1-oem                            | Ubuntu                          | *-N-azure, …
  5.15.0-x-118-generic                    | a kernel with a name of its own
  6.11.0-x-29-generic                     | a kernel with a name of its own
  6.14.1-x-37-generic                     | a kernel with a name of its own
  6.8.0-x-1-nvidia                        | a kernel with a name of its own
  5.4.0-190-lowlatency                    | Ubuntu                          | 5.4.0-N-generic
  5.4.0-190-generic-hwe                   | Ubuntu                          | *-N-azure, …
  5.4.0-1-2-generic                       | a kernel with a name of its own
  5.15.0-118-lowlatency                   | Ubuntu                          | 5.15.0-N-generic, 5.15.0-N-aws
  5.15.0-1066-aws-fips                    | Ubuntu                          | *-N-azure, …
  5.15.0-x1-aws                           | a kernel with a name of its own
  5.17.0-1026-oem-x                       | Ubuntu                          | *-N-azure, …
  5.17.0-1026-1-oem                       | a kernel with a name of its own
  6.11.0-29-lowlatency                    | Ubuntu                          | 6.11.0-N-generic
  6.11.0-29-generic-64k                   | Ubuntu                          | *-N-azure, …
  6.11.0-x29-generic                      | a kernel with a name of its own
  6.14.0-37-generic-64k                   | Ubuntu                          | *-N-azure, …
  6.14.0-x-37-generic                     | a kernel with a name of its own
  6.2.0-123-generic                       | Ubuntu                          | 6.2.0-N-generic and newer
  6.2.0-1234-generic                      | Ubuntu                          | *-N-azure, …
  6.9.3-7606090-generic                   | Ubuntu                          | *-N-azure, …
  6.9.3-76060903-generic-x                | Ubuntu                          | *-N-azure, …
  6.9.3-x-76060903-generic                | a kernel with a name of its own
  6.8.0-1-gkeop                           | Ubuntu                          | *-N-azure, …
  6.8.0-1-kvm                             | Ubuntu                          | *-N-azure, …
  6.8.0-1-raspi2                          | Ubuntu                          | *-N-azure, …
  6.8.0-1-other                           | a kernel with a name of its own
  6.8.0-my-39-generic                     | a kernel with a name of its own
  6.8.0-1-nvidia-x                        | Ubuntu for NVIDIA               | *-nvidia
  6.8.0-x1-nvidia                         | a kernel with a name of its own
  6.1.15-1-pve-x                          | a kernel with a name of its own
  6.8.12-4-pve-x                          | a kernel with a name of its own
  // Debian's flavours, and its likes
  6.1.0-28-rt-amd64                       | Debian                          | 6.1.0-N-amd64
  6.1.0-28-cloud-arm64                    | Debian                          | 6.1.0-N-amd64
  6.1.0-28-armmp                          | Debian                          | 6.1.0-N-amd64
  6.1.0-28-armmp-lpae                     | Debian                          | 6.1.0-N-amd64
  6.1.0-28-686                            | Debian                          | 6.1.0-N-amd64
  6.1.0-28-686-pae                        | Debian                          | 6.1.0-N-amd64
  6.1.0-28-powerpc64le                    | Debian                          | 6.1.0-N-amd64
  6.1.0-28-s390x                          | Debian                          | 6.1.0-N-amd64
  6.1.0-28-riscv64                        | Debian                          | 6.1.0-N-amd64
  5.9.0-1-amd64                           | Debian                          | *-amd64
  6.1.0amd64                              | Debian                          | 6.1.0-N-amd64
  6.5.84-amd64-desktop                    | deepin                          | *-amd64-desktop*
  6.1.0+amd64                             | Debian                          | 6.1.0-N-amd64
  6.1.0.amd64                             | Debian                          | 6.1.0-N-amd64
  6.1.0-28-amd64x                         | a kernel with a name of its own
  6.1.0-28-myamd64                        | a kernel with a name of its own
  6.6.84-arm64-desktop-hwe                | deepin                          | 6.6.N-amd64-desktop*
  6.6.84-loong64-desktop                  | deepin                          | 6.6.N-amd64-desktop*
  6.12.84-arm64-desktop                   | deepin                          | *-amd64-desktop*
  6.6.84-x64-desktop                      | a kernel with a name of its own
  6.6.1-velinux                           | ByteDance                       | *.bsk.N-amd64, *velinux*
  6.6.1.bskx-1                            | a kernel with a name of its own
  // SUSE
  6.4.0-1-longterm                        | SUSE and openSUSE               | *-150N00.N-default, *-160000.N-default, *-N-default
  6.4.0-1-kvmsmall                        | SUSE and openSUSE               | *-150N00.N-default, *-160000.N-default, *-N-default // not Ubuntu's kvm
  6.4.0-1-preempt                         | SUSE and openSUSE               | *-150N00.N-default, *-160000.N-default, *-N-default
  6.4.0-1-64kb                            | SUSE and openSUSE               | *-150N00.N-default, *-160000.N-default, *-N-default
  6.4.0-1-default-x                       | a kernel with a name of its own
  7.1.2-1-longterm                        | openSUSE Tumbleweed             | 7.N.N-N-default
  7.1.2-123-default                       | openSUSE Tumbleweed             | 7.N.N-N-default
  7.1.2-1234-default                      | SUSE and openSUSE               | *-150N00.N-default, *-160000.N-default, *-N-default
  7.1.2-x-1-default                       | SUSE and openSUSE               | *-150N00.N-default, *-160000.N-default, *-N-default
  7.1.2-1-default-x                       | a kernel with a name of its own
  6.4.0-15060.8.5-azure                   | SUSE for Azure                  | *-150N00.N-azure
  6.4.0-1506.8.5-azure                    | a kernel with a name of its own
  6.4.0-1506000.8.5-azure                 | a kernel with a name of its own
  6.4.0-150600.8.5-azurex                 | a kernel with a name of its own
  6.4.0-x-150600.8.5-azure                | a kernel with a name of its own
  // others
  6.6.1-zen1-1-zen                        | Arch                            | *-archN-N, *-lts, *-zenN-N-zen, *-hardenedN-N-hardened
  6.6.1-hardened1-1-hardened              | Arch                            | *-archN-N, *-lts, *-zenN-N-zen, *-hardenedN-N-hardened
  6.6.63-10-lts                           | Arch                            | *-archN-N, *-lts, *-zenN-N-zen, *-hardenedN-N-hardened
  6.6.1-archx                             | a kernel with a name of its own
  6.6.1-zenx                              | a kernel with a name of its own
  6.6.1-hardenedx                         | a kernel with a name of its own
  6.6.63-x-lts                            | a kernel with a name of its own
  6.6.63-x-1-lts                          | a kernel with a name of its own
  6.6.63-1-ltsx                           | a kernel with a name of its own
  6.1.21-v8+                              | Raspberry Pi OS                 | *+rpt-rpi-*, *-v8+
  6.1.21-v7l+                             | Raspberry Pi OS                 | *+rpt-rpi-*, *-v8+
  6.1.21-v8-16k+                          | Raspberry Pi OS                 | *+rpt-rpi-*, *-v8+
  6.1.21-v8                               | Raspberry Pi OS                 | *+rpt-rpi-*, *-v8+
  6.1.21-v6+                              | a kernel with a name of its own
  6.1.21-v8x                              | a kernel with a name of its own
  5.4.119-19.tl3                          | TencentOS                       | *tlinux*, *.tl3
  5.4.119-20.oc8                          | TencentOS                       | *tlinux*, *.tl3
  5.4.119-19.tlx                          | a kernel with a name of its own
  5.4.119-20.ocx                          | a kernel with a name of its own
  6.1.10-1.al8.x86_64                     | Anolis and Alibaba Cloud Linux  | *N.an23, .al8, .alnx
  6.1.10-1.alnx                           | Anolis and Alibaba Cloud Linux  | *N.an23, .al8, .alnx
  6.1.10-1.alx                            | a kernel with a name of its own
  6.1.10-1.oex                            | a kernel with a name of its own
  6.12.63-talos-x                         | a kernel with a name of its own
  6.17.5-talos-x                          | a kernel with a name of its own
  6.18.9-talos-x                          | a kernel with a name of its own
  6.19.1-talos-x                          | a kernel with a name of its own
  6.12.81-flatcar-x                       | a kernel with a name of its own
  6.12.103-flatcar-x                      | a kernel with a name of its own
  6.11.1-cachyos                          | a kernel with a name of its own
  6.6.87-Microsoft                        | WSL                             | *-microsoft-standard-WSL2
  6.12.24-unraid                          | Unraid                          | *-Unraid
  6.6.44+TrueNAS                          | TrueNAS                         | *+truenas
  6.6.44-4.17+XEN                         | XCP-ng or Xen                   | *xen*
  6.1.112++                               | a kernel with a name of its own
  6.1.112+x                               | a kernel with a name of its own
  6.1.1-200.fcx                           | a kernel with a name of its own
  6.6.48-1.qubes                          | a kernel with a name of its own
  6.1.1.amznx                             | a kernel with a name of its own
  6.1.10-11.phx                           | a kernel with a name of its own
  6.1.75-androidx                         | a kernel with a name of its own
  // kernel.org's candidates
  7.0-rc7                                 | -
  7.0.0rc7                                | -
  7.0.0-rc12                              | -
  7.0.0-rc7+                              | -
  7.0.0-rcx                               | a kernel with a name of its own
  7.0.0-rc7-x                             | a kernel with a name of its own
`);

const bare = machineOf([]);

function parsed(text: string): KernelRelease {
  const release = parseKernelRelease(text);
  if (release === undefined) throw new Error(`${text} is no release`);
  return release;
}

function acsAtBoot(text: string): string {
  const { bootRows } = rowsOf(parsed(text));
  const variants = [...new Set(bootRows.map((row) => row.acsAtBoot))];
  return variants.length === 3 ? "any" : variants.length === 0 ? "clears" : variants.join(" ");
}

describe("A release string", () => {
  test.each(STRINGS)("%s is %s's and has the rules of %s", (text = "", vendor, rules, acs, built) => {
    const choice = chooseRules({ ...bare, kernel: linux(text) });
    expect(choice.vendor ?? "-").toBe(vendor);
    expect(choice.candidates.map(({ release }) => release).join(" ")).toBe(rules);
    expect(acsAtBoot(text)).toBe(acs);
    expect(readOption(parsed(text), "x86_64")?.state ?? "?").toBe(built);
  });

  test.each(STRINGS.filter(([text = ""]) => parsed(text).number >= 4020))("%s may be given to --rules", (text = "") => {
    const choice = chooseRules({ ...bare, kernel: linux("4.9") }, text);
    const own = chooseRules({ ...bare, kernel: linux(text) });
    expect(choice).toEqual({ ...own, chosenBy: "flag" });
  });

  test.each(NAMES)("%s is %s's (%s)", (text = "", name, row) => {
    const vendor = rowsOf(parsed(text)).vendor;
    expect(vendor?.name ?? "-").toBe(name);
    if (row !== undefined) expect(vendor?.kernels.replace(/^\*-N-azure.*/, "*-N-azure, …")).toBe(row);
  });

  test("names rows that say where they were read", () => {
    const own = VENDOR_KERNELS.flatMap(({ rules }) => (rules.kind === "read" ? rules.rows : []));
    expect(own.filter(({ checkedAt }) => checkedAt === "")).toEqual([]);
  });

  test("of each row of the table stands among them", () => {
    const seen = new Set(STRINGS.map(([text = ""]) => rowsOf(parsed(text)).vendor));
    const missing = VENDOR_KERNELS.filter((row) => !seen.has(row)).map(({ name, kernels }) => `${name}: ${kernels}`);
    expect(missing).toEqual([]);
  });
});

/** Two endpoints on root buses of one host bridge; its first device has these ids, and is a root port where `at` is no 00.0. */
function between(id: string, first: string, release: string): Verdict {
  const lead = first === "00.0" ? hostBridge("00:00.0", id) : { ...bridge(`00:${first}`, "root-port", 3), ...ids(id) };
  const machine = machineOf(
    [
      lead,
      bridge("00:11.0", "root-port", 1),
      bridge("00:12.0", "root-port", 2),
      endpoint("01:00.0"),
      endpoint("02:00.0"),
    ],
    { kernel: linux(release) },
  );
  return decide(machine, at("01:00.0"), at("02:00.0"));
}

describe("A pair through the host bridge", () => {
  test.each(
    rows(`
      // first device | at   | uname -r                           | map type
      // Ice Lake Xeons came to el9 with build 117, root ports with 164
      8086:09a2       | 00.0 | 5.14.0-70.13.1.el9_0.x86_64        | not-supported
      8086:09a2       | 00.0 | 5.14.0-116.el9.x86_64              | not-supported
      8086:09a2       | 00.0 | 5.14.0-117.el9.x86_64              | thru-host-bridge
      8086:09a2       | 00.0 | 5.14.0-503.11.1.el9_5.x86_64       | thru-host-bridge
      8086:09a2       | 00.0 | 5.14.21                            | not-supported
      8086:2030       | 02.0 | 5.14.0-163.el9.x86_64              | not-supported
      8086:2030       | 02.0 | 5.14.0-164.el9.x86_64              | thru-host-bridge
      8086:0b25       | 00.0 | 5.14.0-570.32.1.el9_6.x86_64       | not-supported
      8086:0b25       | 00.0 | 5.14.0-611.5.1.el9_7.x86_64        | unknown
      8086:0b25       | 00.0 | 6.12.0-55.24.1.el10_0.x86_64       | not-supported
      8086:0b25       | 00.0 | 6.12.0-124.8.1.el10_1.x86_64       | unknown
      8086:09a2       | 00.0 | 4.18.0-553.el8_10.x86_64           | not-supported
      // not read: what only a newer release lists is open, and nothing else
      8086:0b25       | 00.0 | 6.8.12                             | not-supported
      8086:0b25       | 00.0 | 6.8.0-45-generic                   | unknown
      8086:09a2       | 00.0 | 6.8.0-45-generic                   | thru-host-bridge
      8086:7d14       | 00.0 | 6.8.0-45-generic                   | not-supported
      8086:09a2       | 00.0 | 5.15.0-118-generic                 | not-supported
      8086:09a2       | 00.0 | 5.15.0-1064-azure                  | unknown
      8086:09a2       | 00.0 | 5.14.21-150500.55.7-default        | unknown
      8086:2030       | 00.0 | 5.14.21-150500.55.7-default        | thru-host-bridge
      8086:2030       | 02.0 | 5.14.21-150500.55.7-default        | unknown
      8086:0b25       | 00.0 | 6.17.13-6-pve                      | unknown
      8086:0b25       | 00.0 | 6.12.43+deb13-amd64                | not-supported
      // Zhaoxin's stand on Chinese vendors' lists
      1d17:1003       | 00.0 | 6.6.71                             | not-supported
      1d17:1003       | 00.0 | 6.6.71-3.an23.x86_64               | unknown
      1d17:1008       | 00.0 | 6.6.0-72.0.0.76.oe2403sp1.x86_64   | unknown
      1d17:1008       | 00.0 | 6.6.84-amd64-desktop-hwe           | unknown
      1d17:1009       | 00.0 | 6.6.84-amd64-desktop-hwe           | not-supported
      1d17:1003       | 00.0 | 6.8.0-45-generic                   | not-supported
    `),
  )("of %s at %s is on %s %s", (id = "", first = "", release = "", mapType) => {
    const verdict = between(id, first, release);
    expect(verdict.mapType).toBe(mapType);
    expect(verdict.hidden).toHaveLength(mapType === "unknown" ? 1 : 0);
  });

  test("that is open says whose kernel it is, and how to know", () => {
    expect(between("8086:0b25", "00.0", "6.8.0-45-generic").hidden).toEqual([
      "a vendor kernel (Ubuntu): changes may be carried back under 6.8, and its source was not read; look for the host bridge's ids in drivers/pci/p2pdma.c of its source, or give --rules with the release that it equals",
    ]);
    expect(between("8086:0b25", "00.0", "5.14.0-611.5.1.el9_7.x86_64").hidden).toEqual([
      "5.14.0-611.5.1.el9_7.x86_64 does not say which of the kernels of RHEL 9 and its clones it is, or is newer than what was read",
    ]);
  });
});

describe("A kernel that is built without P2PDMA", () => {
  const gatesOn = (release: string, parts: Partial<Machine> = {}): readonly string[] =>
    machineGates({ ...bare, kernel: { ...linux(release), config: unknown("not shown") }, ...parts }).map(
      ({ kind, message }) => `${kind}: ${message}`,
    );
  const el8 =
    "kernel-without-p2pdma: RHEL 8 and its clones (el8) build P2PDMA off, which was carried back to 4.18: no pair works (CONFIG_PCI_P2PDMA is not set in 4.18.0-240 to 4.18.0-553.66.1)";

  test.each(
    rows(`
      // uname -r                    | what stops every pair
      5.15.0-118-generic             | 5.15.0-118-generic (Ubuntu) is built without CONFIG_PCI_P2PDMA, by what was read of Ubuntu-5.15.0-43.46 and -185.195, linux-aws 5.15.0-1103.110
      6.1.0-28-amd64                 | 6.1.0-28-amd64 (Debian) is built without CONFIG_PCI_P2PDMA, by what was read of linux-source-6.1 and linux-config-6.1 6.1.192-3
      6.1.15-1-pve                   | 6.1.15-1-pve (Proxmox VE) is built without CONFIG_PCI_P2PDMA, by what was read of exported symbols of 5.0.21-5 to 6.1.15-1 (proxmox/pve-kernel, abi-prev)
      6.2.2-1-pve                    |
      5.14.0-54.el9.x86_64           | 5.14.0-54.el9.x86_64 (RHEL 9 and its clones) is built without CONFIG_PCI_P2PDMA, by what was read of CentOS Stream 5.14.0-1.7.1, -21, -39, -42 (option); the changelog of el9
      5.14.0-55.el9.x86_64           |
      6.8.0-45-generic               |
      6.12.107                       |
    `),
  )("%s: %s", (release = "", message = "") => {
    const expected =
      message === ""
        ? []
        : [`kernel-without-p2pdma: ${message}: no driver that asks the kernel can register or map peer memory`];
    expect(gatesOn(release)).toEqual(expected);
  });

  test("of RHEL 8 has no pair that works, and nobody says that it came with 4.20", () => {
    expect(gatesOn("4.18.0-553.el8_10.x86_64")).toEqual([el8]);
    const choice = chooseRules({ ...bare, kernel: linux("4.18.0-553.el8_10.x86_64") });
    expect(`kernel-without-p2pdma: ${choice.hidden}`).toBe(el8);
    expect(() => chooseRules(bare, "4.18.0-553.el8_10.x86_64")).toThrow("RHEL 8 and its clones (el8) build P2PDMA off");
  });

  test("is known by its own configuration, which counts more than its vendor's", () => {
    const withOption = { kernel: { ...linux("6.1.0-28-amd64"), config: { CONFIG_PCI_P2PDMA: "y" } } };
    expect(gatesOn("", withOption)).toEqual([]);
    const without = { kernel: { ...linux("6.8.0-45-generic"), config: { CONFIG_PCI: "y" } } };
    expect(gatesOn("", without)).toEqual([
      "kernel-without-p2pdma: 6.8.0-45-generic is built without CONFIG_PCI_P2PDMA: no driver that asks the kernel can register or map peer memory",
    ]);
  });

  test("is so by its architecture, where builds differ", () => {
    const state = (release: string, architecture?: string): string =>
      readOption(parsed(release), architecture)?.state ?? "?";
    expect(state("6.6.104.2-4.azl3", "x86_64")).toBe("on");
    expect(state("6.6.104.2-4.azl3", "aarch64")).toBe("off");
    expect(state("6.6.104.2-4.azl3")).toBe("?");
    expect(state("6.6.104.2-3.azl3")).toBe("off");
    expect(state("6.1.0-28-arm64", "x86_64")).toBe("?");
    expect(state("6.1.0-28-amd64")).toBe("off");
    expect(state("6.1.0-28-amd64", "riscv64")).toBe("off");
    expect(state("5.4.0-190-generic", "riscv64")).toBe("?");
  });
});
