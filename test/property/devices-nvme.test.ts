import fc from "fast-check";
import { expect, it } from "vitest";
import { spanBytes } from "../../src/devices/dma-spans.ts";
import { NvmeController } from "../../src/devices/nvme/controller.ts";
import { dataPointerOf, type Fetch, readPrps, readSgl } from "../../src/devices/nvme/data-pointer.ts";
import { NvmeDriver } from "../../src/devices/nvme/driver.ts";
import { decodeCommand, decodeCompletion, encodeCommand, encodeCompletion } from "../../src/devices/nvme/protocol.ts";
import type { DmaAddr, PhysAddr } from "../../src/pci/addresses.ts";
import { benchOf, serverMachine } from "../devices/machines.ts";

const LIST = 0x7000_0000 as DmaAddr;
const LIST_BYTES = 0x1_0000;

/** Spans of which some are whole pages, so that both PRPs and SGLs are needed. */
const spans = fc.array(
  fc.record({
    address: fc.oneof(
      fc.nat(2 ** 20).map((page) => page * 4096),
      fc.nat(2 ** 30).map((word) => word * 4),
    ) as fc.Arbitrary<DmaAddr>,
    lengthBytes: fc.oneof(
      fc.integer({ min: 1, max: 20 }).map((pages) => pages * 4096),
      fc.integer({ min: 1, max: 9000 }),
    ),
  }),
  { minLength: 1, maxLength: 12 },
);

/** The addresses of spans as runs without a break. */
function runsOf(list: readonly { readonly address: number; readonly lengthBytes: number }[]): readonly number[][] {
  const runs: number[][] = [];
  for (const { address, lengthBytes } of list) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === address) last[1] = address + lengthBytes;
    else runs.push([address, address + lengthBytes]);
  }
  return runs;
}

it("A controller reads from a data pointer exactly the memory that the driver described", () => {
  fc.assert(
    fc.property(spans, (memory) => {
      const data = dataPointerOf(memory, LIST, LIST_BYTES);
      if (data === null) throw new Error("too many spans");
      const fetch: Fetch = (address, into) => {
        into.set((data.list ?? new Uint8Array(0)).subarray(address - LIST, address - LIST + into.length));
        return true;
      };
      const read = data.isSgl ? readSgl : readPrps;
      const found = read(data.pointer, spanBytes(memory), fetch);
      if (typeof found === "string") throw new Error(found);
      expect(runsOf(found)).toEqual(runsOf(memory));
    }),
    { numRuns: 5000 },
  );
});

it("A controller ends whatever the pointers hold, with as many bytes as asked or with a fault", () => {
  const hostile = fc.record({
    pointer: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    list: fc.uint8Array({ minLength: 8, maxLength: 64 }),
    lengthBytes: fc.integer({ min: 1, max: 2 ** 22 }),
    isPageGranular: fc.boolean(),
    failsAt: fc.nat(6),
  });
  fc.assert(
    fc.property(hostile, ({ pointer, list, lengthBytes, isPageGranular, failsAt }) => {
      let fetches = 0;
      const fetch: Fetch = (_, into) => {
        for (let index = 0; index < into.length; index++) {
          const isLow = index % 8 === 0 || index % 8 === 1;
          into[index] = isPageGranular && isLow ? 0 : (list[index % list.length] ?? 0);
        }
        return fetches++ !== failsAt;
      };
      for (const read of [readPrps, readSgl]) {
        fetches = 0;
        const found = read(pointer, lengthBytes, fetch);
        if (typeof found !== "string") expect(spanBytes(found)).toBe(lengthBytes);
        expect(fetches).toBeLessThan(20);
      }
    }),
    { numRuns: 5000 },
  );
});

it("Commands and completions are read as they were written", () => {
  const u16 = fc.nat(0xffff);
  const u32 = fc.nat(0xffff_ffff);
  const command = fc.record({
    ...{ opcode: fc.nat(255), id: u16, namespace: u32, isSgl: fc.boolean() },
    pointer: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    ...{ dword10: u32, dword11: u32, dword12: u32 },
  });
  const completion = fc.record({
    ...{ submissionHead: u16, submissionQueue: u16, id: u16, status: fc.nat(0x7ff) },
    phase: fc.constantFrom<0 | 1>(0, 1),
  });
  fc.assert(
    fc.property(command, completion, (one, other) => {
      expect(decodeCommand(encodeCommand(one))).toEqual(one);
      expect(decodeCompletion(encodeCompletion(other))).toEqual(other);
    }),
  );
});

it("A controller survives whatever is written to its registers and queues", () => {
  const { system, fn } = benchOf(serverMachine());
  const bar = system.physical.barRange(fn("nvme0"), 0);
  if (bar === null) throw new Error("no BAR");
  const write = fc.record({
    offset: fc.oneof(fc.constantFrom(0x14, 0x24, 0x28, 0x30, 0x1000, 0x1004, 0x1008), fc.nat(0x3fff)),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
  });
  fc.assert(
    fc.property(
      fc.array(write, { maxLength: 20 }),
      fc.uint8Array({ minLength: 64, maxLength: 512 }),
      (writes, queue) => {
        const controller = new NvmeController(system, fn("nvme0"));
        system.fabric.dram.write(0, queue);
        for (const { offset, bytes } of writes) {
          const length = Math.min(bytes.length, bar.sizeBytes - offset);
          system.fabric.cpuWrite((bar.start + offset) as PhysAddr, bytes.subarray(0, length));
          expect(controller.run()).toBeLessThan(5000);
        }
        system.fabric.cpuRead(bar.start, new Uint8Array(bar.sizeBytes));
        // A driver that starts anew finds it working.
        const drive = new NvmeDriver(system, controller);
        drive.stop();
      },
    ),
    { numRuns: 300 },
  );
});
