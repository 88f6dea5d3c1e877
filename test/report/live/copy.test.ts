import { expect, it } from "vitest";
import { parseScenario } from "../../../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../../../src/host/scenario/scenario-machine.ts";
import type { CopyPlanView, CopyResultView } from "../../../src/measured/copy.ts";
import { makeBdf } from "../../../src/pci/bdf.ts";
import { documentMarkdown } from "../../../src/report/document-markdown.ts";
import { documentText } from "../../../src/report/document-text.ts";
import { copyBlocks, copyPlanBlocks } from "../../../src/report/live/copy/blocks.ts";
import { copyJson, copyPlanJson } from "../../../src/report/live/copy/json.ts";
import { copySchema } from "../../../src/report/live/copy/schema.ts";

const PROVIDER = makeBdf(0, 3, 0, 0);
const CLIENT = makeBdf(0, 4, 0, 0);
const MIB = 2 ** 20;
const COMMAND = "peerlane copy nvme0n1 image --resume";

function machineWith(iommu: string): CopyPlanView["host"]["machine"] {
  const scenario = `scenario: x
iommu: ${iommu}
hostBridges:
  - below:
      - rootPort: {}
        below:
          - switch: {}
            below:
              - nvme: { cmb: 16M, name: nvme0 }
              - nvme: { name: nvme1 }
`;
  return scenarioMachine(parseScenario(scenario, "x.yaml"));
}

function planOf(iommu = "off"): CopyPlanView {
  return {
    host: { machine: machineWith(iommu) },
    ends: {
      source: {
        ...{ kind: "device", name: "nvme0n1", path: "/dev/nvme0n1", sizeBytes: 64 * MIB, logicalBlockBytes: 512 },
        ...{ functions: [PROVIDER], identity: "eui.1" },
      },
      target: {
        ...{ kind: "file", path: "/data/image", sizeBytes: 0, logicalBlockBytes: 4096 },
        device: { name: "nvme1n1", functions: [CLIENT] },
      },
      isNew: true,
    },
    ranges: { sourceStart: 4096, targetStart: 0, lengthBytes: 10 * MIB + 1 },
    path: {
      kind: "peer",
      choice: { pool: { provider: PROVIDER }, distance: 4, ties: [] },
      clients: [
        { client: PROVIDER, mapType: "bus-addr" },
        { client: CLIENT, mapType: "thru-host-bridge" },
      ],
    },
    chunkBytes: MIB,
    depth: 4,
    journalPath: "/state/j.json",
    resumed: null,
    warnings: [],
  };
}

function resultOf(changes: Partial<CopyResultView> = {}, iommu = "off"): CopyResultView {
  const plan = planOf(iommu);
  return {
    ...{
      plan,
      outcome: "copied",
      path: plan.path,
      shape: { depth: 4, chunkBytes: MIB },
      resumedFromBytes: 0,
      comparedBytes: 0,
    },
    ...{ memoryBytes: 10 * MIB, cpuBytes: 1, seconds: 2, cpuSeconds: 0.25, sampledChunks: 1 },
    ...{ verification: { state: "not-asked", seconds: 0 }, loss: null, failure: null, journal: null },
    ...{ journalledBytes: 0, warnings: [], messages: [] },
    ...changes,
  };
}

function screenOf(result: CopyResultView): string {
  return documentText(copyBlocks(result, COMMAND), { width: 200, color: false });
}

const loss: CopyResultView["loss"] = {
  foundBy: "first-chunk",
  difference: { offset: 512, looks: "never-written", source: "aa", target: "bb" },
  ruledOut: ["nobody else wrote"],
  open: [],
};

it("A result says what moved, through whose memory, how fast, and what was compared", () => {
  expect(screenOf(resultOf())).toMatchInlineSnapshot(`
    "copied: 10.0 MiB (10485761 bytes) from nvme0n1 to /data/image
      source: /dev/nvme0n1, moved by nvme0 (0000:03:00.0), from byte 4096
      target: /data/image, on nvme1n1, moved by nvme1 (0000:04:00.0), a new file
      path: peer memory of nvme0 (0000:03:00.0), nvme0 (0000:03:00.0) direct, nvme1 (0000:04:00.0) through the host bridge
      through peer memory: 10 MiB in 2.00 s, 5.0 MiB/s
      by the CPU: 1 B, the part of a block at the end
      memory: 4 chunks of 1 MiB in flight; CPU time 0.25 s
      checked: the first chunk and 1 more were read back and are the same (--verify reads back all)
    "
  `);
});

it("What was verified, resumed and moved by the CPU is said", () => {
  const screen = screenOf(resultOf({ verification: { state: "same", seconds: 1.5 }, resumedFromBytes: 3 * MIB }));
  expect(screen).toContain("verified: every byte is the same, 1.50 s");
  expect(screen).toContain("resumed from: 3 MiB");
  expect(screen).toContain("by the CPU: 1 B");
});

it("A loss says where, how it looks, and what helps: the IOMMU only where it may translate", () => {
  const messages = [{ timeUs: 1_500_000, text: "DMAR: fault" }];
  const lost = (iommu: string): string => screenOf(resultOf({ outcome: "data-loss", loss, messages }, iommu));
  expect(lost("strict")).toContain("boot with iommu=pt");
  expect(lost("passthrough")).not.toContain("iommu=pt");
  expect(lost("off")).toContain("byte 0x1200 of the source and 0x200 of the target differ");
  expect(lost("off")).toContain("nothing beyond the first chunk was written");
  expect(lost("off")).toContain("[1.500000] DMAR: fault");
});

it("A copy that ended early says why and how to go on", () => {
  const failure = { kind: "io", message: "read failed: EIO", remedy: "see dmesg", errno: "EIO", positionBytes: 5 };
  const result = resultOf({ outcome: "failed", failure, journal: "/state/j.json", journalledBytes: MIB });
  expect(screenOf(result)).toContain(`to go on after 1 MiB (/state/j.json)\n      ${COMMAND}`);
  expect(documentMarkdown(copyBlocks(result, COMMAND))).toContain("read failed: EIO");
});

it("A plan says what would be done", () => {
  const screen = documentText(copyPlanBlocks(planOf()), { width: 200, color: false });
  expect(screen).toContain("would be copied");
  expect(screen).toContain("journal: /state/j.json");
});

it("The JSON of every outcome keeps to its schema", () => {
  const dram = { kind: "dram", reason: "no pool" } as const;
  const failure = { kind: "interrupted", message: "m", remedy: "r", errno: null, positionBytes: null };
  const results = [
    resultOf(),
    resultOf({ path: dram, verification: { state: "same", seconds: 1 } }),
    resultOf({ outcome: "data-loss", loss, messages: [{ timeUs: 1, text: "x" }] }),
    resultOf({ outcome: "data-loss", path: dram, loss: { ...loss, foundBy: "verification" } }),
    resultOf({ outcome: "interrupted", failure, journal: "/j", journalledBytes: 4096 }),
  ];
  for (const result of results) copySchema.parse(copyJson(result, COMMAND));
  copySchema.parse(copyPlanJson(planOf()));
  expect(JSON.stringify(copyJson(resultOf({ loss }), COMMAND))).toContain("data loss");
});
