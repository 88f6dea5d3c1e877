import { parseScenario } from "../../host/scenario/parse-scenario.ts";
import type { Scenario } from "../../host/scenario/scenario.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type GuestFiles, guestFiles } from "../../vm/guest-files.ts";
import { interruptible } from "../interruption.ts";
import { ProgressLine } from "../print.ts";
import { readInputFile } from "../read-input-file.ts";

/** Options of every boot. */
export interface BootOptions {
  readonly kernelImage?: string;
  readonly busybox?: string;
  readonly refresh?: boolean;
  /** Seconds. */
  readonly timeout?: string;
}

/** What a boot has to go on. */
export interface BootContext {
  readonly scenario: Scenario;
  readonly files: GuestFiles;
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
  /** `--timeout`, where it is given. */
  readonly timeoutMs: number | undefined;
}

/** Longest `--timeout`, in seconds: a week. */
const MAX_TIMEOUT = 604_800;

/** Reads the scenario, gets what a guest boots from and does the work, which ends with the process's signals. */
export async function withBoot<T>(
  file: string,
  options: BootOptions,
  work: (context: BootContext) => Promise<T>,
): Promise<T> {
  const scenario = parseScenario(readInputFile(file, "scenario", "examples/"), file);
  const timeoutMs = options.timeout === undefined ? undefined : parseTimeout(options.timeout);
  const progress = new ProgressLine();
  return interruptible(async (signal) => {
    try {
      const files = await guestFiles({
        ...(options.kernelImage === undefined ? {} : { kernelImage: options.kernelImage }),
        ...(options.busybox === undefined ? {} : { busybox: options.busybox }),
        refresh: options.refresh === true,
        progress: (message) => progress.show(message),
        signal,
      });
      progress.show(`booting ${scenario.name} in software emulation: some 6 seconds`);
      return await work({ scenario, files, signal, progress, timeoutMs });
    } catch (error) {
      if (signal.aborted)
        throw new PeerlaneError("operation-failed", "interrupted; the guest is gone and nothing is left of it");
      throw error;
    } finally {
      progress.clear();
    }
  });
}

function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= MAX_TIMEOUT))
    throw new PeerlaneError("usage", `'${text}' is no timeout`, { remedy: `it is seconds, at most ${MAX_TIMEOUT}` });
  return seconds * 1000;
}
