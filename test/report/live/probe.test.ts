import { expect, test } from "vitest";
import type { PairFault } from "../../../src/live/probe/evidence.ts";
import { inOrder, judge } from "../../../src/live/probe/findings.ts";
import type { ProbeResult } from "../../../src/live/probe/result.ts";
import { documentMarkdown } from "../../../src/report/document-markdown.ts";
import { documentText } from "../../../src/report/document-text.ts";
import { probeBlocks } from "../../../src/report/live/probe/blocks.ts";
import { probeJson } from "../../../src/report/live/probe/json.ts";
import { OUTPUT_SCHEMAS } from "../../../src/report/schemas.ts";
import { failed, lost, machine, pairOf, provider, refused, table } from "../../live/probe/measured-pairs.ts";

const text = "DMAR: [DMA Write NO_PASID] Request device [04:00.0] fault addr 0xfc020000 [fault reason 0x05] x";
const fault: PairFault = {
  ...({ iommu: "intel", requester: provider, isAnySegment: true, access: "write", address: 0xfc020000 } as const),
  ...{ reason: "0x05 x", providerBar: 2 },
};
const withMessages = { into: lost, messages: [{ sequence: 1, timeUs: 5, text }], faults: [fault] };
const measured = [pairOf("04:00.0"), pairOf("05:00.0", { into: refused }), pairOf("04:00.0", withMessages)];
const view: ProbeResult = {
  ...{ table, sizes: [4096], nonce: "00", kernelLog: "no permission", answer: "no" },
  pairs: inOrder([...measured, pairOf("04:00.0", { into: failed })].map((pair) => judge(pair, machine))),
  exhausted: [{ provider, users: [{ pid: 7, command: "fio", sizeBytes: 4096 }] }],
  untried: [{ provider, sizes: [1 << 20] }],
  leftAlone: [{ provider, use: { kind: "in-use", why: "amdgpu registers the whole VRAM, in which jobs run" } }],
  leftRescues: [
    {
      path: "/state/x.rescue",
      file: { dev: 1, ino: 1 },
      rescue: {
        target: { name: "nvme1n1", identity: null, startBytes: 0, sizeBytes: 512, attachment: null },
        position: 0,
        data: Buffer.alloc(512),
      },
    },
  ],
};

test("the JSON of a probe fits its schema", () => {
  const json: unknown = JSON.parse(JSON.stringify(probeJson(view)));
  expect(OUTPUT_SCHEMAS.probe.safeParse(json).error).toBeUndefined();
});

test("the screen shows losses before what is fine, with evidence, advice and notes", () => {
  const screen = documentText(probeBlocks(view), { width: 120, color: false });
  for (const line of screen.split("\n").filter((each) => !each.includes("DMAR")))
    expect(line.length).toBeLessThanOrEqual(120);
  for (const part of [
    "DATA LOSS",
    "iommu=pt",
    "went up to the IOMMU",
    "BAR 2",
    text,
    "fio (7) has 4 KiB",
    "1 MiB: not tried",
    "--restore /state/x.rescue",
    "peerlane fix 0000:03:00.0 0000:05:00.0",
    "fails: EIO",
    "no permission",
  ]) {
    expect(screen.replaceAll(/\s+/g, " ")).toContain(part);
  }
  expect(screen.indexOf("lost: untouched")).toBeLessThan(screen.indexOf("right (1 of 1)"));
  expect(documentMarkdown(probeBlocks(view))).toContain("| refuses: EINVAL |");
});
