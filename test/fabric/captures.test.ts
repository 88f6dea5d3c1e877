import { describe, expect, test } from "vitest";
import { createFabric, type Fabric } from "../../src/fabric/fabric.ts";
import type { FabricOptions } from "../../src/fabric/options.ts";
import type { Machine } from "../../src/host/machine.ts";
import type { DmaAddr } from "../../src/pci/addresses.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { captureNames, readCapturedMachine } from "../machines/captures.ts";

/** The prefetchable memory BARs, which peers use, with their bus addresses. */
function* peerBars(machine: Machine): Generator<{ bdf: Bdf; bar: number; address: DmaAddr }> {
  for (const { bdf, bars, bridge } of machine.functions) {
    if (isUnknown(bars) || bridge !== null) continue;
    for (const bar of bars) {
      if (bar.kind !== "memory" || !bar.prefetchable || isUnknown(bar.busAddress) || bar.busAddress === null) continue;
      yield { bdf, bar: bar.index, address: bar.busAddress as number as DmaAddr };
    }
  }
}

/** The fabric with bus mastering on for all, as drivers turn it on: some of the recorded devices have none bound. */
function fabricOf(machine: Machine, options: FabricOptions = {}): Fabric {
  const fabric = createFabric(machine, options);
  for (const { bdf } of machine.functions) fabric.setCommand(bdf, fabric.command(bdf) | 0x4);
  return fabric;
}

/**
 * Captures in which a request goes directly though the kernel says that it is redirected: the kernel counts the ACS of
 * every function on both arms, the request meets only the registers of where it comes from. Functions of one device
 * meet none, and a port without redirect sends its requests to a neighbour that has it on.
 */
const directAllTheSame = ["chained-ports", "functions-of-one-device", "mixed-acs"];

describe.each(captureNames.filter((name) => /\.(off|strict)$/.test(name)))("%s", (name) => {
  const machine = readCapturedMachine(name);

  test("The real address map leads every request to the BAR that it names, or says why not", () => {
    const fabric = fabricOf(machine, { switchForwarding: "always-upstream" });
    const table = decideAll(machine);
    for (const { bdf, bar, address } of peerBars(machine)) {
      for (const requester of table.clients) {
        const route = fabric.route({ requester, kind: "write", address, lengthBytes: 64, addressType: "untranslated" });
        expect(route).toMatchObject({ outcome: "delivered", target: { kind: "bar", fn: bdf, bar, offset: 0 } });
      }
    }
  });

  test("Where the kernel's verdict is bus-addr the request goes directly; else it does so only in the captures listed", () => {
    const fabric = fabricOf(machine);
    const table = decideAll(machine);
    const checked = [...peerBars(machine)].filter(({ bdf }) => table.providers.includes(bdf));
    for (const { bdf, bar, address } of checked) {
      const provider = table.providers.indexOf(bdf);
      table.clients.forEach((requester, client) => {
        const route = fabric.route({ requester, kind: "read", address, lengthBytes: 64, addressType: "untranslated" });
        if (isUnknown(route)) throw new Error(route.unknown);
        const isDirect = !route.hops.some(({ at }) => at === "root-complex");
        if (table.mapType(provider, client) === "bus-addr") {
          expect(route).toMatchObject({ outcome: "delivered", target: { kind: "bar", fn: bdf, bar, offset: 0 } });
          expect(isDirect).toBe(true);
        } else if (route.outcome === "delivered" && isDirect) {
          expect(
            directAllTheSame.some((shape) => name === `${shape}.amd-zen.strict` || name === `${shape}.intel.strict`),
          ).toBe(true);
        }
      });
    }
  });
});
