import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { fleetJson } from "../../src/fleet/json.ts";
import type { Fleet } from "../../src/fleet/result.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { readHere, tarOf, temporaryFolder, writeFiles } from "./folders.ts";
import { exampleMachine, FAULTS } from "./planted.ts";

const machine = exampleMachine("one-switch");
const plain = writeSnapshot(machine);
const labelled = writeSnapshot(machine, "rack1 node 7");
const oneLine = JSON.stringify(JSON.parse(labelled));
const scenario = readFileSync(join(import.meta.dirname, "../../examples/one-switch.yaml"));

/** Name, state and reason of each row. */
function rowsOf({ rows }: Fleet): readonly string[] {
  return rows.map(({ name, state, reason }) => [name, state, ...(reason === null ? [] : [reason])].join(": "));
}

describe("A folder", () => {
  test("is read with all below it, in the order of paths, without hidden files", async () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      "b.json": plain,
      "a/c.json.gz": gzipSync(plain),
      "a/b.yaml": scenario,
      ".hidden.json": plain,
      "a/.git/x.json": plain,
    });
    expect(rowsOf(await readHere([folder]))).toEqual(["a/b: read", "a/c: read", "b: read"]);
  });

  test("has each broken file as a row with its reason, and goes on", async () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      "1-cut.json": plain.slice(0, plain.length / 2),
      "2-empty.json": "",
      "3-zip.json": "PK\u0003\u0004",
      "4-text.txt": "not a dump",
      "5-cut.json.gz": gzipSync(plain).subarray(0, 300),
      "6-good.json": plain,
      "7-twice.json": plain.replace(/(\n {2}\{"bdf".*),\n/, "$1,$1,\n"),
    });
    const fleet = await readHere([folder]);
    expect(fleet.rows.map(({ state }) => state).join()).toBe("failed,failed,failed,failed,failed,read,failed");
    for (const { state, reason } of fleet.rows) if (state === "failed") expect(reason).toMatch(/^\w.{5,}$/);
    expect(fleet.classes).toHaveLength(1);
  });

  test("keeps endings where two files would have one name", async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { "n1.json": plain, "n1.yaml": scenario });
    expect(rowsOf(await readHere([folder]))).toEqual(["n1: read", "n1.yaml: read"]);
  });
});

const DUPLICATE = "another of this name came before it, and that one counts";

describe("The same machine named twice is one machine and a row with the reason", () => {
  test("as a source", async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { "n1.json": plain });
    const file = join(folder, "n1.json");
    expect(rowsOf(await readHere([file, file]))).toEqual(["n1: read", `n1: duplicate: ${DUPLICATE}`]);
  });

  test("as a member of an archive", async () => {
    const folder = temporaryFolder();
    const archive = tarOf([
      ["n1.json", plain],
      ["n1.json", "something else"],
    ]);
    writeFiles(folder, { "fleet.tar": archive });
    expect(rowsOf(await readHere([join(folder, "fleet.tar")]))).toEqual(["n1: read", `n1: duplicate: ${DUPLICATE}`]);
  });
});

describe("An archive", () => {
  const members = [
    ["./rack/n1.json", plain],
    ["./rack/n2.json.gz", gzipSync(plain)],
    ["./rack/n3.txt", "nothing"],
  ] as const;
  const rows = [
    "rack/n1: read",
    "rack/n2: read",
    "rack/n3: failed: no device in what should be the output of lspci: line 1 reads '…' (line 1)",
  ];

  test.each([
    ["tar", tarOf(members)],
    ["tar.gz", gzipSync(tarOf(members))],
  ])("%s is read member by member, from a file and from standard input", async (ending, bytes) => {
    const folder = temporaryFolder();
    writeFiles(folder, { [`fleet.${ending}`]: bytes });
    expect(rowsOf(await readHere([join(folder, `fleet.${ending}`)]))).toEqual(rows);
    expect(rowsOf(await readHere(["-"], { input: bytes }))).toEqual(rows);
  });

  test.each([
    ["tar", tarOf(members).subarray(0, 700)],
    ["gzip", gzipSync(tarOf(members)).subarray(0, -200)],
  ])("that is cut short (%s) has what came before, and a row for the rest", async (_, bytes) => {
    const folder = temporaryFolder();
    writeFiles(folder, { "fleet.tar.gz": bytes });
    const { rows: read } = await readHere([join(folder, "fleet.tar.gz")]);
    expect(read.at(-1)).toMatchObject({
      name: "fleet",
      state: "failed",
      reason: expect.stringMatching(/ends|unpacked|cut short/),
    });
  });

  test("of one machine's sysfs is one machine", async () => {
    const file = join(import.meta.dirname, "../machines/recorded/one-switch.intel.strict.tar.gz");
    expect(rowsOf(await readHere([file]))).toEqual(["one-switch.intel.strict: read"]);
  });
});

describe("Standard input", () => {
  test("has paths, one a line", async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { "n1.json": plain });
    const input = `${join(folder, "n1.json")}\n${join(folder, "gone.json")}\n`;
    expect(rowsOf(await readHere(["-"], { input }))).toEqual([
      `${join(folder, "n1")}: read`,
      `${join(folder, "gone")}: failed: there is no such file`,
    ]);
  });

  test("has snapshots, one a line, by their labels", async () => {
    const input = `${oneLine}\n{"schema":\n${JSON.stringify(JSON.parse(plain))}\n`;
    const { rows } = await readHere(["-"], { input });
    expect(rows.map(({ name, state }) => `${name}: ${state}`)).toEqual([
      "rack1 node 7: read",
      "line 2: failed",
      "line 3: read",
    ]);
  });
});

test("nothing of what a broken or strange file holds is in a reason", async () => {
  const folder = temporaryFolder();
  const secrets = ["SERIAL-4711", "00:11:22:33:44:55", "host17.example.com", "10.1.2.3"];
  writeFiles(
    folder,
    Object.fromEntries(
      secrets.flatMap((secret, at) => [
        [`t${at}.txt`, `${secret} is what it says\n`],
        [`j${at}.json`, `{"schema":"peerlane.snapshot/1","${secret}":1}`],
        [`x${at}.xml`, `<system version="1"><pci busid="${secret}" class="${secret}"/></system>`],
      ]),
    ),
  );
  const fleet = await readHere([folder]);
  expect(fleet.rows.filter(({ state }) => state === "failed").length).toBeGreaterThanOrEqual(8);
  for (const secret of secrets) expect(JSON.stringify(fleetJson(fleet))).not.toContain(secret);
});

test("the same fleet, however it is read, has the same classes", async () => {
  const folder = temporaryFolder();
  const width = FAULTS["lost width"] as (typeof FAULTS)[string];
  const server = exampleMachine("gpu-nic-server");
  const files: [string, string][] = Array.from({ length: 7 }, (_, at) => [
    `n${at}.json`,
    writeSnapshot(at === 3 ? width.plant(server, 2) : server, `n${at}`),
  ]);
  writeFiles(folder, Object.fromEntries(files));
  const lines = files.map(([, text]) => JSON.stringify(JSON.parse(text))).join("\n");
  const fleets = [
    await readHere([folder]),
    await readHere(["-"], { input: tarOf(files) }),
    await readHere(["-"], { input: lines }),
  ];
  for (const fleet of fleets) {
    expect(fleet.classes.map(({ members, causes }) => [members, causes.map(({ text }) => text)])).toEqual([
      [["n3"], ["nic:2 at x8 instead of x16"]],
      [["n0", "n1", "n2", "n4", "n5", "n6"], []],
    ]);
    expect(fleet.rows).toEqual(fleets[0]?.rows);
  }
});
