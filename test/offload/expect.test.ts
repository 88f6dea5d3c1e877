import { describe, expect, it } from "vitest";
import { buildWorkload, parseWorkload } from "../../src/offload/workload/parse-workload.ts";
import { runWorkload } from "../../src/offload/workload/run-workload.ts";
import { workloadJsonSchema } from "../../src/offload/workload/schema.ts";
import type { Simulation } from "../../src/offload/workload/simulation.ts";
import type { StepParts } from "../../src/offload/workload/workload-parts.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { documentText } from "../../src/report/document-text.ts";
import { OUTPUT_SCHEMAS } from "../../src/report/schemas.ts";
import { simulationBlocks } from "../../src/report/simulate/blocks.ts";
import { simulationJson } from "../../src/report/simulate/json.ts";
import { exampleText, onlyStep, onServer, simulate } from "./workloads.ts";

type Iommu = "off" | "strict" | "lazy";

/** A card, two NICs, a drive, and a drive with 2 MiB of peer memory, each below a root port that redirects. */
function run(steps: readonly StepParts[], { kernel = "7.2", iommu = "strict" as Iommu } = {}): Simulation {
  const port = (device: object) => ({ rootPort: { id: "1022:1483", acs: "SV+ RR+ CR+ UF+" }, below: [device] });
  const below = [
    port({ accel: { name: "card", bars: { 0: "1M" } } }),
    port({ nic: { name: "nic0" } }),
    port({ nic: { name: "vf" } }),
    port({ nvme: { name: "cmb", cmb: "2M" } }),
    port({ nvme: { name: "drive" } }),
  ];
  const machine = { cpu: "amd-zen" as const, kernel, iommu, hostBridges: [{ id: "1022:1480", below: below as never }] };
  return runWorkload(buildWorkload({ machine, workload: steps }, "test"));
}

const EXPORT: StepParts = { export: { device: "card", offset: "64K", size: "256K", as: "buf" } };
const SHARED: readonly StepParts[] = [EXPORT, { import: { buffer: "buf", nic: "nic0", as: "mr" } }];
const PINNED: readonly StepParts[] = [
  EXPORT,
  { import: { buffer: "buf", nic: "nic0", mode: "pinned-revocable", as: "mr" } },
];
const MMAP: StepParts = { mmap: { device: "cmb", size: "64K", as: "user" } };
const READ: StepParts = { directIo: { memory: "user", drive: "drive", read: "16K", count: 2 } };
const EFAULT = { outcome: "refused", error: "EFAULT" } as const;
const WRITE: StepParts = { rdma: { region: "mr", write: "64K", count: 2 } };

function expecting(step: StepParts, expected: StepParts["expect"]): StepParts {
  return expected === undefined ? step : { ...step, expect: expected };
}

