import { describe, expect, it } from "vitest";
import type { StepRun } from "../../src/offload/workload/simulation.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { unknown } from "../../src/pci/known.ts";
import { bdfOf, emulatedMachine, serverMachine } from "../devices/machines.ts";
import { exampleText, onlyStep, onServer, simulate } from "./workloads.ts";

function upDown(run: StepRun, fn: number): readonly [number, number] {
  const link = run.traffic.links.find((each) => each.fn === fn);
  return [link?.upBytes ?? 0, link?.downBytes ?? 0];
}

describe("a workload's NVMe-oF target", () => {
  it("below one switch touches neither DRAM nor the root port; through RAM it touches both", () => {
    const { steps, outcome, machine } = simulate(exampleText("nvmeof-one-switch"));
    expect(outcome).toBe("delivered");
    const [target] = steps;
    if (target === undefined) throw new Error("no steps");
    const bytes = 16 * 65536 + 64 * 4096;
    expect(target).toMatchObject({
      outcome: "done",
      lengthBytes: bytes,
      memory: [{ source: "peer", provider: bdfOf(machine, "nvme0"), transfers: 80 }],
      checked: { rightBytes: bytes, wrongBytes: 0, failedBytes: 0, uncheckedBytes: 0 },
      traffic: { dramReadBytes: 0, dramWrittenBytes: 0, rootPortBytes: 0, rootComplexBytes: 0 },
      staged: {
        outcome: "done",
        memory: [{ source: "ram", why: "off", transfers: 80 }],
        traffic: { dramReadBytes: bytes, dramWrittenBytes: bytes, rootPortBytes: 2 * bytes },
      },
    });
    expect(upDown(target, bdfOf(machine, "mlx5_0"))).toEqual([16 * 65536, 64 * 4096]);
    expect(upDown(target, bdfOf(machine, "nvme0"))).toEqual([bytes, bytes]);
    expect(upDown(target, bdfOf(machine, "port0"))).toEqual([0, 0]);
  });

  it("with ACS redirect goes over the root port twice, and still not through DRAM", () => {
    const { steps, machine } = simulate(exampleText("nvmeof-acs-redirect"));
    const [target] = steps;
    if (target === undefined) throw new Error("no steps");
    const bytes = 16 * 65536 + 64 * 4096;
    expect(target).toMatchObject({
      outcome: "done",
      traffic: { dramReadBytes: 0, dramWrittenBytes: 0, rootPortBytes: 4 * bytes, rootComplexBytes: 2 * bytes },
    });
    expect(upDown(target, bdfOf(machine, "port0"))).toEqual([2 * bytes, 2 * bytes]);
  });

  it("takes RAM for what its provider has no room for, and says why", () => {
    const run = onlyStep(
      onServer("  - nvmeof: { nic: nic0, drive: nvme0, io: [{ write: 2M }, { write: 4K, count: 3 }] }"),
    );
    expect(run.outcome).toBe("done");
    expect(run.memory).toMatchObject([
      { source: "peer", transfers: 3 },
      { source: "ram", why: "pool-full", transfers: 1 },
    ]);
  });

  it("takes the provider that is named", () => {
    const simulation = onServer(
      "  - nvmeof: { nic: nic0, drive: nvme0, provider: cmb1, io: [{ read: 4K, block: 7 }] }",
    );
    expect(onlyStep(simulation).memory).toMatchObject([{ provider: bdfOf(simulation.machine, "cmb1") }]);
  });
});

