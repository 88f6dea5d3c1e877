import { machineGates } from "../../answers/gates.ts";
import type { FileTree } from "../../host/file-tree.ts";
import type { Machine } from "../../host/machine.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import type { MemoryPool } from "./memory-pool.ts";
import { type PoolConsent, permitPool, poolUse, refusalOf } from "./pool-use.ts";

/** Something without which no peer memory can be used here, and how to get it. */
export interface Missing {
  readonly what: string;
  readonly remedy: string;
}

/** What this host lacks to use peer memory, the deepest cause first; empty where a pool may be used. */
export function whatIsMissing(
  tree: FileTree,
  machine: Machine,
  pools: readonly MemoryPool[],
  consent: PoolConsent = { allowUnpublished: false },
): readonly Missing[] {
  if (pools.some((pool) => permitPool(pool, consent) !== null)) return [];
  if (tree.list("sys/bus/pci/devices") === undefined) {
    return [
      {
        what: "there is no /sys/bus/pci: this is a container without sysfs, or a system without PCI",
        remedy: "run it on the host, or give the container the host's /sys and the p2pmem files (--privileged)",
      },
    ];
  }
  const blocked = machineGates(machine).filter(({ effect }) => effect === "blocks");
  if (blocked.length > 0) {
    return blocked.map(({ message }) => ({
      what: message,
      remedy:
        "boot a kernel with CONFIG_PCI_P2PDMA: Debian's 7.2 (trixie-backports) has it; peerlane vm shows one in QEMU",
    }));
  }
  if (pools.length === 0) return [noPool(machine)];
  const kinds = new Set(pools.map((pool) => poolUse(pool).kind));
  const leftAlone = pools.flatMap(whyLeftAlone);
  if (kinds.has("no-permission")) {
    return [
      {
        what: "no permission to map the peer memory of this host",
        remedy: "run it as root (sudo), or let your group write /sys/bus/pci/devices/*/p2pmem/allocate",
      },
      ...leftAlone,
    ];
  }
  if (kinds.has("not-offered")) {
    return [
      {
        what: `the kernel offers peer memory to drivers only: p2pmem/allocate is not there${releaseText(machine)}`,
        remedy: "boot Linux 6.2 or newer, where user space can map it",
      },
      ...leftAlone,
    ];
  }
  return leftAlone;
}

/** What is there and is not taken: memory in use, or not published. */
function whyLeftAlone(pool: MemoryPool): readonly Missing[] {
  const use = poolUse(pool);
  if (use.kind !== "in-use" && use.kind !== "unpublished") return [];
  const { message, remedy = "" } = refusalOf(pool, use);
  return [{ what: message, remedy }];
}

function noPool(machine: Machine): Missing {
  const { config } = machine.kernel;
  const mayLack = isUnknown(config)
    ? " (or the kernel is built without CONFIG_PCI_P2PDMA: its configuration is hidden)"
    : "";
  return {
    what: `no device of this host offers peer memory${mayLack}`,
    remedy:
      "a provider is an NVMe drive with a Controller Memory Buffer, or a device whose driver registers its BAR; to try it without one: peerlane vm examples/one-switch.yaml --shell",
  };
}

function releaseText({ kernel: { release } }: Machine): string {
  return isUnknown(release) ? "" : ` (Linux ${release})`;
}

/** Throws `environment` with all that is missing where no pool may be used. */
export function requirePools(
  tree: FileTree,
  machine: Machine,
  pools: readonly MemoryPool[],
  consent?: PoolConsent,
): void {
  const missing = whatIsMissing(tree, machine, pools, consent);
  const [first] = missing;
  if (first === undefined) return;
  throw new PeerlaneError("environment", missing.map(({ what }) => what).join("; "), {
    remedy: [...new Set(missing.map(({ remedy }) => remedy))].join("; "),
  });
}
