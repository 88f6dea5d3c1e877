import { describe, expect, it } from "vitest";
import { formatPlace, PeerlaneError } from "../../src/pci/error.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { policyJsonSchema } from "../../src/policy/schema.ts";

function errorOf(text: string): PeerlaneError {
  try {
    parsePolicy(text, "p.yaml");
  } catch (error) {
    if (error instanceof PeerlaneError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

function rulesOf(text: string): Policy["rules"] {
  return parsePolicy(text, "p.yaml").rules;
}

/** A rule that wants something of one pair. */
const pair = "provider: gpu, client: nic";

describe("An error names the place and what was probably meant", () => {
  it.each<[text: string, place: string, message: RegExp]>([
    ["", "1:1", /expected the keys of a policy/],
    ["policy: x", "1:1", /at least one rule/],
    ["machine: {}", "1:1", /at least one rule/],
    ["require: []", "1:10", /at least one/],
    [`requires: [{ ${pair} }]`, "1:1", /'requires' is no key of a policy; did you mean 'require'/],
    ["require: [{ provider: gpu }]", "1:11", /the key 'client' is missing/],
    [`require: [{ ${pair}, maxhops: 4 }]`, "1:41", /'maxhops' is no key of a rule of require; did you mean 'maxHops'/],
    [`require: [{ ${pair}, maxHops: few }]`, "1:50", /expected hops \(0 to 1000\)/],
    [`require: [{ ${pair}, each: providers }]`, "1:47", /did you mean 'provider'/],
    [`require: [{ ${pair}, path: direkt }]`, "1:47", /did you mean 'direct'/],
    [`require: [{ ${pair}, bandwidth: 20 }]`, "1:52", /'20' is not understood: expected what a pair is to carry/],
    [`require: [{ ${pair}, path: any, maxHops: 2, bandwidth: '>= 1 GB/s' }]`, "1:64", /what goes between them/],
    [`require: [{ ${pair}, gates: all }]`, "1:48", /'all' is not known here/],
    [`require: [{ ${pair}, optional: yes }]`, "1:51", /expected true or false/],
    ["require: [{ provider: gpus, client: nic }]", "1:23", /'gpus' is not understood; did you mean 'gpu'/],
    ["require: [{ provider: 'nvme[3-1]', client: nic }]", "1:23", /'nvme\[3-1\]' is no pattern of names/],
    ["require: [{ provider: gpu, client: [nic, nvmee] }]", "1:42", /did you mean 'nvme'/],
    ["require: [{ provider: gpu, client: [] }]", "1:36", /at least one/],
    ["require: [{ provider: gpu, client: { a: b } }]", "1:36", /expected/],
    ["require: [{ provider: '03:00.8', client: nic }]", "1:23", /'03:00.8' is not understood: expected a class/],
    ["require: [{ provider: '0000:00:04.0/99', client: nic }]", "1:23", /is not understood/],
    ["require: [{ provider: 'slot:9999', client: nic }]", "1:23", /slots are slot:0 to slot:8191/],
    ["require: [{ provider: 'slot:x', client: nic }]", "1:23", /slots are/],
    ["require: [{ provider: 10de:23300, client: nic }]", "1:23", /ids such as/],
    [`forbid: [{ ${pair}, gates: none }]`, "1:40", /'gates' is no key of a rule of forbid/],
    ["separate: [{ device: nic }]", "1:14", /did you mean 'devices'/],
    ["machine: { kernel: newest }", "1:20", /expected kernel releases such as/],
    ["machine: { kernel: '>=6' }", "1:20", /expected kernel releases/],
    ["machine: { iommu: [off, pt] }", "1:25", /'pt' is not known here/],
    ["machine: { p2pdma: maybe }", "1:20", /true or false/],
    ["machine: { parameters: [iommu=pt, 'two words'] }", "1:35", /expected a kernel parameter such as iommu=pt/],
    ["machine: { parameters: not pcie_acs_overide }", "1:24", /did you mean 'pcie_acs_override'/],
    ["machine: { parameters: iomu=pt }", "1:24", /did you mean 'iommu=pt'/],
    ["machine: { parameters: 'not pci=notas' }", "1:24", /pci= has no option 'notas'; did you mean 'noats'/],
    ["machine: { parameters: not noats }", "1:24", /it is an option of pci=; did you mean 'pci=noats'/],
    ["machine: { parameters: not assign-busses }", "1:24", /did you mean 'pci=assign-busses'/],
    ["machine: { parameters: not disable_acs_redir }", "1:24", /did you mean 'pci=disable_acs_redir'/],
    [
      "machine: { parameters: 'not disable_acs_redir=pci:1000:c030' }",
      "1:24",
      /did you mean 'pci=disable_acs_redir=pci:1000:c030'/,
    ],
    ["machine: { parameters: not disable_acs_redr=1:0.0 }", "1:24", /did you mean 'pci=disable_acs_redir=1:0.0'/],
    ["machine: { parameters: not pt }", "1:24", /it is an option of iommu=; did you mean 'iommu=pt'/],
    ["machine: { parameters: not force }", "1:24", /did you mean 'iommu=force'/],
    ["machine: { parameters: 'not pci=disable_acs_redir=nvme0' }", "1:24", /the kernel cannot parse 'nvme0'/],
    [
      "machine: { parameters: 'not pci=config_acs=01:00.0' }",
      "1:24",
      /the kernel cannot parse '01:00.0' in config_acs=/,
    ],
    [
      "machine: { parameters: 'not pci=disable_acs_redir=01:00.0,02:00.0' }",
      "1:24",
      /pci= has no option '02:00.0'; devices are separated by ';'/,
    ],
    [`require: [{ ${pair}, path: any }]`, "1:41", /with `path: any` this rule demands nothing/],
    [`require: [{ ${pair}, locality: PIXB }]`, "1:51", /did you mean 'PIX'/],
    [`forbid: [{ ${pair}, path: any }]`, "1:46", /'any' is not known here/],
    ["links: [{ devices: gpu }]", "1:9", /the key 'atLeast' is missing/],
    ["links: [{ devices: gpu, min: gen5 }]", "1:25", /'min' is no key of a rule of links/],
    ["links: [{ devices: gpu, atLeast: gen8 }]", "1:34", /expected a link such as gen5 x16/],
    ["links: [{ devices: gpu, atLeast: x3 }]", "1:34", /expected a link such as gen5 x16/],
    ["links: [{ devices: gpu, atLeast: '' }]", "1:34", /expected a link such as gen5 x16/],
    ["links: [{ devices: gpu, atLeast: as-capabel }]", "1:34", /expected a link such as .*, or as-capable/],
    ["links: [{ devices: gpu, atLeast: x8, idle: yes }]", "1:44", /there are: pass, fail/],
    ["bars: [{ devices: gpu, atLeast: large }]", "1:33", /expected a size such as/],
    ["count: [{ devices: gpu }]", "1:9", /either `is`, a number of devices, or `atLeast`/],
    ["count: [{ devices: gpu, is: 8, atLeast: 4 }]", "1:9", /either `is`/],
    ["together: [{ device: gpu }]", "1:14", /did you mean 'devices'/],
    [`require:\n  - { ${pair} }\n  - { ${pair} }\n`, "3:5", /another rule has this name/],
    [
      `require:\n  - { name: a, ${pair} }\nforbid:\n  - { name: a, ${pair} }\n`,
      "4:5",
      /another rule has this name: 'a'/,
    ],
    [`require: [{ name: "a\\nb", ${pair} }]`, "1:19", /one line/],
  ])("%j", (text, place, message) => {
    const error = errorOf(text);
    expect(error.message).toMatch(message);
    expect(error.place && formatPlace(error.place)).toBe(`p.yaml:${place}`);
    expect(error.remedy).toBeTruthy();
  });
});

describe("A rule is short, and what it leaves out is filled in", () => {
  it("of require", () => {
    expect(rulesOf(`require: [{ ${pair} }]`)).toMatchObject([
      {
        kind: "require",
        id: "require/each-nic-reaches-each-gpu-directly",
        name: "each nic reaches each gpu directly",
        each: "pair",
        path: "direct",
        maxHops: null,
        gates: "blocking",
        absence: "nothing",
        place: { file: "p.yaml", line: 1, column: 11 },
      },
    ]);
  });

  it("of forbid, separate and machine", () => {
    const text = `forbid: [{ ${pair} }]\nseparate: [{ devices: nic }]\nmachine:\n  kernel: 6.12\n  iommu: off\n  p2pdma: true\n`;
    expect(rulesOf(text)).toMatchObject([
      { kind: "forbid", name: "no nic reaches gpu", path: "supported", absence: "classes" },
      { kind: "separate", name: "no nic shares an IOMMU group with another", from: null, absence: "classes" },
      { id: "machine/kernel", name: "kernel 6.12", place: { line: 4, column: 3 } },
      { id: "machine/iommu", wanted: { modes: ["off"] } },
      { id: "machine/p2pdma", wanted: { isBuilt: true } },
    ]);
  });

  it("and rules come in the order of the file", () => {
    const text = `machine: { kernel: 6.12 }\nforbid:\n- { name: b, ${pair} }\nrequire:\n- { name: a, ${pair} }\n`;
    expect(rulesOf(text).map(({ kind }) => kind)).toEqual(["machine", "forbid", "require"]);
  });

  it("and rules whose names differ in signs only have ids that differ", () => {
    const rules = rulesOf(`require:\n- { name: a b, ${pair} }\n- { name: a-b, ${pair} }\n- { name: é, ${pair} }\n`);
    expect(rules.map(({ id }) => id)).toEqual(["require/a-b", "require/a-b-2", "require/rule"]);
  });
});

it.each<[text: string, test: object]>([
  ["gpu", { kind: "class", class: "gpu" }],
  ["all", { kind: "all" }],
  ["p2pmem", { kind: "p2pmem" }],
  ["nvme0", { kind: "name", name: "nvme0" }],
  ["mlx5_0", { kind: "name", name: "mlx5_0" }],
  ["GPU", { kind: "class", class: "gpu" }],
  ["gpu:1", { kind: "nth", class: "gpu", index: 1 }],
  ["nvme*", { kind: "pattern", pattern: "nvme*" }],
  ["mlx5_?", { kind: "pattern", pattern: "mlx5_?" }],
  ["03:00.0", { kind: "address", bdf: 0x300, hasDomain: false }],
  ["3:0.0", { kind: "address", bdf: 0x300, hasDomain: false }],
  ["10000:e1:00.0", { kind: "address", hasDomain: true }],
  ["03:00", { kind: "device", text: "03:00" }],
  ["10de:2330", { kind: "ids", vendorId: 0x10de, deviceId: 0x2330 }],
  ["slot:7", { kind: "slot", number: 7 }],
  ["0000:00:04.0/00.0/1f.7", { kind: "path", start: 0x20, below: [0, 0xff] }],
])("A device is %s", (text, test) => {
  const policy = `separate: [{ devices: [${text}, not ${text}] }]`;
  expect(rulesOf(policy)).toMatchObject([
    {
      devices: {
        text: `${text}, not ${text}`,
        selectors: [
          { text, test },
          { text, isExcluded: true, test },
        ],
      },
    },
  ]);
});

describe("Hostile policies are refused with the place", () => {
  const letters = [..."bcdefghijk"];
  const bomb = letters.map((letter, index) => `${letter}: &${letter} [${Array(9).fill(`*${"abcdefghij"[index]}`)}]`);
  it.each<[name: string, text: string, message: RegExp]>([
    ["a million brackets", `require: ${"[".repeat(1_000_000)}`, /nested more than 256 deep/],
    ["two megabytes", "#".repeat(2_000_000), /2000000 characters/],
    ["an alias bomb", `a: &a [x]\n${bomb.join("\n")}`, /more than a machine can hold/],
    ["an alias to itself", "require: &a [*a]", /lies inside of what it stands for/],
    ["a duplicate key", "require: [{ provider: gpu, provider: nic }]", /already there/],
    ["a prototype", "require: [{ __proto__: 1 }]", /cannot be a key/],
    ["a constructor", "require: [{ constructor: 1 }]", /is no key/],
    [
      "ten thousand rules",
      `require:\n${"- &a { provider: gpu, client: nic }\n".replace("&a ", "").repeat(10_000)}`,
      /at most 1000/,
    ],
    ["ten thousand devices", `separate: [{ devices: [${"nic,".repeat(10_000)}] }]`, /at most 1000/],
    ["a long name", `require: [{ name: ${"a".repeat(100_000)}, ${pair} }]`, /at most 200 characters/],
    ["a long device", `separate: [{ devices: ${"a".repeat(100_000)} }]`, /is not understood/],
    ["a long path", `separate: [{ devices: 0000:00:04.0${"/00.0".repeat(10_000)} }]`, /is not understood/],
    ["a long range", `machine: { kernel: "${">=6.12 ".repeat(10_000)}" }`, /expected kernel releases/],
    ["a device with an escape sequence", 'separate: [{ devices: "a\\e[31m" }]', /is not understood/],
    ["two documents", "require: []\n---\nx", /one YAML document/],
  ])("%s", (_, text, message) => {
    const error = errorOf(text);
    expect(error.message).toMatch(message);
    expect(error.message.length).toBeLessThan(400);
    expect(error.place).toMatchObject({ file: "p.yaml", line: expect.any(Number), column: expect.any(Number) });
  });

  it("and a thousand rules that are one alias are rules of one name", () => {
    expect(errorOf(`require: [&a { name: x, ${pair} }, ${"*a,".repeat(900)}]`).message).toMatch(
      /another rule has this/,
    );
  });
});

describe("The JSON Schema", () => {
  const schema = policyJsonSchema() as { properties: Record<string, { items?: { properties: object } }> };

  it("has the keys of the format and no others", () => {
    expect(Object.keys(schema.properties)).toEqual([
      ...["policy", "require", "forbid", "separate", "together", "links", "bars", "count", "machine"],
    ]);
    expect(schema).toMatchObject({ additionalProperties: false });
    expect(Object.keys(schema.properties["require"]?.items?.properties ?? {})).toContain("maxHops");
    expect(JSON.stringify(schema)).not.toContain("$ref");
  });

  it("lets numbers and booleans be what editors read", () => {
    const text = JSON.stringify(schema);
    expect(text).toContain('"optional":{"type":"boolean"');
    expect(text).toContain('"maxHops":{"type":["string","number"]');
    expect(text).toContain('"kernel":{"type":["string","number"]');
  });
});
