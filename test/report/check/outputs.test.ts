import { join } from "node:path";
import { SaxesParser } from "saxes";
import { describe, expect, it, test, vi } from "vitest";
import { z } from "zod";
import { runCheck } from "../../../src/cli/verbs/check.ts";
import type { Machine } from "../../../src/host/machine.ts";
import type { Bar } from "../../../src/pci/bar.ts";
import type { PciExpress } from "../../../src/pci/express.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { unknown } from "../../../src/pci/known.ts";
import { checkPolicy } from "../../../src/policy/check-policy.ts";
import { parsePolicy } from "../../../src/policy/parse-policy.ts";
import type { PolicyResult } from "../../../src/policy/result.ts";
import { checkJson } from "../../../src/report/check/json.ts";
import { checkJunit } from "../../../src/report/check/junit.ts";
import { checkMarkdown } from "../../../src/report/check/markdown.ts";
import { checkSarif } from "../../../src/report/check/sarif.ts";
import { checkSchema } from "../../../src/report/check/schema.ts";
import { checkText } from "../../../src/report/check/text.ts";
import { check, exampleText, machineOf } from "../../policy/machines.ts";

function example(policy: string, machine: string): PolicyResult {
  return checkPolicy(machineOf(machine), parsePolicy(exampleText(`policies/${policy}.yaml`), `${policy}.yaml`));
}

/** Signs that mean something to XML, Markdown, terminals or URIs, in every text that a policy or a machine can bring. */
function hostile(machineName = 'm|\u001b[31m<&>".yaml'): PolicyResult {
  const signs = "a|b <c> & \"d\" 'e' `f` *g* [h](i) _j_ \\\\ ]]> é 🙂";
  const policy = `policy: '${signs.replaceAll("'", "''")}'\nrequire:\n  - name: '${signs.replaceAll("'", "''")} 2'\n    provider: nvme0\n    client: nvme2\n`;
  const machine = machineOf("one-switch.yaml");
  const named: Machine = { ...machine, source: { ...machine.source, name: machineName } };
  return checkPolicy(named, parsePolicy(policy, "a b/ü%?#.yaml"));
}

/** One rule of every outcome and every kind of finding. */
const everyKind = `
policy: every kind of finding
require:
  - { name: too far, provider: nvme0, client: nvme2, path: supported, maxHops: 2 }
  - { name: alone, provider: nvme, client: nvme, each: provider }
  - { name: no such device, provider: nvme7, client: nvme }
  - { name: one device, provider: nvme0, client: nvme0 }
  - { name: not known, provider: nvme0, client: slot:3 }
  - { name: fine, provider: nvme0, client: nvme1 }
forbid:
  - { name: works, provider: nvme, client: nvme }
  - { name: nothing to do, provider: gpu, client: nic }
separate:
  - { name: no IOMMU, devices: nvme }
machine:
  kernel: ">=8.0"
  iommu: off
  p2pdma: true
`;

/** Devices that are not there, classes that are empty, devices of which it is hidden, groups stated and predicted. */
const typos = `
require:
  - { provider: [nvme, not nvme9], client: [nvme1, gpu], each: client }
forbid:
  - { provider: nvmee0, client: [nvme, "not 03:00.1"] }
  - { provider: gpu, client: nic }
separate:
  - { devices: [nvme1, nvme2, "slot:8"], from: "0000:00:04.0/00.0/00.0/00.1" }
  - { devices: [nvme0, nvme7], optional: true }
`;

/** Rules about links, BARs, numbers, groups and parameters, with one outcome of each kind. */
const parts = `
links:
  - { devices: gpu, atLeast: gen5 x16 }
  - { devices: nvme, atLeast: gen5 x8 }
  - { devices: all, atLeast: as-capable, toRoot: true }
bars:
  - { devices: gpu, atLeast: 64G }
count:
  - { devices: gpu, is: 8 }
together:
  - { devices: [gpu, nic] }
require:
  - { provider: gpu, client: nvme, each: provider, path: any, locality: PHB }
machine:
  parameters: [iommu=pt, not pci=noats]
`;

