import { describe, expect, test } from "vitest";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { isUnknown, type Known } from "../../src/pci/known.ts";
import { hostMemoryPath, isSentNothing } from "../../src/predict/crossings.ts";
import { bothWaysOf } from "../../src/predict/flows.ts";
import { type Prediction, predictionsOf } from "../../src/predict/predict.ts";
import { documentText } from "../../src/report/document-text.ts";
import { predictJson } from "../../src/report/predict/json.ts";
import { predictBlocks } from "../../src/report/predict/screen.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { exampleText } from "../policy/machines.ts";
import { crossingsText, oneSwitch, pairOf, rootPorts, scenario, withHiddenLink, withLink } from "./machines.ts";

const GENOA = "cpu: { vendor: AuthenticAMD, family: 25, model: 17 }\niommu: off";

function tableOf(machine: Machine): VerdictTable {
  return decideAll(machine, { providers: [findDevice(machine, "gpu0")], clients: [findDevice(machine, "gpu1")] });
}

function known<T extends object>(value: Known<T>): T {
  if (isUnknown(value)) throw new Error(value.unknown);
  return value;
}

const written = (table: VerdictTable): Prediction => known(predictionsOf(table).at(0, 0, "write"));

describe("A state that no link has is not taken as a rate", () => {
  const whole = readScenario(scenario(oneSwitch("false"), GENOA), "reserved.yaml");

  test.each([
    [0, 16],
    [0, 1],
    [32, 63],
    [32, 5],
    [32, 3],
    [2.5, 0],
    [0, 0],
    [4_000_000_000, 16],
  ])("%s GT/s x%s: the figure is a bound", (speedGTps, width) => {
    const table = tableOf(withLink(whole, "gpu0", { linkStatus: { speedGTps, width } }));
    for (const operation of ["write", "read"] as const) {
      const prediction = known(predictionsOf(table).at(0, 0, operation));
      expect(prediction).toMatchObject({ isUpperBound: true, low: 0, sure: "assumption" });
      expect(prediction.value).toBeGreaterThan(50);
      expect(prediction.assumptions.join()).toMatch(/the link of 0000:03:00\.0: its registers state /);
    }
    expect(JSON.stringify(predictJson(table))).not.toMatch(/null,"low"|NaN|Infinity/);
  });

  test.each([
    [64, 63],
    [32, 63],
    [0, 16],
    [32, 0],
  ])("%s GT/s x%s that a function says it can is no promise", (speedGTps, width) => {
    const slow = withLink(whole, "gpu0", { linkCapable: { speedGTps, width } });
    const prediction = written(tableOf(slow));
    expect(prediction.losses).toEqual([]);
    expect(prediction.isUpperBound).toBe(false);
  });
});

describe("A virtual machine shows its hypervisor's links, of which nothing is predicted", () => {
  const withLinks = (text: string): string =>
    text.replaceAll(
      /Express \(v2\) (Endpoint|Root Port \(Slot\+\)), MSI 00/g,
      (title) => `${title}\n\t\tLnkSta:\tSpeed 2.5GT/s, Width x1`,
    );
  const guest = exampleText("guest/guest.txt");
  /** The same ports and devices as hardware. */
  const host = guest
    .replaceAll(/.*(?:Hypervisor vendor|Virtualization type).*\n/g, "")
    .replaceAll("Red Hat, Inc. QEMU PCIe Root port [1b36:000c]", "Intel Corporation Device [8086:352a]");
  const of = (text: string): Known<Prediction> => {
    const machine = readLspci(new TextEncoder().encode(withLinks(text)), "guest.txt");
    const [gpu, nic] = ["01:00.0", "02:00.0"].map((name) => findDevice(machine, name));
    if (gpu === undefined || nic === undefined) throw new Error("no pair");
    return predictionsOf(decideAll(machine, { providers: [gpu], clients: [nic] })).at(0, 0, "write");
  };

  test("and says where to ask", () => {
    expect(of(guest)).toEqual({ unknown: expect.stringMatching(/^this is a virtual machine .*: ask on the host/) });
  });

  test("hardware with the same registers has a figure", () => {
    expect(known(of(host)).value).toBeLessThan(0.25);
  });
});

