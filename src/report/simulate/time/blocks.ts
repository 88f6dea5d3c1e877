import { topologyOf } from "../../../host/machine.ts";
import { formatBdf } from "../../../pci/bdf.ts";
import { isUnknown } from "../../../pci/known.ts";
import { formatSize } from "../../../pci/size.ts";
import type { Topology } from "../../../pci/topology.ts";
import { chooseRules } from "../../../rules/kernels/choose-rules.ts";
import type { FlowResult, TimedResult } from "../../../timed/run.ts";
import type { NamedRun } from "../../../timed/runs/time-workload.ts";
import type { AskedFlow, TimedRun } from "../../../timed/runs/timed-run.ts";
import { displayName, nameIn, namesText } from "../../device-names.ts";
import { type Block, heading, list, paragraph, type Rich, table } from "../../document.ts";
import { machineLines } from "../../facts.ts";
import { linkState } from "../../link-text.ts";
import { gbpsText } from "../../predict/numbers.ts";
import { painted, rich } from "../../rich.ts";
import { outcomeMark, outcomeText } from "../words.ts";
import { patternBlocks } from "./pattern-blocks.ts";
import type { TimeView } from "./time-view.ts";
import { durationText, flowText, partText, rateText, WAY_WORDS } from "./words.ts";

/** So many flows and links of a run are told; JSON has all. */
const MOST_FLOWS = 8;
const MOST_LINKS = 4;

/** What was run in time: how fast, what it took of DRAM and of the CPU's lanes, each flow, the busiest links, what was assumed. */
export function timeBlocks(view: TimeView): readonly Block[] {
  const { machine, rules, of, runs, lengthNs } = view;
  const topology = topologyOf(machine);
  const lines = machineLines(machine, chooseRules(machine, rules), Number.MAX_SAFE_INTEGER);
  const length = lengthNs === null ? "" : `, ${durationText(lengthNs)} of each`;
  const assumptions = [...new Set(runs.flatMap(({ run }) => run?.assumptions ?? []))];
  return [
    ...lines.map((text) => heading(text)),
    ...("simulation" in of
      ? [paragraph(`workload in time: ${of.simulation.workload.name}${length}`), ...workloadBlocks(topology, view)]
      : patternBlocks(topology, of, view)),
    ...(assumptions.length === 0 ? [] : [heading("Assumed"), list(groupedByDevice(topology, assumptions))]),
  ];
}

