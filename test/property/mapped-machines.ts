import fc from "fast-check";
import { buildSystem, type System } from "../../src/devices/system.ts";
import type { SystemOptions } from "../../src/devices/system-options.ts";
import type { IommuMode } from "../../src/host/machine.ts";
import { PAGE_BYTES, type PhysRange } from "../../src/pci/addresses.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";

/** A machine for the mapping's properties, before its model is put together. */
export interface MachineDraft {
  /** The scenario, for people to run again. */
  readonly scenario: string;
  /** Bus address − CPU physical address of RAM. */
  readonly ramBusOffset: number;
}

/** A model with what devices may be given: some pages of RAM, and the BARs of peers. */
export interface MappedWorld {
  readonly system: System;
  readonly clients: readonly Bdf[];
  /** Where bytes may lie: RAM first, then the peers' memory. Each is whole pages. */
  readonly memory: readonly PhysRange[];
}

/** Nodes as JSON, which is YAML. */
type Tree = Record<string, unknown>;

// Egress Control stands with Request Redirect: alone it blocks what the kernel calls reachable (its vector is shown by no source).
const acs = fc.constantFrom("false", "true", "SV+ RR+ CR+ UF+", "RR+", "CR+", "RR+ EC+", "UF+", "SV+ TB+ UF+ DT+");
const mask = fc.constantFrom(64, 64, 64, 48, 40, 32);
const endpoint: fc.Arbitrary<Tree> = fc
  .tuple(fc.constantFrom("nvme", "gpu", "nic", "accel"), fc.constantFrom("64K", "1M", "16M"), mask)
  .map(([kind, size, dmaMaskBits]) => ({ [kind]: { [kind === "nvme" ? "cmb" : "bar"]: size, dmaMaskBits } }));
const linkChild = fc.letrec<{ child: Tree[] }>((tie) => ({
  child: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    endpoint.map((one): Tree[] => [one]),
    fc.array(endpoint, { minLength: 2, maxLength: 3 }).map((functions): Tree[] => [{ functions }]),
    fc
      .array(fc.tuple(acs, tie("child")), { minLength: 1, maxLength: 3 })
      .map((ports): Tree[] => [{ switch: {}, below: ports.map(([one, below]) => ({ port: { acs: one }, below })) }]),
  ),
})).child;
const hostBridge = fc.record({
  busOffset: fc.constantFrom("0", "0", "-1T", "512G", "-64T"),
  below: fc
    .array(fc.tuple(acs, linkChild), { minLength: 1, maxLength: 3 })
    .map((ports) => ports.map(([one, below]): Tree => ({ rootPort: { acs: one }, below }))),
});

/** Random machines: switches, ACS, one host bridge or two, offsets of both signs, every mode of the IOMMU, masks. */
export const machineDrafts: fc.Arbitrary<MachineDraft> = fc
  .record({
    bridges: fc.array(hostBridge, { minLength: 1, maxLength: 2 }),
    cpu: fc.constantFrom("amd-zen", "amd-zen", "intel"),
    iommu: fc.constantFrom<IommuMode>("off", "passthrough", "strict", "lazy"),
    ramBusOffset: fc.constantFrom(0, 0, 2 ** 46),
  })
  .map(({ bridges, cpu, iommu, ramBusOffset }) => {
    // Offsets of two host bridges may put their windows over each other, which a scenario refuses.
    const hostBridges = bridges.map((one, index) => (index === 0 ? one : { ...one, busOffset: "0" }));
    return { scenario: JSON.stringify({ cpu, kernel: "7.2", iommu, hostBridges }), ramBusOffset };
  });

const RAM_PAGES = 64;
/** The part of each BAR that is used: more would only cost time. */
const PEER_PAGES = 16;

/**
 * What the PCIe specification leaves open, taken as the kernel takes it for granted: root complexes forward, a port passes
 * on what is below it again, Egress Control controls nobody.
 */
const PERMISSIVE: SystemOptions = {
  rootComplex: "forward",
  switchForwarding: "per-spec",
  withoutUpstreamForwarding: "forward",
  isEgressControlled: () => false,
};

/** Puts a draft's model together: with hardware that carries whatever the kernel maps, or with the model's own defaults. */
export function mappedWorld(
  { scenario, ramBusOffset }: MachineDraft,
  hardware: "permissive" | "defaults" = "permissive",
): MappedWorld {
  const machine = afterBoot(qemuMachineOf(scenario, "random.yaml"));
  const peers = machine.functions.flatMap(({ bdf, bars, bridge }) =>
    bridge !== null || isUnknown(bars)
      ? []
      : bars.flatMap((bar) => {
          const { kind, index, sizeBytes, physAddress } = bar;
          const isPlaced =
            kind === "memory" && physAddress !== null && !isUnknown(physAddress) && !isUnknown(sizeBytes);
          if (!isPlaced || sizeBytes < PAGE_BYTES) return [];
          const bytes = Math.min(sizeBytes, PEER_PAGES * PAGE_BYTES);
          return [{ fn: bdf, bar: index, sizeBytes: bytes, range: { start: physAddress, sizeBytes: bytes } }];
        }),
  );
  const system = buildSystem(machine, {
    ...(hardware === "permissive" ? PERMISSIVE : {}),
    ramBytes: 2 ** 22,
    ramBusOffset: () => ramBusOffset,
    peerMemory: peers.map(({ fn, bar, sizeBytes }) => ({ fn, bar, sizeBytes })),
    maxPayloadBytes: 4096,
    maxReadBytes: 4096,
  });
  const ram = system.ram.alloc(RAM_PAGES * PAGE_BYTES);
  if (ram === null) throw new Error("no RAM for lists");
  const clients = [...new Set(peers.map(({ fn }) => fn))];
  return { system, clients, memory: [ram, ...peers.map(({ range }) => range)] };
}