describe("a target or a copy that is refused its provider", () => {
  /** A drive beside a switch with a drive and its buffer; `ids` decides whether Linux is known not to trust the host bridge. */
  const machine = (ids: string): string => `machine:
  cpu: intel
  kernel: 7.2
  iommu: off
  hostBridges:
    - ${ids}
      below:
        - rootPort: {}
          below:
            - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
              below: [ { nic: { name: mlx5_0 } }, { nvme: { name: nvme0, cmb: 16M } } ]
        - rootPort: {}
          below: [ { nvme: { name: nvme3 } } ]
workload:
  - nvmeof: { nic: mlx5_0, drive: nvme3, provider: nvme0, io: [ { write: 64K } ] }
  - copy: { from: nvme3, to: nvme3, size: 64K, provider: nvme0 }
`;

  it("is not run, and says which device fails, where the verdict is no", () => {
    const { outcome, steps } = simulate(machine("id: 8086:29c0"));
    expect(outcome).toBe("failed");
    const why = "0000:05:00.0 cannot reach the peer memory of 0000:04:00.0";
    expect(steps.map((step) => [step.outcome, step.why])).toEqual([
      ["not-run", `the namespace is not enabled: EINVAL: ${why}`],
      ["not-run", why],
    ]);
    expect(steps.every(({ memory, checked }) => memory.length === 0 && checked.rightBytes === 0)).toBe(true);
  });

  it("is unknown where the verdict is", () => {
    const { outcome, steps } = simulate(machine("busOffset: 0"));
    expect([outcome, ...steps.map((step) => step.outcome)]).toEqual(["unknown", "unknown", "unknown"]);
  });

  it("with `auto` and no memory within the drive's reach is not run either", () => {
    const text = `machine:
  cpu: intel
  kernel: 7.2
  iommu: off
  hostBridges:
    - below:
        - rootPort: {}
          below: [ { nic: { name: mlx5_0 } } ]
        - rootPort: {}
          below: [ { nvme: { name: nvme3 } } ]
workload:
  - nvmeof: { nic: mlx5_0, drive: nvme3, provider: auto, io: [ { write: 64K } ] }
`;
    expect(onlyStep(simulate(text))).toMatchObject({
      outcome: "not-run",
      why: "the namespace is not enabled: EINVAL: no published peer memory is within reach of 0000:02:00.0",
    });
    expect(onlyStep(simulate(text.replace("auto", "off"))).outcome).toBe("done");
  });
});

describe("two functions of one device, of which nobody shows whether they reach each other inside", () => {
  const step = (model: string): string => `machine:
  cpu: amd-zen
  kernel: 7.2
  iommu: off
  hostBridges:
    - below:
        - rootPort: { id: "1022:1483", acs: false }
          below:
            - functions: [ { gpu: { name: x, bar: 1M } }, { gpu: { name: y, bar: 1M } } ]
${model}workload:
  - copy: { from: x, to: y, size: 64K }
`;

  it.each([
    ["as the model assumes", "", "delivered", /does not show whether the functions of this device reach each other/],
    ["upstream", "model: { insideDevices: upstream }\n", "failed", /below this port again/],
  ])("a copy is no plain success or failure: %s", (_, model, outcome, assumed) => {
    const simulation = simulate(step(model));
    expect(simulation.outcome).not.toBe(outcome);
    expect(onlyStep(simulation).assumptions.join()).toMatch(assumed);
  });
});

describe("a workload's copy", () => {
  it("is lost silently behind the emulated switch, and right through RAM", () => {
    const simulation = simulate(exampleText("silent-loss"));
    expect(simulation.outcome).toBe("failed");
    const run = onlyStep(simulation);
    expect(run).toMatchObject({
      outcome: "silent-loss",
      transfers: { "silent-loss": 4, done: 0 },
      checked: { rightBytes: 0, wrongBytes: 4 * 65536 },
      failures: [{ kind: "write", outcome: "iommu-fault", endedAt: "root-complex" }],
      staged: { outcome: "done", checked: { rightBytes: 4 * 65536 } },
    });
    expect(run.iommuFaults).toBeGreaterThan(0);
    expect(run.why).toContain("IOMMU fault");
  });

  it("is right where the switch is told to behave as the specification says", () => {
    const text = exampleText("silent-loss").replace("workload:", "model: { switchForwarding: per-spec }\nworkload:");
    expect(simulate(text).outcome).toBe("delivered");
  });

  it("goes from memory to memory, and through RAM where that is compared", () => {
    const run = onlyStep(onServer("  - { compare: dram, copy: { from: gpu0, to: gpu1, size: 64K, count: 2 } }"));
    expect(run).toMatchObject({ outcome: "done", traffic: { dramReadBytes: 0, rootPortBytes: 0 } });
    expect(run.staged).toMatchObject({
      outcome: "done",
      memory: [{ source: "ram" }],
      traffic: { dramReadBytes: 2 * 65536, dramWrittenBytes: 2 * 65536 },
    });
  });

  it("is refused where a client's mapping takes no peer memory, unless it may fall back", () => {
    const step = (more: string): string => `  - copy: { from: gpu0, to: gpu1, size: 4K${more} }`;
    const refused = onlyStep(onServer(step(""), "{ backend: { gpu0: refusing } }"));
    expect(refused).toMatchObject({ outcome: "mapping-failed", memory: [{ source: "none" }] });
    expect(refused.checked).toEqual({ rightBytes: 0, wrongBytes: 0, failedBytes: 4096, uncheckedBytes: 0 });
    const staged = onlyStep(onServer(step(", fallBackToRam: true"), "{ backend: { gpu0: refusing } }"));
    expect(staged).toMatchObject({ outcome: "done", memory: [{ source: "ram" }] });
  });
});

