import { join } from "node:path";
import { build } from "esbuild";
import { parseScenario } from "../../../src/host/scenario/parse-scenario.ts";
import type { GuestDisks } from "../../../src/vm/guest-disks.ts";
import { inGuest } from "../../vm/in-guest.ts";

/** What one check inside the guest reported (see programs/guest-check.ts). */
export interface GuestCheck {
  readonly name: string;
  readonly seconds: number;
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly error?: string;
}

/** How a program is run in a guest. */
export interface GuestProgram {
  /** The machine, as a scenario (YAML). */
  readonly scenario: string;
  /** A file of `programs/`. */
  readonly program: string;
  readonly arguments?: readonly string[];
  readonly disks?: GuestDisks;
  /** Programs of the host to take along, by their place in the guest. */
  readonly programs?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Boots a machine, runs a program in it with Peerlane beside it, and returns what its checks reported, by name. */
export async function runProgram(options: GuestProgram): Promise<ReadonlyMap<string, GuestCheck>> {
  const bundle = await build({
    entryPoints: [join(import.meta.dirname, "programs", options.program)],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["koffi"],
    write: false,
  });
  const text = bundle.outputFiles[0]?.text ?? "";
  const { exitCode, stdout, stderr, console } = await inGuest(
    parseScenario(options.scenario, "machine of a test"),
    `node /tests/program.mjs ${(options.arguments ?? []).join(" ")}`,
    {
      extraFiles: [
        { guestPath: "/tests/program.mjs", content: text },
        ...Object.entries(options.programs ?? {}).map(([guestPath, hostPath]) => ({
          guestPath,
          hostPath,
          mode: 0o755,
        })),
      ],
      ...(options.disks === undefined ? {} : { disks: options.disks }),
      timeoutMs: options.timeoutMs ?? 3_600_000,
    },
  );
  if (exitCode !== 0) throw new Error(`the program ended with ${exitCode}\n${stdout}\n${stderr}\n${console}`);
  const checks = stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as GuestCheck);
  return new Map(checks.map((result) => [result.name, result]));
}

/** Throws where a check failed or never ran; returns its facts. */
export function factsOf(checks: ReadonlyMap<string, GuestCheck>, name: string): Readonly<Record<string, unknown>> {
  const result = checks.get(name);
  if (result === undefined) throw new Error(`no check '${name}' ran in the guest: ${[...checks.keys()].join(", ")}`);
  if (result.error !== undefined) throw new Error(result.error);
  return result.facts ?? {};
}
