import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { expect } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { readMachine } from "../../src/host/read-machine.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { readCapture } from "../machines/captures.ts";

/** A recorded machine's tar archive. */
export const tar: Uint8Array = new Uint8Array(gunzipSync(readFileSync(readCapture("one-switch.intel.strict").archive)));

/** Runs a packer with the bytes on its standard input: it knows no size beforehand. */
export function packedBy(program: string, options: readonly string[], bytes: Uint8Array): Uint8Array {
  return new Uint8Array(
    execFileSync(program, ["-c", ...options], { input: bytes, maxBuffer: 2 ** 30, stdio: ["pipe", "pipe", "ignore"] }),
  );
}

/** The formats, each with a packer that sums its content up. */
export const packers: Readonly<Record<"gzip" | "bzip2" | "zstd", (bytes: Uint8Array) => Uint8Array>> = {
  gzip: (bytes) => new Uint8Array(gzipSync(bytes)),
  bzip2: (bytes) => packedBy("bzip2", [], bytes),
  zstd: (bytes) => packedBy("zstd", [], bytes),
};

/** Reads bytes that come in the given chunks. */
export async function readChunks(chunks: Iterable<Uint8Array>, name = "machine.tar"): Promise<Machine> {
  const { machine } = await readMachine(chunks, { name });
  return machine;
}

/** The machine, or the refusal, which has to name the file and a way out. */
export async function readOrRefuse(bytes: Uint8Array, name = "machine.tar"): Promise<Machine | PeerlaneError> {
  try {
    return await readChunks([bytes], name);
  } catch (error) {
    if (!(error instanceof PeerlaneError)) throw error;
    expect(error.place?.file).toBe(name);
    expect(error.remedy).toBeTypeOf("string");
    return error;
  }
}

/** One after the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
