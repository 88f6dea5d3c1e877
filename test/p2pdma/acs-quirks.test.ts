import { describe, expect, test } from "vitest";
import { acsQuirk } from "../../src/p2pdma/acs-quirks.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { readCapturedMachine } from "../machines/captures.ts";

const [endpoint] = readCapturedMachine("one-switch.intel.off").functions.filter((fn) => fn.classCode === 0x010802);
const [rootPort] = readCapturedMachine("one-switch.intel.off").functions.filter((fn) => fn.vendorId === 0x1b36);

function quirkOf(fn: PciFunction | undefined, vendorId: number, deviceId: number): string | undefined {
  if (fn === undefined) throw new Error("the capture has no such function");
  return acsQuirk({ ...fn, vendorId, deviceId });
}

describe("the kernel's table of devices that stand in for ACS", () => {
  test.for([
    [0x8086, 0x10fb, "isolated"],
    [0x8086, 0x10fd, undefined],
    [0x8088, 0x1001, "isolated"],
    [0x8088, 0x9999, "open"],
    [0x1b36, 0x0010, undefined],
  ] as const)("%i:%i as an endpoint: %s", ([vendorId, deviceId, says]) => {
    expect(quirkOf(endpoint, vendorId, deviceId)).toBe(says);
  });

  test.for([
    [0x8086, 0x8c10, "isolated"],
    [0x8086, 0xa110, "registers-elsewhere"],
    [0x1c36, 0x0031, "isolated"],
    [0x177d, 0xa100, "isolated"],
    [0x1d17, 0x0720, "open"],
    [0x1d17, 0x0721, "isolated"],
  ] as const)("%i:%i as a root port: %s", ([vendorId, deviceId, says]) => {
    expect(quirkOf(rootPort, vendorId, deviceId)).toBe(says);
  });

  test("says nothing of ports that are root ports only by id", () => {
    expect(quirkOf(endpoint, 0x8086, 0x8c10)).toBeUndefined();
  });
});