/** A server whose first GPU is idle, whose second has half of its lanes and a small BAR, and one of whose links is hidden. */
function worn(): Machine {
  const machine = machineOf("gpu-nic-server.yaml");
  const worn = (name: string, change: (fn: PciFunction) => Partial<PciFunction>): void => {
    const at = functions.findIndex(({ names }) => names.includes(name));
    const fn = functions[at] as PciFunction;
    functions[at] = { ...fn, ...change(fn) };
  };
  const link = (linkStatus: PciExpress["linkStatus"]) => (fn: PciFunction) => ({
    express: { ...(fn.express as PciExpress), linkStatus },
  });
  const functions = [...machine.functions];
  worn("gpu0", link({ width: 16, speedGTps: 2.5 }));
  worn("gpu1", link({ width: 8, speedGTps: 32 }));
  worn("mlx5_0", link(unknown("not shown")));
  worn("gpu1", (fn) => ({ bars: (fn.bars as Bar[]).map((bar) => ({ ...bar, sizeBytes: 256 * 2 ** 20 })) }));
  // Ports state the links below them as these are.
  return {
    ...machine,
    functions: functions.map((fn) => (fn.bridge === null ? fn : { ...fn, ...link(unknown("not shown"))(fn) })),
  };
}

function explained(policy: string, machine: Machine): PolicyResult {
  return checkPolicy(machine, parsePolicy(policy, "p.yaml"), { explain: true });
}

const results: readonly (readonly [name: string, make: () => PolicyResult])[] = [
  ["gpu-server", () => example("gpu-server", "gpu-nic-server.yaml")],
  ["vm-host", () => example("vm-host", "gpu-nic-server.yaml")],
  ["nvme-target", () => example("nvme-target", "nested-switches.intel.strict")],
  ["every-kind", () => check(machineOf("one-switch.yaml"), everyKind)],
  ["separate", () => check(machineOf("nested-switches.intel.strict"), "separate: [{ devices: nvme, from: all }]")],
  ["parts", () => check(worn(), parts)],
  ["parts-explained", () => explained(parts, worn())],
  ["hostile", hostile],
  ["explained", () => explained(everyKind, machineOf("one-switch.yaml"))],
  ["explained-groups", () => explained(typos, machineOf("nested-switches.intel.strict"))],
];

function golden(name: string): string {
  return join(import.meta.dirname, "golden", name);
}

function widest(text: string): number {
  return Math.max(...text.split("\n").map((line) => [...line].length));
}

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The elements of an XML document; throws where it is not well-formed. */
function elementsOf(xml: string): readonly Element[] {
  const parser = new SaxesParser({ xmlns: false });
  const elements: { name: string; attributes: Record<string, string>; text: string }[] = [];
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    elements.push({ name, attributes, text: "" });
  });
  parser.on("text", (text) => {
    const last = elements.at(-1);
    if (last !== undefined) last.text += text;
  });
  parser.write(xml).close();
  return elements;
}

const count = z.int().min(1);
/** What SARIF 2.1.0 asks of the objects that are used (sec 3.13, 3.14, 3.19, 3.27, 3.49), and nothing else. */
const sarifLog = z.strictObject({
  $schema: z.url(),
  version: z.literal("2.1.0"),
  runs: z.tuple([
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: z.literal("peerlane"),
          rules: z.array(
            z.strictObject({ id: z.string(), shortDescription: z.strictObject({ text: z.string().min(1) }) }),
          ),
        }),
      }),
      invocations: z
        .array(
          z.strictObject({
            executionSuccessful: z.literal(true),
            toolExecutionNotifications: z.array(
              z.strictObject({
                level: z.enum(["note", "warning"]),
                message: z.strictObject({ text: z.string().min(1) }),
              }),
            ),
          }),
        )
        .exactOptional(),
      columnKind: z.literal("utf16CodeUnits"),
      properties: z.record(z.string(), z.unknown()),
      results: z.array(
        z.strictObject({
          ruleId: z.string(),
          ruleIndex: z.int().min(0),
          level: z.enum(["error", "warning"]),
          message: z.strictObject({ text: z.string().min(1) }),
          locations: z.tuple([
            z.strictObject({
              physicalLocation: z.strictObject({
                artifactLocation: z.strictObject({ uri: z.string().regex(/^(?:[\w.~/:-]|%[0-9A-F]{2})+$/) }),
                region: z.strictObject({ startLine: count, startColumn: count }),
              }),
            }),
          ]),
          properties: z.strictObject({ outcome: z.enum(["fail", "unknown"]) }),
        }),
      ),
    }),
  ]),
});

