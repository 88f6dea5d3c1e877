import fc from "fast-check";
import type { Fabric } from "../../src/fabric/fabric.ts";
import type { FabricOptions } from "../../src/fabric/options.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, type Known } from "../../src/pci/known.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";

/** Machines as JSON, which is YAML: scenarios give their addresses and windows. */
type Tree = Record<string, unknown>;

const acs = fc.constantFrom("false", "true", "SV+ RR+ CR+ UF+", "RR+", "CR+", "EC+", "UF+ DT+", "SV+ TB+ UF+");
const endpoint: fc.Arbitrary<Tree> = fc.constantFrom<Tree>(
  { nvme: { cmb: "64K" } },
  { gpu: { bar: "1M" } },
  { nic: { sriov: { total: 3, vfs: 2 } } },
  { device: { bars: { 0: 256, 2: "4K" } } },
);
const linkChild = fc.letrec<{ child: Tree[] }>((tie) => ({
  child: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    endpoint.map((one): Tree[] => [one]),
    fc.array(endpoint, { minLength: 2, maxLength: 3 }).map((functions): Tree[] => [{ functions }]),
    fc.array(endpoint, { minLength: 1, maxLength: 2 }).map((): Tree[] => [{ bridge: {}, below: ["device", "device"] }]),
    fc
      .array(fc.tuple(acs, tie("child")), { minLength: 1, maxLength: 3 })
      .map((ports): Tree[] => [{ switch: {}, below: ports.map(([one, below]) => ({ port: { acs: one }, below })) }]),
  ),
})).child;
const hostBridge = fc.record({
  busOffset: fc.constantFrom("0", "-1T", "512G"),
  below: fc
    .array(fc.tuple(acs, linkChild), { minLength: 1, maxLength: 3 })
    .map((ports) => ports.map(([one, below]): Tree => ({ rootPort: { acs: one }, below }))),
});

export const machines: fc.Arbitrary<Machine> = fc
  .record({
    bridges: fc.array(hostBridge, { minLength: 1, maxLength: 2 }),
    iommu: fc.constantFrom("off", "passthrough"),
  })
  .map(({ bridges, iommu }) => {
    // Offsets of two host bridges may put their windows over each other, which a scenario refuses.
    const hostBridges = bridges.map((one, index) => (index === 0 ? one : { ...one, busOffset: "0" }));
    return { cpu: "amd-zen", kernel: "7.2", iommu, hostBridges };
  })
  .map((scenario) => afterBoot(readScenario(JSON.stringify(scenario), "random.yaml")));

export const options: fc.Arbitrary<FabricOptions> = fc.record({
  rootComplex: fc.constantFrom("forward", "refuse", "writes-only", "within-host-bridge"),
  switchForwarding: fc.constantFrom("per-spec", "per-spec", "always-upstream"),
  withoutUpstreamForwarding: fc.constantFrom("refuse", "forward"),
  insideDevices: fc.constantFrom("direct", "upstream"),
});

export interface Bar {
  readonly fn: PciFunction;
  readonly index: number;
  readonly bus: number;
  readonly sizeBytes: number;
}

export function value<T>(known: Known<T>): T {
  if (isUnknown(known)) throw new Error(known.unknown);
  return known;
}

export function barsOf(machine: Machine): readonly Bar[] {
  return machine.functions.flatMap((fn) =>
    value(fn.bars).flatMap((bar) => {
      const bus = value(bar.busAddress);
      return bus === null ? [] : [{ fn, index: bar.index, bus, sizeBytes: value(bar.sizeBytes) }];
    }),
  );
}

/** Every page that anything wrote, with its bytes. */
export function contents(fabric: Fabric, bars: readonly Bar[]): Map<string, number> {
  const bytes = new Map<string, number>();
  const note = (name: string, store: Fabric["dram"]): void => {
    for (const page of store.storedPages()) {
      store.slice(page, 4096).forEach((byte, offset) => {
        if (byte !== 0) bytes.set(`${name}+${page + offset}`, byte);
      });
    }
  };
  note("dram", fabric.dram);
  for (const { fn, index } of bars) note(`${fn.bdf}.${index}`, fabric.barBytes(fn.bdf, index));
  return bytes;
}
