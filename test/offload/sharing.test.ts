import { describe, expect, it } from "vitest";
import { buildMachine } from "../../src/devices/build-machine.ts";
import { buildWorkload, parseWorkload } from "../../src/offload/workload/parse-workload.ts";
import { runWorkload } from "../../src/offload/workload/run-workload.ts";
import type { Simulation, StepRun } from "../../src/offload/workload/simulation.ts";
import type { StepParts } from "../../src/offload/workload/workload-parts.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { bdfOf } from "../devices/machines.ts";
import { exampleText, simulate } from "./workloads.ts";

const KIB = 1024;

function upDown({ traffic }: StepRun, fn: number): readonly [number, number] {
  const link = traffic.links.find((each) => each.fn === fn);
  return [link?.upBytes ?? 0, link?.downBytes ?? 0];
}

function stepNamed({ steps }: Simulation, name: string): StepRun {
  const step = steps.find((each) => each.step.name === name);
  if (step === undefined) throw new Error(`no step ${name}`);
  return step;
}

/**
 * Three workloads whose bytes were counted by hand, from the file alone: what each link carries up and down, and what its
 * owner has at the end.
 */
describe("Workloads with bytes counted by hand", () => {
  it("SSD to GPU", () => {
    const simulation = simulate(exampleText("ssd-to-gpu"));
    expect(simulation.outcome).toBe("delivered");
    const run = stepNamed(simulation, "blocks to the GPU");
    // 4 reads of 64 KiB: 4 × 65,536 = 262,144 bytes, each checked at the GPU's BAR.
    expect(run.checked.rightBytes).toBe(262_144);
    // The drive is the requester of memory writes: all go up its link, and down that of the GPU; the switch turns them round.
    expect(upDown(run, bdfOf(simulation.machine, "nvme0"))).toEqual([262_144, 0]);
    expect(upDown(run, bdfOf(simulation.machine, "gpu0"))).toEqual([0, 262_144]);
    expect(upDown(run, bdfOf(simulation.machine, "port0"))).toEqual([0, 0]);
    expect([run.traffic.dramReadBytes, run.traffic.dramWrittenBytes]).toEqual([0, 0]);
    // By RAM: written there once by the drive, read there once by the GPU; the root port carries both, 2 × 262,144.
    expect(run.staged?.traffic).toMatchObject({
      dramReadBytes: 262_144,
      dramWrittenBytes: 262_144,
      rootPortBytes: 524_288,
    });
  });

  it("NVMe-oF with two NICs and four drives at once", () => {
    const simulation = simulate(exampleText("nvmeof-two-nics-four-drives"));
    expect(simulation.outcome).toBe("delivered");
    const { machine } = simulation;
    const run = stepNamed(simulation, "target");
    // 16 writes of 64 KiB and 32 reads of 16 KiB: 1,048,576 + 524,288 bytes.
    expect(run.checked.rightBytes).toBe(1_572_864);
    // 48 I/Os in rounds of 8 (2 hosts × 4 drives): 2 rounds of writes, 4 of reads. 8 × 64 KiB fit into the 2 MiB of nvme0.
    expect(run.memory).toEqual([{ source: "peer", provider: bdfOf(machine, "nvme0"), transfers: 48 }]);
    // Each NIC has half: 8 writes, which it sends up to the buffer (8 × 64 KiB = 524,288), and 16 reads, which come down to
    // it out of the buffer (16 × 16 KiB = 262,144).
    for (const nic of ["mlx5_0", "mlx5_1"]) expect(upDown(run, bdfOf(machine, nic))).toEqual([524_288, 262_144]);
    // Each drive has a quarter: 4 writes, whose blocks it reads from the buffer (down to it, 4 × 64 KiB = 262,144), and 8
    // reads, whose blocks it writes to the buffer (up, 8 × 16 KiB = 131,072).
    for (const drive of ["nvme1", "nvme2", "nvme3"]) {
      expect(upDown(run, bdfOf(machine, drive))).toEqual([131_072, 262_144]);
    }
    // nvme0 has the buffer. Down: what the NICs write, 1,048,576, and what the three others write, 3 × 131,072 = 393,216: its
    // own 131,072 stay inside. Up: what the NICs read, 524,288, and the three others, 3 × 262,144 = 786,432.
    expect(upDown(run, bdfOf(machine, "nvme0"))).toEqual([1_310_720, 1_441_792]);
    expect([run.traffic.dramReadBytes, run.traffic.dramWrittenBytes, run.traffic.rootPortBytes]).toEqual([0, 0, 0]);
    // By RAM each byte goes there once and from there once.
    expect(run.staged?.traffic).toMatchObject({ dramReadBytes: 1_572_864, dramWrittenBytes: 1_572_864 });
  });

  it("a VM's dma-buf, exported, imported, reset under traffic", () => {
    const simulation = simulate(exampleText("vm-dma-buf-reset"));
    const { machine } = simulation;
    expect(simulation.outcome).toBe("delivered");
    const card = bdfOf(machine, "card");
    // Hosts write 2 × 256 KiB into the region: up from the NIC, to the root complex, down to the card.
    const written = stepNamed(simulation, "hosts write");
    expect(written.checked.rightBytes).toBe(524_288);
    expect(upDown(written, bdfOf(machine, "mlx5_0"))).toEqual([524_288, 0]);
    expect(upDown(written, card)).toEqual([0, 524_288]);
    expect(written.traffic.rootComplexBytes).toBe(524_288);
    // 64 KiB that the guest's device reads come up from the card.
    expect(upDown(stepNamed(simulation, "the guest's device reads"), card)).toEqual([65_536, 0]);
    // 256 KiB in packets of 4 KiB: 32 are through when the reset comes, the 33rd is under way, and the reset waits for it. It
    // wipes 33 × 4 KiB; the other 31 find the buffer mapped anew. All 64 were right when they arrived: 262,144 bytes.
    const reset = stepNamed(simulation, "reset under traffic");
    expect(reset.checked.rightBytes).toBe(262_144);
    expect(reset.events).toEqual([
      "the reset of 0000:01:00.0 waits: 0000:02:00.0 (mr) has DMA to BAR 0 of 0000:01:00.0 under way; " +
        "0000:02:00.0 (mr) has BAR 0 of 0000:01:00.0 mapped",
      "the reset of 0000:01:00.0 is done",
    ]);
    // The guest's mapping went with the reset, and was made anew; a strict IOMMU leaves nothing open.
    expect(simulation.steps.flatMap(({ leftOpen }) => leftOpen)).toEqual([]);
    expect(stepNamed(simulation, "the guest's device writes").checked.rightBytes).toBe(65_536);
    // Of all steps: down to the card 524,288 + 262,144 + 65,536 + 65,536, up from it 65,536.
    const link = simulation.traffic?.links.find(({ fn }) => fn === card);
    expect([link?.upBytes, link?.downBytes]).toEqual([65_536, 917_504]);
  });
});