describe.each(results)("%s", (name, make) => {
  const result = make();

  test.for([60, 100])("its text fits %i columns", async (width) => {
    const text = checkText(result, { width, color: false });
    expect(widest(text)).toBeLessThanOrEqual(width);
    if (width === 100) await expect(text).toMatchFileSnapshot(golden(`${name}.txt`));
  });

  it("its JSON is what its schema says", async () => {
    const json = checkJson(result);
    expect(checkSchema.parse(json)).toEqual(json);
    // Those of sixteen devices are long and tell no more.
    const text = `${JSON.stringify(json, null, 1)}\n`;
    if (text.length < 20_000) await expect(text).toMatchFileSnapshot(golden(`${name}.json.txt`));
  });

  it("its JUnit XML is well-formed, and counts what it has", async () => {
    const xml = checkJunit(result);
    await expect(xml).toMatchFileSnapshot(golden(`${name}.junit.xml`));
    const elements = elementsOf(xml);
    const named = (wanted: string): readonly Element[] => elements.filter((element) => element.name === wanted);
    for (const { attributes } of [...named("testsuites"), ...named("testsuite")]) {
      expect(attributes).toMatchObject({
        tests: String(named("testcase").length),
        failures: String(named("failure").length),
        errors: String(named("error").length),
        skipped: String(named("skipped").length),
      });
    }
    expect(named("testcase").map(({ attributes }) => attributes["name"])).toEqual(
      result.results.map(({ rule }) => rule.name),
    );
    expect([named("failure").length, named("error").length]).toEqual([result.counts.fail, result.counts.unknown]);
  });

  it("its SARIF has a result for each rule that does not pass, where the rule stands", async () => {
    const sarif = checkSarif(result);
    await expect(`${JSON.stringify(sarif, null, 1)}\n`).toMatchFileSnapshot(golden(`${name}.sarif`));
    const [run] = sarifLog.parse(sarif).runs;
    expect(run.results).toHaveLength(result.counts.fail + result.counts.unknown);
    for (const { ruleId, ruleIndex, level, properties, locations } of run.results) {
      expect(run.tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
      expect(level).toBe(properties.outcome === "fail" ? "error" : "warning");
      const place = result.results[ruleIndex]?.rule.place;
      expect(locations[0].physicalLocation.region).toEqual({ startLine: place?.line, startColumn: place?.column });
    }
  });

  it("its Markdown has a row for each rule and no more columns than its head", async () => {
    const markdown = checkMarkdown(result);
    await expect(markdown).toMatchFileSnapshot(golden(`${name}.md.txt`));
    const rows = markdown.split("\n").filter((line) => line.startsWith("|"));
    expect(rows).toHaveLength(result.results.length + 2);
    for (const row of rows) expect(row.match(/(?<!\\)(?:\\\\)*\|/g)).toHaveLength(4);
  });
});

test("colour adds escape sequences and changes no character", () => {
  const result = example("gpu-server", "gpu-nic-server.yaml");
  const coloured = checkText(result, { width: 100, color: true });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what this looks for
  const bare = coloured.replaceAll(/\u001b\[\d+m/g, "");
  expect(bare).toBe(checkText(result, { width: 100, color: false }));
  expect(coloured).not.toBe(bare);
});

test("characters that XML cannot hold are replaced, and all others come back as they were", () => {
  // A file cannot hold a lone surrogate, so that this one is in no golden file.
  const xml = checkJunit(hostile("m|\u0000\u001b\ud800\uffff"));
  const suite = elementsOf(xml).find(({ name }) => name === "testsuite");
  expect(suite?.attributes["name"]).toContain("on m|\ufffd\ufffd\ufffd\ufffd");
  expect(suite?.attributes["name"]).toContain("a|b <c> & \"d\" 'e'");
});

test("only the first five findings of a rule are told, and how many more there are", () => {
  const whole = checkText(example("gpu-server", "gpu-nic-server.yaml"), { width: 100, color: false });
  const text = whole.slice(0, whole.indexOf("a GPU and a NIC below one switch"));
  expect(text.match(/^ {4}gpu\d:/gm)).toHaveLength(5);
  expect(text).toContain("and 3 more");
});

test.for(["json", "markdown", "junit", "sarif"] as const)(
  "A parameter that does not mean what was meant is a note, as --%s",
  async (form) => {
    const examples = join(import.meta.dirname, "../../../examples");
    const printed = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    await runCheck(join(examples, "policies/vm-host.yaml"), join(examples, "gpu-nic-server.yaml"), {
      [form]: true,
      color: "never",
      append: "pci=disable_acs_redir=0000:17:00.0,0000:17:02.0",
    });
    const text = printed.mock.calls.map(([chunk]) => String(chunk)).join("");
    printed.mockRestore();
    expect(text).toMatch(/separated by (?:'|&apos;|&#39;);(?:'|&apos;|&#39;), not/);
    if (form !== "json") return;
    expect(checkSchema.parse(JSON.parse(text)).notes).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining("separated by ';', not ','") }),
    );
  },
);
