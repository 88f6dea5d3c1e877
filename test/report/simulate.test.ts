import { describe, expect, test } from "vitest";
import type { Simulation } from "../../src/offload/workload/simulation.ts";
import { unknown } from "../../src/pci/known.ts";
import { documentMarkdown } from "../../src/report/document-markdown.ts";
import { documentText } from "../../src/report/document-text.ts";
import { OUTPUT_SCHEMAS } from "../../src/report/schemas.ts";
import { simulationBlocks } from "../../src/report/simulate/blocks.ts";
import { simulationJson } from "../../src/report/simulate/json.ts";
import { type TraceEvent, traceFile } from "../../src/report/simulate/trace-events.ts";
import { serverMachine } from "../devices/machines.ts";
import { exampleText, onServer, simulate, WORKLOAD_EXAMPLES } from "../offload/workloads.ts";

const folder = "__snapshots__/outputs";

function drawn(simulation: Simulation): string {
  const blocks = simulationBlocks(simulation);
  const screen = documentText(blocks, { width: 100, color: false });
  for (const line of screen.split("\n")) {
    if (!line.startsWith("      ")) expect(line.length).toBeLessThanOrEqual(100);
  }
  return `${screen}\n=== as Markdown ===\n${documentMarkdown(blocks)}`;
}

function jsonOf(simulation: Simulation): string {
  const json: unknown = JSON.parse(JSON.stringify(simulationJson(simulation)));
  OUTPUT_SCHEMAS.simulate.parse(json);
  return `${JSON.stringify(json, null, 1)}\n`;
}

describe("a simulated workload", () => {
  test.each(WORKLOAD_EXAMPLES)("%s", async (name) => {
    const simulation = simulate(exampleText(name));
    await expect(drawn(simulation)).toMatchFileSnapshot(`${folder}/simulate.${name}.txt`);
    await expect(jsonOf(simulation)).toMatchFileSnapshot(`${folder}/simulate.${name}.json`);
  });

  test("with everything that can go wrong", async () => {
    const steps = `
  - { name: refused, copy: { from: gpu1, to: gpu0, size: 8K } }
  - { name: fallen back, copy: { from: gpu1, to: gpu0, size: 8K, fallBackToRam: true } }
  - { name: read refused, gpuRead: { gpu: gpu0, drive: cmb1, size: 8K, way: gpu-reads } }
  - { name: behind the end, gpuRead: { gpu: gpu0, drive: nvme0, size: 4K, block: 4294967295 } }`;
    const simulation = onServer(steps, "{ rootComplex: writes-only, backend: { gpu1: refusing } }");
    await expect(drawn(simulation)).toMatchFileSnapshot(`${folder}/simulate.failures.txt`);
    await expect(jsonOf(simulation)).toMatchFileSnapshot(`${folder}/simulate.failures.json`);
  });

  test("of which no model can be made", async () => {
    const whole = serverMachine();
    const functions = whole.functions.map((fn) => ({ ...fn, bars: unknown("run as root") }));
    const text = "machine: x\nworkload: [copy: { from: cmb0, to: nvme0, size: 4K }]";
    const simulation = simulate(text, { trace: true }, { ...whole, functions });
    await expect(drawn(simulation)).toMatchFileSnapshot(`${folder}/simulate.hidden.txt`);
    jsonOf(simulation);
    expect(traceFile(simulation).traceEvents.every(({ ph }) => ph === "M")).toBe(true);
  });

  test("traced", async () => {
    const text = exampleText("silent-loss").replace("count: 4", "count: 1");
    const simulation = simulate(text, { trace: true });
    await expect(drawn(simulation)).toMatchFileSnapshot(`${folder}/simulate.trace.txt`);
    await expect(jsonOf(simulation)).toMatchFileSnapshot(`${folder}/simulate.trace.json`);
  });
});

describe("a silent loss", () => {
  const [step] = simulationJson(simulate(exampleText("silent-loss"))).steps;

  test("adds up: what was to get there, what of it was sent and arrived, and what the links carried of it", () => {
    const { bytes = 0, checked, failures, traffic } = step ?? { failures: [] };
    expect(checked).toEqual({ right: 0, wrong: bytes, failed: 0, notChecked: 0 });
    expect(failures.map((failure) => [failure.kind, failure.control, failure.times, failure.bytes])).toEqual([
      ["write", false, 64, { asked: bytes, sent: 16 * 1024, arrived: 0 }],
    ]);
    expect(traffic?.rootPorts).toBe(16 * 1024);
  });
});

describe("a trace file", () => {
  const { traceEvents, ...rest } = traceFile(simulate(exampleText("nvmeof-one-switch"), { trace: true }));
  const complete = traceEvents.filter(({ ph }) => ph === "X");

  test("has the form that trace viewers read", () => {
    expect(rest).toMatchObject({ displayTimeUnit: "ns", otherData: { droppedRequests: 0 } });
    for (const event of traceEvents) {
      expect(event).toMatchObject({ name: expect.any(String), args: expect.any(Object) });
      for (const number of [event.pid, event.tid, event.ts]) expect(number).toBeGreaterThanOrEqual(0);
      expect(event.ph === "X").toBe(event.dur !== undefined);
    }
  });

  test("names each process and thread that it uses", () => {
    const isNamed = (what: string, { pid, tid }: TraceEvent): boolean =>
      traceEvents.some((one) => one.name === what && one.pid === pid && (what === "process_name" || one.tid === tid));
    for (const event of complete) {
      expect(isNamed("process_name", event)).toBe(true);
      expect(isNamed("thread_name", event)).toBe(true);
    }
  });

  test("has no two events of a thread that overlap", () => {
    const byThread = new Map<string, TraceEvent[]>();
    for (const event of complete) {
      const key = `${event.pid} ${event.tid}`;
      byThread.set(key, [...(byThread.get(key) ?? []), event]);
    }
    for (const events of byThread.values()) {
      let end = 0;
      for (const { ts, dur = 0 } of events) {
        expect(ts).toBeGreaterThanOrEqual(end);
        expect(dur).toBeGreaterThan(0);
        end = ts + dur;
      }
    }
  });

  test("counts DRAM after each step", () => {
    expect(traceEvents.filter(({ ph }) => ph === "C").map(({ args }) => args)).toEqual([
      { read: 0, written: 0 },
      { read: 0, written: 0 },
    ]);
  });
});