const DEVICE = /[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/;

/** What is the same of several devices as one line. */
function groupedByDevice(topology: Topology, texts: readonly string[]): readonly string[] {
  const byText = new Map<string, string[]>();
  const names = new Map(topology.functions.map((fn) => [formatBdf(fn.bdf), displayName(fn)]));
  for (const text of texts) {
    const [device] = DEVICE.exec(text) ?? [];
    const key = device === undefined ? text : text.replace(device, "\0");
    byText.set(key, [...(byText.get(key) ?? []), ...(device === undefined ? [] : [names.get(device) ?? device])]);
  }
  return [...byText].map(([text, devices]) => text.replace("\0", namesText(devices, 4)));
}

function workloadBlocks(topology: Topology, { of, runs }: TimeView): readonly Block[] {
  if (!("simulation" in of)) return [];
  const { hidden, steps } = of.simulation;
  if (hidden !== null) return [list([rich`${painted("unknown", "?")} no model can be made: ${hidden}`])];
  if (runs.length === 0) return [paragraph("No step moves data.")];
  return steps.flatMap((step): readonly Block[] => {
    const own = runs.filter(({ name }) => name === step.step.name);
    if (own.length === 0) return [];
    const timed = own.flatMap(({ way, run }) => (run?.result == null ? [] : [{ way, run, result: run.result }]));
    const none = own.flatMap(({ way, run, why }) =>
      run?.result == null ? [`${WAY_WORDS[way]}: not run in time: ${why}`] : [],
    );
    return [
      heading([outcomeMark(step), ` ${step.step.name}`]),
      list([outcomeText(step), ...none]),
      ...(timed.length === 0 ? [] : [wayTable(timed)]),
      ...timed.flatMap(({ way, run, result }) => [
        heading(`  ${WAY_WORDS[way]}`),
        flowTable(topology, run),
        linkTable(topology, result),
        ...hiddenFlows(topology, run),
      ]),
    ];
  });
}

interface Timed {
  readonly way: NamedRun["way"];
  readonly run: TimedRun;
  readonly result: TimedResult;
}

/** The ways of one step side by side. */
function wayTable(timed: readonly Timed[]): Block {
  const head = ["", "GB/s", "took", "DRAM GB/s", "DRAM read", "DRAM written", "CPU lanes", "root ports GB/s"];
  return table(
    head,
    timed.map(({ way, run, result: { endNs, memory } }): readonly Rich[] => [
      WAY_WORDS[way],
      [painted("strong", gbpsText(run.gbps))],
      durationText(endNs),
      rateText(memory.readBytes + memory.writtenBytes, endNs),
      formatSize(memory.readBytes),
      formatSize(memory.writtenBytes),
      String(run.rootLanes.lanes),
      rateText(run.rootLanes.bytes, endNs),
    ]),
  );
}

/** Flows of one client, memory, operation and size: as a target deals its I/O. */
interface AlikeFlows {
  readonly flow: AskedFlow;
  readonly results: readonly FlowResult[];
}

function alikeOf({ flows }: TimedRun): readonly AlikeFlows[] {
  const byWay = new Map<string, AlikeFlows>();
  for (const { flow, ran } of flows) {
    if (isUnknown(ran)) continue;
    const key = [flow.client, flow.provider, flow.operation, flow.sizeBytes].join(" ");
    byWay.set(key, { flow, results: [...(byWay.get(key)?.results ?? []), ran] });
  }
  return [...byWay.values()];
}

function flowTable(topology: Topology, run: TimedRun): Block {
  const alike = alikeOf(run);
  const shown = alike.slice(0, MOST_FLOWS);
  const rows = shown.map(({ flow, results }): readonly Rich[] => [
    `${flowText(topology, flow)}${results.length === 1 ? "" : ` (${results.length} flows)`}`,
    formatSize(flow.sizeBytes),
    gbpsText(results.reduce((sum, { gbps }) => sum + gbps, 0)),
    ...(["p50", "p95", "p99"] as const).map((part) => latencyText(results, part)),
  ]);
  const more = alike.length - shown.length;
  const last = more === 0 ? [] : [[`${more} more (--json has all)`, "", "", "", "", ""]];
  return table(["flow", "each", "GB/s", "p50", "p95", "p99"], [...rows, ...last]);
}

/** Of several flows that are alike the longest. */
function latencyText(results: readonly FlowResult[], part: "p50" | "p95" | "p99"): string {
  const all = results.flatMap(({ latencyNs }) => (latencyNs === null ? [] : [latencyNs[part]]));
  return all.length === 0 ? "none done" : durationText(Math.max(...all));
}

function hiddenFlows(topology: Topology, { flows }: TimedRun): readonly Block[] {
  const texts = flows.flatMap(({ flow, ran }) =>
    isUnknown(ran) ? [`not run: ${flowText(topology, flow)}: ${ran.unknown}`] : [],
  );
  return texts.length === 0 ? [] : [list([...new Set(texts)])];
}

/** The busiest ones; links alike in all that is told are one row. */
function linkTable(topology: Topology, { links, endNs }: TimedResult): Block {
  const busiest = [...links].sort((a, b) => b.utilisation - a.utilisation);
  const alike = new Map<string, { readonly names: string[]; readonly cells: readonly string[] }>();
  for (const { below, state, towards, utilisation, bytes } of busiest) {
    const cells = [linkState(state), towards, partText(utilisation), rateText(bytes, endNs)];
    const key = cells.join(" ");
    const known = alike.get(key) ?? { names: [], cells };
    known.names.push(nameIn(topology, below));
    alike.set(key, known);
  }
  const rows = [...alike.values()].slice(0, MOST_LINKS).map(({ names, cells }) => [namesText(names, 4), ...cells]);
  return table(["busiest links: above", "state", "data goes", "used", "GB/s"], rows);
}