/** Steps on a card and two NICs, each below a root port that redirects. */
function onMachine(
  steps: readonly StepParts[],
  { kernel = "7.2", iommu = "strict" as "off" | "strict" | "lazy" } = {},
) {
  const port = (below: "nic" | "card" | "vf" | "cmb" | "drive") => ({
    rootPort: { id: "1022:1483", acs: "SV+ RR+ CR+ UF+" },
    below: [
      {
        nic: { nic: { name: "nic0" } },
        card: { accel: { name: "card", bars: { 0: "1M" } } },
        vf: { nic: { name: "vf" } },
        cmb: { nvme: { name: "cmb", cmb: "2M" } },
        drive: { nvme: { name: "drive" } },
      }[below],
    ],
  });
  const below = (["card", "nic", "vf", "cmb", "drive"] as const).map(port);
  const hostBridges = [{ id: "1022:1480", below }];
  const machine =
    kernel === ""
      ? { cpu: "amd-zen" as const, iommu, hostBridges }
      : { cpu: "amd-zen" as const, kernel, iommu, hostBridges };
  return runWorkload(buildWorkload({ machine, workload: steps }, "test"));
}

const SHARED: readonly StepParts[] = [
  { name: "export", export: { device: "card", offset: "64K", size: "256K", as: "buf" } },
  { name: "import", import: { buffer: "buf", nic: "nic0", as: "mr" } },
];
const PINNED: readonly StepParts[] = [
  SHARED[0] as StepParts,
  { name: "import", import: { buffer: "buf", nic: "nic0", mode: "pinned-revocable", as: "mr" } },
];
const WRITE: StepParts = { name: "write", rdma: { region: "mr", write: "64K" } };

function outcomes({ steps }: Simulation): readonly string[] {
  return steps.map(({ step, outcome }) => `${step.name}: ${outcome}`);
}

