import { randomBytes } from "node:crypto";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { copySchema } from "../../../src/report/live/copy/schema.ts";
import { copyBench, ended, overwrite, sameBytes } from "./copies.ts";

const MIB = 2 ** 20;
const bench = copyBench();
const source = "source.bin";
const SIZE = 40 * MIB + 777;

beforeAll(() => writeFileSync(bench.path(source), randomBytes(SIZE)));

function journals(): readonly string[] {
  const folder = bench.path("state/peerlane");
  return existsSync(folder) ? readdirSync(folder) : [];
}

it("A file is copied through DRAM with --fallback, compared, and the result says so", async () => {
  const { status, out, err } = await bench.copy(source, "a.bin", "--fallback", "--verify", "--json");
  expect([err, status]).toEqual(["", 0]);
  const result = JSON.parse(out);
  copySchema.parse(result);
  expect(result).toMatchObject({
    outcome: "copied",
    path: { kind: "dram" },
    target: { new: true },
    result: { memoryBytes: SIZE - (SIZE % 512), cpuBytes: SIZE % 512, verification: { state: "same" }, resume: null },
  });
  expect(statSync(bench.path("a.bin")).size).toBe(SIZE);
  expect(sameBytes(bench.path(source), 0, bench.path("a.bin"), 0, SIZE)).toBe(true);
  expect(journals()).toEqual([]);
});

it.each([1, 511, 512, 513, 4096, 1_048_577])(
  "A file of %i bytes is copied with all its bytes and no more",
  async (size) => {
    writeFileSync(bench.path(`small-${size}`), randomBytes(size));
    const { status, out } = await bench.copy(`small-${size}`, `small-${size}.copy`, "--fallback", "--verify");
    expect(out).toContain("every byte is the same");
    expect(status).toBe(0);
    expect(readFileSync(bench.path(`small-${size}.copy`))).toEqual(readFileSync(bench.path(`small-${size}`)));
  },
);

it("A range goes where it is told, and no byte beside it changes", async () => {
  const before = randomBytes(6 * MIB + 99);
  writeFileSync(bench.path("range.bin"), before);
  const length = 2 * MIB + 12_345;
  const { status, out } = await bench.copy(
    ...[
      source,
      "range.bin",
      "--fallback",
      "--yes",
      "--source-offset",
      "1M",
      "--target-offset",
      "1536",
      "--length",
      `${length}`,
    ],
  );
  expect(status).toBe(0);
  expect(out).toContain("the target file is longer");
  const after = readFileSync(bench.path("range.bin"));
  const whole = readFileSync(bench.path(source)).subarray(MIB, MIB + length);
  expect(after.subarray(1536, 1536 + length).equals(whole)).toBe(true);
  before.set(whole, 1536);
  expect(after.equals(before)).toBe(true);
});

it("Without --fallback and without peer memory nothing is copied, and it says what is missing", async () => {
  const { status, err } = await bench.copy(source, "none.bin");
  expect(status).toBe(4);
  expect(err).toContain("--fallback copies through DRAM instead");
  expect(existsSync(bench.path("none.bin"))).toBe(false);
});

it("A file that holds something is not overwritten without --yes where nobody can be asked", async () => {
  writeFileSync(bench.path("full.bin"), "precious");
  const { status, err } = await bench.copy(source, "full.bin", "--fallback");
  expect(status).toBe(2);
  expect(err).toContain("--yes");
  expect(readFileSync(bench.path("full.bin"), "utf8")).toBe("precious");
});

it("A dry run shows the plan and writes nothing", async () => {
  const { status, out } = await bench.copy(source, "dry.bin", "--fallback", "--dry-run", "--json");
  expect(status).toBe(0);
  const plan = JSON.parse(out);
  copySchema.parse(plan);
  expect(plan).toMatchObject({ outcome: "planned", result: null, chunk: MIB, depth: 4 });
  expect(existsSync(bench.path("dry.bin"))).toBe(false);
});

it.each([
  ["the same file", [source, source], "overlap"],
  ["a hard link to it", [source, "link.bin"], "overlap"],
  ["a misaligned offset", [source, "b.bin", "--source-offset", "100"], "no multiple of"],
  ["a misaligned target", [source, "b.bin", "--target-offset", "513"], "512 and 1024"],
  ["a chunk of no whole pages", [source, "b.bin", "--chunk", "5000"], "--chunk"],
  ["more than there is", [source, "b.bin", "--length", "1G"], "ends at"],
  ["an empty source", ["empty.bin", "b.bin"], "nothing to copy"],
  ["a disk that is not there", [source, "nvme9n9"], "no disk or file"],
  ["a node that is not there", [source, "/dev/nvme9n9"], "no disk or file"],
  ["a folder that is not there", [source, "nowhere/b.bin"], "no folder"],
  ["a folder", [source, "folder"], "neither a block device nor a regular file"],
  ["a provider that is not there", [source, "b.bin", "--via", "nvme77"], "nvme77"],
])("Refused before anything is written: %s", async (_, words, why) => {
  writeFileSync(bench.path("empty.bin"), "");
  mkdirSync(bench.path("folder"), { recursive: true });
  if (!existsSync(bench.path("link.bin"))) linkSync(bench.path(source), bench.path("link.bin"));
  const { status, err } = await bench.copy(...words, "--fallback", "--yes");
  expect(status).toBe(2);
  expect(err).toContain(why);
  expect(existsSync(bench.path("b.bin"))).toBe(false);
});

