import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLive } from "../src/host/live.ts";
import { writeSnapshot } from "../src/host/snapshot/write-snapshot.ts";
import { makeStartTree } from "./start-tree.ts";

/** The snapshot of the machine of 64 functions that the benchmark of the start reads. */
export function baselineText(): string {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-fleet-"));
  try {
    const tree = join(folder, "tree");
    makeStartTree(tree);
    return writeSnapshot(readLive(tree));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Of one function in so many something differs from the baseline. */
const ONE_IN = 8;

/** Ways in which a function of one machine of a fleet differs from the same of another. */
const DRIFT: readonly ((line: string, random: () => number) => string)[] = [
  // Redirection on or off, in ports that have ACS and in such that get it.
  (line, random) => line.replace(/"control":"0x[0-9a-f]{4}"/, `"control":"0x00${random() < 0.5 ? "00" : "1d"}"`),
  (line) => line.replace('"acs":null', '"acs":{"capability":"0x001f","control":"0x001d"}'),
  (line, random) => line.replace(/"driver":"nvme"/, random() < 0.5 ? '"driver":null' : '"driver":"vfio-pci"'),
  // Another slot's BAR.
  (line, random) =>
    line.replace(/"(busAddress|physAddress)":"0x[0-9a-f]+"/g, (_, key: string) => {
      const page = 0xe000_0000 + Math.floor(random() * 0x10000) * 0x1000;
      return `"${key}":"0x${page.toString(16)}"`;
    }),
  (line, random) => line.replace(/"numaNode":(?:-?\d+|null|\{[^}]*\})/, `"numaNode":${Math.floor(random() * 2)}`),
  (line, random) =>
    line.replace(/"linkStatus":\{"speedGTps":[\d.]+/, `"linkStatus":{"speedGTps":${random() < 0.5 ? 5 : 8}`),
];

const RELEASES = ["6.12.48+deb13-amd64", "6.14.0-27-generic", "7.2.12+deb13-amd64", "7.3.4+deb13-cloud-amd64"];
const MODES = ["off", "passthrough", "strict", "lazy"];

/**
 * Snapshots of a fleet as bytes, one after the other, no two of them the same: another label, kernel and IOMMU, an
 * older processor in every tenth, one function in eight with another register, driver, address, node or link, in every tenth machine a drive
 * missing.
 */
export function* fleetSnapshots(baseline: string, count: number, seed: number): Generator<Uint8Array> {
  const random = generator(seed);
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? "";
  const encoder = new TextEncoder();
  const lines = baseline.split("\n");
  const drives = lines.flatMap((line, at) => (line.includes('"classCode":"0x010802"') ? [at] : []));
  for (let machine = 0; machine < count; machine++) {
    const missing = machine % 10 === 9 ? drives[Math.floor(random() * (drives.length - 1))] : undefined;
    const drifted = lines.map((line, at) => {
      if (at === missing) return "";
      if (line.startsWith(' "source"')) return ` "source": {"madeOf":"sysfs","label":"machine ${machine}"},`;
      if (line.startsWith(' "kernel"')) return line.replace(/"release":"[^"]*"/, `"release":"${pick(RELEASES)}"`);
      if (line.startsWith(' "cpu"') && random() < 0.1) return line.replace('"family":23', '"family":21');
      if (line.startsWith(' "iommu"')) return line.replace(/"mode":"\w+"/, `"mode":"${pick(MODES)}"`);
      if (!line.startsWith('  {"bdf"') || random() >= 1 / ONE_IN) return line;
      return (DRIFT[Math.floor(random() * DRIFT.length)] as (typeof DRIFT)[number])(line, random);
    });
    yield encoder.encode(drifted.join("\n"));
  }
}

/** Numbers from 0 to 1 that are the same for the same seed (Mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
