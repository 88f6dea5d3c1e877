import { GONE } from "./scrub.ts";

/** Version, and what `-rc` and distributions add right behind it. */
const VERSION = /^\s*\d{1,3}(?:\.\d{1,5}){1,3}(?!\d)/;

/**
 * Words of kernel releases that name a distribution, an architecture or a way of building, each with a number behind it
 * where it has one (`deb13`, `el9`, `rc7`). None of them names a host or a person.
 */
export const RELEASE_WORDS: readonly string[] = (
  "rc rt next dirty preempt dynamic realtime lowlatency debug kasan lockdep test " +
  "generic hwe edge server virt virtual cloud kvm desktop default preempt vanilla mainline stable longterm lts standard " +
  "aws azure gcp gke gkeop oracle ibm gt fips oem raspi intel iotg xilinx zynqmp bluefield tegra nvidia adv lowmem largememory " +
  "deb bpo amd arm armmp lpae x v unsigned signed " +
  "el uek fc centos rocky alma ol elrepo ml cm azl amzn mariner oe sp an al tl tlinux lns kylin uos photon ph esx " +
  "pve arch zen hardened cachyos xanmod liquorix gentoo dist sources r rpi rpt rev " +
  "microsoft WSL linuxkit talos flatcar coreos qubes sabayon clear native talos coco confidential snp tdx sev " +
  "aarch riscv ppc le el loong loongarch mips pae smp up uml " +
  "p2p p2pdma dmabuf iommu vfio cxl drm rdma nvme pci linux kernel local custom build git patch patched gcc clang llvm lto bolt"
)
  .split(" ")
  .map((word) => word.toLowerCase());
const KNOWN_WORDS = new Set(RELEASE_WORDS);
/** Whole words that are no word and number. */
const OTHERS =
  /^(?:x86|x64|\d{1,3}k|i[3-6]86|s390x?|amd64|arm64|aarch64|ppc64(?:le|el)?|riscv64|loong(?:arch)?64|mips64(?:el)?|el\d{1,2}uek|oe\d{4}(?:sp\d)?|\d{6}rc\d{1,2}|20\d{6}|WSL2)$/i;
/** So many numbers in a row are an address rather than a version. */
const MAX_NUMBERS = 3;

/**
 * A kernel's release without the names that people gave it: the version and what distributions add stay, everything else
 * becomes `…`, once for words in a row (`7.2.12-alice-web01` is `7.2.12-…`). The rules look at the version alone.
 */
export function keptRelease(release: string): string {
  const version = VERSION.exec(release)?.[0] ?? "";
  const parts = release.slice(version.length).match(/[-.+_~]+|[^-.+_~]+/g) ?? [];
  const kept = parts.map((part) => (isSeparator(part) || isNumber(part) || isKnownWord(part) ? part : GONE));
  cutLongNumbers(kept);
  return version + joined(kept);
}

function isSeparator(part: string): boolean {
  return /^[-.+_~]+$/.test(part);
}

function isNumber(part: string): boolean {
  return /^\d{1,6}$/.test(part);
}

function isKnownWord(part: string): boolean {
  if (OTHERS.test(part)) return true;
  const [, word = ""] = /^([a-z]{1,12}?)(?:\d{1,4})?$/i.exec(part) ?? [];
  return KNOWN_WORDS.has(word.toLowerCase()) || KNOWN_WORDS.has(part.toLowerCase());
}

/** Many numbers in a row may be an IP or a MAC address, and those between names the middle of a longer one. */
function cutLongNumbers(parts: string[]): void {
  const words = parts.flatMap((part, index) => (isSeparator(part) ? [] : [index]));
  for (let first = 0; first < words.length; ) {
    let end = first;
    while (end < words.length && isNumber(parts[words[end] ?? 0] ?? "")) end++;
    const isBetweenNames = [first - 1, end].every((index) => parts[words[index] ?? -1] === GONE);
    if (end - first > MAX_NUMBERS || isBetweenNames) for (const index of words.slice(first, end)) parts[index] = GONE;
    first = Math.max(end, first + 1);
  }
}

/** The parts as one text, with what is gone in a row as one mark. */
function joined(parts: readonly string[]): string {
  return parts.join("").replaceAll(/…(?:[-.+_~]*…)+/g, GONE);
}
