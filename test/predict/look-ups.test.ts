import { describe, expect, test } from "vitest";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { LOOK_UP, REACH_BYTES, WALKED_IOMMU, walkWords, withWalks } from "../../src/predict/look-ups.ts";
import { type Prediction, predictionsOf } from "../../src/predict/predict.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { rows } from "../rows.ts";
import { oneSwitch, pairOf, rootPorts, scenario } from "./machines.ts";
import { errorOf, predicted, validationPoints } from "./validation.ts";

const REDIRECTED = oneSwitch('"SV+ RR+ CR+ UF+"');
const DIRECT = oneSwitch("false");
const PORTS = rootPorts([0, 0]);
const GENOA = "cpu: { vendor: AuthenticAMD, family: 25, model: 17 }";

const KiB = 1024;
const MiB = 1024 * KiB;

function of(
  hostBridges: string,
  iommu: string,
  operation: "write" | "read",
  sizeBytes: number,
  windowBytes: number | null = null,
): Prediction {
  const table = pairOf(scenario(hostBridges, `${GENOA}\niommu: ${iommu}`), "gpu0", "gpu1");
  const prediction = predictionsOf(table).at(0, 0, operation, sizeBytes, windowBytes);
  if (isUnknown(prediction)) throw new Error(prediction.unknown);
  return prediction;
}

const sizeOf = (text: string): number => Number.parseInt(text, 10) * (text.endsWith("M") ? MiB : KiB);
const PATHS: Readonly<Record<string, string>> = { direct: DIRECT, redirected: REDIRECTED, ports: PORTS };

describe("Walks of the IOMMU, in GB/s and nanoseconds of one", () => {
  test.each(
    rows(`
      // way       | iommu       | what        | window | GB/s  | from  | to    | ns   | held by
      direct       | strict      | 4096 writes | -      | 56.3  | 52.3  | 57.5  | 364  | link
      direct       | strict      | 4096 writes | 64M    | 56.3  | 52.3  | 57.5  | 364  | link // turns in the switch
      ports        | passthrough | 4096 writes | 64M    | 56.3  | 52.3  | 57.5  | 404  | link // nothing is looked up
      ports        | off         | 4096 writes | 64M    | 56.3  | 52.3  | 57.5  | 404  | link
      ports        | strict      | 4096 writes | -      | 56.3  | 52.3  | 57.5  | 404  | link // 60 ns hide behind 73
      ports        | lazy        | 4096 writes | -      | 56.3  | 52.3  | 57.5  | 404  | link
      ports        | strict      | 4096 writes | 64M    | 56.3  | 52.3  | 57.5  | 683  | link
      ports        | strict      | 4096 reads  | -      | 57.1  | 41.9  | 58.3  | 816  | link
      ports        | strict      | 4096 reads  | 256K   | 57.1  | 53.0  | 58.3  | 816  | link // within the least reach
      ports        | strict      | 4096 reads  | 308K   | 57.1  | 52.6  | 58.3  | 816  | link // within the usual one
      ports        | strict      | 4096 reads  | 512K   | 55.1  | 49.4  | 58.3  | 928  | iommu
      ports        | strict      | 4096 reads  | 64M    | 47.1  | 41.9  | 49.5  | 1095 | iommu
      ports        | strict      | 64 reads    | 64M    | 1.30  | 1.07  | 1.47  | 1081 | iommu
      ports        | strict      | 64 writes   | 64M    | 1.30  | 1.07  | 1.47  | 680  | iommu
      redirected   | strict      | 64 writes   | -      | 44.5  | 1.07  | 45.4  | 721  | link
      redirected   | strict      | 1024 reads  | 1M     | 26.0  | 20.7  | 35.7  | 1652 | iommu
    `),
  )("%s, iommu=%s: %s over %s", (way, iommu, what, window, gbps, low, high, ns, heldBy) => {
    const [size = "", operation] = (what ?? "").split(" ");
    const prediction = of(
      PATHS[way ?? ""] ?? "",
      iommu ?? "",
      operation === "reads" ? "read" : "write",
      Number(size),
      window === "-" ? null : sizeOf(window ?? ""),
    );
    const { value, low: least, high: most, latencyNs, bottleneck } = prediction;
    const digits = value > 10 ? 1 : 2;
    expect([
      value.toFixed(digits),
      least.toFixed(least > 10 ? 1 : 2),
      most.toFixed(most > 10 ? 1 : 2),
      latencyNs.value.toFixed(0),
      bottleneck.kind,
    ]).toEqual([gbps, low, high, ns, heldBy]);
  });
});

