import { spawnSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { readHwloc } from "../../src/host/hwloc/read-hwloc.ts";
import { readNccl } from "../../src/host/nccl/read-nccl.ts";
import { readRdmaTopo } from "../../src/host/rdma-topo/read-dump.ts";
import { readMachine } from "../../src/host/read-machine.ts";
import { readSnapshot } from "../../src/host/snapshot/read-snapshot.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import { mutated, PATIENT, runsEach, settings, tarOfFirstEntries } from "./inputs.ts";
import { countCase, expectRefusal, readsOrRefuses, readsOrRefusesLater, sayCases } from "./reads-or-refuses.ts";
import { hwlocXml, ncclXml, policyYaml, rdmaTopoText, snapshotText } from "./valid-files.ts";

afterAll(() => sayCases("newer readers"));

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: false });

/** Text with mutations, text of the given words, and any text. */
function texts(valid: readonly string[], words: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 4, arbitrary: mutated(valid.map((text) => encoder.encode(text))).map((bytes) => decoder.decode(bytes)) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
  );
}

function packedBy(program: string, options: readonly string[], input: Uint8Array): Uint8Array {
  return new Uint8Array(spawnSync(program, ["-c", ...options], { input, maxBuffer: 2 ** 28 }).stdout);
}

const json = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"schema"',
  '"peerlane.snapshot/1"',
  '"functions"',
  '"realpath"',
  "null",
  "1e999",
  "-0",
  '"__proto__"',
  "\\u0000",
  " ",
];
const xml = [
  "<",
  ">",
  "/>",
  "</",
  "<topology version='2.0'>",
  "<system version='1'>",
  "<object type='Bridge' bridge_type='0-1' bridge_pci='0000:[00-ff]'>",
  "<object type='PCIDev' pci_busid='0000:00:00.0' pci_type='0600 [8086:2020] [0000:0000] 04'/>",
  "<cpu>",
  "<pci busid='0000:00:00.0'>",
  "</pci>",
  "</object>",
  "&amp;",
  "&x;",
  "<!DOCTYPE x [",
  "]>",
  "<![CDATA[",
  "]]>",
  "<!--",
  "-->",
  "<?",
  "?>",
];
const yaml = [
  "require",
  "forbid",
  "separate",
  "machine",
  "provider",
  "client",
  "devices",
  ": ",
  "- ",
  "\n",
  "  ",
  "*a",
  "&a ",
  "{",
  "}",
  "[",
  "]",
  "gpu",
  ">=6",
  "~",
  "!!x ",
  "|",
  "'",
  "? ",
];

describe("hostile input of the newer readers is read or refused, never worse", () => {
  const tar = tarOfFirstEntries(60);
  const packed: readonly (readonly [name: string, magic: readonly number[], packed: readonly Uint8Array[]])[] = [
    ["gzip", [0x1f, 0x8b, 8], [new Uint8Array(gzipSync(tar))]],
    ["bzip2", [0x42, 0x5a, 0x68, 0x31, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [packedBy("bzip2", ["-1"], tar)]],
    ["zstd", [0x28, 0xb5, 0x2f, 0xfd], [packedBy("zstd", [], tar), packedBy("zstd", ["-19", "--no-check"], tar)]],
  ];

  test("what is mutated is valid before", async () => {
    expect(readSnapshot(snapshotText(), "fuzz.json").functions).toHaveLength(4);
    expect((await readRdmaTopo(await rdmaTopoText(), "fuzz.json")).functions).toHaveLength(4);
    expect(readHwloc(hwlocXml, "fuzz.xml").functions).toHaveLength(5);
    expect(readNccl(ncclXml, "fuzz.xml").functions).toHaveLength(4);
    expect(parsePolicy(policyYaml, "fuzz.yaml").rules).toHaveLength(6);
    for (const [, , originals] of packed) {
      for (const one of originals) await readMachine([one], { name: "fuzz.tar" });
    }
  });

  test(`snapshots (${runsEach} cases)`, PATIENT, () => {
    fc.assert(
      fc.property(texts([snapshotText()], json), (text) => readsOrRefuses(() => readSnapshot(text, "fuzz.json"))),
      settings,
    );
  });

  test(`dumps of rdma_topo (${runsEach} cases)`, PATIENT, async () => {
    await fc.assert(
      fc.asyncProperty(texts([await rdmaTopoText()], json), (text) =>
        readsOrRefusesLater(() => readRdmaTopo(text, "fuzz.json")),
      ),
      settings,
    );
  });

  test(`XML of hwloc (${runsEach} cases)`, PATIENT, () => {
    fc.assert(
      fc.property(texts([hwlocXml, hwlocXml.replace('"2.0"', '"3.0"')], xml), (text) =>
        readsOrRefuses(() => readHwloc(text, "fuzz.xml")),
      ),
      settings,
    );
  });

  test(`XML of NCCL (${runsEach} cases)`, PATIENT, () => {
    fc.assert(
      fc.property(texts([ncclXml], xml), (text) => readsOrRefuses(() => readNccl(text, "fuzz.xml"))),
      settings,
    );
  });

  test(`policies (${runsEach} cases)`, PATIENT, () => {
    fc.assert(
      fc.property(texts([policyYaml], yaml), (text) => {
        countCase();
        try {
          expect(parsePolicy(text, "fuzz.yaml").rules.length).toBeGreaterThan(0);
        } catch (error) {
          expectRefusal(error);
        }
      }),
      settings,
    );
  });

  test.each(packed)(`archives packed with %s (${runsEach} cases)`, PATIENT, async (_, magic, originals) => {
    const bytes = fc.oneof(
      { weight: 4, arbitrary: mutated(originals) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((rest) => Uint8Array.from([...magic, ...rest])) },
    );
    await fc.assert(
      fc.asyncProperty(bytes, (one) =>
        readsOrRefusesLater(async () => (await readMachine([one], { name: "fuzz.tar" })).machine),
      ),
      settings,
    );
  });

  test(`files of any format, in chunks (${runsEach} cases)`, PATIENT, async () => {
    const valid = [snapshotText(), await rdmaTopoText(), hwlocXml, ncclXml].map((text) => encoder.encode(text));
    const bytes = fc.oneof(mutated([...valid, tar]), fc.uint8Array({ maxLength: 300 }));
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 3000 }), (whole, length) =>
        readsOrRefusesLater(async () => (await readMachine(chunksOf(whole, length), { name: "fuzz" })).machine),
      ),
      settings,
    );
  });
});

function* chunksOf(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}
