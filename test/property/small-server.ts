import fc from "fast-check";
import type { Machine } from "../../src/host/machine.ts";
import { type Bdf, makeBdf } from "../../src/pci/bdf.ts";
import type { PciExpress, PortType } from "../../src/pci/express.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { express, functionAt } from "../rules/by-hand.ts";

const unseen = unknown("not part of a small server");

/** What is in a slot: nothing, a device, a device of two functions. */
type Filling = 0 | 1 | 2;
/** A port: its ACS control as firmware leaves it (-1: no ACS), and what is below it. */
interface PortShape {
  readonly acs: number;
  readonly filling: Filling;
}
/** A root port with a slot, or with a switch whose ports have slots. */
interface RootPortShape extends PortShape {
  readonly ports: readonly PortShape[];
}

const acs = fc.constantFrom(-1, -1, 0, 0x1d, 0x0c);
const filling = fc.constantFrom<Filling>(0, 0, 1, 1, 2);
const port = fc.record({ acs, filling });
const rootPort = fc.record({
  acs,
  filling,
  ports: fc.oneof(fc.constant([]), fc.array(port, { minLength: 1, maxLength: 3 })),
});

/** Ids of first devices of root buses: on no allow-list, on it since some release, for one host bridge only. */
const hostBridges = [
  [0x8086, 0x29c0],
  [0x8086, 0x2030],
  [0x8086, 0x09a2],
  [0x8086, 0x3c00],
  [0x10de, 0x2f95],
  [0x1022, 0x1450],
] as const;

interface Builder {
  readonly functions: PciFunction[];
  /** Devices in slots, by their first functions. */
  readonly devices: Bdf[];
  bus: number;
}

function withPort(builder: Builder, bdf: Bdf, type: PortType, shape: PortShape, inside: () => void): void {
  const place = builder.functions.length;
  const secondary = ++builder.bus;
  inside();
  const bridge = { primary: (bdf >> 8) & 0xff, secondary, subordinate: builder.bus, windows: [] };
  const acsOfPort = shape.acs < 0 ? null : { capability: 0x5f, control: shape.acs };
  builder.functions.splice(
    place,
    0,
    functionAt(bdf, {
      classCode: 0x060400,
      headerType: 1,
      express: { ...(express(type) as PciExpress), slotImplemented: true },
      acs: acsOfPort,
      bridge,
    }),
  );
}

function fill(builder: Builder, bus: number, count: Filling): void {
  for (let fn = 0; fn < count; fn++) {
    const bdf = makeBdf(0, bus, 0, fn);
    if (fn === 0) builder.devices.push(bdf);
    builder.functions.push(functionAt(bdf, { multifunction: count > 1, bars: unseen }));
  }
}

function layOut(servers: readonly { readonly id: number; readonly rootPorts: readonly RootPortShape[] }[]): Builder {
  const builder: Builder = { functions: [], devices: [], bus: 0 };
  servers.forEach(({ id, rootPorts }, index) => {
    const rootBus = index * 0x40;
    builder.bus = rootBus;
    const [vendorId, deviceId] = hostBridges[id % hostBridges.length] ?? [0, 0];
    builder.functions.push(
      functionAt(makeBdf(0, rootBus, 0, 0), { vendorId, deviceId, classCode: 0x060000, express: null }),
    );
    rootPorts.forEach((shape, number) => {
      withPort(builder, makeBdf(0, rootBus, number + 1, 0), "root-port", shape, () => {
        const bus = builder.bus;
        if (shape.ports.length === 0) return fill(builder, bus, shape.filling);
        withPort(builder, makeBdf(0, bus, 0, 0), "upstream-port", { acs: -1, filling: 0 }, () => {
          const inner = builder.bus;
          shape.ports.forEach((one, slot) => {
            withPort(builder, makeBdf(0, inner, slot, 0), "downstream-port", one, () =>
              fill(builder, builder.bus, one.filling),
            );
          });
        });
        return undefined;
      });
    });
  });
  builder.functions.sort((a, b) => a.bdf - b.bdf);
  return builder;
}

/** A machine before its boot, and the first functions of the devices in its slots. */
export interface SmallServer {
  readonly machine: Machine;
  readonly devices: readonly Bdf[];
}

/** Small servers as firmware leaves them: root ports and switches with slots, empty or not, on one host bridge or two. */
export const smallServer: fc.Arbitrary<SmallServer> = fc
  .record({
    servers: fc.array(fc.record({ id: fc.nat(5), rootPorts: fc.array(rootPort, { minLength: 1, maxLength: 3 }) }), {
      minLength: 1,
      maxLength: 2,
    }),
    cpu: fc.constantFrom(["GenuineIntel", 6], ["GenuineIntel", 6], ["AuthenticAMD", 0x15], ["AuthenticAMD", 0x19]),
    release: fc.constantFrom("4.19", "4.20", "5.2", "5.4", "5.10", "5.15", "6.1", "6.12", "7.2", "7.3"),
    mode: fc.constantFrom("off" as const, "strict" as const, "passthrough" as const),
  })
  .map(({ servers, cpu: [vendor, family], release, mode }) => {
    const { functions, devices } = layOut(servers);
    const machine: Machine = {
      source: { format: "sysfs", name: "a small server" },
      functions,
      hostBridges: servers.map((_, index) => ({ rootBus: index * 0x40, windows: unseen, numaNode: null })),
      cpu: { architecture: "x86_64", vendor: vendor as string, family: family as number, model: 1, name: null },
      kernel: { release, commandLine: "", config: {} },
      iommu: { kind: mode === "off" ? "none" : "intel", mode, groupTypes: new Map() },
      notes: [],
    };
    return { machine, devices };
  })
  .filter(({ devices }) => devices.length >= 2);