describe("A reset under traffic", () => {
  const underTraffic: StepParts = {
    name: "reset",
    reset: { device: "card", during: { region: "mr", write: "64K", after: "32K" } },
  };

  it("of a pinned region: the packet under way lands, the message ends there, and the region is gone for good", () => {
    const simulation = onMachine([...PINNED, WRITE, underTraffic, { ...WRITE, name: "again" }]);
    expect(outcomes(simulation)).toEqual([
      "export: done",
      "import: done",
      "write: done",
      "reset: device-error",
      "again: device-error",
    ]);
    const { why, events, checked } = stepNamed(simulation, "reset");
    expect([why, events.at(-1)]).toEqual(["remote-access-error", "the reset of 0000:01:00.0 is done"]);
    expect(checked).toMatchObject({ rightBytes: 0, failedBytes: 64 * KIB });
    // 8 packets before it and the one under way.
    expect(upDown(stepNamed(simulation, "reset"), bdfOf(simulation.machine, "nic0"))).toEqual([9 * 4 * KIB, 0]);
    expect(upDown(stepNamed(simulation, "again"), bdfOf(simulation.machine, "nic0"))).toEqual([0, 0]);
  });

  it("by Linux 6.19 does not wait, and says who has DMA under way", () => {
    const simulation = onMachine([...SHARED, underTraffic], { kernel: "6.19" });
    expect(stepNamed(simulation, "reset").events).toEqual([
      "the reset of 0000:01:00.0 did not wait: 0000:02:00.0 (mr) has DMA to BAR 0 of 0000:01:00.0 under way",
      "the reset of 0000:01:00.0 is done",
    ]);
  });

  it.each([
    ["strict", []],
    ["lazy", [/0000:02:00.0 \(mr\) may reach BAR 0 of 0000:01:00.0 until the IOMMU flushes its queue/]],
    ["off", [/0000:02:00.0 \(mr\) may reach BAR 0 of 0000:01:00.0, and what is there after it/]],
  ] as const)("with the IOMMU %s says what it leaves open", (iommu, leftOpen) => {
    const { steps } = onMachine([...SHARED, WRITE, { name: "reset", reset: "card" }], { iommu });
    expect(steps.at(-1)?.outcome).toBe("done");
    expect(steps.at(-1)?.leftOpen).toEqual(leftOpen.map((each) => expect.stringMatching(each)));
  });
});

describe("Memory that is taken back", () => {
  it("answers nobody, and everybody again when it is given again", () => {
    const simulation = onMachine([
      ...SHARED,
      { name: "revoke", revoke: "card" },
      WRITE,
      { name: "import again", import: { buffer: "buf", nic: "vf", as: "mr2" } },
      { name: "restore", restore: "card" },
      { name: "read", rdma: { region: "mr", read: "64K", offset: "192K" } },
    ]);
    expect(outcomes(simulation).slice(2)).toEqual([
      "revoke: done",
      "write: device-error",
      "import again: not-run",
      "restore: done",
      "read: done",
    ]);
    expect(stepNamed(simulation, "import again").why).toContain("ENODEV");
  });

  it("by closing: the buffer is gone, and the card may be opened again; by removing it may not", () => {
    const again: StepParts = { name: "anew", export: { device: "card", as: "buf2" } };
    const closed = onMachine([...SHARED, { name: "close", revoke: { device: "card", by: "close" } }, WRITE, again]);
    expect(outcomes(closed).slice(2)).toEqual(["close: done", "write: device-error", "anew: done"]);
    expect(stepNamed(closed, "anew").events).toEqual(["1 MiB of BAR 0 of 0000:01:00.0 are exported as buf2"]);
    const removed = onMachine([
      ...SHARED,
      { name: "remove", revoke: { device: "card", by: "remove" } },
      again,
      { name: "reset", reset: "card" },
    ]);
    expect(outcomes(removed).slice(2)).toEqual(["remove: done", "anew: done", "reset: done"]);
  });

  it("of a kernel that exports none is refused, and of one that is hidden unknown", () => {
    const old = onMachine(SHARED, { kernel: "6.12" });
    expect(old.steps.map(({ outcome, why }) => [outcome, why])).toEqual([
      ["not-run", "ENOTTY: VFIO exports no memory before Linux 6.19"],
      ["not-run", "'buf' is not there: the step that was to make it did not"],
    ]);
    expect(outcomes(onMachine(SHARED, { kernel: "" }))).toEqual(["export: unknown", "import: not-run"]);
  });

  it("what is exported has to be in the BAR, in whole pages", () => {
    const whyOf = (parts: StepParts["export"]) => onMachine([{ name: "export", export: parts as never }]).steps[0]?.why;
    expect(whyOf({ device: "card", offset: "1020K", size: "8K", as: "b" })).toMatch(
      /^EINVAL: .* no run of whole pages/,
    );
    expect(whyOf({ device: "card", ranges: [{ offset: 100, size: "4K" }], as: "b" })).toMatch(/^EINVAL/);
  });
});

