import { describe, expect, test } from "vitest";
import { createFabric } from "../../src/fabric/fabric.ts";
import type { Translator } from "../../src/iommu/translation.ts";
import type { DmaAddr, PhysAddr } from "../../src/pci/addresses.ts";
import { rows } from "../rows.ts";
import { bdfOf, busOf, machineOf, pattern, physOf } from "./machines.ts";

/** A BAR of 256 bytes, a writer beside it below one switch, and one below another root port. */
const machine = machineOf(`
  - below:
      - rootPort: { acs: false }
        below:
          - switch: { acs: false }
            below: [ { device: { bars: { 0: 256 }, name: small } }, { nic: { name: beside } } ]
      - rootPort: { acs: false }
        below: [ { nic: { name: far } } ]`);
const small = bdfOf(machine, "small");

describe("The ends of a BAR of 256 bytes", () => {
  test.each(
    rows(`
      // first byte | bytes | outcome
      0             | 1     | delivered
      0             | 256   | delivered
      255           | 1     | delivered             // the last byte
      252           | 4     | delivered
      256           | 1     | unsupported-request   // one byte past it
      253           | 4     | unsupported-request   // runs past it
      255           | 2     | unsupported-request
      -1            | 1     | unsupported-request   // one byte before it
      -4            | 4     | unsupported-request
      -1            | 2     | unsupported-request   // the first byte decides who claims it
    `),
  )("from byte %s, %s bytes: %s", (first, bytes, outcome) => {
    for (const requester of ["beside", "far"]) {
      // With DRAM elsewhere, what nothing claims is unsupported.
      const fabric = createFabric(machine, { ram: [{ start: 0 as PhysAddr, sizeBytes: 0x10000 }] });
      const address = (busOf(machine, "small") + Number(first)) as DmaAddr;
      const written = pattern(Number(bytes));
      expect(fabric.write(bdfOf(machine, requester), address, written)).toBe(outcome);
      const isThere = outcome === "delivered";
      const before = isThere ? Number(first) : 0;
      const expected = new Uint8Array(256);
      if (isThere) expected.set(written, before);
      expect(fabric.barBytes(small, 0).slice(0, 256)).toEqual(expected);

      const into = new Uint8Array(Number(bytes)).fill(0xee);
      expect(fabric.read(bdfOf(machine, requester), address, into)).toBe(outcome);
      expect(into).toEqual(isThere ? written : new Uint8Array(Number(bytes)).fill(0xee));
    }
  });
});

describe("An IOMMU mapping of some bytes", () => {
  const DRAM = 0x12340;
  const far = bdfOf(machine, "far");

  /** The bytes from IOVA 0x5000 on, as many as are mapped, lie in DRAM; those behind nowhere. */
  function translator(mapped: number): Translator {
    return {
      faults: [],
      translates: (requester) => requester === far,
      translate: (_requester, address) => {
        const offset = address - 0x5000;
        if (offset < 0 || offset >= mapped) return { ok: false, reason: "not-present" };
        return { ok: true, phys: (DRAM + offset) as PhysAddr, contiguousBytes: mapped - offset };
      },
    };
  }

  test.each(
    rows(`
      // mapped | first byte | bytes | outcome
      64        | 0          | 64    | delivered
      64        | 0          | 65    | iommu-fault  // shorter than the request
      63        | 0          | 64    | iommu-fault
      64        | 63         | 1     | delivered
      64        | 63         | 2     | iommu-fault
      64        | 64         | 1     | iommu-fault  // nothing is mapped there
      64        | -1         | 1     | iommu-fault
    `),
  )("%s: from byte %s, %s bytes: %s", (mapped, first, bytes, outcome) => {
    const fabric = createFabric(machine, { translator: translator(Number(mapped)) });
    const written = pattern(Number(bytes));
    expect(fabric.write(far, (0x5000 + Number(first)) as DmaAddr, written)).toBe(outcome);
    const landed = fabric.dram.slice(DRAM + Number(first), Number(bytes));
    expect(landed).toEqual(outcome === "delivered" ? written : new Uint8Array(Number(bytes)));
  });
});

describe("What a host bridge adds to an address", () => {
  test.each(["0", "64G", "-1T"])("busOffset %s: a BAR's ends are the same for the bus and for the CPU", (offset) => {
    const shifted = machineOf(`
  - busOffset: ${offset}
    below:
      - rootPort: { acs: false }
        below: [ { device: { bars: { 0: 1M }, name: small } } ]
      - rootPort: { acs: false }
        below: [ { nic: { name: far } } ]
  - below: [ { nic: { name: other } } ]`);
    const [bus, phys] = [busOf(shifted, "small"), physOf(shifted, "small")];
    const last = 2 ** 20 - 1;
    const fabric = createFabric(shifted, { ram: [{ start: 0 as PhysAddr, sizeBytes: 0x10000 }] });
    // Below the same host bridge its bus addresses hold, elsewhere CPU physical ones do.
    expect(fabric.write(bdfOf(shifted, "far"), (bus + last) as DmaAddr, pattern(1, 1))).toBe("delivered");
    expect(fabric.barBytes(bdfOf(shifted, "small"), 0).slice(last, 1)).toEqual(pattern(1, 1));
    expect(fabric.write(bdfOf(shifted, "other"), (phys + last) as number as DmaAddr, pattern(1, 2))).toBe("delivered");
    expect(fabric.barBytes(bdfOf(shifted, "small"), 0).slice(last, 1)).toEqual(pattern(1, 2));
    expect(fabric.write(bdfOf(shifted, "far"), (bus + last + 1) as DmaAddr, pattern(1))).toBe("unsupported-request");
    expect(fabric.write(bdfOf(shifted, "other"), (phys + last) as number as DmaAddr, pattern(2))).toBe(
      "unsupported-request",
    );
  });
});
