import type { PoolUseView } from "../../measured/pools.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { MemoryPool } from "./memory-pool.ts";

/** Whether `probe`, `copy` and `bench` may map memory of a pool, and why not. */
export type PoolUse = PoolUseView;

/** What the answer depends on. */
export type PoolFacts = Pick<MemoryPool, "owner" | "classCode" | "published" | "mapping">;

/**
 * Drivers of GPUs and accelerators. What they register as peer memory holds data of running jobs, and mapping it takes
 * pages without asking them. Read in the sources of the first three (2026-11): nvidia-uvm registers the whole BAR 1
 * (uvm_pmm_gpu.c, since 565.57.01) and its callback for pages that are given back follows a pointer that is not set;
 * amdgpu registers the whole VRAM (kfd_ais.c); habanalabs its device memory (hldio.c). The sources of the others were not read for it: they are here as a
 * precaution.
 */
const KEEPERS: ReadonlyMap<string, string> = new Map([
  ["nvidia", "the memory of its GPU, in which jobs run; giving it back may crash the kernel"],
  ["amdgpu", "the whole VRAM, in which jobs run"],
  ["habanalabs", "the memory of its accelerator, in which jobs run"],
  ...[
    ...["nvidia_uvm", "nvidia_drm", "nvidia_modeset", "amdkfd", "radeon", "nouveau", "nova", "nova_core", "novacore"],
    ...["i915", "xe", "gaudi", "habanalabs_cn", "amdxdna", "intel_vpu", "ivpu", "qaic", "ethosu", "rocket"],
    ...["neuron", "apex", "gasket", "xocl", "xclmgmt"],
  ].map((driver): [string, string] => [driver, "the memory of its device, in which jobs run"]),
]);

/** Drivers that allocate each use of their memory from the pool, whatever the class of their device says. */
const GIVERS: readonly string[] = ["nvme"];

/**
 * The one decision on a pool: memory that GPUs and accelerators keep is nobody's to write, by the driver bound to the
 * function or, where that says too little, by its class; what a driver did not publish it may use itself, so it has to
 * be asked for. `p2pmem/allocate` itself hands out all of them (`p2pmem_alloc_mmap`, Linux 6.2 to 7.3).
 */
export function poolUse({ owner, classCode, published, mapping }: PoolFacts): PoolUse {
  const kept = whyKept(owner, classCode);
  if (kept !== null) return { kind: "in-use", why: kept };
  if (mapping === "not-offered") return { kind: mapping, why: "the kernel offers it to drivers only" };
  if (mapping === "no-permission") return { kind: mapping, why: "this user may not map it" };
  if (published === true) return { kind: "usable" };
  const who = isUnknown(owner) || owner === null ? "its driver" : owner;
  return {
    kind: "unpublished",
    why: isUnknown(published)
      ? `whether ${who} published it is hidden (${published.unknown}): it counts as not published`
      : `${who} did not publish it, and may use it itself`,
  };
}

function whyKept(owner: Known<string | null>, classCode: Known<number>): string | null {
  const driver = isUnknown(owner) ? null : owner;
  const keeps = driver === null ? undefined : KEEPERS.get(normalized(driver));
  if (keeps !== undefined) return `${driver} registers ${keeps}`;
  if (driver !== null && GIVERS.includes(driver)) return null;
  const whose = isUnknown(owner) ? "a driver that is hidden" : (driver ?? "no driver");
  if (!isUnknown(classCode)) {
    return isOfProcessor(classCode)
      ? `it is memory of a GPU or accelerator (class ${classCode.toString(16).padStart(6, "0")}, ${whose}), in which jobs may run`
      : null;
  }
  return driver === null ? `class and driver of its device are hidden: it may be a GPU, in which jobs run` : null;
}

/** `NovaCore`, `nvidia-uvm` and `nvidia_uvm` as the table has them. */
function normalized(driver: string): string {
  return driver.toLowerCase().replaceAll("-", "_");
}

/** Display controllers, processing accelerators and co-processors (PCI Code and ID Assignment 1.15 sec 1). */
function isOfProcessor(classCode: number): boolean {
  return [0x03, 0x12, 0x40].includes(classCode >>> 16) || classCode >>> 8 === 0x0b40;
}

declare const permitted: unique symbol;

/** A pool that may be mapped: {@link permitPool} alone makes it one, and nothing else is mapped. */
export interface PermittedPool extends MemoryPool {
  readonly [permitted]: true;
}

/** What the user allows beside published memory. */
export interface PoolConsent {
  /** Memory that its driver did not publish (never memory that is in use). */
  readonly allowUnpublished: boolean;
}

/** The permission to map a pool; `null` where it is left alone, for the reason that {@link poolUse} has. */
export function permitPool(pool: MemoryPool, { allowUnpublished }: PoolConsent): PermittedPool | null {
  const { kind } = poolUse(pool);
  return kind === "usable" || (kind === "unpublished" && allowUnpublished) ? (pool as PermittedPool) : null;
}

/** Looks again, as another driver may have the device by now. Throws `environment` where the permission is void. */
export function requireStillPermitted(pool: PermittedPool): void {
  const now = poolUse({ ...pool, ...pool.lookAgain() });
  if (now.kind === "usable" || now.kind === poolUse(pool).kind) return;
  throw new PeerlaneError("environment", `the memory of ${formatBdf(pool.provider)} is not what it was a moment ago`, {
    facts: { now: now.why },
    remedy: "peerlane p2pmem shows who has it; run this again",
  });
}

/** Why a named pool is not used, and the way out. */
export function refusalOf(pool: MemoryPool, use: Exclude<PoolUse, { readonly kind: "usable" }>): PeerlaneError {
  return new PeerlaneError("unsupported", `the peer memory of ${formatBdf(pool.provider)} is not used: ${use.why}`, {
    remedy: REMEDIES[use.kind],
  });
}

const REMEDIES = {
  "in-use":
    "take memory that its driver gives away, as an NVMe Controller Memory Buffer: peerlane p2pmem lists the pools",
  "not-offered": "boot Linux 6.2 or newer, where user space can map it",
  "no-permission": "run it as root (sudo), or let your group write p2pmem/allocate of that device",
  unpublished: "where it is known that nothing else uses it: --allow-unpublished",
} as const;
