import { expect, test } from "vitest";
import { createFabric, type Fabric } from "../../src/fabric/fabric.ts";
import { PCI_ACS_RR } from "../../src/pci/acs.ts";
import { bdfOf, busOf, hopsOf, pattern, switchMachine } from "./machines.ts";

const machine = switchMachine({ ports: "SV+", roots: "false" });
const left = bdfOf(machine, "left");
const leftPort = bdfOf(machine, "leftPort");
const right = bdfOf(machine, "right");

/** Often enough that the route is remembered. */
function write(fabric: Fabric): string {
  let outcome = "";
  for (let time = 0; time < 12; time++) outcome = fabric.write(left, busOf(machine, "right"), pattern(64));
  return outcome;
}

test("A route that was remembered ends with the register that decided it: ACS, bus mastering, memory decode", () => {
  const fabric = createFabric(machine);
  expect(write(fabric)).toBe("delivered");
  expect(hopsOf(machine, fabric.lastRoute())).toContain("leftPort across");
  fabric.setAcsControl(leftPort, PCI_ACS_RR);
  write(fabric);
  expect(hopsOf(machine, fabric.lastRoute())).toContain("leftPort redirect");
  fabric.setAcsControl(leftPort, 0);
  expect(write(fabric)).toBe("delivered");
  fabric.setCommand(left, 0x2);
  expect(write(fabric)).toBe("not-issued");
  fabric.setCommand(left, 0x6);
  expect(write(fabric)).toBe("delivered");
  fabric.setCommand(right, 0x4);
  expect(write(fabric)).toBe("unsupported-request");
});
