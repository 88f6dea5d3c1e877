import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { planCopy } from "../../../src/live/copy/plan.ts";
import type { CopyRequest } from "../../../src/live/copy/request.ts";
import type { CopyResult } from "../../../src/live/copy/result.ts";
import { runCopy } from "../../../src/live/copy/run.ts";
import { readHost } from "../../../src/live/host.ts";

/** Files that stand around a copy, in a folder of their own for each case. */
const root = mkdtempSync(join(tmpdir(), "peerlane-attack-"));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
  vi.unstubAllEnvs();
});

const KIB = 1024;
const DATA = randomBytes(600 * KIB + 100);
const isRoot = process.geteuid?.() === 0;
const host = readHost();
let folder = root;
let cases = 0;

const at = (name: string): string => join(folder, name);
const write = (name: string, content: string | Buffer, mode = 0o644): void => {
  writeFileSync(at(name), content);
  chmodSync(at(name), mode);
};
const read = (name: string): Buffer => readFileSync(at(name));

beforeEach(() => {
  folder = join(root, `${++cases}`);
  mkdirSync(folder);
  vi.stubEnv("XDG_STATE_HOME", at("state"));
  write("src", DATA);
});

interface Words extends Partial<Omit<CopyRequest, "source" | "target" | "journal">> {
  readonly source?: string;
  readonly target?: string;
  readonly journal?: string | null;
  /** After the chunk that reaches so many bytes. */
  readonly meanwhile?: readonly [number, () => void];
  /** Ends the copy there, as Ctrl-C does. */
  readonly stopAt?: number;
}

async function copy(words: Words = {}): Promise<CopyResult> {
  const { source = "src", target = "dst", journal = null, meanwhile, stopAt, ...rest } = words;
  const stop = new AbortController();
  let isDone = false;
  const request: CopyRequest = {
    ...{ via: null, sourceOffsetBytes: 0, targetOffsetBytes: 0, lengthBytes: null, chunkBytes: 64 * KIB, depth: 1 },
    ...{ verify: false, resume: false, syncEveryBytes: 64 * KIB, fallback: true, ...rest },
    ...{ source: at(source), target: at(target), journal: journal === null ? null : join(folder, journal) },
  };
  return await runCopy(planCopy(host, request), {
    confirm: () => Promise.resolve(),
    onBytes: (phase, bytes) => {
      if (stopAt !== undefined && phase === "copy" && bytes >= stopAt) stop.abort();
      if (meanwhile === undefined || isDone || bytes < meanwhile[0]) return;
      isDone = true;
      meanwhile[1]();
    },
    signal: stop.signal,
  });
}

/** Everything in the folder, but what the copy is for. */
function standersBy(): Record<string, string> {
  const names = readdirSync(folder).filter((name) => !["dst", "state"].includes(name));
  return Object.fromEntries(
    names.map((name) => [name, lstatSync(at(name)).isFile() ? read(name).toString("base64") : "no file"]),
  );
}

describe("Names beside the journal are nobody's business", () => {
  it.each([
    ["J.new is the source", "J.new", (): void => renameSync(at("src"), at("J.new"))],
    ["J.lock is the source", "J.lock", (): void => renameSync(at("src"), at("J.lock"))],
    ["J.tmp is the source", "J.tmp", (): void => renameSync(at("src"), at("J.tmp"))],
    [
      "J.new, J.lock, J~ and .J.swp are files of others",
      "src",
      (): void => {
        for (const name of ["J.new", "J.lock", "J~", ".J.swp"]) write(name, "precious");
      },
    ],
    [
      "J.new and J.lock are links to files of others",
      "src",
      (): void => {
        write("victim", "precious");
        for (const name of ["J.new", "J.lock"]) symlinkSync(at("victim"), at(name));
      },
    ],
    [
      "a file has a name like ours and holds something else",
      "src",
      (): void => write(`.peerlane-journal-${"0a".repeat(16)}`, "precious", 0o600),
    ],
    [
      "a link has a name like ours",
      "src",
      (): void => {
        write("victim", "precious");
        symlinkSync(at("victim"), at(`.peerlane-journal-${"0b".repeat(16)}`));
      },
    ],
  ])("%s: all is there afterwards, and the copy is right", async (_, source, prepare) => {
    prepare();
    const before = standersBy();
    expect(await copy({ source, journal: "J", verify: true })).toMatchObject({ outcome: "copied" });
    expect(standersBy()).toEqual(before);
    expect(read("dst").equals(DATA)).toBe(true);
  });

  it("What a killed copy left of its own is swept, and nothing else", async () => {
    const left = `.peerlane-journal-${"0c".repeat(16)}`;
    write(left, "", 0o600);
    write(".peerlane-journal-short", "", 0o600);
    await copy({ journal: "J" });
    expect(readdirSync(folder).sort()).toEqual([".peerlane-journal-short", "dst", "src"]);
  });
});