describe("a workload's GPU read", () => {
  it.each([
    ["drive-writes", "gpu0", 0],
    ["gpu-reads", "cmb0", 0],
    ["through-ram", null, 65536],
  ] as const)("%s", (way, provider, dram) => {
    const simulation = onServer(`  - gpuRead: { gpu: gpu0, drive: cmb0, size: 64K, blockSize: 4K, way: ${way} }`);
    const run = onlyStep(simulation);
    expect(run).toMatchObject({ outcome: "done", traffic: { dramReadBytes: dram, dramWrittenBytes: dram } });
    const expected = provider === null ? { source: "ram" } : { provider: bdfOf(simulation.machine, provider) };
    expect(run.memory).toMatchObject([expected]);
  });

  it("whose reads a root complex refuses is a device's error", () => {
    const text = "  - gpuRead: { gpu: gpu0, drive: cmb1, size: 4K, way: gpu-reads }";
    expect(onlyStep(onServer(text, "{ rootComplex: writes-only }"))).toMatchObject({
      outcome: "device-error",
      failures: [{ kind: "read" }],
      checked: { failedBytes: 4096 },
    });
  });

  it("beyond the namespace is a device's error, after which the drive works again", () => {
    const { steps, outcome } = onServer(
      "  - gpuRead: { gpu: gpu0, drive: nvme0, size: 4K, block: 4294967295 }\n  - gpuRead: { gpu: gpu0, drive: nvme0, size: 4K }",
    );
    expect(outcome).toBe("failed");
    expect(steps.map((step) => step.outcome)).toEqual(["device-error", "done"]);
    expect(steps[0]?.why).toBe("lba-out-of-range");
  });
});

describe("a workload on a machine", () => {
  const copy = "machine: x\nworkload:\n  - copy: { from: cmb0, to: nvme0, size: 4K }\n";

  it("that hides addresses is unknown, with the reason", () => {
    const whole = serverMachine();
    const functions = whole.functions.map((fn) => ({ ...fn, bars: unknown("run as root") }));
    expect(simulate(copy, {}, { ...whole, functions })).toMatchObject({
      outcome: "unknown",
      hidden: expect.stringContaining("run as root"),
      steps: [],
    });
  });

  it("that hides what decides a step leaves that step unknown", () => {
    const whole = serverMachine();
    const functions = whole.functions.map((fn) =>
      fn.names.includes("switch") ? { ...fn, acs: unknown("run as root") } : fn,
    );
    const text = `${copy}  - { name: other, copy: { from: nvme0, to: cmb0, size: 4K, provider: off } }`;
    const { steps, outcome } = simulate(text, {}, { ...whole, functions });
    expect(outcome).toBe("unknown");
    expect(steps[0]?.outcome).toBe("unknown");
    expect(steps[0]?.why).toContain("run as root");
  });

  it("counts faults of the emulated one", () => {
    expect(onlyStep(simulate(copy.replace("4K", "8K"), {}, emulatedMachine("strict"))).iommuFaults).toBe(2);
  });
});

describe("peer memory beyond the linear map", () => {
  it("is none for what needs pages, with the reason", () => {
    const step = "  - nvmeof: { nic: nic0, drive: nvme0, provider: cmb0, io: [{ write: 4K }] }";
    expect(onlyStep(onServer(step, "{ linearMapEnd: 64T }")).outcome).toBe("done");
    expect(() => onServer(step, "{ linearMapEnd: 1G }")).toThrow(
      /has no peer memory, and peer memory is asked for \(no struct pages: BAR \d of .* which ends at 0x40000000\)/,
    );
    const auto = onServer(step.replace("provider: cmb0", "provider: off"), "{ linearMapEnd: 1G }");
    expect(onlyStep(auto).outcome).toBe("done");
  });
});

