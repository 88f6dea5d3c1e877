import { spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { listRescues } from "../../../src/live/probe/rescue-store.ts";
import { randomFrom } from "../../random.ts";
import type { LoopBench } from "../loop-devices.ts";
import { buildOverwrite } from "../probe/overwrite.ts";
import { KILL_AT_CALL, PROGRAM, type RunEnd } from "./copy-run.ts";
import type { KillRequest } from "./kill-copies.ts";
import { type Kind, makePlace, type Place, readWhole, writeWhole } from "./places.ts";
import { Dice } from "./plan.ts";
import { Strangers } from "./strangers.ts";

/** Kills of tests that write to a disk, and of the restores after them. */
export interface RescueCounts {
  /** Of the code that overwrites a range as `probe --allow-write` does. */
  writers: number;
  /** Of `peerlane probe --restore`. */
  restores: number;
  /** Kills after which the disk held something else than before. */
  overwritten: number;
  /** Kills that left a rescue file. */
  rescues: number;
  /** Kills while a rescue file was being made. */
  halfSaved: number;
}

const SIGNALS = ["SIGKILL", "SIGKILL", "SIGKILL", "SIGINT", "SIGTERM", "SIGHUP"] as const;
const MOST_RESTORE_KILLS = 2;
const PART_NAME = /^[\w.-]+-[0-9a-f]{32}\.rescue\.part$/;
/** Some more calls that change something than the writer makes from saving a range to giving it back, and a restore in all. */
const WRITER_CALLS = 64;
const RESTORE_CALLS = 4;
/** Of the writer from its first overwriting on, and of a whole restore; the second is measured. */
const WRITER_MS = 60;
let restoreMs = 600;

/** When a program is ended: at one of its calls, or some time after its start or its first output. */
type End =
  | { readonly signal: NodeJS.Signals; readonly atCall: number; readonly moment: "before" | "during" | "after" }
  | { readonly signal: NodeJS.Signals; readonly afterMs: number; readonly since: "start" | "output" };

/** Which kinds of ends hold such a range: disks, since probes write to no file. */
export const RESCUE_KINDS: readonly Kind[] = ["disk", "partition", "loop", "loop with offset"];

/**
 * Kills the code of `probe --allow-write` while it overwrites a range of a disk of each kind, through DRAM in the place of
 * peer memory, and then `peerlane probe --restore`; looks at the whole disk each time. Throws at the first wrong byte.
 */
export async function killRescues(
  bench: LoopBench,
  { seed, count, kinds, signal }: Pick<KillRequest, "seed" | "count" | "kinds" | "signal">,
): Promise<RescueCounts> {
  const counts: RescueCounts = { writers: 0, restores: 0, overwritten: 0, rescues: 0, halfSaved: 0 };
  const places = kinds.map((kind) => makePlace(bench, kind, `probed-${kind.replaceAll(" ", "-")}`, "target"));
  const program = await buildOverwrite();
  try {
    for (let round = 0; counts.writers + counts.restores < count && signal?.aborted !== true; round++) {
      const dice = new Dice(randomFrom(seed + Math.imul(round + 1, 0x9e3779b1)));
      const disk = new KilledDisk(bench, places[round % places.length] as Place, round, dice, counts);
      await disk.run(program.path);
    }
    return counts;
  } finally {
    program.remove();
  }
}

class KilledDisk {
  readonly #place: Place;
  readonly #round: number;
  readonly #dice: Dice;
  readonly #counts: RescueCounts;
  readonly #state: string;
  readonly #folder: string;
  readonly #whole: string;
  readonly #original: Buffer;
  readonly #strangers = new Strangers();

  constructor(bench: LoopBench, place: Place, round: number, dice: Dice, counts: RescueCounts) {
    if (place.whole === null) throw new RangeError("probes write to no file");
    this.#place = place;
    this.#round = round;
    this.#dice = dice;
    this.#counts = counts;
    this.#state = bench.path(`probe-state-${round}`);
    this.#folder = join(this.#state, "peerlane");
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#strangers.addAround(dice, this.#folder, "disk-65536.rescue");
    this.#whole = place.whole.path;
    this.#original = dice.bytes(place.whole.sizeBytes);
  }

  /** Kills the writer once, then restores, and at last lets one restore end. */
  async run(program: string): Promise<void> {
    const dice = this.#dice;
    await writeWhole(this.#whole, this.#original);
    const moment = dice.chance(0.8)
      ? this.#atCall("SIGKILL", WRITER_CALLS)
      : ({ signal: "SIGKILL", afterMs: dice.roll() * WRITER_MS, since: "output" } as const);
    const written = await this.#end([program, this.#place.path, this.#folder], moment);
    this.#require(written.code === null, "the writer fails", written);
    this.#counts.writers++;
    let rescue = await this.#inspect(written, true);
    for (let i = 0; rescue !== null && i < MOST_RESTORE_KILLS && dice.chance(0.8); i++) {
      const signal = dice.pick(SIGNALS);
      const moment = dice.chance(0.8)
        ? this.#atCall(signal, RESTORE_CALLS)
        : ({ signal, afterMs: dice.roll() * restoreMs, since: "start" } as const);
      const end = await this.#end([PROGRAM, "probe", "--restore", rescue], moment);
      this.#require(end.code === 0 || end.code === null || end.code === 4, `the restore fails after ${signal}`, end);
      if (end.code !== 0) this.#counts.restores++;
      rescue = await this.#inspect(end, end.code !== 0);
    }
    if (rescue !== null) {
      const end = await this.#end([PROGRAM, "probe", "--restore", rescue], null);
      restoreMs = 0.8 * restoreMs + 0.2 * end.milliseconds;
      this.#require(end.code === 0, "the restore fails", end);
      this.#require((await this.#inspect(end, false)) === null, "the rescue file outlives its restore", end);
    }
    this.#require((await readWhole(this.#whole)).equals(this.#original), "the disk is not what it was", written);
  }

  #atCall(signal: NodeJS.Signals, calls: number): End {
    const moment = this.#dice.pick(["before", "during", "after"] as const);
    return { signal, atCall: 1 + this.#dice.below(calls), moment };
  }

  /** Runs a program until it ends or is ended. */
  #end(words: readonly string[], moment: End | null): Promise<RunEnd> {
    const begun = performance.now();
    const atCall = moment !== null && "atCall" in moment ? moment : null;
    const env = {
      ...{ ...process.env, XDG_STATE_HOME: this.#state, NO_COLOR: "1" },
      ...(atCall === null ? {} : { KILL_AT_CALL: `${atCall.atCall},${atCall.signal},process,${atCall.moment}` }),
    };
    const program = [...(atCall === null ? [] : ["--require", KILL_AT_CALL]), ...words];
    const child = spawn(process.execPath, program, { env, stdio: ["ignore", "pipe", "pipe"] });
    const text = { out: "", err: "" };
    const timed = moment !== null && "since" in moment ? moment : null;
    const kill = async (): Promise<void> => {
      if (timed === null) return;
      await pause(timed.afterMs);
      child.kill(timed.signal);
    };
    if (timed?.since === "start") void kill();
    child.stdout.on("data", (chunk: Buffer) => {
      const isFirst = text.out === "";
      text.out += chunk;
      if (isFirst && timed?.since === "output") void kill();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      text.err += chunk;
    });
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal, ...text, milliseconds: performance.now() - begun }));
    });
  }

  /** Outside of the saved range nothing changed, and what is saved is what was there. Returns the rescue file. */
  async #inspect(end: RunEnd, wasKilled: boolean): Promise<string | null> {
    const now = await readWhole(this.#whole);
    const isSame = now.equals(this.#original);
    const [left, ...others] = listRescues(this.#folder);
    this.#require(others.length === 0, "several rescue files of one range", end);
    const changed = this.#strangers.changed();
    this.#require(changed.length === 0, `strangers' files are not what they were: ${changed.join(", ")}`, end);
    const names = readdirSync(this.#folder).filter((name) => !this.#strangers.has(join(this.#folder, name)));
    const parts = names.filter((name) => PART_NAME.test(name));
    this.#require(names.length === parts.length + (left === undefined ? 0 : 1), `left over: ${names.join(", ")}`, end);
    if (wasKilled && !isSame) this.#counts.overwritten++;
    if (wasKilled && left !== undefined) this.#counts.rescues++;
    if (wasKilled && parts.length > 0) this.#counts.halfSaved++;
    if (left === undefined) {
      this.#require(isSame, "the disk was changed, and there is nothing to restore it from", end);
      return null;
    }
    const { rescue, path } = left;
    const start = (this.#place.whole?.start ?? 0) + rescue.position;
    const saved = this.#original.subarray(start, start + rescue.data.length);
    this.#require(rescue.data.equals(saved), "the rescue file holds something else than was there", end);
    rescue.data.copy(now, start);
    this.#require(now.equals(this.#original), "bytes outside of the saved range changed", end);
    return path;
  }

  #require(holds: boolean, what: string, { code, signal, out, err }: RunEnd): void {
    if (holds) return;
    throw new Error(`${what} (round ${this.#round}, ${this.#place.path})\nended with ${code ?? signal}\n${out}${err}`);
  }
}