it("Ranges of one file that are apart are copied within it", async () => {
  const bytes = randomBytes(4 * MIB);
  writeFileSync(bench.path("self.bin"), bytes);
  const words = ["self.bin", "self.bin", "--fallback", "--yes", "--length", "1M"];
  expect((await bench.copy(...words, "--target-offset", "512")).err).toContain("overlap");
  expect((await bench.copy(...words, "--target-offset", "3M")).status).toBe(0);
  bytes.copyWithin(3 * MIB, 0, MIB);
  expect(readFileSync(bench.path("self.bin")).equals(bytes)).toBe(true);
});

/** Interrupts a copy with small chunks, which takes long enough. */
async function interrupted(target: string, signal: NodeJS.Signals): Promise<{ status: number | null; err: string }> {
  for (let delayMs = 250; ; delayMs += 40) {
    const child = bench.start(source, target, "--fallback", "--yes", "--chunk", "4K", "--depth", "1");
    const journal = (): boolean => existsSync(bench.path(target)) && journals().some((name) => name.endsWith(".json"));
    const end = ended(child);
    while (child.exitCode === null && !journal()) await pause(5);
    await pause(delayMs - 200);
    child.kill(signal);
    const outcome = await end;
    if (outcome.status !== 0 || delayMs > 2000) return outcome;
  }
}

it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends a copy with 4 and the command that goes on",
  async (signal) => {
    const target = `${signal}.bin`;
    const { status, err } = await interrupted(target, signal);
    expect(err).toContain(`to go on: peerlane copy ${source} ${target} --chunk 4096 --depth 1 --fallback --resume`);
    expect(status).toBe(4);
    const resumed = await bench.copy(source, target, "--fallback", "--resume", "--verify", "--json");
    expect([resumed.status, resumed.err]).toEqual([0, ""]);
    expect(JSON.parse(resumed.out).resumedAt).toBeGreaterThan(0);
    expect(statSync(bench.path(target)).size).toBe(SIZE);
    expect(sameBytes(bench.path(source), 0, bench.path(target), 0, SIZE)).toBe(true);
    expect(journals()).toEqual([]);
  },
);

it("A copy is not resumed where source or target have changed meanwhile", async () => {
  await interrupted("changed.bin", "SIGTERM");
  const [name = ""] = journals();
  const file = join(bench.path("state/peerlane"), name);
  const whole = readFileSync(file, "utf8");
  const journal = JSON.parse(whole);
  expect(journal.completedBytes).toBeGreaterThan(0);
  const resume = (): ReturnType<typeof bench.copy> => bench.copy(source, "changed.bin", "--fallback", "--resume");

  overwrite(bench.path("changed.bin"), journal.completedBytes - 100, randomBytes(50));
  const wrong = await resume();
  expect([wrong.status, wrong.err]).toEqual([2, expect.stringContaining("differ")]);
  expect(wrong.err).toContain(file);

  const edits: readonly (readonly [string, string])[] = [
    [whole.replaceAll('"savedAt": "2', '"savedAt": "3'), "checksum"],
    [whole.replace('"targetStart": 0', '"targetStart": 9'), "checksum"],
    [whole.replaceAll(/"completedBytes": \d+/g, '"completedBytes": "all"'), "edited, or cut off"],
    [JSON.stringify(journal), "does not begin as one"],
  ];
  for (const [edited, why] of edits) {
    writeFileSync(file, edited);
    const damaged = await resume();
    expect([damaged.status, damaged.err]).toEqual([2, expect.stringContaining(why)]);
    expect(readFileSync(file, "utf8")).toBe(edited);
  }
  writeFileSync(file, "{".repeat(1e6));
  expect((await resume()).err).toContain("larger than");

  writeFileSync(file, whole);
  const { atime, mtime } = statSync(bench.path(source));
  utimesSync(bench.path(source), atime, new Date(mtime.getTime() + 5000));
  expect((await resume()).err).toContain("the time of the last change of the source");
  utimesSync(bench.path(source), atime, mtime);

  writeFileSync(file, whole);
  const anew = await bench.copy(source, "changed.bin", "--fallback", "--yes");
  expect(anew.status).toBe(0);
  expect(anew.out).toContain("was begun before");
  expect(sameBytes(bench.path(source), 0, bench.path("changed.bin"), 0, SIZE)).toBe(true);
});

