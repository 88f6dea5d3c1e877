import type { Bdf } from "../../pci/bdf.ts";
import { memoryBars } from "../../pci/function.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import type { AnswerPart } from "./answer-parts.ts";

/** A pair with its way, in one machine. */
interface PairInSight {
  readonly provider: Bdf;
  readonly client: Bdf;
  readonly path: readonly Bdf[];
}

/** What depends on hardware. */
const HARDWARE: readonly AnswerPart[] = [
  "hardware-write",
  "hardware-read",
  "address",
  "route-write",
  "route-read",
  "route-hops",
];

/** Parts that hang on the same facts have one number: what is hidden of one is hidden of all. */
export function sightOf(part: AnswerPart): 0 | 1 | 2 | 3 {
  if (part === "who-asks" || part === "provisos") return 1;
  if (part === "hardware-write" || part === "hardware-read") return 2;
  return HARDWARE.includes(part) ? 3 : 0;
}

/**
 * What a source hides of that which a part of an answer depends on. Where one side hides what the other shows, a part that
 * differs is known on one side only; map types, hops and ACS say themselves what is hidden.
 */
export function hiddenFrom(
  part: AnswerPart,
  { machine, topology }: VerdictTable,
  pair: PairInSight,
): ReadonlySet<string> {
  const hidden = new Set<string>();
  if (part !== "who-asks" && part !== "provisos" && !HARDWARE.includes(part)) return hidden;
  const look = (what: string, value: Known<unknown>): void => {
    if (isUnknown(value)) hidden.add(what);
  };
  const { kernel, cpu, iommu } = machine;
  const [provider, client] = [topology.functionOf(pair.provider), topology.functionOf(pair.client)];
  if (part !== "hardware-write" && part !== "hardware-read") {
    look("owner's driver", provider.driver);
    look("peer's driver", client.driver);
    look("peer memory", provider.p2pmem);
    look("release", kernel.release);
    look("configuration", kernel.config);
    if (kernel.modules === undefined) hidden.add("modules");
  }
  if (!HARDWARE.includes(part)) return hidden;
  look("vendor", cpu.vendor);
  look("family", cpu.family);
  look("model", cpu.model);
  look("architecture", cpu.architecture);
  look("iommu mode", iommu.mode);
  look("iommu", iommu.kind);
  look("host bridges", machine.hostBridges);
  look("BARs", provider.bars);
  for (const bar of memoryBars(provider) ?? []) {
    look("addresses", bar.physAddress);
    look("addresses on the bus", bar.busAddress);
  }
  for (const bdf of pair.path) {
    const fn = topology.functionOf(bdf);
    for (const value of [fn.vendorId, fn.deviceId]) look("ids", value);
    look("ACS", fn.acs);
    look("port types", fn.express);
    if (!isUnknown(fn.bridge) && fn.bridge !== null) look("bridge windows", fn.bridge.windows);
    look("bridges", fn.bridge);
    look("command", fn.command);
  }
  return hidden;
}