describe("What is taken of look-ups is said, and what they cost is a loss", () => {
  const REACH = "taken as 308 KiB of 4 KiB pages (512 times as much of 2 MiB pages)";

  test.each([
    ["direct", "strict", null, null, null],
    ["direct", "strict", 64 * MiB, "a working set of 64 MiB is like any other: no IOMMU translates on the way", null],
    ["ports", "passthrough", null, null, null],
    [
      "ports",
      "strict",
      null,
      `the IOMMU translates, and the working set is within its reach, ${REACH}; the low end is far beyond it (--window says how large it is)`,
      null,
    ],
    ["ports", "strict", 256 * KiB, `a working set of 256 KiB is within the IOMMU's reach, ${REACH}`, null],
    [
      "ports",
      "lazy",
      616 * KiB,
      `a working set of 616 KiB at random, beyond the IOMMU's reach, ${REACH}`,
      "the IOMMU walks its tables for 50 % of the 4 KiB pages of a working set of 616 KiB",
    ],
  ])("%s, iommu=%s, over %s bytes", (way, iommu, windowBytes, said, loss) => {
    const { assumptions, losses, sure } = of(PATHS[way] ?? "", iommu, "read", 4096, windowBytes);
    const about = assumptions.filter((each) => /IOMMU/.test(each));
    expect(about).toEqual(said === null ? [] : [said]);
    const walks = losses.filter(({ kind }) => kind === "iommu-walks");
    expect(walks.map(({ why }) => why)).toEqual(loss === null ? [] : [loss]);
    for (const { gbpsWithout } of walks) expect(gbpsWithout).toBe(of(PATHS[way] ?? "", "off", "read", 4096).value);
    if (loss !== null) expect(sure).toBe("assumption");
  });

  describe("where the IOMMU's mode is not known, it is assumed that none translates, and that look-ups may cost", () => {
    const HIDDEN = "the source does not show whether an IOMMU is in use: give --iommu";
    const SAID = `it is assumed that no IOMMU translates; where one does, look-ups may cost, most of all those of small requests over more than 308 KiB (${HIDDEN})`;
    /** The pair of a machine whose source hides the mode. */
    const hidden = (hostBridges: string, more: string, windowBytes: number | null): Prediction => {
      const shown = readScenario(scenario(hostBridges, `${GENOA}\niommu: off`), "hidden.yaml");
      const machine = { ...shown, iommu: { ...shown.iommu, mode: unknown(HIDDEN) } };
      const functions = machine.functions.map((fn) =>
        more === "ats" ? { ...fn, capabilities: capability("extended", 0x0f, true) } : fn,
      );
      const pair = { providers: [findDevice(machine, "gpu0")], clients: [findDevice(machine, "gpu1")] };
      const prediction = predictionsOf(decideAll({ ...machine, functions }, pair)).at(0, 0, "read", 64, windowBytes);
      if (isUnknown(prediction)) throw new Error(prediction.unknown);
      return prediction;
    };
    test.each<[way: string, more: string, windowBytes: number | null, said: string | null]>([
      ["ports", "", null, SAID],
      ["ports", "", 64 * MiB, SAID],
      ["direct", "", null, null], // turns in the switch
      ["ports", "ats", null, null], // comes translated
    ])("%s %s, over %s bytes", (way, more, windowBytes, said) => {
      const { assumptions, sure, value, latencyNs } = hidden(PATHS[way] ?? "", more, windowBytes);
      expect(assumptions.filter((each) => /IOMMU/.test(each))).toEqual(said === null ? [] : [said]);
      if (said !== null) expect(sure).toBe("assumption");
      const off = of(PATHS[way] ?? "", "off", "read", 64);
      expect([value, latencyNs.value]).toEqual([off.value, off.latencyNs.value]);
    });
  });

  describe("requests of a function whose ATS is on are not looked up, however far they go; of any other they are", () => {
    const [off, walked] = [of(PORTS, "off", "read", 64), of(PORTS, "strict", "read", 64, 64 * MiB)];
    // Capabilities by their space and id (PCIe 6.0 sec 7.9, 7.5): 0x0f of the extended space is ATS.
    test.each<[what: string, capabilities: PciFunction["capabilities"], isLookedUp: boolean]>([
      ["ATS on", capability("extended", 0x0f, true), false],
      ["ATS that only could be", capability("extended", 0x0f, false), true],
      ["another extended capability that is enabled", capability("extended", 0x13, true), true],
      ["the same id among those of PCI", capability("standard", 0x0f, true), true],
      ["hidden capabilities", unknown("not in this source"), true],
      ["none", [], true],
    ])("%s", (_, capabilities, isLookedUp) => {
      const machine = readScenario(scenario(PORTS, `${GENOA}\niommu: strict`), "ats.yaml");
      const functions = machine.functions.map((fn) => ({ ...fn, capabilities }));
      const pair = { providers: [findDevice(machine, "gpu0")], clients: [findDevice(machine, "gpu1")] };
      const prediction = predictionsOf(decideAll({ ...machine, functions }, pair)).at(0, 0, "read", 64, 64 * MiB);
      if (isUnknown(prediction)) throw new Error(prediction.unknown);
      const expected = isLookedUp ? walked : off;
      const { value, low, high, latencyNs, assumptions } = prediction;
      expect({ value, low, high, latencyNs }).toEqual({
        ...{ value: expected.value, low: expected.low, high: expected.high },
        latencyNs: expected.latencyNs,
      });
      const said = "ATS of 0000:41:00.0 is on: its requests come translated, and none waits for a walk of the IOMMU";
      expect(assumptions.includes(said)).toBe(!isLookedUp);
    });
  });

  test("each page of a transfer is walked for, and a walk that ends as the transfer does costs a write nothing", () => {
    // 8 KiB at 64 GB/s pass in 128 ns; two pages, each walked for in 100 ns of which half are missed, take 100.
    expect(withWalks("write", 64, 8192, 0.5, 100)).toBe(64);
    expect(withWalks("write", 64, 8192, 1, 100)).toBe(8192 / 200);
    expect(withWalks("write", 64, 8192, 0.64, 100)).toBe(64);
    expect(withWalks("read", 64, 8192, 1, 48)).toBe(8192 / Math.hypot(128, 96)); // 160 ns
    expect(withWalks("read", 64, 8192, 0, 100)).toBe(64);
  });

  test("a walk's cost has a name also where no window is said", () => {
    const { lookUps } = of(PORTS, "strict", "read", 64);
    if (isUnknown(lookUps) || lookUps === null) throw new Error("no look-ups");
    expect(walkWords(lookUps)).toBe(
      "the IOMMU walks its tables for 0 % of the 4 KiB pages of a working set beyond its reach",
    );
  });
});

