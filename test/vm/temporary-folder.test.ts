import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { inTemporaryFolder, sweepStaleFolders, type TemporaryPlace } from "../../src/vm/temporary-folder.ts";

const PREFIX = "peerlane-vm-";
const NAME = `${PREFIX}0123456789abcdef01234567`;
const isRoot = process.getuid?.() === 0;
/** The machine's name as a folder of this run has it. */
let thisMachine = "";
beforeAll(async () => {
  const parent = mkdtempSync(join(tmpdir(), "peerlane-folders-"));
  thisMachine = await inTemporaryFolder({ parent, prefix: PREFIX, remedy: "" }, async ({ path }) =>
    readFileSync(join(path, ".machine"), "latin1"),
  );
  rmSync(parent, { recursive: true });
});

let parent = "";
let place: TemporaryPlace;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "peerlane-folders-"));
  place = { parent, prefix: PREFIX, remedy: "make room" };
});
afterEach(() => {
  rmSync(parent, { recursive: true, force: true });
});

describe("a temporary folder", () => {
  test("is this user's alone, under a name that nobody guesses, and gone after its use", async () => {
    const seen = await inTemporaryFolder(place, async ({ path }) => {
      writeFileSync(join(path, "file"), "data");
      mkdirSync(join(path, "deep/er"), { recursive: true });
      expect(statSync(path).mode & 0o777).toBe(0o700);
      return path;
    });
    expect(seen).toMatch(new RegExp(`^${parent}/${PREFIX}[0-9a-f]{24}$`));
    expect(readdirSync(parent)).toEqual([]);
  });

  test("is gone after work that failed, whose error comes through", async () => {
    const failure = new Error("no");
    await expect(inTemporaryFolder(place, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(readdirSync(parent)).toEqual([]);
  });

  test("says what to do where it cannot be made or is full", async () => {
    const missing = inTemporaryFolder({ ...place, parent: join(parent, "none") }, async () => {});
    await expect(missing).rejects.toMatchObject({
      code: "environment",
      remedy: "make room",
      message: expect.stringMatching(/do not fit in .*none: .*No such file/s),
    });
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    await expect(inTemporaryFolder(place, () => Promise.reject(full))).rejects.toMatchObject({ code: "environment" });
  });

  test("is not followed through a link that somebody put in it", async () => {
    const other = join(parent, "other");
    mkdirSync(other);
    writeFileSync(join(other, "kept"), "");
    await inTemporaryFolder(place, async ({ path }) => symlinkSync(other, join(path, "link")));
    expect(readdirSync(other)).toEqual(["kept"]);
  });
});

/** What a folder of an earlier run looks like, made in `parent` under `NAME`. */
const LEFTOVERS: readonly {
  readonly what: string;
  readonly make: (path: string) => void;
  readonly isSwept: boolean;
  readonly needsRoot?: true;
}[] = [
  { what: "one that nobody reads the mark of", make: (path) => marked(path), isSwept: true },
  { what: "one of another machine", make: (path) => marked(path, "elsewhere 1234"), isSwept: false },
  { what: "one that is being made", make: (path) => bare(path), isSwept: false },
  { what: "one that was never made to the end, a day ago", make: (path) => bare(path, 2), isSwept: true },
  { what: "one whose mark is no pipe", make: withFileAsMark, isSwept: false },
  { what: "one whose mark is a link", make: withLinkAsMark, isSwept: false },
  { what: "one that others may write to", make: openToOthers, isSwept: false },
  { what: "a file", make: (path) => writeFileSync(path, "data"), isSwept: false },
  { what: "a link to one", make: linkToMarked, isSwept: false },
  { what: "another user's", make: ofAnother, isSwept: false, needsRoot: true },
];

describe("a sweep", () => {
  test.for(LEFTOVERS)("$what: swept $isSwept", ({ make, isSwept, needsRoot }, { skip }) => {
    if (needsRoot === true && !isRoot) skip("only root can make another user's folder");
    const path = join(parent, NAME);
    make(path);
    sweepStaleFolders(parent, PREFIX);
    expect(existsSync(path)).toBe(!isSwept);
  });

  test("leaves one in use alone", async () => {
    await inTemporaryFolder(place, async ({ path }) => {
      utimesSync(path, 0, 0);
      sweepStaleFolders(parent, PREFIX);
      expect(existsSync(path)).toBe(true);
    });
  });

  test("leaves one in use alone whose keeper was killed", async () => {
    await inTemporaryFolder(place, async ({ path }) => {
      const keepers = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && isKeeperOf(pid, path));
      expect(keepers).toHaveLength(1);
      process.kill(Number(keepers[0]), "SIGKILL");
      sweepStaleFolders(parent, PREFIX);
      expect(existsSync(path)).toBe(true);
    });
    expect(readdirSync(parent)).toEqual([]);
  });

  test.for([
    `${PREFIX}0123456789abcdef0123456`,
    `${PREFIX}0123456789abcdef0123456g`,
    `${PREFIX}abc`,
    "0123456789abcdef01234567",
    `x${NAME}`,
  ])("leaves alone what is not named by us: %s", (name) => {
    marked(join(parent, name));
    sweepStaleFolders(parent, PREFIX);
    expect(readdirSync(parent)).toEqual([name]);
  });

  test("removes nothing where others could put another folder in its place", () => {
    marked(join(parent, NAME));
    chmodSync(parent, 0o777);
    sweepStaleFolders(parent, PREFIX);
    expect(readdirSync(parent)).toEqual([NAME]);
    chmodSync(parent, 0o1777);
    sweepStaleFolders(parent, PREFIX);
    expect(readdirSync(parent)).toEqual([]);
  });

  test("removes at most 16 folders at a time", () => {
    const names = Array.from({ length: 20 }, (_, index) => `${PREFIX}${index.toString(16).padStart(24, "0")}`);
    for (const name of names) marked(join(parent, name));
    sweepStaleFolders(parent, PREFIX);
    expect(readdirSync(parent)).toHaveLength(4);
    sweepStaleFolders(parent, PREFIX);
    expect(readdirSync(parent)).toHaveLength(0);
  });

  test("is no error where nothing can be read", () => {
    expect(() => sweepStaleFolders(join(parent, "none"), PREFIX)).not.toThrow();
  });
});

function bare(path: string, daysAgo = 0): void {
  mkdirSync(path, { mode: 0o700 });
  const made = Date.now() / 1000 - daysAgo * 24 * 3600;
  utimesSync(path, made, made);
}

function marked(path: string, machine = thisMachine): void {
  bare(path);
  writeFileSync(join(path, ".machine"), machine);
  execFileSync("mkfifo", [join(path, ".in-use")]);
}

function openToOthers(path: string): void {
  marked(path);
  chmodSync(path, 0o777);
}

function ofAnother(path: string): void {
  marked(path);
  chownSync(path, 1, 1);
}

function withFileAsMark(path: string): void {
  bare(path);
  writeFileSync(join(path, ".machine"), thisMachine);
  writeFileSync(join(path, ".in-use"), "");
}

function withLinkAsMark(path: string): void {
  marked(path);
  spawnSync("mv", [join(path, ".in-use"), join(path, "pipe")]);
  symlinkSync("pipe", join(path, ".in-use"));
}

function linkToMarked(path: string): void {
  marked(`${path}-real`);
  symlinkSync(`${path}-real`, path);
}

function isKeeperOf(pid: string, path: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return words.includes("peerlane-keeper") && words.includes(path);
  } catch {
    return false;
  }
}
