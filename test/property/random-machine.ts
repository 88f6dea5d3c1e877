import fc from "fast-check";
import type { Machine } from "../../src/host/machine.ts";
import { makeBdf } from "../../src/pci/bdf.ts";
import type { PortType } from "../../src/pci/express.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { inferCpu } from "../../src/rules/inferred-cpu.ts";
import { express, functionAt } from "../rules/by-hand.ts";

const unseen = unknown("not part of a random machine");

/** A shape: a bridge with what is below it, or an endpoint. */
type Shape =
  | { readonly acs: number; readonly below: readonly Shape[] }
  | { readonly acs: number; readonly below: null };

const acsControl = fc.oneof(fc.constant(-1), fc.constant(0), fc.constant(0x1d), fc.nat(0x7f));

const { shape } = fc.letrec<{ shape: Shape }>((tie) => ({
  shape: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ acs: acsControl, below: fc.constant(null) }),
    fc.record({ acs: acsControl, below: fc.array(tie("shape"), { minLength: 1, maxLength: 3 }) }),
  ),
}));

const hostBridgeIds = [
  [0x8086, 0x29c0],
  [0x8086, 0x2030],
  [0x8086, 0x3c00],
  [0x8086, 0x09a2],
  [0x1022, 0x1450],
  [0x1ae0, 0x0001],
  [0x10de, 0x2f95],
] as const;

/** Lays shapes out below host bridges: buses depth first, one device a shape. */
function layOut(
  trees: readonly { readonly id: number; readonly withHost: boolean; readonly tops: readonly Shape[] }[],
): PciFunction[] {
  const functions: PciFunction[] = [];
  trees.forEach(({ id, withHost, tops }, index) => {
    const rootBus = index * 0x40;
    let lastBus = rootBus;
    const [vendorId, deviceId] = hostBridgeIds[id % hostBridgeIds.length] ?? [0, 0];
    if (withHost) {
      functions.push(functionAt(makeBdf(0, rootBus, 0, 0), { vendorId, deviceId, classCode: 0x060000, express: null }));
    }
    const place = (node: Shape, bus: number, slot: number, depth: number): void => {
      const bdf = makeBdf(0, bus, slot, 0);
      const acs = node.acs < 0 ? null : { capability: 0x7f, control: node.acs };
      const isRoot = depth === 0;
      if (node.below === null || lastBus >= rootBus + 0x3e) {
        functions.push(functionAt(bdf, { acs, express: express(isRoot ? "root-complex-endpoint" : "endpoint") }));
        return;
      }
      const secondary = ++lastBus;
      const position = functions.length;
      const type: PortType = isRoot ? "root-port" : depth % 2 === 1 ? "upstream-port" : "downstream-port";
      node.below.forEach((child, childSlot) => {
        place(child, secondary, childSlot, depth + 1);
      });
      const bridge = { primary: bus, secondary, subordinate: lastBus, windows: [] };
      const parts = { vendorId, deviceId, classCode: 0x060400, headerType: 1, express: express(type), acs, bridge };
      functions.splice(position, 0, functionAt(bdf, parts));
    };
    tops.forEach((top, slot) => {
      place(top, rootBus, slot + 1, 0);
    });
  });
  return functions.sort((a, b) => a.bdf - b.bdf);
}

/** Machines of up to three host bridges, with every CPU and kernel that the rules tell apart. */
export const randomMachine: fc.Arbitrary<Machine> = fc
  .record({
    trees: fc.array(
      fc.record({
        id: fc.nat(hostBridgeIds.length - 1),
        withHost: fc.boolean(),
        tops: fc.array(shape, { minLength: 1, maxLength: 4 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    vendor: fc.constantFrom("AuthenticAMD", "GenuineIntel"),
    family: fc.constantFrom(6, 0x15, 0x17, 0x19),
    release: fc.constantFrom("4.19", "4.20", "5.2", "5.4", "5.8", "5.10", "6.1", "6.12", "7.0", "7.2", "7.3", "8.0"),
    mode: fc.constantFrom("off", "strict", "passthrough"),
  })
  .map(({ trees, vendor, family, release, mode }): Machine => {
    const rootBuses = trees.map((_, index) => index * 0x40);
    return {
      source: { format: "sysfs", name: "a random machine" },
      functions: layOut(trees),
      hostBridges: rootBuses.map((rootBus) => ({ rootBus, windows: unseen, numaNode: null })),
      cpu: { architecture: "x86_64", vendor, family, model: 1, name: null },
      kernel: { release, commandLine: "", config: {} },
      iommu: {
        kind: mode === "off" ? "none" : "intel",
        mode: mode as "off" | "strict" | "passthrough",
        groupTypes: new Map(),
      },
      notes: [],
    };
  });

/** Random machines have host bridges of any make beside any CPU: what shows another CPU than theirs shows nothing. */
export function withOwnCpu(whole: Machine, part: Machine): Machine {
  const inferred = inferCpu(part);
  if (inferred === null) return part;
  const { vendor, families } = inferred.make;
  const { family } = whole.cpu;
  const isOwn =
    vendor === whole.cpu.vendor &&
    (families === null || isUnknown(family) || family === null || (families[0] <= family && family <= families[1]));
  return isOwn ? part : { ...part, cpu: whole.cpu };
}