describe("A journal that is no place for one is refused, and nothing is harmed", () => {
  it.each([
    ["it is the source", "src", (): void => {}, "would be the source"],
    ["it is the target", "dst", (): void => write("dst", "old"), "would be the target"],
    ["it is the target that the copy makes", "dst", (): void => {}, "would be the target"],
    ["it is that by another way", "way/../dst", (): void => mkdirSync(at("way")), "would be the target"],
    [
      "its folder is a link to the target's",
      "link/dst",
      (): void => symlinkSync(folder, at("link")),
      "would be the target",
    ],
    ["it is a hard link to the source", "J", (): void => linkSync(at("src"), at("J")), "would be the source"],
    ["it is a symbolic link to the source", "J", (): void => symlinkSync(at("src"), at("J")), "would be the source"],
    ["it is a symbolic link to nothing", "J", (): void => symlinkSync(at("nothing"), at("J")), "symbolic link"],
    [
      "it is a symbolic link to another file",
      "J",
      (): void => {
        write("victim", "precious");
        symlinkSync(at("victim"), at("J"));
      },
      "symbolic link",
    ],
    ["it is some file", "J", (): void => write("J", "precious", 0o600), "no journal of a copy"],
    ["it is an empty file that all can read", "J", (): void => write("J", ""), "no journal of a copy"],
    ["it is a folder", "J", (): void => mkdirSync(at("J")), "no regular file"],
    ["its folder is not there", "nowhere/J", (): void => {}, "there is no folder"],
    ["it lies in /dev", "../../../../../../../../dev/peerlane-journal", (): void => {}, "lost with the next restart"],
    ["others can write it", "J", (): void => write("J", "", 0o666), "others can write it"],
  ])("%s", async (_, journal, prepare, why) => {
    prepare();
    const before = { ...standersBy(), dst: existsSync(at("dst")) };
    await expect(copy({ journal })).rejects.toThrow(why);
    expect({ ...standersBy(), dst: existsSync(at("dst")) }).toEqual(before);
  });

  it.skipIf(!isRoot)("it belongs to another user (skipped: without root nothing can be given away)", async () => {
    write("J", "", 0o600);
    chownSync(at("J"), 4711, 4711);
    await expect(copy({ journal: "J" })).rejects.toThrow("belongs to another user (uid 4711)");
    expect(statSync(at("J"))).toMatchObject({ uid: 4711, size: 0 });
  });

  it.each([
    ["is a symbolic link", (): void => symlinkSync(at("elsewhere"), at("state/peerlane"))],
    [
      "can be written by others",
      (): void => {
        mkdirSync(at("state/peerlane"));
        chmodSync(at("state/peerlane"), 0o777);
      },
    ],
  ])("the user's folder of state %s", async (_, prepare) => {
    mkdirSync(at("state"));
    mkdirSync(at("elsewhere"));
    prepare();
    await expect(copy()).rejects.toThrow("cannot keep state in");
    expect(readdirSync(at("elsewhere"))).toEqual([]);
    expect(existsSync(at("dst"))).toBe(false);
  });
});

describe("The journal", () => {
  it("is its owner's alone, whole from the first moment on, and gone after the copy", async () => {
    const seen: number[] = [];
    const look = (): void => {
      seen.push(statSync(at("J")).mode & 0o777, statSync(at("J")).nlink);
      expect(JSON.parse(read("J").toString())).toMatchObject({ schema: "peerlane.copy-journal/2" });
      expect(readdirSync(folder).sort()).toEqual(["J", "dst", "src"]);
    };
    await copy({ journal: "J", meanwhile: [64 * KIB, look] });
    expect(seen).toEqual([0o600, 1]);
    expect(existsSync(at("J"))).toBe(false);
  });

  it("may be an empty private file that was made for it (mktemp)", async () => {
    write("J", "", 0o600);
    expect(await copy({ journal: "J" })).toMatchObject({ outcome: "copied" });
    expect(existsSync(at("J"))).toBe(false);
  });

  it("of a running copy is not another's", async () => {
    write("other", DATA);
    let second: Promise<CopyResult> | undefined;
    const begin = (): void => {
      second = copy({ source: "other", target: "dst2", journal: "J" });
      second.catch(() => {});
    };
    expect(await copy({ journal: "J", meanwhile: [64 * KIB, begin] })).toMatchObject({ outcome: "copied" });
    await expect(second).rejects.toThrow(/another copy|just appeared/);
    expect(existsSync(at("dst2"))).toBe(false);
  });

  it("that somebody replaced meanwhile is left to him, and the copy says so", async () => {
    const replace = (): void => {
      unlinkSync(at("J"));
      write("J", "precious");
    };
    await expect(copy({ journal: "J", meanwhile: [64 * KIB, replace] })).rejects.toThrow("just appeared");
    expect(read("J").toString()).toBe("precious");
  });

  it("that somebody removed meanwhile is made again", async () => {
    const result = await copy({ journal: "J", meanwhile: [64 * KIB, () => unlinkSync(at("J"))], stopAt: 400 * KIB });
    expect(result).toMatchObject({ outcome: "interrupted", journal: join(folder, "J") });
    expect(await copy({ journal: "J", resume: true })).toMatchObject({ outcome: "copied" });
    expect(read("dst").equals(DATA)).toBe(true);
  });
});

