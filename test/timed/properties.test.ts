import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mixBits } from "../../src/memory/mix-bits.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { predictionsOf } from "../../src/predict/predict.ts";
import { advance } from "../../src/timed/fast-forward.ts";
import { DATA, HEADERS, type Layout, STATION_SHIFT } from "../../src/timed/layout.ts";
import type { TimedOptions } from "../../src/timed/options.ts";
import { MAY_PASS, TLP_CLASSES } from "../../src/timed/ordering.ts";
import type { SentTlp } from "../../src/timed/run.ts";
import { Simulation } from "../../src/timed/simulation.ts";
import type { TimedFlow } from "../../src/timed/timed-fabric.ts";
import { scenario, tableOf } from "../predict/machines.ts";
import { fabricOf, flowOf } from "./fabrics.ts";

const NAMES = ["gpu0", "gpu1", "nic0", "gpu2"];

interface Machine {
  readonly acs: string;
  readonly uplink: string;
  readonly links: readonly string[];
  readonly payload: number;
  readonly request: number;
}

/** Two GPUs and a NIC below one switch, and a GPU on a root port of its own. */
function textOf({ acs, uplink, links: [a, b, c, d], payload, request }: Machine): string {
  const sizes = `maxPayload: ${payload}, maxReadRequest: ${request}`;
  return scenario(`
- below:
    - rootPort: { at: 01.0, acs: false, link: ${uplink}, maxPayload: ${payload} }
      below:
        - switch: { acs: ${acs}, link: ${uplink}, maxPayload: ${payload} }
          below:
            - gpu: { name: gpu0, bar: 16G, link: ${a}, ${sizes} }
            - gpu: { name: gpu1, bar: 16G, link: ${b}, ${sizes} }
            - nic: { name: nic0, bar: 16M, link: ${c}, ${sizes} }
    - rootPort: { at: 02.0, acs: false, link: ${d}, maxPayload: ${payload} }
      below:
        - gpu: { name: gpu2, bar: 16G, link: ${d}, ${sizes} }`);
}

const link = fc.constantFrom("gen3 x4", "gen3 x16", "gen4 x8", "gen4 x16", "gen5 x8", "gen5 x16");
const machines: fc.Arbitrary<Machine> = fc.record({
  acs: fc.constantFrom("false", '"SV+ RR+ CR+ UF+"'),
  uplink: link,
  links: fc.tuple(link, link, link, link),
  payload: fc.constantFrom(128, 256, 512),
  request: fc.constantFrom(128, 256, 512, 1024, 4096),
});
const flow = fc
  .tuple(fc.constantFrom("host", "0", "1", "2", "3"), fc.constantFrom("<-", "->"), fc.nat({ max: 3 }))
  .filter(([provider, , client]) => provider !== String(client))
  .map((parts) => parts.join(" "));
const finite: fc.Arbitrary<TimedFlow> = fc
  .record({
    flow,
    sizeBytes: fc.constantFrom(1, 64, 300, 512, 4096, 10_000),
    operations: fc.integer({ min: 1, max: 6 }),
    startNs: fc.constantFrom(0, 0, 500, 3000),
    engine: fc.constantFrom(
      { kind: "stream" } as const,
      { kind: "nvme", queueDepth: 2, accessNs: 700 } as const,
      { kind: "nic", lineGbps: 100 } as const,
      { kind: "gpu-copy", inFlightBytes: 2048 } as const,
    ),
  })
  .map(({ flow: text, sizeBytes, operations, startNs, engine }) =>
    flowOf(text, { sizeBytes, bytes: sizeBytes * operations - (sizeBytes > 1 ? 1 : 0), startNs, engine }),
  );
const credits = fc
  .integer({ min: 1, max: 40 })
  .chain((header) => fc.record({ header: fc.constant(header), data: fc.integer({ min: 32, max: 300 }) }));
const options: fc.Arbitrary<TimedOptions> = fc.record({
  credits: fc.record({ posted: credits, "non-posted": credits, completion: credits }),
  errorRate: fc.constantFrom(0, 0, 0.05),
  relaxedOrdering: fc.constant(false),
  memory: fc.constantFrom({ gbps: 10 }, { gbps: 250 }),
});

function simulationOf(layout: Layout, { errorRate = 0 }: TimedOptions): Simulation {
  return new Simulation(layout, {
    relaxedOrdering: false,
    seed: 1,
    errorRates: layout.stations.map(({ below }) => (below === null || typeof errorRate !== "number" ? 0 : errorRate)),
    translation: null,
    observer: null,
    bucketPs: 1e6,
    buckets: 10,
  });
}

