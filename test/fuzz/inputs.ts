import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { captureNames, readCapture } from "../machines/captures.ts";
import { sharedFiles } from "../shared-files.ts";

/** Cases of one reader: an equal share of PEERLANE_FUZZ_RUNS, 100,000 by default. */
const READERS = 20;
const totalRuns = Number(process.env["PEERLANE_FUZZ_RUNS"] ?? 100_000);
export const runsEach: number = Math.ceil(totalRuns / READERS);

/** Far more than a case takes on a busy machine. */
const limitMs = Math.max(600_000, runsEach * 200);

/** A test of that many cases. */
export const PATIENT: { readonly timeout: number } = { timeout: 2 * limitMs };

/** Settings of each property: what a failure prints holds the seed to run it again. */
export const settings: fc.Parameters<unknown> = {
  numRuns: runsEach,
  interruptAfterTimeLimit: limitMs,
  markInterruptAsFailure: true,
};

/** Real texts of lspci, cut to what a case can afford: recorded machines, and the shared dumps where they are. */
export function lspciTexts(): Uint8Array[] {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-fuzz-"));
  const texts: Uint8Array[] = [];
  try {
    for (const name of captureNames.filter((_, index) => index % 40 === 0)) {
      execFileSync("tar", ["xzf", readCapture(name).archive, "-C", folder]);
      for (const options of [["-vvv"], ["-vvv", "-nn", "-D"], ["-xxxx"], ["-tv"], ["-v"], ["-vmm"]]) {
        const path = `sysfs.path=${folder}/sys/bus/pci`;
        const text = execFileSync("lspci", ["-A", "linux-sysfs", "-O", path, ...options], {
          stdio: ["ignore", "pipe", "ignore"],
        });
        texts.push(new Uint8Array(text).slice(0, 6000));
      }
      rmSync(join(folder, "sys"), { recursive: true });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const shared = sharedFiles("machines/lspci").map((path) => new Uint8Array(readFileSync(path)).slice(0, 6000));
  return [...texts, ...shared];
}

/** A recorded machine's tar archive, not packed. */
function tarBytes(): Uint8Array {
  const name =
    captureNames.find((candidate) => candidate.startsWith("single") || candidate.startsWith("one-switch")) ?? "";
  return new Uint8Array(gunzipSync(readFileSync(readCapture(name).archive)));
}

/** A tar archive of the whole entries within the first blocks of a recorded one. */
export function tarOfFirstEntries(blocks: number): Uint8Array {
  const tar = tarBytes();
  let end = 0;
  for (let next = 0; next <= blocks * 512; ) {
    end = next;
    const size = Number.parseInt(Buffer.from(tar.subarray(next + 124, next + 135)).toString("latin1"), 8);
    next += 512 + Math.ceil(size / 512) * 512;
  }
  return joined(tar.subarray(0, end), new Uint8Array(1024));
}

type Edit = { readonly kind: number; readonly at: number; readonly length: number; readonly byte: number };

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.nat(7),
  at: fc.nat(1_000_000),
  length: fc.nat(64),
  byte: fc.nat(255),
});

/** What a screen could be forged with, as it is and as JSON, XML and YAML write it. */
const PLANTS: readonly Uint8Array[] = [
  ...["\u001b[2J", "\u009b31m", "\u009d0;x\u009c", "\u001b]8;;x\u0007", "\b\b", "\r", "\n", "\u007f", "\u0085", "\0"],
  ...["\u202e", "\u2066", "\u200f", "\u061c", "\u2028", "\u2029", "\u200b", "\ufeff", "\u{e0041}", "\ufffe"],
  ...["\\u001b[2J", "\\u009b31m", "\\u202e", "\\n", "\\ud800", "\\u2028", "\\e[2J", "\\x9b", "\\N", "\\P"],
  ...["&#155;", "&#x202e;", "&#10;", "&#127;", "&#8232;", "<script>", "|", "`", "@a"],
].map((text) => new TextEncoder().encode(text));

/** Real bytes with a few flips, cuts, doublings, runs of one byte, and what could forge a screen. */
export function mutated(originals: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(edit, { minLength: 1, maxLength: 6 }))
    .map(([original, edits]) => edits.reduce(applyEdit, original));
}

function applyEdit(bytes: Uint8Array, { kind, at, length, byte }: Edit): Uint8Array {
  const from = bytes.length === 0 ? 0 : at % bytes.length;
  const to = Math.min(from + length, bytes.length);
  switch (kind) {
    case 0: {
      const changed = bytes.slice();
      changed[from] = byte;
      return changed;
    }
    case 1:
      return joined(bytes.subarray(0, from), bytes.subarray(to));
    case 2:
      return joined(bytes.subarray(0, to), bytes.subarray(from));
    case 3:
      return joined(bytes.subarray(0, from), new Uint8Array(length).fill(byte), bytes.subarray(from));
    case 5:
    case 6:
    case 7:
      return joined(bytes.subarray(0, from), PLANTS[byte % PLANTS.length] ?? bytes, bytes.subarray(from));
    default:
      return bytes.slice(0, from);
  }
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
