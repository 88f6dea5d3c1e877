import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { GuestReport, MeasuredPair } from "../../src/vm/measured.ts";

/** Where captures of booted machines lie: `NAME.tar.gz` (sysfs and procfs) and `NAME.json` (the kernel's answers). */
export const capturesFolder: string = join(import.meta.dirname, "../machines/recorded");

/** Writes a capture, with the SHA-256 of its boot's recipe. */
export function recordCapture(name: string, recipe: string, { measured, tree }: GuestReport): void {
  mkdirSync(capturesFolder, { recursive: true });
  writeFileSync(join(capturesFolder, `${name}.tar.gz`), tree);
  const { kernelRelease, qemuVersion } = measured;
  const stored = { kernelRelease, qemuVersion, recipe, pairs: measured.pairs.map(storedPair) };
  writeFileSync(join(capturesFolder, `${name}.json`), `${JSON.stringify(stored, null, 1)}\n`);
}

/** A pair as JSON has it: functions by their addresses. */
function storedPair(pair: MeasuredPair): object {
  return {
    ...pair,
    provider: formatBdf(pair.provider),
    client: formatBdf(pair.client),
    acsRedirect: pair.acsRedirect.map(formatBdf),
  };
}

/** What a kernel decided of a pair, without its messages: those of faults come in any number. */
export function decisionOf({ messages: _, ...pair }: MeasuredPair): object {
  return storedPair({ ...pair, messages: [] });
}
