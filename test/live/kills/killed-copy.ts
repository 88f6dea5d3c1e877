import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isUnfinished, type Journal, parseJournal } from "../../../src/live/copy/journal.ts";
import { type RunEnd, runCopy } from "./copy-run.ts";
import { type Lane, type Place, readWhole, writeWhole } from "./places.ts";
import { type CopyCase, type Dice, type KillPlan, planKill } from "./plan.ts";
import { Strangers } from "./strangers.ts";

/** Something that must not be after a kill; the message says what. */
export class Fault extends Error {}

/** One kill and what it met. */
export interface Kill {
  readonly plan: KillPlan;
  /** Which run of its copy: the first, or a resumed one. */
  readonly run: number;
  /** The target was changed or a journal there. */
  readonly wasInFlight: boolean;
  readonly hadJournal: boolean;
  /** That journal said that something was copied. */
  readonly hadProgress: boolean;
}

/** What one copy came to, killed up to three times and ended at last. */
export interface CaseEnd {
  readonly kills: readonly Kill[];
  /** Runs of the program. */
  readonly starts: number;
  /** Runs that had ended by themselves before they were to be killed. */
  readonly tooLate: number;
  /** Runs that went on behind what a journal said. */
  readonly resumed: number;
}

const MOST_KILLS = 3;
/** That change something: the journal is made and removed, the target file too, the last part of a block is written. */
const CALLS_AROUND = 14;
const SECTOR = 512;
const PART_NAME = /^\.peerlane-journal-[0-9a-f]{32}$/;

/** Runs a copy, kills it up to three times, resumes it, lets it end, and looks at everything each time. Throws {@link Fault}. */
export async function killCopy(lane: Lane, number: number, plan: CopyCase, dice: Dice): Promise<CaseEnd> {
  const copy = new KilledCopy(lane, number, plan, dice);
  await copy.prepare();
  const kills: Kill[] = [];
  let [starts, tooLate, resumed] = [0, 0, 0];
  let isDone = false;
  for (let run = 1; run <= MOST_KILLS && !isDone; run++) {
    if (run > 1 && dice.chance(0.15)) break;
    // Now and then the journal of before is not used.
    const isResume = run > 1 && dice.chance(0.85);
    const kill = planKill(dice);
    const { end, look, goesOn } = await copy.run(isResume ? ["--resume"] : [], kill);
    starts++;
    isDone = end.code === 0;
    if (goesOn) resumed++;
    if (isDone) tooLate++;
    else kills.push({ plan: kill, run, ...look });
  }
  if (!isDone) {
    const { goesOn } = await copy.run(
      dice.chance(0.9) ? ["--resume", ...(dice.chance(0.5) ? ["--verify"] : [])] : [],
      null,
    );
    starts++;
    if (goesOn) resumed++;
  }
  copy.removeTraces();
  return { kills, starts, tooLate, resumed };
}

interface Look extends Pick<Kill, "wasInFlight" | "hadJournal" | "hadProgress"> {
  /** The target holds all of the copy. */
  readonly isWhole: boolean;
}

class KilledCopy {
  readonly #plan: CopyCase;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #stateFolder: string;
  readonly #journalFolder: string;
  readonly #journal: string | null;
  readonly #source: string;
  readonly #target: string;
  readonly #sourceWhole: string;
  readonly #targetWhole: string;
  /** All bytes of what holds the source, and the part that is copied. */
  readonly #sourceBefore: Buffer;
  readonly #wanted: Buffer;
  /** All bytes of what holds the target; empty for a file that is not there. */
  readonly #before: Buffer;
  /** Where the range starts in there. */
  readonly #start: number;
  readonly #strangers = new Strangers();
  /** Folders in which nothing may lie but what is known. */
  readonly #folders: readonly string[];
  #lastJournal: Journal | null = null;

