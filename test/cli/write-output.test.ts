import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { workbench } from "./shell.ts";

const { folder, run } = workbench();
const isRoot = process.getuid?.() === 0;

/** A folder of its own, so that what is left in it can be seen. */
function place(name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

const REPORT = /^## PCI peer-to-peer report\n/;

describe("A file that is written", () => {
  test("is new with the mode that the user's mask leaves, and nothing else is left", async () => {
    const at = place("new");
    expect(await run("umask 027; peerlane report $MIXED -o new/out.md")).toMatchObject({ status: 0, out: "", err: "" });
    expect(readFileSync(join(at, "out.md"), "utf8")).toMatch(REPORT);
    expect(statSync(join(at, "out.md")).mode & 0o777).toBe(0o640);
    expect(readdirSync(at)).toEqual(["out.md"]);
  });

  test("keeps the mode of what it replaces, and leaves other names of the old one as they were", async () => {
    const at = place("mode");
    writeFileSync(join(at, "out.md"), "old");
    chmodSync(join(at, "out.md"), 0o604);
    linkSync(join(at, "out.md"), join(at, "other.md"));
    expect(await run("peerlane report $MIXED -o mode/out.md")).toMatchObject({ status: 0 });
    expect(statSync(join(at, "out.md")).mode & 0o777).toBe(0o604);
    expect(readFileSync(join(at, "out.md"), "utf8")).toMatch(REPORT);
    expect(readFileSync(join(at, "other.md"), "utf8")).toBe("old");
    expect(readdirSync(at).sort()).toEqual(["other.md", "out.md"]);
  });

  test.runIf(isRoot)(`keeps its owner${isRoot ? "" : " (skipped: not root)"}`, async () => {
    const at = place("owner");
    expect(
      await run("touch owner/out.md; chown 12345:23456 owner/out.md; peerlane report $MIXED -o owner/out.md"),
    ).toMatchObject({ status: 0 });
    expect(statSync(join(at, "out.md"))).toMatchObject({ uid: 12345, gid: 23456 });
  });

  test("is the one that a link leads to, there already or not", async () => {
    const at = place("links");
    mkdirSync(join(at, "far"));
    writeFileSync(join(at, "far/there.md"), "old");
    symlinkSync("far/there.md", join(at, "first"));
    symlinkSync("first", join(at, "second"));
    symlinkSync("far/new.md", join(at, "dangling"));
    expect(
      await run("cd links; peerlane report ../$MIXED -o second; peerlane report ../$MIXED -o dangling"),
    ).toMatchObject({ status: 0, err: "" });
    expect(readlinkSync(join(at, "second"))).toBe("first");
    expect(lstatSync(join(at, "first")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(at, "far/there.md"), "utf8")).toMatch(REPORT);
    expect(readFileSync(join(at, "far/new.md"), "utf8")).toMatch(REPORT);
    expect(readdirSync(join(at, "far")).sort()).toEqual(["new.md", "there.md"]);
  });

  test("may be the source", async () => {
    const at = place("self");
    await run("peerlane capture $MIXED -o self/machine.json.gz");
    const before = (await run("peerlane matrix self/machine.json.gz")).out;
    expect(await run("peerlane capture self/machine.json.gz -o self/machine.json.gz")).toMatchObject({ status: 0 });
    expect((await run("peerlane matrix self/machine.json.gz")).out).toBe(before);
    expect(readdirSync(at)).toEqual(["machine.json.gz"]);
  });
});

describe("What is no file", () => {
  test("is standard output as -, /dev/stdout or a link to it, behind what is there already", async () => {
    const { out: whole } = await run("peerlane report $MIXED");
    symlinkSync("/dev/stdout", join(folder, "to-stdout"));
    for (const name of ["-", "/dev/stdout", "/proc/self/fd/1", "to-stdout"]) {
      const { out } = await run(`(echo before; peerlane report $MIXED -o ${name}; echo after) > all.txt; cat all.txt`);
      expect(out).toBe(`before\n${whole}after\n`);
    }
    expect((await run("peerlane report $MIXED -o /dev/stdout | cat")).out).toBe(whole);
    expect((await run("peerlane report $MIXED -o /dev/fd/3 3>third.txt; cat third.txt")).out).toBe(whole);
  });

  test("takes what a pipe or /dev/null takes", async () => {
    const { out: whole } = await run("peerlane report $MIXED");
    expect((await run("mkfifo pipe; cat pipe & peerlane report $MIXED -o pipe; wait")).out).toBe(whole);
    expect(lstatSync(join(folder, "pipe")).isFIFO()).toBe(true);
    expect(await run("peerlane report $MIXED -o /dev/null")).toMatchObject({ status: 0, out: "", err: "" });
  });

  test.each([
    ["a folder", "place-of-files", 2, /it is a folder/],
    ["a name with a slash behind it", "nothing/", 4, /names no file/],
    ["no name", "''", 4, /names no file/],
    ["a folder that is not there", "none/out.md", 4, /cannot write none\/out\.md: ENOENT: no such file or directory\n/],
    ["a circle of links", "circle", 4, /ELOOP/],
    ["a device that is not empty", "/dev/mem", 2, /it is a device/],
    ["a full device", "/dev/full", 4, /cannot write \/dev\/full: ENOSPC.*\n {2}→ make room/],
  ])("is refused: %s", async (_, name, status, message) => {
    if (name === "/dev/mem" && !existsSync(name)) return;
    const bench = `mkdir -p place-of-files; ln -sfn circle circle; peerlane report $MIXED -o ${name}`;
    const outcome = await run(bench);
    expect(outcome.err).toMatch(message);
    expect(outcome).toMatchObject({ status, out: "" });
    await run("rm -f circle");
  });

  test.skipIf(isRoot)(
    `is refused where the file may not be written${isRoot ? " (skipped: root may)" : ""}`,
    async () => {
      place("protected");
      expect(
        (
          await run(
            "echo old > protected/out.md; chmod a-w protected/out.md; peerlane report $MIXED -o protected/out.md",
          )
        ).status,
      ).toBe(4);
      expect(readFileSync(join(folder, "protected/out.md"), "utf8")).toBe("old\n");
    },
  );
});

/** A small file system that is full soon. */
const small = join(folder, "small");
mkdirSync(small);
const isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small]).status === 0;
afterAll(() => {
  if (isMounted) spawnSync("umount", [small]);
});