describe("A guest in a workload", () => {
  const guest: StepParts = {
    name: "guest",
    guest: { name: "vm", devices: ["vf"], ram: "1M", maps: [{ buffer: "buf", at: "3G" }] },
  };
  const dma = (name: string, at: string | number, kind: "read" | "write" = "write"): StepParts => ({
    name,
    dma:
      kind === "write"
        ? { guest: "vm", device: "vf", write: "8K", at, count: 2 }
        : { guest: "vm", device: "vf", read: "8K", at },
  });

  it("its devices reach its RAM and its buffers, and nothing else", () => {
    const simulation = onMachine([
      SHARED[0] as StepParts,
      guest,
      dma("RAM", "512K"),
      dma("RAM back", "512K", "read"),
      dma("buffer", "3G"),
      dma("beyond", "1M"),
      dma("over the end", 2 ** 20 - 4096, "read"),
    ]);
    expect(outcomes(simulation).slice(2)).toEqual([
      "RAM: done",
      "RAM back: done",
      "buffer: done",
      "beyond: silent-loss",
      "over the end: device-error",
    ]);
    expect(stepNamed(simulation, "RAM").memory).toEqual([{ source: "ram", why: "RAM of vm", transfers: 2 }]);
    expect(stepNamed(simulation, "beyond")).toMatchObject({ iommuFaults: 2, checked: { wrongBytes: 16 * KIB } });
  });

  it("loses a buffer with the reset, and has it again when it is mapped anew", () => {
    const simulation = onMachine([
      SHARED[0] as StepParts,
      guest,
      dma("before", "3G"),
      { name: "reset", reset: "card" },
      dma("after", "3G"),
      { name: "anew", guest: { name: "vm", maps: [{ buffer: "buf", at: "3G" }] } },
      dma("again", "3G"),
    ]);
    expect(outcomes(simulation).slice(2)).toEqual([
      "before: done",
      "reset: done",
      "after: silent-loss",
      "anew: done",
      "again: done",
    ]);
  });

  it("needs an IOMMU, and devices that are nobody else's", () => {
    expect(onMachine([SHARED[0] as StepParts, guest], { iommu: "off" }).steps[1]).toMatchObject({
      outcome: "not-run",
      why: "a guest gets no device: no IOMMU keeps it to the guest's memory",
    });
    const other: StepParts = { name: "other", guest: { name: "vm2", devices: ["vf"] } };
    expect(onMachine([SHARED[0] as StepParts, guest, other]).steps[2]).toMatchObject({
      outcome: "not-run",
      why: expect.stringContaining("has another user's domain"),
    });
    const hosts: StepParts = { name: "the host's", guest: { name: "vm", devices: ["nic0"] } };
    expect(onMachine([...SHARED, hosts]).steps[2]?.why).toContain("is in its driver's hands");
    const stranger: StepParts = { name: "stranger", dma: { guest: "vm", device: "nic0", write: "4K", at: 0 } };
    expect(onMachine([SHARED[0] as StepParts, guest, stranger]).steps[2]?.why).toBe("0000:02:00.0 is no device of vm");
    const twice: StepParts = { name: "more RAM", guest: { name: "vm", ram: "1M" } };
    expect(onMachine([SHARED[0] as StepParts, guest, twice]).steps[2]?.why).toBe("vm gets no RAM: it has RAM already");
  });
});

describe("User mappings in a workload", () => {
  const mmap: StepParts = { name: "mmap", mmap: { device: "cmb", size: "64K", as: "user" } };
  const io = (name: string, kind: "read" | "write", size = "16K"): StepParts => ({
    name,
    directIo:
      kind === "read"
        ? { memory: "user", drive: "drive", read: size, count: 2 }
        : { memory: "user", drive: "drive", write: size, block: 100, offset: 512 },
  });

  it("a drive reads into peer memory of a process, and writes out of it", () => {
    const simulation = onMachine([mmap, io("read", "read"), io("write", "write")]);
    expect(outcomes(simulation)).toEqual(["mmap: done", "read: done", "write: done"]);
    const provider = bdfOf(simulation.machine, "cmb");
    expect(stepNamed(simulation, "read")).toMatchObject({
      memory: [{ source: "peer", provider, transfers: 2 }],
      checked: { rightBytes: 32 * KIB },
      pairs: [{ provider, client: bdfOf(simulation.machine, "drive") }],
    });
  });

  it("removing the provider takes the mapping away: what comes later is EFAULT", () => {
    const simulation = onMachine([
      mmap,
      { name: "remove", revoke: { device: "cmb", by: "remove" } },
      io("read", "read"),
      { ...mmap, name: "anew", mmap: { device: "cmb", size: "4K", as: "user2" } },
    ]);
    expect(outcomes(simulation)).toEqual(["mmap: done", "remove: done", "read: mapping-failed", "anew: not-run"]);
    expect(stepNamed(simulation, "remove").events).toEqual([
      "the peer memory of 0000:04:00.0 leaves, and 16 pages that were in use with it",
    ]);
    expect(stepNamed(simulation, "read").why).toMatch(/^EFAULT: /);
  });

  it("beyond the mapping is EFAULT, and more than there is cannot be mapped", () => {
    const simulation = onMachine([
      { ...mmap, mmap: { device: "cmb", size: "3M", as: "large" } },
      { ...mmap, name: "small", mmap: { device: "cmb", size: "8K", as: "user" } },
      io("read", "read"),
    ]);
    expect(outcomes(simulation)).toEqual(["mmap: not-run", "small: done", "read: mapping-failed"]);
    expect(simulation.steps[0]?.why).toMatch(/^ENOMEM/);
  });
});

