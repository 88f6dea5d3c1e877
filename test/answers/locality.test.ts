import { describe, expect, test } from "vitest";
import { Localities } from "../../src/answers/locality.ts";
import { topologyOf } from "../../src/host/machine.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { rows } from "../rows.ts";
import { at, bridge, endpoint, hostBridge, machineOf } from "../rules/by-hand.ts";

const hidden = unknown("not shown");

/** Two host bridges of node 0 and one of node 1; below the first a switch with one of its ports leading to a second switch. */
const functions: readonly PciFunction[] = [
  hostBridge("00:00.0", "1022:14a4", { numaNode: 0 }),
  bridge("00:01.0", "root-port", 1, { numaNode: 0 }),
  bridge("01:00.0", "upstream-port", 2, { numaNode: 0 }),
  bridge("02:00.0", "downstream-port", 3, { numaNode: 0 }),
  bridge("02:01.0", "downstream-port", 4, { numaNode: 0 }),
  bridge("02:02.0", "downstream-port", 5, { numaNode: 0 }),
  endpoint("03:00.0", { numaNode: 0 }),
  endpoint("03:00.1", { numaNode: 0 }),
  endpoint("04:00.0", { numaNode: 0 }),
  bridge("05:00.0", "upstream-port", 6, { numaNode: 0 }),
  bridge("06:00.0", "downstream-port", 7, { numaNode: 0 }),
  bridge("06:01.0", "downstream-port", 8, { numaNode: 0 }),
  endpoint("07:00.0", { numaNode: 0 }),
  endpoint("08:00.0", { numaNode: 0 }),
  bridge("00:02.0", "root-port", 9, { numaNode: 0 }),
  endpoint("09:00.0", { numaNode: 0 }),
  hostBridge("40:00.0", "1022:14a4", { numaNode: 0 }),
  bridge("40:01.0", "root-port", 0x41, { numaNode: 0 }),
  endpoint("41:00.0", { numaNode: 0 }),
  hostBridge("80:00.0", "1022:14a4", { numaNode: 1 }),
  bridge("80:01.0", "root-port", 0x81, { numaNode: 1 }),
  endpoint("81:00.0", { numaNode: 1 }),
];

function localityOf(of: readonly PciFunction[], a: string, b: string): string {
  const machine = machineOf(of, {
    hostBridges: [0x00, 0x40, 0x80].map((rootBus) => ({ rootBus, windows: [], numaNode: hidden })),
  });
  const table = decideAll(machine, { providers: [at(a)], clients: [at(b)] });
  const { is, word } = new Localities(machine, topologyOf(machine)).of(table.path(0, 0));
  if (is === null) return "itself";
  return isUnknown(is) ? `${word}: ${is.unknown}` : is;
}

describe("The place of a pair, by the words of nvidia-smi topo", () => {
  test.each(
    rows(`
      // a     | b       | locality
      03:00.0  | 03:00.0 | itself
      03:00.0  | 03:00.1 | PIX     // two functions of one device
      03:00.0  | 04:00.0 | PIX     // two ports of one switch
      07:00.0  | 08:00.0 | PIX     // the same, behind another switch
      03:00.0  | 07:00.0 | PXB
      03:00.0  | 09:00.0 | PHB     // two root ports of one host bridge
      03:00.0  | 41:00.0 | NODE
      03:00.0  | 81:00.0 | SYS
      41:00.0  | 81:00.0 | SYS
    `),
  )("%s and %s: %s", (a = "", b = "", locality) => {
    expect(localityOf(functions, a, b)).toBe(locality);
    expect(localityOf(functions, b, a)).toBe(locality);
  });

  test("hangs on NUMA nodes between host bridges only, and says so where they are hidden", () => {
    const without = functions.map((fn) => ({ ...fn, numaNode: hidden }));
    expect(localityOf(without, "03:00.0", "09:00.0")).toBe("PHB");
    expect(localityOf(without, "03:00.0", "81:00.0")).toBe(
      "NODE or SYS: NODE or SYS: the source does not show the NUMA nodes of both",
    );
  });

  test("hangs on the types of ports where several bridges are between, and says so where they are hidden", () => {
    const without = functions.map((fn) => (fn.bridge === null ? fn : { ...fn, express: hidden }));
    expect(localityOf(without, "03:00.0", "03:00.1")).toBe("PIX");
    expect(localityOf(without, "03:00.0", "04:00.0")).toBe(
      "PIX or PXB: PIX or PXB: the source does not show which bridges are one switch",
    );
  });
});
