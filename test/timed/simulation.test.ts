import { describe, expect, test } from "vitest";
import { parseBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import type { TimedOptions } from "../../src/timed/options.ts";
import type { SentTlp } from "../../src/timed/run.ts";
import { TimedFabric } from "../../src/timed/timed-fabric.ts";
import { oneSwitch, rootPorts, scenario, tableOf } from "../predict/machines.ts";
import { fabricOf, flowOf } from "./fabrics.ts";

const NAMES = ["gpu0", "gpu1", "nic0"];
const table = tableOf(scenario(oneSwitch("false")), NAMES);

/** Nanoseconds of 280 bytes on x16 at 32 GT/s, and until credits are back: 168 symbol times of 0.25391 ns. */
const WRITE = 4.546;
const BACK = 42.656;

const plenty = { header: 1000, data: 10_000 };
const posted = (header: number, data: number): TimedOptions => ({
  credits: { posted: { header, data }, "non-posted": plenty, completion: plenty },
});

describe("A link with few credits stands still until they are back", () => {
  // A switch holds a credit for 160 ns, and then says so.
  const HELD = 160 + BACK;
  const END = 160 + WRITE + 200;
  test.each([
    ["plenty: four packets one behind the other", posted(100, 1000), 4, 3 * WRITE + END],
    ["one header: one packet in each round", posted(1, 1000), 4, 3 * HELD + END],
    ["two headers: two in each round", posted(2, 1000), 4, HELD + WRITE + END],
    ["data of two packets of 256 bytes", posted(100, 32), 4, HELD + WRITE + END],
    ["data of three", posted(100, 48), 4, HELD + END],
    ["three headers, seven packets: the last begins the third round", posted(3, 1000), 7, 2 * HELD + END],
  ])("%s", (_, options, packets, expected) => {
    const bytes = packets * 256;
    const result = fabricOf(table, [flowOf("0 <- 1", { sizeBytes: bytes, bytes })], options).run({});
    expect(result.flows[0]?.doneNs).toBeCloseTo(expected, 2);
  });
});

describe("A damaged TLP is sent again, and what follows waits for it", () => {
  test.each([1, 2, 3])("seed %i: each time costs its bytes and the word of it", (seed) => {
    const gpu1 = parseBdf("0000:04:00.0");
    const flow = flowOf("0 <- 1", { sizeBytes: 1 << 16, bytes: 1 << 16 });
    const errorRate = (below: number): number => (below === gpu1 ? 0.1 : 0);
    const clean = fabricOf(table, [flow]).run({});
    const damaged = fabricOf(table, [flow], { errorRate }).run({ seed });
    expect(damaged.replays).toBeGreaterThan(5);
    const expected = (clean.flows[0]?.doneNs ?? 0) + damaged.replays * (WRITE + BACK);
    expect(damaged.flows[0]?.doneNs).toBeCloseTo(expected, 2);
  });
});

describe("Arbitration and limits", () => {
  const rates = (flows: readonly string[], more = {}): readonly number[] =>
    fabricOf(
      table,
      flows.map((flow) => flowOf(flow, { sizeBytes: 1 << 16, ...more })),
    )
      .run({ untilNs: 50_000 })
      .flows.map(({ gbps }) => gbps);

  test("inputs of a port take turns", () => {
    const [one = 0, two = 0] = rates(["0 <- 1", "0 <- 2"]);
    expect(one / two).toBeCloseTo(1, 2);
    expect(one + two).toBeGreaterThan(56);
  });

  test("two flows of one device take turns at its link", () => {
    const [one = 0, two = 0] = rates(["0 <- 1", "2 <- 1"]);
    expect(one / two).toBeCloseTo(1, 1);
  });

  test("reads in flight: 256 tags of 128 bytes in what a read takes", () => {
    const small = tableOf(scenario(oneSwitch("false")).replaceAll("maxReadRequest: 512", "maxReadRequest: 128"), NAMES);
    const result = fabricOf(small, [flowOf("0 -> 1", { sizeBytes: 1 << 14 })]).run({ untilNs: 100_000 });
    // The way there and back, 148 bytes on the link and 128 into who asked; the first read of all is late by one way.
    const alone = 720 + 0.39 + 2.403 + 2.031;
    expect((result.flows[0]?.gbps ?? 0) / ((256 * 128) / alone)).toBeCloseTo(0.99, 1);
  });

  test.each([
    ["a NIC brings no more than its line rate", { kind: "nic", lineGbps: 100 } as const, 12.5],
    [
      "a drive of one command: its bytes in an access and the way",
      { kind: "nvme", queueDepth: 1, accessNs: 10_000 } as const,
      65_536 / 11_531,
    ],
    ["a drive whose medium is slower", { kind: "nvme", queueDepth: 64, accessNs: 1000, mediumGBps: 7 } as const, 7],
    ["a copy engine with 16 KiB under way", { kind: "gpu-copy", inFlightBytes: 16_384 } as const, 16_384 / 364.5],
  ])("%s", (_, engine, expected) => {
    const result = fabricOf(table, [flowOf("0 <- 1", { sizeBytes: 65_536, engine })]).run({ untilNs: 300_000 });
    expect((result.flows[0]?.gbps ?? 0) / expected).toBeCloseTo(1, 1);
  });

  test("the host's memory is one for all, reads and writes together", () => {
    const two = tableOf(scenario(rootPorts("one-bridge")), ["gpu0", "gpu1"]);
    const flows = [flowOf("host <- 0"), flowOf("host -> 1")];
    const result = fabricOf(two, flows, { memory: { gbps: 40 } }).run({ untilNs: 50_000 });
    const sum = result.flows.reduce((all, { gbps }) => all + gbps, 0);
    expect(sum).toBeGreaterThan(39);
    expect(sum).toBeLessThanOrEqual(40.01);
    expect(result.memory.utilisation).toBeGreaterThan(0.99);
    expect(result.memory.writtenBytes + result.memory.readBytes).toBeGreaterThan(39 * 50_000);
  });

  test("a flow that passes on what another brought is not before it", () => {
    const bytes = 1 << 18;
    const flows = [
      flowOf("0 <- 2", { sizeBytes: 4096, bytes }),
      flowOf("1 <- 0", { sizeBytes: 4096, bytes, follows: 0 }),
    ];
    const [first, second] = fabricOf(table, flows).run({}).flows;
    expect(second?.bytes).toBe(bytes);
    // The last block arrives, and then goes on.
    expect((second?.doneNs ?? 0) - (first?.doneNs ?? 0)).toBeCloseTo(16 * WRITE + 360, 0);
  });

  test("an IOMMU: every walk is a page, and what fits in what it remembers has none", () => {
    const one = tableOf(scenario(rootPorts("one-bridge")), ["gpu0"]);
    const iommu = { entries: 1024, walkNs: 200, walkers: 1, pageBytes: 4096 };
    const run = (reachBytes: number): ReturnType<TimedFabric["run"]> =>
      fabricOf(one, [flowOf("host <- 0", { sizeBytes: 4096, reach: { bytes: reachBytes, order: "in-order" } })], {
        iommu,
      }).run({ untilNs: 100_000 });
    const small = run(64 * 4096);
    expect(small.walks).toBe(64);
    expect(small.flows[0]?.gbps).toBeGreaterThan(51);
    const large = run(1 << 30);
    // One walk of 200 ns for 4 KiB.
    expect((large.flows[0]?.gbps ?? 0) / (4096 / 200)).toBeCloseTo(1, 1);
  });
});

describe("What is refused", () => {
  test("a path that is not known, with its reason", () => {
    const fabric = new TimedFabric(table);
    expect(fabric.addFlow(flowOf("0 <- 0"))).toEqual({ unknown: "both are one function: nothing crosses a link" });
    expect(isUnknown(fabric.addFlow(flowOf("0 <- 1")))).toBe(false);
  });

  test.each([
    ["no bytes", () => flowOf("0 <- 1", { sizeBytes: 0 }), "'sizeBytes' is the number 0"],
    ["more than 1 GiB", () => flowOf("0 <- 1", { sizeBytes: 2 ** 31 }), "1 GiB"],
    ["a queue of none", () => flowOf("0 <- 1", { engine: { kind: "nvme", queueDepth: 0 } }), "engine.queueDepth"],
    ["a line of no rate", () => flowOf("0 <- 1", { engine: { kind: "nic", lineGbps: 0 } }), "rate"],
    ["a flow that follows itself", () => flowOf("0 <- 1", { follows: 0 }), "an earlier flow"],
  ])("%s", (_, flow, message) => {
    expect(() => new TimedFabric(table).addFlow(flow())).toThrow(message);
  });

  test("an end that is not told, and credits in which no packet fits", () => {
    expect(() => fabricOf(table, [flowOf("0 <- 1")]).run({})).toThrow("a flow has no end");
    expect(() => new TimedFabric(table, posted(1, 8))).toThrow("credits.posted.data");
    expect(() => new TimedFabric(table, { errorRate: 1 })).toThrow("errorRate");
  });
});

describe("The observer", () => {
  test("sees each TLP with its link, class and times", () => {
    const seen: SentTlp[] = [];
    const flow = flowOf("0 -> 1", { sizeBytes: 512, bytes: 512 });
    const result = fabricOf(table, [flow]).run({ observer: (tlp) => seen.push(tlp) });
    expect(seen.map(({ kind, bytes, link }) => `${kind} ${bytes} ${link}`)).toEqual([
      "non-posted 512 0",
      "non-posted 512 1",
      "completion 256 2",
      "completion 256 2",
      "completion 256 3",
      "completion 256 3",
    ]);
    expect(seen.length).toBe(result.tlps);
    expect(seen[0]).toMatchObject({ startNs: 0, endNs: 0.39, flow: 0 });
  });
});