describe("Where it fails half way, the old file stays and nothing is left beside it:", () => {
  const verbs = [
    ["report", "report $MIXED -o FILE"],
    ["capture", "capture --plain $MIXED -o FILE"],
    ["a trace", "simulate $WORKLOAD --trace-file FILE"],
  ] as const;
  const env = { WORKLOAD: join(import.meta.dirname, "../../examples/workloads/nvmeof-one-switch.yaml") };

  test.runIf(isMounted).each(verbs)(
    `%s on a full disk${isMounted ? "" : " (skipped: no file system can be mounted here)"}`,
    async (_, line) => {
      writeFileSync(join(small, "out"), "old");
      writeFileSync(join(small, "filler"), "");
      // Takes all that is left; a name for a temporary still fits.
      await run("head -c 65536 /dev/zero > small/filler");
      const { status, err } = await run(`peerlane ${line.replace("FILE", "small/out")}`, { env });
      expect(err).toMatch(/cannot write small\/out: ENOSPC: no space left on device\n {2}→ make room there/);
      expect(status).toBe(4);
      expect(readFileSync(join(small, "out"), "utf8")).toBe("old");
      expect(readdirSync(small).sort()).toEqual(["filler", "out"]);
    },
  );

  test.each(verbs)("%s beyond the largest file that a shell allows", async (_, line) => {
    const at = join(folder, "limited");
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, "out"), "old");
    const { status, err } = await run(`ulimit -f 1; peerlane ${line.replace("FILE", "limited/out")}`, { env });
    expect(err).toMatch(/cannot write limited\/out: EFBIG/);
    expect(status).toBe(4);
    expect(readFileSync(join(at, "out"), "utf8")).toBe("old");
    expect(readdirSync(at)).toEqual(["out"]);
  });
});