describe("Several NICs and drives in one target", () => {
  it("have one I/O of each host to each drive under way at a time: what the buffer cannot hold goes through RAM", () => {
    const machine = buildMachine({
      cpu: "amd-zen",
      kernel: "7.2",
      iommu: "off",
      hostBridges: [
        {
          below: [
            { nvme: { name: "a", cmb: "256K" } },
            { nvme: { name: "b" } },
            { nic: { name: "n" } },
            { nic: { name: "m" } },
          ].map((below) => ({ rootPort: {}, below: [below] })),
        },
      ],
    });
    const run = (queues: number): StepRun | undefined =>
      runWorkload(
        buildWorkload({
          machine: "elsewhere",
          workload: [{ nvmeof: { nics: ["n", "m"], drives: ["a", "b"], queues, io: [{ write: "64K", count: 16 }] } }],
        }),
        machine,
      ).steps[0];
    // 2 NICs × 2 drives × 64 KiB fill the 256 KiB; with two hosts at each NIC half of the I/Os find no room.
    expect(run(1)?.memory).toMatchObject([{ source: "peer", transfers: 16 }]);
    expect(run(2)?.memory).toMatchObject([
      { source: "peer", transfers: 8 },
      { source: "ram", why: "pool-full", transfers: 8 },
    ]);
  });
});

describe("A workload file with shared memory", () => {
  const head = `machine: server.txt\nworkload:\n`;
  const placeOf = (steps: string): string => {
    try {
      parseWorkload(head + steps, "w.yaml");
    } catch (error) {
      if (error instanceof PeerlaneError) return `${error.place?.line}:${error.place?.column} ${error.message}`;
      throw error;
    }
    return "read";
  };

  it.each([
    ["  - import: { buffer: b, nic: n, as: r }\n", "3:23 no step before this one makes 'b'"],
    ["  - export: { device: x, as: b }\n  - rdma: { region: b, read: 4K }\n", "4:21 'b' is a buffer, no region"],
    [
      "  - export: { device: x, as: b }\n  - mmap: { device: y, size: 4K, as: b }\n",
      "4:38 'b' is the name of another buffer",
    ],
    [
      "  - export: { device: x, offset: 4K, as: b }\n",
      "3:13 an export is 'offset: … size: …', or 'ranges:', or the whole BAR",
    ],
    ["  - rdma: { region: b }\n", "3:11 it is either 'read: SIZE' or 'write: SIZE'"],
    [
      "  - compare: dram\n    export: { device: x, as: b }\n",
      "3:14 'export' has no way through RAM to be compared with",
    ],
    ["  - nvmeof: { nic: a, nics: [b], drive: c, io: [{ read: 4K }] }\n", "3:13 a target has either 'nic:' or 'nics:'"],
    [
      "  - export: { device: x, as: b }\n  - import: { buffer: b, nic: n, as: r }\n  - reset: { device: x, during: { region: r, read: 4K, after: 4K } }\n",
      "5:63 after 4096 bytes a read of 4096 is over",
    ],
    ["  - reset: x\n", "read"],
  ])("%j: %s", (steps, expected) => {
    expect(placeOf(steps)).toBe(expected);
  });

  it("what is changed has to be exported before", () => {
    expect(() => onMachine([{ reset: "card" }])).toThrow("no step before this one exports memory of card");
    expect(() => onMachine([{ revoke: { device: "cmb", by: "close" } }])).toThrow("no step before this one exports");
    expect(() => onMachine([{ nvmeof: { nics: ["nic0", "nic0"], drive: "drive", io: [{ read: "4K" }] } }])).toThrow(
      "nic0 is in the target already",
    );
  });
});
