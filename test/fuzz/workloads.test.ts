import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { parseWorkload } from "../../src/offload/workload/parse-workload.ts";
import { exampleText, SERVER } from "../offload/workloads.ts";
import { mutated, PATIENT, runsEach, settings } from "./inputs.ts";
import { countCase, expectRefusal, sayCases } from "./reads-or-refuses.ts";

afterAll(() => sayCases("workloads"));

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: false });

const valid = [
  exampleText("nvmeof-one-switch"),
  exampleText("silent-loss"),
  `${SERVER}model: { ram: 1G, backend: { nvme0: direct }, dmaMaskBits: { nic0: 32 }, peerMemory: [{ device: gpu0, bar: 0 }] }
workload:
  - { compare: dram, copy: { from: { device: gpu0, bar: 0, offset: 4K }, to: gpu1, size: 64K, engine: nic0 } }
`,
];
const words = ["machine", "model", "workload", "copy", "nvmeof", "gpuRead", "io", ": ", "- ", "\n", "  ", "*a", "&a "];
const more = ["{", "}", "[", "]", "x", "4K", "1e9", "~", "!!x ", "|", "'", "? ", "hostBridges", "below", "nvme", "<<"];

const texts = fc.oneof(
  { weight: 4, arbitrary: mutated(valid.map((text) => encoder.encode(text))).map((bytes) => decoder.decode(bytes)) },
  {
    weight: 1,
    arbitrary: fc.array(fc.constantFrom(...words, ...more), { maxLength: 40 }).map((parts) => parts.join("")),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
);

describe("hostile workloads are read or refused, never worse", () => {
  test("what is mutated is valid before", () => {
    for (const text of valid) expect(parseWorkload(text, "fuzz.yaml").steps.length).toBeGreaterThan(0);
  });

  test(`workloads (${runsEach} cases)`, PATIENT, () => {
    fc.assert(
      fc.property(texts, (text) => {
        countCase();
        try {
          expect(parseWorkload(text, "fuzz.yaml").steps.length).toBeGreaterThan(0);
        } catch (error) {
          expectRefusal(error);
        }
      }),
      settings,
    );
  });
});
