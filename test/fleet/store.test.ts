import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parquetReadObjects } from "hyparquet";
import { beforeAll, describe, expect, test } from "vitest";
import { TABLES, tableFile, writeResults } from "../../src/fleet/store.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { needProgram, PROGRAM } from "../program.ts";
import { mergeHere, readHere, tarOf, temporaryFolder, writeFiles } from "./folders.ts";
import { BASES, FAULTS, otherNumbers } from "./planted.ts";

/** 48 machines of two kinds, some with faults, two that are broken. */
const files = new Map<string, string>();

beforeAll(() => {
  const kinds = [BASES["recorded-switch"], BASES["nested-switches"]].map((make) => (make as () => never)());
  const faults = Object.values(FAULTS);
  const plain = kinds.map((machine) => writeSnapshot(machine));
  for (let at = 0; at < 48; at++) {
    const machine = kinds[at % 2];
    const fault = at % 11 === 5 ? faults[at % faults.length] : undefined;
    const text =
      machine === undefined
        ? ""
        : fault !== undefined
          ? writeSnapshot(fault.plant(machine, at))
          : at % 17 === 3
            ? writeSnapshot(otherNumbers(machine))
            : (plain[at % 2] ?? "");
    files.set(`n${String(at).padStart(2, "0")}.json`, at % 23 === 7 ? text.slice(0, 1000) : text);
  }
});

function fleetFolder(): string {
  const folder = temporaryFolder();
  writeFiles(folder, Object.fromEntries(files));
  return folder;
}

/** The bytes of all tables. */
function tablesOf(folder: string): readonly string[] {
  return TABLES.map((table) => readFileSync(tableFile(folder, table)).toString("base64"));
}

async function wholeRun(source: string): Promise<readonly string[]> {
  const results = temporaryFolder();
  await readHere([source], { results });
  return tablesOf(results);
}

describe("A run that was ended goes on where it was,", () => {
  test.each([1, 40])("after %i machines, with a line of its journal cut in two", async (after) => {
    const source = fleetFolder();
    const results = temporaryFolder();
    const ended = readHere([source], {
      results,
      onRead: (done) => {
        if (done >= after) throw new Error("ended by the test");
      },
    });
    await expect(ended).rejects.toThrow("ended by the test");
    const journal = join(results, ".peerlane-fleet", "journal.ndjson");
    truncateSync(journal, Math.max(0, statSync(journal).size - 7));
    await readHere([source], { results });
    expect(tablesOf(results)).toEqual(await wholeRun(source));
    expect(existsSync(join(results, ".peerlane-fleet"))).toBe(false);
  });

  test("and reads again what changed since", async () => {
    const source = fleetFolder();
    const results = temporaryFolder();
    await readHere([source], { results, onRead: ended }).catch(() => {});
    writeFiles(source, { "n00.json": "not what it was" });
    await readHere([source], { results });
    expect(tablesOf(results)).toEqual(await wholeRun(source));
  });

  test("of an archive too", async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { "fleet.tar": tarOf([...files]) });
    const results = temporaryFolder();
    let known = 0;
    await readHere([join(folder, "fleet.tar")], { results, onRead: ended }).catch(() => {});
    await readHere([join(folder, "fleet.tar")], {
      results,
      onResume: (count) => {
        known = count;
      },
    });
    expect(known).toBeGreaterThan(0);
    expect(tablesOf(results)).toEqual(await wholeRun(join(folder, "fleet.tar")));
  });

  test("killed by SIGKILL, in workers", async () => {
    needProgram();
    const source = fleetFolder();
    const results = temporaryFolder();
    const words = [...PROGRAM.slice(1), "fleet", source, "--output", results, "--jobs", "2"];
    const child = spawn(PROGRAM[0], words, { stdio: "ignore" });
    const journal = join(results, ".peerlane-fleet", "journal.ndjson");
    const gone = new Promise((resolve) => child.once("exit", resolve));
    while (child.exitCode === null && !(existsSync(journal) && statSync(journal).size > 0)) await wait(1);
    child.kill("SIGKILL");
    await gone;
    try {
      execFileSync(PROGRAM[0], words, { stdio: "ignore" });
    } catch (error) {
      expect((error as { status: number }).status).toBe(1);
    }
    expect(tablesOf(results)).toEqual(await wholeRun(source));
  });
});

const ended = (done: number): void => {
  if (done >= 35) throw new Error("ended by the test");
};

describe("Shards put together are what one run gives:", () => {
  test.each([2, 5])("%i of them, in any order", async (count) => {
    const source = fleetFolder();
    const folders: string[] = [];
    for (let rest = 0; rest < count; rest++) {
      const results = temporaryFolder();
      folders.unshift(results);
      await readHere([source], { results, shard: { rest, of: count } });
    }
    const all = temporaryFolder();
    writeResults(all, await mergeHere(folders));
    expect(tablesOf(all)).toEqual(await wholeRun(source));
  });

  test("the same shard twice is refused", async () => {
    const source = fleetFolder();
    const results = temporaryFolder();
    await readHere([source], { results, shard: { rest: 0, of: 2 } });
    await expect(mergeHere([results, results])).rejects.toThrow(/so has another shard/);
  });

  test("a folder without results is refused with the way out", async () => {
    await expect(mergeHere([temporaryFolder()])).rejects.toMatchObject({ code: "not-found" });
  });
});

test("the tables hold a row for each machine, class and cause", async () => {
  const source = fleetFolder();
  const results = temporaryFolder();
  const fleet = await readHere([source], { results });
  expect(readdirSync(results).sort()).toEqual(["causes.parquet", "classes.parquet", "machines.parquet"]);
  const read = async (table: (typeof TABLES)[number]): Promise<readonly Record<string, unknown>[]> => {
    const bytes = readFileSync(tableFile(results, table));
    return parquetReadObjects({
      file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer,
    });
  };
  const [machines, classes, causes] = await Promise.all(TABLES.map(read));
  expect(machines).toHaveLength(files.size);
  expect(machines?.[7]).toMatchObject({ machine: "n07", state: "failed", class: null, outlier: false });
  expect(classes?.map((row) => row["class"])).toEqual(fleet.classes.map(({ id }) => id));
  expect(causes?.map((row) => row["text"])).toEqual(fleet.classes.flatMap((one) => one.causes.map(({ text }) => text)));
});