describe("What no register shows", () => {
  /** GPUs below one switch, by what is at the root port, the switch and the links of both. */
  const below = (port: string, sw: string, gpu0: string, gpu1 = "id: 10de:2330, link: gen4 x16"): string => `
- below:
    - rootPort: { ${port} }
      below:
        - switch: { acs: false, ${sw} }
          below: [ { gpu: { name: gpu0, bar: 16G, ${gpu0} } } ]
    - rootPort: { at: 03.0, acs: false, link: gen4 x16 }
      below: [ { gpu: { name: gpu1, bar: 16G, ${gpu1} } } ]`;
  const ARC = "id: 8086:e20b, link: gen1 x1";
  const ON_CARD = "id: 8086:e2ff, portId: 8086:e2f0, link: gen4 x8";

  test.each([
    // what it is | machine | is it a bound | GB/s at most | assumed
    [
      "inside of an Intel card",
      below("at: 01.0, acs: false, link: gen4 x16", ON_CARD, ARC),
      false,
      14.1,
      /it is inside of the card/,
    ],
    [
      "an Intel GPU that is x1 in a slot of its own",
      below("at: 01.0, acs: false, link: gen4 x16", "id: 1000:c030, portId: 1000:c030, link: gen4 x8", ARC),
      false,
      0.22,
      null,
    ],
    [
      "another GPU below Intel's switch",
      below("at: 01.0, acs: false, link: gen4 x16", ON_CARD, "id: 10de:2330, link: gen1 x1"),
      false,
      0.22,
      null,
    ],
    [
      "below a Thunderbolt port",
      below(
        "at: 07.0, id: 8086:9a23, acs: false, link: gen1 x4",
        "id: 8086:0b26, portId: 8086:0b26, link: gen1 x4",
        "id: 10de:2330, link: gen3 x4",
      ),
      true,
      3.6,
      /Thunderbolt or USB4 tunnels it/,
    ],
    [
      "the same below another port",
      below(
        "at: 07.0, id: 8086:352a, acs: false, link: gen1 x4",
        "id: 8086:0b26, portId: 8086:0b26, link: gen1 x4",
        "id: 10de:2330, link: gen3 x4",
      ),
      false,
      0.9,
      null,
    ],
    [
      "behind the chipset of Intel",
      below(
        "at: 1c.0, id: 8086:7ab8, acs: false, link: gen4 x4",
        "id: 1000:c030, portId: 1000:c030, link: gen4 x4",
        "id: 10de:2330, link: gen4 x4",
      ),
      true,
      7.2,
      /its link to the processor \(DMI\)/,
    ],
    [
      "the same device number of another maker",
      below(
        "at: 1c.0, id: 1022:1483, acs: false, link: gen4 x4",
        "id: 1000:c030, portId: 1000:c030, link: gen4 x4",
        "id: 10de:2330, link: gen4 x4",
      ),
      false,
      7.2,
      null,
    ],
  ] as const)("%s", (_, hostBridges, isUpperBound, most, assumed) => {
    const table = pairOf(scenario(hostBridges, GENOA), "gpu0", "gpu1");
    for (const operation of ["write", "read"] as const) {
      const prediction = known(predictionsOf(table).at(0, 0, operation));
      expect(prediction.isUpperBound).toBe(isUpperBound);
      expect(prediction.high).toBeLessThan(most * 1.1);
      expect(prediction.high).toBeGreaterThan(most * 0.9);
      const said = prediction.assumptions.filter((text) => /^the link of|^0000:/.test(text));
      expect(said).toHaveLength(assumed === null ? 0 : 1);
      if (assumed !== null) {
        expect(said[0]).toMatch(assumed);
        expect(prediction.sure).toBe("assumption");
      }
    }
  });

  test("is what is above the topmost device that a source shows", () => {
    const alone = readLspci(
      new TextEncoder().encode(
        "03:00.0 Non-Volatile memory controller [0108]: Samsung Electronics Co Ltd [144d:a80a]\n\tCapabilities: [70] Express (v2) Endpoint, MSI 00\n\t\tLnkSta:\tSpeed 16GT/s, Width x4\n",
      ),
      "one.txt",
    );
    const path = hostMemoryPath(topologyOf(alone), findDevice(alone, "03:00.0"), "write");
    expect(crossingsText(path)).toBe("03:00.0 up, 03:00.0 up hidden");
    expect(path.crossings.flatMap((each) => (each.kind === "hidden-link" ? [each.why] : []))).toEqual([
      "the source does not show what is above 0000:03:00.0",
    ]);
  });
});

describe("A bound is told as one", () => {
  const table = tableOf(withHiddenLink(readScenario(scenario(oneSwitch("false"), GENOA), "hidden.yaml"), "gpu0"));

  test("of both directions at once there is no figure", () => {
    expect(bothWaysOf(table, 0, 0)).toEqual({ unknown: expect.stringContaining("not in this source") });
  });

  test("every figure of the screen is an at most, and every time an at least", () => {
    const text = documentText(predictBlocks(table), { width: 200, color: false });
    expect(text).toMatch(/one write takes at least [\d.]+ µs; a read and back at least/);
    const cells = text.split("\n").filter((line) => /^\s*(?:64 B|4 KiB|1 MiB)\b/.test(line));
    expect(cells).toHaveLength(3);
    for (const line of cells) expect(line.match(/≤/g)).toHaveLength(4);
    expect(text).not.toContain("both write to each other");
  });
});

describe("Nothing is sent, or it is not known what is", () => {
  const off = (whole: Machine): Machine => ({
    ...whole,
    functions: whole.functions.map((fn) => (fn.names.includes("gpu0") ? { ...fn, command: 0 } : fn)),
  });
  const direct = readScenario(scenario(oneSwitch("false"), GENOA), "sent.yaml");

  test.each([
    ["a figure", direct, false],
    ["a hidden link", withHiddenLink(direct, "gpu0"), false],
    ["no memory decode", off(direct), true],
    [
      "two host bridges that the kernel refuses",
      readScenario(
        scenario(rootPorts([0, 1]).replaceAll("- bus", "- id: 8086:1234\n  bus"), "cpu: amd-pre-zen\niommu: off"),
        "sent.yaml",
      ),
      true,
    ],
  ])("%s", (_, machine, expected) => {
    expect(isSentNothing(tableOf(machine), 0, 0)).toBe(expected);
  });
});