it("What is no journal is not overwritten by one", async () => {
  writeFileSync(bench.path("notes.txt"), "precious");
  const { status, err } = await bench.copy(source, "c.bin", "--fallback", "--journal", "notes.txt");
  expect([status, err]).toEqual([2, expect.stringContaining("no journal of a copy")]);
  expect(readFileSync(bench.path("notes.txt"), "utf8")).toBe("precious");
});

it("The journal of another copy is not overwritten", async () => {
  await interrupted("other.bin", "SIGINT");
  const [name = ""] = journals();
  const file = join(bench.path("state/peerlane"), name);
  const before = readFileSync(file, "utf8");
  const { status, err } = await bench.copy(source, "c.bin", "--fallback", "--journal", file);
  expect([status, err]).toEqual([2, expect.stringContaining("the journal of another copy")]);
  expect(readFileSync(file, "utf8")).toBe(before);
  expect((await bench.copy(source, "other.bin", "--fallback", "--resume")).status).toBe(0);
});

it("Of two copies of one pair at a time one is refused; two targets at a time both work", async () => {
  const slow = ["--fallback", "--yes", "--chunk", "4K", "--depth", "1"];
  writeFileSync(bench.path("twice.bin"), "x");
  const same = await Promise.all([bench.copy(source, "twice.bin", ...slow), bench.copy(source, "twice.bin", ...slow)]);
  expect(same.map(({ status }) => status).sort()).toEqual([0, 4]);
  expect(same.map(({ err }) => err).join("")).toMatch(/another copy .* is running/);
  const apart = await Promise.all([bench.copy(source, "one.bin", ...slow), bench.copy(source, "two.bin", ...slow)]);
  expect(apart.map(({ status }) => status)).toEqual([0, 0]);
  expect(sameBytes(bench.path("one.bin"), 0, bench.path("two.bin"), 0, SIZE)).toBe(true);
});

function completedOf(journal: string): number {
  return existsSync(journal) ? JSON.parse(readFileSync(journal, "utf8")).completedBytes : 0;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** 200 in the slow run. */
const KILLS = process.env["PEERLANE_SLOW"] === "1" ? 200 : 12;

it(`A copy that is killed at any of ${KILLS} moments is resumed to the same bytes`, { timeout: 900_000 }, async () => {
  const neighbours = randomBytes(3 * MIB);
  let resumes = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const file = bench.path("killed.bin");
    // The range lies within a file, so that bytes on both sides of it have to stay.
    const before = Buffer.alloc(MIB + SIZE + 2 * MIB, kill & 0xff);
    neighbours.copy(before, 0, 0, MIB);
    neighbours.copy(before, MIB + SIZE, MIB);
    writeFileSync(file, before);
    const words = [source, "killed.bin", "--fallback", "--yes", "--target-offset", "1M", "--journal", "killed.json"];
    const isSlow = kill % 2 === 1;
    const shape = isSlow ? ["4K", 1] : [kill % 3 === 0 ? "1M" : "16K", 1 + (kill % 8)];
    const child = bench.start(...words, "--chunk", `${shape[0]}`, "--depth", `${shape[1]}`);
    const end = ended(child);
    // Slow ones get as far as a first checkpoint, which is due after a second.
    while (isSlow && child.exitCode === null && completedOf(bench.path("killed.json")) === 0) await pause(20);
    // At once, or somewhere on its way.
    if (kill % 4 !== 1) await pause(Math.random() * (isSlow ? 400 : 700));
    child.kill("SIGKILL");
    await end;
    const isJournalled = existsSync(bench.path("killed.json"));
    const completed = completedOf(bench.path("killed.json"));
    if (completed > 0) resumes++;
    expect(sameBytes(bench.path(source), 0, file, MIB, completed)).toBe(true);
    const { status, err } = await bench.copy(...words, ...(isJournalled ? ["--resume"] : []));
    expect([kill, err, status]).toEqual([kill, "", 0]);
    expect(existsSync(bench.path("killed.json"))).toBe(false);
    const after = readFileSync(file);
    expect(after.length).toBe(before.length);
    expect(after.subarray(0, MIB).equals(neighbours.subarray(0, MIB))).toBe(true);
    expect(after.subarray(MIB + SIZE).equals(neighbours.subarray(MIB))).toBe(true);
    expect(sameBytes(bench.path(source), 0, file, MIB, SIZE)).toBe(true);
  }
  expect(resumes).toBeGreaterThan(KILLS / 8);
});
