import { describe, expect, test } from "vitest";
import { compareGroups, comparePairs } from "../vm/compare.ts";
import { captureNames, readCapture, readCapturedMachine } from "./captures.ts";

describe("the rules say what each recorded kernel decided", () => {
  test("there are captures of at least ten shapes", () => {
    expect(new Set(captureNames.map((name) => name.split(".")[0])).size).toBeGreaterThanOrEqual(10);
  });

  test.for(captureNames)("%s", (name) => {
    const machine = readCapturedMachine(name);
    const { pairs } = readCapture(name);
    expect(pairs.length).toBeGreaterThan(0);
    expect(comparePairs(machine, pairs).filter(({ differences }) => differences.length > 0)).toEqual([]);
    const groups = compareGroups(machine);
    expect(groups.expected).toEqual(groups.real);
  });
});

describe("the captures themselves", () => {
  test("hold all three outcomes, and redirected paths that the kernel named", () => {
    const pairs = captureNames.flatMap((name) => readCapture(name).pairs);
    expect(new Set(pairs.map((pair) => pair.mapType))).toEqual(
      new Set(["bus-addr", "thru-host-bridge", "not-supported"]),
    );
    expect(pairs.filter((pair) => pair.acsRedirect.length > 0).length).toBeGreaterThan(10);
  });

  test("name the kernel and the QEMU that gave them", () => {
    for (const name of captureNames) {
      expect(readCapture(name).kernelRelease).toMatch(/^\d+\.\d+/);
      expect(readCapture(name).qemuVersion).toMatch(/^\d+\.\d+/);
    }
  });
});