describe("a step that is to be refused", () => {
  type Row = readonly [
    what: string,
    before: readonly StepParts[],
    step: StepParts,
    expected: StepParts["expect"],
    isMet: boolean,
    errors: readonly string[],
    options: { readonly kernel?: string },
  ];
  const gone: readonly StepParts[] = [MMAP, { revoke: { device: "cmb", by: "remove" } }];
  const revoked: readonly StepParts[] = [...SHARED, { revoke: "card" }];
  const again: StepParts = { import: { buffer: "buf", nic: "vf", as: "mr2" } };
  const beyond: StepParts = { export: { device: "card", offset: "1020K", size: "8K", as: "b" } };
  const large: StepParts = { mmap: { device: "cmb", size: "3M", as: "large" } };

  it.for<Row>([
    // Refused, and so it was meant.
    ["any error", gone, READ, "refused", true, ["EFAULT"], {}],
    ["this error, at mapping", gone, READ, { outcome: "refused", error: "EFAULT" }, true, ["EFAULT"], {}],
    ["this error, at import", revoked, again, { outcome: "refused", error: "ENODEV" }, true, ["ENODEV"], {}],
    ["this error, at export", [], beyond, { outcome: "refused", error: "EINVAL" }, true, ["EINVAL"], {}],
    ["this error, of mmap", [], large, { outcome: "refused", error: "ENOMEM" }, true, ["ENOMEM"], {}],
    ["an old kernel", [], EXPORT, { outcome: "refused", error: "ENOTTY" }, true, ["ENOTTY"], { kernel: "6.12" }],
    // A device's no, to whoever asks it.
    ["a device's error", revoked, WRITE, "device-error", true, ["remote-access-error"], {}],
    [
      "this error of a device",
      revoked,
      WRITE,
      { outcome: "device-error", error: "remote-access-error" },
      true,
      ["remote-access-error"],
      {},
    ],
    // Refused for another reason, by another, or not at all.
    ["another error", gone, READ, { outcome: "refused", error: "EINVAL" }, false, ["EFAULT"], {}],
    ["another error, at export", [], beyond, { outcome: "refused", error: "ENOTTY" }, false, ["EINVAL"], {}],
    ["no refusal", [MMAP], READ, "refused", false, [], {}],
    ["no refusal, an error named", [MMAP], READ, { outcome: "refused", error: "EFAULT" }, false, [], {}],
    ["a device's error is no refusal", revoked, WRITE, "refused", false, ["remote-access-error"], {}],
    ["a refusal is no device's error", gone, READ, "device-error", false, ["EFAULT"], {}],
  ])("%s", ([, before, step, expected, isMet, errors, options]) => {
    const simulation = run([...before, expecting(step, expected)], options);
    const last = simulation.steps.at(-1);
    expect([last?.isAsExpected, last?.errors]).toEqual([isMet, errors]);
    expect(simulation.outcome).toBe(isMet ? "delivered" : "failed");
  });

  it("is not refused where what it uses was never made: that has no error's name", () => {
    const steps = [expecting(EXPORT, "refused"), ...SHARED.slice(1)].map((step) => expecting(step, "refused"));
    const simulation = run(steps, { kernel: "6.12" });
    expect(simulation.steps.map(({ isAsExpected, errors }) => [isAsExpected, errors])).toEqual([
      [true, ["ENOTTY"]],
      [false, []],
    ]);
    expect(simulation.outcome).toBe("failed");
  });

  it("is to be so in each of its transfers", () => {
    const mixed = { name: "mixed", directIo: { memory: "user", drive: "drive", read: "48K", count: 2 } };
    const { outcome, steps } = run([MMAP, { ...mixed, expect: "refused" }]);
    expect(steps.at(-1)).toMatchObject({
      outcome: "mapping-failed",
      transfers: { done: 1, "mapping-failed": 1 },
      isAsExpected: false,
    });
    expect(outcome).toBe("failed");
  });

  it("says why by the transfer that is worst, or that is not as it was to be", () => {
    const port = (below: readonly object[]) => ({ rootPort: { id: "1022:1483", acs: "SV+ RR+ CR+ UF+" }, below });
    const drives = [{ nvme: { name: "cmb", cmb: "1M" } }, { nvme: { name: "drive" } }];
    const below = [
      port([{ nic: { name: "nic0" } }]),
      port([{ switch: { id: "1000:c030", portId: "1000:c030", acs: false }, below: drives }]),
    ];
    const machine = {
      cpu: "amd-zen" as const,
      kernel: "7.2",
      iommu: "off" as const,
      hostBridges: [{ below: below as never }],
    };
    const io = [{ read: "16K" }, { write: "16K" }];
    const nvmeof = { nic: "nic0", drive: "drive", provider: "cmb", io };
    const workload: readonly StepParts[] = [
      { name: "none", nvmeof },
      { name: "loss", nvmeof, expect: "silent-loss" },
    ];
    const { steps } = runWorkload(buildWorkload({ machine, model: { rootComplex: "refuse" }, workload }, "test"));
    const transfers = { "device-error": 1, "silent-loss": 1 };
    const why = (kind: string) => expect.stringMatching(`^a ${kind} of 0000:01:00.0 ends at the root complex: `);
    expect(steps[0]).toMatchObject({ outcome: "silent-loss", transfers, why: why("write") });
    expect(steps[1]).toMatchObject({ outcome: "silent-loss", transfers, why: why("read"), isAsExpected: false });
  });

  it("without an expectation fails as before", () => {
    const { outcome, steps } = run([...gone, READ]);
    expect([outcome, steps.at(-1)?.isAsExpected]).toEqual(["failed", false]);
  });

  it("of which the source hides what decides is unknown, whatever is expected", () => {
    const text = (expected: string): string => `machine:
  cpu: intel
  kernel: 7.2
  iommu: off
  hostBridges:
    - busOffset: 0
      below:
        - rootPort: {}
          below: [ { nvme: { name: nvme0, cmb: 16M } } ]
        - rootPort: {}
          below: [ { nvme: { name: nvme3 } } ]
workload:
  - copy: { from: nvme3, to: nvme3, size: 64K, provider: nvme0 }
    ${expected}
`;
    for (const expected of ["", "expect: refused", "expect: device-error"]) {
      const simulation = simulate(text(expected));
      expect([simulation.outcome, onlyStep(simulation).outcome]).toEqual(["unknown", "unknown"]);
    }
  });

  it.each([
    ["refused", "failed"],
    ["silent-loss", "unknown"],
    ["device-error", "unknown"],
  ])("that goes well by assumption alone, and was to be %s: %s", (expected, outcome) => {
    // Two functions of one device: nobody shows whether they reach each other inside. Refusals are the kernel's.
    const text = exampleText("one-device").trimEnd();
    const simulation = simulate(`${text}\n    expect: ${expected}\n`);
    expect(onlyStep(simulation)).toMatchObject({ outcome: "done", isAsExpected: false });
    expect(simulation.outcome).toBe(outcome);
  });

  it("and is lost as the file says: by any way, or by this one", () => {
    const lost = (expected: string): Simulation =>
      onServer(`  - gpuRead: { gpu: gpu0, drive: cmb1, size: 4K }\n    expect: ${expected}`, "{ rootComplex: refuse }");
    expect(lost("silent-loss").steps[0]?.errors).toEqual(["unsupported-request"]);
    for (const [expected, isMet] of [
      ["silent-loss", true],
      ["{ outcome: silent-loss, error: unsupported-request }", true],
      ["{ outcome: silent-loss, error: iommu-fault }", false],
      ["wrong-bytes", false],
      ["refused", false],
    ] as const) {
      expect(lost(expected).steps[0]?.isAsExpected, expected).toBe(isMet);
    }
  });
});