/** A number of all that happened. */
function traceOf(fabric: ReturnType<typeof fabricOf>, seed: number): number {
  let hash = 0;
  fabric.run({
    seed,
    observer: ({ link: on, startNs, endNs, kind, flow: of, bytes }) => {
      for (const part of [on, startNs * 1000, endNs * 1000, TLP_CLASSES.indexOf(kind), of, bytes]) {
        hash = mixBits(hash ^ Math.round(part));
      }
    },
  });
  return hash;
}

describe("Any flows on any of these machines", () => {
  test("come to their end; bytes, TLPs and credits are kept", () => {
    fc.assert(
      fc.property(machines, fc.array(finite, { minLength: 1, maxLength: 6 }), options, (machine, flows, more) => {
        const layout = fabricOf(tableOf(textOf(machine), NAMES), flows, more).layout();
        const simulation = simulationOf(layout, more);
        expect(advance(simulation, layout, Number.POSITIVE_INFINITY, false)).toBe(true);
        for (const [at, { bytes }] of flows.entries()) {
          expect(simulation.sources.delivered[at]).toBe(bytes);
          expect(simulation.sources.issued[at]).toBe(bytes);
        }
        expect(simulation.sources.unfinished).toBe(0);
        // Nothing is left under way, and all room is free again.
        simulation.run(Number.POSITIVE_INFINITY, false);
        expect(simulation.queues.packets.count).toBe(0);
        for (const station of layout.stations.keys()) {
          for (const kind of TLP_CLASSES.keys()) {
            const at = (station << STATION_SHIFT) + kind;
            const all = [layout.stationInts[at + HEADERS], layout.stationInts[at + DATA]];
            expect(simulation.creditsOf(station, kind, Number.MAX_VALUE)).toEqual(all);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test("keep their order: none comes out of a port before an earlier one that it may not pass", () => {
    fc.assert(
      fc.property(machines, fc.array(finite, { minLength: 2, maxLength: 5 }), options, (machine, flows, more) => {
        const sent: SentTlp[] = [];
        const fabric = fabricOf(tableOf(textOf(machine), NAMES), flows, more);
        fabric.run({ observer: (tlp) => sent.push(tlp) });
        const links = [...new Set(sent.map(({ link: on }) => on))];
        for (const first of links) {
          for (const second of links) {
            if (first !== second) expectOrder(sent, first, second);
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  test("the same seed is the same trace; where TLPs are damaged, another seed is another", () => {
    fc.assert(
      fc.property(machines, fc.array(finite, { minLength: 1, maxLength: 4 }), (machine, flows) => {
        const table = tableOf(textOf(machine), NAMES);
        const clean = fabricOf(table, flows);
        expect(traceOf(clean, 1)).toBe(traceOf(clean, 1));
        expect(traceOf(clean, 1)).toBe(traceOf(clean, 2));
        const damaged = fabricOf(table, flows, { errorRate: 0.3 });
        expect(traceOf(damaged, 1)).toBe(traceOf(damaged, 1));
        const others = [2, 3, 4].map((seed) => traceOf(damaged, seed));
        const replays = damaged.run({ seed: 1 }).replays;
        if (replays > 3) expect(others.some((hash) => hash !== traceOf(damaged, 1))).toBe(true);
      }),
      { numRuns: 15 },
    );
  });
});

/** A TLP on a link, by what it is of its flow: a root complex cuts none of these machines' packets. */
interface NamedTlp {
  readonly name: string;
  readonly kind: SentTlp["kind"];
  readonly startNs: number;
}

/** Of the TLPs that cross one link and later another one: that those which changed places may. */
function expectOrder(sent: readonly SentTlp[], first: number, second: number): void {
  const onFirst = namedOn(sent, first);
  const places = new Map(namedOn(sent, second).map((tlp, place) => [tlp.name, { ...tlp, place }]));
  const both = onFirst.flatMap(({ name, kind, startNs }) => {
    const there = places.get(name);
    return there === undefined || there.startNs <= startNs ? [] : [{ kind, place: there.place }];
  });
  for (const [at, later] of both.entries()) {
    for (const earlier of both.slice(0, at)) {
      if (later.place < earlier.place) expect(MAY_PASS[later.kind][earlier.kind]).toBe(true);
    }
  }
}

function namedOn(sent: readonly SentTlp[], link: number): readonly NamedTlp[] {
  const counts = new Map<string, number>();
  return sent.flatMap(({ link: at, kind, flow: of, startNs }) => {
    if (at !== link) return [];
    const name = `${of} ${kind}`;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return [{ name: `${name} ${count}`, kind, startNs }];
  });
}

describe("Held against the prediction", () => {
  test("a flow alone gets what is predicted, to 2 %", () => {
    fc.assert(
      fc.property(machines, flow, (machine, text) => {
        const table = tableOf(textOf(machine), NAMES);
        const { provider, client, operation } = flowOf(text);
        if (typeof provider !== "number") return;
        const prediction = predictionsOf(table).at(provider, client, operation);
        if (isUnknown(prediction)) throw new Error(prediction.unknown);
        // Long enough that the way of the first TLP does not count.
        const bytes = 4 << 20;
        const { flows } = fabricOf(table, [flowOf(text, { bytes })]).run({ fastForward: true });
        expect(Math.abs((flows[0]?.gbps ?? 0) / prediction.value - 1)).toBeLessThan(0.02);
      }),
      { numRuns: 40 },
    );
  });

  test("several: none gets more than alone, no link carries more than it can", () => {
    fc.assert(
      fc.property(machines, fc.array(flow, { minLength: 2, maxLength: 6 }), (machine, texts) => {
        const table = tableOf(textOf(machine), NAMES);
        const result = fabricOf(
          table,
          texts.map((text) => flowOf(text, { sizeBytes: 1 << 16 })),
        ).run({ untilNs: 40_000 });
        for (const [at, text] of texts.entries()) {
          const { provider, client, operation } = flowOf(text);
          if (typeof provider !== "number") continue;
          const alone = predictionsOf(table).at(provider, client, operation, 1 << 16);
          if (isUnknown(alone)) throw new Error(alone.unknown);
          expect(result.flows[at]?.gbps ?? 0).toBeLessThan(alone.value * 1.02);
        }
        for (const { utilisation } of result.links) expect(utilisation).toBeLessThanOrEqual(1);
        // Somewhere something is full, else all would have what they have alone.
        expect(Math.max(...result.links.map(({ utilisation }) => utilisation))).toBeGreaterThan(0.5);
      }),
      { numRuns: 30 },
    );
  });
});

describe("Fast-forward", () => {
  test("agrees with the full run within 1 %, and carries out a part of its events", () => {
    fc.assert(
      fc.property(machines, fc.array(flow, { minLength: 1, maxLength: 4 }), (machine, texts) => {
        const table = tableOf(textOf(machine), NAMES);
        const fabric = fabricOf(
          table,
          texts.map((text) => flowOf(text, { sizeBytes: 1 << 14 })),
        );
        const untilNs = 400_000;
        const full = fabric.run({ untilNs });
        const fast = fabric.run({ untilNs, fastForward: true });
        for (const [at, { gbps, bytes }] of full.flows.entries()) {
          expect(Math.abs((fast.flows[at]?.gbps ?? 0) / gbps - 1)).toBeLessThan(0.01);
          expect(Math.abs((fast.flows[at]?.bytes ?? 0) / bytes - 1)).toBeLessThan(0.01);
        }
        for (const [at, { utilisation }] of full.links.entries()) {
          expect(Math.abs((fast.links[at]?.utilisation ?? 0) - utilisation)).toBeLessThan(0.01);
        }
        expect(Math.abs(fast.tlps / full.tlps - 1)).toBeLessThan(0.01);
        expect(fast.events).toBeLessThanOrEqual(full.events);
      }),
      { numRuns: 4 },
    );
  });

  test("flows that begin later and end are where they are without it", () => {
    const table = tableOf(
      textOf({
        acs: "false",
        uplink: "gen5 x16",
        links: ["gen5 x16", "gen5 x16", "gen5 x8", "gen5 x16"],
        payload: 256,
        request: 512,
      }),
      NAMES,
    );
    const fabric = fabricOf(table, [
      flowOf("0 <- 1", { sizeBytes: 1 << 14, bytes: 40 << 20 }),
      flowOf("0 <- 2", { sizeBytes: 1 << 14, bytes: 10 << 20, startNs: 300_000 }),
    ]);
    const full = fabric.run({});
    const fast = fabric.run({ fastForward: true });
    expect(fast.events).toBeLessThan(full.events / 2);
    for (const [at, { bytes, operations, doneNs, latencyNs }] of full.flows.entries()) {
      expect(fast.flows[at]?.bytes).toBe(bytes);
      expect(Math.abs((fast.flows[at]?.operations ?? 0) - operations)).toBeLessThanOrEqual(1);
      expect(Math.abs((fast.flows[at]?.doneNs ?? 0) / doneNs - 1)).toBeLessThan(0.01);
      expect(Math.abs((fast.flows[at]?.latencyNs?.p50 ?? 0) / (latencyNs?.p50 ?? 1) - 1)).toBeLessThan(0.03);
    }
  });
});
