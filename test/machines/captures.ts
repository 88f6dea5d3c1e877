import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ArchiveTree } from "../../src/host/archive.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readSysfs } from "../../src/host/sysfs.ts";
import { type Bdf, parseBdf } from "../../src/pci/bdf.ts";
import type { MeasuredPair } from "../../src/vm/measured.ts";

/** A recorded boot: the machine as its own sysfs shows it, and what its kernel decided. */
export interface Capture {
  readonly name: string;
  readonly archive: string;
  readonly kernelRelease: string;
  readonly qemuVersion: string;
  /** SHA-256 of the boot's recipe: of all that decides what it shows. */
  readonly recipe: string;
  readonly pairs: readonly MeasuredPair[];
}

const folder = join(import.meta.dirname, "recorded");

/** Names of all captures. */
export const captureNames: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => basename(file, ".json"))
  .sort();

function bdf(text: string): Bdf {
  const value = parseBdf(text);
  if (value === undefined) throw new Error(`capture with address '${text}'`);
  return value;
}

type StoredPair = Omit<MeasuredPair, "provider" | "client" | "acsRedirect"> & {
  readonly provider: string;
  readonly client: string;
  readonly acsRedirect: readonly string[];
};

/** Reads what a capture's kernel decided. */
export function readCapture(name: string): Capture {
  const stored = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as Omit<Capture, "pairs"> & {
    pairs: StoredPair[];
  };
  return {
    ...stored,
    name,
    archive: join(folder, `${name}.tar.gz`),
    pairs: stored.pairs.map((pair) => ({
      ...pair,
      provider: bdf(pair.provider),
      client: bdf(pair.client),
      acsRedirect: pair.acsRedirect.map(bdf),
    })),
  };
}

/** The files of a capture: what its sysfs showed. */
export function readCapturedTree(name: string): ArchiveTree {
  const bytes = gunzipSync(readFileSync(join(folder, `${name}.tar.gz`)));
  return new ArchiveTree(new Uint8Array(bytes), name);
}

const machines = new Map<string, Machine>();

/** Reads a capture's machine from its sysfs, once: it is not to be changed. */
export function readCapturedMachine(name: string): Machine {
  const machine = machines.get(name) ?? readSysfs(readCapturedTree(name), { format: "archive" });
  machines.set(name, machine);
  return machine;
}