describe("what is expected, told", () => {
  const textOf = (simulation: Simulation): string =>
    documentText(simulationBlocks(simulation), { width: 200, color: false });
  const gone: readonly StepParts[] = [MMAP, { revoke: { device: "cmb", by: "remove" } }];

  it("as a screen: the sign and the words", () => {
    const read = { ...READ, name: "read" };
    const met = textOf(run([...gone, { ...read, expect: EFAULT }]));
    expect(met).toContain("✓ read\n  refused: the memory cannot be mapped; as expected: EFAULT: ");
    const other = textOf(run([...gone, { ...read, expect: { outcome: "refused", error: "EINVAL" } }]));
    expect(other).toContain(
      "✗ read\n  refused: the memory cannot be mapped; not as expected: each transfer was to be refused (EINVAL): EFAULT",
    );
    const well = textOf(run([MMAP, { ...read, expect: "refused" }]));
    expect(well).toContain("✗ read\n  delivered; not as expected: each transfer was to be refused\n");
  });

  it("as JSON, by its schema", () => {
    const simulation = run([...gone, { ...READ, expect: { outcome: "refused", error: "EINVAL" } }]);
    const json = simulationJson(simulation);
    OUTPUT_SCHEMAS.simulate.parse(JSON.parse(JSON.stringify(json)));
    expect(json.steps.map(({ expected, errors }) => [expected, errors])).toEqual([
      [null, []],
      [null, []],
      [{ outcome: "refused", error: "EINVAL", isMet: false }, ["EFAULT"]],
    ]);
  });
});