describe("A copy that says copied has its target in place", () => {
  it.each([
    ["removed", (): void => unlinkSync(at("dst")), "removed it"],
    ["renamed", (): void => renameSync(at("dst"), at("away")), "renamed it"],
    [
      "replaced",
      (): void => {
        write("other", "x");
        renameSync(at("other"), at("dst"));
      },
      "removed it",
    ],
    ["cut", (): void => truncateSync(at("dst"), 1000), "cut it"],
  ])("%s while it is verified: it fails and says so", async (_, harm, why) => {
    let isVerifying = false;
    const plan = planCopy(host, {
      ...{ source: at("src"), target: at("dst"), via: null, sourceOffsetBytes: 0, targetOffsetBytes: 0 },
      ...{ lengthBytes: null, chunkBytes: 64 * KIB, depth: 1, verify: true, resume: false, journal: at("J") },
      ...{ syncEveryBytes: 2 ** 30, fallback: true },
    });
    const result = await runCopy(plan, {
      confirm: () => Promise.resolve(),
      onBytes: (phase, bytes) => {
        if (phase !== "verify" || isVerifying || bytes < DATA.length) return;
        isVerifying = true;
        harm();
      },
      signal: new AbortController().signal,
    });
    expect(result).toMatchObject({ outcome: "failed", loss: null, failure: { kind: "target-changed" } });
    expect(result.failure?.message).toContain(why);
    expect(existsSync(at("J"))).toBe(false);
  });

  it("a new file may be read by those who may read the source, and by no others", async () => {
    chmodSync(at("src"), 0o640);
    const mask = process.umask(0o002);
    await copy();
    process.umask(mask);
    expect(statSync(at("dst")).mode & 0o777).toBe(0o640);
  });
});

describe("A resumed copy touches nothing outside its range", () => {
  const interrupted = async (words: Words = {}): Promise<void> => {
    const result = await copy({ ...words, journal: "J", stopAt: 300 * KIB });
    expect(result).toMatchObject({ outcome: "interrupted" });
    expect(JSON.parse(read("J").toString()).completedBytes).toBeGreaterThan(0);
  };

  it.each([
    ["to the end of a new file", {}, 0],
    ["within a longer file", { targetOffsetBytes: 4096 }, 100_000],
  ])("%s: what was appended meanwhile stays", async (_, words, behind) => {
    const before = randomBytes(4096 + DATA.length + behind);
    if (behind > 0) write("dst", before);
    await interrupted(words);
    const appended = randomBytes(5000);
    appendFileSync(at("dst"), appended);
    expect(await copy({ ...words, journal: "J", resume: true })).toMatchObject({ outcome: "copied" });
    const start = behind > 0 ? 4096 : 0;
    if (behind > 0) before.set(DATA, start);
    const wanted = behind > 0 ? Buffer.concat([before, appended]) : Buffer.concat([DATA, appended]);
    expect(read("dst").equals(wanted)).toBe(true);
  });

  it("what is appended while it copies stays too, whatever the end of the range is", async () => {
    const appended = randomBytes(777);
    await copy({ meanwhile: [500 * KIB, () => appendFileSync(at("dst"), appended)] });
    expect(read("dst").equals(Buffer.concat([DATA, appended]))).toBe(true);
  });

  it("what was not compared is said; --verify compares all", async () => {
    await interrupted();
    const result = await copy({ journal: "J", resume: true });
    expect(result.comparedBytes).toBeGreaterThan(0);
    expect(result.comparedBytes).toBeLessThan(result.resumedFromBytes);
    rmSync(at("dst"));
    await interrupted();
    const verified = await copy({ journal: "J", resume: true, verify: true });
    expect(verified).toMatchObject({ outcome: "copied", comparedBytes: verified.resumedFromBytes });
  });

  it.each([
    [
      "the target was made anew",
      (): void => {
        renameSync(at("dst"), at("old"));
        write("dst", read("old"));
      },
      "target",
    ],
    [
      "the source was made anew",
      (): void => {
        renameSync(at("src"), at("old"));
        write("src", DATA);
      },
      "source",
    ],
    ["another source has its name", (): void => write("src", randomBytes(DATA.length)), "source"],
  ])("is refused where %s", async (_, change, who) => {
    await interrupted();
    change();
    const before = read("dst");
    await expect(copy({ journal: "J", resume: true })).rejects.toThrow(`of the ${who} was`);
    expect(read("dst").equals(before)).toBe(true);
  });

  it("is refused for another range than the journal's", async () => {
    await interrupted();
    await expect(copy({ journal: "J", resume: true, targetOffsetBytes: 4096 })).rejects.toThrow("the range");
    await expect(copy({ journal: "J", resume: true, lengthBytes: 1000 })).rejects.toThrow("the range");
  });
});
