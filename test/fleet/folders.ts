import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { type FleetOptions, mergeShards, type PoolOptions, readFleet } from "../../src/fleet/read-fleet.ts";
import type { Fleet } from "../../src/fleet/result.ts";

/** A folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-fleet-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files below a folder, by their paths. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

const HERE: PoolOptions = { jobs: 1, tools: {} };

/** Reads a fleet in this process. */
export function readHere(
  sources: readonly string[],
  more: Pick<FleetOptions, "results" | "shard" | "onRead" | "onResume"> & {
    readonly input?: string | Uint8Array;
  } = {},
): Promise<Fleet> {
  const { input, ...options } = more;
  return readFleet(sources, { ...HERE, ...options, input: () => Readable.from([Buffer.from(input ?? "")]) });
}

/** Puts shards together in this process. */
export function mergeHere(folders: readonly string[]): Promise<Fleet> {
  return mergeShards(folders, HERE);
}

const BLOCK = 512;

/** A tar archive of plain files. */
export function tarOf(files: readonly (readonly [name: string, content: string | Uint8Array])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, content] of files) {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(BLOCK);
    header.write(name, 0);
    header.write("0000644\0", 100);
    header.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        0", 148);
    header.write("ustar\x0000", 257);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    parts.push(header, bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}