describe("what a file expects", () => {
  const head = "machine: server.txt\nworkload:\n  - copy: { from: a, to: b, size: 4K }\n    expect: ";
  const read = (text: string): unknown => {
    try {
      return parseWorkload(`${head}${text}\n`, "w.yaml").steps[0]?.expected;
    } catch (error) {
      if (error instanceof PeerlaneError) return `${error.place?.line}:${error.place?.column} ${error.message}`;
      throw error;
    }
  };

  it.each([
    ["refused", { outcome: "refused", error: null }],
    ["device-error", { outcome: "device-error", error: null }],
    ["{ outcome: refused, error: EINVAL }", { outcome: "refused", error: "EINVAL" }],
    ["{ outcome: wrong-bytes }", { outcome: "wrong-bytes", error: null }],
    ["refusd", expect.stringMatching(/^4:13 /)],
    ["done", expect.stringMatching(/^4:13 /)],
    ["not-run", expect.stringMatching(/^4:13 /)],
    ["{ error: EINVAL }", expect.stringMatching(/^4:13 .*outcome/)],
    ["{ outcome: refused, errno: EINVAL }", expect.stringMatching(/errno/)],
    ["[refused]", expect.stringMatching(/^4:13 /)],
  ])("%s", (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it("is in the JSON Schema for editors", () => {
    const text = JSON.stringify(workloadJsonSchema());
    expect(text).toContain('"silent-loss"');
    expect(text).toContain('"expect"');
  });
});

describe("peer memory of a process that leaves under a drive's DMA", () => {
  const remove = (during: object | undefined): StepParts => ({
    name: "remove",
    revoke: { device: "cmb", by: "remove", during: during as never },
  });

  it.each([
    ["read", "8K", 0],
    ["read", "16K", "8K"],
    ["write", "16K", "12K"],
  ] as const)(
    "%s of %s after %s: the pages that are pinned stay until it is over, and then go",
    (direction, size, after) => {
      const traffic = { memory: "user", drive: "drive", [direction]: size, after };
      const simulation = run([MMAP, remove(traffic), { ...READ, expect: EFAULT }]);
      expect(simulation.outcome).toBe("delivered");
      const pages = Number.parseInt(size, 10) / 4;
      expect(simulation.steps[1]).toMatchObject({
        outcome: "done",
        checked: { rightBytes: pages * 4096, wrongBytes: 0 },
        events: [
          "the peer memory of 0000:04:00.0 leaves, and 16 pages that were in use with it",
          `taking the memory of 0000:04:00.0 back (remove) waits: ${pages} pages are still in use`,
          "taking the memory of 0000:04:00.0 back (remove) is done",
        ],
        leftOpen: [],
        pairs: [{ provider: expect.any(Number), client: expect.any(Number) }],
      });
    },
  );

  it("of another memory does not wait", () => {
    const simulation = run([
      ...SHARED,
      MMAP,
      remove({ region: "mr", write: "16K", after: "4K" }),
      { ...READ, expect: EFAULT },
    ]);
    expect(simulation.outcome).toBe("delivered");
    expect(simulation.steps[3]?.events).toEqual([
      "the peer memory of 0000:04:00.0 leaves, and 16 pages that were in use with it",
    ]);
  });

  it("of a card in a user's hands, removed under messages: it waits for its user, who closes it", () => {
    const simulation = run([
      ...PINNED,
      {
        revoke: { device: "card", by: "remove", during: { region: "mr", write: "16K", after: "4K" } },
        expect: { outcome: "device-error", error: "remote-access-error" },
      },
      { ...WRITE, expect: { outcome: "device-error", error: "remote-access-error" } },
    ]);
    expect(simulation.outcome).toBe("delivered");
    expect(simulation.steps[2]?.events.at(-1)).toBe("taking the memory of 0000:01:00.0 back (remove) is done");
  });

  const head = "machine: server.txt\nworkload:\n  - mmap: { device: a, size: 64K, as: user }\n  - revoke: ";
  const message = (during: string): string => {
    try {
      parseWorkload(`${head}{ device: a, by: remove, during: ${during} }\n`, "w.yaml");
    } catch (error) {
      if (error instanceof PeerlaneError) return error.message;
      throw error;
    }
    return "read";
  };

  it.each([
    ["{ memory: user, drive: d, read: 8K, after: 4K }", "read"],
    ["{ memory: user, drive: d, read: 8K, after: 8K }", "after 8192 bytes a read of 8192 is over"],
    ["{ memory: user, read: 8K }", "traffic is of a 'region:', or of 'memory:' with a 'drive:'"],
    ["{ drive: d, read: 8K }", "traffic is of a 'region:', or of 'memory:' with a 'drive:'"],
    ["{ read: 8K }", "traffic is of a 'region:', or of 'memory:' with a 'drive:'"],
    ["{ region: r, memory: user, drive: d, read: 8K }", "traffic is of a 'region:', or of 'memory:' with a 'drive:'"],
    ["{ region: r, block: 4, read: 8K }", "traffic is of a 'region:', or of 'memory:' with a 'drive:'"],
    ["{ memory: other, drive: d, read: 8K }", "no step before this one makes 'other'"],
    ["{ memory: user, drive: d }", "it is either 'read: SIZE' or 'write: SIZE'"],
  ])("%s: %s", (during, expected) => {
    expect(message(during)).toBe(expected);
  });

  it("moves whole blocks, by a drive", () => {
    expect(() => run([MMAP, remove({ memory: "user", drive: "drive", read: 700 })])).toThrow("no whole blocks of 512");
    expect(() => run([MMAP, remove({ memory: "user", drive: "nic0", read: 512 })])).toThrow(
      "nic0 is no NVMe controller",
    );
  });
});
