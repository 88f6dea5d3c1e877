import fc from "fast-check";
import { expect, test } from "vitest";
import { sizeOfStep } from "../../src/offload/workload/limits.ts";
import { onServer, SERVER, simulate } from "../offload/workloads.ts";

const size = fc.constantFrom("512", "4K", "8K", "20K", "64K");
const count = fc.integer({ min: 1, max: 3 });
const drive = fc.constantFrom("cmb0", "nvme0", "cmb1");
const gpu = fc.constantFrom("gpu0", "gpu1");
const provider = fc.constantFrom("auto", "off", "cmb0", "cmb1");
const flag = fc.boolean();

const copyOfDrives = fc.record({ from: drive, to: drive, size, count, provider }).map((keys) => ({ copy: keys }));
const copyOfMemories = fc
  .record({
    from: fc.constant("gpu0"),
    to: fc.constant("gpu1"),
    engine: fc.constantFrom("gpu0", "gpu1", "nic0"),
    size,
    count,
    fallBackToRam: flag,
  })
  .map((keys) => ({ copy: keys }));
const io = fc.tuple(fc.constantFrom("read", "write"), size, count, fc.nat(1000)).map(([kind, bytes, times, block]) => ({
  ...{ [kind]: bytes, count: times, block },
}));
const target = fc
  .record({
    nic: fc.constant("nic0"),
    drive,
    provider,
    queues: count,
    io: fc.array(io, { minLength: 1, maxLength: 3 }),
  })
  .map((keys) => ({ nvmeof: keys }));
const gpuRead = fc
  .record({
    gpu,
    drive: fc.constantFrom("cmb0", "cmb1"),
    size,
    count,
    way: fc.constantFrom("drive-writes", "gpu-reads", "through-ram"),
    fallBackToRam: flag,
  })
  .map((keys) => ({ gpuRead: keys }));
const step = fc
  .tuple(fc.oneof(copyOfDrives, copyOfMemories, target, gpuRead), flag)
  .map(([keys, isCompared]) => (isCompared ? { ...keys, compare: "dram" } : keys));

const model = fc.record(
  {
    rootComplex: fc.constantFrom("forward", "refuse", "writes-only", "within-host-bridge"),
    switchForwarding: fc.constantFrom("per-spec", "always-upstream"),
    failedReads: fc.constantFrom("reported", "unnoticed"),
    maxPayload: fc.constantFrom("128", "4096"),
    backend: fc.constantFrom(
      "direct",
      "iommu",
      "stores-only",
      { gpu0: "refusing" },
      { nvme0: "refusing", nic0: "swiotlb" },
    ),
  },
  { requiredKeys: [] },
);

/** What may be done with memory that is shared: gpu1's, by nic0, by a guest with gpu0, and by a process with cmb0's. */
const traffic = fc.record({
  region: fc.constant("mr"),
  kind: fc.constantFrom("read", "write"),
  size: fc.constantFrom("4K", "20K", "64K"),
  offset: fc.constantFrom(0, "4K", "60K"),
});
const trafficKeys = traffic.map(({ region, kind, size: bytes, offset }) => ({ region, [kind]: bytes, offset }));
const during = fc.option(
  trafficKeys.map((keys) => ({ ...keys, after: 0 })),
  { nil: undefined },
);
const change = fc.oneof(
  during.map((keys) => ({ reset: { device: "gpu1", during: keys } })),
  fc
    .tuple(fc.constantFrom("memory-decode-off", "close", "remove"), during)
    .map(([by, keys]) => ({ revoke: { device: "gpu1", by, during: keys } })),
  fc.constant({ restore: "gpu1" }),
);
const use = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(trafficKeys, count).map(([keys, times]) => ({ rdma: { ...keys, count: times } })) },
  { weight: 2, arbitrary: change },
  fc
    .tuple(fc.constantFrom("read", "write"), fc.constantFrom(0, "60K", "1G", "1G", "2G"))
    .map(([kind, at]) => ({ dma: { guest: "vm", device: "gpu0", [kind]: "4K", at } })),
  fc.constant({ guest: { name: "vm", maps: [{ buffer: "buf", at: "1G" }] } }),
  fc
    .tuple(fc.constantFrom("read", "write"), count)
    .map(([kind, times]) => ({ directIo: { memory: "user", drive: "nvme0", [kind]: "8K", count: times } })),
  fc
    .option(
      fc
        .tuple(fc.constantFrom("read", "write"), fc.constantFrom(0, "4K", "7K"))
        .map(([kind, after]) => ({ memory: "user", drive: "nvme0", [kind]: "8K", after })),
      { nil: undefined },
    )
    .map((keys) => ({ revoke: { device: "cmb0", by: "remove", during: keys } })),
);
const shared = [
  { export: { device: "gpu1", offset: "1M", size: "64K", as: "buf" } },
  { import: { buffer: "buf", nic: "nic0", as: "mr" } },
  { mmap: { device: "cmb0", size: "16K", as: "user" } },
];

