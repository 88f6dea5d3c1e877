import { describe, expect, it, test } from "vitest";
import { parseWorkload } from "../../src/offload/workload/parse-workload.ts";
import { workloadJsonSchema } from "../../src/offload/workload/schema.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { exampleText, SERVER, WORKLOAD_EXAMPLES } from "./workloads.ts";

const SIMPLE = "machine: server.txt\nworkload:\n";

function refusal(text: string): { readonly at: string; readonly code: string; readonly message: string } {
  try {
    parseWorkload(text, "w.yaml");
  } catch (error) {
    if (!(error instanceof PeerlaneError)) throw error;
    const { place, code, message } = error;
    return { at: `${place?.file}:${place?.line}:${place?.column}`, code, message };
  }
  throw new Error("it was read");
}

describe("a workload file", () => {
  it.each(WORKLOAD_EXAMPLES)("of the examples is read: %s", (name) => {
    const workload = parseWorkload(exampleText(name), `${name}.yaml`);
    expect(workload.machine.kind).toBe("inline");
    expect(workload.steps.length).toBeGreaterThan(0);
  });

  it("names its machine by a path, or holds it", () => {
    const step = "workload: [copy: { from: gpu0, to: gpu1, size: 4K }]";
    expect(parseWorkload(`machine: ../server.txt\n${step}`, "w.yaml").machine).toEqual({
      kind: "source",
      path: "../server.txt",
      place: { file: "w.yaml", line: 1, column: 10 },
    });
    expect(parseWorkload(`${SERVER}${step}`, "w.yaml").machine).toMatchObject({ kind: "inline" });
  });

  it("has defaults", () => {
    const { steps, model, name } = parseWorkload(
      `${SIMPLE}  - nvmeof: { nic: a, drive: b, io: [{ read: 4K }] }`,
      "w.yaml",
    );
    expect(name).toBe("w.yaml");
    expect(model).toEqual({ backend: [], dmaMaskBits: [], peerMemory: [] });
    expect(steps[0]).toMatchObject({
      ...{ name: "1: nvmeof target of b at a", isCompared: false, provider: "auto", queues: 1, seed: 0 },
      drives: [{ device: { text: "b" }, blockBytes: 512, commandsIn: "host" }],
      io: [{ kind: "read", sizeBytes: 4096, count: 1, block: 0 }],
    });
  });

  it("has every option of the model", () => {
    const text = `machine: server.txt
model:
  ram: 2G
  ramBusOffset: -1G
  rootComplex: writes-only
  switchForwarding: always-upstream
  failedReads: unnoticed
  withoutUpstreamForwarding: forward
  insideDevices: upstream
  maxPayload: 512
  maxReadRequest: 4096
  rules: 6.12
  backend: { nvme0: refusing }
  dmaMaskBits: { "03:00.0": 32 }
  peerMemory: [{ device: gpu0, bar: 2, size: 64K }]
workload:
  - gpuRead: { gpu: gpu0, drive: nvme0, size: 4K }
`;
    expect(parseWorkload(text, "w.yaml").model).toEqual({
      ...{
        ramBytes: 2 ** 31,
        ramBusOffset: -(2 ** 30),
        rootComplex: "writes-only",
        switchForwarding: "always-upstream",
      },
      ...{ failedReads: "unnoticed", rules: "6.12" },
      ...{ withoutUpstreamForwarding: "forward", insideDevices: "upstream" },
      ...{ maxPayloadBytes: 512, maxReadBytes: 4096 },
      backend: [[{ text: "nvme0", place: { file: "w.yaml", line: 13, column: 14 } }, "refusing"]],
      dmaMaskBits: [[{ text: "03:00.0", place: { file: "w.yaml", line: 14, column: 18 } }, 32]],
      peerMemory: [
        {
          device: { text: "gpu0", place: { file: "w.yaml", line: 15, column: 26 } },
          ...{ bar: 2, sizeBytes: 65536 },
        },
      ],
    });
  });
});

