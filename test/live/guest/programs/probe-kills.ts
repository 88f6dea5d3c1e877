/** Kills probes that overwrite a range of a disk, and the restores after them, and looks at the whole disk each time. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { parseRescue, type Rescue } from "../../../../src/live/probe/rescue-format.ts";
import { randomFrom } from "../../../random.ts";
import {
  availableIn,
  bdfOf,
  type Ended,
  must,
  PATIENCE_MS,
  pause,
  poolOf,
  type Running,
  readBytes,
  run,
  start,
  until,
} from "./guest-check.ts";

const DISK = "nvme2n1";
const DISK_BYTES = 2 ** 22;
const PROVIDER = "nvme0";
const STATE = "/root/.local/state/peerlane";
const PROBE = ["probe", DISK, "--via", PROVIDER, "--allow-write", DISK, "--sizes", "4K,64K,256K", "--json"];
/** A probe saves twice the largest I/O. */
const RESCUE_BYTES = 512 * 1024;
const SIGNALS = ["SIGKILL", "SIGKILL", "SIGKILL", "SIGKILL", "SIGKILL", "SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Restores of one range that are killed before one is left to end. */
const MOST_RESTORE_KILLS = 2;
/** Looking costs the emulated CPU time that the probe is waiting for. */
const POLL_MS = 20;

interface Counts {
  probes: number;
  restores: number;
  /** Kills after which the disk held something else than before. */
  overwritten: number;
  /** Kills after which a rescue file was there. */
  rescues: number;
  /** Kills while the rescue file was being made. */
  halfSaved: number;
  starts: number;
}

/** How one run that was to be killed ended. */
interface Killed {
  /** False where it had ended by itself just before. */
  readonly wasKilled: boolean;
  readonly ended: Ended;
}

/** Kills `wanted` runs of `probe --allow-write` and `probe --restore`; throws at the first byte that is not as it was. */
export async function killProbes(seed: number, wanted: number): Promise<object> {
  const random = randomFrom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const original = readDisk();
  const available = availableIn(bdfOf(PROVIDER));
  const counts: Counts = { probes: 0, restores: 0, overwritten: 0, rescues: 0, halfSaved: 0, starts: 0 };
  const whole = await measure(original);
  let restoreSeconds = whole.seconds / 2;

  /** Kills a run once `moment` has come and some time has gone by. */
  async function kill(words: readonly string[], moment: (running: Running) => Promise<void>): Promise<Killed> {
    const running = start(words);
    counts.starts++;
    await Promise.race([moment(running), running.ended]);
    const signal = pick(SIGNALS);
    running.process.kill(signal);
    const ended = await running.ended;
    const { code, stderr } = ended;
    const ownEnd = code === 4 && /interrupted|put back/.test(stderr);
    must(code === 0 || code === null || ownEnd, `${words[1]} after ${signal}`, ended);
    return { wasKilled: code !== 0, ended };
  }

  const during = async (seconds: number): Promise<void> => pause(random() * seconds * 1000);
  /** Mostly while the range is overwritten, now and then before, or while it is saved. */
  async function momentOfProbe(running: Running): Promise<void> {
    const kind = random();
    if (kind < 0.15) return await during(whole.seconds);
    if (kind < 0.3) return await untilWritten(running, random() * RESCUE_BYTES);
    await until(() => rescueNames().length > 0 || hasEnded(running));
    await during(whole.overwritingSeconds);
  }
  /** Mostly when it begins to write. */
  async function momentOfRestore(running: Running): Promise<void> {
    if (random() < 0.4) return await during(restoreSeconds);
    await untilWritten(running, 4096);
    if (random() < 0.5) await during(0.05);
  }

  for (let round = 0; counts.probes + counts.restores < wanted; round++) {
    const killed = await kill(PROBE, momentOfProbe);
    if (killed.wasKilled) counts.probes++;
    await inspect(killed, original, available, counts);
    let rescue = onlyRescue();
    for (let i = 0; rescue !== null && i < MOST_RESTORE_KILLS && random() < 0.7; i++) {
      const restore = await kill(["probe", "--restore", rescue.path], momentOfRestore);
      if (restore.wasKilled) counts.restores++;
      await inspect(restore, original, available, counts);
      rescue = onlyRescue();
    }
    if (rescue !== null) {
      if (random() < 0.1) {
        const again = await run(PROBE);
        counts.starts++;
        must(again.code === 4 && again.stderr.includes("--restore"), "a probe goes over a range to be restored", again);
      }
      const restored = await run(["probe", "--restore", rescue.path]);
      counts.starts++;
      must(restored.code === 0, "the restore fails", restored);
      restoreSeconds = restored.seconds;
    }
    must(readDisk().equals(original), "the disk is not what it was", { round });
    must(onlyRescue() === null, "a rescue file outlives its restore", filesOfState());
  }
  await measure(original);
  must(filesOfState().length === 0, "files are left over", filesOfState());
  // A sample may miss it.
  const { overwritten, rescues, probes } = counts;
  must(wanted < 50 || (overwritten * 8 > probes && rescues * 8 > probes), "too few kills met the range", counts);
  return { seed, killed: probes + counts.restores, ...counts, probeSeconds: whole.seconds };
}

/** Lets a probe run to its end, and returns how long it took, and how long its range was overwritten of that. */
async function measure(original: Buffer) {
  const running = start(PROBE);
  await until(() => rescueNames().length > 0 || hasEnded(running));
  const begun = Date.now();
  await until(() => rescueNames().length === 0 || hasEnded(running));
  const overwritingSeconds = (Date.now() - begun) / 1000;
  const ended = await running.ended;
  must(ended.code === 0, "the probe fails", ended);
  must(readDisk().equals(original), "a probe that ended leaves the disk changed");
  return { overwritingSeconds, seconds: ended.seconds };
}

function hasEnded({ process: child }: Running): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** What must hold at any moment: outside of the saved range nothing changed, and what is saved is what was there. */
async function inspect({ wasKilled, ended }: Killed, original: Buffer, available: () => number, counts: Counts) {
  const { size } = poolOf(bdfOf(PROVIDER));
  must(await until(() => available() === size), "peer memory leaked", poolOf(bdfOf(PROVIDER)));
  const now = readDisk();
  const isSame = now.equals(original);
  const rescue = onlyRescue();
  const isHalf = filesOfState().some((name) => name.endsWith(".part"));
  if (wasKilled && !isSame) counts.overwritten++;
  if (wasKilled && rescue !== null) counts.rescues++;
  if (wasKilled && isHalf) counts.halfSaved++;
  if (rescue === null) return must(isSame, "the disk was changed, and there is nothing to restore it from", ended);
  const { position, data } = rescue;
  must(data.equals(original.subarray(position, position + data.length)), "the rescue file holds something else");
  data.copy(now, position);
  must(now.equals(original), "bytes outside of the saved range changed", { position });
  // A signal that can be handled leaves the disk as it was, once the program listens.
  must(ended.code === null, "it ended by itself, and left the range overwritten", ended);
}

function readDisk(): Buffer {
  return readBytes(`/dev/${DISK}`, 0, DISK_BYTES);
}

/** The rescue file that is there; throws for two, and for one that is none. */
function onlyRescue(): (Rescue & { readonly path: string }) | null {
  const names = rescueNames();
  must(names.length < 2, "several rescue files of one range", names);
  const [name] = names;
  if (name === undefined) return null;
  const path = join(STATE, name);
  return { ...parseRescue(readFileSync(path), path), path };
}

function rescueNames(): readonly string[] {
  return filesOfState().filter((name) => name.endsWith(".rescue"));
}

/** There is none before the first probe that saves something. */
function filesOfState(): readonly string[] {
  return existsSync(STATE) ? readdirSync(STATE) : [];
}

/** Waits until a process has handed over so many bytes to be written, or is gone. */
async function untilWritten({ process: { pid } }: Running, bytes: number): Promise<void> {
  const file = openSync(`/proc/${pid}/io`, "r");
  const text = Buffer.alloc(256);
  const isThere = (): boolean => {
    try {
      const length = readSync(file, text, 0, text.length, 0);
      return Number(/^wchar: (\d+)$/m.exec(text.toString("latin1", 0, length))?.[1] ?? bytes) >= bytes;
    } catch {
      return true;
    }
  };
  try {
    for (const end = Date.now() + PATIENCE_MS; !isThere() && Date.now() < end; ) await pause(POLL_MS);
  } finally {
    closeSync(file);
  }
}