test("random steps that share memory end by name; what is done is right, and what was not taken back in full is said", () => {
  fc.assert(
    fc.property(
      fc.array(use, { minLength: 1, maxLength: 8 }),
      fc.constantFrom("off", "strict", "lazy"),
      fc.constantFrom("on-demand", "pinned-revocable", "pinned"),
      fc.constantFrom("6.19", "7.2"),
      (uses, iommu, mode, kernel) => {
        const guest = { guest: { name: "vm", devices: ["gpu0"], ram: "64K" } };
        const [first, imported, mapped] = shared;
        const withMode = { import: { ...imported?.import, mode } };
        const steps = [first, withMode, mapped, guest, ...uses];
        const lines = steps.map((each, index) => `  - ${JSON.stringify({ name: `step ${index}`, ...each })}`);
        const machine = SERVER.replace("iommu: off", `iommu: ${iommu}`).replace("kernel: 7.2", `kernel: ${kernel}`);
        const { steps: runs } = simulate(`${machine}workload:\n${lines.join("\n")}\n`);
        expect(runs).toHaveLength(steps.length);
        for (const { outcome, why, checked, lengthBytes, leftOpen } of runs) {
          const { rightBytes, wrongBytes, failedBytes, uncheckedBytes } = checked;
          expect(uncheckedBytes).toBe(0);
          if (outcome === "done") expect([rightBytes, why]).toEqual([lengthBytes, null]);
          else expect(why).not.toBeNull();
          if (outcome !== "not-run") expect(rightBytes + wrongBytes + failedBytes).toBe(lengthBytes);
          // A strict IOMMU leaves nothing open but what was a bus address.
          if (iommu === "strict") expect(leftOpen.filter((each) => each.includes("until the IOMMU"))).toEqual([]);
        }
      },
    ),
    { numRuns: Number(process.env["PEERLANE_SLOW"] === "1" ? 2000 : 100) },
  );
});

test("random workloads end, add up, and what is called delivered is right at its owner", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 3 }), model, (steps, options) => {
      const text = steps.map((each, index) => `  - ${JSON.stringify({ name: `step ${index}`, ...each })}`).join("\n");
      const { outcome, steps: runs, traffic } = onServer(text, JSON.stringify(options));
      // Delivered is said of what rests on nothing that nobody shows; a failure that does is no more known.
      const isDone = runs.every((run) => run.outcome === "done");
      const isCertain = (run: (typeof runs)[number]): boolean => run.assumptions.length === 0;
      if (isDone) expect(outcome).toBe(runs.every(isCertain) ? "delivered" : "unknown");
      else if (runs.some((run) => run.outcome !== "done" && isCertain(run))) expect(outcome).toBe("failed");
      else expect(["failed", "unknown"]).toContain(outcome);
      for (const run of runs.flatMap((each) => (each.staged === null ? [each] : [each, each.staged]))) {
        const { transfers, lengthBytes } = sizeOfStep(run.step);
        const { rightBytes, wrongBytes, failedBytes, uncheckedBytes } = run.checked;
        if (run.outcome === "not-run") continue;
        expect(Object.values(run.transfers).reduce((sum, times) => sum + times)).toBe(transfers);
        expect(run.memory.reduce((sum, used) => sum + used.transfers, 0)).toBe(transfers);
        expect(rightBytes + wrongBytes + failedBytes + uncheckedBytes).toBe(lengthBytes);
        if (run.outcome === "done") expect(rightBytes).toBe(lengthBytes);
        expect(run.why === null).toBe(run.outcome === "done");
      }
      const sum = (pick: (run: (typeof runs)[number]["traffic"]) => number): number =>
        runs.reduce((total, run) => total + pick(run.traffic), 0);
      expect(sum((each) => each.dramReadBytes)).toBe(traffic?.dramReadBytes);
      expect(sum((each) => each.rootPortBytes)).toBe(traffic?.rootPortBytes);
      expect(sum((each) => each.requests)).toBe(traffic?.requests);
    }),
    { numRuns: Number(process.env["PEERLANE_SLOW"] === "1" ? 2000 : 150) },
  );
});
