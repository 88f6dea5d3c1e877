import type { Scenario } from "../../src/host/scenario/scenario.ts";
import { guestFiles } from "../../src/vm/guest-files.ts";
import { runInGuest } from "../../src/vm/run-in-guest.ts";

/** What a command in a guest came to. */
export interface GuestOutcome {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** The end of the guest's console. */
  readonly console: string;
}

/** How long before its limit a guest tells where its processes wait. */
const LAST_WORDS_S = 60;

/**
 * A line of shell that tells, shortly before the limit, what each process of the guest waits in: where nothing is told,
 * the command had ended and the guest's own end stood still.
 */
function lastWords(limitMs: number | null | undefined): string {
  const seconds = (limitMs ?? 0) / 1000 - LAST_WORDS_S;
  if (seconds <= LAST_WORDS_S) return "";
  const each = "for p in /proc/[0-9]*; do echo \"$(tr '\\0' ' ' <$p/cmdline): $(cat $p/wchan)\"; done";
  return `(sleep ${Math.floor(seconds)}; ${each} | grep -v '^:' >&2) &\n`;
}

type GuestConditions = Omit<Parameters<typeof runInGuest>[1], "files" | "command" | "onOutput">;

/** Runs a shell script in a guest of a scenario, with the kernel of the cache, and gathers what it writes. */
export async function inGuest(
  scenario: Scenario,
  command: string,
  conditions: GuestConditions = {},
): Promise<GuestOutcome> {
  const output: Record<"stdout" | "stderr", Uint8Array[]> = { stdout: [], stderr: [] };
  const files = await guestFiles();
  const end = await runInGuest(scenario, {
    ...conditions,
    files,
    command: `${lastWords(conditions.timeoutMs)}${command}`,
    onOutput: (stream, chunk) => output[stream].push(chunk),
  }).catch((cause: Error) => {
    const written = Buffer.concat([...output.stdout, ...output.stderr]).toString();
    throw new Error(`${cause.message}\nuntil then the command wrote:\n${written}`, { cause });
  });
  return { ...end, stdout: Buffer.concat(output.stdout), stderr: Buffer.concat(output.stderr) };
}