describe("what is wrong with a workload is told with its place", () => {
  const step = "  - copy: { from: a, to: b, size: 4K }\n";
  const cases: readonly (readonly [what: string, text: string, at: string, message: string])[] = [
    ["a misspelt key", `${SIMPLE}  - cpoy: { from: a }`, "w.yaml:3:5", "did you mean 'copy'?"],
    ["a kind as others write it", `${SIMPLE}  - gpu-read: { gpu: a }`, "w.yaml:3:5", "did you mean 'gpuRead'?"],
    [
      "a misspelt key of a step",
      `${SIMPLE}  - copy: { from: a, too: b, size: 4K }`,
      "w.yaml:3:22",
      "did you mean 'to'?",
    ],
    ["a missing key", `${SIMPLE}  - copy: { from: a, to: b }`, "w.yaml:3:11", "the key 'size' is missing"],
    ["a step of no kind", `${SIMPLE}  - name: x`, "w.yaml:3:5", "a step needs its kind"],
    [
      "a step of two kinds",
      `${SIMPLE}${step}    gpuRead: { gpu: a, drive: b, size: 4K }`,
      "w.yaml:3:5",
      "both 'copy' and 'gpuRead'",
    ],
    [
      "two steps of one name",
      `${SIMPLE}  - name: x\n${step.replace("-", " ")}  - name: x\n${step.replace("-", " ")}`,
      "w.yaml:5:5",
      "another step has this name",
    ],
    ["no steps", "machine: x\nworkload: []", "w.yaml:2:11", "at least one"],
    ["no machine", `workload:\n${step}`, "w.yaml:1:1", "the key 'machine' is missing"],
    [
      "a machine that is none",
      `machine: { hostBridges: [{ below: [nvmee] }] }\nworkload:\n${step}`,
      "w.yaml:1:36",
      "did you mean 'nvme'?",
    ],
    [
      "a machine whose buses collide",
      `machine: { hostBridges: [{ bus: 0, below: [] }, { bus: 0, below: [] }] }\nworkload:\n${step}`,
      "w.yaml:1:56",
      "two host bridges",
    ],
    [
      "an option that is none",
      `machine: x\nmodel: { rootComplex: refuses }\nworkload:\n${step}`,
      "w.yaml:2:23",
      "did you mean 'refuse'?",
    ],
    [
      "a device with an escape sequence in its name",
      `machine: x\nmodel: { backend: { "\\e[31m": direct } }\nworkload:\n${step}`,
      "w.yaml:2:21",
      "expected a device",
    ],
    [
      "a back end that is none",
      `machine: x\nmodel: { backend: { a: drect } }\nworkload:\n${step}`,
      "w.yaml:2:24",
      "did you mean 'direct'?",
    ],
    [
      "an I/O that is none",
      `${SIMPLE}  - nvmeof: { nic: a, drive: b, io: [{ count: 2 }] }`,
      "w.yaml:3:38",
      "either 'read: SIZE' or 'write: SIZE'",
    ],
    ["a size that is none", `${SIMPLE}  - copy: { from: a, to: b, size: many }`, "w.yaml:3:35", "expected a size"],
    [
      "a transfer that is too long",
      `${SIMPLE}  - copy: { from: a, to: b, size: 1G }`,
      "w.yaml:3:35",
      "expected a size",
    ],
    ["too much RAM", `machine: x\nmodel: { ram: 1P }\nworkload:\n${step}`, "w.yaml:2:15", "expected an amount of RAM"],
  ];

  it.each(cases)("%s", (_, text, at, message) => {
    const refused = refusal(text);
    expect(refused).toMatchObject({ at, code: "bad-input" });
    expect(refused.message).toContain(message);
  });

  it("more bytes or transfers than are simulated, at the step with which they are", () => {
    const large = "  - copy: { from: a, to: b, size: 16M, count: 16 }\n";
    expect(parseWorkload(`${SIMPLE}${large}`, "w.yaml").steps).toHaveLength(1);
    expect(refusal(`${SIMPLE}${large}${step}`)).toMatchObject({ at: "w.yaml:4:5", code: "too-large" });
    const many = "copy: { from: a, to: b, size: 512, count: 20000 }";
    expect(parseWorkload(`${SIMPLE}  - ${many}`, "w.yaml").steps).toHaveLength(1);
    expect(refusal(`${SIMPLE}  - { compare: dram, ${many} }`)).toMatchObject({ at: "w.yaml:3:5", code: "too-large" });
  });

  it("more steps than are read", () => {
    expect(refusal(`${SIMPLE}${step.repeat(257)}`)).toMatchObject({ code: "bad-input" });
  });
});

describe("the JSON Schema of workloads", () => {
  const schema = workloadJsonSchema();

  test("leads somewhere with each reference", () => {
    const definitions = schema["$defs"] as Record<string, unknown>;
    const names = [...JSON.stringify(schema).matchAll(/"\$ref":"#\/\$defs\/([^"]+)"/g)].map(([, name = ""]) => name);
    expect(new Set(names)).toEqual(new Set(Object.keys(definitions)));
  });

  test("has the keys of the format and no others", () => {
    expect(schema).toMatchObject({ additionalProperties: false, required: ["machine", "workload"] });
    expect(Object.keys(schema["properties"] as object)).toEqual(["name", "machine", "model", "workload"]);
    expect(JSON.stringify(schema)).toContain('"gpuRead"');
  });
});