describe("a step that does not fit the machine is refused with its place", () => {
  it.each([
    ["an unknown device", "copy: { from: gpu0, to: gpu9, size: 4K }", "no device 'gpu9'"],
    ["a word for several devices", "copy: { from: gpu, to: gpu1, size: 4K }", "'gpu' means 2 devices"],
    ["a bridge", "copy: { from: switch, to: gpu1, size: 4K }", "switch is a bridge"],
    ["a drive that is none", "gpuRead: { gpu: gpu0, drive: nic0, size: 4K }", "nic0 is no NVMe controller"],
    [
      "a provider that is none",
      "nvmeof: { nic: nic0, drive: nvme0, provider: gpu0, io: [{ read: 4K }] }",
      "gpu0 (0000:06:00.0) has no peer memory",
    ],
    ["a buffer that is not there", "gpuRead: { gpu: gpu0, drive: nvme0, size: 4K, way: gpu-reads }", "no peer memory"],
    [
      "commands where there is no buffer",
      "gpuRead: { gpu: gpu0, drive: nvme0, size: 4K, commandsIn: controller }",
      "no peer memory",
    ],
    ["memory and blocks", "copy: { from: gpu0, to: nvme0, size: 4K }", "from drive to drive, or from memory to memory"],
    ["a BAR that is not there", "copy: { from: { device: gpu0, bar: 5 }, to: gpu1, size: 4K }", "no memory BAR 5"],
    ["bytes behind a BAR", "copy: { from: { device: gpu0, offset: 1T }, to: gpu1, size: 4K }", "has no 4096 bytes at"],
    [
      "a part of a block",
      "gpuRead: { gpu: gpu0, drive: nvme0, size: 4K, blockSize: 4K, count: 1, block: 0 }".replace(
        "size: 4K",
        "size: 100",
      ),
      "no whole blocks",
    ],
    ["a start inside a block", "copy: { from: { device: nvme0, offset: 3 }, to: cmb0, size: 4K }", "inside a block"],
    ["a part of a block to copy", "copy: { from: nvme0, to: cmb0, size: 100 }", "no whole blocks"],
  ])("%s", (_, step, message) => {
    let error: unknown;
    try {
      onServer(`  - ${step}`);
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof PeerlaneError)) throw error ?? new Error("it was run");
    expect(error.message).toContain(message);
    expect(error.place).toMatchObject({ file: "test.yaml", line: 21 });
  });
});

describe("a trace", () => {
  it("has each request once, in order, with its hops", () => {
    const { trace, traffic } = simulate(exampleText("silent-loss"), { trace: true });
    if (trace === null || traffic === null) throw new Error("no trace");
    const total = trace.requests.reduce((sum, { times }) => sum + times, 0);
    expect(total).toBe(traffic.requests + traffic.control.requests);
    expect(trace.droppedTlps).toBe(0);
    expect(trace.requests.every(({ hops }) => hops[0]?.what === "issue")).toBe(true);
    const lost = trace.requests.filter(({ hops }) => hops.at(-1)?.words.includes("IOMMU fault") === true);
    expect(lost.reduce((sum, { times }) => sum + times, 0)).toBe(64);
    expect(new Set(lost.map(({ transfer }) => transfer))).toEqual(new Set([1, 2, 3, 4]));
  });

  it("does not change what happens", () => {
    const traced = simulate(exampleText("nvmeof-acs-redirect"), { trace: true });
    const plain = simulate(exampleText("nvmeof-acs-redirect"));
    expect({ ...traced, trace: null }).toEqual(plain);
  });
});

it("tells how far it is", () => {
  const seen: (readonly [number, number])[] = [];
  simulate(exampleText("silent-loss"), { progress: (done, total) => seen.push([done, total]) });
  expect(seen).toEqual(Array.from({ length: 8 }, (_, index) => [index + 1, 8]));
});