function capability(space: "standard" | "extended", id: number, enabled: boolean): PciFunction["capabilities"] {
  return [{ space, id, offset: 0x100, version: 1, name: "a capability", decoded: { enabled } }];
}

describe("What docs/time.md says of the walks' parameters", () => {
  const calibrating = validationPoints("nfp6000-iommu-read").filter(({ use }) => use === "calibrate");

  test("for a model that walks page by page: as many remembered, and walks that end as often", () => {
    expect(WALKED_IOMMU).toEqual({ entries: 77, walkers: 6, walkNs: 297, pageBytes: 4096 });
    expect(WALKED_IOMMU.walkNs / WALKED_IOMMU.walkers).toBe(LOOK_UP.walkNs[0]);
    const [, shortest, longest] = LOOK_UP.walkLatencyNs;
    expect(WALKED_IOMMU.walkNs).toBeGreaterThan(shortest);
    expect(WALKED_IOMMU.walkNs).toBeLessThan(longest);
  });

  test("they are fitted to 64-byte reads beyond reach alone", () => {
    expect(calibrating.map(({ sizeBytes }) => sizeBytes)).toEqual([64, 64, 64, 64, 64]);
    expect(calibrating.every(({ windowBytes }) => (windowBytes ?? 0) > REACH_BYTES)).toBe(true);
  });

  test("neither another reach nor another time of a walk fits them better", () => {
    const linkNs = 64 / 5.8655;
    const missedBy = (pages: number, walkNs: number): number =>
      calibrating.reduce((sum, { measured, windowBytes }) => {
        const takes = Math.hypot(linkNs, walkNs * (1 - (pages * 4096) / (windowBytes ?? 1)));
        return sum + Math.log((takes * measured) / 64) ** 2;
      }, 0);
    const [pages] = LOOK_UP.reachPages;
    const [walkNs] = LOOK_UP.walkNs;
    for (const [other, ns] of [
      [pages - 1, walkNs],
      [pages + 1, walkNs],
      [pages, walkNs - 0.5],
      [pages, walkNs + 0.5],
    ] as const) {
      expect(missedBy(other, ns), `${other} pages, ${ns} ns`).toBeGreaterThan(missedBy(pages, walkNs));
    }
    for (const point of calibrating) expect(Math.abs(errorOf(point, predicted(point)))).toBeLessThan(0.08);
  });
});
