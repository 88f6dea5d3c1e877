import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { GuestReport } from "../../src/vm/index.ts";

/** Where captures of booted machines lie: `NAME.tar.gz` (sysfs and procfs) and `NAME.json` (the kernel's answers). */
export const capturesFolder: string = join(import.meta.dirname, "../machines/recorded");

/** Writes a capture. */
export function recordCapture(name: string, { measured, tree }: GuestReport): void {
  mkdirSync(capturesFolder, { recursive: true });
  writeFileSync(join(capturesFolder, `${name}.tar.gz`), tree);
  const pairs = measured.pairs.map((pair) => ({
    ...pair,
    provider: formatBdf(pair.provider),
    client: formatBdf(pair.client),
    acsRedirect: pair.acsRedirect.map(formatBdf),
  }));
  writeFileSync(join(capturesFolder, `${name}.json`), `${JSON.stringify({ ...measured, pairs }, null, 1)}\n`);
}
