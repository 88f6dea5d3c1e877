import { factsOf, runProgram } from "../guest/guest-run.ts";
import { DiskImages } from "../guest/images.ts";
import { ONE_SWITCH } from "../guest/machines.ts";

/** The size of the disk whose probes are killed: all of it is read after each kill. */
export const PROBED_BYTES: number = 4 * 2 ** 20;

/** Kills probes that write, and their restores, in a guest of their own. Returns the counts; throws where one went wrong. */
export async function killProbesInGuest(seed: number, count: number): Promise<object> {
  const images = new DiskImages();
  try {
    const checks = await runProgram({
      scenario: ONE_SWITCH,
      program: "kills.ts",
      arguments: [String(seed), "0", String(count)],
      disks: { nvme2: { path: images.make("probed", PROBED_BYTES), isWritable: true } },
      timeoutMs: 3_600_000,
    });
    return factsOf(checks, "probe kills");
  } finally {
    images.remove();
  }
}
