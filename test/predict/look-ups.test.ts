import { describe, expect, test } from "vitest";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { LOOK_UP, REACH_BYTES } from "../../src/predict/look-ups.ts";
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
    [
      "direct",
      "strict",
      64 * MiB,
      "a working set of 64 MiB is like any other: no IOMMU is known to translate on the way",
      null,
    ],
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

  test("requests of a function whose ATS is on are not looked up; of one that only could be, they are", () => {
    const on = (enabled: boolean): Prediction => {
      const text = scenario(PORTS.replaceAll("bar: 16G", "bar: 16G, ats: true"), `${GENOA}\niommu: strict`);
      const machine = readScenario(text, "ats.yaml");
      const functions = machine.functions.map((fn) => ({ ...fn, capabilities: withAts(fn.capabilities, enabled) }));
      const pair = { providers: [findDevice(machine, "gpu0")], clients: [findDevice(machine, "gpu1")] };
      const prediction = predictionsOf(decideAll({ ...machine, functions }, pair)).at(0, 0, "read", 64, 64 * MiB);
      if (isUnknown(prediction)) throw new Error(prediction.unknown);
      return prediction;
    };
    expect(on(true).value).toBe(of(PORTS, "off", "read", 64).value);
    expect(on(true).assumptions).toContain(
      "ATS of 0000:41:00.0 is on: its requests come translated, and none waits for a walk of the IOMMU",
    );
    expect(on(false).value).toBe(of(PORTS, "strict", "read", 64, 64 * MiB).value);
  });
});

function withAts(capabilities: PciFunction["capabilities"], enabled: boolean): PciFunction["capabilities"] {
  if (isUnknown(capabilities)) return capabilities;
  return capabilities.map((each) => (each.id === 0x0f ? { ...each, decoded: { ...each.decoded, enabled } } : each));
}

describe("What docs/time.md says of the walks' parameters", () => {
  const calibrating = validationPoints().filter(({ use, group }) => use === "calibrate" && group === "IOMMU on");

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
