import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../src/host/machine.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";

const root = join(import.meta.dirname, "../..");

/** The machines on which screens are held to what they are for, by the file that each is in. */
export const FIVE_MACHINES = {
  "a server with eight GPUs": "examples/gpu-nic-server.yaml",
  "a server with sixteen GPUs": "test/report/machines/sixteen-gpus.yaml",
  "a server with 24 SSDs": "test/report/machines/ssd-server.yaml",
  "a desktop": "test/report/machines/desktop.yaml",
  "a guest": "test/cases/texts/guest-passthrough.txt",
} as const;

/** Columns of narrow, usual and wide terminals, and of a pipe. */
export const WIDTHS = [80, 120, 200, 100] as const;

/** The machine of a file: a scenario, or a text of lspci. */
export function machineOf(file: string): Machine {
  const bytes = readFileSync(join(root, file));
  if (file.endsWith(".txt")) return readLspci(bytes, file);
  return afterBoot(scenarioMachine(parseScenario(bytes.toString(), file)));
}