  constructor(lane: Lane, number: number, plan: CopyCase, dice: Dice) {
    const { source, target, range } = plan;
    const folderIn = (parent: string): string => {
      const folder = join(parent, `case-${number}`);
      mkdirSync(folder, { recursive: true });
      return folder;
    };
    const folder = folderIn(lane.folder);
    const fileIn = (place: Place, name: string): string =>
      place.whole === null ? join(folderIn(place.path), name) : place.path;
    this.#plan = plan;
    this.#source = fileIn(source, "source.img");
    this.#target = fileIn(target, "target.img");
    this.#sourceWhole = source.whole?.path ?? this.#source;
    this.#targetWhole = target.whole?.path ?? this.#target;
    const state = join(folder, "state");
    this.#stateFolder = join(state, "peerlane");
    this.#environment = { ...process.env, XDG_STATE_HOME: state, NO_COLOR: "1" };
    const named = join(folder, "journals");
    this.#journal = plan.isJournalNamed ? join(named, "k.json") : null;
    this.#journalFolder = this.#journal === null ? this.#stateFolder : named;
    mkdirSync(named);
    this.#strangers.addAround(dice, named, "k.json");
    if (dice.chance(0.5)) {
      mkdirSync(this.#stateFolder, { recursive: true, mode: 0o700 });
      this.#strangers.addAround(dice, this.#stateFolder, "copy-0123456789abcdef.json");
    }
    if (target.whole === null) this.#strangers.addAround(dice, dirname(this.#target), basename(this.#target));
    this.#folders = [...new Set([named, this.#stateFolder, ...(target.whole === null ? [dirname(this.#target)] : [])])];

    this.#sourceBefore = dice.bytes(source.whole?.sizeBytes ?? plan.sourceBytes);
    const sourceStart = (source.whole?.start ?? 0) + range.sourceStart;
    this.#wanted = this.#sourceBefore.subarray(sourceStart, sourceStart + range.length);
    this.#before = plan.before === "new" ? Buffer.alloc(0) : dice.bytes(target.whole?.sizeBytes ?? plan.targetBytes);
    this.#start = (target.whole?.start ?? 0) + range.targetStart;
    // Now and then the target holds a part of it already.
    if (plan.before !== "new" && dice.chance(0.25)) this.#wanted.copy(this.#before, this.#start, 0, 100 * 1024);
  }

  /** Puts both ends where they are copied from and to. */
  async prepare(): Promise<void> {
    await writeWhole(this.#sourceWhole, this.#sourceBefore);
    if (this.#plan.before !== "new") await writeWhole(this.#targetWhole, this.#before);
  }

  /** Runs it once and looks at what is there then. */
  async run(more: readonly string[], kill: KillPlan | null): Promise<{ end: RunEnd; look: Look; goesOn: boolean }> {
    const { options, target, range } = this.#plan;
    const words = [this.#source, this.#target, ...options, ...more, "--fallback", "--yes", "--json"];
    if (this.#journal !== null) words.push("--journal", this.#journal);
    const before = this.#lastJournal;
    const isResume = more.includes("--resume");
    const toWrite = range.length - (isResume ? (before?.completedBytes ?? 0) : 0);
    const end = await runCopy(words, this.#environment, kill, {
      journals: {
        folder: this.#journalFolder,
        name: this.#journal === null ? /^copy-[0-9a-f]{16}\.json$/ : /^k\.json$/,
      },
      targetFile: target.whole === null ? this.#target : null,
      toWrite,
      calls: CALLS_AROUND + toWrite * this.#plan.callsPerByte,
    });
    this.#require(
      end.code === 0 || (kill !== null && (end.code === null || isInterruption(end))),
      "the copy fails",
      end,
    );
    const look = await this.#look(end);
    const json = parseResult(end.out);
    const goesOn = isResume && (before?.completedBytes ?? 0) > 0;
    if (json !== null) {
      const expected = isResume ? (before?.completedBytes ?? 0) : 0;
      this.#require(json.resumedAt === expected, `it goes on at ${json.resumedAt}, the journal said ${expected}`, end);
      const claimed = json.result?.resume ?? null;
      this.#require((claimed !== null) === look.hadJournal, "it says something else of its journal than is there", end);
      if (claimed !== null)
        this.#require(claimed.completed === this.#lastJournal?.completedBytes, "it says how far it came, wrongly", end);
    }
    // A journal does not go back, and goes only when all is copied; unless the copy starts anew.
    if (isResume && before !== null) {
      const now = this.#lastJournal?.completedBytes ?? (look.isWhole ? range.length : -1);
      this.#require(now >= before.completedBytes, `the journal went back to ${now}`, end);
    }
    return { end, look, goesOn: goesOn && (kill === null || look.wasInFlight) };
  }

  async #look(end: RunEnd): Promise<Look> {
    const isDone = end.code === 0;
    this.#require(
      (await readWhole(this.#sourceWhole)).equals(this.#sourceBefore),
      "the source is not what it was",
      end,
    );
    const now = existsSync(this.#targetWhole) ? await readWhole(this.#targetWhole) : null;
    const inRange = this.#inspectTarget(now ?? Buffer.alloc(0), isDone, end);
    const changed = this.#strangers.changed();
    this.#require(changed.length === 0, `strangers' files are not what they were: ${changed.join(", ")}`, end);
    const journal = this.#readJournal(end);
    const completed = journal?.completedBytes ?? 0;
    this.#require(
      inRange.subarray(0, completed).equals(this.#wanted.subarray(0, completed)),
      `the journal says that ${completed} bytes are copied, and they are not`,
      end,
    );
    this.#lastJournal = journal;
    this.#inspectFolders(isDone, end);
    const wasWritten = now !== null && (this.#before.length === 0 || !now.equals(this.#before));
    return {
      wasInFlight: wasWritten || journal !== null,
      hadJournal: journal !== null,
      hadProgress: completed > 0,
      isWhole: inRange.equals(this.#wanted),
    };
  }

  /** Outside of the range nothing changed, within it lies what was or what shall be there. Returns what is in the range. */
  #inspectTarget(now: Buffer, isDone: boolean, end: RunEnd): Buffer {
    const { length } = this.#plan.range;
    const [from, to] = [this.#start, this.#start + length];
    const sizes = [this.#before.length, Math.max(this.#before.length, to)];
    this.#require(sizes.includes(now.length), `the target has ${now.length} bytes, not ${sizes.join(" or ")}`, end);
    // A file that grew holds zeros where nothing was written.
    const before = Buffer.alloc(now.length);
    this.#before.copy(before);
    this.#require(now.subarray(0, from).equals(before.subarray(0, from)), "bytes before the range changed", end);
    this.#require(now.subarray(to).equals(before.subarray(to)), "bytes behind the range changed", end);
    const [seen, was] = [now.subarray(from, to), before.subarray(from, to)];
    if (isDone) this.#require(seen.equals(this.#wanted), "the copy differs from the source", end);
    for (let at = 0; at < seen.length; at += SECTOR) {
      const part = (bytes: Buffer): Buffer => bytes.subarray(at, at + SECTOR);
      const [is, wanted] = [part(seen), part(this.#wanted)];
      const isKnown = is.equals(wanted) || is.equals(part(was)) || isInverted(is, wanted);
      this.#require(isKnown, `at ${at} of the range lies neither what was there nor what is copied`, end);
    }
    return seen;
  }

  #readJournal(end: RunEnd): Journal | null {
    const path = this.#journalPath(end);
    if (path === null) return null;
    this.#require(end.code !== 0, "the journal outlives a copy that ended", end);
    const content = readFileSync(path);
    if ((statSync(path).mode & 0o777) === 0o600 && isUnfinished(content)) return null;
    const journal = parseJournal(content, path);
    const { sourceStart, targetStart, length } = this.#plan.range;
    this.#require(
      journal.range.sourceStart === sourceStart &&
        journal.range.targetStart === targetStart &&
        journal.range.lengthBytes === length,
      "the journal is of another range",
      end,
    );
    return journal;
  }

  #journalPath(end: RunEnd): string | null {
    if (this.#journal !== null) return existsSync(this.#journal) ? this.#journal : null;
    const found = filesOf(this.#stateFolder).filter(
      (name) => name.endsWith(".json") && !this.#strangers.has(join(this.#stateFolder, name)),
    );
    this.#require(found.length < 2, `several journals: ${found.join(", ")}`, end);
    return found[0] === undefined ? null : join(this.#stateFolder, found[0]);
  }

  /** A kill may leave what the next run sweeps; nothing is left by a copy that ended, by itself or on a signal. */
  #inspectFolders(isDone: boolean, end: RunEnd): void {
    const journal = this.#journalPath(end);
    for (const folder of this.#folders) {
      for (const name of filesOf(folder)) {
        const path = join(folder, name);
        const isKnown = this.#strangers.has(path) || path === this.#target || (path === journal && !isDone);
        const isSwept = end.code === null && folder === this.#journalFolder && PART_NAME.test(name);
        this.#require(isKnown || isSwept, `${path} is left over`, end);
      }
    }
  }

  removeTraces(): void {
    const { source, target } = this.#plan;
    const folders = [dirname(dirname(this.#stateFolder))];
    if (source.whole === null) folders.push(dirname(this.#source));
    if (target.whole === null) folders.push(dirname(this.#target));
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }

  #require(holds: boolean, what: string, end: RunEnd): void {
    if (holds) return;
    const { sourceBytes, targetBytes, range, options, before } = this.#plan;
    const facts = { sourceBytes, targetBytes, before, range, options: options.join(" "), journal: this.#journal };
    throw new Fault(
      `${what}\n${this.#source} to ${this.#target}\n${JSON.stringify(facts)}\nended with ${end.code ?? end.signal}\n${end.out}${end.err}`,
    );
  }
}

function isInverted(bytes: Buffer, of: Buffer): boolean {
  return bytes.length === of.length && bytes.every((byte, i) => byte === (~(of[i] ?? 0) & 0xff));
}

function isInterruption({ code, out, err }: RunEnd): boolean {
  return code === 4 && (parseResult(out)?.outcome === "interrupted" || err.includes("interrupted"));
}

interface Result {
  readonly outcome: string;
  readonly resumedAt: number;
  readonly result: { readonly resume: { readonly completed: number } | null } | null;
}

function parseResult(text: string): Result | null {
  try {
    return JSON.parse(text) as Result;
  } catch {
    return null;
  }
}

function filesOf(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
