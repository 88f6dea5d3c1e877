import { describe, expect, it } from "vitest";
import { readScenario } from "../../../src/host/scenario/scenario-machine.ts";
import { formatPlace, PeerlaneError } from "../../../src/pci/error.ts";

function errorOf(text: string): PeerlaneError {
  try {
    readScenario(text, "f.yaml");
  } catch (error) {
    if (error instanceof PeerlaneError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

/** Devices below the first host bridge start in line 3, column 7. */
const head = "hostBridges:\n  - below:\n    - ";

describe("An error names the place and what was probably meant", () => {
  it.each<[text: string, place: string, message: RegExp]>([
    ["", "1:1", /expected the keys of a scenario/],
    ["scenario: x", "1:1", /the key 'hostBridges' is missing/],
    ["hostBridges: [{bus: 0}]", "1:15", /the key 'below' is missing/],
    ["hostBridges: []", "1:14", /at least one host bridge/],
    ["hostBridges: [{belw: [nvme]}]", "1:16", /'belw' is no key of a host bridge; did you mean 'below'/],
    [`${head}nvem`, "3:7", /'nvem' is not known here; did you mean 'nvme'/],
    [`${head}rootPrt: {}`, "3:7", /did you mean 'rootPort'/],
    [`${head}root-port: {}`, "3:7", /did you mean 'rootPort'/],
    [`${head}rootPort: { asc: true }`, "3:19", /'asc' is no key of rootPort; did you mean 'acs'/],
    [`${head}rootPort: { acs: ture }`, "3:24", /'ture' is not understood: expected true, false or control bits/],
    [`${head}rootPort: { acs: SV* }`, "3:24", /control bits/],
    [`${head}nic: { cmb: 16M }`, "3:14", /'cmb' is no key of nic/],
    [`${head}nvme: { cmb: 17M }`, "3:20", /power of two/],
    [`${head}nvme: { cmb: [] }`, "3:20", /expected a size/],
    [`${head}nvme: { at: 99 }`, "3:19", /'99' is not understood: expected device and function/],
    [`${head}nvme: { at: 04.9 }`, "3:19", /expected device and function/],
    [`${head}gpu: { link: gen4 x16 of gen3 x16 }`, "3:20", /expected a link/],
    [`${head}rootPort:\n      nvme:`, "3:7", /both 'rootPort' and 'nvme'/],
    [`${head}nvme:\n      below: [nic]`, "3:7", /nothing can be below 'nvme'/],
    [`${head}nvme:\n      at: 04.0`, "3:7", /'at' goes inside 'nvme'/],
    [`${head}functions: []`, "3:7", /at least one function/],
    [`${head}functions: [functions: [nvme]]`, "3:19", /'functions' inside 'functions'/],
    ["iommu: stric\nhostBridges: [below: ]", "1:8", /did you mean 'strict'/],
    ["cpu: { vendr: x }\nhostBridges: [below: ]", "1:8", /did you mean 'vendor'/],
    ["kernel: newest\nhostBridges: [below: ]", "1:9", /expected a kernel release/],
  ])("%j", (text, place, message) => {
    const error = errorOf(text);
    expect(error.message).toMatch(message);
    expect(error.place && formatPlace(error.place)).toBe(`f.yaml:${place}`);
    expect(error.remedy).toBeTruthy();
  });
});

describe("A machine that cannot be is refused", () => {
  it.each<[text: string, place: string, message: RegExp, remedy?: RegExp]>([
    [`${head}nvme: { at: 04.0 }\n    - nvme: { at: 4 }`, "4:7", /04\.0 is taken/],
    [`${head}nvme: { at: 04.1 }`, "3:7", /no function 0/],
    [`${head}rootPort: { at: 01.1 }`, "3:7", /device 01 has no function 0/, /write `at: 01\.0`/],
    [
      `${head}rootPort: { at: 00.0 }`,
      "3:7",
      /device number 00 cannot be on this bus/,
      /write `at: 01\.0`, or leave `at:` out/,
    ],
    [`${head}nvme: { at: 00.0 }`, "3:7", /device number 00 cannot be on this bus/],
    [`${head}rootPort:\n      below: [nvme, nvme]`, "4:21", /a link leads to one device/],
    [`${head}rootPort:\n      below: [nvme: { at: 02.0 }]`, "4:15", /device number 02 cannot be/],
    [`${head}rootPort:\n      below: [rootPort]`, "4:15", /a root port sits on a root bus/],
    [`${head}switch`, "3:7", /a switch is connected by a PCIe link/],
    [`${head}port`, "3:7", /downstream port of a switch/],
    [`${head}functions: [${Array(9).fill("nic").join()}]`, "3:51", /at most 8 functions/],
    [`${head}functions: [nic, nic: { at: 05.1 }]\n      at: 04`, "3:24", /a function of device 04 at device 05/],
    [`${head}nvme\n${"    - nvme\n".repeat(31)}`, "34:7", /no device number is left/],
    [`${head}nvme: { name: a }\n    - nvme: { name: a }`, "4:7", /two devices with the name 'a'/],
    [`${head}bridge:\n      below: [nic: { ats: true }]`, "4:27", /a conventional device has no ATS/],
    [`${head}nic: { link: gen1 x1 }`, "3:20", /no link leads to this device/],
    [`${head}device: { bars: { 0: 16M, 1: 4K } }`, "3:23", /BARs 0 and 1 overlap/],
    [`${head}device: { bars: { 5: 16M } }`, "3:23", /no register for its upper half/],
    [`${head}nvme: { cmb: 16M, bars: { 2: 4K } }`, "3:31", /BARs 2 and 2 overlap/],
    [`${head}gpu: { rebar: small }`, "3:21", /'bar' larger than 256M/],
    [`${head}nvme: { sriov: { total: 2, vfs: 3 } }`, "3:22", /3 VFs of 2/],
    ["hostBridges: [{bus: 40, below: }]", "1:21", /'40' is not understood: expected a bus number with 0x/],
    ["hostBridges: [below: , {bus: 0, below: }]", "1:30", /two host bridges with bus 0x0/],
    ["hostBridges: [below: [rootPort, rootPort], {bus: 2, below: }]", "1:44", /takes buses 0x0 to 0x2/],
    ["hostBridges: [{bus: 0xff, below: [rootPort]}]", "1:35", /bus numbers of this segment run out/],
    [`hostBridges:\n${"- below:\n".repeat(5)}`, "6:3", /no default bus number is left/],
    [
      "hostBridges: [below: [nvme: {cmb: 16M}], {busOffset: 16M, below: [nvme: {cmb: 16M}]}]",
      "1:42",
      /share physical addresses/,
    ],
  ])("%j", (text, place, message, remedy = /./) => {
    const error = errorOf(text);
    expect(error.message).toMatch(message);
    expect(error.place && formatPlace(error.place)).toBe(`f.yaml:${place}`);
    expect(error.remedy).toMatch(remedy);
  });
});

describe("Hostile YAML ends in an error with its place, at once", () => {
  const letters = [..."bcdefghijk"];
  const bomb = letters.map((letter, index) => {
    const before = "abcdefghij"[index];
    return `${letter}: &${letter} [${Array(9).fill(`*${before}`).join()}]`;
  });
  it.each<[name: string, text: string, message: RegExp]>([
    ["a million brackets", `${head}${"[".repeat(1_000_000)}`, /nested more than 256 deep/],
    ["half a million dashes", `${head}${"- ".repeat(500_000)}`, /nested more than 256 deep/],
    ["nested mappings", "a: {".repeat(200_000), /nested more than 256 deep/],
    ["a wide sequence", `hostBridges: [{below: [${"nvem,".repeat(200_000)}]}]`, /did you mean 'nvme'/],
    ["a wide mapping", Array.from({ length: 80_000 }, (_, i) => `k${i}: 1`).join("\n"), /a mapping with 80000 keys/],
    ["two megabytes", "#".repeat(2_000_000), /2000000 characters/],
    ["a duplicate key", `${head}rootPort: { at: 1, at: 2 }`, /already there/],
    ["a duplicate key through an alias", `${head}rootPort: { &a at: 1, *a : 2 }`, /already there/],
    ["a prototype", `${head}rootPort: { __proto__: 1 }`, /cannot be a key/],
    ["a constructor", `${head}rootPort: { constructor: 1 }`, /is no key of rootPort/],
    ["a merge key", "x: &x {below: []}\nhostBridges:\n - <<: *x", /'(x|<<)' is no key/],
    ["an alias bomb", `a: &a [x]\n${bomb.join("\n")}`, /more than a machine can hold/],
    ["an alias to itself", "hostBridges: &a [*a]", /lies inside of what it stands for/],
    ["an alias to nothing", "hostBridges: *x", /no '&x' before/],
    ["two documents", "hostBridges: []\n---\nx", /one YAML document/],
    ["tabs", "hostBridges:\n\t- below:", /[Tt]abs/],
    ["an open quote", 'hostBridges: "abc', /quote/],
    ["a key that is a list", "? [a]\n: 1", /a key must be a word/],
    ["too many functions", vfs(40_000), /more than 65536 functions/],
    ["too many buses below each other", switches(127), /nested more than 256 deep/],
  ])("%s", (_name, text, message) => {
    const error = errorOf(text);
    expect(error.message).toMatch(message);
    expect(error.place).toMatchObject({ file: "f.yaml", line: expect.any(Number), column: expect.any(Number) });
    expect(error.remedy).toBeTruthy();
  });

  it("and a wide sequence of the right kind ends at the first device that does not fit", () => {
    expect(errorOf(`${head}nvme\n${"    - nvme\n".repeat(60_000)}`).place).toMatchObject({ line: 34 });
  });
});

function vfs(count: number): string {
  const bridge = (segment: number): string =>
    `  - { segment: ${segment}, below: [{rootPort: , below: [nvme: { sriov: { total: ${count}, vfs: ${count} } }]}] }`;
  return `hostBridges:\n${bridge(0)}\n${bridge(1)}\n`;
}

function switches(count: number): string {
  const lines = ["hostBridges:", "- below:", "  - rootPort:", "    below:"];
  let indent = "  ";
  for (let index = 0; index < count; index++) {
    indent += "  ";
    lines.push(`${indent}- switch:`, `${indent}  below:`);
  }
  return [...lines, `${indent}  - nvme`].join("\n");
}

it("What YAML tags and directives say changes nothing", () => {
  const text = "%YAML 1.1\n---\nhostBridges: !!seq\n- bus: !!int 0x10\n  below: !x [!!binary nvme]\n";
  expect(readScenario(text, "f").functions).toHaveLength(1);
});

it("Windows line ends and a byte order mark change nothing", () => {
  expect(readScenario(`\ufeff${head}nvme\n`.replaceAll("\n", "\r\n"), "f").functions).toHaveLength(2);
});

it("A chain of 120 switches is a machine", () => {
  expect(readScenario(switches(120), "f").functions).toHaveLength(243);
});
