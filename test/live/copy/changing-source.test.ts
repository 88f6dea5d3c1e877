import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { BlockDevice } from "../../../src/live/block/block-device.ts";
import { planCopy } from "../../../src/live/copy/plan.ts";
import { runCopy } from "../../../src/live/copy/run.ts";
import { SourceWatch } from "../../../src/live/copy/source-watch.ts";
import { readHost } from "../../../src/live/host.ts";
import { overwrite } from "./copies.ts";

const MIB = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), "peerlane-changing-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function copyWhile(verify: boolean, onHalf: (source: string) => void): ReturnType<typeof runCopy> {
  const [source, target] = [join(folder, "source"), join(folder, `target-${verify}`)];
  writeFileSync(source, randomBytes(8 * MIB));
  const request = {
    ...{ source, target, verify, via: null, sourceOffsetBytes: 0, targetOffsetBytes: 0, lengthBytes: null },
    ...{ chunkBytes: MIB, depth: 1, resume: false, fallback: true, syncEveryBytes: 2 ** 30 },
    journal: join(folder, "journal"),
  };
  let isDone = false;
  return await runCopy(planCopy(readHost(), request), {
    confirm: () => Promise.resolve(),
    onBytes: (_, doneBytes) => {
      if (doneBytes < 4 * MIB || isDone) return;
      isDone = true;
      onHalf(source);
    },
    signal: new AbortController().signal,
  });
}

/** Bytes each of which differs from what the file has there. */
function othersThan(path: string, position: number, length: number): Buffer {
  return readFileSync(path)
    .subarray(position, position + length)
    .map((byte) => byte ^ 0xff) as Buffer;
}

describe("a source that is written to during the copy", () => {
  it("is no loss of data where what is read back differs", async () => {
    const result = await copyWhile(true, (source) =>
      overwrite(source, 2 * MIB + 5, othersThan(source, 2 * MIB + 5, 64)),
    );
    expect(result).toMatchObject({
      outcome: "failed",
      loss: null,
      failure: { kind: "source-changed", positionBytes: 2 * MIB + 5 },
      journal: null,
    });
    expect(result.warnings.join()).toContain("was written to during the copy");
  });

  it("is told where nothing differs", async () => {
    const result = await copyWhile(false, (source) => overwrite(source, 6 * MIB, randomBytes(64)));
    expect(result).toMatchObject({ outcome: "copied", loss: null, failure: null });
    expect(result.warnings.join()).toContain("was written to during the copy");
  });

  it("is a loss where the target differs and nobody is seen to have written to it: what stays open is said", async () => {
    const result = await copyWhile(true, () => overwrite(join(folder, "target-true"), 2 * MIB + 5, randomBytes(64)));
    expect(result).toMatchObject({ outcome: "data-loss", failure: null, loss: { foundBy: "verification" } });
    expect(result.loss?.ruledOut.join()).toContain("was not written to during the copy");
  });
});

describe("a disk as the source", () => {
  const disk = (name: string, whole = name): BlockDevice => ({
    ...{ kind: "device", name, path: `/dev/${name}`, number: "259:0", sizeBytes: MIB, logicalBlockBytes: 512 },
    ...{ disk: { name: whole, startBytes: 0 }, functions: [], madeOf: [], identity: null },
  });
  let stat = "";
  const tree = {
    name: "test",
    read: (path: string) => (path === "sys/class/block/nvme0n1/stat" ? Buffer.from(stat) : undefined),
    list: () => undefined,
    readLink: () => undefined,
  };
  const wasWritten = (target: BlockDevice, before: string, after: string): boolean | null => {
    stat = before;
    const watch = new SourceWatch(tree, { source: disk("nvme0n1"), target }, () => null);
    stat = after;
    return watch.wasWritten();
  };
  const line = (reads: number, writes: number): string => `  ${reads}  0  8000  12  ${writes}  7  512  3  0  4  5\n`;

  it("was written to where its count of writes has grown", () => {
    expect(wasWritten(disk("nvme1n1"), line(10, 4), line(900, 4))).toBe(false);
    expect(wasWritten(disk("nvme1n1"), line(10, 4), line(900, 5))).toBe(true);
  });

  it("is not known to be where the copy itself writes to it, or where nothing is counted", () => {
    expect(wasWritten(disk("nvme0n1p2", "nvme0n1"), line(10, 4), line(900, 5))).toBeNull();
    expect(wasWritten({ ...disk("dm-0"), madeOf: ["nvme0n1"] }, line(10, 4), line(900, 5))).toBeNull();
    expect(wasWritten(disk("nvme1n1"), "", "")).toBeNull();
    expect(wasWritten(disk("nvme1n1"), line(10, 4), "")).toBeNull();
  });
});
